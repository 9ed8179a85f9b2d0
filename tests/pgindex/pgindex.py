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
import subprocess
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
OWN = {"audit_gateways", "audit_erasures"}


class Index:
    """The PostgreSQL that the gateways share, set up as the page says; in a file system of its own, that can run full, where root
    may mount one."""

    def __init__(self, world):
        self.cluster = postgres.Cluster(world, "index")
        self.small = self.mount(world)
        if self.small:
            self.cluster.sql(f"CREATE TABLESPACE small LOCATION '{self.small}'")
        self.cluster.sql("CREATE DATABASE audit" + (" TABLESPACE small" if self.small else ""))
        page = (process.ROOT / "doc" / "shared-index.md").read_text()
        self.setup, self.grants = re.findall(r"^```sql\n(.*?)^```", page, re.M | re.S)[:2]
        self.sql(self.setup.replace("change this", PASSWORD))
        self.sql("CREATE ROLE ida LOGIN PASSWORD 'ida' IN ROLE auditors")

    def mount(self, world):
        folder = world.make_folder("small", "postgres")
        stat = folder.stat()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size=64m,uid={stat.st_uid},gid={stat.st_gid},mode=700", "none", folder],
                          capture_output=True).returncode:
            return None
        world.callback(subprocess.run, ["umount", "-l", folder], capture_output=True)
        return folder

    def fill(self):
        """Takes all the room that there is."""
        with open(self.small / "ballast", "wb") as out:
            step = 1 << 22
            while step >= 4096:
                try:
                    os.posix_fallocate(out.fileno(), out.seek(0, os.SEEK_END), step)
                except OSError:
                    step //= 2

    def empty(self):
        (self.small / "ballast").unlink()

    def sql(self, text):
        return self.cluster.sql(text, "audit")

    def drop_connections(self):
        self.sql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}'")

    def connect(self, user="postgres", password=None):
        return psycopg.connect(host="127.0.0.1", port=self.cluster.port, user=user, dbname="audit", autocommit=True,
                               password=password or self.cluster.password)

    def pids(self):
        return process.children(self.cluster.process.pid)

    def freeze(self, number=signal.SIGSTOP):
        for pid in self.pids():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def thaw(self):
        """A test that breaks while it is stopped ends it all the same."""
        if self.cluster.process.poll() is None:
            self.freeze(signal.SIGCONT)

    def start(self):
        """A server that was killed leaves its memory to children that are not all gone at once."""
        def once():
            try:
                self.cluster.start()
                return True
            except process.Failed:
                return False
        process.wait_for(once, "the index's server", every=0.2)


class Place:
    """A gateway that publishes, and what can be seen of it."""

    def __init__(self, world, cluster, index, name, origin=None, **options):
        self.name, self.admin, self.index = name, process.free_port(), index
        secret = world.folder / "index-password"
        secret.write_text(PASSWORD + "\n")

        def change(config):
            config["admin"] = {"listen": f"127.0.0.1:{self.admin}"}
            config["policies"] = [POLICY]
            config["store"] = {"index": f"postgres://{ROLE}@127.0.0.1:{index.cluster.port}/audit",
                               "postgres": {"password": f"${{file:{secret}}}", "tls": "disable", "spool": SPOOL, **options}}
        self.gate = gateway.Gateway(world, cluster, name=name, change=change, start=False)
        self.gate.cli("keys", "init", "--origin", origin or f"example/{name}")
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

    def unended(self):
        """Sessions whose end is not in the gateway's own index yet, where it runs."""
        rows = self.sqlite("SELECT count(*) FROM session WHERE ended_us = 0")
        return ("sessions without an end", rows) if self.gate.alive() and rows != [(0,)] else None

    def sqlite(self, text):
        db = sqlite3.connect(f"file:{self.gate.data}/index.db?mode=ro", uri=True)
        try:
            return db.execute(text).fetchall()
        finally:
            db.close()


def plain(rows):
    """Both sides' values in one form and order: PostgreSQL has booleans."""
    return sorted((tuple(int(one) if isinstance(one, bool) else one for one in row) for row in rows), key=repr)


def ask(connection, text, *values):
    return connection.execute(text, values).fetchall()


def published(connection):
    """Tables and views there, each with its columns but for the gateway's."""
    return ask(connection, """
        SELECT c.relname, array_agg(a.attname::text ORDER BY a.attnum) FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
        WHERE relnamespace = 'postern'::regnamespace AND NOT relispartition AND relkind IN ('r', 'p', 'v') AND attnum > 0
        AND attname <> 'gateway' AND relname NOT IN ('gateway', 'migration') AND relname <> ALL(%s) GROUP BY 1 ORDER BY 1""", list(OWN))


def difference(index, place, counts=None):
    """None, or the first table or view that is not the same on both sides."""
    origin = f"example/{place.name}"
    with index.connect() as connection:
        for name, columns in published(connection):
            names = ", ".join(f'"{one}"' for one in columns)
            here = plain(place.sqlite(f"SELECT {names} FROM {name}"))
            where = "%s" if name.startswith("audit_") else "(SELECT id FROM postern.gateway WHERE origin = %s)"
            there = plain(ask(connection, f"SELECT {names} FROM postern.{name} WHERE gateway = {where}", origin))
            if counts is not None:
                counts[name] = counts.get(name, 0) + len(here)
            if here != there:
                return (name, len(here), len(there), [row for row in here if row not in there][:3],
                        [row for row in there if row not in here][:3])
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
    """Waits until everything that is in the gateways' indexes is there, and says what is not."""
    last = [None]

    def equal():
        last[0] = [(place.name, one) for place in places for one in [place.unended() or difference(index, place)] if one]
        return not last[0]
    try:
        process.wait_for(equal, "the same rows on both sides", every=0.3)
    except process.Failed:
        pass
    t.check(fact, not last[0], json.dumps(last[0], default=str) if last[0] else "")


def under_load(places, n=60):
    loads = [Load(place, seed=k) for k, place in enumerate(places)]
    for load in loads:
        wait_more(load, n)
    return loads


def end(loads):
    for load in loads:
        load.end()


def fill_tables(place):
    """What the load does not leave: an approval, a look, a rejection, policies that changed, a session that was cut off."""
    with place.connect(sub="agent-7", groups=["ai-agents"], on_behalf_of="alice") as agent:
        agent.execute("CREATE TABLE IF NOT EXISTS orders (id int)")
        waits = threading.Thread(target=lambda: agent.execute("DELETE FROM orders"), daemon=True)
        waits.start()
        token = place.gate.folder / "dora"
        token.write_text(place.gate.token(sub="dora", groups=["dba"]))

        def waiting():
            listed = place.gate.cli("approvals", "list", "--json", "--token", token, check=False)
            return listed.returncode == 0 and json.loads(listed.stdout)
        request = process.wait_for(waiting, "the held statement", every=0.2)[0]["id"]
        place.gate.cli("approvals", "approve", request, "--token", token)
        waits.join(process.PATIENCE)
    try:
        psycopg.connect(host="127.0.0.1", port=place.gate.port, user="agent", dbname="postgres", password="no token")
    except psycopg.OperationalError:
        pass
    place.gate.cli("sessions", "list")


def both(t, world, cluster, index):
    places = [Place(world, cluster, index, "one"), Place(world, cluster, index, "two")]
    loads = under_load(places, 100)
    fill_tables(places[0])
    places[1].gate.kill()
    places[1].gate.start()
    end(loads)
    counts = {}

    def filled():
        counts.clear()
        for place in places:
            difference(index, place, counts)
        return len(counts) >= 26 and {name for name, n in counts.items() if not n} <= {"audit_looks", "tombstone", "erasure", "gap"}
    process.wait_for(filled, f"something in almost all tables and views: {counts}", every=0.3)
    same(t, index, places, "two gateways' rows are in one index, as in their own, each table and each view")
    t.check("both are ready, and say that the shared index is well", all(
        place.ready()[0] == 200 and place.ready()[1]["shared_index"] == "ok" for place in places), [place.ready() for place in places])
    with index.connect() as connection:
        t.check("the view of gateways tells how far each is", all(complete and up_to and name in ("example/one", "example/two") for name, complete, up_to in ask(
            connection, "SELECT gateway, complete, up_to FROM postern.audit_gateways")))
        t.check("rows stand in the month's part", [one for (one,) in ask(
            connection, "SELECT DISTINCT tableoid::regclass::text FROM postern.execution")] == [f"postern.execution_{time.strftime('%Y_%m', time.gmtime())}"])
        stored = str(ask(connection, "SELECT * FROM postern.shape")) + str(ask(connection, "SELECT * FROM postern.failure"))
        t.check("no value of a statement is there", "quoted" not in stored and "CREATE TABLE" in stored, stored[:2000])
    return places


def roles(t, index):
    index.sql(index.grants)
    with index.connect("ida", "ida") as ida:
        counts = {view: ask(ida, f"SELECT count(*) FROM postern.{view}")[0][0] for view in (
            "audit_sessions", "audit_errors", "audit_approvals", "audit_gateways", "audit_gaps", "audit_columns")}
        t.check("an auditor reads the views", all(counts.values()), counts)

        tried = {text: sqlstate_of(ida, text) for text in (
            "DELETE FROM postern.audit_rejections", "UPDATE postern.audit_sessions SET principal = 'x'", "SELECT * FROM postern.session",
            "INSERT INTO postern.tombstone VALUES (1, 1, 1, 1)", "CREATE TABLE postern.mine (a int)", "DROP VIEW postern.audit_sessions",
            "TRUNCATE postern.execution", "DELETE FROM postern.gateway", "SELECT * FROM postern.gateway")}
        t.check("and can neither write anything nor read below them", set(tried.values()) <= {"42501", "55000"}, tried)
    with index.connect(ROLE, PASSWORD) as role:
        try:
            role.execute("CREATE SCHEMA another")
            made = True
        except psycopg.Error:
            made = False
        t.check("the gateways' role needs no right but its schema's", not made)


def sqlstate_of(connection, text):
    try:
        connection.execute(text)
    except psycopg.Error as error:
        return error.sqlstate
    return None


def frozen(t, index, places, cluster):
    """The server does not answer; then it is killed."""
    loads = under_load(places)
    witness = places[0].connect(sub="witness")  # who comes at the bound is turned away without a code
    index.freeze()
    had = loads[0].done
    t.check("while the server is stopped, statements go on", process.wait_for(lambda: loads[0].done > had + 30, "statements"))
    burst = Burst(places[0])
    process.wait_for(lambda: places[0].metric("spool_full") == 1, "the bound", every=0.2)
    process.wait_for(lambda: sqlstate_of(witness, "SELECT 1") == "58030", "statements that are refused", every=0.05)
    status, said = process.wait_for(lambda: places[0].ready()[0] == 503 and places[0].ready(), "/readyz", every=0.1)
    t.check("at the bound statements are refused with 58030, and the gateway is not ready", said["record"] == "failed" and
            said["shared_index"] == "failed", said)
    t.check("the metrics say so", places[0].metric("spool_rows") >= SPOOL and places[0].metric("spool_limit_rows") == SPOOL)
    burst.end()
    witness.close()
    places[0].gate.kill()  # with the bound reached, and a batch on its way
    index.freeze(signal.SIGKILL)
    index.cluster.process.wait()
    places[0].gate.start()
    t.check("a gateway that starts at its bound refuses from the first statement on", places[0].ready()[1]["record"] == "failed")
    process.wait_for(lambda: places[1].metric("failing") == 1, "the other one's word of it", every=0.1)
    t.check("a server that is gone is told", places[1].ready()[0] == 200 and places[1].ready()[1]["shared_index"] == "failed")
    index.start()
    process.wait_for(lambda: places[0].ready()[0] == 200, "a gateway that is ready again", every=0.1)
    wait_more(loads[0], 20)
    end(loads)
    same(t, index, places, "with the server back everything is there, once")


class Burst(Load):
    """Sessions that leave a row with each statement, quickly."""

    def run(self, number):
        while not self.stop:
            try:
                with self.place.connect(sub="burst") as connection:
                    while not self.stop and not connection.closed:
                        time.sleep(0.002)
                        try:
                            connection.execute("SELECT 1/0")
                        except psycopg.Error as error:
                            if error.sqlstate != "22012":
                                time.sleep(0.1)
            except (psycopg.Error, OSError):
                time.sleep(0.1)


def killed(t, index, places):
    """Gateways are killed at moments that nobody chose."""
    loads = under_load(places, 20)
    chance = random.Random(os.getpid())
    for _ in range(4):
        time.sleep(chance.random() * 1.5)
        place = chance.choice(places)
        place.gate.kill()
        place.gate.start()
    for load in loads:
        wait_more(load, 20)
    end(loads)
    same(t, index, places, "gateways that were killed at random lose nothing and double nothing")


def starved(t, index, places):
    """No connection is to be had; then no room; then it is slow."""
    loads = under_load(places, 20)
    index.sql(f"ALTER ROLE {ROLE} CONNECTION LIMIT 0")
    index.drop_connections()
    process.wait_for(lambda: "too many connections" in places[0].gate.stderr(), "its word", every=0.1)
    t.check("a server without connections to spare is told", places[0].metric("failing") == 1)
    index.sql(f"ALTER ROLE {ROLE} CONNECTION LIMIT -1")
    process.wait_for(lambda: places[0].metric("failing") == 0, "the end of it", every=0.1)
    if index.small:
        index.fill()
        process.wait_for(lambda: "53100" in places[0].gate.stderr(), "its word", every=0.1)
        t.check("a server whose disk is full is told", places[0].metric("failing") == 1)
        index.empty()
        process.wait_for(lambda: places[0].metric("failing") == 0, "room", every=0.1)
    else:
        t.skip("a server whose disk is full is told", "mounting a small file system needs root")
    index.sql("CREATE FUNCTION postern.slowly() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_catalog.pg_sleep(0.5); RETURN new; END';"
              "CREATE TRIGGER slowly BEFORE UPDATE ON postern.gateway FOR EACH ROW EXECUTE FUNCTION postern.slowly()")
    wait_more(loads[0], 40)
    end(loads)
    same(t, index, places, "a server without connections, without room and slow loses nothing")
    index.sql("DROP TRIGGER slowly ON postern.gateway; DROP FUNCTION postern.slowly")
    text = "".join((place.gate.folder / "stderr").read_text() for place in places)
    t.check("no password stands in the gateways' log", PASSWORD not in text and "1ndex" not in text)


def lost(t, index, places):
    """The server comes back as it was before, or empty; and the index here is made anew."""
    one, two = places
    index.sql("UPDATE postern.gateway SET batch = batch - 3; DELETE FROM postern.execution WHERE minute % 2 = 0; DELETE FROM postern.shape;"
              "INSERT INTO postern.tombstone SELECT id, 5, 5, 5 FROM postern.gateway")
    index.drop_connections()
    same(t, index, places, "a server that was restored from before is made like the gateways' own indexes again")
    one.gate.cli("store", "reindex")
    same(t, index, places, "an index that was made anew beside the gateway is published anew")
    two.gate.stop()
    (two.gate.data / "index.db").unlink()
    index.sql("DROP SCHEMA postern CASCADE; CREATE SCHEMA postern AUTHORIZATION postern_index")
    done = two.gate.cli("store", "publish")
    t.check("without a gateway the command publishes", "the shared index has all" in done.stdout, done.stdout + done.stderr)
    two.gate.start()
    index.drop_connections()
    same(t, index, places, "a server that lost all is filled again")
    index.sql("DELETE FROM postern.execution WHERE gateway = (SELECT id FROM postern.gateway WHERE origin = 'example/one')")
    t.check("what was changed there by hand is not noticed", difference(index, one))
    done = one.gate.cli("store", "publish", "--all")
    t.check("until it is asked for", "compares everything" in done.stdout, done.stdout)
    same(t, index, places, "and then it is there again")


def erased(t, index, places):
    one = places[0]
    with one.connect(sub="zirconmeadow", groups=["ai-agents"]) as connection:
        for text in ("SELECT 1 AS thistlebarge", "SELECT mail AS ombrelune FROM people", "SELECT * FROM quokkafjord"):
            try:
                connection.execute(text)
            except psycopg.Error:
                pass
    words = ("zirconmeadow", "thistlebarge", "ombrelune", "quokkafjord")

    def dump():
        return process.run(["pg_dump", "--data-only"], env=index.cluster.environment("audit")).stdout
    t.check("a subject's sessions and statements are there", process.wait_for(lambda: all(word in dump() for word in words), "its words", every=0.3))
    same(t, index, places, "as everything is")
    one.gate.cli("store", "erase", "--subject", "zirconmeadow", "--reason", "asked to")
    same(t, index, places, "erasing it reaches the shared index")
    after = dump()
    t.check("which has none of its words any more, and a tombstone", not any(word in after for word in words) and
            "asked to" in after, [word for word in words if word in after])
    with index.connect("ida", "ida") as ida:
        t.check("which auditors see", {row[:2] for row in ask(ida, "SELECT gateway, reason FROM postern.audit_erasures")} == {("example/one", "asked to")})
    kept = [path.name for path in one.gate.data.rglob("*") if path.is_file() and any(word.encode() in path.read_bytes() for word in words)]
    t.check("nor has a file of the gateway, where it was noted what to publish", not kept, kept)


def older(t, index, place):
    """The schema of the first release is brought to the newest, with what is in it."""
    sql = place.gate.cli("store", "schema", "--schema", "older", "--to", "1").stdout
    index.sql("CREATE SCHEMA older AUTHORIZATION postern_index")
    process.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", sql], env={
        **index.cluster.environment("audit", ROLE), "PGPASSWORD": PASSWORD})
    place.gate.config["store"]["postgres"]["schema"] = "older"
    place.gate.write()
    place.gate.process.send_signal(signal.SIGHUP)
    process.wait_for(lambda: index.sql("SELECT count(*) FROM older.migration") != "1", "the migration", every=0.2)
    process.wait_for(lambda: index.sql("SELECT bool_and(complete) FROM older.gateway") == "t", "all rows", every=0.2)
    t.check("an older schema is brought to the newest, and another schema is taken over at a reload",
            index.sql("SELECT count(*) FROM older.audit_sessions") == str(len(place.sqlite("SELECT id FROM session"))))
    index.sql("INSERT INTO older.migration (version, least, program) VALUES (99, 99, 'newer')")
    index.drop_connections()
    process.wait_for(lambda: "a newer postern made the schema" in place.gate.stderr(), "the refusal", every=0.1)
    t.check("a schema that is too new is left alone, and said", place.ready()[1]["shared_index"] == "failed")
    place.gate.config["store"]["postgres"]["schema"] = "postern"
    place.gate.write()
    place.gate.process.send_signal(signal.SIGHUP)
    same(t, index, [place], "a reload goes back")


def namesakes(t, world, cluster, index, places):
    """Another log has the name of one that is published."""
    twin = Place(world, cluster, index, "twin", origin="example/one")
    process.wait_for(lambda: "another log is published under this name" in twin.gate.stderr(), "the refusal", every=0.1)
    t.check("another log of the same name is refused, and said", twin.ready()[1]["shared_index"] == "failed" and twin.ready()[0] == 200)
    same(t, index, places, "and changes nothing")
    with index.connect() as connection:
        connection.execute("SELECT pg_advisory_lock(hashtextextended('postern example/two', 1)) FROM pg_terminate_backend("
                           "(SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND pid IN (SELECT pid FROM pg_stat_activity WHERE "
                           f"usename = '{ROLE}') AND (classid::bigint << 32 | objid::bigint) = hashtextextended('postern example/two', 1)))")
        process.wait_for(lambda: "another process publishes under this name" in places[1].gate.stderr(), "the refusal", every=0.1)
        t.check("so is another process of the same log, as long as one has the name", places[1].ready()[1]["shared_index"] == "failed")
    places[0].gate.stop()
    twin.gate.cli("store", "publish", "--replace")
    twin.name = "one"
    same(t, index, [twin, places[1]], "until it is told to take the name over")
    places[0].gate.start()
    process.wait_for(lambda: "another log is published under this name" in places[0].gate.stderr(), "the refusal", every=0.1)
    t.check("then the other one is refused", places[0].ready()[1]["shared_index"] == "failed")


def main():
    t = tally.Tally()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql(SCHEMA)
        index = Index(world)
        world.callback(index.thaw)
        places = both(t, world, cluster, index)
        roles(t, index)
        frozen(t, index, places, cluster)
        killed(t, index, places)
        starved(t, index, places)
        erased(t, index, places)
        lost(t, index, places)
        older(t, index, places[1])
        namesakes(t, world, cluster, index, places)
    t.finish()


if __name__ == "__main__":
    main()
