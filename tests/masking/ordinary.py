#!/usr/bin/python3
"""Ordinary work under masks. Programs must see through the gateway what they would see directly in a database that
holds what the masks show; what they ask of the catalogue must be as it is; clear predicates keep their indexes;
and a dump holds masks and can be restored.

usage: tests/masking/ordinary.py [--only WORD] [--show]"""
import argparse
import difflib
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
import copies
import process
import rawpg
import tally

# What differs, and why: which database it is; the gateway's number of a request; pg_dump's key since 15.14; whose
# temporary schema there is.
SETTLED = [(re.compile(r"shop_?masked|shop\d+"), "shop"), (re.compile(r"request [0-9a-z-]+"), "request N"),
           (re.compile(r"^\\(un)?restrict .*\n", re.M), ""), (re.compile(r"\d+ (bytes|kB|MB)"), "SIZE")]
SCHEMA = {  # as in the database itself
    "psql's \\d family": ["psql", "-X", "-P", "pager=off", "-v", "HISTFILE=/dev/null", "-f", HERE / "orm" / "describe.sql"],
    "Django's inspectdb": [sys.executable, HERE / "orm" / "django_.py", "schema"],
    "SQLAlchemy's reflection": [sys.executable, HERE / "orm" / "sqlalchemy_.py", "schema"],
    "pg_dump of the schema": ["pg_dump", "-s"],
}
ROWS = {  # as in the database that holds masks
    "Django's queries": [sys.executable, HERE / "orm" / "django_.py", "rows"],
    "SQLAlchemy's queries": [sys.executable, HERE / "orm" / "sqlalchemy_.py", "rows"],
    "pg_dump of rows": ["pg_dump", "-a", "--inserts", "-t", "orders", "-t", "newsletter", "-t", "payments*", "-t", "contacts*", "-t", "documents", "-t", "people*"],
}
# How a relation is got at, whatever it is called: an index alone may even do where a masked column is not read.
SCAN = re.compile(r"(Index (?:Only )?Scan(?: Backward)? using \w+ on \w+|Bitmap Index Scan on \w+|Seq Scan on \w+|(?:Update|Delete) on \w+)")
GROUP = "compared"


def settle(text):
    for pattern, replacement in SETTLED:
        text = pattern.sub(replacement, text)
    return text


class Shop:
    def __init__(self, world):
        self.world = world
        self.both = copies.Copies(world, True)
        self.side = self.both.sides[0]
        for text in ("CREATE DATABASE shop_masked TEMPLATE kept STRATEGY FILE_COPY", "GRANT CREATE ON DATABASE shop_masked TO shop_owner",
                     "GRANT TEMPORARY ON DATABASE shop_masked TO shop_app, shop_owner, shop_reader"):
            self.side.server.sql(text)
        process.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", HERE / "masked.sql"], env=self.side.server.environment("shop_masked"))

    def environment(self, where, role, group=GROUP):
        if where == "gateway":
            env = self.side.gate.environment(self.side.database, groups=[group], login=role)
        else:
            database = self.side.database if where == "directly" else "shop_masked"
            env = {**self.side.server.environment(database, f"shop_{role}"), "PGPASSWORD": copies.PASSWORD}
        return {**env, "TZ": "UTC", "LC_ALL": "C.UTF-8", "PSQL_EDITOR": "cat", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONHASHSEED": "0", "PYTHONWARNINGS": "ignore"}

    def run(self, command, where, role):
        done = subprocess.run([str(word) for word in command], env=self.environment(where, role), stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
        return settle(done.stdout.decode(errors="replace") + f"status {done.returncode}\n")


def compare(shop, counted, name, command, expected, role, show):
    wanted, got = shop.run(command, expected, role), shop.run(command, "gateway", role)
    if show:
        print(got)
    lines = list(difflib.unified_diff(wanted.splitlines(), got.splitlines(), expected, "gateway", n=0, lineterm=""))
    counted.check(f"{name} does what it is there for", wanted.endswith("status 0\n"), wanted[-2000:])
    counted.check(f"{name}: through the gateway as {expected} ({len(wanted.splitlines())} lines)", not lines, "\n      ".join(lines[:60]))


def plans(shop, counted):
    """The nodes and conditions of plans, directly and under masks."""
    both, wrong, n = {}, [], 0
    for where in ("directly", "gateway"):
        port, address, env = shop.side.server.port, shop.side.server.address, shop.environment(where, "app")
        raw = rawpg.Raw(shop.side.gate.port if where == "gateway" else port, "127.0.0.1" if where == "gateway" else address)
        raw.login(env["PGPASSWORD"], env["PGUSER"], env["PGDATABASE"])
        raw.simple("SET enable_seqscan = off")
        both[where] = raw
    for text in (HERE / "orm" / "indexes.sql").read_text().splitlines():
        told = {}
        for where, raw in both.items():
            answer = raw.simple(f"EXPLAIN (COSTS OFF) {text}")
            told[where] = rawpg.error(answer).get("M") or [found.group(0).replace("Only ", "") for kind, body in answer if kind == "D"
                                                          for found in [SCAN.search(rawpg.columns(body)[0].decode())] if found]
        n += 1
        if told["directly"] != told["gateway"]:
            wrong.append(f"{text}\n        {told['directly']}\n        {told['gateway']}")
    counted.check(f"clear predicates keep their indexes ({n} plans)", not wrong, "\n      ".join(wrong))


def dump(shop, counted):
    """A dump under masks that constraints agree with is restored; what is masked is not in it."""
    secrets = [value.decode() for row in shop.side.server.connect(database=shop.side.database).rows(
        "SELECT email, card_number, profile->>'passport' FROM customers WHERE email IS NOT NULL") for value in row]
    env = shop.environment("gateway", "owner", "dumped")
    done = subprocess.run(["pg_dump", "--exclude-table-data=newsletter"], env=env, capture_output=True, text=True, timeout=900)
    if not counted.check("a dump is made", done.returncode == 0, done.stderr):
        return
    there = [value for value in secrets if value in done.stdout]
    counted.check(f"none of {len(secrets)} masked values is in it", not there, there[:5])
    shop.side.server.sql("CREATE DATABASE restored TEMPLATE template0")
    done = subprocess.run(["psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", "restored"], input=done.stdout, capture_output=True, text=True, timeout=900,
                          env=shop.side.server.environment("restored"))
    if not counted.check("it is restored", done.returncode == 0, done.stderr[-2000:]):
        return
    n = shop.side.server.sql("SELECT count(*) || ' ' || count(email) || ' ' || sum(pin) || ' ' || count(DISTINCT card_number) || ' ' || (SELECT count(*) FROM orders) FROM customers", "restored")
    counted.check("all rows are there, with masks in them", n == "120 0 0 1 300", n)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    counted = tally.Tally()
    with process.World() as world:
        shop = Shop(world)
        for name, command in SCHEMA.items():
            if arguments.only in name:
                compare(shop, counted, name, command, "directly", "owner", arguments.show)
        for name, command in ROWS.items():
            if arguments.only in name:
                compare(shop, counted, name, command, "in the masked database", "app", arguments.show)
        if arguments.only in "plans":
            plans(shop, counted)
        if arguments.only in "dump":
            dump(shop, counted)
        counted.check("the gateway lives", shop.side.gate.alive(), shop.side.gate.stderr()[-2000:])
    counted.finish()


if __name__ == "__main__":
    main()
