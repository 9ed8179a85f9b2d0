#!/usr/bin/python3
"""Statements made at random that love masked columns: whatever they are, two databases that differ in masked
values alone give the same bytes.

usage: tests/masking/random_statements.py [N [SEED]]    N statements (150), each with both kinds of predicates"""
import random
import sys

import masking
import process
import tally
from rawpg import query

COLUMNS = {
    "people": "id name country mail ssn born pin salary nick tags home profile photo feeling letter key seen level "
              "nickname phone loud".split(),
    "orders": "id person amount memo".split(), "contacts": "k who reference loud_mail".split(),
    "deep": "k shout".split(), "kept": "id s country".split(), "payments": "id card paid".split(),
    "payments_25": "id card paid".split(), "old_contacts": "id phone".split(), "tagged": "id secret plain".split(),
    "archive": "id was many".split(), "rich": "id name".split(),
}
LITERALS = ["1", "'a'", "NULL", "'LEFT'", "0.5", "true", "'2020-01-01'"]


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.depth = 0

    def pick(self, *choices):
        return self.r.choice(choices)

    def table(self):
        return self.r.choice(["people"] * 6 + list(COLUMNS))

    def column(self, scope):
        alias, table = self.r.choice(scope)
        name = self.r.choice(COLUMNS[table])
        return self.pick(f"{alias}.{name}", name, f"({alias}).{name}") if self.r.random() < 0.9 else alias

    def expression(self, scope, depth=0):
        if depth > 2 or self.r.random() < 0.35:
            return self.column(scope) if self.r.random() < 0.85 else self.r.choice(LITERALS)
        e = lambda: self.expression(scope, depth + 1)
        return self.pick(
            lambda: f"upper({e()}::text)", lambda: f"length({e()}::text)", lambda: f"substr({e()}::text, 1, 2)",
            lambda: f"coalesce({e()}, {e()})", lambda: f"({e()})::{self.pick('text', 'int', 'date', 'numeric')}",
            lambda: f"{e()} {self.pick('=', '<', '||', '+', 'IS DISTINCT FROM', 'LIKE')} {e()}",
            lambda: f"CASE WHEN {e()} IS NULL THEN {e()} ELSE {e()} END", lambda: f"{e()} IS NULL",
            lambda: f"md5({e()}::text)", lambda: f"to_json({e()})", lambda: f"row({e()}, {e()})",
            lambda: f"array[{e()}, {e()}]", lambda: f"1 / nullif(length({e()}::text), 4)",
            lambda: f"({self.select(depth + 1, scope)} LIMIT 1)", lambda: f"EXISTS ({self.select(depth + 1, scope)})",
            lambda: f"max({e()}) OVER (ORDER BY {e()})", lambda: f"count({e()})", lambda: f"string_agg({e()}::text, ',')")()

    def source(self, number):
        alias, table = f"t{number}", self.table()
        only = self.pick("", "", "ONLY ") if table in ("people", "orders", "tagged", "old_contacts") else ""
        name = self.pick("", "", "public.") + table
        if self.r.random() < 0.15:
            return table, table, only + name
        if self.r.random() < 0.2:
            return alias, table, f"(SELECT * FROM {only}{name}) {alias}"
        return alias, table, f"{only}{name} {self.pick('', 'AS ')}{alias}"

    def select(self, depth=0, outer=()):
        scope, tables = list(outer), []
        for number in range(self.pick(1, 1, 1, 2)):
            alias, table, text = self.source(f"{depth}{number}{self.r.randrange(9)}")
            on = f" {self.pick('JOIN', 'LEFT JOIN')} {text} ON {self.expression([(alias, table)] + scope, 2)} IS NOT NULL"
            tables.append(on if tables else text)
            scope.insert(0, (alias, table))
        own = scope[:len(tables)] * 3 + scope
        items = ", ".join(self.pick(self.expression(own, depth + 1), self.expression(own, depth + 1), "*", own[0][0] + ".*")
                          for _ in range(1 if depth else self.r.randint(1, 4)))
        text = f"SELECT {self.pick('', '', '', 'DISTINCT ')}{items} FROM {''.join(tables)}"
        if self.r.random() < 0.5:
            text += f" WHERE {own[0][0]}.{COLUMNS[own[0][1]][0]} = {self.r.randint(1, 3)}"
            if self.r.random() < 0.3:
                text += f" AND {self.expression(own, depth + 1)} IS NOT NULL"
        if self.r.random() < 0.1:
            text += f" GROUP BY {self.expression(own, 3)}"
        if not depth and self.r.random() < 0.6:
            text += f" ORDER BY {self.pick('1', self.expression(own, 3))}"
        return text

    def statement(self):
        kind = self.r.random()
        if kind < 0.6:
            return self.select()
        if kind < 0.7:
            return f"WITH x AS ({self.select(1)}) SELECT * FROM x"
        if kind < 0.75:
            return f"{self.select(1)} {self.pick('UNION', 'UNION ALL', 'EXCEPT')} {self.select(1)}"
        scope = [("people", "people")]
        returning = self.pick("", f" RETURNING {self.expression(scope, 1)}", " RETURNING *")
        if kind < 0.85:
            return (f"UPDATE people SET {self.pick('name', 'country', 'ssn')} = {self.expression(scope, 1)} "
                    f"WHERE id = 1{returning}")
        if kind < 0.9:
            return f"DELETE FROM people WHERE {self.pick('id = 99', self.expression(scope, 1) + ' IS NULL')}{returning}"
        if kind < 0.95:
            return f"INSERT INTO notes (body) SELECT {self.expression(scope, 1)} FROM people"
        return self.pick(f"COPY ({self.select()}) TO STDOUT", f"EXPLAIN (COSTS OFF) {self.select()}", f"PREPARE p AS {self.select()}")


def run(t, g, n, seed):
    maker, worked = Maker(seed), 0
    for number in range(n):
        text = maker.statement()
        for prefix in ("", "compared_"):
            answers = masking.run_both(g, lambda s: s.run(query(text)), prefix)
            worked += masking.error_of(answers[0]) is None
            left, right = map(masking.plain, answers)
            same = left == right or sorted(left) == sorted(right)
            t.check(f"{prefix or 'refused'} {number} of {seed}: {text}", same and all(
                side["mark"].encode() not in body.replace(b"'LEFT'", b"") or "LEFT" in text
                for side, answer in zip(masking.SIDES.values(), answers) for kind, body in answer),
                [[(k, b[:300]) for k, b in side if k not in "ZC"][:3] for side in (left, right)])
    t.check("some of what is made at random works", worked > n // 10, worked)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    t = tally.Tally(verbose=False)
    with process.World() as world:
        server, g = masking.make(world)
        run(t, g, n, seed)
    t.finish()


if __name__ == "__main__":
    main()
