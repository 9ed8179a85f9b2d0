#!/usr/bin/python3
"""Looks from the command line: whatever shows recordings writes into the log that it does, through a gateway that runs and
without one, before anything is shown; and never what value was looked for."""
import concurrent.futures
import json
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import gateway
import postgres
import process
import tally

PLANTED = "planted-value-71"
COLUMN = "people.mail"


def commands(gate, session):
    """How each is told of, at which session, and how it is called."""
    policies = gate.folder / "postern.yaml"
    return [("show", session, ("sessions", "show", session)), ("replay", session, ("sessions", "replay", session)),
            ("replay", session, ("sessions", "replay", session, "--json")), ("tail", session, ("sessions", "tail", session)),
            ("search", None, ("audit", "search", "people")), ("search", session, ("audit", "search", "people", "--session", session)),
            ("search-literal", None, ("audit", "search", "--literal", PLANTED)), ("who-saw", None, ("audit", "who-saw", COLUMN)),
            ("who-saw-value", None, ("audit", "who-saw", COLUMN, "--value", PLANTED)),
            ("policy-replay", None, ("policy", "replay", policies)),
            ("export", session, ("audit", "export", session, "--output", gate.folder / "bundle"))]


def looks(gate):
    done = gate.cli("sessions", "replay", "0000000000000", "--json", check=False)
    return [e["fields"] for e in gateway.parse_json(done.stdout) if e.get("fields", {}).get("what") == "looked"]


def check_each(t, gate, session, how_it_is):
    for how, at, command in commands(gate, session):
        (gate.folder / "bundle").unlink(missing_ok=True)
        before = looks(gate)
        done = gate.cli(*command, check=False)
        new = process.wait_for(lambda: looks(gate)[len(before):], f"the look of {command}", every=0.2)
        wanted = {"column": COLUMN} if how.startswith("who-saw") else {}
        t.check(f"{how_it_is}: {' '.join(map(str, command[:2]))} is told of as {how}" + (", at its session" if at else ""),
                done.returncode in (0, 1) and [(f["how"], f.get("session"), f["client"]) for f in new] == [(how, at, "command line")] and
                new[0]["user"] and wanted.items() <= new[0].items(), (done, new))


def main():
    t = tally.Tally()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql("CREATE TABLE people (id int, mail text); COMMENT ON COLUMN people.mail IS 'postern: pii'; "
                    f"INSERT INTO people VALUES (1, '{PLANTED}')")
        gate = gateway.Gateway(world, cluster)
        asked = subprocess.run(["psql", "-X", "-At", "-c", "SELECT mail FROM people"], env=gate.environment(), capture_output=True, text=True)
        assert asked.stdout.strip() == PLANTED, asked
        session = process.wait_for(lambda: gate.sessions(), "the session", every=0.2)[0]
        gate.wait_for_ends(1)
        check_each(t, gate, session, "beside a gateway")
        gate.stop()
        check_each(t, gate, session, "without one")
        before = len(looks(gate))
        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            codes = [done.returncode for done in pool.map(lambda _: gate.cli("sessions", "show", session, check=False), range(6))]
        t.check("six at once all show, and all are told of", codes == [0] * 6 and len(looks(gate)) == before + 6, (codes, len(looks(gate)) - before))
        for command in (("sessions", "list"), ("audit", "report", "--period", "2d")):
            told = gate.cli(*command, check=False)
            t.check(f"{' '.join(command[:2])} shows nothing of a recording, and is no look", told.returncode == 0 and len(looks(gate)) == before + 6, told)
        good, said = gate.verify()
        t.check("the record verifies", good, said)
        t.check("what value was looked for is not told", PLANTED not in str(looks(gate)))
        copy = gate.folder / "copy"
        shutil.copytree(gate.data, copy)
        (copy / "log.key").unlink()
        done = subprocess.run([gateway.binary(), "sessions", "show", session, "--data", copy], capture_output=True, text=True)
        t.check("of a copy that nobody can write, it is shown, and said that it is not told of", done.returncode == 0 and
                session in done.stdout and "this look is not recorded" in done.stderr, done)
        gate.start()
        rows = process.wait_for(lambda: [r for r in json.loads(gate.cli("audit", "report", "--period", "2d", "--section", "looks", "--format",
                                         "json").stdout)["sections"][0]["rows"] if r["session"] == session], "looks in the report")
        t.check("the report tells of them, whose session it was too", {"how show", "how replay", "how tail", "how export"} <=
                {r["detail"] for r in rows}, rows)
    t.finish()


if __name__ == "__main__":
    main()
