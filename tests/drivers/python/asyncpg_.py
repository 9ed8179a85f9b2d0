"""asyncpg: everything binary, a prepared statement for each text, Flush where others use Sync."""
import asyncio
import datetime
import decimal
import ipaddress
import uuid

import asyncpg

from transcript import DSN, TABLE, normalise, operation, show

S = "d_asyncpg"
VALUES = [("bool", True), ("int2", -7), ("int4", 70000), ("int8", 7 * 10**12), ("float4", 1.5), ("float8", -2.25),
          ("numeric", decimal.Decimal("12345.678900")), ("text", "ünï"), ("varchar", "v"), ("bytea", b"\x00\xff"),
          ("date", datetime.date(2024, 2, 29)), ("time", datetime.time(1, 2, 3)),
          ("timestamp", datetime.datetime(2024, 2, 29, 1, 2, 3, 4)),
          ("timestamptz", datetime.datetime(2024, 2, 29, 1, 2, 3, tzinfo=datetime.timezone.utc)),
          ("interval", datetime.timedelta(days=3, seconds=5)), ("uuid", uuid.UUID(int=12345)),
          ("json", '{"a": 1}'), ("jsonb", '{"b": [1, null]}'), ("inet", ipaddress.ip_interface("10.1.2.3/24")),
          ("int4[]", [1, None, 3]), ("text[]", ["a", None, "c d"]), ("int8[]", [[1, 2], [3, 4]]), ("numeric[]", []),
          ("point", asyncpg.Point(1, 2)), ("int4range", asyncpg.Range(1, 5)), ("bit varying", asyncpg.BitString("1011"))]


async def main():
    c = await asyncpg.connect(host=DSN["host"], port=DSN["port"], user=DSN["user"], password=DSN["password"],
                              database=DSN["dbname"], ssl=False,
                              server_settings={"application_name": "asyncpg", "statement_timeout": "60s", "search_path": "public"})
    c.add_log_listener(lambda _, message: show("notice", message.severity, message.message))

    async def attempt(awaitable):
        try:
            return await awaitable
        except asyncpg.PostgresError as error:
            show("error", error.sqlstate, normalise(error.message), normalise(error.detail or ""))

    operation("connect")
    s = c.get_settings()
    show(s.server_version, s.client_encoding, s.TimeZone, s.DateStyle, s.application_name, s.standard_conforming_strings)
    show("own pid", await c.fetchval("SELECT pg_backend_pid()") == c.get_server_pid())
    operation("simple")
    show(await c.execute(f"DROP SCHEMA IF EXISTS {S} CASCADE"))
    show(await c.execute(f"CREATE SCHEMA {S}"))
    show(await c.execute(TABLE.format(S)))
    show(await c.execute(f"INSERT INTO {S}.t (id, name) VALUES (1, 'one'), (2, 'two')"))
    show([tuple(r) for r in await c.fetch(f"SELECT id, name, at FROM {S}.t ORDER BY id")])
    show(await c.fetch("SELECT 1 WHERE false"), await c.fetch(""), await c.fetch("-- nothing"))
    show(await c.execute("DO $$ BEGIN RAISE NOTICE 'hello'; END $$"))
    operation("multi")
    show(await c.execute("SELECT 1; SELECT 2; SELECT 3"))
    await attempt(c.execute(f"INSERT INTO {S}.t (id, name) VALUES (3, 'undone'); SELECT 1/0"))
    await attempt(c.fetch("SELECT 1; SELECT 2"))
    operation("parameters")
    for kind, value in VALUES:
        show(kind, await attempt(c.fetchval(f"SELECT $1::{kind}", value)), await attempt(c.fetchval(f"SELECT $1::{kind}", None)))
    row = await c.fetchrow("SELECT ROW(1, 'a', NULL::text) AS r, ARRAY[ROW(1, 2)] AS a")
    show(tuple(row["r"]), [tuple(x) for x in row["a"]])
    operation("prepared")
    p = await c.prepare("SELECT $1::int + $2::int AS sum, $3::text")
    show([a.name for a in p.get_attributes()], [x.name for x in p.get_parameters()], p.get_statusmsg())
    total = 0
    for i in range(100):
        total += (await p.fetchrow(i, 1, "x"))["sum"]
    show(total)
    operation("batch")
    await c.executemany(f"INSERT INTO {S}.t (id, name) VALUES ($1, $2)", [(i, f"n{i}") for i in range(100, 600)])
    await attempt(c.executemany(f"INSERT INTO {S}.t (id, name) VALUES ($1, $2)", [(700, "a"), (100, "twice"), (701, "b")]))
    show(await c.fetchrow(f"SELECT count(*), sum(id) FROM {S}.t"))
    operation("copy")
    show(await c.copy_records_to_table("t", schema_name=S, columns=["id", "name"], records=[(i, f"c{i}") for i in range(1000, 2000)]))
    pieces = []

    async def collect(data):
        pieces.append(data)
    show(await c.copy_from_query(f"SELECT id, name FROM {S}.t WHERE id >= $1 ORDER BY id", 1990, output=collect))
    show(b"".join(pieces))
    pieces.clear()
    show(await c.copy_from_table("t", schema_name=S, columns=["id"], output=collect, format="binary"), len(b"".join(pieces)))

    async def source():
        yield b"3000\tfrom a generator\n"
        yield b"bad"
    await attempt(c.copy_to_table("t", schema_name=S, columns=["id", "name"], source=source()))
    operation("cursor")
    async with c.transaction():
        cursor = await c.cursor("SELECT generate_series(1, $1::int)", 100)
        show(await cursor.fetchval() if hasattr(cursor, "fetchval") else tuple(await cursor.fetchrow()))
        await cursor.forward(10)
        show([r[0] for r in await cursor.fetch(3)])
        total = 0
        async for record in c.cursor("SELECT generate_series(1, 1000)", prefetch=30):
            total += record[0]
        show(total)
    operation("errors")
    for text in ("SELEC 1", "SELECT * FROM missing", "SELECT 1/0", f"INSERT INTO {S}.t (id, name) VALUES (1, 'x')", "SELECT 'x'::int"):
        await attempt(c.fetch(text))
    transaction = c.transaction()
    await transaction.start()
    await c.execute(f"INSERT INTO {S}.t (id, name) VALUES (9000, 'kept')")

    async def nested():
        async with c.transaction():
            await c.execute(f"INSERT INTO {S}.t (id, name) VALUES (9000, 'twice')")
    await attempt(nested())
    show(c.is_in_transaction())
    await transaction.commit()
    show(await c.fetchval(f"SELECT name FROM {S}.t WHERE id = 9000"), c.is_in_transaction())
    operation("big")
    value = "0123456789abcdef" * 65536
    show(await c.fetchval("SELECT $1::text", value) == value, await c.fetchval("SELECT md5($1)", value))
    data = bytes(range(256)) * 4096
    show(await c.fetchval("SELECT $1::bytea", data) == data)
    show(sum(r[0] for r in await c.fetch("SELECT generate_series(1, 100000)")))
    operation("settings")
    show(await c.fetchval("SHOW statement_timeout"))
    await c.execute("SET statement_timeout = '5s'")
    show(await c.fetchval("SHOW statement_timeout"))
    await c.reset()
    show(await c.fetchval("SHOW statement_timeout"), await c.fetchval("SHOW search_path"))
    operation("notify")
    heard = asyncio.Queue()
    await c.add_listener("news", lambda _, pid, channel, payload: heard.put_nowait((pid == c.get_server_pid(), channel, payload)))
    await c.execute("NOTIFY news, 'the payload'")
    show(await asyncio.wait_for(heard.get(), 300))
    operation("cancel")
    try:
        await c.fetch("SELECT pg_sleep(30)", timeout=1)
    except asyncio.TimeoutError:
        show("timed out")
    show(await c.fetchval("SELECT 'still here'"))
    show(await c.execute(f"DROP SCHEMA {S} CASCADE"))
    operation("terminate")
    await attempt(c.execute("SELECT pg_terminate_backend(pg_backend_pid())"))
    show(c.is_closed())


asyncio.run(main())
