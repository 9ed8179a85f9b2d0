#!/usr/bin/python3
"""Statements that mean one thing to whoever reads them and could mean another to the server: the gateway must
judge what the server does. Each effect is looked for in the database itself.

usage: tests/views/meaning.py"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally
from rawpg import SYNC, bind, execute, parse
from views import Session, code

FIXTURE = f"""
CREATE ROLE app LOGIN PASSWORD '{postgres.PASSWORD}';
CREATE SCHEMA app AUTHORIZATION app;
CREATE SCHEMA other AUTHORIZATION app;
GRANT CREATE ON SCHEMA public TO app;
GRANT TEMPORARY, CREATE ON DATABASE postgres TO app;
CREATE EXTENSION postgres_fdw;
CREATE SERVER itself FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '127.0.0.1', port '%PORT', dbname 'postgres');
GRANT USAGE ON FOREIGN SERVER itself TO app;
CREATE SEQUENCE public.tickets OWNED BY NONE;
GRANT ALL ON public.tickets TO app;
SET ROLE app;
CREATE TABLE public.orders (id int PRIMARY KEY, what text);
INSERT INTO public.orders SELECT n, 'order ' || n FROM generate_series(1, 100) n;
CREATE TABLE public.notes (id int, what text);
CREATE TABLE public.ran (what text);
CREATE FUNCTION public.runs(value text) RETURNS boolean LANGUAGE plpgsql AS
    $$BEGIN INSERT INTO public.ran VALUES (value); RETURN true; END$$;
CREATE DOMAIN public.watched AS text CHECK (public.runs(VALUE));
CREATE DOMAIN public.plain AS text CHECK (length(VALUE) < 100);
CREATE TYPE public.pair AS (a int, b public.watched);
CREATE TABLE public.holders (id int, b public.watched);
CREATE FOREIGN TABLE public.far (id int, what text) SERVER itself OPTIONS (table_name 'orders');
CREATE TABLE public.split (id int, what text) PARTITION BY RANGE (id);
CREATE FOREIGN TABLE public.split_far PARTITION OF public.split FOR VALUES FROM (0) TO (1000)
    SERVER itself OPTIONS (table_name 'notes');
RESET ROLE;
CREATE USER MAPPING FOR app SERVER itself OPTIONS (user 'app', password '{postgres.PASSWORD}');
"""

POLICY = {
    "name": "agents", "who": "any", "record": {"rows": "full", "on_failure": "deny"},
    "allow": [{"effects": ["read"], "relations": ["public.*"]},
              {"effects": ["write", "update", "delete"], "relations": ["public.orders", "public.notes",
               "public.far", "public.split"]}],
    "limits": {"affected_rows": 10},
}


def clean(cluster):
    """What stands in the database that a way around would have changed."""
    return cluster.sql("SELECT (SELECT count(*) FROM public.orders), (SELECT count(*) FROM public.ran), "
                       "(SELECT last_value FROM public.tickets), (SELECT count(*) FROM public.notes)")


class Watch:
    def __init__(self, t, cluster):
        self.t, self.cluster, self.was = t, cluster, clean(cluster)

    def held(self, title, answer, wanted=None):
        now = clean(self.cluster)
        self.t.check(title, now == self.was and (wanted is None or code(answer) == wanted), (self.was, now, answer))
        self.was = now


def literals(t, g, cluster):
    """Texts that differ in literals only share what was found of them, and nothing else."""
    s = Session(g)
    for n in (1, 2, 33):
        answer = s.query(f"DELETE FROM orders WHERE id = {n}")
        t.check(f"a limited DELETE runs with its own literal ({n})", code(answer) is None, answer)
        gone = cluster.sql(f"SELECT count(*) FROM public.orders WHERE id = {n}")
        t.check(f"and deletes that row ({n})", gone == "0", gone)
    watch = Watch(t, cluster)
    watch.held("one that is over the limit is undone", s.query("DELETE FROM orders WHERE id > 5"), "53400")
    watch.held("under any literal", s.query("DELETE FROM orders WHERE id > 4"), "53400")
    s.query("INSERT INTO notes VALUES (1, 'first')")
    s.query("INSERT INTO notes VALUES (2, 'second')")
    t.check("an INSERT inserts its own", cluster.sql("SELECT string_agg(what, ' ' ORDER BY id) FROM public.notes") ==
            "first second")
    answer = s.query("UPDATE notes SET what = 'é' WHERE id = 'x'")
    other = s.query("UPDATE notes SET what = 'ééé' WHERE id = 'yy'")
    t.check("an error's place is counted in the text that failed", [a[1].get("P") for a in (answer, other)] ==
            ["40", "42"], (answer, other))


def types(t, g, cluster):
    """The types of a Parse's parameters run code that no word of the text names."""
    oid = {name: int(cluster.sql(f"SELECT 'public.{name}'::regtype::oid"))
           for name in ("watched", "plain", "pair", "watched[]", "holders", "orders")}
    values = {"watched": b"x", "pair": b"(1,x)", "watched[]": b"{x}", "holders": b"(1,x)", "plain": b"x",
              "orders": b"(1,x)"}
    watch = Watch(t, cluster)
    for name in ("watched", "pair", "watched[]", "holders"):
        for text in ("SELECT 1", "SELECT $1", "BEGIN", "SET search_path TO public"):
            s = Session(g)
            answer = s.send(parse(text, types=[oid[name]]), bind([values[name]]), execute(), SYNC)
            watch.held(f"a parameter of type {name} runs nothing with {text}", answer, "42501")
    s = Session(g)
    s.query("BEGIN")
    s.query("SELECT 1/0")
    answer = s.send(parse("ROLLBACK", "late", types=[oid["watched"]]), SYNC)
    s.query("ROLLBACK")
    s.send(bind([b"x"], name="late"), execute(), SYNC)
    watch.held("nor where it was prepared in a transaction that had failed", answer)
    for name in ("plain", "orders"):
        s = Session(g)
        answer = s.send(parse("SELECT 1", types=[oid[name]]), bind([values[name]]), execute(), SYNC)
        t.check(f"one of type {name}, which runs nothing, is fine", answer == ([["1"]], None), answer)
    answer = Session(g).send(parse("SELECT 1", types=[4000000]), SYNC)
    t.check("one of a type that is not there is refused", code(answer) == "42501", answer)


def sequences(t, g, cluster):
    """A sequence is changed by functions that take its name as a value."""
    watch = Watch(t, cluster)
    for text in ("SELECT setval('tickets', 7)", "SELECT setval('public.tickets'::regclass, 7)",
                 "SELECT setval(('tick' || 'ets')::regclass, 7)", "SELECT setval(to_regclass('tickets'), 7)",
                 "SELECT setval(name::regclass, 7) FROM (VALUES ('tickets')) v (name)",
                 "SELECT setval((SELECT 'tickets'::regclass), 7)", "SELECT nextval(('tickets' || '')::regclass)",
                 "INSERT INTO notes VALUES (setval(('tick' || 'ets')::regclass, 8), 'x')",
                 "UPDATE notes SET id = nextval(concat('tick', 'ets')::regclass) WHERE id = 1",
                 "SELECT o.id FROM orders o ORDER BY setval(('tick' || 'ets')::regclass, 9) LIMIT 1"):
        watch.held(f"it stays as it is: {text}", Session(g).query(text), "42501")
    s = Session(g)
    answer = s.send(parse("SELECT setval($1, 7)"), bind([b"tickets"]), execute(), SYNC)
    watch.held("and where the name is a parameter", answer, "42501")


def counting(t, g, cluster):
    """What is limited is counted, however it is brought about."""
    watch = Watch(t, cluster)
    explain = "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF)"
    for text in ("DELETE FROM orders WHERE id > 5", "UPDATE orders SET what = '' WHERE id > 5",
                 "INSERT INTO notes SELECT id, what FROM orders",
                 "WITH gone AS (DELETE FROM orders WHERE id > 5 RETURNING id) SELECT count(*) FROM gone",
                 "MERGE INTO orders o USING (SELECT 1) n ON o.id > 5 WHEN MATCHED THEN DELETE"):
        s = Session(g)
        for way in (text, f"{explain} {text}"):
            watch.held(f"over the limit: {way}", s.query(way), "53400")
        s.query(f"PREPARE p AS {text}")
        for way in ("EXECUTE p", f"{explain} EXECUTE p"):
            watch.held(f"prepared, {way}: {text}", s.query(way), "53400")
        s.send(parse(text, "q"), SYNC)
        for way in ("EXECUTE q", f"{explain} EXECUTE q"):
            watch.held(f"prepared by a message, {way}: {text}", s.query(way), "53400")
        watch.held(f"bound and executed: {text}", s.send(bind(name="q"), execute(), SYNC), "53400")
        watch.held(f"row by row: {text}", s.send(bind(name="q"), execute("", 1), SYNC), "53400")


def elsewhere(t, g, cluster):
    """Rows of a foreign table are not counted by this server, and may not be undone."""
    watch = Watch(t, cluster)
    for text in ("DELETE FROM far WHERE id > 5", "UPDATE far SET what = '' WHERE id = 5",
                 "INSERT INTO far VALUES (101, 'x')", "INSERT INTO split VALUES (500, 'x')",
                 "WITH gone AS (DELETE FROM far RETURNING id) SELECT count(*) FROM gone",
                 "PREPARE p AS DELETE FROM far", "EXPLAIN ANALYZE DELETE FROM far"):
        watch.held(f"not changed where rows are limited: {text}", Session(g).query(text), "0A000")
    answer = Session(g).query("SELECT count(*) FROM far")
    t.check("and read all the same", answer[1] is None and answer[0] == [[watch.was.split("|")[0]]], answer)


def main():
    t = tally.Tally()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql(FIXTURE.replace("%PORT", str(cluster.port)))
        g = gateway.Gateway(world, cluster, change=lambda config: config.update(policies=[POLICY]), user="app")
        for group in (literals, types, sequences, counting, elsewhere):
            t.run(group.__name__, group, t, g, cluster)
        t.check("the gateway lives", g.alive(), g.stderr())
        good, says = g.verify()
        t.check("the record verifies", good, says)
    t.finish()


if __name__ == "__main__":
    main()
