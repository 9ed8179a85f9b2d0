#!/usr/bin/python3
"""Masked columns, on a real server: whatever is sent (cases.txt), two databases that differ in masked values
alone give the same bytes; what must work works, and what must be refused is.

usage: tests/masking/masking.py [WORD]    only the cases that hold the word, with what came back"""
import copy
import pathlib
import re
import struct
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import definitions
import gateway
import postgres
import process
import rawpg
import tally
from rawpg import SYNC, bind, describe, execute, parse, query

VALUES = """
TRUNCATE people, orders, payments, old_contacts, old_contacts_vip, tagged RESTART IDENTITY CASCADE;
INSERT INTO people SELECT g, 'name ' || g, CASE WHEN g % 3 = 0 THEN 'DE' ELSE 'US' END,
    '{mark}' || (g * {step})::text || '@mail.example', ({low} + g * {step})::text || '-{mark}',
    date '1980-01-01' + {step} + g, {low} + g * {step}, {step} * 1000 + g, '{mark}', ARRAY['{mark}', g::text],
    ROW('{mark}', g::text)::home, jsonb_build_object('{mark}', g), convert_to('{mark}', 'UTF8'),
    '{mood}', '{mark}', md5('{mark}' || g)::uuid, timestamptz '2020-03-01' + {step} * interval '1 hour', {step} % 10,
    '{mark}' || g, '+1-555-{low}-' || g || '77'
    FROM generate_series(1, 20) g;
INSERT INTO orders SELECT g, g % 20 + 1, g, 'memo' FROM generate_series(1, 300) g;
INSERT INTO payments VALUES (1, '{mark}1', '2024-05-05'), (2, '{mark}2', '2025-05-05');
INSERT INTO old_contacts_vip VALUES (1, '{mark}', 'gold');
INSERT INTO tagged VALUES (1, '{mark}', 'plain');
REFRESH MATERIALIZED VIEW kept;
TRUNCATE archive; INSERT INTO archive SELECT 1, p, ARRAY[p] FROM people p WHERE id = 1;
ANALYZE people; ANALYZE orders;
"""
SIDES = {
    "one": dict(mark="LEFT", step=3, low=4100, mood="sad"),
    "two": dict(mark="RGHT", step=7, low=7300, mood="glad"),
}
MASKED = ["public.people." + c for c in ("ssn pin tags home profile photo feeling letter key nick").split()]
MASKS = [
    {"columns": MASKED, "with": "redact"},
    {"columns": ["public.people.mail"], "with": "partial_email"},
    {"columns": ["public.people.phone", "public.people.nickname"], "with": "null"},
    {"columns": ["public.people.born", "public.people.seen"], "with": "year"},
    {"columns": ["public.people.salary"], "with": "range(1000000)"},
    {"columns": ["public.people.level"], "with": "range(10)"},
    {"columns": ["public.payments_24.card", "public.payments.card"], "with": "redact"},
    {"columns": ["*.old_contacts.phone", "tag:pii"], "with": "redact"},
]


def policy(**more):
    return {"name": "agents", "who": "any", "record": {"rows": "full", "on_failure": "deny"}, "allow": ["all"],
            "mask": [{**mask, **more} for mask in MASKS]}


class Session:
    def __init__(self, g, database):
        self.raw = rawpg.Raw(g.port)
        seen = self.raw.login(g.token(), database=database)
        if seen[-1][0] != "Z":
            raise process.Failed(str(seen))

    def run(self, *messages):
        self.raw.send(*messages)
        return [m for m in self.raw.read_until("Z") if m[0] not in "NS" or m[0] == "N"]

    def close(self):
        self.raw.socket.close()


def error_of(answer):
    return next((rawpg.fields(body) for kind, body in answer if kind == "E"), None)


def run_both(g, send, prefix=""):
    """The answers of the two databases, each in a session of its own that ends in a rollback."""
    answers = []
    for side in SIDES:
        s = Session(g, prefix + side)
        s.run(query("BEGIN"))
        answers.append(send(s))
        s.close()
    return answers


def as_extended(text, binary):
    return (parse(text), bind(results=(1,) if binary else ()), describe("P"), execute(), SYNC)


def plain(answer):
    """Without what numbers requests."""
    return [(kind, re.sub(rb"(request )?[0-9a-z]+-[0-9]+[.]", b"", body)) for kind, body in answer]


def judge(t, sign, text, answers, how):
    left, right = map(plain, answers)
    error = error_of(left)
    secret = any(side["mark"].encode() in body for side, answer in zip(SIDES.values(), answers) for _, body in answer)
    fact = f"{how}: {text}"
    detail = [[(k, b[:300]) for k, b in side if k not in "ZC"][:4] for side in (left, right)]
    if secret or left != right:
        t.check(fact, False, f"LEAK {detail}")
    elif sign == "+":
        t.check(fact, error is None, error)
    elif sign == "-":
        t.check(fact, error is not None and error["C"] in ("42501", "42703", "55000", "42P01"), error or detail)
    else:
        t.check(fact, True)


def cases(word):
    for line in (HERE / "cases.txt").read_text().splitlines():
        if line and line[0] in "+-?" and word in line:
            yield line[0], line[2:]


def run_cases(t, g, word):
    for sign, text in cases(word):
        answers = run_both(g, lambda s: s.run(query(text)))
        if word:
            print(answers[0])
        judge(t, sign, text, answers, "simple")
        judge(t, sign if sign == "+" else "?", text, run_both(g, lambda s: s.run(query(text)), "compared_"),
              "predicates: masked")
        if ";" in text or "COPY" in text:
            continue
        for binary in (False, True):
            judge(t, sign if not binary else "?" if sign == "+" else sign, text,
                  run_both(g, lambda s: s.run(*as_extended(text, binary))), "binary" if binary else "extended")


EXTREMES = """
CREATE DOMAIN mark AS text CHECK (value ~ '^[A-Z]*$');
CREATE TABLE extremes (
    a text, b varchar(2), c char(3), d name, e int2, f int4, g int8, h float4, i float8, j numeric, k numeric(3),
    l date, m timestamp, n timestamptz, o time, p interval, q bool, r uuid, s jsonb, t json, u bytea, v inet, w int[],
    x text[], y mark, z citext, aa money, ab xml, ac bit(3), ad home, ae mood, af int4range, ag point,
    ba text NOT NULL, bb int2 NOT NULL, bc int8 NOT NULL, bd numeric(3) NOT NULL, be date NOT NULL,
    bf timestamptz NOT NULL, bg bool NOT NULL, bh uuid NOT NULL, bi jsonb NOT NULL, bj bytea NOT NULL,
    bk text[] NOT NULL, bl varchar(1) NOT NULL, bm float8 NOT NULL, bn char(1) NOT NULL,
    ca numeric(10, 2), cb numeric(3, -2), cc numeric(2, 5), cd numeric(12, 3), ce timestamp(0), cf timestamptz(3), cg time(1));
INSERT INTO extremes (ba, bb, bc, bd, be, bf, bg, bh, bi, bj, bk, bl, bm, bn) VALUES
    ('', -32768, -9223372036854775808, -999, '-infinity', '-infinity', true, md5('')::uuid, '1', '', '{}', '', '-inf', '');
INSERT INTO extremes VALUES ('', '', '', '', -32768, -2147483648, -9223372036854775808, '-inf', '-inf', 'NaN', -999,
    '-infinity', '-infinity', '-infinity', '00:00', '-178000000 years', false, md5('')::uuid, 'null', 'null', '', '::',
    '{}', '{}', '', '', -1, '', B'000', ROW('', ''), 'sad', 'empty', '(0,0)',
    '@', -32767, -9223372036854775807, -998, '4713-01-01 BC', '4713-01-01 BC', false, md5('')::uuid, '{}', '', '{}', '@', 'nan', 'x');
INSERT INTO extremes VALUES ('a@b@c', 'é@', 'abc', 'long', 32767, 2147483647, 9223372036854775807, '3.4e38', '1.7e308',
    (repeat('9', 1000) || '.5')::numeric, 999, '5874897-12-31', '294276-12-31', '294276-12-31', '24:00', '178000000 years',
    true, md5('')::uuid, '[]', '[]', '\\x00', '1.2.3.4/8', '{1}', '{a}', 'A', 'A@B', 1, '<a/>', B'111', ROW('a', 'b'),
    'glad', '[1,2)', '(1,1)', repeat('é', 200), 32767, 9223372036854775807, 999, '5874897-12-31', '294276-12-31', true,
    md5('')::uuid, '[]', '\\x00', '{a}', 'é', 1.7e308, 'é');
INSERT INTO extremes (j, ba, bb, bc, bd, be, bf, bg, bh, bi, bj, bk, bl, bm, bn) VALUES
    ('-Infinity', 'a', 0, 0, 0, 'infinity', 'infinity', true, md5('')::uuid, '1', '', '{}', '', 0, '');
INSERT INTO extremes (ba, bb, bc, bd, be, bf, bg, bh, bi, bj, bk, bl, bm, bn, ca, cb, cc, cd, ce, cf, cg)
    SELECT '', 0, 0, 0, 'infinity', 'infinity', true, md5('')::uuid, '1', '', '{}', '', 0, '', s * 99999999.99, s * 99900,
        s * 0.00099, s * 999999999.999, '1999-12-31 23:59:59', '1999-12-31 23:59:59.999', '23:59:59.9'
    FROM (VALUES (-1), (0), (1)) v(s);
"""
ALL_MASKS = ["redact", "null", "constant(x)", "constant(7)", "constant('\\)", "partial(1, 1)", "keep_first(3)",
             "keep_last(64)", "partial_email", "partial_phone", "year", "range(2)", "range(700)", "range(1000000000)"]


def masks_never_raise(t, g):
    """Each mask over each type at the ends of its range, as text and as binary."""
    for number, mask in enumerate(ALL_MASKS):
        s = Session(g, f"mask{number}")
        for how, messages in (("text", (query("SELECT * FROM extremes"),)),
                              ("binary", as_extended("SELECT * FROM extremes", True)),
                              ("sorted", (query("SELECT count(*) FROM (SELECT * FROM extremes ORDER BY a, e, f, j, l) x"),))):
            answer = s.run(*messages)
            t.check(f"{mask} never raises ({how})", error_of(answer) is None, error_of(answer))
        s.close()


def masks_keep_types(t, g):
    """What a client sees of a column's type and modifier is the same under each mask."""
    known = """SELECT coalesce(nullif(b.typbasetype, 0), b.oid), CASE WHEN b.typtype = 'd' THEN -1 ELSE atttypmod END FROM
        pg_attribute a JOIN pg_type b ON b.oid = atttypid WHERE attrelid = 'extremes'::regclass AND attnum > 0 ORDER BY attnum"""
    for number, mask in enumerate(ALL_MASKS):
        s = Session(g, f"mask{number}")
        described = next(body for kind, body in s.run(query("SELECT * FROM extremes LIMIT 0")) if kind == "T")
        seen, at = [], 2
        while at < len(described):
            at = described.index(0, at) + 1
            seen.append((int.from_bytes(described[at + 6:at + 10]), int.from_bytes(described[at + 12:at + 16], signed=True)))
            at += 18
        rows = [tuple(map(int, rawpg.columns(body))) for kind, body in s.run(query(known)) if kind == "D"]
        s.close()
        wrong = [(i, a, b) for i, (a, b) in enumerate(zip(seen, rows)) if a != b]
        t.check(f"{mask} keeps types and modifiers", len(seen) == len(rows) and not wrong, wrong or (len(seen), len(rows)))


def views_mask_alike(t, g):
    """What a view shows as it is has the column's own mask; what it computes is redacted."""
    s = Session(g, "one")
    answer = s.run(query("SELECT plain, loud FROM mails WHERE k = 1 UNION ALL SELECT plain, NULL FROM both_mails WHERE k = 1"))
    s.close()
    rows = [rawpg.columns(body) for kind, body in answer if kind == "D"]
    t.check("a view's columns are masked as what they are", sorted(rows, key=str) == sorted(
        [[b"***@mail.example", b"***"], [b"***", None], [b"***", None]], key=str), answer)


def swaps_are_caught(t, g, server):
    """Another session swaps two names under a prepared statement and a cursor."""
    swap = ("BEGIN; ALTER TABLE tagged RENAME secret TO x; ALTER TABLE tagged RENAME plain TO secret; "
            "ALTER TABLE tagged RENAME x TO plain; COMMIT")
    mark = SIDES["one"]["mark"].encode()
    for level in ("READ COMMITTED", "REPEATABLE READ"):
        s = Session(g, "one")
        s.run(parse("SELECT plain, secret FROM public.tagged", name="p"), SYNC)
        s.run(bind(name="p"), execute(), SYNC)
        s.run(query(f"BEGIN ISOLATION LEVEL {level}"))
        s.run(query("SELECT 1 FROM notes"))
        server.sql(swap, "one")
        answer = s.run(bind(name="p"), execute(), SYNC)
        t.check(f"a swap under a prepared statement shows nothing ({level})",
                error_of(answer) and not any(mark in body for _, body in answer), answer)
        s.close()
        server.sql(swap, "one")


def a_guard_says_why(t, g, server):
    """A column gets another name at once before a statement runs that was judged."""
    s = Session(g, "one")
    s.run(parse("SELECT plain, secret FROM public.tagged", name="p"), SYNC)
    s.run(bind(name="p"), execute(), SYNC)
    error = {}
    for _ in range(5):  # where the catalogue has been read again meanwhile, it is judged again
        server.sql("ALTER TABLE tagged RENAME secret TO hidden", "one")
        error = error_of(s.run(bind(name="p"), execute(), SYNC)) or {}
        server.sql("ALTER TABLE tagged RENAME hidden TO secret", "one")
        if error.get("C") == "40001":
            break
        s.close()
        s = Session(g, "one")
        s.run(parse("SELECT plain, secret FROM public.tagged", name="p"), SYNC)
    s.close()
    t.check("who is stopped by a guard learns why, by which rule, and what to do", error.get("C") == "40001" and re.match(
        r'Rule "mask"; request \w+-\d+\.$', error["D"]) and "again" in error["H"], error)


def refusals_say_what_to_do(t, g):
    """What a sub-select cannot do and a table can has a hint."""
    s = Session(g, "one")
    for text, code in (("SELECT ((SELECT p FROM people p WHERE id = 4)).ssn", "42703"),
                       ("SELECT ((array_agg(p))[1]).mail FROM people p", "42703"),
                       ("SELECT v::old_contacts FROM old_contacts_vip v", "42846")):
        error = error_of(s.run(query(text))) or {}
        t.check(f"{text} has a hint", error.get("C") == code and "masked" in error["D"] and "columns" in error["H"], error)
    error = error_of(s.run(rawpg.message("F", struct.pack("!IHHH", 1598, 0, 0, 0)))) or {}
    t.check("a call by OID is refused by a rule, with a hint",
            error.get("C") == "42501" and "Rule" in error["D"] and "SELECT" in error["H"], error)
    s.close()


def words_are_sealed(t, g):
    """What a trigger says is withheld, and is in the record for who asks for it."""
    s = Session(g, "one")
    answer = s.run(query("INSERT INTO notes (body) VALUES ('raise') /* sealed */"))
    s.close()
    t.check("a trigger's words are withheld", error_of(answer)["C"] == "P0001" and b"LEFT" not in b"".join(
        body for _, body in answer), answer)

    def replay(*more):
        return next((text for text in (g.cli("sessions", "replay", session, "--json", *more).stdout
                                       for session in g.sessions()[:5]) if "/* sealed */" in text), "")

    process.wait_for(lambda: "LEFT" in replay("--sealed"), "the sealed words in the record", 20)
    t.check("they are in the record for who asks", True)
    t.check("replaying does not show them", "LEFT" not in replay())


def databases_may_be_named(t, g):
    s = Session(g, "one")
    for text in ("SELECT one.public.people.ssn x FROM one.public.people WHERE id = 1",
                 "SELECT one.public.people.* FROM one.public.people"):
        answer = s.run(query(text))
        t.check(text, error_of(answer) is None and not any(b"LEFT" in body for _, body in answer), answer)
    t.check("another database is refused", error_of(s.run(query("SELECT * FROM two.public.people")))["C"] == "0A000")
    s.close()


def the_guard_holds(t, server):
    """The sub-select as it is sent, on the server itself: two names that are swapped stop it."""
    number = server.sql("SELECT 'tagged'::regclass::oid", "one")
    text = (f"SELECT plain FROM (SELECT id, plain FROM public.tagged WHERE CAST(CASE WHEN "
            f"(pg_catalog.pg_identify_object_as_address(1259, {number}, 2)).object_names = "
            "ARRAY['public','tagged','secret'] THEN 'true' ELSE 'postern: changed' END AS bool)) x")
    before = server.sql(text, "one")
    after = process.run(["psql", "-XqAt", "-c", "BEGIN; ALTER TABLE tagged RENAME secret TO x; ALTER TABLE tagged "
                         f"RENAME plain TO secret; ALTER TABLE tagged RENAME x TO plain; {text}"],
                        env=server.environment("one"), check=False)
    t.check("the guard lets pass what is as it was", before == "plain", before)
    t.check("the guard stops what was swapped", "postern: changed" in after.stderr, after.stdout + after.stderr)


def tools_work(t, g, server):
    """psql's \\d family and pg_dump, under masks."""
    environment = {"PGHOST": "127.0.0.1", "PGPORT": str(g.port), "PGUSER": "app", "PGPASSWORD": g.token(),
                   "PGDATABASE": "one", "PGSSLMODE": "disable", "PATH": "/usr/bin:/bin"}
    marks = [side["mark"] for side in SIDES.values()]
    for command in (r"\d", r"\d people", r"\d+ people", r"\dv", r"\df", r"\dt+", r"\d+ contacts", r"\dn+", r"\l",
                    r"\du", r"\dp", r"\di+", r"\dT", r"\dD", r"\d payments"):
        done = process.run(["psql", "-X", "-c", command], 30, env=environment, check=False)
        t.check(f"psql {command}", done.returncode == 0 and not any(m in done.stdout for m in marks), done.stderr[:300])
    done = process.run([f"{postgres.BIN}/pg_dump", "--no-owner"], 60, env=environment, check=False)
    t.check("pg_dump goes through, and what is masked comes out masked",
            done.returncode == 0 and "COPY public.people" in done.stdout and not any(m in done.stdout for m in marks),
            done.stderr[:600])


def columns_may_be_granted(t, g, server):
    """A login that may read some columns of a table reads these, and sees masks of those it may not."""
    server.sql("CREATE TABLE partly (id int, name text, code text, hidden text); INSERT INTO partly VALUES (1, 'n', 'c', 'h'); "
               "COMMENT ON COLUMN partly.code IS 'postern: pii'; GRANT SELECT (id, name) ON partly TO app", "one")
    s = Session(g, "one")
    process.wait_for(lambda: error_of(s.run(query("SELECT id FROM partly"))) is None, "the new table in the catalogue", 20)
    for text, row in (("SELECT name, code FROM partly WHERE id = 1", [b"n", b"***"]),
                      ("SELECT count(*) FROM partly", [b"1"]), ("SELECT 1 FROM partly", [b"1"]),
                      ("SELECT p.name AS x FROM partly p JOIN people q ON q.id = p.id ORDER BY x", [b"n"]),
                      ("WITH c AS (SELECT code, id FROM partly) SELECT (SELECT code FROM c WHERE c.id = p.id) FROM partly p",
                       [b"***"]),
                      ("SELECT id FROM partly GROUP BY id HAVING max(name) = 'n'", [b"1"])):
        answer = s.run(query(text))
        t.check(text, [rawpg.columns(body) for kind, body in answer if kind == "D"] == [row], answer)
    for text in ("SELECT * FROM partly", "SELECT hidden FROM partly", "SELECT p FROM partly p",
                 "SELECT id FROM partly NATURAL JOIN (SELECT 1 AS id) x"):
        t.check(f"the server does not allow {text}", (error_of(s.run(query(text))) or {}).get("C") == "42501")
    s.close()


def definitions_are_looked_through(t, g, server):
    """What looks like data in the text of a definition is hidden, by whichever way the text is read."""
    server.sql(definitions.MADE, "one")
    s = Session(g, "one")
    process.wait_for(lambda: error_of(s.run(query("SELECT x FROM defined.v"))) is None, "the new view in the catalogue", 30)
    for text in definitions.HIDDEN:
        answer = s.run(query(text))
        shown = b"".join(body for kind, body in answer if kind in "DdE").decode("latin1")
        t.check(text, error_of(answer) is None and "***" in shown and not any(x in shown for x in definitions.SECRETS), answer)
    for text in definitions.REFUSED:
        answer = s.run(query(text))
        t.check(f"refused: {text}", error_of(answer) and not any(kind == "D" for kind, _ in answer), answer)
    for text, expected in definitions.SHOWN:
        answer = s.run(query(text))
        first = next((rawpg.columns(body)[0] for kind, body in answer if kind == "D"), b"no row")
        t.check(text, first is None if expected is None else first is not None and expected in first.decode(), answer)
    s.close()


def make(world):
    server = postgres.Cluster(world, "server")
    server.sql((HERE / "fixture.sql").read_text(), "template1")
    for side, values in SIDES.items():
        server.sql(f"CREATE DATABASE {side} TEMPLATE template1")
        server.sql(VALUES.format(**values), side)
        server.sql(EXTREMES + "GRANT SELECT ON extremes TO app", side)
        server.sql(f"GRANT TEMPORARY, CREATE ON DATABASE {side} TO app")
    password = server.home / "app-password"
    password.write_text("app-password")
    password.chmod(0o644)

    def change(config):
        config["connections"][0]["logins"] = [
            {"name": "app", "user": "app", "password": f"${{file:{password}}}"}]
        config["policies"] = [{**policy(), "on": {"connections": ["everything"]}}]
        for side in SIDES:
            connection = {**copy.deepcopy(config["connections"][0]), "name": f"compared_{side}"}
            connection.pop("databases")
            connection["target"]["database"] = side
            config["connections"].append(connection)
        config["policies"].append({**copy.deepcopy(policy(predicates="masked")), "name": "compared",
                                   "on": {"connections": ["compared_*"]}})
        for number, mask in enumerate(ALL_MASKS):
            connection = {**copy.deepcopy(config["connections"][0]), "name": f"mask{number}"}
            connection.pop("databases")
            connection["target"] = {**connection["target"], "database": "one"}
            config["connections"].append(connection)
            config["policies"].append({
                "name": f"mask{number}", "who": "any", "on": {"connections": [f"mask{number}"]}, "allow": ["all"],
                "mask": [{"columns": ["public.extremes.*"], "with": mask, "predicates": "masked"}]})

    return server, gateway.Gateway(world, server, change=change)


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    t = tally.Tally(verbose=bool(word))
    with process.World() as world:
        server, g = make(world)
        run_cases(t, g, word)
        if not word:
            masks_never_raise(t, g)
            masks_keep_types(t, g)
            views_mask_alike(t, g)
            swaps_are_caught(t, g, server)
            a_guard_says_why(t, g, server)
            refusals_say_what_to_do(t, g)
            words_are_sealed(t, g)
            databases_may_be_named(t, g)
            the_guard_holds(t, server)
            tools_work(t, g, server)
            columns_may_be_granted(t, g, server)
            definitions_are_looked_through(t, g, server)
    t.finish()


if __name__ == "__main__":
    main()
