#!/usr/bin/python3
"""Looking back and looking on, at a gateway that runs: each way of replaying a session, following one, ending one.

usage: tests/attack/looking.py"""
import json
import pathlib
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process

PSQL = f"{postgres.BIN}/psql"
FAILED = []
N = [0]


def check(good, what, seen=""):
    N[0] += 1
    print(f"{'ok' if good else 'FAIL'}  {what}" + ("" if good else f"\n      {seen!s:.600}"))
    if not good:
        FAILED.append(what)


def psql(g, *texts, options=""):
    command = [PSQL, "-X", "-q"]
    for text in texts:
        command += ["-c", text]
    env = g.environment()
    if options:
        env["PGOPTIONS"] = options
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=600)


def start_sleeper(g):
    """A psql that says something, sleeps on the server, and would say something else."""
    one = subprocess.Popen([PSQL, "-X", "-q", "-c", "SELECT 'before' AS word", "-c", "SELECT pg_sleep(3600)",
                            "-c", "SELECT 'after' AS word"], env=g.environment(), stdin=subprocess.DEVNULL,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return one


def open_session(g):
    """The id of the session that runs pg_sleep, once the index knows it."""
    def look():
        done = g.cli("sessions", "list", "--json", "--limit", "0")
        for one in gateway.parse_json(done.stdout):
            if one.get("ended") is None:
                return one["session"]
        return None
    return process.wait_for(look, "an open session in the list")


def replays(g, cluster):
    psql(g, "CREATE TABLE goods (id int PRIMARY KEY, name text)", "INSERT INTO goods VALUES (1, 'bolt'), (2, 'nut')",
         "SELECT pg_sleep(0.4)", "SELECT name FROM goods ORDER BY id", "SELECT nonsense",
         options="-c postern.task=T-17 -c postern.prompt=count\\ the\\ goods")
    session = g.wait_for_ends()[0]
    text = g.cli("sessions", "replay", session).stdout
    check("bolt" in text and "nut" in text and "count the goods" in text and "42703" in text,
          "replay shows prompt, rows and the server's error", text)
    check("\x1b" not in text, "replay into a pipe has no colours")
    check(text == g.cli("sessions", "replay", session, "--play", "--speed", "1000").stdout, "--play shows the same")
    began = time.monotonic()
    g.cli("sessions", "replay", session, "--play", "--speed", "2")
    took = time.monotonic() - began
    check(took >= 0.2, "--play --speed 2 takes half of the session's time at least", took)
    stepped = subprocess.run([gateway.binary(), "sessions", "replay", session, "--step", "--config", g.config_path],
                             input="\n\nq\n", capture_output=True, text=True, timeout=600)
    check(stepped.returncode == 0 and "CREATE TABLE" in stepped.stdout and "nonsense" not in stepped.stdout,
          "--step stops where it is told to", stepped.stdout + stepped.stderr)
    script = g.cli("sessions", "replay", session, "--as", "sql").stdout
    cluster.sql("CREATE DATABASE again")
    rerun = subprocess.run([PSQL, "-X", "-q", "-At", "-d", "again"], input=script, capture_output=True, text=True,
                           env=cluster.environment("again"), timeout=600)
    check("bolt\nnut" in rerun.stdout and "nonsense" in rerun.stderr, "--as sql is a script that psql runs", rerun)
    events = g.replay(session)
    check(all(isinstance(one, dict) for one in events) and any("bolt" in json.dumps(one) for one in events),
          "--json has the rows")
    short = g.cli("sessions", "replay", session, "--rows", "1").stdout
    check("… 1 more" in short and "(2 rows)" in short, "--rows 1 says how many rows are left out", short)
    check(g.cli("sessions", "replay", "last").stdout == text, '"last" is the newest session')
    check(g.cli("sessions", "replay", "nosuch", check=False).returncode == 2,
          "a session that is not there cannot be replayed")
    shown = g.cli("sessions", "show", session).stdout
    check("T-17" in shown and "agent" in shown, "show tells task and principal", shown)
    return session


def searches(g):
    found = g.cli("audit", "search", "goods", "--json").stdout
    check("goods" in found, "search finds a word of a statement", found)
    check(g.cli("audit", "search", "--literal", "bolt", check=False).returncode == 0, "--literal finds a value")
    check(g.cli("audit", "search", "--literal", "nowhere-at-all", check=False).returncode == 1,
          "nothing found is exit code 1")
    check("nonsense" in g.cli("audit", "search", "--error", "42").stdout, "--error 42 finds the class")
    check(g.cli("audit", "search", "--effect", "nonsense", check=False).returncode == 2,
          "an effect that is none is a usage error")


def follows(g):
    lines = []
    tail = subprocess.Popen([gateway.binary(), "sessions", "tail", "-f", "--config", str(g.config_path)],
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    reader = threading.Thread(target=lambda: lines.extend(iter(tail.stdout.readline, "")), daemon=True)
    reader.start()
    try:
        def is_seen():
            psql(g, "SELECT 'seen from afar' AS word")
            return "seen from afar" in "".join(lines)
        process.wait_for(is_seen, "the statement in tail -f", every=0.5)
        check(True, "tail -f shows a session that begins later")
        g.wait_for_ends(2)
        sleeper = start_sleeper(g)
        session = open_session(g)
        process.wait_for(lambda: "pg_sleep" in "".join(lines), "the running statement in tail -f")
        check("after" not in "".join(lines), "tail -f shows a statement while it runs")
        return sleeper, session
    finally:
        process.stop(tail)


def kills(g, cluster, sleeper, session):
    one = g.cli("sessions", "tail", "-n", "5", session).stdout
    check("before" in one and "pg_sleep" in one, "tail of an open session shows what it ran", one)
    killed = g.cli("sessions", "kill", session, "--reason", "enough for today")
    check(killed.returncode == 0, "kill says yes", killed.stdout + killed.stderr)
    said, _ = sleeper.communicate(timeout=process.PATIENCE)
    check("enough for today" in said or "terminat" in said, "the client is told why", said)
    check(sleeper.returncode != 0 and "after" not in said, "nothing runs after the kill", said)
    process.wait_for(lambda: cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(3600)%' "
                                         "AND pid <> pg_backend_pid()").strip() == "0", "the server to be free")
    check(True, "what ran at the server is cancelled")
    process.wait_for(lambda: "57P01" in g.cli("sessions", "replay", session).stdout, "the end in the record")
    g.wait_for_ends()
    check("enough for today" in g.cli("sessions", "replay", session, "--everything").stdout,
          "the reason is in the record", g.cli("sessions", "replay", session, "--everything").stdout)
    check(g.cli("sessions", "kill", session, check=False).returncode == 1, "a session that has ended is the answer no")


def main():
    with process.World() as world:
        cluster = postgres.Cluster(world)
        g = gateway.Gateway(world, cluster)
        replays(g, cluster)
        searches(g)
        kills(g, cluster, *follows(g))
        good, said = g.verify()
        check(good, "the record verifies", said)
        check(not re.search(r" (error|warning) ", g.stderr()), "the gateway has nothing to complain of", g.stderr())
    print(f"{N[0] - len(FAILED)} passed, {len(FAILED)} failed")
    return 1 if FAILED else 0


if __name__ == "__main__":
    sys.exit(main())
