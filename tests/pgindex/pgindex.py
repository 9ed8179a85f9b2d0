#!/usr/bin/python3
"""Two gateways and one index in PostgreSQL: under load while its server is stopped, killed, slow, full and out of connections, and
while a gateway is killed. Afterwards each table there has the rows of both gateways' own indexes, and the views answer alike."""
import json
import os
import pathlib
import random
import re
import signal
import sqlite3
import sys
import threading
import time
import urllib.error
import urllib.request

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import tally

ROLE, PASSWORD = "postern_index", "a-Password of the 1ndex"
SPOOL = 1000
SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, name text, mail text);
COMMENT ON COLUMN people.mail IS 'postern: pii';
INSERT INTO people SELECT g, 'n' || g, 'm' || g || '@example.com' FROM generate_series(1, 20) g;
"""
POLICY = {"name": "agents", "who": "any", "record": {"rows": "full", "on_failure": "deny"},
          "allow": ["all", "unknown"], "deny": [{"name": "no-drop", "statements": ["DROP *"]}],
          "hold": [{"name": "whereless", "effects": ["delete"], "where": "missing", "by": ["dba"], "expires": "15m"}]}
# Views that one side alone has.
OWN = {"audit_gateways"}


class Index:
    """The PostgreSQL that the gateways share, set up as the page says, in a file system of its own that can run full."""

    def __init__(self, world):
        self.cluster = postgres.Cluster(world, "index", settings={"fsync": "on", "max_connections": "20"})
        self.cluster.sql("CREATE DATABASE audit")
        page = (process.ROOT / "doc" / "shared-index.md").read_text()
        self.setup, self.grants = re.findall(r"^```sql\n(.*?)^```", page, re.M | re.S)[:2]
        self.sql(self.setup.replace("change this", PASSWORD))
        self.sql("CREATE ROLE ida LOGIN PASSWORD 'ida' IN ROLE auditors")

    def sql(self, text):
        return self.cluster.sql(text, "audit")

    def connect(self, user="postgres", password=None):
        return psycopg.connect(host="127.0.0.1", port=self.cluster.port, user=user, dbname="audit", autocommit=True,
                               password=password or self.cluster.password)

    def rows(self, text, *values):
        with self.connect() as connection:
            return connection.execute(text, values).fetchall()

    def pids(self):
        return process.children(self.cluster.process.pid)

    def freeze(self, number=signal.SIGSTOP):
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass


class Place:
    """A gateway that publishes, and what can be seen of it."""

    def __init__(self, world, cluster, index, name, **options):
        self.name, self.admin, self.index = name, process.free_port(), index
        secret = world.folder / "index-password"
        secret.write_text(PASSWORD + "\n")

        def change(config):
            config["admin"] = {"listen": f"127.0.0.1:{self.admin}"}
            config["policies"] = [POLICY]
            config["store"] = {"index": f"postgres://{ROLE}@127.0.0.1:{index.cluster.port}/audit",
                               "postgres": {"password": f"${{file:{secret}}}", "tls": "disable", "spool": SPOOL, **options}}
        self.gate = gateway.Gateway(world, cluster, name=name, change=change, start=False)
        self.gate.cli("keys", "init", "--origin", f"example/{name}")
        self.gate.start()

    def connect(self, **claims):
        return psycopg.connect(host="127.0.0.1", port=self.gate.port, user="agent", dbname="postgres", autocommit=True,
                               password=self.gate.token(**claims))

    def ask(self, path):
        def once():
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=300) as answer:
                    return answer.status, answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.code, error.read().decode()
            except OSError:
                return None
        return process.wait_for(once, "the API", every=0.1)

    def metric(self, name):
        match = re.search(rf"^postern_shared_index_{re.escape(name)} (\d+)$", self.ask("/metrics")[1], re.M)
        return int(match[1]) if match else None

    def ready(self):
        status, text = self.ask("/readyz")
        return status, dict(line.split() for line in text.splitlines())

    def sqlite(self, text):
        db = sqlite3.connect(f"file:{self.gate.data}/index.db?mode=ro", uri=True)
        try:
            return db.execute(text).fetchall()
        finally:
            db.close()


def plain(rows):
    """Both sides' values in one form: PostgreSQL has booleans."""
    return sorted(tuple(int(one) if isinstance(one, bool) else one for one in row) for row in map(tuple, rows)) if not rows or all(
        one is not None for row in rows for one in row) else sorted(
        (tuple(int(one) if isinstance(one, bool) else one for one in row) for row in rows), key=repr)


def columns(index, table):
    """The columns of a table or view there, but for the gateway's."""
    return [name for (name,) in index.rows(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum",
        f"postern.{table}") if name != "gateway"]


def published(index, kinds):
    return [name for (name,) in index.rows(
        "SELECT relname FROM pg_class c WHERE relnamespace = 'postern'::regnamespace AND NOT relispartition AND relkind::text = ANY(%s) "
        "AND relname NOT IN ('gateway', 'migration') ORDER BY 1", list(kinds))]


def difference(index, place):
    """None, or the first table or view that is not the same on both sides."""
    origin = f"example/{place.name}"
    for name in published(index, "rp") + published(index, "v"):
        if name in OWN:
            continue
        view = name.startswith("audit_")
        names = ", ".join(f'"{one}"' for one in columns(index, name))
        here = plain(place.sqlite(f"SELECT {names} FROM {name}"))
        where = "gateway = %s" if view else "gateway = (SELECT id FROM postern.gateway WHERE origin = %s)"
        there = plain(index.rows(f"SELECT {names} FROM postern.{name} WHERE {where}", origin))
        if here != there:
            return name, len(here), len(there), [row for row in here if row not in there][:3], [row for row in there if row not in here][:3]
    return None


class Load:
    """Sessions that come and go, whatever happens, with statements that fill every table."""

    def __init__(self, place, n=2, seed=1):
        self.place, self.stop, self.done, self.errors = place, False, 0, []
        self.random = random.Random(seed)
        self.threads = [threading.Thread(target=self.run, args=(k,), daemon=True) for k in range(n)]
        for thread in self.threads:
            thread.start()

    def statement(self):
        n = self.random.randrange(1, 400)
        return self.random.choice([
            f"SELECT mail FROM people WHERE id <= {n}", f"SELECT {n} AS a{n % 40}", "SELECT 1/0", "DROP TABLE people",
            f"UPDATE people SET name = 'x{n}' WHERE id = {n}", f"SELECT * FROM missing_{n % 30}", "SELECT 'it''s \\ \"quoted\" {ü}' AS \"a,b\""])

    def run(self, number):
        while not self.stop:
            try:
                with self.place.connect(sub=f"agent-{number}", groups=["ai-agents"]) as connection:
                    for _ in range(self.random.randrange(1, 30)):
                        if self.stop:
                            break
                        try:
                            connection.execute(self.statement())
                        except psycopg.Error as error:
                            self.errors.append(error.sqlstate or "connection")
                            if connection.closed:
                                break
                        self.done += 1
                        time.sleep(0.01)
            except (psycopg.Error, OSError) as error:
                self.errors.append(getattr(error, "sqlstate", None) or "connection")
                time.sleep(0.1)

    def end(self):
        self.stop = True
        for thread in self.threads:
            thread.join(process.PATIENCE)


def wait_more(load, n=50):
    had = load.done
    process.wait_for(lambda: load.done >= had + n, f"{n} more statements", every=0.05)


def same(t, index, places, fact):
    """Waits until everything is there, and says what is not."""
    last = [None]

    def equal():
        last[0] = [(place.name, one) for place in places for one in [difference(index, place)] if one]
        return not last[0]
    try:
        process.wait_for(equal, "the same rows on both sides", every=0.5)
    except process.Failed:
        pass
    t.check(fact, not last[0], json.dumps(last[0], default=str) if last[0] else "")


def main():
    t = tally.Tally()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql(SCHEMA)
        index = Index(world)
        places = [Place(world, cluster, index, "one"), Place(world, cluster, index, "two")]
        loads = [Load(place, seed=n) for n, place in enumerate(places)]
        for load in loads:
            wait_more(load, 150)
        for load in loads:
            load.end()
        same(t, index, places, "two gateways' rows are in one index, as in their own")
        t.check("both are ready, and say that the shared index is well", all(
            place.ready()[0] == 200 and place.ready()[1]["shared_index"] == "ok" for place in places), [place.ready() for place in places])
    t.finish()


if __name__ == "__main__":
    main()
