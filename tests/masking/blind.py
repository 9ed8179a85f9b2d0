#!/usr/bin/python3
"""The server's own view of what is sent under masks that look at nothing: the gateway's role may read no masked column at
all, so that PostgreSQL itself refuses a text in which one stands outside of what masks it. Not one may be refused.

usage: tests/masking/blind.py [N [SEED]]     N generated statements (200) besides the cases"""
import pathlib
import re
import sys

import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import cases
import copies
import generate
import gateway
import process
import rawpg
import tally

# Relations whose masked columns generate.py does not name.
MORE = {"payments_2024": ["card_number"], "contacts_vip": ["phone"]}
DENIED = re.compile(r"permission denied for (?:table|view|materialized view|foreign table|sequence|relation) (\w+)")
COLUMNS = """SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace
    AND c.relkind IN ('r', 'p', 'v', 'm') AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum"""

SYSTEM = ["ctid", "xmin", "tableoid"]


def is_masked(relation, column):
    return generate.RELATIONS.get(relation, {}).get(column, (0, 0))[1] or column in MORE.get(relation, ())


def make_server(world):
    server = copies.Server(world, 1)
    for role in copies.ROLES:
        server.sql(f"CREATE ROLE shop_{role} LOGIN PASSWORD '{copies.PASSWORD}'")
    server.sql("CREATE DATABASE shop TEMPLATE template0")
    server.sql("GRANT CREATE ON DATABASE shop TO shop_owner; GRANT ALL ON DATABASE shop TO shop_app")
    server.sql("GRANT CREATE ON SCHEMA public TO shop_owner", "shop")
    server.run_file(copies.HERE / "schema.sql", "shop")
    server.run_file(copies.HERE / "rows.sql", "shop", copy=1)
    clear, tables = {}, server.sql("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')", "shop").splitlines()
    for line in server.sql(COLUMNS, "shop").splitlines():
        relation, column = line.split("|")
        clear.setdefault(relation, [])
        if not is_masked(relation, column):
            clear[relation].append(column)
    for relation, columns in clear.items():
        server.sql(f"REVOKE SELECT ON {relation} FROM shop_app, shop_reader", "shop")
        # What a row has besides its columns is not masked; the gateway lets it be read in RETURNING alone.
        columns += SYSTEM if relation in tables else []
        if columns:
            server.sql(f"GRANT SELECT ({', '.join(columns)}) ON {relation} TO shop_app, shop_reader", "shop")
    return server, set(clear)


def make_policies(masked):
    base = yaml.safe_load((copies.HERE / "policies.yaml").read_text())
    blind = [{"columns": item["columns"], "with": "redact", "predicates": "masked", "write": "allow"} for item in base["mask"]]
    policy = {**base, "name": "blind", "who": "any", "record": {"rows": "none", "on_failure": "deny"}, "mask": blind}
    if not masked:
        del policy["mask"]
    return [policy, {"name": "as-app", "who": "any", "login": "app"}]


class Client:
    """A session through a gateway; what it does is rolled back."""

    def __init__(self, world, server, masked):
        secret = server.home / "shop-password"
        secret.write_text(copies.PASSWORD)

        def change(config):
            config["policies"] = make_policies(masked)
            config["connections"][0].update(
                name="shop", databases=["shop"], logins=[{"name": "app", "user": "shop_app", "password": f"${{file:{secret}}}"}])
            config["connections"][0]["target"]["host"] = server.address
        self.gate = gateway.Gateway(world, server, change=change, name="blind" if masked else "seeing")
        self.open()

    def open(self):
        self.raw = rawpg.Raw(self.gate.port, timeout=60)
        if self.raw.login(self.gate.token(), "agent", "shop")[-1][0] != "Z":
            raise process.Failed("the gateway lets nobody in")

    def try_out(self, *messages):
        """The errors of a statement by itself."""
        errors = []
        try:
            for part in ((rawpg.query("BEGIN"),), messages, (rawpg.query("ROLLBACK"),)):
                self.raw.send(*part)
                answer = self.raw.read_until("ZG")
                while answer[-1][0] == "G":
                    self.raw.send(rawpg.copy_fail("nothing to copy"))
                    answer += self.raw.read_until("ZG")
                errors += [rawpg.fields(body) for kind, body in answer if kind == "E"]
                if not answer[-1][0]:
                    raise rawpg.Closed()
        except (OSError, rawpg.Closed):
            self.raw.socket.close()
            self.open()
            errors.append({"C": "08006", "M": "the session ended"})
        return errors


def ways(text):
    yield "simple", (rawpg.query(text),)
    if ";" not in text.rstrip("; "):
        yield "extended", (rawpg.parse(text), rawpg.bind(), rawpg.describe("P"), rawpg.execute(), rawpg.SYNC)


def denied(errors, relations):
    """The relation of the shop that the server would not let be read; None: there is none."""
    for error in errors:
        match = DENIED.search(error.get("M", ""))
        if match and match.group(1) in relations:
            return match.group(1)
    return None


def texts(n, seed):
    for case in cases.read():
        if case.text:
            yield case.text
    maker = generate.Maker(seed)
    for _ in range(n):
        yield maker.statement()


def check(t, client, relations, n, seed):
    tried = worked = 0
    for text in texts(n, seed):
        for way, messages in ways(text):
            errors = client.try_out(*messages)
            tried, worked = tried + 1, worked + (not errors)
            relation = denied(errors, relations)
            t.check(f"{way}: {text}", relation is None, (relation, errors))
    t.check("much of it runs", worked > tried / 4, (worked, tried))


def check_sight(t, client, relations, seed):
    """Without masks the server refuses much of the same."""
    maker, seen = generate.Maker(seed), 0
    for _ in range(100):
        errors = client.try_out(rawpg.query(maker.statement()))
        seen += denied(errors, relations) is not None
    t.check("without masks the server would say so", seen > 40, seen)


def main():
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    t = tally.Tally(verbose=False)
    with process.World() as world:
        server, relations = make_server(world)
        check_sight(t, Client(world, server, False), relations, seed)
        check(t, Client(world, server, True), relations, n, seed)
    t.finish()


if __name__ == "__main__":
    main()
