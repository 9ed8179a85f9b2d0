#!/usr/bin/python3
"""Who saw this value: a generated workload on a real server, of which the test knows what came out to whom, by columns
and by values: through views, joins, aliases, expressions, partitions, prepared statements, cursors, portals, text, binary
and COPY. `audit who-saw` and `audit who-saw --value` tell exactly that, from the keyed index and from the recordings."""
import collections
import json
import os
import pathlib
import random
import sqlite3
import sys

import psycopg

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally
from rawpg import SYNC, bind, describe, execute, parse

N = 12
CARD, MAIL, ACCOUNT, IBAN = "public.customers.card", "public.customers.mail", "public.customers.account", "public.payments.iban"
SCHEMA = f"""
CREATE TABLE customers (id int PRIMARY KEY, card text, mail text, account bigint, name text);
COMMENT ON COLUMN customers.mail IS 'postern: pii';
INSERT INTO customers SELECT g, '4111-1111-1111-' || (1000 + g), 'Mail' || g || '@Example.com', 7000000000 + g, 'n' || g
  FROM generate_series(1, {N}) g;
UPDATE customers SET card = NULL WHERE id = {N};
CREATE TABLE orders (id int PRIMARY KEY, customer int);
INSERT INTO orders SELECT g, 1 + g % 4 FROM generate_series(1, 8) g;
CREATE VIEW contacts AS SELECT id, card AS number, lower(mail) AS address FROM customers;
CREATE VIEW deeper AS SELECT c.number AS n, o.id AS o FROM contacts c JOIN orders o ON o.customer = c.id;
CREATE TABLE payments (id int, iban text) PARTITION BY LIST (id);
CREATE TABLE payments_1 PARTITION OF payments FOR VALUES IN (1);
CREATE TABLE payments_2 PARTITION OF payments FOR VALUES IN (2);
INSERT INTO payments VALUES (1, 'DE02120300000000202051'), (2, 'DE02500105170137075030');
CREATE USER app PASSWORD 'app';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
"""
ALLOW = ["read", "bulk_out", "session", "transaction"]


def policies():
    def record(**more):
        return {"rows": "full", "on_failure": "deny", **more}
    return [
        {"name": "analysts", "who": {"groups": ["analysts"]}, "allow": list(ALLOW), "record": record(
            values=["public.customers.card", "public.customers.account", "public.payments.iban", "tag:pii"])},
        {"name": "agents", "who": {"groups": ["ai-agents"]}, "allow": list(ALLOW), "record": record(),
         "mask": [{"columns": ["public.customers.card", "public.customers.mail", "public.customers.account", "public.payments.iban"], "with": "null"}]},
        {"name": "counted", "who": {"groups": ["counted"]}, "allow": list(ALLOW), "record": {"rows": "count"}},
        {"name": "administrators", "who": {"groups": ["dba"]}, "allow": ["all", "unknown"], "record": record()},
    ]


class Truth:
    """What came out clear: rows by who, column and value; and of the results that showed a column, how many."""

    def __init__(self):
        self.values = collections.Counter()
        self.results = collections.Counter()
        self.rows = collections.Counter()

    def result(self, who, columns, ids, rows=None):
        """columns: those of the result; ids: the customers whose rows came, once for each row."""
        for column in set(columns):
            self.results[who, column] += 1
            self.rows[who, column] += len(ids) if rows is None else rows
        for column in columns:
            for one in ids:
                value = value_of(column, one)
                if value is not None:
                    self.values[who, column, value] += 1


def value_of(column, one):
    return {CARD: None if one == N else f"4111-1111-1111-{1000 + one}", MAIL: f"Mail{one}@Example.com",
            ACCOUNT: str(7000000000 + one), IBAN: {1: "DE02120300000000202051", 2: "DE02500105170137075030"}.get(one)}[column]


def ordered(most):
    """The customers of the join with orders up to an id, a row each."""
    return [1 + g % 4 for g in range(1, 9) if 1 + g % 4 <= most]


class Who:
    """One principal, on one connection; each way to ask is a method, which tells the truth what it showed."""

    def __init__(self, gate, truth, name, group, chance):
        self.gate, self.truth, self.name, self.chance = gate, truth, name, chance
        self.claims = {"sub": name, "groups": [group]}
        self.c = psycopg.connect(host="127.0.0.1", port=gate.port, user="x", dbname="postgres", autocommit=True,
                                 password=gate.token(**self.claims), prepare_threshold=None)
        self.raw = rawpg.Raw(gate.port)
        assert self.raw.login(gate.token(**self.claims))[-1][0] == "Z"
        self.serial = 0

    def some(self):
        most = self.chance.randint(1, N)
        return most, list(range(1, most + 1))

    def saw(self, columns, ids, rows=None):
        self.truth.result(self.name, columns, ids, rows)

    def plain(self):
        most, ids = self.some()
        self.c.execute(f"SELECT c.id, c.card AS x, name FROM customers c WHERE id <= {most}", prepare=False).fetchall()
        self.saw([CARD], ids)

    def star(self):
        most, ids = self.some()
        self.c.execute("SELECT * FROM customers WHERE id <= %s", (most,)).fetchall()
        self.saw([CARD, MAIL, ACCOUNT], ids)

    def binary(self):
        most, ids = self.some()
        with self.c.cursor(binary=True) as cursor:
            cursor.execute("SELECT account, id, card FROM customers WHERE id <= %s", (most,)).fetchall()
        self.saw([ACCOUNT, CARD], ids)

    def view(self):
        most, ids = self.some()
        self.c.execute("SELECT address, number FROM contacts WHERE id <= %s", (most,)).fetchall()
        self.saw([MAIL, CARD], ids)

    def view_of_view(self):
        most, _ = self.some()
        self.c.execute("SELECT o, n FROM deeper WHERE n <= %s", (f"4111-1111-1111-{1000 + most}",)).fetchall()
        self.saw([CARD], ordered(most))

    def join(self):
        most, _ = self.some()
        self.c.execute("SELECT o.id, upper(c.mail) FROM orders o JOIN customers AS c ON c.id = o.customer WHERE c.id <= %s",
                       (most,)).fetchall()
        self.saw([MAIL], ordered(most))

    def cte(self):
        most, ids = self.some()
        self.c.execute("WITH q AS (SELECT card AS z FROM customers WHERE id <= %s) SELECT coalesce(z, 'none') FROM q", (most,)).fetchall()
        self.saw([CARD], ids)

    def union(self):
        self.c.execute("SELECT card FROM customers UNION ALL SELECT mail FROM customers").fetchall()
        # One output is made of both columns: each value is counted in each.
        ids = list(range(1, N + 1))
        for column in (CARD, MAIL):
            self.truth.results[self.name, column] += 1
            self.truth.rows[self.name, column] += 2 * N
            for of in (CARD, MAIL):
                for one in ids:
                    if value_of(of, one) is not None:
                        self.truth.values[self.name, column, value_of(of, one)] += 1

    def nothing(self):
        self.c.execute("SELECT count(*), max(length(name)) FROM customers WHERE card = '4111-1111-1111-1001'").fetchall()

    def partition(self):
        n = self.chance.randint(1, 2)
        self.c.execute(f"SELECT iban FROM payments_{n}").fetchall()
        self.truth.values[self.name, IBAN, value_of(IBAN, n)] += 1
        self.c.execute("SELECT iban FROM payments WHERE id = %s", (n,)).fetchall()
        self.truth.values[self.name, IBAN, value_of(IBAN, n)] += 1

    def prepared(self):
        self.serial += 1
        name = f"p{self.serial}"
        self.c.execute(f"PREPARE {name} (int) AS SELECT card, id FROM customers WHERE id <= $1")
        for _ in range(2):
            most, ids = self.some()
            self.c.execute(f"EXECUTE {name}({most})").fetchall()
            self.saw([CARD], ids)

    def cursor(self):
        self.serial += 1
        name = f"c{self.serial}"
        with self.c.transaction():
            self.c.execute(f"DECLARE {name} CURSOR FOR SELECT mail FROM customers ORDER BY id")
            first = self.chance.randint(1, 5)
            self.c.execute(f"FETCH {first} FROM {name}").fetchall()
            self.saw([MAIL], range(1, first + 1))
            self.c.execute(f"FETCH 3 FROM {name}").fetchall()
            self.saw([MAIL], range(first + 1, first + 4))

    def portal(self):
        """Three rows, then the rest, of one portal."""
        self.raw.send(parse("SELECT card FROM customers WHERE id <= $1 ORDER BY id", "s"), bind((b"8",), name="s"), describe("P"),
                      execute(rows=3), execute(), SYNC)
        self.answer()
        self.saw([CARD], [1, 2, 3])
        self.saw([CARD], [4, 5, 6, 7, 8])
        self.raw.send(rawpg.close("S", "s"), SYNC)
        self.answer()

    def answer(self):
        errors = [rawpg.fields(body) for kind, body in self.raw.read_until("Z") if kind == "E"]
        assert not errors, errors

    def several(self):
        most, ids = self.some()
        self.raw.send(rawpg.query(f"SELECT 1; SELECT mail FROM customers WHERE id <= {most}; SELECT name FROM customers;"
                                  f"SELECT id, card FROM customers WHERE id <= {most}"))
        self.answer()
        self.saw([MAIL], ids)
        self.saw([CARD], ids)

    def copy(self):
        most, ids = self.some()
        for text, columns in (
            (f"COPY (SELECT id, card, mail FROM customers WHERE id <= {most}) TO STDOUT", [CARD, MAIL]),
            (f"COPY (SELECT mail, name FROM customers WHERE id <= {most}) TO STDOUT WITH (FORMAT csv, HEADER, DELIMITER ';', FORCE_QUOTE *)", [MAIL]),
            (f"COPY (SELECT number FROM contacts WHERE id <= {most}) TO STDOUT (FORMAT csv, NULL 'none')", [CARD]),
            (f"COPY (SELECT account, id FROM customers WHERE id <= {most}) TO STDOUT (FORMAT binary)", [ACCOUNT]),
        ):
            with self.c.cursor().copy(text) as data:
                for _ in data:
                    pass
            self.saw(columns, ids)
        with self.c.cursor().copy("COPY customers (card) TO STDOUT DELIMITER '|'") as data:
            for _ in data:
                pass
        self.saw([CARD], range(1, N + 1))

    WAYS = ("plain", "star", "binary", "view", "view_of_view", "join", "cte", "union", "nothing", "partition", "prepared",
            "cursor", "portal", "several", "copy")

    def work(self, n):
        ways = list(self.WAYS) + [self.chance.choice(self.WAYS) for _ in range(n)]
        self.chance.shuffle(ways)
        for way in ways:
            getattr(self, way)()

    def close(self):
        self.c.close()
        self.raw.socket.close()


class Asked:
    def __init__(self, gate):
        self.gate = gate

    def lines(self, *arguments):
        done = self.gate.cli("audit", "who-saw", *arguments, "--json", "--limit", "0", check=False)
        assert done.returncode in (0, 1), (done.returncode, done.stderr)
        found = gateway.parse_json(done.stdout)
        assert (done.returncode == 0) == bool(found), done
        return found, done.stderr

    def value(self, column, value, *options):
        found, said = self.lines(column, "--value", value, *options)
        sums = collections.Counter()
        for one in found:
            assert options or one["column"] in (column, "untraced"), one
            sums[one["principal"]] += one["rows"]
        return dict(sums), said

    def sums(self, column, state):
        found, _ = self.lines(column, "--state", state)
        results, rows = collections.Counter(), collections.Counter()
        for one in found:
            results[one["principal"]] += one["results"]
            rows[one["principal"]] += one["rows"]
        return dict(results), dict(rows)


def wanted(truth, column, value, names):
    return {name: truth.values[name, column, value] for name in names if truth.values[name, column, value]}


def check_columns(t, asked, truth, names):
    for column in (CARD, MAIL, ACCOUNT):
        results, rows = asked.sums(column, "clear")
        t.check(f"{column}: who got it clear, in how many results", results == {
            name: truth.results[name, column] for name in names if truth.results[name, column]}, (results, truth.results))
        t.check(f"{column}: and in how many rows", rows == {
            name: truth.rows[name, column] for name in names if truth.rows[name, column]}, (rows, truth.rows))


def check_values(t, asked, truth, seed):
    clear = ["anna", "bela"]
    wrong = []
    for column in (CARD, MAIL, ACCOUNT):
        for one in range(1, N + 1):
            value = value_of(column, one)
            if value is None:
                continue
            found, _ = asked.value(column, value)
            if found != wanted(truth, column, value, clear):
                wrong.append((column, value, found, wanted(truth, column, value, clear)))
    t.check(f"each value: who got it, and in how many rows (seed {seed})", not wrong, wrong)
    for one in (1, 2):
        value = value_of(IBAN, one)
        found, _ = asked.value(IBAN, value)
        t.check(f"{value}: what came through a partition is its parent's", found == wanted(truth, IBAN, value, clear),
                (found, truth.values))
    same = [asked.value(CARD, text)[0] for text in ("4111-1111-1111-1002", "4111111111111002", " 4111 1111 1111 1002 ")]
    t.check("a card number is found however it is written", same[0] and same[0] == same[1] == same[2], same)
    same = [asked.value(MAIL, text)[0] for text in ("mail3@example.com", "Mail3@Example.com", "MAIL3@EXAMPLE.COM")]
    t.check("and an address in any case", same[0] and same[0] == same[1] == same[2], same)
    t.check("a value that nobody got is nobody's", asked.value(CARD, "4111-1111-1111-9999")[0] == {})
    t.check("a value of one column is not one of another", asked.value(CARD, value_of(ACCOUNT, 1))[0] == {})
    t.check("nor is a value that was only compared", "5" not in asked.value(CARD, "5")[0])
    t.check("it can be asked of one principal, and of a time", set(asked.value(CARD, value_of(CARD, 1), "--principal", "bela")[0]) ==
            {"bela"} and asked.value(CARD, value_of(CARD, 1), "--since", "2099-01-01")[0] == {})


def check_entries(t, gate, asked):
    """What it names of a session is where the value stands in it."""
    found, _ = asked.lines(CARD, "--value", value_of(CARD, 2))
    wrong = []
    for one in found:
        rows = [e for e in gate.replay(one["session"]) if e["event"] in ("row", "copy") and
                one["first_sequence"] <= e["sequence"] <= one["last_sequence"]]
        first = json.dumps([e for e in rows if e["sequence"] == one["first_sequence"]])
        if value_of(CARD, 2) not in first:
            wrong.append((one, first[:300]))
    t.check("the entries that it names hold the value", found and not wrong, wrong)


def check_scan(t, asked, truth):
    """The recordings, read: also of whom the index does not know."""
    clear = ["anna", "bela", "root"]
    for column, one in ((CARD, 2), (MAIL, 5), (ACCOUNT, 3)):
        found, _ = asked.value(column, value_of(column, one), "--scan")
        want = wanted(truth, column, value_of(column, one), clear)
        t.check(f"{column}: reading the recordings gives the same, and whom the index cannot know", found == want, (found, want))
    found, said = asked.value("public.customers.name", "n4")
    t.check("of a column whose values are not indexed the recordings are read, which is said",
            "recordings were read" in said and set(found) <= {"root"}, (found, said))


def check_unknown(t, asked, truth):
    found, said = asked.value(CARD, value_of(CARD, 1))
    t.check("rows that were not recorded are no values, and are told as unknown", "carl" not in found and
            f"Of {truth.rows['carl', CARD]} rows" in said, (found, said, truth.rows["carl", CARD]))
    t.check("who gets masks got no value", "agent" not in found)


def check_index(t, gate):
    text = b"".join((gate.data / name).read_bytes() for name in ("index.db", "index.db-wal") if (gate.data / name).exists())
    t.check("the index holds no value", all(value_of(column, one).encode() not in text for column in (CARD, MAIL, ACCOUNT)
            for one in range(1, N)) and b"4111111111111002" not in text and b"mail3@example.com" not in text)


def counts_of(gate):
    db = sqlite3.connect(f"file:{gate.data}/index.db?mode=ro", uri=True)
    try:
        return db.execute("SELECT c.name, session, sum(rows), count(*) FROM value_seen JOIN value_column c ON c.id = \"column\""
                          " GROUP BY 1, 2 ORDER BY 1, 2").fetchall()
    finally:
        db.close()


def check_again(t, gate, asked):
    """Thrown away, the index is made again from the log, under another key; interrupted, nothing counts twice."""
    before = counts_of(gate)
    for name in ("index.db", "index.db-wal", "index.db-shm"):
        (gate.data / name).unlink(missing_ok=True)
    asked.lines(CARD)
    t.check("made anew from the log, it says the same", counts_of(gate) == before and before, (before, counts_of(gate)))


def check_live(t, gate, cluster):
    """A session that goes on, through restarts of its index's follower: each row counts once."""
    truth, chance = Truth(), random.Random(3)
    asked = Asked(gate)
    gate.start()
    vera = Who(gate, truth, "vera", "analysts", chance)
    for _ in range(6):
        vera.star()
        vera.prepared()
        vera.copy()
        value = value_of(CARD, 1)
        process.wait_for(lambda: asked.value(CARD, value, "--principal", "vera")[0].get("vera") ==
                         truth.values["vera", CARD, value], "the value of an open session", every=0.3)
    t.check("of a session that goes on each row counts once", True)
    vera.close()
    gate.stop()
    t.check("and so it is at its end", asked.value(CARD, value_of(CARD, 1), "--principal", "vera")[0] ==
            {"vera": truth.values["vera", CARD, value_of(CARD, 1)]})


def main():
    t = tally.Tally()
    seed = int(os.environ.get("SEED", random.randrange(1 << 30)))
    truth = Truth()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql(SCHEMA)

        def change(config):
            config["policies"] = policies()
            login = config["connections"][0]["logins"][0]
            login.update(user="app", password="${env:APP_PASSWORD}")
        gate = gateway.Gateway(world, cluster, change=change, env={"APP_PASSWORD": "app"})
        chance = random.Random(seed)
        people = [("anna", "analysts"), ("bela", "analysts"), ("agent", "ai-agents"), ("carl", "counted"), ("root", "dba")]
        for name, group in people:
            who = Who(gate, truth, name, group, chance)
            if name == "agent":
                for way in ("plain", "star", "view", "prepared"):
                    getattr(who, way)()
            else:
                who.work(10)
            who.close()
        gate.stop()
        asked = Asked(gate)
        check_columns(t, asked, truth, ["anna", "bela", "carl"])
        check_values(t, asked, truth, seed)
        check_entries(t, gate, asked)
        check_scan(t, asked, truth)
        check_unknown(t, asked, truth)
        check_index(t, gate)
        check_again(t, gate, asked)
        check_live(t, gate, cluster)
        for wrong in (("--scan",), ("--value", "x", "--state", "clear")):
            done = gate.cli("audit", "who-saw", CARD, *wrong, check=False)
            t.check(f"{' '.join(wrong)} is refused", done.returncode == 2 and done.stderr, done)
    t.finish()


if __name__ == "__main__":
    main()
