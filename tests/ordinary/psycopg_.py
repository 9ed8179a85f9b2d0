"""What programs on psycopg 3 do: parameters on the server, pipelines, COPY, named cursors, types of their own."""
import datetime
import decimal
import uuid

import psycopg
from psycopg import sql
from psycopg.rows import class_row, dict_row
from psycopg.types.composite import CompositeInfo, register_composite
from psycopg.types.enum import EnumInfo
from psycopg.types.hstore import register_hstore
from psycopg.types.json import Jsonb
from psycopg.types.range import Range, RangeInfo
from psycopg.types import TypeInfo


def title(text):
    print("--", text, flush=True)


def show(rows):
    for row in rows:
        print("  ", row, flush=True)


connection = psycopg.connect("", autocommit=False)
title("types")
register_composite(CompositeInfo.fetch(connection, "address"), connection)
register_hstore(TypeInfo.fetch(connection, "hstore"), connection)
show([EnumInfo.fetch(connection, "mood").labels, RangeInfo.fetch(connection, "span").subtype_oid, TypeInfo.fetch(connection, "shop.mood").name,
      TypeInfo.fetch(connection, "nowhere")])
show(connection.execute("SELECT id, home, props, tags, extra, feeling FROM customers WHERE id = ANY(%s) ORDER BY id", [[1, 2]]))
title("parameters")
for values in ((1, "open"), (2, "sent"), (3, None)):
    show(connection.execute("SELECT id, total, doubled, during FROM orders WHERE customer_id = %s AND (state = %s OR %s::text IS NULL) ORDER BY 1", [*values, values[1]]))
show(connection.execute("SELECT %s + %s, %s || 'x', %s::jsonb -> 'a', %s, %s, %s::uuid, %s", [1, decimal.Decimal("2.5"), "é", Jsonb({"a": [1]}), b"\x00\xff", datetime.date(2025, 1, 1), uuid.UUID(int=5), Range(1, 4)]))
title("prepared, many times")
for n in range(8):
    connection.execute("SELECT name FROM customers WHERE id = %s", [n + 1], prepare=True).fetchone()
show(connection.execute("SELECT count(*), min(parameter_types::text) FROM pg_prepared_statements WHERE statement LIKE '%%customers WHERE id%%' AND name LIKE '\\_pg3%%'"))
connection.commit()
title("binary and by name")
with connection.cursor(row_factory=dict_row, binary=True) as cursor:
    show(cursor.execute("SELECT id, total, placed, created FROM orders JOIN customers USING (id) WHERE id = %(id)s", {"id": 4}))
title("executemany, pipeline")
with connection.cursor() as cursor:
    cursor.executemany("INSERT INTO scratch (a, b) VALUES (%s, %s) RETURNING a", [(n, f"b{n}") for n in range(20)], returning=True)
    show([cursor.rowcount])
with connection.pipeline():
    cursors = [connection.execute("SELECT count(*) FROM orders WHERE customer_id = %s", [n]) for n in range(1, 6)]
    cursors.append(connection.execute("UPDATE scratch SET b = upper(b) WHERE a < %s RETURNING b", [3]))
show([cursor.fetchall() for cursor in cursors])
title("COPY")
with connection.cursor() as cursor:
    with cursor.copy("COPY scratch (a, b) FROM STDIN") as copy:
        for n in range(5):
            copy.write_row((n, f"copied\t{n}"))
    with cursor.copy("COPY scratch FROM STDIN (FORMAT binary)") as copy:
        copy.set_types(["int4", "text"])
        copy.write_row((9, "binary"))
    with cursor.copy("COPY (SELECT a, b FROM scratch ORDER BY a, b) TO STDOUT") as copy:
        show(list(copy.rows())[:6])
connection.rollback()
title("named cursors")
with connection.cursor("named", scrollable=True) as cursor:
    cursor.itersize = 10
    cursor.execute("SELECT id FROM orders ORDER BY id")
    show([cursor.fetchone(), cursor.fetchmany(3), sum(1 for _ in cursor)])
    cursor.scroll(0, mode="absolute")
    show([cursor.fetchone()])
with connection.cursor("held", withhold=True) as cursor:
    cursor.execute("SELECT name FROM customers WHERE id < %s ORDER BY id", [4])
    connection.commit()
    show(cursor)
title("transactions")
try:
    with connection.transaction():
        connection.execute("INSERT INTO nodes VALUES (200, 999, 'orphan')")
except psycopg.Error as error:
    show([type(error).__name__, error.sqlstate, error.diag.message_primary])
with connection.transaction(), connection.transaction(savepoint_name="inner"):
    connection.execute("SET CONSTRAINTS ALL DEFERRED")
    connection.execute("INSERT INTO nodes VALUES (201, 202, 'early'), (202, NULL, 'late')")
title("composed")
show(connection.execute(sql.SQL("SELECT {} FROM {} WHERE {} < %s ORDER BY 1").format(sql.SQL(", ").join(map(sql.Identifier, ("id", "title"))), sql.Identifier("shop", "nodes"), sql.Identifier("nodes", "id")), [3]))
title("errors")
for text, values in (("SELECT wrong FROM customers WHERE id = %s", [1]), ("SELECT * FROM nowhere WHERE id = %s", [1]), ("SELECT id FROM customers WHERE id = %s", ["x"]),
                     ("SELECT 1 / %s", [0]), ("INSERT INTO customers (name, email) VALUES (%s, %s)", ["a", "c2@mail.invalid"]), ("CALL shop.nothing(%s)", [1])):
    try:
        connection.execute(text, values)
    except psycopg.Error as error:
        show([(error.sqlstate, error.diag.message_primary, error.diag.message_detail or None, error.diag.message_hint, error.diag.statement_position,
               error.diag.constraint_name, error.diag.column_name)])
    connection.rollback()
title("merge, temporary tables")
connection.execute("CREATE TEMP TABLE wanted (id int, total numeric)")
connection.execute("INSERT INTO wanted VALUES (1, 5), (1000, 6)")
done = connection.execute("MERGE INTO orders o USING wanted w ON o.id = w.id WHEN MATCHED THEN UPDATE SET total = w.total WHEN NOT MATCHED THEN INSERT (id, customer_id, total) VALUES (w.id, 1, w.total)")
show([done.statusmessage, *connection.execute("SELECT id, total FROM orders WHERE id IN (SELECT id FROM wanted) ORDER BY id")])
show(connection.execute("DELETE FROM pg_temp.wanted USING orders WHERE wanted.id = orders.id RETURNING wanted.*"))
connection.rollback()
connection.autocommit = True
show([connection.execute(text).statusmessage for text in ("ANALYZE orders", "VACUUM scratch", "REINDEX TABLE scratch", "REFRESH MATERIALIZED VIEW monthly", "TRUNCATE scratch")])


class Total:
    def __init__(self, id, name, n, total):
        self.values = id, name, n, total


with connection.cursor(row_factory=class_row(Total)) as cursor:
    show(t.values for t in cursor.execute("SELECT * FROM order_totals WHERE id < 4 ORDER BY id"))
connection.close()
