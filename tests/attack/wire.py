#!/usr/bin/python3
"""Raw protocol, right and wrong, against a real server through the gateway.

SAME is a table of sequences: each is sent once directly and once through the gateway, whole and byte by byte,
and every message that comes back must be the same. OWN is a list of what a gateway must do of itself.

usage: tests/attack/wire.py [--through relay] [PATTERN]     PATTERN: W49, W7*"""
import argparse
import fnmatch
import os
import pathlib
import shutil
import socket
import struct
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally
import witness
from rawpg import (COPY_DONE, FLUSH, SYNC, TERMINATE, bind, close, copy_data, copy_fail, describe, execute, message,
                   parse, query)

SENTINEL = "end of the case"
ROW = b"".join((bind(), describe("P"), execute()))


def one(text):
    """Parse, Bind, Describe and Execute of one text."""
    return parse(text) + ROW


# number, what it shows, the messages as a server answers them (None: whatever it says), what is sent.
SAME = [
    ("W35", "a Query without its NUL", None, [message("Q", b"SELECT 1")]),
    ("W36", "a Query with a NUL inside", None, [message("Q", b"SELECT 1\0;DELETE FROM w\0")]),
    ("W37", "a Query that is not UTF-8", None, [message("Q", b"SELECT '\xff'\0")]),
    ("W40", "empty texts", "IZIIZIIZI", [query(""), query("-- nothing\n"), query(";;")]),
    ("W41", "three statements in one Query", "TDCTDCTDCZI", [query("SELECT 1; SELECT 'two'; SELECT NULL")]),
    ("W42", "an error undoes the statements before it", "CEZITDCZI",
     [query("INSERT INTO w VALUES (42); SELECT 1/0; SELECT 3"), query("SELECT count(*) FROM w WHERE i = 42")]),
    ("W43", "BEGIN in the middle", "TDCCTDCZTCZI", [query("SELECT 1; BEGIN; SELECT 2"), query("ROLLBACK")]),
    ("W44", "COMMIT of a failed transaction says ROLLBACK", "CZTEZECZI", [query("BEGIN"), query("SELECT 1/0"), query("COMMIT")]),
    ("W45", "COMMIT AND CHAIN stays in a transaction", "CZTCZTCZI", [query("BEGIN"), query("COMMIT AND CHAIN"), query("ROLLBACK")]),
    ("W46", "a rule that answers with rows", None, [query("INSERT INTO ruled VALUES (1)"), one("INSERT INTO ruled VALUES (2)"), SYNC]),
    ("W47", "ParameterStatus comes once, before ReadyForQuery", None,
     [query("SET application_name = 'zz'; SELECT 1; SET application_name = 'yy'")]),
    ("W49", "an error skips to Sync", "1EZITDCZI", [one("SELECT 1/0"), one("SELECT 2"), SYNC, query("SELECT 3")]),
    ("W49b", "an error in the second of three", None, [one("INSERT INTO w VALUES (49)"), one("SELECT 1/0"), one("SELECT 3"), SYNC,
                                                       query("SELECT count(*) FROM w WHERE i = 49")]),
    ("W51", "a Query after an error and before Sync is skipped", None, [one("SELECT 1/0"), query("SELECT 'skipped'"), SYNC]),
    ("W52", "a Query inside an extended batch", "12TDCTDCZIZI", [one("SELECT 1"), query("SELECT 2"), SYNC]),
    ("W53", "a ReadyForQuery for each Sync", "ZIZIZI", [SYNC, SYNC, SYNC]),
    ("W54", "two commands in one Parse", "EZI", [parse("SELECT 1; SELECT 2"), SYNC]),
    ("W55", "a name used twice keeps the first statement", None,
     [parse("SELECT 'first'", "s"), SYNC, parse("SELECT 'second'", "s"), SYNC, bind(name="s"), execute(), SYNC, close("S", "s"), SYNC]),
    ("W56", "closing what is not there", "3ZI", [close("S", "missing"), SYNC]),
    ("W57", "DEALLOCATE frees a protocol statement's name", None,
     [parse("SELECT 1", "d"), SYNC, query("DEALLOCATE d"), parse("SELECT 'again'", "d"), bind(name="d"), execute(), SYNC,
      query("DISCARD ALL"), bind(name="d"), SYNC]),
    ("W58", "PREPARE and Bind, Parse and EXECUTE share names", None,
     [query("PREPARE p AS SELECT 'sql', $1::int"), bind([b"5"], name="p"), execute(), SYNC, parse("SELECT 'wire', $1::int", "q"), SYNC,
      query("EXECUTE q(7)"), query("DEALLOCATE ALL"), query("EXECUTE q(8)")]),
    ("W59", "cursors and portals share names", None,
     [query("BEGIN; DECLARE c CURSOR FOR SELECT generate_series(1, 5)"), describe("P", "c"), execute("c", 2), SYNC,
      parse("SELECT generate_series(10, 15)"), bind(portal="portal"), SYNC, query("FETCH 3 FROM portal"), query("CLOSE portal; COMMIT")]),
    ("W60", "Execute without Describe", "12DCZI", [parse("SELECT 1"), bind(), execute(), SYNC]),
    ("W61", "binary results", None,
     [parse("SELECT 1::int4, 'x'::text, 2.5::float8, '2024-01-01'::date, ARRAY[1, 2], 12.5::numeric"), describe("S"),
      bind(results=[1]), describe("P"), execute(), SYNC, bind(results=[0, 1, 1, 0, 1, 1]), describe("P"), execute(), SYNC]),
    ("W62", "binary parameters", None,
     [parse("SELECT $1::int4 + 1, $2::text, $3::bytea, $4::int8"), describe("S"),
      bind([struct.pack("!i", 41), b"text", b"\0\xff", None], formats=[1, 0, 1, 1]), execute(), SYNC]),
    ("W63", "wrong formats and counts of parameters", None,
     [parse("SELECT $1::int"), bind([b"1"], formats=[2]), SYNC, parse("SELECT $1::int"), bind(), SYNC,
      parse("SELECT $1::int"), bind([b"1", b"2"]), SYNC, parse("SELECT $1::int"), bind([b"abc"]), execute(), SYNC]),
    ("W64", "a portal suspended and gone on with", "12DDsDCZI",
     [parse("SELECT generate_series(1, 3)"), bind(), execute(rows=2), execute(rows=2), SYNC]),
    ("W65", "a portal does not outlive its transaction", "12DDsZIEZI",
     [parse("SELECT generate_series(1, 3)"), bind(portal="p"), execute("p", 2), SYNC, execute("p", 2), SYNC]),
    ("W65b", "but lives inside one", None,
     [query("BEGIN"), parse("SELECT generate_series(1, 5)"), bind(portal="p"), execute("p", 2), SYNC, execute("p", 2), SYNC,
      execute("p", 2), close("P", "p"), SYNC, query("COMMIT")]),
    ("W66", "Flush brings the answers without ReadyForQuery", None, [parse("SELECT 1"), FLUSH, bind(), FLUSH, execute(), FLUSH, SYNC]),
    ("W69", "a function that runs when it is bound", None, [parse("SELECT immutable_effect()"), bind(), describe("P"), SYNC]),
    ("W73", "COPY out in each format", None,
     [query("COPY w TO STDOUT"), query("COPY (SELECT 1, 'a') TO STDOUT (FORMAT csv, HEADER)"), query("COPY (SELECT 1::int4) TO STDOUT (FORMAT binary)"),
      query("COPY (DELETE FROM w WHERE i = 2 RETURNING i) TO STDOUT"), one("COPY w TO STDOUT"), SYNC]),
    ("W74", "a row limit does not stop COPY", None, [parse("COPY (SELECT generate_series(1, 9)) TO STDOUT"), bind(), execute(rows=2), SYNC]),
    ("W75", "rows of COPY split anywhere", None,
     [query("COPY w FROM STDIN"), copy_data(b"7"), copy_data(b""), copy_data(b"5\n7"), copy_data(b"51\n"), COPY_DONE,
      query("SELECT i + 0 FROM w WHERE i IN (75, 751) ORDER BY 1")]),
    ("W76", "what follows \\. in COPY", None, [query("COPY w FROM STDIN"), copy_data(b"76\n\\.\n"), copy_data(b"77\n"), COPY_DONE]),
    ("W77", "Sync and Flush inside COPY count for nothing", None,
     [query("COPY w FROM STDIN"), SYNC, FLUSH, SYNC, copy_data(b"77\n"), COPY_DONE, query("SELECT 1")]),
    ("W78", "a Query inside COPY loses the session", None, [query("COPY w FROM STDIN"), copy_data(b"78\n"), query("SELECT 1")]),
    ("W79", "data of a COPY that failed at once is passed over", None,
     [query("COPY missing FROM STDIN"), copy_data(b"1\n"), copy_data(b"2\n"), COPY_DONE, query("SELECT 1")]),
    ("W79b", "copy messages outside COPY", None, [copy_data(b"1\n"), COPY_DONE, copy_fail("no"), query("SELECT 1")]),
    ("W80", "bad data in an extended COPY", None,
     [parse("COPY w FROM STDIN"), bind(), execute(), SYNC, copy_data(b"bad\n"), COPY_DONE, SYNC, query("SELECT 1")]),
    ("W80b", "an extended COPY", None, [parse("COPY w FROM STDIN"), bind(), execute(), FLUSH, copy_data(b"80\n"), COPY_DONE, SYNC, query("SELECT 1")]),
    ("W80c", "CopyFail", None, [query("COPY w FROM STDIN"), copy_data(b"80\n"), copy_fail("changed my mind"),
                                parse("COPY w FROM STDIN"), bind(), execute(), FLUSH, copy_fail("again"), SYNC]),
    ("W81", "two COPY in one Query, and a statement behind", None,
     [query("COPY w FROM STDIN; COPY w FROM STDIN; SELECT count(*) FROM w WHERE i > 800"), copy_data(b"811\n"), COPY_DONE,
      copy_data(b"812\n813\n"), COPY_DONE]),
    ("W81b", "COPY in and COPY out in one Query", None,
     [query("COPY w FROM STDIN; COPY (SELECT 'out') TO STDOUT; SELECT 'last'"), copy_data(b"81\n"), COPY_DONE]),
    ("W84", "a notification before ReadyForQuery", None, [query("LISTEN n"), query("NOTIFY n, 'payload'"), query("SELECT 1"), query("UNLISTEN n")]),
    ("W85", "set_config is reported", None, [query("SELECT set_config('application_name', 'renamed', false)"), query("RESET application_name")]),
    ("W86", "an error with every field; notices", None,
     [query("DO $$ BEGIN RAISE NOTICE 'n %', 1 USING DETAIL = 'd', HINT = 'h'; RAISE EXCEPTION 'e' USING ERRCODE = 'P7777', DETAIL = 'dd', "
            "HINT = 'hh', COLUMN = 'c', CONSTRAINT = 'cc', DATATYPE = 't', TABLE = 'tt', SCHEMA = 's'; END $$"),
      query("INSERT INTO w (i) VALUES (NULL)"), query("SELECT 1 +")]),
    ("W91", "statement_timeout", None,
     [query("BEGIN"), query("SET LOCAL statement_timeout = 300"), query("SELECT pg_sleep(3600)"), query("ROLLBACK"), query("SHOW statement_timeout")]),
    ("W90", "the end of one's own backend", None, [query("SELECT pg_terminate_backend(pg_backend_pid())")]),
    ("W31", "a Query of length 3", None, [b"Q\0\0\0\3"]),
    ("W32", "a Query said to be larger than a gigabyte", None, [b"Q\x40\0\0\1"]),
    ("W33", "a Sync of 20000 bytes", None, [message("S", bytes(20000))]),
    ("W34", "an unknown message type", None, [message("z", b"x\0")]),
    ("W34b", "a message type of zero", None, [message("\0", b"x\0")]),
    ("W34c", "a password after the login", None, [message("p", b"x\0")]),
    ("W38", "a thousand messages in one segment", None, [b"".join(one(f"SELECT {i}") for i in range(250)) + SYNC]),
    ("W38b", "a hundred Queries in one segment", None, [b"".join(query(f"SELECT {i}") for i in range(100))]),
    ("W108", "1,600 columns", None, [query("SELECT " + ", ".join(f"{i} AS c{i}" for i in range(1600)))]),
    ("W110", "statements after COMMIT in a read-only transaction", None,
     [query("BEGIN READ ONLY"), query("COMMIT; DELETE FROM w WHERE i = 1; COMMIT"), query("SELECT count(*) FROM w WHERE i = 1")]),
    ("W71", "a function call, abs(-5), and one of nothing", None,
     [message("F", struct.pack("!IHHHiiH", 1397, 1, 1, 1, 4, -5, 1)), message("F", struct.pack("!IHHH", 1, 0, 0, 0)), query("SELECT 1")]),
    ("X01", "the transaction status follows savepoints", None,
     [query("BEGIN"), query("SAVEPOINT a"), query("SELECT 1/0"), query("ROLLBACK TO a"), query("RELEASE a"), query("COMMIT")]),
    ("X02", "parameters of Parse with types given", None, [parse("SELECT $1", "", [23]), describe("S"), bind([b"5"]), execute(), SYNC]),
    ("X03", "Describe of nothing", None, [describe("S", "missing"), SYNC, describe("P", "missing"), SYNC, describe("S"), SYNC]),
    ("X04", "an empty text, extended", "12nIZI", [one(""), SYNC]),
    ("X05", "a batch of errors, each with its Sync", None, [one("SELECT 1/0"), SYNC, one("SELECT x"), SYNC, one("SELEC"), SYNC, one("SELECT 1"), SYNC]),
    ("X06", "VACUUM outside and inside a transaction", None, [query("VACUUM w"), query("BEGIN; SELECT 1"), query("VACUUM w"), query("ROLLBACK"), one("VACUUM w"), SYNC]),
]
# Where the gateway answers of itself, its words are its own: "code" compares types and SQLSTATE, "shape" the
# types alone, "ends" only that the session ends.
LOOSELY = {"W35": "code", "W36": "code", "W37": "shape", "W34": "code", "W34b": "code", "W34c": "code", "W31": "ends", "W32": "ends",
           "W33": "ends", "W78": "ends"}
SETUP = """
    CREATE TABLE w (i int NOT NULL); INSERT INTO w SELECT generate_series(1, 5);
    CREATE TABLE ruled (i int); CREATE RULE r AS ON INSERT TO ruled DO ALSO SELECT 'from the rule', NEW.i;
    CREATE TABLE effects (at int);
    CREATE FUNCTION immutable_effect() RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN INSERT INTO effects VALUES (1); RETURN 1; EXCEPTION WHEN OTHERS THEN RETURN 2; END';
"""


class Ways:
    """The server, the way past the gateway, and what they need."""

    def __init__(self, world, through):
        self.world, self.server = world, postgres.Cluster(world)
        for database in ("w_direct", "w_through", "w_bytes"):
            self.server.sql(f"CREATE DATABASE {database}")
        self.gate = self.tls = None
        if through == "relay":
            self.port = witness.Witness(world, self.server.port).port
            self.password = lambda: self.server.password
        else:
            self.gate = gateway.Gateway(world, self.server)
            self.port, self.password = self.gate.port, self.gate.token

    def restore(self, database):
        self.server.sql("DROP SCHEMA public CASCADE; CREATE SCHEMA public;" + SETUP, database)

    def connect(self, direct=False, database="postgres", **parameters):
        raw = rawpg.Raw(self.server.port if direct else self.port)
        seen = raw.login(self.server.password if direct else self.password(), database=database, **parameters)
        if raw.status is None:
            raise rawpg.Closed(f"no login: {rawpg.error(seen)}")
        return raw


def converse(raw, steps, size=None):
    """Sends the steps and a last statement; every message up to the answer of that, or to the end."""
    seen = []

    def collect():
        while True:
            try:
                kind, body = raw.read()
            except (rawpg.Closed, OSError):
                seen.append(("", b""))
                return
            if kind == "A":
                body = (b"own" if struct.unpack("!I", body[:4])[0] == raw.process_id else b"other") + body[4:]
            seen.append((kind, body))
            if kind == "D" and body[6:] == SENTINEL.encode():
                return
    reader = threading.Thread(target=collect)
    reader.start()
    try:
        for step in steps:
            if size:
                raw.send_split(step, size)
            else:
                raw.send(step)
        raw.send(SYNC, query(f"SELECT '{SENTINEL}'"))
    except OSError:
        pass
    reader.join(process.PATIENCE)
    # The closing statement's own messages, and the Sync's, are not of the case.
    return seen


def differ(wanted, got):
    for i, (a, b) in enumerate(zip(wanted + [None] * len(got), got + [None] * len(wanted))):
        if a != b:
            return f"message {i}: directly {a!r:.300}, through the gateway {b!r:.300}; shapes {rawpg.shape(wanted)[:120]} and {rawpg.shape(got)[:120]}"
        if a is None:
            return ""
    return ""


def loosely(how, messages):
    """What of an answer is compared."""
    if how == "ends":
        return messages[-1] == ("", b"") and not any(kind in "TDC" for kind, _ in messages if kind)
    if how == "code":
        return [(kind, rawpg.fields(body).get("C") if kind == "E" else body) for kind, body in messages]
    return rawpg.shape(messages) if how == "shape" else messages


def check_same(counted, ways, number, fact, shape, steps):
    runs = [("w_direct", True, None), ("w_through", False, None)]
    if sum(map(len, steps)) < 3000:
        runs.append(("w_bytes", False, 1))
    results = []
    for database, direct, size in runs:
        ways.restore(database)
        with ways.connect(direct, database) as raw:
            results.append(converse(raw, steps, size))
    for (database, _, size), got in list(zip(runs, results))[1:]:
        how = LOOSELY.get(number)
        counted.check(f"{number} {fact}: the same through the gateway{', byte by byte' if size else ''}",
                      loosely(how, got) == loosely(how, results[0]), differ(results[0], got))
    if shape:
        counted.check(f"{number} {fact}: the server answers {shape}", rawpg.shape(results[0]).startswith(shape), rawpg.shape(results[0]))


OWN = []


def own(number, fact):
    def keep(function):
        OWN.append((number, fact, function))
        return function
    return keep


def refused(raw, *states):
    """The connection ends: with an ErrorResponse of one of these SQLSTATEs, or (no states given) anyhow."""
    seen = raw.rest()
    found = rawpg.error(seen).get("C")
    return seen[-1][0] == "" and not any(kind == "Z" for kind, _ in seen) and (not states or found in states)


def told(what):
    """Fails with what was seen."""
    raise process.Failed(f"got {what!r:.500}")


@own("W01", "SSLRequest without a certificate is answered N, and the login goes on in clear on loopback")
def _(ways):
    raw = rawpg.Raw(ways.port)
    raw.send(struct.pack("!II", 8, rawpg.SSL_REQUEST))
    return raw.read_bytes(1) == b"N" and raw.login(ways.password())[-1][0] == "Z"


@own("W02", "bytes behind SSLRequest in the same segment end the connection or are not read as a login before TLS")
def _(ways):
    raw = rawpg.Raw(ways.tls.port)
    raw.send(struct.pack("!II", 8, rawpg.SSL_REQUEST) + rawpg.startup({"user": "a", "database": "postgres"}))
    data = b""
    try:
        while piece := raw.socket.recv(1000):
            data += piece
    except ConnectionResetError:
        pass
    return b"R\0\0\0" not in data


@own("W04", "GSSENCRequest is answered N")
def _(ways):
    raw = rawpg.Raw(ways.port)
    raw.send(struct.pack("!II", 8, rawpg.GSS_REQUEST))
    return raw.read_bytes(1) == b"N" and raw.login(ways.password())[-1][0] == "Z"


@own("W05", "a second SSLRequest is refused")
def _(ways):
    raw = rawpg.Raw(ways.port)
    raw.send(struct.pack("!II", 8, rawpg.SSL_REQUEST))
    raw.read_bytes(1)
    raw.send(struct.pack("!II", 8, rawpg.SSL_REQUEST))
    return refused(raw)


@own("W06", "TLS after SSLRequest works, an SSLRequest inside it is refused, a CancelRequest inside it is heard")
def _(ways):
    with rawpg.Raw(ways.tls.port) as raw:
        raw.start_tls()
        raw.login(ways.tls.token())
        when_it_sleeps(ways, raw, cancel_over_tls, ways.tls.port, raw)
        cancelled = rawpg.error(raw.simple("SELECT pg_sleep(3600)")).get("C") == "57014"
    raw = rawpg.Raw(ways.tls.port)
    raw.start_tls()
    raw.send(struct.pack("!II", 8, rawpg.SSL_REQUEST))
    return cancelled and refused(raw)


def when_it_sleeps(ways, raw, call, *arguments):
    """Calls in a thread as soon as the server runs a pg_sleep for this client."""
    def run():
        process.wait_for(lambda: ways.server.sql(f"SELECT state FROM pg_stat_activity WHERE pid = {raw.process_id} "
                                                 "AND query LIKE '%pg_sleep%'") == "active", "a statement that sleeps")
        call(*arguments)
    threading.Thread(target=run, daemon=True).start()


def cancel_over_tls(port, raw):
    with rawpg.Raw(port) as other:
        other.start_tls()
        other.send(struct.pack("!III", 12 + len(raw.secret), rawpg.CANCEL_REQUEST, raw.process_id) + raw.secret)
        other.is_closed()


@own("W07", "direct TLS with ALPN postgresql works; without ALPN, or with another, it is refused")
def _(ways):
    with rawpg.Raw(ways.tls.port) as raw:
        raw.start_tls(["postgresql"], direct=True)
        worked = raw.login(ways.tls.token())[-1][0] == "Z"
    bad = 0
    for alpn in (None, ["h2"]):
        try:
            raw = rawpg.Raw(ways.tls.port)
            raw.start_tls(alpn, direct=True)
            raw.login(ways.tls.token())
            bad += raw.status is not None
        except (OSError, rawpg.Closed):
            pass
    return worked and not bad


@own("W10", "a newer minor version and unknown _pq_ options are negotiated away")
def _(ways):
    raw = rawpg.Raw(ways.port)
    raw.send(rawpg.startup({"user": "a", "database": "postgres", "_pq_.x": "1"}, rawpg.VERSION_3 + 2))
    seen = raw.authenticate(ways.password())
    body = dict(seen).get("v", b"")
    return seen[-1][0] == "Z" and b"_pq_.x\0" in body and struct.unpack("!I", body[:4])[0] in (rawpg.VERSION_3, 3 << 16, (3 << 16) + 2, 0)


for version, name in ((0x20000, "2.0"), (0x40000, "4.0")):
    @own("W12", f"protocol {name} is refused")
    def _(ways, version=version):
        raw = rawpg.Raw(ways.port)
        raw.send(rawpg.startup({"user": "a"}, version))
        return refused(raw)

for data, name in ((b"\0\0\0\3", "length 3"), (b"\x7f\xff\xff\xff\0\3\0\0", "a length of two gigabytes"),
                   (rawpg.startup({"user": "a", "x": "y" * 20000}), "20 kB"), (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP"),
                   (rawpg.startup({"user": "a"}, tail=b""), "no terminator"), (rawpg.startup({}), "no user")):
    @own("W13", f"a start-up packet with {name} is refused")
    def _(ways, data=data):
        raw = rawpg.Raw(ways.port)
        raw.send(data)
        return refused(raw)


@own("W14", "a start-up parameter given twice is refused")
def _(ways):
    raw = rawpg.Raw(ways.port)
    raw.send(rawpg.startup([("user", "a"), ("database", "postgres"), ("user", "b")]))
    raw.authenticate(ways.password())
    return raw.status is None


STRICT_STARTUP = [{"standard_conforming_strings": "off"}, {"client_encoding": "SJIS"}, {"role": "pg_read_all_data"},
                  {"session_replication_role": "replica"}, {"session_authorization": "postgres"}, {"options": "-c role=postgres"},
                  {"options": "--standard-conforming-strings=off"}, {"options": "-c client_encoding=BIG5"}, {"search_path\0x": "y"}]
for parameters in STRICT_STARTUP:
    @own("W15", f"start-up with {parameters} is refused where the policy is not open")
    def _(ways, parameters=parameters):
        raw = rawpg.Raw(ways.tls.port)
        raw.login(ways.tls.token(), "a", **parameters)
        return raw.status is None

for value, fine in (("true", False), ("database", False), ("1", False), ("on", False), ("off", True), ("false", True)):
    @own("W16", f"replication={value} is {'passed over' if fine else 'refused'}")
    def _(ways, value=value, fine=fine):
        raw = rawpg.Raw(ways.port)
        raw.login(ways.password(), replication=value)
        return (raw.status is not None) == fine


@own("W18", "a client that says nothing is let go at the deadline")
def _(ways):
    gate = gateway.Gateway(ways.world, ways.server, name="deadline", change=lambda config: config.update(limits={"login": "2s"}))
    raw = rawpg.Raw(gate.port)
    half = rawpg.Raw(gate.port)
    half.send(rawpg.startup({"user": "a"})[:9])
    ended = refused(raw) and refused(half)
    gate.stop()
    return ended


@own("W28", "anything but a password during the login is refused")
def _(ways):
    raw = rawpg.Raw(ways.port)
    raw.send(rawpg.startup({"user": "a", "database": "postgres"}))
    raw.read()
    raw.send(query("SELECT 1"))
    return refused(raw)


@own("W87", "a cancel with a wrong key is answered with silence and harms nobody")
def _(ways):
    with ways.connect() as raw:
        wrong = bytes(b ^ 255 for b in raw.secret)
        answers = [rawpg.cancel(ways.port, raw.process_id, key) for key in (wrong, raw.secret + b"x", b"", bytes(256))]
        return (answers == [b""] * 4 and raw.value("SELECT 1 FROM pg_sleep(0.2)") == "1") or told(answers)


@own("W106", "a cancel reaches its statement; one that comes too late harms neither the next nor the gateway")
def _(ways):
    with ways.connect() as raw:
        when_it_sleeps(ways, raw, rawpg.cancel, ways.port, raw.process_id, raw.secret)
        first = rawpg.error(raw.simple("SELECT pg_sleep(3600)")).get("C") == "57014"
        rawpg.cancel(ways.port, raw.process_id, raw.secret)
        time.sleep(0.3)
        return first and all(raw.value(f"SELECT {i} FROM pg_sleep(0.01)") == str(i) for i in range(10))


@own("W106b", "a cancel whose client closes at once is heard")
def _(ways):
    with ways.connect() as raw:
        def hasty():
            with socket.create_connection(("127.0.0.1", ways.port)) as s:
                s.sendall(struct.pack("!III", 12 + len(raw.secret), rawpg.CANCEL_REQUEST, raw.process_id) + raw.secret)
        when_it_sleeps(ways, raw, hasty)
        return rawpg.error(raw.simple("SELECT pg_sleep(3600)")).get("C") == "57014"


@own("W92", "the server's own end of an idle session is told")
def _(ways):
    with ways.connect() as raw:
        raw.simple("SET idle_in_transaction_session_timeout = 300")
        raw.simple("BEGIN")
        return rawpg.error(raw.rest()).get("C") == "25P03"


@own("W93", "a client that half-closes gets its answers, and they ran")
def _(ways):
    ways.restore("w_through")
    with ways.connect(database="w_through") as raw:
        raw.send(query("INSERT INTO w VALUES (93)"), query("SELECT 'last'"))
        raw.socket.shutdown(socket.SHUT_WR)
        raw.rest()
        return process.wait_for(lambda: ways.server.sql("SELECT count(*) FROM w WHERE i = 93", "w_through") == "1", "the row")


@own("W67", "a batch with COMMIT whose client is gone without Sync runs as it does directly")
def _(ways):
    counts = []
    for direct, database in ((True, "w_direct"), (False, "w_through")):
        ways.restore(database)
        raw = ways.connect(direct, database)
        raw.send(one("BEGIN"), one("DELETE FROM w"), one("COMMIT"), FLUSH)
        for _ in range(3):
            raw.read_until("C")
        raw.socket.close()
        counts.append(ways.server.sql("SELECT count(*) FROM w", database))
    return counts[0] == counts[1] == "0"


@own("W94", "a client that does not read slows its server and nobody else, in bounded memory")
def _(ways):
    slow = ways.connect()
    before = process.memory_kb(ways.gate.process.pid, "Anonymous") if ways.gate else 0
    slow.send(query("SELECT repeat('x', 1000) FROM generate_series(1, 2000000)"))
    time.sleep(3)
    with ways.connect() as other:  # while the slow one still waits to be read
        answered = other.value("SELECT 1") == "1"
    grown = (process.memory_kb(ways.gate.process.pid, "Anonymous") if ways.gate else 0) - before
    slow.socket.close()
    if grown > 64 * 1024:
        raise process.Failed(f"the gateway grew by {grown} kB")
    return answered


@own("W100", "BackendKeyData has the process id of the real backend, and a key that is not the server's")
def _(ways):
    with ways.connect() as raw:
        return int(raw.value("SELECT pg_backend_pid()")) == raw.process_id and len(raw.secret) >= 4


@own("W101", "allowed start-up parameters are what RESET falls back to")
def _(ways):
    with ways.connect(options="-c statement_timeout=12s -c search_path=pg_catalog", IntervalStyle="iso_8601") as raw:
        raw.simple("SET statement_timeout = 1000; SET search_path = public; SET IntervalStyle = postgres")
        raw.simple("RESET ALL")
        got = [raw.value(f"SHOW {name}") for name in ("statement_timeout", "search_path", "IntervalStyle")]
        return got == ["12s", "pg_catalog", "iso_8601"] or told(got)


@own("W102", "a failed login at the server reaches the client with the server's SQLSTATE and words")
def _(ways):
    raw = rawpg.Raw(ways.port)
    found = rawpg.error(raw.login(ways.password(), database="no_such_database"))
    return found.get("C") == "3D000" and found.get("M") == 'database "no_such_database" does not exist'


@own("crowded", "who comes when all sessions are taken is refused with 53300, and let in when one has ended")
def _(ways):
    gate = gateway.Gateway(ways.world, ways.server, name="crowded",
                           change=lambda config: config.update(workers=2, limits={"sessions": 3, "unauthenticated": 50}))
    held = []
    for _ in range(3):
        raw = rawpg.Raw(gate.port)
        raw.login(gate.token(), "agent")
        assert raw.value("SELECT 1") == "1"
        held.append(raw)
    for _ in range(8):
        late = rawpg.Raw(gate.port)
        error = rawpg.error(late.login(gate.token(), "agent"))
        assert error["C"] == "53300" and late.status is None, error
    assert held[0].value("SELECT 2") == "2"
    held.pop().socket.close()
    until = time.monotonic() + process.PATIENCE
    while True:
        raw = rawpg.Raw(gate.port)
        raw.login(gate.token(), "agent")
        if raw.status or time.monotonic() > until:
            break
        time.sleep(0.05)
    assert raw.value("SELECT 3") == "3"
    gate.stop()


@own("server-tls", "the server's TLS is verified, its SCRAM bound to the channel, and a wrong certificate refused")
def _(ways):
    folder = make_certificate(ways.world, "server-certificate")
    for name in ("key.pem", "cert.pem"):
        shutil.chown(folder / name, "postgres", "postgres")
        os.chmod(folder / name, 0o600)
    os.chmod(folder, 0o755)
    server = postgres.Cluster(ways.world, "with-tls", {"ssl": "on", "ssl_cert_file": str(folder / "cert.pem"), "ssl_key_file": str(folder / "key.pem")})
    stranger = make_certificate(ways.world, "strange-certificate")

    def answer(mode, ca):
        def change(config):
            config["connections"][0]["target"].update(host="127.0.0.1", port=server.port, tls=mode, **({"ca": str(ca / "cert.pem")} if ca else {}))
        gate = gateway.Gateway(ways.world, server, name=f"tls-{mode}-{ca.name if ca else 'none'}", change=change)
        raw = rawpg.Raw(gate.port)
        error = rawpg.error(raw.login(gate.token(), "agent"))
        said = error.get("C") if raw.status is None else raw.value("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
        gate.stop()
        return said
    got = answer("verify-full", folder), answer("require", None), answer("verify-full", stranger)
    return got == ("t", "t", "08001") or told(got)


@own("W104", "ParameterStatus has the server's own spelling")
def _(ways):
    with ways.connect(client_encoding="utf-8") as raw:
        return raw.parameters["client_encoding"] == "UTF8"


@own("W105", "DROP DATABASE works right after a client has gone")
def _(ways):
    ways.server.sql("DROP DATABASE IF EXISTS w_gone; ")
    for leave in ("X", "close"):
        ways.server.sql("CREATE DATABASE w_gone")
        raw = ways.connect(database="w_gone")
        raw.value("SELECT 1")
        if leave == "X":
            raw.send(TERMINATE)
        raw.socket.close()
        process.wait_for(lambda: ways.server.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'w_gone'") == "0",
                         "the end of the session at the server")
        ways.server.sql("DROP DATABASE w_gone")


@own("W82", "a client that is gone in the middle of COPY leaves no row")
def _(ways):
    ways.restore("w_through")
    raw = ways.connect(database="w_through")
    raw.send(query("COPY w FROM STDIN"), copy_data(b"82\n" * 1000))
    raw.read()
    raw.socket.close()
    time.sleep(0.5)
    return ways.server.sql("SELECT count(*) FROM w WHERE i = 82", "w_through") == "0"


@own("W95", "a server that dies in the middle of a result is told, and new sessions work when it is back")
def _(ways):
    with ways.connect() as raw:
        pid = raw.process_id
        raw.send(query("SELECT i, pg_sleep(0.001) FROM generate_series(1, 100000) i"))
        raw.read_until("D")
        ways.server.sql(f"SELECT pg_terminate_backend({pid})")
        seen = raw.rest()
        ended = rawpg.error(seen).get("C") in ("57P01", "08006") and seen[-1][0] == ""
    with ways.connect() as raw:
        return ended and raw.value("SELECT 1") == "1"


class FakeServer:
    """A server that says what it is told, to whoever logs in."""

    def __init__(self, world, script):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.script, self.heard = self.listener.getsockname()[1], script, b""
        world.callback(self.listener.close)
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        client.settimeout(process.PATIENCE)
        try:
            for say in self.script:
                self.heard += client.recv(65536)
                client.sendall(say)
            while data := client.recv(65536):
                self.heard += data
        except OSError:
            pass
        client.close()


def server_says(kind, body=b""):
    return message(kind, body)


AUTH_OK = server_says("R", struct.pack("!I", 0))
READY = AUTH_OK + server_says("S", b"server_version\x0015.0\0") + server_says("S", b"client_encoding\0UTF8\0") + \
    server_says("S", b"standard_conforming_strings\0on\0") + server_says("K", struct.pack("!II", 4242, 1)) + server_says("Z", b"I")
ROW_HEAD = struct.pack("!H", 1) + b"c\0" + struct.pack("!IHIhih", 0, 0, 25, -1, -1, 0)


def against_fake(ways, script):
    fake = FakeServer(ways.world, script)

    def change(config):
        config["connections"][0]["target"].update(host="127.0.0.1", port=fake.port)
    ways.n_fakes = getattr(ways, "n_fakes", 0) + 1
    gate = gateway.Gateway(ways.world, ways.server, name=f"fake-{ways.n_fakes}", change=change)
    return fake, gate


@own("W24", "a server that asks for the password in clear does not get it")
def _(ways):
    fake, gate = against_fake(ways, [server_says("R", struct.pack("!I", 3)), READY])
    raw = rawpg.Raw(gate.port)
    raw.login(gate.token())
    time.sleep(0.2)
    gate.stop()
    return raw.status is None and postgres.PASSWORD.encode() not in fake.heard


@own("W25", "a server whose SCRAM signature is wrong, or nonce not ours, is not believed")
def _(ways):
    refusals = 0
    for challenge in (b"r=%s,s=QUJDRA==,i=4096", b"r=other,s=QUJDRA==,i=4096"):
        fake, gate = against_fake(ways, [])
        def serve(client, fake=fake, challenge=challenge):
            client.recv(9999)
            client.sendall(server_says("R", struct.pack("!I", 10) + b"SCRAM-SHA-256\0\0"))
            first = client.recv(9999)
            nonce = first.split(b"r=")[-1]
            client.sendall(server_says("R", struct.pack("!I", 11) + (challenge % (nonce + b"xyz") if b"%s" in challenge else challenge)))
            client.recv(9999)
            client.sendall(server_says("R", struct.pack("!I", 12) + b"v=" + b"A" * 43 + b"=") + READY)
        fake.serve = serve
        raw = rawpg.Raw(gate.port)
        raw.login(gate.token())
        refusals += raw.status is None
        gate.stop()
    return refusals == 2


for name, answer in (("a DataRow with a length below -1", server_says("T", ROW_HEAD) + server_says("D", struct.pack("!Hi", 1, -2))),
                     ("a DataRow that ends early", server_says("T", ROW_HEAD) + server_says("D", struct.pack("!Hi", 3, 100) + b"x")),
                     ("an ErrorResponse without its end", server_says("E", b"SERROR")),
                     ("a message of length 1", b"D\0\0\0\1"),
                     ("a message of two gigabytes", b"D\x7f\xff\xff\xff" + bytes(1000)),
                     ("CopyBoth", server_says("W", b"\0\0\0")),
                     ("an unknown message", server_says("!", b"what")),
                     ("ReadyForQuery that nobody asked for", server_says("Z", b"I") * 3 + server_says("Z", b"?"))):
    @own("W39", f"a server that sends {name} ends its session and not the gateway")
    def _(ways, answer=answer):
        fake, gate = against_fake(ways, [READY, answer])
        # Start-up and, after the login, the first statement: two things are heard, two said.
        raw = rawpg.Raw(gate.port)
        raw.login(gate.token())
        if raw.status is not None:
            raw.send(query("SELECT 1"))
            raw.socket.settimeout(3)
            try:
                raw.rest()
            except TimeoutError:
                pass
        alive = gate.alive() and process.answers(gate.port)
        gate.stop()
        return alive


def make_certificate(world, name="certificate"):
    folder = world.make_folder(name)
    process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                 "-keyout", folder / "key.pem", "-out", folder / "cert.pem"])
    return folder


def with_tls(folder):
    def change(config):
        config["tls"] = {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}
        config["policies"][0]["allow"] = ["read", "write", "update", "delete"]
    return change


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--through", choices=["postern", "relay"], default="postern")
    parser.add_argument("pattern", nargs="?", default="*")
    arguments = parser.parse_args()
    counted = tally.Tally(verbose=False)
    with process.World() as world:
        ways = Ways(world, arguments.through)
        for number, fact, shape, steps in SAME:
            if fnmatch.fnmatch(number, arguments.pattern):
                try:
                    check_same(counted, ways, number, fact, shape, steps)
                except (rawpg.Closed, process.Failed, OSError) as error:
                    counted.check(f"{number} {fact}", False, error)
        if arguments.through == "postern":
            ways.tls = gateway.Gateway(world, ways.server, name="tls", change=with_tls(make_certificate(world)))
            for number, fact, function in OWN:
                if fnmatch.fnmatch(number, arguments.pattern):
                    counted.run(f"{number} {fact}", function, ways)
            counted.check("the gateway has lived through all of it", ways.gate.alive(), ways.gate.stderr()[-3000:])
            counted.check("and its log verifies", *ways.gate.verify())
        else:
            for number, fact, function in OWN:
                if fnmatch.fnmatch(number, arguments.pattern) and number in RELAY:
                    counted.run(f"{number} {fact}", function, ways)
    counted.finish()


# What holds of a bare relay as well, so that these cases can be tried without a gateway.
RELAY = {"W01", "W12", "W28", "W87", "W92", "W93", "W67", "W94", "W100", "W101", "W102", "W104", "W105", "W106", "W82", "W95"}

if __name__ == "__main__":
    main()
