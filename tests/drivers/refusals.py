#!/usr/bin/python3
"""What a program learns from a refusal, in psycopg: with `SET postern.errors = json` the DETAIL is one line of JSON with the
code, the rule, the policy and the request's number, which the record knows; without it, a sentence.

usage: tests/drivers/refusals.py"""
import json
import pathlib
import sys

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import tally

FIXTURE = """
CREATE TABLE public.things (id int PRIMARY KEY, what text);
INSERT INTO public.things SELECT i, 'x' FROM generate_series(1, 20) i;
CREATE TABLE public.secrets (id int, what text);
CREATE TABLE public.many AS SELECT i FROM generate_series(1, 200) i;
"""
POLICY = {
    "name": 'the "team"', "who": "any", "record": {"rows": "count", "on_failure": "deny"},
    "allow": ["read", "write", "update", "delete", "procedure"],
    "deny": [{"name": 'no "secrets"\\ – ünï', "relations": ["public.secrets"], "message": "ask"}],
    "hold": [{"name": "whereless", "effects": ["delete"], "where": "missing", "by": ["dba", "leads"]},
             {"name": "some", "effects": ["update"], "unless": {"affected_rows": "<= 3"}, "by": ["leads"]}],
    "limits": {"returned_rows": 100, "affected_rows": 10},
}
# Apart, so that a machine that pauses ends nothing else.
BRIEF = {"name": "brief", "who": {"groups": ["brief"]}, "allow": ["read"], "limits": {"statement": "1s"}}
# What is sent, its SQLSTATE and code, and what else the JSON has.
REFUSED = [
    ("SELECT * FROM secrets", "42501", "policy", {"rule": 'no "secrets"\\ – ünï', "policy": 'the "team"'}),
    ("DROP TABLE things", "42501", "policy", {"rule": "default"}),
    ("DELETE FROM things", "42501", "approval-asked", {"rule": "whereless", "policy": 'the "team"', "by": ["dba", "leads"]}),
    ("SELECT * FROM nowhere", "42P01", "no-such-name", {}),
    ("SELECT nothing FROM things", "42703", "no-such-name", {}),
    ("SELECT 1 / (id - 1) FROM things", "22012", None, {}),
    ("SELEC 1", "42501", "policy", {"rule": "default"}),
    ("SELECT 1_000", "42501", "not-understood", {"rule": "not understood"}),
    ("DELETE FROM things WHERE id > 5", "53400", "affected-rows", {"rule": "affected_rows", "policy": 'the "team"'}),
    ("UPDATE things SET what = 'y' WHERE id > 15", "42501", "approval-asked", {"rule": "some", "by": ["leads"]}),
]
TIMED = ("SELECT pg_sleep(3600)", "53400", "statement-time", {"hint": "Ask for less at a time."})
# The gateway cancels it at the server.
OVERRUN = ("SELECT * FROM many", "53400", "returned-rows", {"detail": "The limit is 100 rows; those up to it were delivered."})


def fail(connection, text, **options):
    """The diagnostics of the error that the text raises; None: it raises none."""
    try:
        connection.execute(text, **options).fetchall()
    except psycopg.ProgrammingError as error:
        return error.diag if error.diag.sqlstate else None
    except psycopg.Error as error:
        return error.diag
    return None


def check_refusals(t, connection, how, requests, refused=REFUSED, **options):
    for text, sqlstate, code, parts in refused:
        diag = fail(connection, text, **options)
        if not t.check(f"{how}: {text} is refused with {sqlstate}", diag and diag.sqlstate == sqlstate,
                       diag and (diag.sqlstate, diag.message_primary)):
            continue
        detail = diag.message_detail or ""
        if code is None:
            t.check(f"{how}: what the server refuses keeps the server's words", not detail.startswith("{"), detail)
            continue
        t.check(f"{how}: its DETAIL is one line", "\n" not in detail and "\r" not in detail, detail)
        try:
            told = json.loads(detail)
        except ValueError as error:
            t.check(f"{how}: and JSON", False, f"{error}: {detail!r}")
            continue
        t.check(f"{how}: and JSON: {code}", told.get("code") == code and all(told.get(key) == value for key, value in parts.items()),
                told)
        t.check(f"{how}: the hint is the same", told.get("hint") == diag.message_hint, (told, diag.message_hint))
        requests.add(told["request"])


def main():
    t = tally.Tally()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql(FIXTURE)
        g = gateway.Gateway(world, cluster, change=lambda config: config.update(policies=[POLICY, BRIEF]))
        parameters = {"host": "127.0.0.1", "port": g.port, "user": "agent", "dbname": "postgres", "autocommit": True}
        requests = set()
        with psycopg.connect(**parameters, password=g.token(), options="-c postern.on_hold=fail") as connection:
            diag = fail(connection, "SELECT * FROM secrets")
            t.check("without it, the DETAIL is a sentence",
                    diag.message_detail.startswith('Rule "no "secrets"') and diag.message_detail.endswith("."), diag.message_detail)
            connection.execute("SET postern.errors = json")
            check_refusals(t, connection, "simple or extended, as psycopg chooses", requests)
            check_refusals(t, connection, "prepared", requests, prepare=True)
            with connection.transaction():
                try:
                    with connection.transaction():
                        connection.execute("SELECT * FROM secrets")
                except psycopg.Error as error:
                    t.check("in a transaction too", json.loads(error.diag.message_detail)["code"] == "policy")
                t.check("which goes on behind its savepoint", connection.execute("SELECT 1").fetchone() == (1,))
            connection.execute("SET postern.errors = text")
            diag = fail(connection, "SELECT * FROM secrets")
            t.check("it can be taken back", not diag.message_detail.startswith("{"), diag.message_detail)
        with psycopg.connect(**parameters, password=g.token(), options="-c postern.errors=json -c postern.on_hold=fail") as connection:
            check_refusals(t, connection, "chosen when connecting", requests)
            check_refusals(t, connection, "chosen when connecting", requests, [OVERRUN])
            behind = [fail(connection, text) for _ in range(30) for text in (OVERRUN[0], "SELECT pg_sleep(0.02)")]
            t.check("what comes behind what was cancelled at the server is not hit", behind[1::2] == [None] * 30
                    and all(one and one.sqlstate == OVERRUN[1] for one in behind[::2]), [one and one.sqlstate for one in behind])
        for prepare in (None, True):
            with psycopg.connect(**parameters, password=g.token(groups=["brief"]), options="-c postern.errors=json -c postern.on_hold=fail") as connection:
                check_refusals(t, connection, f"where time is short{', prepared' if prepare else ''}", requests, [TIMED], prepare=prepare)
        # What waits for people is the same request when it is sent again.
        asked = sum(1 for one in REFUSED if one[2] == "approval-asked")
        t.check("each refusal has a number of its own",
                len(requests) == 3 * sum(1 for one in REFUSED if one[2]) - 2 * asked + 3, len(requests))
        g.stop()
        record = g.whole_record()
        t.check("under which the record knows it", all(f'"{one.split("-")[0]}"' in record or one.split("-")[0] in record
                                                       for one in requests))
    t.finish()


if __name__ == "__main__":
    main()
