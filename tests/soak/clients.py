#!/usr/bin/python3
"""The clients of one lane: threads of every kind at a modest rate, each noting in the ledger what it sends and what it is
answered. SIGTERM: each ends what it is at; then the program ends. What does not end is noted.

usage: clients.py LANE PORT SEED LEDGER TOKENS (a file, a JSON object by subject)"""
import asyncio
import contextlib
import json
import os
import pathlib
import random
import select
import signal
import socket
import subprocess
import sys
import threading
import time

import asyncpg
import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import ledger
import postgres
import rawpg

STOP = threading.Event()
PATIENCE = 150
CLEAR = "@clear.example"  # in every e-mail address that is masked, and in nothing else
BIG_ROWS, MOST_ROWS = 4000, 6000  # MOST_ROWS: as the policy has it
BIG = "SELECT g, repeat(md5(g::text), 12) || '{m}' FROM generate_series(1, %d) g" % BIG_ROWS


class Gone(Exception):
    """The connection is gone; the client comes again."""


class Client(threading.Thread):
    """A kind of client: its subclass has once(), which works on one connection and comes back, and a rest between statements."""
    rest, subject = 0.15, "agent-7"

    def __init__(self, lane, number, port, rng, book, tokens):
        super().__init__(daemon=True)
        self.lane, self.number, self.port, self.rng, self.book, self.tokens = lane, number, port, rng, book, tokens
        self.connections, self.marks, self.mark = 0, 0, None
        self.kind = type(self).__name__.lower()

    def run(self):
        while not STOP.is_set():
            self.connections += 1
            self.marks = 0
            self.app = f"{self.lane}{self.number:02d}r{self.connections:05d}"
            try:
                self.once()
            except (psycopg.Error, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, rawpg.Closed, OSError,
                    EOFError, Gone):
                STOP.wait(self.rng.uniform(0.2, 1.0))

    def pause(self, times=1.0):
        """False when it is time to end."""
        return not STOP.wait(self.rng.uniform(0.3, 1.7) * self.rest * times)

    def next_mark(self, bound=False):
        self.marks += 1
        self.mark = f"mk-{self.app}-{self.marks}"
        self.book.sent(self.mark, self.kind, bound)
        return self.mark

    def token(self):
        return self.tokens[self.subject]

    def connect(self, **options):
        return psycopg.connect(host="127.0.0.1", port=self.port, user="agent", dbname="postgres", password=self.token(),
                               application_name=self.app, sslmode="disable", gssencmode="disable",
                               **{"autocommit": True, **options})

    def ask(self, c, text, *parameters):
        """One statement; `{m}` in its text, or the parameter "{m}", is its mark. Its rows, or None where it failed."""
        mark = self.next_mark("{m}" in parameters)
        text = text.replace("{m}", mark)
        values = [mark if one == "{m}" else one for one in parameters]
        try:
            cursor = c.execute(text, values or None)
            rows = cursor.fetchall() if cursor.description else None
        except psycopg.Error as error:
            self.failed(mark, error)
            if c.closed:
                raise Gone() from None
            return None
        self.book.completed(mark, rows, cursor.statusmessage)
        if rows and CLEAR in str(rows):
            self.book.write(t="leak", m=mark)
        return rows

    def failed(self, mark, error):
        if state := getattr(error, "sqlstate", None):
            self.book.failed(mark, state)


class Simple(Client):
    def once(self):
        with self.connect() as c:
            for _ in range(self.rng.randint(20, 200)):
                self.ask(c, f"SELECT '{{m}}', g FROM generate_series(1, {self.rng.randint(0, 12)}) g")
                self.ask(c, "INSERT INTO written VALUES ('{m}')")
                if not self.pause():
                    return


class Prepared(Client):
    """psycopg prepares by itself what comes five times."""

    def once(self):
        with self.connect() as c:
            for _ in range(self.rng.randint(20, 300)):
                self.ask(c, "SELECT %s::text, g FROM generate_series(1, %s) g", "{m}", self.rng.randint(0, 12))
                self.ask(c, "INSERT INTO written VALUES (%s)", "{m}")
                if not self.pause():
                    return


class Pipelined(Client):
    rest = 0.8

    def once(self):
        with rawpg.Raw(self.port) as raw:
            raw.login(self.token(), "agent", application_name=self.app)
            if raw.status is None:
                raise Gone()
            raw.send(rawpg.parse("INSERT INTO written VALUES ($1)", "w"), rawpg.SYNC)
            if not any(kind == "1" for kind, _ in raw.read_until("Z")):
                raise Gone()
            while self.pause():
                marks = [self.next_mark(True) for _ in range(self.rng.randint(1, 12))]
                raw.send(*(part for mark in marks for part in (
                    rawpg.bind([mark.encode()], name="w"), rawpg.execute(), rawpg.SYNC)))
                for mark in marks:
                    seen = raw.read_until("Z")
                    if seen[-1][0] != "Z":
                        raise Gone()
                    self.take(mark, seen)
            raw.send(rawpg.TERMINATE)

    def take(self, mark, seen):
        for kind, body in seen:
            if kind == "C":
                self.book.completed(mark, tag=body[:-1].decode())
            elif kind == "E":
                self.book.failed(mark, rawpg.fields(body)["C"])


class Several(Client):
    """Several statements in one Query: each has its own outcome, under one mark each."""
    rest = 1.0

    def once(self):
        with rawpg.Raw(self.port) as raw:
            raw.login(self.token(), "agent", application_name=self.app)
            if raw.status is None:
                raise Gone()
            while self.pause():
                marks = [self.next_mark() for _ in range(3)]
                seen = raw.simple("; ".join(f"SELECT '{mark}', {i}" for i, mark in enumerate(marks)))
                done, rows = iter(marks), []
                for kind, body in seen:
                    if kind == "D":
                        rows.append([value.decode() for value in rawpg.columns(body)])
                    elif kind == "C":
                        self.book.completed(next(done), rows, body[:-1].decode())
                        rows = []
                    elif kind == "E":
                        state = rawpg.fields(body)["C"]
                        if not rows and len(seen) == 2:
                            for mark in done:
                                self.book.failed(mark, state)
                if seen[-1][0] != "Z":
                    raise Gone()
            raw.send(rawpg.TERMINATE)


class Asynchronous(Client):
    def once(self):
        asyncio.run(self.work())

    async def work(self):
        c = await asyncpg.connect(host="127.0.0.1", port=self.port, user="agent", database="postgres", password=self.token(),
                                  ssl=False, timeout=PATIENCE, server_settings={"application_name": self.app})
        try:
            for _ in range(self.rng.randint(20, 200)):
                await self.fetch(c, "SELECT $1::text, g, NULL::int FROM generate_series(1, $2::int) g", self.rng.randint(0, 12))
                await self.fetch(c, "INSERT INTO written VALUES ($1)")
                if not await asyncio.to_thread(self.pause):
                    break
            await c.close(timeout=PATIENCE)
        finally:
            c.terminate()

    async def fetch(self, c, text, *parameters):
        mark = self.next_mark(True)
        try:
            rows = await c.fetch(text, mark, *parameters)
        except (asyncpg.PostgresError, asyncpg.InternalClientError) as error:
            self.failed(mark, error)
            if c.is_closed():
                raise Gone() from None
            return
        self.book.completed(mark, [list(row) for row in rows])


class Transactions(Client):
    """Transactions that commit, roll back, and fail in the middle."""
    rest = 0.4

    def once(self):
        with self.connect() as c:
            for _ in range(self.rng.randint(5, 40)):
                self.ask(c, "BEGIN /* {m} */")
                self.ask(c, "INSERT INTO written VALUES ('{m}') RETURNING marker")
                if self.rng.random() < 0.3:
                    self.ask(c, "SELECT 1 / 0 /* {m} */")
                    self.ask(c, "SELECT '{m}'")
                self.ask(c, self.rng.choice(["COMMIT /* {m} */", "ROLLBACK /* {m} */"]))
                if not self.pause():
                    return


class Long(Client):
    """A transaction that stays open for seconds."""
    rest = 2.0

    def once(self):
        with self.connect() as c:
            self.ask(c, "BEGIN /* {m} */")
            for _ in range(self.rng.randint(2, 6)):
                self.ask(c, "INSERT INTO written VALUES ('{m}')")
                if not self.pause():
                    break
            self.ask(c, "COMMIT /* {m} */")


class Refused(Client):
    """What the policy denies, what no policy allows, what returns or changes too much, what is no SQL."""
    rest = 1.0
    TEXTS = ["TRUNCATE kept /* {m} */", "DROP TABLE kept /* {m} */", "SELECT FROM nowhere /* {m} */", "CREATE ROLE r /* {m} */",
             f"SELECT '{{m}}', g FROM generate_series(1, {MOST_ROWS + 1000}) g", "UPDATE counters SET n = n + 1 /* {m} */",
             "SELECT '{m}'::int", "SELEKT '{m}'"]

    def once(self):
        with self.connect() as c:
            for _ in range(self.rng.randint(3, 30)):
                self.ask(c, self.rng.choice(self.TEXTS))
                if not self.pause():
                    return


class Masked(Client):
    """Reads masked columns: what is masked never comes."""
    rest = 0.5

    def once(self):
        with self.connect() as c:
            for _ in range(self.rng.randint(5, 60)):
                self.ask(c, f"SELECT id, name, email, '{{m}}' FROM people WHERE id > {self.rng.randint(0, 90)} ORDER BY id LIMIT 5")
                self.ask(c, "SELECT %s::text, p.* FROM people p WHERE id = %s", "{m}", self.rng.randint(1, 100))
                if not self.pause():
                    return


class Copying(Client):
    rest = 3.0

    def once(self):
        with self.connect() as c:
            while self.pause():
                self.come(c)
                self.go(c)

    def come(self, c):
        mark, n = self.next_mark(), self.rng.randint(1, 80)
        try:
            with c.cursor() as cursor:
                with cursor.copy(f"COPY copied FROM STDIN /* {mark} */") as copy:
                    for i in range(n):
                        copy.write_row((mark, i))
            self.book.completed(mark, tag=f"COPY {n}")
        except psycopg.Error as error:
            self.failed(mark, error)
            if c.closed:
                raise Gone() from None

    def go(self, c):
        mark = self.next_mark()
        try:
            with c.cursor() as cursor:
                with cursor.copy(f"COPY (SELECT '{mark}', g FROM generate_series(1, {self.rng.randint(1, 80)}) g) TO STDOUT") as copy:
                    data = b"".join(bytes(part) for part in copy)
            self.book.completed(mark, [[data.decode()]], cursor.statusmessage)
        except psycopg.Error as error:
            self.failed(mark, error)
            if c.closed:
                raise Gone() from None


class Big(Client):
    """Large results, read whole or left half way: by closing, or by resetting the connection."""
    rest = 9.0

    def once(self):
        if not self.pause():
            return
        if self.rng.random() < 0.3:
            with self.connect() as c:
                self.ask(c, BIG)
            return
        with rawpg.Raw(self.port) as raw:
            raw.login(self.token(), "agent", application_name=self.app)
            if raw.status is None:
                raise Gone()
            mark, seen, enough = self.next_mark(), 0, self.rng.randint(1, BIG_ROWS - 1)
            raw.send(rawpg.query(BIG.replace("{m}", mark)))
            while seen < enough:
                kind, body = raw.read()
                seen += kind == "D"
                if kind == "E":
                    self.book.failed(mark, rawpg.fields(body)["C"])
                    return
            self.book.abandoned(mark, seen)
            if self.rng.random() < 0.5:
                raw.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")


class Cancelled(Client):
    rest = 3.0

    def once(self):
        with self.connect() as c:
            while self.pause():
                timer = threading.Timer(self.rng.uniform(0.0, 0.6), self.cancel, (c,))
                timer.daemon = True
                timer.start()
                self.ask(c, f"SELECT pg_sleep({self.rng.choice([0.3, 3])}), '{{m}}'")
                timer.join(PATIENCE)

    @staticmethod
    def cancel(c):
        with contextlib.suppress(psycopg.Error, OSError):
            c.cancel()


class Coming(Client):
    """Comes, asks once, and goes: politely, or not."""
    rest = 2.0

    def once(self):
        if not self.pause():
            return
        c = self.connect()
        self.ask(c, "SELECT '{m}'")
        if self.rng.random() < 0.3:
            with socket.socket(fileno=os.dup(c.fileno())) as s:
                s.shutdown(socket.SHUT_RDWR)
        c.close()


class Idle(Client):
    rest = 30.0

    def once(self):
        with self.connect() as c:
            for _ in range(3):
                self.ask(c, "SELECT '{m}'")
                if not self.pause():
                    return


class Listening(Client):
    subject = "listener"

    def once(self):
        with self.connect() as c:
            self.ask(c, "LISTEN news /* {m} */")
            until = time.monotonic() + 60
            while not STOP.is_set() and time.monotonic() < until:
                if select.select([c.fileno()], [], [], 1.0)[0]:
                    c.pgconn.consume_input()
                while one := c.pgconn.notifies():
                    self.book.write(t="notified", a=self.app, m=one.extra.decode())


class Notifying(Client):
    rest, subject = 1.0, "listener"

    def once(self):
        with self.connect() as c:
            for _ in range(60):
                self.ask(c, "SELECT pg_notify('news', %s)::text", "{m}")
                if not self.pause():
                    return


class Held(Client):
    """Deletes that people decide on."""
    rest = 4.0

    def once(self):
        with self.connect() as c:
            while self.pause():
                self.ask(c, f"DELETE FROM held WHERE id = {self.rng.randint(1, 100000)} /* {{m}} */")


class Fleeting(Client):
    """Whose sessions are erased soon."""
    rest, subject = 4.0, "fleeting"

    def once(self):
        if not self.pause():
            return
        with self.connect() as c:
            for _ in range(3):
                self.ask(c, "SELECT '{m}', 'quokkafjord' || %s", self.rng.randint(1, 1000)) if self.rng.random() < 0.5 else \
                    self.ask(c, "SELECT '{m}', name FROM people ORDER BY id LIMIT 3")


class Psql(Client):
    rest = 6.0

    def once(self):
        if not self.pause():
            return
        marks, script = [], ["\\set QUIET 1"]
        for text in ("SELECT '{m}', g FROM generate_series(1, 3) g;", "TRUNCATE kept /* {m} */;", "INSERT INTO written VALUES ('{m}');",
                     "SELECT count(*), '{m}' FROM people;"):
            marks.append(self.next_mark())
            script += [text.replace("{m}", marks[-1]), f"\\echo = {marks[-1]} :SQLSTATE :ROW_COUNT"]
        done = subprocess.run(["psql", "-XqAt"], input="\n".join(script), capture_output=True, text=True, timeout=600, env={
            **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "agent", "PGPASSWORD": self.token(),
            "PGDATABASE": "postgres", "PGAPPNAME": self.app, "PGSSLMODE": "disable", "PGGSSENCMODE": "disable"})
        for line in done.stdout.splitlines():
            if line.startswith("= mk-"):
                _, mark, state, n = line.split()
                if state == "00000":
                    self.book.completed(mark, n=int(n) if mark != marks[2] else 0)
                elif state != ":SQLSTATE":
                    self.book.failed(mark, state)


class Pgbench(Client):
    """Transactions of pgbench, simple or prepared. It knows how many were processed, and the table knows which."""
    rest = 8.0

    def once(self):
        if not self.pause():
            return
        run = self.number * 1000000 + self.connections + (500000 if self.lane == "b" else 0)
        script = pathlib.Path(self.book.out.name).with_name(f"{self.lane}-bench.sql")
        script.write_text("\\set n :n + 1\nINSERT INTO bench VALUES (:run, :client_id, :n);\n")
        done = subprocess.run(
            [f"{postgres.BIN}/pgbench", "-n", "-c", "2", "-T", "4", "-R", "20", "-M", self.rng.choice(["simple", "prepared"]), "-D",
             f"run={run}", "-D", "n=0", "-f", str(script)], capture_output=True, text=True, timeout=600, env={
                **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "agent", "PGPASSWORD": self.token(),
                "PGDATABASE": "postgres", "PGAPPNAME": f"bench-{self.app}", "PGSSLMODE": "disable", "PGGSSENCMODE": "disable"})
        for line in done.stdout.splitlines():
            if line.startswith("number of transactions actually processed"):
                self.book.write(t="bench", run=run, processed=int(line.split(":")[1].split("/")[0]))


KINDS = [Simple, Prepared, Pipelined, Several, Asynchronous, Transactions, Long, Refused, Masked, Copying, Big, Cancelled, Coming,
         Idle, Idle, Listening, Notifying, Held, Fleeting, Psql, Pgbench]


def main():
    lane, port, seed, path, tokens = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], json.loads(pathlib.Path(sys.argv[5]).read_text())
    book = ledger.Ledger(path)
    clients = [kind(lane, number, port, random.Random(f"{seed}-{lane}-{number}"), book, tokens) for number, kind in enumerate(KINDS)]
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: STOP.set())
    for client in clients:
        client.start()
    STOP.wait()
    until = time.monotonic() + PATIENCE
    for client in clients:
        client.join(max(0.0, until - time.monotonic()))
        if client.is_alive():
            book.write(t="stuck", k=client.kind, m=client.mark)
    os._exit(0)  # a driver's thread that is stuck must not keep the program


if __name__ == "__main__":
    main()
