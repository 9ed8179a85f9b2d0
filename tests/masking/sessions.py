#!/usr/bin/python3
"""What stands around the masks on a real server: no superuser behind them, and descriptions that drivers can read.

usage: tests/masking/sessions.py"""
import copy
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "lib"))
import gateway
import postgres
import process
import rawpg
import tally
from rawpg import describe, message, parse, query

FIXTURE = f"""
CREATE ROLE app LOGIN PASSWORD '{postgres.PASSWORD}';
CREATE TABLE people (id int PRIMARY KEY, name text, mail text); INSERT INTO people VALUES (1, 'ann', 'SECRET');
CREATE VIEW contacts AS SELECT id, mail FROM people;
GRANT SELECT, INSERT, UPDATE, DELETE ON people, contacts TO app;
"""
CONNECTIONS = {"plain": ("app", {}), "root": ("postgres", {}), "risky": ("postgres", {"accept_risk": True}), "open": ("postgres", {})}


def change(config):
    given = config["connections"][0]
    config["connections"] = []
    for name, (user, more) in CONNECTIONS.items():
        connection = {**copy.deepcopy(given), "name": name, **more}
        connection.pop("databases")
        connection["target"]["database"] = "postgres"
        connection["logins"][0]["user"] = user
        config["connections"].append(connection)
    config["policies"] = [
        {"name": "masks", "who": "any", "on": {"connections": ["plain", "root", "risky"]}, "allow": ["all"],
         "mask": [{"columns": ["public.people.mail"], "with": "redact"}]},
        {"name": "open", "who": "any", "on": {"connections": ["open"]}, "allow": ["all"]}]


def enter(g, database):
    raw = rawpg.Raw(g.port)
    return raw, raw.login(g.token(), database=database)


def superusers(t, g):
    seen = enter(g, "root")[1]
    error = next((rawpg.fields(body) for kind, body in seen if kind == "E"), {"C": "", "M": ""})
    t.check("nobody from whom columns are masked comes in over a superuser",
            error["C"] == "28000" and "superuser" in error["M"] and not any(kind == "Z" for kind, _ in seen), seen)
    for name, fact in (("risky", "unless the operator accepts the risk"), ("open", "who sees all does"),
                       ("plain", "and so does everybody over another login")):
        t.check(fact, enter(g, name)[1][-1][0] == "Z")


def origins(raw, *messages):
    """(table, number) of each column that is described."""
    raw.send(*messages)
    answer = raw.read_until("Z")
    body = next((body for kind, body in answer if kind == "T"), b"\0\0")
    at, out = 2, []
    for _ in range(int.from_bytes(body[:2], "big")):
        at = body.index(b"\0", at) + 1
        out.append((int.from_bytes(body[at:at + 4], "big"), int.from_bytes(body[at + 4:at + 6], "big")))
        at += 18
    return out, any(b"SECRET" in body for _, body in answer), [m for m in answer if m[0] == "E"]


def descriptions(t, g, server):
    raw, _ = enter(g, "plain")
    oid = int(server.sql("SELECT 'people'::regclass::oid::int"))
    view = int(server.sql("SELECT 'contacts'::regclass::oid::int"))
    for text, expected in (
            ("SELECT id, mail FROM contacts", [(view, 1), (0, 0)]),
            ("SELECT id, name, mail FROM people", [(oid, 1), (oid, 2), (oid, 3)]),
            ("SELECT * FROM people p JOIN people q USING (id)", [(oid, 1), (oid, 2), (oid, 3), (oid, 2), (oid, 3)]),
            ("SELECT upper(mail), mail || '' FROM people", [(0, 0), (0, 0)]),
            ("WITH x AS (SELECT * FROM people) SELECT x.mail, 1 FROM x", [(oid, 3), (0, 0)]),
            ("UPDATE people SET name = name RETURNING mail, id", [(oid, 3), (oid, 1)])):
        for how, messages in (("simple", (query(text),)),
                              ("described", (parse(text), describe("S"), message("S")))):
            got, secret, errors = origins(raw, *messages)
            t.check(f"{how}: {text}", got == expected and not secret, (got, expected, errors))


def main():
    t = tally.Tally()
    with process.World() as world:
        server = postgres.Cluster(world, "server")
        server.sql(FIXTURE)
        g = gateway.Gateway(world, server, change=change)
        superusers(t, g)
        descriptions(t, g, server)
    t.finish()


if __name__ == "__main__":
    main()
