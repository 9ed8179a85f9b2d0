#!/usr/bin/python3
"""Sessions whose statements are understood in a view of the catalogue, on a real server: search paths,
temporary tables, transactions that change the schema, and what others change meanwhile.

usage: tests/views/views.py"""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally
from rawpg import SYNC, bind, describe, execute, parse, query

FIXTURE = f"""
CREATE ROLE app LOGIN PASSWORD '{postgres.PASSWORD}';
CREATE SCHEMA app AUTHORIZATION app;
CREATE SCHEMA other AUTHORIZATION app;
GRANT CREATE ON SCHEMA public TO app;
GRANT TEMPORARY, CREATE ON DATABASE postgres TO app;
SET ROLE app;
CREATE TABLE public.orders (id int PRIMARY KEY, what text);
INSERT INTO public.orders VALUES (1, 'one'), (2, 'two');
CREATE TABLE public.things (id int, name text);
INSERT INTO public.things VALUES (1, 'public');
CREATE TABLE other.things (id int, name text);
INSERT INTO other.things VALUES (1, 'other');
CREATE TABLE public.secrets (id int, what text);
INSERT INTO public.secrets VALUES (1, 'secret');
CREATE VIEW public.peek AS SELECT what FROM public.secrets;
CREATE SEQUENCE public.tickets;
CREATE SEQUENCE public.numbers;
CREATE SCHEMA scratch AUTHORIZATION app;
CREATE TABLE public.kept (id int);
CREATE TABLE scratch.kept (id int);
CREATE FUNCTION public.tell(int) RETURNS text LANGUAGE sql AS $$SELECT what FROM public.secrets$$;
CREATE FUNCTION public.fine(int) RETURNS text LANGUAGE sql AS $$SELECT 'fine'::text$$;
CREATE FUNCTION other.fine(int) RETURNS text LANGUAGE sql AS $$SELECT what FROM public.secrets$$;
CREATE TYPE public.mood AS ENUM ('good');
CREATE FUNCTION public.mood_text(public.mood) RETURNS text LANGUAGE sql AS $$SELECT what FROM public.secrets$$;
CREATE CAST (public.mood AS text) WITH FUNCTION public.mood_text(public.mood) AS ASSIGNMENT;
CREATE TYPE public.shade AS ENUM ('dark');
CREATE FUNCTION public.shades(public.shade, public.shade) RETURNS boolean LANGUAGE sql AS $$SELECT EXISTS (SELECT FROM public.secrets)$$;
CREATE OPERATOR public.= (LEFTARG = public.shade, RIGHTARG = public.shade, FUNCTION = public.shades);
CREATE TABLE public.painted (id int, shade public.shade);
INSERT INTO public.painted VALUES (1, 'dark');
CREATE FUNCTION public.like_it(text) RETURNS public.shade IMMUTABLE LANGUAGE sql AS $$SELECT 'dark'::public.shade$$;
CREATE DOMAIN public.label AS text;
DO $$BEGIN FOR n IN 1..2100 LOOP EXECUTE format('CREATE SEQUENCE public.many_%s', n); END LOOP; END$$;
CREATE FUNCTION public.moves() RETURNS int LANGUAGE sql AS $$SELECT length(set_config('search_path', 'other', false))$$;
"""

POLICY = {
    "name": "p", "who": "any", "record": {"rows": "full", "on_failure": "deny"},
    "allow": ["all"],
    "deny": [{"name": "no-secrets", "relations": ["public.secrets"]}],
}
# What may not call code, and change the schema in one place only.
NARROW = {
    "name": "n", "who": "any", "record": {"rows": "full", "on_failure": "deny"},
    "allow": ["read", "write", "update", "delete",
              {"effects": ["schema", "maintenance"], "relations": ["scratch.*"]}],
    "trust": {"functions": ["public.fine", "public.like_it"]},
    "deny": [{"name": "no-secrets", "relations": ["public.secrets", "public.tickets"]}],
}


class Session:
    """Simple queries; each answer is (rows as texts, fields of the error or None)."""

    def __init__(self, g, **parameters):
        self.raw = rawpg.Raw(g.port)
        seen = self.raw.login(g.token(), **parameters)
        if seen[-1][0] != "Z":
            raise process.Failed(str(seen))

    def query(self, text):
        self.raw.send(query(text))
        return self.answer()

    def send(self, *messages):
        self.raw.send(*messages)
        return self.answer()

    def answer(self):
        rows, error = [], None
        for kind, body in self.raw.read_until("Z"):
            if kind == "D":
                rows.append([value.decode() if value is not None else None for value in rawpg.columns(body)])
            elif kind == "E" and error is None:
                error = rawpg.fields(body)
        return rows, error

    def value(self, text):
        rows, error = self.query(text)
        return rows[0][0] if rows else error["C"] if error else None


def code(answer):
    return answer[1] and answer[1]["C"]


def until(ask, good):
    """The answer once it is as it should be; what it is after a long time where it never is."""
    end = time.monotonic() + process.PATIENCE
    while not good(answer := ask()) and time.monotonic() < end:
        time.sleep(0.2)
    return answer


def names(t, g):
    s = Session(g)
    t.check("a relation is read under its bare name", s.value("SELECT what FROM orders WHERE id = 2") == "two")
    answer = s.query("SELECT what FROM secrets")
    t.check("one that is denied is refused under its bare name", code(answer) == "42501", answer)
    answer = s.query("SELECT * FROM peek")
    t.check("and through a view", code(answer) == "42501", answer)
    answer = s.query("SELECT * FROM nowhere")
    t.check("a name that is not there is refused as the server would", code(answer) == "42P01" and "nowhere" in
            answer[1]["M"], answer)
    answer = s.query("SELECT 'é', id, sum(what) FROM orders")
    t.check("a place in an error is counted in the client's text", answer[1]["P"] == "17", answer)
    for n in (1, 2):
        answer = s.query(f"SELECT {n}000{n}, sum(what) FROM orders, things")
        t.check(f"also in texts that differ in literals only ({n})", answer[1]["P"] == "15", answer)
    answer = s.query("SELECT 'é', id FRM orders")
    t.check("what the grammar rejects is refused with its words and the place", code(answer) == "42501" and
            'syntax error at or near "orders"' in answer[1]["M"] and answer[1]["P"] == "20", answer)
    answer = s.query("ALTER ROLE app PASSWORD 'hunter22' 'hunter22'")
    t.check("but not where these would quote a password", code(answer) == "42501" and "hunter22" not in str(answer), answer)
    t.check("texts that differ in literals only get their own", [s.value(f"SELECT what FROM orders WHERE id = {n}")
            for n in (1, 2, 1)] == ["one", "two", "one"])


def paths(t, g):
    s = Session(g)
    t.check("a bare name follows the search path", s.value("SELECT name FROM things") == "public")
    s.query("SET search_path TO other, public")
    t.check("and its change", s.value("SELECT name FROM things") == "other")
    s.query("BEGIN")
    s.query("SET LOCAL search_path TO public")
    t.check("and one for a transaction", s.value("SELECT name FROM things") == "public")
    s.query("COMMIT")
    t.check("which ends with it", s.value("SELECT name FROM things") == "other")
    s.query("BEGIN")
    s.query("SET search_path TO public")
    s.query("ROLLBACK")
    t.check("a change that is rolled back is none", s.value("SELECT name FROM things") == "other")
    s.query("SELECT set_config('search_path', 'public', false)")
    t.check("set_config is as good as SET", s.value("SELECT name FROM things") == "public")
    s.query("RESET search_path")
    s.query("BEGIN")
    s.query("SAVEPOINT a")
    s.query("SET search_path TO other")
    t.check("a savepoint's path", s.value("SELECT name FROM things") == "other")
    s.query("ROLLBACK TO a")
    t.check("ends with the savepoint", s.value("SELECT name FROM things") == "public")
    s.query("ROLLBACK")
    s.query("SELECT moves()")
    t.check("a function may move the path", s.value("SELECT name FROM things") == "other")
    one = Session(g, options="-c search_path=other")
    t.check("a path given at the start counts", one.value("SELECT name FROM things") == "other")


def temporary(t, g):
    s = Session(g)
    s.query("CREATE TEMP TABLE things (id int, name text)")
    s.query("INSERT INTO things VALUES (1, 'temp')")
    t.check("a temporary table stands before others", s.value("SELECT name FROM things") == "temp")
    t.check("and the other is there under its schema", s.value("SELECT name FROM public.things") == "public")
    s.query("CREATE TEMP TABLE secrets AS SELECT 'mine'::text AS what")
    t.check("one of a denied name is the session's own", s.value("SELECT what FROM secrets") == "mine")
    s.query("DROP TABLE pg_temp.secrets")
    t.check("until it is gone", s.value("SELECT what FROM secrets") == "42501")
    s.query("BEGIN")
    s.query("CREATE TEMP TABLE orders (id int, what text) ON COMMIT DROP")
    t.check("one that ends with the transaction is seen in it", s.query("SELECT what FROM orders") == ([], None))
    s.query("COMMIT")
    t.check("and not after it", s.value("SELECT what FROM orders WHERE id = 1") == "one")
    s.query("DISCARD ALL")
    t.check("DISCARD ALL takes temporary tables away", s.value("SELECT name FROM things") == "public")


def transactions(t, g):
    s = Session(g)
    s.query("BEGIN")
    s.query("CREATE TABLE fresh (id int)")
    answer = s.query("INSERT INTO fresh VALUES (1)")
    t.check("a table made in a transaction is there for it", code(answer) is None, answer)
    other = Session(g)
    t.check("and for nobody else", other.value("SELECT id FROM fresh") == "42P01")
    s.query("COMMIT")
    t.check("once committed it is, at once", other.value("SELECT id FROM fresh") == "1")
    s.query("BEGIN")
    s.query("ALTER TABLE fresh RENAME TO renamed")
    t.check("a rename counts in its transaction", s.value("SELECT id FROM renamed") == "1")
    t.check("and the old name is gone there", s.value("SELECT id FROM fresh") == "42P01")
    t.check("an error fails the transaction", s.raw.status == "E")
    answer = s.query("SELECT 1")
    t.check("a failed transaction is refused by the server", code(answer) == "25P02", answer)
    answer = s.query("ROLLBACK; SELECT what FROM secrets")
    t.check("what stands behind its end in one text is not judged without a view", code(answer) in ("55000", "42501"),
            answer)
    s.query("ROLLBACK")
    t.check("what was rolled back is as it was", s.value("SELECT id FROM fresh") == "1")
    answer = s.query("CREATE TABLE quick (id int)"), s.query("INSERT INTO quick VALUES (7)"), s.query("SELECT id FROM quick")
    t.check("without a transaction, each sees the last", answer[2][0] == [["7"]], answer)
    answer = s.query("CREATE TABLE several (id int); INSERT INTO several VALUES (8); SELECT id FROM several")
    t.check("in one text, too", answer[0] == [["8"]], answer)
    s.query("BEGIN")
    answer = s.query("ALTER TABLE secrets RENAME TO open_secrets")
    t.check("a denied relation cannot be renamed away", code(answer) == "42501", answer)
    s.query("ROLLBACK")
    s.query("BEGIN")
    answer = s.query("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE")
    t.check("nothing is asked between BEGIN and SET TRANSACTION", code(answer) is None, answer)
    s.query("COMMIT")
    s.query("SET search_path TO other, public")
    s.query("BEGIN")
    answer = s.query("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    t.check("nor where the view has to be asked for afresh", code(answer) is None, answer)
    t.check("which happens with the next name", s.value("SELECT name FROM things") == "other")
    s.query("COMMIT")
    s.query("RESET search_path")
    s.query("DROP TABLE fresh, quick, several")


def others(t, g, cluster):
    s = Session(g)
    s.value("SELECT 1 FROM orders")
    cluster.sql("CREATE TABLE public.late (id int); GRANT ALL ON public.late TO app; INSERT INTO public.late VALUES (3)")
    t.check("a table that somebody else made a moment ago is found", s.value("SELECT id FROM late") == "3")
    s.raw.send(parse("SELECT id FROM late", "p"), bind(name="p"), execute(), SYNC)
    t.check("and prepared", s.answer()[0] == [["3"]])
    cluster.sql("ALTER TABLE public.late RENAME TO late_before; ALTER TABLE public.secrets RENAME TO late")
    cluster.wait_for_looks()
    answer = until(lambda: s.query("SELECT * FROM late"), lambda answer: code(answer) is None)
    t.check("a name that has come to stand for something else is judged as that", code(answer) is None, answer)
    cluster.sql("ALTER TABLE public.late RENAME TO secrets")
    cluster.sql("ALTER TABLE public.late_before RENAME TO late; ALTER TABLE public.late SET SCHEMA other")
    cluster.wait_for_looks()
    answer = until(lambda: s.send(bind(name="p"), execute(), SYNC), lambda answer: code(answer) in ("42P01", "0A000"))
    t.check("a prepared statement whose names are gone is refused", code(answer) in ("42P01", "0A000"), answer)
    s.query("SET search_path TO other, public")
    answer = s.send(bind(name="p"), execute(), SYNC)
    t.check("one whose names stand for something else is to be prepared again, in words that drivers know",
            code(answer) == "0A000" and answer[1].get("R") == "RevalidateCachedQuery", answer)
    s.raw.send(parse("SELECT id FROM late", "q"), bind(name="q"), execute(), SYNC)
    t.check("which then works", s.answer()[0] == [["3"]])
    cluster.sql("DROP TABLE other.late")


def ended(t, g, cluster):
    """The server ends the gateway's own connection while nobody needs it, and while somebody does."""
    end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'app'"
    time.sleep(11)  # what was looked at longer ago than ten seconds is not used without another look
    cluster.sql(end)
    s = Session(g)
    t.check("who comes next has a catalogue", s.value("SELECT count(*) >= 0 FROM orders") == "t")
    cluster.sql(f"{end} AND pid <> {s.value('SELECT pg_backend_pid()')}")
    t.check("who is there keeps one", s.value("SELECT count(*) >= 0 FROM orders") == "t")
    s.raw.socket.close()


def pipelines(t, g):
    s = Session(g)
    answer = s.send(parse("SET search_path TO other"), bind(), execute(), parse("SELECT name FROM things"), bind(),
                    execute(), SYNC)
    t.check("a name behind a change of names in one pipeline is what it is then", answer == ([["other"]], None), answer)
    s.query("BEGIN")
    answer = s.send(*[m for text in ("CREATE TEMP TABLE mine (id int)", "INSERT INTO mine VALUES (7)", "SELECT id FROM mine",
                                     "ALTER TABLE mine RENAME TO yours", "SELECT id FROM yours")
                      for m in (parse(text), bind(), execute())], SYNC)
    t.check("so are temporary tables that are made in it", answer == ([["7"], ["7"]], None), answer)
    s.query("ROLLBACK")
    s.query("SET search_path TO public")
    answer = s.send(parse("SET search_path TO other"), bind(), execute(), parse("SELECT 1/0"), bind(), execute(),
                    parse("SELECT name FROM things"), bind(), execute(), SYNC)
    t.check("an error before it is the batch's", code(answer) == "22012" and not answer[0], answer)
    t.check("and undoes the change", s.value("SELECT name FROM things") == "public")
    s.query("RESET search_path")
    s.raw.send(query("SET search_path TO other"), query("SELECT name FROM things"), query("RESET search_path"),
               query("SELECT name FROM things"))
    answers = [s.answer()[0] for _ in range(4)]
    t.check("queries sent ahead wait for the view of their turn", answers == [[], [["other"]], [], [["public"]]], answers)
    answer = s.send(parse("BEGIN"), bind(), execute(), parse("SELECT name FROM things"), bind(), execute(), SYNC)
    t.check("BEGIN and a statement in one pipeline need no wait", answer[0] == [["public"]], answer)
    s.query("COMMIT")


def long_texts(t, g):
    s = Session(g)
    s.query("CREATE TEMP TABLE bulk (id int, name text)")
    for size in (20_000, 200_000, 1_000_000):
        n = size // 20
        text = "INSERT INTO bulk VALUES " + ", ".join(f"({i}, 'x{i}')" for i in range(n))
        began = time.monotonic()
        answer = s.query(text)
        took = time.monotonic() - began
        t.check(f"an INSERT of {len(text)} bytes is judged in the view ({took * 1000:.0f} ms)",
                code(answer) is None and s.value("SELECT count(*) FROM bulk") == str(n), answer)
        s.query("TRUNCATE bulk")
    answer = s.query("SELECT '" + "x" * 20000 + "' FROM secrets")
    t.check("a long text does not get around a denial", code(answer) == "42501", answer)
    answer = s.query("SELECT count(*) FROM orders WHERE what = 'password' AND 'password=hunter22' <> what")
    t.check("a text with a password is judged in the view", code(answer) is None, answer)


def around(t, g, cluster):
    """Ways around a denial that name nothing denied."""
    s = Session(g)
    t.check("a sequence is used", s.value("SELECT nextval('numbers')") == "1")
    oid = cluster.sql("SELECT 'public.tickets'::regclass::oid")
    for text in ("SELECT nextval('tickets')", f"SELECT nextval('{oid}')", f"SELECT nextval({oid})",
                 "SELECT nextval('tick' || 'ets')", "SELECT nextval('ticketsxx'::varchar(7)::regclass)",
                 "SELECT ('tickets'::regclass).nextval", "SELECT x.nextval FROM regclass('public.tickets') x",
                 "SELECT pg_sequence_last_value('tickets')"):
        answer = s.query(text)
        t.check(f"one that is denied is not, nor by another name: {text}", code(answer) == "42501", answer)
    for text in ("SELECT x.tell FROM generate_series(1, 1) x", "SELECT abs.tell FROM abs(1)",
                 "SELECT x.pg_read_file FROM lower('/etc/hostname') x"):
        answer = s.query(text)
        t.check(f"a call that looks like a column is one: {text}", code(answer) == "42501", answer)
    for ahead, runs in (("PREPARE p AS SELECT set_config('search_path', '%s', false)", "EXECUTE p"),
                        ("DECLARE c CURSOR WITH HOLD FOR SELECT set_config('search_path', '%s', false)", "FETCH c"),
                        ("PREPARE p AS SELECT set_config('search_path', '%s', false)", "EXPLAIN ANALYZE EXECUTE p")):
        s.query("BEGIN")
        s.query("SET LOCAL search_path TO scratch, public")
        s.query(ahead % "public")
        answer = s.query(runs + "; DROP TABLE kept")
        t.check(f"what moves the path unseen is not followed by a name that stays: {runs}", code(answer) == "0A000", answer)
        s.query("ROLLBACK")
        s.query("DEALLOCATE ALL")
        s.query("BEGIN")
        s.query(ahead % "other")
        answer = s.query(runs + "; SELECT fine(1)")
        t.check(f"nor by a call of what is trusted elsewhere: {runs}", code(answer) == "42501", answer)
        s.query("ROLLBACK")
        s.query("DEALLOCATE ALL")
    s.query("RESET search_path")
    s.query("SET search_path TO scratch, public")
    s.query("BEGIN")
    s.send(parse("DROP TABLE kept"), bind(portal="d"), SYNC)
    s.query("SET search_path TO public")
    answer = s.send(execute("d"), SYNC)
    t.check("a portal whose names are looked up as it runs is judged as it runs", code(answer) == "42501", answer)
    s.query("ROLLBACK")
    s.query("RESET search_path")
    answer = s.query("CREATE VIEW scratch.path AS SELECT set_config('search_path', 'other', false)")
    t.check("a view that moves the path is code", code(answer) == "42501", answer)
    mood = int(cluster.sql("SELECT 'public.mood'::regtype::oid"))
    answer = s.send(parse("SELECT $1::text", types=[mood]), bind([b"good"]), execute(), SYNC)
    t.check("a parameter's type brings its casts along", code(answer) == "42501", answer)
    answer = s.send(parse("SELECT $1::text", types=[23]), bind([b"5"]), execute(), SYNC)
    t.check("PostgreSQL's own type brings nothing", answer == ([["5"]], None), answer)
    answer = s.query("REINDEX SCHEMA other")
    t.check("a whole schema is not one's own part of another", code(answer) == "42501" and
            "not allowed here" in answer[1]["M"], answer)


    answer = s.query("SELECT what FROM orders WHERE id = 1 AND what = 'one'")
    t.check("an operator of a type that is nowhere in play is not what = means", answer == ([["one"]], None), answer)
    for text in ("SELECT id FROM painted WHERE shade = 'dark'", "SELECT 'dark'::shade = 'dark'", "SELECT like_it('x') = 'dark'",
                 "SELECT shade('dark') = 'dark'", "SELECT 1 FROM (SELECT p FROM painted p) q WHERE (q.p).shade = 'dark'",
                 "SELECT 1 FROM orders, (SELECT shade AS s FROM painted) p WHERE s = 'dark'",
                 "SELECT CASE shade WHEN 'dark' THEN 1 END FROM painted", "SELECT id FROM orders WHERE what OPERATOR(public.=) 'x'",
                 "SELECT 'dark' IN (SELECT shade FROM painted)", "SELECT nullif((ARRAY['dark'::shade])[1], 'dark')",
                 "WITH p AS (SELECT unnest(enum_range(NULL::shade)) AS s) SELECT s = 'dark' FROM p",
                 "SELECT 1 FROM json_to_record('{}') AS r(s shade) WHERE s = 'dark'"):
        answer = s.query(text)
        t.check(f"where the type is in play, it is: {text}", code(answer) == "42501", answer)
    shade = int(cluster.sql("SELECT 'public.shade'::regtype::oid"))
    answer = s.send(parse("SELECT $1 = 'dark'", types=[shade]), bind([b"dark"]), execute(), SYNC)
    t.check("by a parameter's type too", code(answer) == "42501", answer)
    for text in ("CREATE TYPE scratch.size AS ENUM ('s')", "CREATE TYPE scratch.point AS (x int, y int)",
                 "CREATE TYPE scratch.span AS RANGE (SUBTYPE = int4)"):
        answer = s.query(text)
        t.check(f"a type is made where its schema is allowed: {text}", code(answer) is None, answer)
        answer = s.query(text.replace("scratch.", "other."))
        t.check("and nowhere else", code(answer) == "42501", answer)
    for text in ("CREATE SCHEMA fresh CREATE TABLE t (id int)", "CREATE SCHEMA fresh CREATE VIEW v AS SELECT * FROM secrets",
                 "CREATE SCHEMA fresh GRANT ALL ON secrets TO PUBLIC"):
        answer = s.query(text)
        t.check(f"what stands in CREATE SCHEMA is judged: {text}", code(answer) == "42501", answer)
    label = int(cluster.sql("SELECT 'public.label'::regtype::oid"))
    s.send(parse("SELECT $1::text", "labelled", types=[label]), SYNC)
    answer = s.send(bind([b"x"], name="labelled"), execute(), SYNC)
    t.check("a domain without a CHECK runs nothing", answer == ([["x"]], None), answer)
    cluster.sql("ALTER DOMAIN public.label ADD CHECK (public.tell(1) IS NOT NULL)")
    cluster.wait_for_looks()
    answer = until(lambda: s.send(bind([b"x"], name="labelled"), execute(), SYNC), lambda answer: code(answer) == "42501")
    t.check("one that got a CHECK since is judged when the statement is bound", code(answer) == "42501", answer)
    cluster.sql("ALTER DOMAIN public.label DROP CONSTRAINT label_check")


def counted(t, g):
    s = Session(g)
    answer = s.query("SELECT nextval(('numb' || 'ers')::regclass)")
    t.check("a sequence among thousands is used by a name that is made up", code(answer) is None, answer)
    answer = s.query("CREATE SCHEMA fresh CREATE VIEW v AS SELECT what FROM orders, t CREATE TABLE t (id int)")
    t.check("a schema is made with what stands in it", code(answer) is None, answer)
    t.check("which reads what its names stood for", s.value("SELECT pg_get_viewdef('fresh.v') LIKE '%fresh.t%'") == "t")
    s.query("DROP SCHEMA fresh CASCADE")
    s.query('PREPARE "postern.query" AS SELECT what FROM orders WHERE id = 1')
    answer = s.query("UPDATE orders SET what = what WHERE id = 1")
    t.check("a client's statement of the gateway's name does not get in the way", code(answer) is None, answer)
    answer = s.query('EXECUTE "postern.query"')
    t.check("and is gone then", code(answer) == "42501" and "not made in this session" in answer[1]["M"], answer)
    t.check("nor does the gateway leave any", s.value("SELECT count(*) FROM pg_prepared_statements") == "0")
    for text in ('EXECUTE "postern.query"', 'EXECUTE "postern.own"', 'DEALLOCATE "postern.own"'):
        answer = s.send(parse("UPDATE orders SET what = what WHERE id = 1"), bind(), execute(), parse(text), bind(), execute(), SYNC)
        t.check(f"its own statements are not there for the client: {text}", code(answer) in ("26000", "42501"), answer)
    s.query("PREPARE p AS UPDATE orders SET what = what WHERE id > 0")
    for text in ("EXECUTE p", "EXPLAIN ANALYZE EXECUTE p"):
        answer = s.query(text)
        t.check(f"changed rows are counted: {text}", code(answer) == "53400", answer)


def main():
    t = tally.Tally()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql(FIXTURE)
        g = gateway.Gateway(world, cluster, change=lambda config: config.update(policies=[POLICY]), user="app")
        for group in (names, paths, temporary, transactions, pipelines, long_texts):
            t.run(group.__name__, group, t, g)
        t.run("others", others, t, g, cluster)
        t.run("ended", ended, t, g, cluster)
        narrow = gateway.Gateway(world, cluster, name="narrow", user="app",
                                 change=lambda config: config.update(policies=[NARROW]))
        t.run("around", around, t, narrow, cluster)
        limited = gateway.Gateway(world, cluster, name="limited", user="app", change=lambda config: config.update(
            policies=[{"name": "l", "who": "any", "allow": ["all"], "limits": {"affected_rows": 1}}]))
        t.run("counted", counted, t, limited)
        for one in (narrow, limited):
            t.check("the gateway lives", one.alive(), one.stderr())
            one.stop()
        t.check("the gateway lives", g.alive(), g.stderr())
        good, says = g.verify()
        t.check("the record verifies", good, says)
        status = g.stop()
        t.check("it ends in order", status == 0, g.stderr())
        if "-v" in sys.argv:
            print(g.stderr())
    t.finish()


if __name__ == "__main__":
    main()
