"""psycopg 3: server-side binding, binary formats, pipeline mode, COPY, server-side cursors."""
import datetime
import decimal
import ipaddress
import logging
import threading
import time
import uuid

import psycopg
from psycopg import sql
from psycopg.types.json import Jsonb

from transcript import DSN, TABLE, normalise, operation, show

S = "d_psycopg3"
# Whether a pipeline notices its error before or at its end is a matter of time, and so is this warning.
logging.getLogger("psycopg").setLevel(logging.CRITICAL)
VALUES = [True, 7, 70000, 7 * 10**12, 1.5, float("inf"), decimal.Decimal("12345.678900"), "text – ünï", b"\x00\xff",
          datetime.date(2024, 2, 29), datetime.time(12, 34, 56, 789), datetime.datetime(2024, 2, 29, 1, 2, 3, 4),
          datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone.utc), datetime.timedelta(days=3, seconds=5),
          uuid.UUID(int=12345), Jsonb({"a": [1, None, "x"]}), ipaddress.ip_address("10.1.2.3"),
          [1, 2, None], ["a", None, "c d"], [[1, 2], [3, 4]], []]


def attempt(function):
    try:
        return function()
    except psycopg.Error as error:
        show("error", error.sqlstate, normalise(error.diag.message_primary or error), normalise(error.diag.message_detail or ""))


def connect(c):
    operation("connect")
    for name in ("server_version", "server_encoding", "client_encoding", "DateStyle", "TimeZone", "IntervalStyle",
                 "integer_datetimes", "standard_conforming_strings", "application_name", "is_superuser",
                 "session_authorization"):
        show(name, c.info.parameter_status(name))
    show("own pid", c.info.backend_pid == c.execute("SELECT pg_backend_pid()").fetchone()[0])
    show(c.info.transaction_status, c.info.server_version)


def simple(c):
    operation("simple")
    c.execute(f"DROP SCHEMA IF EXISTS {S} CASCADE")
    c.execute(f"CREATE SCHEMA {S}")
    c.execute(TABLE.format(S))
    for text in (f"INSERT INTO {S}.t VALUES (1, 'one', NULL, '\\x00ff', 1.5, '{{a,b}}'), (2, 'two', '2024-01-01', NULL, NULL, NULL)",
                 f"SELECT id, name, data, n, tags FROM {S}.t ORDER BY id", "SELECT 1 WHERE false", "SELECT",
                 f"UPDATE {S}.t SET n = 2 RETURNING id, n", f"DELETE FROM {S}.t WHERE id = 9", "", "-- nothing",
                 "VALUES (1, 'a'), (2, NULL)", "DO $$ BEGIN RAISE NOTICE 'hello'; END $$"):
        cursor = c.execute(text)
        show(cursor.statusmessage, cursor.rowcount, [d.name for d in cursor.description or []])
        for row in cursor.fetchall() if cursor.description else []:
            show(row)


def multi(c):
    operation("multi")
    cursor = c.execute(f"SELECT 1; SELECT 'two', 3; INSERT INTO {S}.t (id, name) VALUES (3, 'three')")
    while True:
        show(cursor.statusmessage, cursor.fetchall() if cursor.description else None)
        if not cursor.nextset():
            break
    attempt(lambda: c.execute(f"INSERT INTO {S}.t (id, name) VALUES (4, 'undone'); SELECT 1 / 0"))
    show(c.execute(f"SELECT count(*) FROM {S}.t").fetchone())


def parameters(c):
    operation("parameters")
    for binary in (False, True):
        for value in VALUES:
            form = "%b" if binary else "%t"
            row = attempt(lambda: c.execute(f"SELECT {form} AS v, pg_typeof({form})::text", (value, value), binary=binary).fetchone())
            show(row)
    for kind in ("bool", "int2", "int4", "int8", "float8", "numeric", "text", "bytea", "date", "timestamptz", "uuid", "jsonb", "int4[]"):
        show(c.execute(f"SELECT %s::{kind} AS v", (None,), binary=True).fetchone())


def prepared(c):
    operation("prepared")
    for i in range(50):
        row = c.execute("SELECT %s::int * 2, %s::text", (i, f"n{i}"), prepare=True).fetchone()
    show(row)
    show(c.execute("SELECT count(*) FROM pg_prepared_statements").fetchone())


def batch(c):
    operation("batch")
    cursor = c.cursor()
    cursor.executemany(f"INSERT INTO {S}.t (id, name) VALUES (%s, %s) RETURNING id", [(100 + i, f"n{i}") for i in range(200)], returning=True)
    show(cursor.rowcount, cursor.fetchone())
    show(c.execute(f"SELECT count(*), sum(id) FROM {S}.t").fetchone())


def pipeline(c):
    operation("pipeline")
    with c.pipeline() as p:
        cursors = [c.execute("SELECT %s::int", (i,)) for i in range(30)]
        p.sync()
        show(sum(cursor.fetchone()[0] for cursor in cursors))
    def failing():
        with c.pipeline():
            c.execute(f"INSERT INTO {S}.t (id, name) VALUES (1000, 'lost')")
            c.execute("SELECT 1 / %s::int", (0,))
            c.execute(f"INSERT INTO {S}.t (id, name) VALUES (1001, 'lost too')")
    attempt(failing)
    show(c.execute(f"SELECT count(*) FROM {S}.t WHERE id >= 1000").fetchone(), c.info.transaction_status)
    with c.pipeline() as p:
        first = c.execute("SELECT 'before'")
        p.sync()
        bad = c.cursor()
        try:
            bad.execute("SELECT * FROM missing_table")
            p.sync()
        except psycopg.Error as error:
            show(error.sqlstate)
        show(first.fetchone())
    show(c.execute("SELECT 'after'").fetchone())


def copy(c):
    operation("copy")
    cursor = c.cursor()
    with cursor.copy(f"COPY {S}.t (id, name, n) FROM STDIN") as out:
        for i in range(2000, 2300):
            out.write_row((i, "tab\tline\n" + str(i), None))
    show(cursor.rowcount)
    with cursor.copy(f"COPY {S}.t (id, name) FROM STDIN (FORMAT binary)") as out:
        out.set_types(["int4", "text"])
        for i in range(2300, 2400):
            out.write_row((i, f"binary {i}"))
    show(cursor.rowcount)
    for how in ("text", "csv", "binary"):
        with cursor.copy(f"COPY (SELECT id, name, n FROM {S}.t WHERE id >= 2000 ORDER BY id) TO STDOUT (FORMAT {how})") as out:
            data = b"".join(bytes(piece) for piece in out)
        show(how, len(data), data[-60:])
    def broken():
        with cursor.copy(f"COPY {S}.t (id, name) FROM STDIN") as out:
            out.write("5000\tfine\nbad\tline\n" * 3)
    attempt(broken)
    def abandoned():
        with cursor.copy(f"COPY {S}.t (id, name) FROM STDIN") as out:
            out.write("5001\tfine\n")
            raise ValueError("given up")
    attempt(abandoned)
    show(c.info.transaction_status)
    show(c.execute(f"SELECT count(*) FROM {S}.t").fetchone())


def cursors(c):
    operation("cursor")
    with c.transaction():
        with c.cursor("named") as cursor:
            cursor.execute("SELECT i, repeat('y', i) FROM generate_series(1, 100) i WHERE i > %s", (3,))
            cursor.itersize = 10
            show(cursor.fetchmany(3), len(cursor.fetchmany(7)))
            cursor.scroll(20)
            show(cursor.fetchone()[0])
    total = 0
    for row in c.cursor().stream("SELECT generate_series(1, 1000)"):
        total += row[0]
    show(total)


def errors(c):
    operation("errors")
    for text in ("SELEC 1", "SELECT * FROM missing", "SELECT 1/0", f"INSERT INTO {S}.t (id, name) VALUES (1, 'x')",
                 f"INSERT INTO {S}.t (id) VALUES (77)", "SELECT 'x'::int"):
        attempt(lambda: c.execute(text))
    attempt(lambda: c.execute("SELECT %s::int", ("abc",)))
    c.execute("BEGIN")
    c.execute(f"INSERT INTO {S}.t (id, name) VALUES (500, 'kept')")
    c.execute("SAVEPOINT s")
    attempt(lambda: c.execute(f"INSERT INTO {S}.t (id, name) VALUES (500, 'twice')"))
    show(c.info.transaction_status)
    attempt(lambda: c.execute("SELECT 'refused'"))
    c.execute("ROLLBACK TO s")
    show(c.info.transaction_status)
    c.execute("COMMIT")
    show(c.execute(f"SELECT name FROM {S}.t WHERE id = 500").fetchall())
    c.execute("BEGIN")
    attempt(lambda: c.execute("SELECT 1/0"))
    show(c.execute("COMMIT").statusmessage)


def big(c):
    operation("big")
    value = "0123456789abcdef" * 65536
    row = c.execute("SELECT %s::text, md5(%s::text)", (value, value)).fetchone()
    show(row[0] == value, row[1])
    data = bytes(range(256)) * 4096
    show(c.execute("SELECT %b::bytea", (data,), binary=True).fetchone()[0] == data)
    show(c.execute("SELECT length('" + "q" * 1000000 + "')").fetchone())
    show(sum(row[0] for row in c.execute("SELECT generate_series(1, 100000)").fetchall()))


def settings(c):
    operation("settings")
    show(c.execute("SHOW statement_timeout").fetchone())
    c.execute("SET statement_timeout = '5s'")
    show(c.execute("SHOW statement_timeout").fetchone())
    c.execute("RESET statement_timeout")
    show(c.execute("SHOW statement_timeout").fetchone())
    c.execute("SET TIME ZONE 'UTC'")
    show(c.info.parameter_status("TimeZone"))
    c.execute("SELECT set_config('application_name', 'renamed', false)")
    show(c.info.parameter_status("application_name"))
    c.execute("RESET application_name")
    show(c.info.parameter_status("application_name"))


def notify(c):
    operation("notify")
    c.execute("LISTEN news")
    with psycopg.connect(**DSN, autocommit=True) as other:
        other.execute("SELECT pg_notify('news', 'from another')")
    c.execute("NOTIFY news, 'from myself'")
    c.execute("SELECT 1")
    got = []
    c.add_notify_handler(lambda n: got.append((n.channel, n.payload, n.pid == c.info.backend_pid)))
    deadline = time.monotonic() + 60
    while len(got) < 2 and time.monotonic() < deadline:
        c.execute("SELECT 1")
    c.execute("NOTIFY news, 'again'")
    c.execute("SELECT 1")
    show(sorted(got)[-1:])
    c.execute("UNLISTEN *")


def cancel(c):
    operation("cancel")
    timer = threading.Timer(1, c.cancel)
    timer.start()
    attempt(lambda: c.execute("SELECT pg_sleep(30)"))
    timer.join()
    show(c.execute("SELECT 'still here'").fetchone())


def main():
    with psycopg.connect(**DSN, autocommit=True, application_name="psycopg3", options="-c statement_timeout=60s -c search_path=public") as c:
        c.add_notice_handler(lambda d: show("notice", d.severity, d.message_primary))
        for step in (connect, simple, multi, parameters, prepared, batch, pipeline, copy, cursors, errors, big, settings,
                     notify, cancel):
            step(c)
        c.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(S)))
        operation("terminate")
        attempt(lambda: c.execute("SELECT pg_terminate_backend(pg_backend_pid())"))
        show(c.closed)


main()
