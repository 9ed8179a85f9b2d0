#!/usr/bin/python3
"""The pages on a real gateway: a real PostgreSQL behind it, psql as the agent, npm's oidc-provider for people, Chromium. This
file makes the world and hands it to gateway.mjs, which looks."""
import json
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import gateway  # noqa: E402
import postgres  # noqa: E402
import process  # noqa: E402

POLICY = [{
    "name": "agents-on-orders", "who": "any", "record": {"rows": "full", "on_failure": "deny"}, "allow": ["all"],
    "deny": [{"name": "no-drop", "statements": ["DROP *"], "message": "agents change rows, not tables"}],
    "hold": [
        {"name": "brief", "effects": ["delete"], "relations": ["public.brief"], "by": ["dba"], "expires": "5s"},
        {"name": "many", "effects": ["delete", "update"], "unless": {"affected_rows": "<= 100"}, "by": ["dba"], "expires": "15m"},
        {"name": "cuts", "effects": ["truncate"], "by": ["dba"], "expires": "15m", "reason": "required"},
    ],
}]
SCHEMA = """
CREATE TABLE orders (id serial PRIMARY KEY, status text NOT NULL, amount numeric(10,2) NOT NULL);
INSERT INTO orders (status, amount) SELECT CASE g % 5 WHEN 0 THEN 'late' ELSE 'open' END, g FROM generate_series(1, 1000) g;
CREATE TABLE brief (id int); INSERT INTO brief VALUES (1);
CREATE TABLE staging (id int); INSERT INTO staging VALUES (1);
"""


def change(config, base, port, issuer):
    config["admin"] = {"listen": f"127.0.0.1:{port}", "url": base}
    config["roles"] = {"admin": {"groups": ["platform"]}, "auditor": {"groups": ["security"]}, "approver": {"groups": ["dba"]}}
    config["policies"] = POLICY
    config["identity"]["oidc"][0]["machine_claim"] = "machine"
    config["identity"]["oidc"].append({"issuer": issuer, "audience": "postern", "client_id": "web", "scopes": "openid postern",
                                       "resource": "urn:postern:test", "machine_claim": "token_use", "machine_value": "machine"})


def main():
    with process.World() as world:
        port = process.free_port()
        base = f"http://127.0.0.1:{port}"
        idp = world.start(["node", HERE.parent / "idp" / "provider.js", "--web", base + "/auth/callback"], "idp")
        line = process.wait_for(lambda: re.search(r"^\{.*\}$", idp.output_path.read_text(), re.M), "the provider", 60)
        cluster = postgres.Cluster(world)
        gate = gateway.Gateway(world, cluster, change=lambda c: change(c, base, port, json.loads(line.group())["issuer"]))
        process.wait_for(lambda: process.answers(port), "the API", 60)
        agent = gate.environment(machine=True, on_behalf_of="bob", sub="cart-agent")
        subprocess.run(["psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"], input=SCHEMA, text=True, check=True, env=agent)
        person = gate.environment(sub="dora", groups=["dba"])
        given = {"base": base, **{who: {k: v for k, v in of.items() if k.startswith("PG")}
                                  for who, of in (("agent", agent), ("person", person))}}
        done = subprocess.run(["node", HERE / "gateway.mjs", *sys.argv[1:]], input=json.dumps(given), text=True, timeout=600)
        if done.returncode:
            print(gate.stderr()[-3000:], file=sys.stderr)
        return done.returncode


if __name__ == "__main__":
    sys.exit(main())
