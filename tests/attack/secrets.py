#!/usr/bin/python3
"""Looks for secrets everywhere that they must not be: in every file of the data folder, in what the command
line brings back from the record, on standard error, and in the memory of the gateway and its children (what a
core file would hold), while sessions are open and after they are gone."""
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally

SQL_SECRET = "sql-secret-{}-5f3a9c"
TEXTS = [
    "CREATE ROLE s0 PASSWORD '{}'", "ALTER ROLE s0 WITH ENCRYPTED PASSWORD '{}'", "ALTER USER s0 PASSWORD E'{}'",
    "CREATE USER s1 LOGIN PASSWORD $${}$$", "ALTER ROLE s0 PASSWORD $tag${}$tag$ VALID UNTIL 'infinity'",
    "ALTER ROLE s0 PASSWORD U&'{}'", "ALTER ROLE s0 /* why */ PASSWORD /* not */ '{}'", "alter role s0 password '{}' bad syntax",
    "CREATE ROLE nowhere PASSWORD '{}' NONSENSE", "ALTER ROLE s0 PASSWORD '{}'; SELECT 1",
    "CREATE USER MAPPING FOR s0 SERVER missing OPTIONS (user 'x', password '{}')",
    "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1 password={}' PUBLICATION p WITH (connect = false)",
]


def memory_of(pid):
    """Everything readable in a process's memory, mapping by mapping."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            match = re.match(r"([0-9a-f]+)-([0-9a-f]+) r", line)
            if not match or "[v" in line:
                continue
            start, end = (int(group, 16) for group in match.groups())
            try:
                memory.seek(start)
                yield line.split()[-1], memory.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue


def find_in_memory(gate, secrets):
    found = []
    for pid in process.children(gate.process.pid):
        name = pathlib.Path(f"/proc/{pid}/comm").read_text().strip()
        for where, data in memory_of(pid):
            found += [f"{label} in {name} {pid}, {where}" for label, secret in secrets.items() if secret in data]
    return found


def find_in_files(folder, secrets):
    found = []
    for path in folder.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            found += [f"{label} in {path.name}" for label, secret in secrets.items() if secret in data]
    return found


def token_parts(label, token):
    """The parts of a token that are secret: its claims as sent, and its signature."""
    _, claims, signature = token.split(".")
    return {f"{label}: claims": claims.encode()[-40:], f"{label}: signature": signature.encode()[-40:]}


def find_for_good(gate, secrets):
    """What is found again and again: the record's threads need a moment to be done with what a session left them."""
    until = time.monotonic() + 60
    while found := find_in_memory(gate, secrets):
        if time.monotonic() > until:
            break
        time.sleep(0.5)
    return found


def main():
    counted = tally.Tally(verbose=False)
    with process.World() as world:
        server = postgres.Cluster(world)
        gate = gateway.Gateway(world, server)
        secrets = {"the database's password": server.password.encode()}
        good, bad = gate.token(jti="good-token"), gate.token(jti="bad-token", aud="another")
        secrets |= token_parts("a good token", good) | token_parts("a refused token", bad)
        held = rawpg.Raw(gate.port)
        held.login(good, "agent")
        counted.check("a good token lets in", held.status == "I")
        with rawpg.Raw(gate.port) as refused:
            refused.login(bad, "agent")
            counted.check("a bad one does not", refused.status is None)
        ran = 0
        for i, text in enumerate(TEXTS):
            secret = SQL_SECRET.format(i)
            for send in ("simple", "extended"):
                secrets[f"the password in {text}"] = secret.encode()
                if send == "simple":
                    ran += bool(held.simple(text.format(secret)))
                else:
                    held.send(rawpg.parse(text.format(secret)), rawpg.bind(), rawpg.execute(), rawpg.SYNC)
                    ran += bool(held.read_until("Z"))
        counted.check("statements with passwords are answered", ran == 2 * len(TEXTS) and held.status == "I")
        counted.check("and the role has its password", server.sql("SELECT rolpassword IS NOT NULL FROM pg_authid WHERE rolname = 's0'") == "t")
        # Many later statements, so that buffers which are used again have been used again.
        for i in range(200):
            held.value(f"SELECT {i}, repeat('x', 3000)")
        logins = {label: secret for label, secret in secrets.items() if not label.startswith("the password in")}
        counted.check("no token and no database password is in memory while a session is open", not (f := find_for_good(gate, logins)), f[:10])
        held.socket.close()
        found = find_for_good(gate, secrets)
        counted.check("no secret is in the memory of any process after the session", not found, found[:10])
        counted.check("no secret is in any file of the data folder", not (f := find_in_files(gate.data, secrets)), f[:10])
        turned_away = gate.rejections()
        told = (gate.whole_record() + turned_away + gate.stderr()).encode()
        counted.check("no secret is in what the record tells, or on standard error",
                      not (f := [label for label, secret in secrets.items() if secret in told]), f)
        counted.check("the record tells of the statements all the same", told.count(b"PASSWORD") >= 8, told[-500:])
        gate.stop()
        counted.check("no secret is in any file after an orderly end", not (f := find_in_files(gate.folder, secrets)), f[:10])
        limits = pathlib.Path("/proc/self/limits").read_text()
        counted.check("the search itself can find: a word of the configuration is in it",
                      bool(limits) and find_in_files(gate.folder, {"x": b"everything"}) != [])
    counted.finish()


if __name__ == "__main__":
    main()
