"""psycopg2: everything as simple queries, values written into the text by the client."""
import io
import select
import threading

import psycopg2
import psycopg2.extensions
import psycopg2.extras

from transcript import DSN, TABLE, normalise, operation, show

S = "d_psycopg2"


def main():
    c = psycopg2.connect(**DSN, application_name="psycopg2", options="-c statement_timeout=60s")
    c.autocommit = True
    cursor = c.cursor()

    def do(text, values=None):
        try:
            cursor.execute(text, values)
            show(cursor.statusmessage, cursor.fetchall() if cursor.description else None)
        except psycopg2.Error as error:
            show("error", error.pgcode, normalise(error.pgerror))

    operation("connect")
    show(c.server_version, c.encoding, c.get_parameter_status("TimeZone"), c.get_parameter_status("DateStyle"))
    cursor.execute("SELECT pg_backend_pid()")
    show("own pid", cursor.fetchone()[0] == c.info.backend_pid)
    operation("simple")
    do(f"DROP SCHEMA IF EXISTS {S} CASCADE")
    do(f"CREATE SCHEMA {S}")
    do(TABLE.format(S))
    do(f"INSERT INTO {S}.t (id, name, tags) VALUES (%s, %s, %s), (2, 'two', NULL)", (1, "o'ne\\", ["a", None]))
    do(f"SELECT id, name, tags FROM {S}.t ORDER BY id")
    do("-- nothing but a comment\nSELECT 1")
    operation("multi")
    do("SELECT 1; SELECT 2")
    do(f"INSERT INTO {S}.t (id, name) VALUES (3, 'undone'); SELECT 1/0")
    operation("parameters")
    do("SELECT %s, %s, %s, %s, %s", (None, True, 1.5, "ü", psycopg2.Binary(b"\x00\x01")))
    operation("batch")
    psycopg2.extras.execute_values(cursor, f"INSERT INTO {S}.t (id, name) VALUES %s", [(i, str(i)) for i in range(10, 510)])
    psycopg2.extras.execute_batch(cursor, f"UPDATE {S}.t SET name = %s WHERE id = %s", [(f"n{i}", i) for i in range(10, 110)])
    do(f"SELECT count(*), max(name) FROM {S}.t")
    operation("copy")
    cursor.copy_expert(f"COPY {S}.t (id, name) FROM STDIN", io.StringIO("".join(f"{i}\tcopied {i}\n" for i in range(1000, 3000))))
    show(cursor.rowcount)
    out = io.StringIO()
    cursor.copy_expert(f"COPY (SELECT id, name FROM {S}.t ORDER BY id) TO STDOUT", out)
    show(len(out.getvalue()), out.getvalue()[-40:])
    try:
        cursor.copy_expert(f"COPY {S}.t (id, name) FROM STDIN", io.StringIO("x\ty\n"))
    except psycopg2.Error as error:
        show("error", error.pgcode, normalise(error.pgerror))
    operation("cursor")
    c.autocommit = False
    with c.cursor("named") as named:
        named.itersize = 50
        named.execute("SELECT generate_series(1, 500)")
        show(sum(row[0] for row in named))
    c.commit()
    operation("errors")
    do(f"INSERT INTO {S}.t (id, name) VALUES (9000, 'kept')")
    do("SAVEPOINT s")
    do(f"INSERT INTO {S}.t (id, name) VALUES (9000, 'twice')")
    show(c.info.transaction_status)
    do("SELECT 'refused'")
    do("ROLLBACK TO SAVEPOINT s")
    c.commit()
    c.autocommit = True
    do(f"SELECT name FROM {S}.t WHERE id = 9000")
    operation("big")
    do("SELECT md5(%s)", ("x" * 1000000,))
    operation("settings")
    do("SET statement_timeout = 5000")
    do("RESET statement_timeout")
    do("SHOW statement_timeout")
    operation("notify")
    do("LISTEN news")
    do("NOTIFY news, 'the payload'")
    if not c.notifies:
        select.select([c], [], [], 60)
        c.poll()
    show([(n.channel, n.payload, n.pid == c.info.backend_pid) for n in c.notifies])
    operation("cancel")
    timer = threading.Timer(1, c.cancel)
    timer.start()
    do("SELECT pg_sleep(30)")
    timer.join()
    do("SELECT 'still here'")
    operation("large objects")
    c.autocommit = False
    large = c.lobject(0, "wb")
    large.write(b"0123456789" * 1000)
    large.seek(5)
    large.close()
    large = c.lobject(large.oid, "rb")
    show(len(large.read()))
    large.unlink()
    c.commit()
    operation("two phases")
    c.tpc_begin(c.xid(1, "postern", "psycopg2"))
    cursor.execute(f"INSERT INTO {S}.t (id, name) VALUES (9001, 'prepared')")
    c.tpc_prepare()
    c.tpc_commit()
    c.autocommit = True
    do(f"SELECT name FROM {S}.t WHERE id = 9001")
    do(f"DROP SCHEMA {S} CASCADE")
    for notice in c.notices:
        show(normalise(notice))
    operation("terminate")
    do("SELECT pg_terminate_backend(pg_backend_pid())")
    show(c.closed)


main()
