#!/usr/bin/python3
"""Cancel requests and kills that come while the gateway starts and stops: it neither falls over nor hangs,
and what ran at the server is cancelled.

usage: tests/attack/review_stop.py [ROUNDS]"""
import contextlib
import pathlib
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import rawpg


def knock(port, over):
    """Cancel requests with keys that nobody has, until told to stop."""
    while not over.is_set():
        with contextlib.suppress(OSError):
            rawpg.cancel(port, 4711, b"nope")


def sleepers(cluster):
    return int(cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' AND pid <> pg_backend_pid()"))


def left_after(cluster):
    """How many statements go on for good; what was cancelled may take a moment to end."""
    until = time.monotonic() + process.PATIENCE
    while left := sleepers(cluster):
        if time.monotonic() > until:
            break
        time.sleep(0.1)
    return left


def round_of(g, cluster):
    over = threading.Event()
    knockers = [threading.Thread(target=knock, args=(g.port, over)) for _ in range(4)]
    for one in knockers:
        one.start()
    try:
        g.start()
        sessions = [rawpg.Raw(g.port) for _ in range(8)]
        for one in sessions:
            one.login(g.token())
            one.send(rawpg.query("SELECT pg_sleep(3600)"))
        process.wait_for(lambda: sleepers(cluster), "a statement that runs")
        return g.stop()
    finally:
        over.set()
        for one in knockers:
            one.join()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    failed = 0
    with process.World() as world:
        cluster = postgres.Cluster(world)
        g = gateway.Gateway(world, cluster, start=False, change=lambda config: config.update(workers=4))
        for number in range(rounds):
            status = round_of(g, cluster)
            left = left_after(cluster)
            good = status == 0 and left == 0
            failed += not good
            print(f"{'ok' if good else 'FAIL'}  round {number}: the gateway ended with {status}, {left} statements run on")
            if status:
                print(g.stderr()[-2000:])
    print(f"{rounds - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
