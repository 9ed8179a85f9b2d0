#!/usr/bin/python3
"""Masked columns, on a real server: whatever is sent (cases.txt), two databases that differ in masked values
alone give the same bytes; what must work works, and what must be refused is.

usage: tests/masking/masking.py [WORD]    only the cases that hold the word, with what came back"""
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
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


def run_both(g, send):
    """The answers of the two databases, each in a session of its own that ends in a rollback."""
    answers = []
    for side in SIDES:
        s = Session(g, side)
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
        if ";" in text or "COPY" in text:
            continue
        for binary in (False, True):
            judge(t, sign if not binary else "?" if sign == "+" else sign, text,
                  run_both(g, lambda s: s.run(*as_extended(text, binary))), "binary" if binary else "extended")


def make(world):
    server = postgres.Cluster(world, "server")
    server.sql((HERE / "fixture.sql").read_text(), "template1")
    for side, values in SIDES.items():
        server.sql(f"CREATE DATABASE {side} TEMPLATE template1")
        server.sql(VALUES.format(**values), side)
        server.sql(f"GRANT TEMPORARY, CREATE ON DATABASE {side} TO app")
    password = server.home / "app-password"
    password.write_text("app-password")
    password.chmod(0o644)

    def change(config):
        config["connections"][0]["logins"] = [
            {"name": "app", "user": "app", "password": f"${{file:{password}}}"}]
        config["policies"] = [policy()]

    return server, gateway.Gateway(world, server, change=change)


def main():
    word = sys.argv[1] if len(sys.argv) > 1 else ""
    t = tally.Tally(verbose=bool(word))
    with process.World() as world:
        server, g = make(world)
        run_cases(t, g, word)
    t.finish()


if __name__ == "__main__":
    main()
