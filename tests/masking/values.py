#!/usr/bin/python3
"""Values that are masked by what they look like, on a real server: of every type, in text and in binary, in COPY,
in what the server says besides, and in rows of any size; and what is no such value comes through byte for byte.

usage: tests/masking/values.py"""
import copy
import json
import pathlib
import re
import socket
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lib"))
import gateway
import postgres
import process
import rawpg
import tally
from rawpg import SYNC, bind, close, columns, describe, execute, fields, parse, query

CARD, MAIL, IBAN = "4111111111111111", "ann@example.com", "GB82WEST12345698765432"
# In each, {v} is a value to be found, or one of the same length that is none.
TEXTS = ["'{v}'::text", "'pay {v} now'::varchar(80)", "'{v}'::char(30)", "'{v}'::name", "'{v}'::xml", "'{v}'::yes",
         "json_build_object('a', '{v}')", "jsonb_build_object('{v}', 1)", "ARRAY['x', NULL, '{v}']",
         "ARRAY[ARRAY['{v}', 'x']]::varchar[]", "'{v}'::bytea", "ARRAY['{v}'::bytea]", "ROW(1, '{v}')",
         "ROW(1, ARRAY['{v}'])::pair", "ARRAY[ROW(1, ARRAY['{v}'])::pair]", "textrange('{v}', NULL)", "'{v}'::own",
         "ARRAY[json_build_object('a', '{v}')]", "to_tsvector('simple', '{v}')", "textmultirange(textrange('{v}', NULL))"]
NUMBERS = ["{v}::int8", "{v}::numeric", "{v}.50::numeric(20,2)", "ARRAY[1, NULL, {v}]::int8[]", "ARRAY[{v}]::numeric[]",
           "json_build_object('a', {v})", "jsonb_build_array({v}, 1)", "ROW({v}::int8, 1)", "int8range({v}, NULL)",
           "numrange(NULL, {v})", "ARRAY[int8range({v}, NULL)]", "ROW({v}::numeric)", "ARRAY[jsonb_build_array({v})]"]
CLEAR = ["now()", "'0.4111111111111111'::float8", "1.4111111111111111::numeric", "random()::float4 * 0", "true", "NULL::text",
         "'41111111-1111-1111-1111-111111111111'::uuid", "timestamp '2024-05-07 20:24:05.072024'", "4111", "4111111111111112",
         "'2024-05-07 2024-05-08 2024-05-09'", "interval '4111111111 s'", "point(41.1, 11.1)", "'a@b'", "B'0100'", "'10.0.0.1'::inet"]
FIXTURE = """
CREATE DOMAIN yes AS text; CREATE TYPE pair AS (a int, b text[]); CREATE DOMAIN own AS yes CHECK (VALUE <> '');
CREATE TYPE textrange AS RANGE (SUBTYPE = text, MULTIRANGE_TYPE_NAME = textmultirange);
CREATE TABLE held (id int PRIMARY KEY, number int8, words text, UNIQUE (words));
INSERT INTO held SELECT g, g, 'plain ' || g FROM generate_series(1, 500) g;
INSERT INTO held VALUES (1001, 4111111111111111, 'one'), (1002, 2, 'ann@example.com'), (1003, 3, 'GB82 WEST 1234 5698 7654 32');
CREATE FUNCTION tells() RETURNS void LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'it is %', 'ann@example.com'; END $$;
"""
POLICIES = {
    "masked": [{"values": ["card_number", "iban", "email"], "with": "redact"}],
    "partly": [{"values": ["card_number"], "with": "partial(6, 4)"}, {"values": ["email"], "with": "partial_email"}],
    "reported": [{"values": ["card_number", "iban", "email"], "with": "report"}],
    "plain": [],
}


def change(config):
    given = config["connections"][0]
    config["connections"], config["policies"] = [], []
    for name, mask in POLICIES.items():
        connection = {**copy.deepcopy(given), "name": name}
        connection.pop("databases")
        connection["target"]["database"] = "postgres"
        config["connections"].append(connection)
        config["policies"].append({"name": name, "who": "any", "on": {"connections": [name]}, "allow": ["all"], "mask": mask,
                                   "trust": {"functions": ["public.*"]}})
    config["policies"].append({"name": "stricter", "who": {"groups": ["strict"]}, "on": {"connections": ["partly"]}, "allow": ["all"],
                               "mask": [{"values": ["card_number"], "with": "constant(gone)"}]})


class Session:
    def __init__(self, g, database, application="values", **token):
        self.raw = rawpg.Raw(g.port, timeout=120)
        seen = self.raw.login(g.token(**token), database=database, application_name=application)
        if seen[-1][0] != "Z":
            raise process.Failed(str(seen))

    def run(self, *messages):
        self.raw.send(*messages)
        return self.raw.read_until("Z")

    def rows(self, *messages):
        return [columns(body) for kind, body in self.run(*messages) if kind == "D"]

    def one(self, text, binary):
        """The only value of the only row, in either format."""
        answer = self.run(parse(text), bind(results=(int(binary),)), describe("P"), execute(), SYNC)
        rows = [columns(body) for kind, body in answer if kind == "D"]
        if len(rows) != 1:
            raise process.Failed(f"{text}: {[m for m in answer if m[0] == 'E']}")
        return rows[0][0]


def forms(value):
    """The bytes that would show it."""
    for text in (value, value.lower()):
        yield text.encode()
        yield text.encode().hex().encode()
    if value.isdigit():
        yield struct.pack("!q", int(value))
        digits = value.zfill(len(value) + -len(value) % 4)
        yield b"".join(struct.pack("!h", int(digits[i:i + 4])) for i in range(0, len(digits), 4))


def shows(raw, value):
    return raw is not None and any(form in raw for form in forms(value))


def types(t, g, server):
    masked, plain = Session(g, "masked"), Session(g, "plain")
    for binary in (False, True):
        wrong, changed, weak = [], [], []
        for items, values in ((TEXTS, ((CARD, "4111111111111112"), (MAIL, "ann#example.com"), (IBAN, "GB82WEST12345698765433"))),
                              (NUMBERS, ((CARD, "4111111111111112"),))):
            for item in items:
                for value, none in values:
                    text = "SELECT " + item.replace("{v}", value)
                    if "tsvector" in text and value == MAIL and binary:
                        continue  # its parser calls it an address, and so do we
                    got, direct = masked.one(text, binary), plain.one(text, binary)
                    if shows(got, value):
                        wrong.append(text)
                    if not shows(direct, value):
                        weak.append(text)
                    text = "SELECT " + item.replace("{v}", none)
                    if masked.one(text, binary) != plain.one(text, binary):
                        changed.append(text)
        how = "binary" if binary else "text"
        t.check(f"{how}: no value of {len(TEXTS)} types of text and {len(NUMBERS)} of numbers comes through", not wrong, wrong)
        t.check(f"{how}: without masks each of them does", not weak, weak)
        t.check(f"{how}: what only resembles one stays as it is", not changed, changed)
        moved = [item for item in CLEAR if item not in ("now()",) and masked.one("SELECT " + item, binary) != plain.one("SELECT " + item, binary)]
        t.check(f"{how}: dates, fractions, UUIDs and the like stay as they are", not moved, moved)
    got = masked.one(f"SELECT ARRAY['x', NULL, '{CARD}']", True)
    t.check("an array in binary is put together again", got == struct.pack("!iiIii", 1, 1, 25, 3, 1) + struct.pack("!i", 1) + b"x"
            + struct.pack("!i", -1) + struct.pack("!i", 16) + b"*" * 16, got)
    got = masked.one(f"SELECT jsonb_build_object('a', {CARD}, 'b', '{MAIL}')", False)
    t.check("JSON stays JSON", json.loads(got) == {"a": None, "b": "***@*******.***"}, got)


def everywhere(t, g, server):
    """The same table by each way that rows take."""
    s, plain = Session(g, "masked"), Session(g, "plain")
    text = "SELECT * FROM held ORDER BY id"

    def holds(rows):
        same = sum(a == b for a, b in zip(rows, direct))
        return len(rows) == len(direct) and same == 500 and not any(shows(v, x) for row in rows for v in row for x in (CARD, MAIL, "GB82 WEST"))
    direct = plain.rows(query(text))
    t.check("a simple query", holds(s.rows(query(text))))
    t.check("an extended query", holds(s.rows(parse(text), bind(), execute(), SYNC)))
    t.check("a portal that is suspended", holds(s.rows(parse(text), bind(), *[execute(rows=7)] * 80, SYNC)))
    s.run(parse(text, "again"), describe("S", "again"), SYNC)
    t.check("a prepared statement that was described as such", holds(s.rows(bind(name="again"), execute(), SYNC)))
    rows = s.rows(bind(name="again", results=(1,)), execute(), SYNC)
    direct = plain.rows(parse(text), bind(results=(1,)), execute(), SYNC)
    t.check("the same one in binary", holds(rows), rows[-3:])
    rows = s.rows(bind(name="again", results=(1, 0, 1)), execute(), SYNC)
    direct = plain.rows(parse(text), bind(results=(1, 0, 1)), execute(), SYNC)
    t.check("and in both formats", holds(rows), rows[-3:])
    direct = plain.rows(query(text))
    for how in ("", "BINARY "):
        one = f"BEGIN; DECLARE c {how}CURSOR FOR {text}; FETCH ALL FROM c; COMMIT"
        direct = plain.rows(query(one))
        t.check(f"a {how or 'plain '}cursor", holds(s.rows(query(one))))
    s.run(query(f"PREPARE p AS {text}"))
    direct = plain.rows(query(text))
    t.check("EXECUTE", holds(s.rows(query("EXECUTE p"))))
    got = s.rows(query("UPDATE held SET id = id WHERE id > 1000 RETURNING *"))
    t.check("RETURNING", len(got) == 3 and not any(shows(v, x) for row in got for v in row for x in (CARD, MAIL)))


def copies(t, g, server):
    s, plain = Session(g, "masked"), Session(g, "plain")
    for options in ("", "(FORMAT csv, HEADER)", "(FORMAT csv, FORCE_QUOTE *, DELIMITER '|')"):
        text = f"COPY (SELECT * FROM held ORDER BY id) TO STDOUT {options}"
        got = b"".join(body for kind, body in s.run(query(text)) if kind == "d")
        direct = b"".join(body for kind, body in plain.run(query(text)) if kind == "d")
        hidden = not any(shows(got, x) for x in (CARD, MAIL, "GB82 WEST"))
        same = len(got) == len(direct) and sum(a != b for a, b in zip(got.splitlines(), direct.splitlines())) == 3
        t.check(f"COPY TO STDOUT {options}", hidden and same, got[-200:])
    answer = s.run(query("COPY held TO STDOUT (FORMAT binary)"))
    t.check("COPY in binary is refused, and nothing of it comes", [k for k, _ in answer] == ["E", "Z"] and fields(answer[0][1])["C"] == "0A000", answer)
    s = Session(g, "masked")
    s.run(query("BEGIN"))
    s.run(query("COPY held TO STDOUT (FORMAT binary)"))
    t.check("in a transaction it fails that", s.raw.status == "E", s.raw.status)


def words(t, g, server):
    s = Session(g, "masked")
    answer = s.run(query("INSERT INTO held VALUES (2000, 1, 'ann@example.com')"))
    error = fields(next(b for k, b in answer if k == "E"))
    t.check("an error's words", error["C"] == "23505" and MAIL not in str(error) and "***@*******.***" in error["D"], error)
    answer = s.run(query(f"SELECT '{MAIL}'::int"))
    error = fields(next(b for k, b in answer if k == "E"))
    t.check("an error that quotes", MAIL not in str(error) and error["C"] == "22P02", error)
    answer = s.run(query("SELECT tells()"))
    notice = fields(next(b for k, b in answer if k == "N"))
    t.check("a notice", notice["M"] == "it is ***@*******.***", notice)
    answer = s.run(query("LISTEN jobs"), query(f"NOTIFY jobs, 'for {MAIL}'"))
    answer += s.raw.read_until("Z")
    told = [b for k, b in answer if k == "A"]
    t.check("a notification", len(told) == 1 and b"for ***@*******.***" in told[0], answer)
    answer = s.run(query(f"SET application_name = '{MAIL}'"))
    told = [b for k, b in answer if k == "S"]
    t.check("a parameter", len(told) == 1 and MAIL.encode() not in told[0], answer)


def merged(t, g, server):
    s = Session(g, "partly")
    t.check("a part is shown where the policy says so", s.one(f"SELECT '{CARD}, {MAIL}, {IBAN}'", False)
            == f"411111***1111, ***@example.com, {IBAN}".encode())
    t.check("what cannot show a part shows nothing", s.one(f"SELECT {CARD}", True) is None)
    s = Session(g, "partly", groups=["strict"])
    t.check("over all policies the most hiding mask counts", s.one(f"SELECT '{CARD}, {MAIL}'", False) == b"gone, ***@example.com")
    s = Session(g, "reported")
    t.check("what is only reported is shown", s.one(f"SELECT '{CARD}'", False) == CARD.encode())


def large(t, g, server):
    s = Session(g, "masked")
    before = process.memory_kb(g.process.pid)
    got = s.rows(query(f"SELECT repeat('x', 300000) || '{MAIL}', '{CARD}', 7"))[0]
    t.check("a row that comes in pieces", len(got[0]) == 300015 and got[0].endswith(b"x***@*******.***") is False and got[1:] == [b"*" * 16, b"7"]
            and MAIL.encode() not in got[0], [got[0][-40:], got[1:]])
    got = s.rows(query(f"SELECT 1, repeat('x', 3000000), repeat(' {MAIL}', 60000), '{CARD}'"))[0]
    t.check("a value that is too long for it becomes NULL", got[0] == b"1" and got[1] is None and len(got[2]) == 960000
            and b"ann" not in got[2] and got[3] == b"*" * 16, [got[0], got[2][:60], got[3]])
    got = b"".join(b for k, b in s.run(query(f"COPY (SELECT repeat(' {MAIL}', 90000)) TO STDOUT")) if k == "d")
    t.check("a row of COPY that comes in pieces", len(got) == 90000 * 16 + 1 and b"ann" not in got, got[:60])
    answer = s.run(query("COPY (SELECT repeat('x', 20000000)) TO STDOUT"))
    t.check("one of 20 MB is refused", fields(next(b for k, b in answer if k == "E"))["C"] == "0A000", [k for k, _ in answer])
    s = Session(g, "masked")
    # Nobody reads: what is held does not grow, however much the server has to say.
    s.raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    s.raw.send(query(f"SELECT repeat('x{MAIL} ', 40000) FROM generate_series(1, 400)"))
    process.wait_for(lambda: len(s.raw.socket.recv(1, socket.MSG_PEEK)) == 1, "the first byte", 60)
    most = max(process.memory_kb(g.process.pid) for _ in range(40))
    rows = sum(kind == "D" and MAIL.encode() not in body for kind, body in s.raw.read_until("Z"))
    t.check("270 MB to a client that does not read hold no memory", rows == 400 and most - before < 120000, (rows, before, most))


def recorded(t, g, server):
    s = Session(g, "masked", "witness")
    s.run(query("SELECT id, words, number FROM held WHERE id > 1000"))
    s.run(query("COPY held TO STDOUT"))
    s.raw.send(rawpg.TERMINATE)
    events = []

    def ended():
        listed = gateway.parse_json(g.cli("sessions", "list", "--json", "--limit", "0").stdout)
        events[:] = [e for one in listed if one.get("application") == "witness" for e in g.replay(one["session"])]
        return any(e["event"] == "end" for e in events)
    process.wait_for(ended, "the end of the session in the record", 60)
    found = [e["fields"] for e in events if e["event"] == "found"]
    t.check("the record tells what was found where", found == [
        {"2.iban.masked": "1", "2.email.masked": "1", "3.card_number.masked": "1"},
        {"0.card_number.masked": "1", "0.iban.masked": "1", "0.email.masked": "1"}], found)
    told = gateway.parse_json(g.cli("audit", "who-saw", "values.*", "--session", events[0]["session"], "--json").stdout)
    t.check("the index tells who got how many", sorted((one["principal"], one["column"], one["state"], one["results"], one["rows"]) for one in told)
            == sorted((told[0]["principal"], kind, "masked", 1, 1) for kind in ("card_number", "email", "iban") * 2), told)
    rows = [e["values"] for e in events if e["event"] == "row"]
    t.check("and has what the client saw", ["1001", "one", None] in rows and ["1002", "***@*******.***", "2"] in rows, rows)
    kept = "".join(json.dumps(e) for e in events)
    t.check("and no value", not re.search(f"{CARD}|{MAIL}|GB82 WEST", kept))


def main():
    t = tally.Tally()
    with process.World() as world:
        server = postgres.Cluster(world, "server")
        server.sql(FIXTURE)
        g = gateway.Gateway(world, server, change=change)
        for part in (types, everywhere, copies, words, merged, large, recorded):
            t.run(f"{part.__name__} runs to its end", part, t, g, server)
        t.check("the gateway lives", g.alive(), g.stderr())
    t.finish()


if __name__ == "__main__":
    main()
