#!/usr/bin/python3
"""SIGKILL at random moments under load, again and again. Clients write rows with ids of their own in
autocommit, by simple and extended queries and in pipelines; after all the killing, every id that reached the
database must be in the record, and the log must verify.

usage: tests/attack/kill.py [ROUNDS [SEED]]"""
import pathlib
import random
import re
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally

CLIENTS = 8
ID = re.compile(r"id-\d+-\d+-\d+")


class Writer(threading.Thread):
    """One client: it writes until the gateway is gone, and knows what was acknowledged."""

    def __init__(self, gate, round_, number):
        super().__init__(daemon=True)
        self.gate, self.round, self.number, self.acknowledged, self.sent = gate, round_, number, [], 0
        self.token = gate.token()

    def name(self):
        self.sent += 1
        return f"id-{self.round}-{self.number}-{self.sent}"

    def run(self):
        try:
            with rawpg.Raw(self.gate.port) as raw:
                raw.login(self.token, "agent")
                if raw.status is None:
                    return
                raw.send(rawpg.parse("INSERT INTO written VALUES ($1)", "w"), rawpg.SYNC)
                raw.read_until("Z")
                while True:
                    (self.simple, self.extended, self.pipeline)[self.number % 3](raw)
        except (OSError, rawpg.Closed):
            pass

    def simple(self, raw):
        name = self.name()
        if "C" in [kind for kind, _ in raw.simple(f"INSERT INTO written VALUES ('{name}')")]:
            self.acknowledged.append(name)
        elif raw.status is None:
            raise rawpg.Closed()
        self.stop_at_end(raw)

    def extended(self, raw):
        name = self.name()
        raw.send(rawpg.bind([name.encode()], name="w"), rawpg.execute(), rawpg.SYNC)
        if "C" in [kind for kind, _ in raw.read_until("Z")]:
            self.acknowledged.append(name)
        self.stop_at_end(raw)

    def pipeline(self, raw):
        names = [self.name() for _ in range(10)]
        raw.send(*(part for name in names for part in (rawpg.bind([name.encode()], name="w"), rawpg.execute(), rawpg.SYNC)))
        for name in names:
            if "C" in [kind for kind, _ in raw.read_until("Z")]:
                self.acknowledged.append(name)
        self.stop_at_end(raw)

    @staticmethod
    def stop_at_end(raw):
        if raw.is_gone():
            raise rawpg.Closed()


def is_gone(raw):
    """Whether the last reading met the end of the stream."""
    raw.socket.settimeout(0.0)
    try:
        piece = raw.socket.recv(65536)
        raw.buffer += piece
        return piece == b""
    except BlockingIOError:
        return False
    finally:
        raw.socket.settimeout(process.PATIENCE)


rawpg.Raw.is_gone = is_gone


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
    random.seed(seed)
    print(f"{rounds} rounds, seed {seed}")
    counted = tally.Tally(verbose=False)
    acknowledged = []
    with process.World() as world:
        server = postgres.Cluster(world)
        server.sql("CREATE TABLE written (id text)")
        gate = gateway.Gateway(world, server)
        for round_ in range(rounds):
            writers = [Writer(gate, round_, number) for number in range(CLIENTS)]
            for writer in writers:
                writer.start()
            if round_ % 3:  # else perhaps before anybody is in
                process.wait_for(lambda: any(writer.acknowledged for writer in writers), "the first row of a round")
            time.sleep(random.uniform(0.05, 1.2))
            family = process.children(gate.process.pid)
            gate.kill()
            for writer in writers:
                writer.join(process.PATIENCE)
                acknowledged += writer.acknowledged
            gone = lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in family[1:])
            counted.run(f"round {round_}: the children of a killed gateway end by themselves",
                        lambda: process.wait_for(gone, "the end of the children") or True)
            try:
                gate.start()
                counted.check(f"round {round_}: the gateway starts again", True)
            except process.Failed as error:
                counted.check(f"round {round_}: the gateway starts again", False, error)
                counted.finish()
        written, recorded = set(server.sql("SELECT id FROM written").split()), set()
        until = time.monotonic() + process.PATIENCE
        while not written <= recorded and time.monotonic() < until:  # the index follows
            time.sleep(0.5)
            recorded = set(ID.findall(gate.whole_record()))
        gate.wait_for_ends()
        counted.check(f"{len(acknowledged)} acknowledged rows are in the database", acknowledged and set(acknowledged) <= written,
                      sorted(set(acknowledged) - written)[:10])
        counted.check(f"every one of {len(written)} ids in the database is in the record", written <= recorded,
                      f"{len(written - recorded)} are missing: {sorted(written - recorded)[:10]}")
        counted.check("the log verifies", *gate.verify())
        counted.check("each start after a kill says what it recovered and what it cut",
                      gate.stderr().count("tail recovered") >= rounds, gate.stderr()[-1500:])
        ends = [[e for e in gate.replay(session) if e["event"] == "end"] for session in gate.sessions()]
        counted.check(f"each of {len(ends)} sessions has one end, and those that were cut say why",
                      all(len(end) == 1 for end in ends) and any("gateway" in str(end) for end in ends),
                      [end for end in ends if len(end) != 1][:3])
        gate.stop()
        counted.check("the log verifies after an orderly end", *gate.verify())
    counted.finish()


if __name__ == "__main__":
    main()
