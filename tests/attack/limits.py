#!/usr/bin/python3
"""Limits that roll back, against a real server: whatever way a statement takes, and whatever it makes the
server change beside, more rows than `limits.affected_rows` do not stay changed, and the session goes on in
the state that an error leaves. And within the limit, nothing is other than without a gateway.

usage: tests/attack/limits.py [WORD]     WORD: only facts that hold it"""
import asyncio
import io
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import asyncpg
import psycopg
import psycopg2

import gateway
import postgres
import process
import rawpg
import tally
from rawpg import COPY_DONE, FLUSH, SYNC, TERMINATE, bind, close, copy_data, copy_fail, describe, execute, parse, query

ROWS, LIMIT = 5000, 1000
SCHEMA = f"""
CREATE TABLE big (id int PRIMARY KEY, v int);
CREATE TABLE spare (id int, v int);
CREATE TABLE parent (id int PRIMARY KEY);
CREATE TABLE child (id int, parent int REFERENCES parent ON DELETE CASCADE);
CREATE TABLE fires (id int);
CREATE TABLE ruled (id int);
CREATE TABLE parts (id int, v int) PARTITION BY RANGE (id);
CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (2500);
CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (2500) TO (10000);
CREATE VIEW seen AS SELECT id, v FROM big;
CREATE FUNCTION wipe() RETURNS int LANGUAGE plpgsql AS 'DECLARE n int; BEGIN DELETE FROM big; GET DIAGNOSTICS n = ROW_COUNT; RETURN n; END';
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN DELETE FROM big; RETURN NEW; END';
CREATE TRIGGER fires AFTER INSERT ON fires FOR EACH ROW EXECUTE FUNCTION fire();
CREATE RULE ruled AS ON INSERT TO ruled DO ALSO DELETE FROM big;
CREATE PROCEDURE commits() LANGUAGE plpgsql AS 'BEGIN DELETE FROM big; COMMIT; END';
CREATE FUNCTION hides() RETURNS int LANGUAGE plpgsql AS
  'BEGIN DELETE FROM big; EXECUTE ''PREPARE "postern.own" AS SELECT 0''; RETURN 1; END';
CREATE FUNCTION hides_more() RETURNS int LANGUAGE plpgsql AS
  'BEGIN DELETE FROM big; EXECUTE ''DECLARE "postern.own" CURSOR WITH HOLD FOR SELECT 0''; RETURN 1; END';
CREATE FUNCTION backs() RETURNS int LANGUAGE plpgsql AS
  'BEGIN BEGIN DELETE FROM big; RAISE EXCEPTION ''no''; EXCEPTION WHEN OTHERS THEN NULL; END; RETURN 1; END';
"""
FILL = f"""TRUNCATE big, spare, parent, child, fires, ruled, parts;
INSERT INTO big SELECT g, g FROM generate_series(1, {ROWS}) g;
INSERT INTO parent SELECT g FROM generate_series(1, 10) g;
INSERT INTO child SELECT g, 1 + g % 10 FROM generate_series(1, {ROWS}) g;
INSERT INTO parts SELECT g, g FROM generate_series(1, {ROWS}) g;"""
STATE = """SELECT (SELECT count(*) || ',' || coalesce(sum(v), 0) FROM big) || ' ' || (SELECT count(*) FROM spare) || ' ' ||
(SELECT count(*) FROM child) || ' ' || (SELECT count(*) FROM fires) || ' ' || (SELECT count(*) FROM ruled) || ' ' ||
(SELECT count(*) || ',' || sum(v) FROM parts)"""

# What changes five thousand rows, and how.
OVER = {
    "DELETE": "DELETE FROM big",
    "UPDATE": "UPDATE big SET v = v + 1",
    "INSERT … SELECT": f"INSERT INTO spare SELECT g, g FROM generate_series(1, {ROWS}) g",
    "DELETE … RETURNING": "DELETE FROM big RETURNING id, v",
    "a CTE": "WITH gone AS (DELETE FROM big RETURNING id) SELECT count(*) FROM gone",
    "a CTE that nobody reads": "WITH gone AS (DELETE FROM big RETURNING id) SELECT 1",
    "MERGE": "MERGE INTO big USING (SELECT id AS k FROM big) s ON big.id = s.k WHEN MATCHED THEN DELETE",
    "a view": "DELETE FROM seen",
    "a foreign key's cascade": "DELETE FROM parent",
    "a trigger": "INSERT INTO fires VALUES (1)",
    "a rule": "INSERT INTO ruled VALUES (1)",
    "partitions": "UPDATE parts SET v = v + 1",
    "rows that move between partitions": "UPDATE parts SET id = 7000 - id WHERE id < 1900",
    "INSERT … ON CONFLICT": "INSERT INTO big SELECT id, 0 FROM big ON CONFLICT (id) DO UPDATE SET v = 0",
    "EXPLAIN ANALYZE": "EXPLAIN ANALYZE DELETE FROM big",
    "a function": "SELECT wipe()",
    "a function in FROM": "SELECT * FROM wipe()",
    "a function in INSERT": "INSERT INTO spare VALUES (wipe())",
    "CREATE TABLE AS": "CREATE TABLE made AS SELECT wipe()",
}
# What is refused before it runs, since it could not be undone, or not be told what of it was.
NEVER = {
    "CALL": "CALL commits()",
    "DO": "DO 'BEGIN DELETE FROM big; END'",
    "a cursor over a function": "DECLARE c CURSOR FOR SELECT wipe()",
    "several statements": "SELECT 1; DELETE FROM big",
    "several with a transaction in them": "BEGIN; DELETE FROM big; COMMIT",
}


def one(text, values=()):
    return parse(text) + bind(values) + describe("P") + execute()


def limit(config, rows=LIMIT, **more):
    config["policies"] = [{"name": "limited", "who": "any", "allow": ["all"], "record": {"rows": "full"},
                           "limits": {"affected_rows": rows, **more}}]


class Ways:
    """A gateway with a limit, one whose limit nothing reaches, and the server itself."""

    def __init__(self, world):
        self.server = postgres.Cluster(world)
        self.server.sql(SCHEMA)
        self.gate = gateway.Gateway(world, self.server, change=limit)
        self.wide = gateway.Gateway(world, self.server, name="wide", change=lambda c: limit(c, 10**9))
        self.restore()

    def restore(self):
        self.server.sql(FILL)
        self.state = self.server.sql(STATE)

    def is_whole(self):
        return self.server.sql(STATE) == self.state

    def connect(self, gate=None):
        raw = rawpg.Raw((gate or self.gate).port)
        raw.login((gate or self.gate).token(), "agent")
        return raw

    def direct(self):
        raw = rawpg.Raw(self.server.port)
        raw.login(self.server.password)
        return raw

    def dsn(self):
        return {"host": "127.0.0.1", "port": self.gate.port, "user": "agent", "password": self.gate.token(),
                "dbname": "postgres"}


def shows(counted, ways, fact, function):
    if WORD not in fact:
        return

    def run():
        try:
            said, broke = function(), None
        except Exception as error:
            said, broke = False, error
        now, state = ways.server.sql(STATE), ways.state
        if now != state:
            ways.restore()
            raise AssertionError(f"the tables are changed: {now}, not {state}; {broke!r}")
        if broke:
            raise broke
        return said
    counted.run(fact, run)


def expect(messages, code, shape=None):
    got = rawpg.error(messages)
    assert got.get("C") == code, (rawpg.shape(messages), got)
    if shape:
        assert rawpg.shape(messages) == shape, (rawpg.shape(messages), got)
    return True


def goes_on(raw, status):
    """The session is in the state, and does what it is told from there."""
    assert raw.status == status, raw.status
    if status == "E":
        expect(raw.simple("SELECT 1"), "25P02")
        raw.simple("ROLLBACK")
    assert raw.status == "I" and raw.value("SELECT 41 + 1") == "42"
    assert rawpg.error(raw.simple("UPDATE big SET v = v WHERE id = 1")) == {}
    return True


def check_statements(counted, ways):
    for name, text in OVER.items():
        def simple(text=text):
            with ways.connect() as raw:
                expect(raw.simple(text), "53400")
                return goes_on(raw, "I")

        def extended(text=text):
            with ways.connect() as raw:
                raw.send(one(text), SYNC)
                expect(raw.read_until("Z"), "53400")
                return goes_on(raw, "I")

        def in_transaction(text=text):
            with ways.connect() as raw:
                raw.simple("BEGIN")
                raw.simple("UPDATE big SET v = v + 1 WHERE id < 10")
                expect(raw.simple(text), "53400")
                return goes_on(raw, "E")

        def extended_in_transaction(text=text):
            with ways.connect() as raw:
                raw.simple("BEGIN")
                raw.send(one(text), SYNC)
                expect(raw.read_until("Z"), "53400")
                return goes_on(raw, "E")

        def pipelined(text=text):
            with ways.connect() as raw:
                raw.send(one("UPDATE big SET v = 7 WHERE id = 1"), one(text), one("UPDATE big SET v = 8 WHERE id = 2"), SYNC)
                expect(raw.read_until("Z"), "53400")
                return goes_on(raw, "I")

        def behind_an_error(text=text):
            with ways.connect() as raw:
                raw.send(one("SELECT pg_sleep(0.05)"), one("SELECT 1 / 0"), SYNC, one(text), SYNC)
                expect(raw.read_until("Z"), "22012")
                expect(raw.read_until("Z"), "53400")
                return goes_on(raw, "I")

        def behind_an_error_as_query(text=text):
            with ways.connect() as raw:
                raw.send(one("SELECT pg_sleep(0.05)"), one("SELECT 1 / 0"), SYNC, rawpg.query(text))
                expect(raw.read_until("Z"), "22012")
                expect(raw.read_until("Z"), "53400")
                return goes_on(raw, "I")

        def flushed(text=text):
            with ways.connect() as raw:
                raw.send(one(text), FLUSH)
                expect(raw.read_until("EC"), "53400")
                raw.send(one("SELECT 1"), SYNC)
                assert rawpg.shape(raw.read_until("Z")) == "ZI"
                return goes_on(raw, "I")

        def behind_a_commit(text=text):
            with ways.connect() as raw:
                raw.send(one("BEGIN"), one(text), one("COMMIT"), SYNC)
                expect(raw.read_until("Z"), "53400")
                return goes_on(raw, "E")

        def then_leaves(text=text):
            with ways.connect() as raw:
                raw.send(one(text), TERMINATE)
                raw.rest()
            return True

        def then_vanishes(text=text):
            with ways.connect() as raw:
                raw.send(one(text))
            return True

        def by_name(text=text):
            with ways.connect() as raw:
                assert not rawpg.error(raw.simple(f"PREPARE p AS {text}"))
                expect(raw.simple("EXECUTE p"), "53400")
                raw.send(one("EXECUTE p"), SYNC)
                expect(raw.read_until("Z"), "53400")
                return goes_on(raw, "I")
        ways_of = {"simple": simple, "extended": extended, "in a transaction": in_transaction,
                   "extended in a transaction": extended_in_transaction, "in a pipeline": pipelined,
                   "with Flush": flushed, "behind an error and its Sync": behind_an_error,
                   "as a Query behind an error and its Sync": behind_an_error_as_query, "with COMMIT behind it in the pipeline": behind_a_commit,
                   "and Terminate in place of Sync": then_leaves, "and gone before Sync": then_vanishes}
        if not text.startswith(("EXPLAIN", "CREATE")):
            ways_of["by EXECUTE"] = by_name
        for way, function in ways_of.items():
            shows(counted, ways, f"{name}, {way}: nothing is changed", function)


def check_never(counted, ways):
    for name, text in NEVER.items():
        def refused(text=text):
            with ways.connect() as raw:
                expect(raw.simple(text), "0A000", "EZI")
                return goes_on(raw, "I")
        shows(counted, ways, f"{name} is refused where changed rows are limited", refused)

    def call_by_oid():
        with ways.connect() as raw:
            oid = int(raw.value("SELECT 'wipe()'::regprocedure::oid"))
            raw.send(rawpg.message("F", oid.to_bytes(4, "big") + b"\0\0\0\0\0\0"))
            expect(raw.read_until("Z"), "0A000", "EZI")
            return goes_on(raw, "I")
    shows(counted, ways, "a function call by OID is refused where changed rows are limited", call_by_oid)


def check_several(counted, ways):
    def together():
        with ways.connect() as raw:
            raw.simple("BEGIN")
            assert not rawpg.error(raw.simple("DELETE FROM big WHERE id <= 600"))
            assert raw.status == "T"
            expect(raw.simple("DELETE FROM big WHERE id <= 1200"), "53400", "EZE")
            return goes_on(raw, "E")
    shows(counted, ways, "statements of a transaction count together", together)

    def savepoint():
        with ways.connect() as raw:
            raw.simple("BEGIN")
            assert not rawpg.error(raw.simple("DELETE FROM big WHERE id <= 600"))
            raw.simple("SAVEPOINT a")
            expect(raw.simple("DELETE FROM big"), "53400", "EZE")
            raw.simple("ROLLBACK TO a")
            assert raw.status == "T"
            assert not rawpg.error(raw.simple("DELETE FROM big WHERE id <= 700"))
            expect(raw.simple("DELETE FROM big WHERE id <= 1900"), "53400", "EZE")
            return goes_on(raw, "E")
    shows(counted, ways, "a savepoint is not left by more than the limit", savepoint)

    def pipeline():
        with ways.connect() as raw:
            raw.send(*[one(f"DELETE FROM big WHERE id BETWEEN {i * 100 + 1} AND {i * 100 + 100}") for i in range(20)], SYNC)
            expect(raw.read_until("Z"), "53400")
            return goes_on(raw, "I")
    shows(counted, ways, "statements of a pipeline count together", pipeline)

    def transactions():
        """Each Sync ends a transaction, and a server that has nothing to do may begin to count anew behind it."""
        with ways.connect() as raw:
            raw.simple("SELECT pg_sleep(1.1)")
            raw.send(*[one("WITH u AS (UPDATE big SET v = v WHERE id BETWEEN 1 AND 900 RETURNING 1) SELECT count(*) FROM u") + SYNC,
                       one("WITH u AS (UPDATE big SET v = 0 WHERE id BETWEEN 901 AND 2700 RETURNING 1) SELECT count(*) FROM u") + SYNC])
            assert not rawpg.error(raw.read_until("Z"))
            expect(raw.read_until("Z"), "53400")
            return goes_on(raw, "I")
    shows(counted, ways, "transactions of a pipeline count on their own", transactions)

    def flushes():
        with ways.connect() as raw:
            for i in range(10):
                raw.send(one(f"DELETE FROM big WHERE id BETWEEN {i * 100 + 1} AND {i * 100 + 100}"), FLUSH)
                assert rawpg.shape(raw.read_until("CE")) == "12nC"
            raw.send(one("DELETE FROM big WHERE id = 1001"), FLUSH)
            expect(raw.read_until("CE"), "53400", "12nE")
            raw.send(SYNC)
            assert rawpg.shape(raw.read_until("Z")) == "ZI"
            return goes_on(raw, "I")
    shows(counted, ways, "statements that are flushed one by one count together until Sync", flushes)

    def apart():
        with ways.connect() as raw:
            for i in range(4):
                assert rawpg.shape(raw.simple("UPDATE big SET v = v WHERE id <= 1000")) == "CZI"
            raw.simple("BEGIN")
            for i in range(2):
                assert not rawpg.error(raw.simple("UPDATE big SET v = v WHERE id <= 500"))
            raw.simple("COMMIT AND CHAIN")
            assert not rawpg.error(raw.simple("UPDATE big SET v = v WHERE id <= 1000"))
            raw.simple("ROLLBACK")
            assert raw.status == "I"
            return True
    shows(counted, ways, "transactions count apart", apart)

    def hidden():
        with ways.connect() as raw:
            for name in ("hides", "hides_more", "backs"):
                assert rawpg.error(raw.simple(f"SELECT {name}()")).get("C") == "53400", name
                raw.send(one(f"SELECT {name}()"), SYNC)
                assert rawpg.error(raw.read_until("Z")).get("C") == "53400", name
            return goes_on(raw, "I")
    shows(counted, ways, "a function that meddles with the gateway's names, or hides in a subtransaction, hides nothing", hidden)

    def unnamed():
        with ways.connect() as raw:
            raw.send(parse("SELECT 1"), SYNC)
            raw.read_until("Z")
            expect(raw.simple("UPDATE big SET v = 1 / (v - v) WHERE id = 1"), "22012", "EZI")
            raw.send(bind(), execute(), SYNC)
            assert rawpg.shape(raw.read_until("Z")) == "2DCZI"
            raw.send(bind(name="postern.query", portal="x"), execute("x"), SYNC)
            got = rawpg.error(raw.read_until("Z")).get("C")
            assert got in ("26000", "22012"), got
            return goes_on(raw, "I")
    shows(counted, ways, "a simple Query leaves nothing under the client's unnamed statement", unnamed)

    def not_counting():
        with ways.connect() as raw:
            raw.simple("SET track_counts = off")
            expect(raw.simple("INSERT INTO fires VALUES (1)"), "53400", "EZI")
            return True
    shows(counted, ways, "where the server does not count, nothing that is limited stays", not_counting)

    def steps():
        with ways.connect() as raw:
            raw.send(parse("DELETE FROM big RETURNING id"), bind(), execute(rows=5), SYNC)
            expect(raw.read_until("Z"), "53400")
            raw.simple("BEGIN")
            raw.send(parse("DELETE FROM big WHERE id <= 20 RETURNING id"), bind(portal="p"), execute("p", 5), SYNC)
            assert rawpg.shape(raw.read_until("Z")) == "12DDDDDsZT"
            raw.send(execute("p", 5), SYNC)
            assert rawpg.shape(raw.read_until("Z")) == "DDDDDsZT"
            raw.simple("ROLLBACK")
            return goes_on(raw, "I")
    shows(counted, ways, "rows that are fetched in steps are all counted at the first", steps)


LINES = b"".join(b"%d\t%d\n" % (i, i) for i in range(1, ROWS + 1))


def check_copy(counted, ways):
    def simple(begin):
        with ways.connect() as raw:
            if begin:
                raw.simple("BEGIN")
            raw.send(query("COPY spare FROM STDIN"))
            assert rawpg.shape(raw.read_until("GE")) == "G"
            raw.send(copy_data(LINES), COPY_DONE)
            expect(raw.read_until("Z"), "53400", "EZE" if begin else "EZI")
            return goes_on(raw, "E" if begin else "I")
    shows(counted, ways, "COPY FROM STDIN is limited", lambda: simple(False))
    shows(counted, ways, "COPY FROM STDIN in a transaction is limited", lambda: simple(True))

    def extended():
        with ways.connect() as raw:
            raw.send(parse("COPY spare FROM STDIN"), bind(), describe("P"), execute(), SYNC)
            assert rawpg.shape(raw.read_until("GE")) == "12nG"
            raw.send(copy_data(LINES), COPY_DONE, SYNC)
            expect(raw.read_until("Z"), "53400", "EZI")
            return goes_on(raw, "I")
    shows(counted, ways, "extended COPY FROM STDIN is limited", extended)

    def blind():
        with ways.connect() as raw:
            raw.send(parse("COPY spare FROM STDIN"), bind(), execute(), copy_data(LINES), COPY_DONE, SYNC)
            expect(raw.read_until("Z"), "53400", "12GEZI")
            return goes_on(raw, "I")
    shows(counted, ways, "COPY FROM STDIN with its data in one go is limited", blind)

    def gone():
        with ways.connect() as raw:
            raw.send(query("COPY spare FROM STDIN"))
            raw.read_until("G")
            raw.send(copy_data(b"1\t1\n"), COPY_DONE, TERMINATE)
            raw.rest()
        with ways.connect() as raw:
            raw.send(query("COPY spare FROM STDIN"))
            raw.read_until("G")
            raw.send(copy_data(LINES))
        return True
    ways.restore()
    if not WORD:
        gone()
        ways.restore()

    def returning():
        with ways.connect() as raw:
            expect(raw.simple("COPY (DELETE FROM big RETURNING id) TO STDOUT"), "53400", "EZI")
            return goes_on(raw, "I")
    shows(counted, ways, "COPY of what a DELETE returns is limited, and nothing of it comes", returning)

    def by_psql():
        done = subprocess.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", "\\copy spare from stdin"], input=LINES,
                              capture_output=True, env=ways.gate.environment())
        assert done.returncode and b"5000 rows" in done.stderr and b"allows 1000" in done.stderr, done.stderr
        return True
    shows(counted, ways, "psql's \\copy is limited, and the message says the limit and the count", by_psql)


def check_drivers(counted, ways):
    def psycopg_pipeline():
        with psycopg.connect(**ways.dsn(), autocommit=True) as c:
            try:
                with c.pipeline():
                    for i in range(12):
                        c.execute("DELETE FROM big WHERE id BETWEEN %s AND %s", (i * 100 + 1, i * 100 + 100))
                raise AssertionError("not refused")
            except psycopg.Error as error:
                assert error.sqlstate == "53400" or "pipeline" in str(error).lower(), error
            return c.execute("SELECT 42").fetchone() == (42,)
    shows(counted, ways, "psycopg's pipeline is limited as one transaction", psycopg_pipeline)

    def psycopg_many():
        with psycopg.connect(**ways.dsn()) as c:
            try:
                c.cursor().executemany("INSERT INTO spare VALUES (%s, %s)", [(i, i) for i in range(ROWS)])
                raise AssertionError("not refused")
            except psycopg.Error as error:
                assert error.sqlstate == "53400", error
            c.rollback()
            return c.execute("SELECT 42").fetchone() == (42,)
    shows(counted, ways, "psycopg's executemany is limited", psycopg_many)

    def psycopg_copy():
        with psycopg.connect(**ways.dsn()) as c:
            try:
                with c.cursor().copy("COPY spare FROM STDIN") as copy:
                    for i in range(ROWS):
                        copy.write_row((i, i))
                raise AssertionError("not refused")
            except psycopg.Error as error:
                assert error.sqlstate == "53400", error
            c.rollback()
            return c.execute("SELECT 42").fetchone() == (42,)
    shows(counted, ways, "psycopg's copy is limited", psycopg_copy)

    def by_psycopg2():
        c = psycopg2.connect(**ways.dsn())
        try:
            c.cursor().execute("DELETE FROM big")
            raise AssertionError("not refused")
        except psycopg2.Error as error:
            assert error.pgcode == "53400", error
        c.rollback()
        try:
            c.cursor().copy_expert("COPY spare FROM STDIN", io.BytesIO(LINES))
            raise AssertionError("not refused")
        except psycopg2.Error as error:
            assert error.pgcode == "53400", error
        c.close()
        return True
    shows(counted, ways, "psycopg2 is limited", by_psycopg2)

    async def asyncpg_all():
        c = await asyncpg.connect(host="127.0.0.1", port=ways.gate.port, user="agent", password=ways.gate.token(),
                                  database="postgres", ssl=False)
        rows = [(i, i) for i in range(ROWS)]
        for attempt in (lambda: c.execute("DELETE FROM big"), lambda: c.fetch("DELETE FROM big RETURNING id"),
                        lambda: c.executemany("INSERT INTO spare VALUES ($1, $2)", rows),
                        lambda: c.copy_records_to_table("spare", records=rows)):
            try:
                await attempt()
                raise AssertionError("not refused")
            except asyncpg.PostgresError as error:
                assert error.sqlstate == "53400", error
        assert await c.fetchval("SELECT 42") == 42
        assert await c.executemany("UPDATE big SET v = v + $1 WHERE id = $2", [(0, i) for i in range(900)]) is None
        await c.close()
        return True
    shows(counted, ways, "asyncpg is limited, in executemany and copy too", lambda: asyncio.run(asyncpg_all()))


# Within the limit: every message as without a gateway. What is sent, piece by piece; after each that ends in
# an asterisk everything up to ReadyForQuery (or G) is read.
SAME = {
    "DELETE": [query("DELETE FROM big WHERE id < 4")],
    "RETURNING": [query("UPDATE big SET v = 1 WHERE id < 4 RETURNING id, v, 'x' AS \"ü\"")],
    "a failing statement": [query("UPDATE big SET v = 1 / (v - v) WHERE id < 4")],
    "a statement that does not parse for its names": [query("DELETE FROM nowhere")],
    "in a transaction": [query("BEGIN"), query("DELETE FROM big WHERE id < 4"), query("DELETE FROM nowhere"),
                         query("DELETE FROM big"), query("ROLLBACK")],
    "COMMIT": [query("BEGIN"), query("UPDATE big SET v = v WHERE id < 4"), query("COMMIT")],
    "a pipeline": [one("UPDATE big SET v = v WHERE id < 4") + one("SELECT 1") + one("INSERT INTO spare VALUES (1, 1)") + SYNC],
    "a pipeline that fails": [one("UPDATE big SET v = v WHERE id < 4") + one("SELECT 1/0") + one("DELETE FROM big") + SYNC],
    "a pipeline whose last fails": [one("UPDATE big SET v = v WHERE id < 4") + one("UPDATE big SET v = 1 / (v - v)") + SYNC],
    "a pipeline with a transaction in it": [one("BEGIN") + one("UPDATE big SET v = v WHERE id < 4") + one("COMMIT") + SYNC],
    "two pipelines at once": [one("UPDATE big SET v = v WHERE id < 4") + SYNC + one("UPDATE big SET v = v WHERE id < 6") + SYNC],
    "a Query behind a pipeline": [one("UPDATE big SET v = v WHERE id < 4") + query("SELECT 1")],
    "a named statement": [parse("UPDATE big SET v = v WHERE id < $1 RETURNING id", "n") + describe("S", "n") + SYNC,
                          bind((b"3",), name="n") + execute() + bind((b"5",), name="n") + execute() + SYNC],
    "COPY": [query("COPY spare FROM STDIN"), copy_data(b"1\t1\n") + copy_data(b"2\t2\n") + COPY_DONE],
    "COPY that the client fails": [query("COPY spare FROM STDIN"), copy_data(b"1\t1\n") + copy_fail("enough")],
    "COPY of rubbish": [query("COPY spare FROM STDIN"), copy_data(b"x\ty\n") + COPY_DONE],
    "COPY that fails at once": [query("COPY nowhere FROM STDIN")],
    "COPY in one go": [parse("COPY spare FROM STDIN") + bind() + execute() + copy_data(b"1\t1\n") + COPY_DONE + SYNC],
    "COPY as libpq does it": [parse("COPY spare FROM STDIN") + bind() + describe("P") + execute() + SYNC,
                              copy_data(b"1\t1\n") + COPY_DONE + SYNC],
    "COPY behind an INSERT": [one("INSERT INTO spare VALUES (1, 1)") + parse("COPY spare FROM STDIN") + bind() + execute() + SYNC,
                              copy_data(b"1\t1\n") + COPY_DONE + SYNC],
    "a refcursor's life": [query("BEGIN"), query("DECLARE c CURSOR FOR SELECT id FROM big ORDER BY id"), query("FETCH 2 FROM c"),
                           query("MOVE 3 FROM c"), query("DELETE FROM big WHERE CURRENT OF c"), query("CLOSE c"), query("ROLLBACK")],
    "a function": [query("SELECT backs() FROM generate_series(1, 0)")],
    "a notice": [query("CREATE TABLE IF NOT EXISTS big (id int)"), query("INSERT INTO spare VALUES (1)")],
    "a parameter in a simple Query's place": [query("DELETE FROM big WHERE id = 1 AND false")],
    "an empty batch": [SYNC + SYNC],
    "EXPLAIN": [query("EXPLAIN (COSTS off) DELETE FROM big")],
    "nextval": [query("CREATE TEMP SEQUENCE q"), query("SELECT nextval('q'), setval('q', 9)")],
    "many": [b"".join(one(f"UPDATE big SET v = v WHERE id = {i}") for i in range(700)) + SYNC],
    "big rows": [query("INSERT INTO spare VALUES (1, 1) RETURNING repeat('x', 300000)")],
    "EXECUTE": [query("PREPARE e AS UPDATE big SET v = v WHERE id < $1"), query("EXECUTE e(4)"), query("DEALLOCATE e")],
    "SELECT INTO": [query("SELECT 1 AS a INTO TEMP made_now"), query("INSERT INTO made_now VALUES (2)")],
}


def converse(raw, pieces):
    seen = []
    for piece in pieces:
        raw.send(piece)
        wanted = piece.count(SYNC) if piece[-5:] == SYNC else 1
        while wanted:
            got = raw.read_until("ZG")
            seen += [(kind, rawpg.fields(body) if kind in "EN" else body) for kind, body in got]
            wanted = wanted - 1 if got[-1][0] == "Z" else 0
            if got[-1][0] == "":
                break
    for kind, body in seen:
        if kind == "E":  # where in the server's source it arose may differ
            for letter in "FLRP" + ("D" if "request " in body.get("D", "") else ""):
                body.pop(letter, None)
    return seen


def check_same(counted, ways):
    for name, pieces in SAME.items():
        def same(pieces=pieces):
            ways.restore()
            with ways.direct() as raw:
                wanted = converse(raw, pieces)
            ways.server.sql("CHECKPOINT")
            between = ways.server.sql(STATE)
            ways.restore()
            with ways.connect(ways.wide) as raw:
                got = converse(raw, pieces)
                after = raw.status
            assert ways.server.sql(STATE) == between, "the tables differ"
            ways.restore()
            assert got == wanted, (rawpg.shape([(k, b if isinstance(b, bytes) else b"") for k, b in got]),
                                   rawpg.shape([(k, b if isinstance(b, bytes) else b"") for k, b in wanted]),
                                   [b for k, b in got if k == "E"], [b for k, b in wanted if k == "E"])
            return after is not None
        shows(counted, ways, f"within the limit, all is as without a gateway: {name}", same)


def check_record(counted, ways):
    def told():
        with ways.connect() as raw:
            raw.simple("DELETE FROM big /* told */")
            raw.simple("UPDATE big SET v = v WHERE id = 1 /* stays */")
            raw.send(TERMINATE)
            raw.rest()
        def ended():
            for session in ways.gate.sessions():
                events = ways.gate.replay(session)
                if all(any(word in str(e) for e in events) for word in ("told", "stays")) and \
                        sum("how" in e for e in events) >= 2:
                    return session, events
            return None
        for session, events in [process.wait_for(ended, "the session in the record")]:
            ends = [e["how"] for e in events if e.get("event") == "complete" or e.get("type") == "complete" or "how" in e]
            errors = [e for e in events if "5000 rows" in str(e)]
            assert ends == ["undone", "completed"], (ends, events)
            assert errors, events
            text = ways.gate.cli("sessions", "replay", session).stdout
            assert "undone" in text and "5000 rows" in text, text
            return True
        raise AssertionError("no such session in the record")
    shows(counted, ways, "the record says that the statement ran and was undone, and how many rows it would have changed", told)

    def verifies():
        good, said = ways.gate.verify()
        assert good, said
        return True
    shows(counted, ways, "the record verifies", verifies)


def main():
    counted = tally.Tally(verbose=bool(WORD))
    with process.World() as world:
        ways = Ways(world)
        for check in (check_statements, check_never, check_several, check_copy, check_drivers, check_same, check_record):
            check(counted, ways)
        counted.check("the gateways are still there", ways.gate.alive() and ways.wide.alive())
    counted.finish()


WORD = sys.argv[1] if len(sys.argv) > 1 else ""
if __name__ == "__main__":
    main()
