#!/usr/bin/python3
"""What auditors ask of a running gateway over HTTP: who saw a column, who was shown a value, reports, bundles, proofs. The
answers are those of the command line; bundles and proofs are checked without the gateway; each look is in the record, and
the values that were asked for are nowhere."""
import base64
import csv
import hashlib
import io
import json
import pathlib
import subprocess
import sys

import psycopg

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import gateway  # noqa: E402
import postgres  # noqa: E402
import process  # noqa: E402
import tally  # noqa: E402
import web  # noqa: E402

READER = HERE.parent.parent / "doc" / "read-bundle.py"
CARD, MAIL = "public.people.card", "public.people.mail"
ASKED = "4111-1111-1111-1003"
SCHEMA = """
CREATE TABLE people (id int PRIMARY KEY, card text, mail text);
INSERT INTO people SELECT g, '4111-1111-1111-' || (1000 + g), 'm' || g || '@example.com' FROM generate_series(1, 9) g;
COMMENT ON COLUMN people.mail IS 'postern: pii';
CREATE USER app PASSWORD 'app';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
"""
RECORD = {"rows": "full", "on_failure": "deny"}
POLICIES = [{"name": "analysts", "who": {"groups": ["analysts"]}, "allow": ["read"], "record": {**RECORD, "values": [CARD]}},
            {"name": "agents", "who": {"groups": ["ai-agents"]}, "allow": ["read"], "record": RECORD,
             "mask": [{"columns": [CARD, MAIL], "with": "null"}]}]


class Place:
    def __init__(self, world, t):
        cluster = postgres.Cluster(world)
        cluster.sql(SCHEMA)
        self.port, self.t = process.free_port(), t

        def change(config):
            config["policies"] = POLICIES
            config["admin"] = {"listen": f"127.0.0.1:{self.port}"}
            config["roles"] = {"admin": {"groups": ["platform"]}, "auditor": {"groups": ["security"]}, "approver": {"groups": ["dba"]}}
            config["connections"][0]["logins"][0].update(user="app", password="${env:APP_PASSWORD}")
        self.gate = gateway.Gateway(world, cluster, change=change, env={"APP_PASSWORD": "app"})
        process.wait_for(lambda: process.answers(self.port), "the API", 60)
        self.auditor = self.client(sub="ida", groups=["security"])
        self.shapes = web.Shapes(self.auditor.get("/v1/openapi.json").json)

    def client(self, **claims):
        return web.Client(self.port, token=self.gate.token(**claims))

    def connect(self, **claims):
        return psycopg.connect(host="127.0.0.1", port=self.gate.port, user="x", dbname="postgres", autocommit=True,
                               password=self.gate.token(**claims))

    def shaped(self, method, path, body=None, **query):
        answer = self.auditor.ask(method, path, body, query=query)
        assert answer.status == 200, answer
        faults = self.shapes.faults(self.shapes.of(method, path), answer.json)
        assert not faults, faults
        return answer.json

    def cli(self, *arguments):
        done = self.gate.cli(*arguments, check=False)
        assert done.returncode in (0, 1), (done.returncode, done.stderr)
        return done.stdout

    def looks(self):
        done = self.gate.cli("sessions", "replay", "0000000000000", "--json", check=False)
        return [e["fields"] for e in gateway.parse_json(done.stdout) if e.get("fields", {}).get("what") == "looked" and
                e["fields"]["client"] != "command line"]


def work(p):
    anna = p.connect(sub="anna", groups=["analysts"])
    anna.execute("SELECT id, card FROM people WHERE id <= 4").fetchall()
    anna.execute("SELECT mail FROM people").fetchall()
    anna.close()
    agent = p.connect(sub="agent-7", groups=["ai-agents"], on_behalf_of="alice")
    agent.execute("SELECT card, mail FROM people WHERE id = 3").fetchall()
    agent.close()
    p.gate.wait_for_ends(2)
    process.wait_for(lambda: len(p.shaped("GET", "/v1/who-saw", column="people.*")["items"]) >= 4 and
                     len(p.shaped("GET", "/v1/sessions", live="false")["items"]) == 2, "what was seen, in the index", 60)


def columns(p, t):
    for column, more in ((CARD, {}), (MAIL, {}), ("people.*", {}), (CARD, {"state": "clear"}), (MAIL, {"who": "agent-7"}),
                         (CARD, {"since": "2099-01-01"}), (CARD, {"connection": "nowhere"})):
        got = p.shaped("GET", "/v1/who-saw", column=column, **more)
        options = [w for name, value in more.items() for w in (f"--{name.replace('who', 'principal')}", value)]
        want = gateway.parse_json(p.cli("audit", "who-saw", column, "--json", *options))
        t.check(f"who saw {column} {more or ''} is what the command says", got["items"] == want and not got["more"], (got, want))
    clear = p.shaped("GET", "/v1/who-saw", column=CARD, state="clear")["items"]
    masked = p.shaped("GET", "/v1/who-saw", column=CARD, state="masked")["items"]
    t.check("one principal got the card clear, four rows of it; the other a mask", [(s["principal"], s["rows"]) for s in clear] ==
            [("anna", 4)] and [(s["principal"], s["rows"]) for s in masked] == [("agent-7", 1)], (clear, masked))
    one = p.shaped("GET", "/v1/who-saw", column="people.*", limit=1)
    t.check("more than was asked for is said", len(one["items"]) == 1 and one["more"], one)
    entries = p.auditor.get(f"/v1/sessions/{clear[0]['session']}/entries", **{"from": clear[0]["sequence"], "limit": 1}).json["items"]
    t.check("the entry that it names ends such a result", [e["event"] for e in entries] == ["complete"], entries)
    for query in ({}, {"column": "people"}, {"column": CARD, "state": "seen"}, {"column": CARD, "value": ASKED}, {"column": CARD, "limit": 0},
                  {"column": "x" * 600 + ".y"}):
        answer = p.auditor.get("/v1/who-saw", **query)
        t.check(f"the question {str(query)[:60]} is refused", answer.status == 400, answer)


def values(p, t):
    def asked(**more):
        return p.shaped("POST", "/v1/who-saw", {"column": CARD, "value": ASKED, **more})

    def said(*options):
        return gateway.parse_json(p.cli("audit", "who-saw", CARD, "--value", ASKED, "--json", *options))

    def without(items):
        return [{name: value for name, value in one.items() if value is not None} for one in items]
    found = process.wait_for(lambda: (lambda got: got["items"] and got)(asked()), "the indexed value", 60)
    t.check("who was shown a value, by the keyed index, is what the command says", without(found["items"]) == said() and
            not found["scanned"] and found["unread"] == 0, found)
    t.check("it was one person, in one row", [(s["principal"], s["rows"]) for s in found["items"]] == [("anna", 1)], found)
    same = asked(value="4111 1111 1111 1003")
    t.check("written otherwise it is the same", same["items"] == found["items"], same)
    scanned = asked(scan=True)
    t.check("read out of the recordings it is the same, which is said", without(scanned["items"]) == said("--scan") and
            scanned["scanned"] and [(s["principal"], s["rows"]) for s in scanned["items"]] == [("anna", 1)], scanned)
    mail = p.shaped("POST", "/v1/who-saw", {"column": MAIL, "value": "m3@example.com"})
    t.check("of a column that is not indexed the recordings are read", mail["scanned"] and
            [(s["principal"], s["rows"]) for s in mail["items"]] == [("anna", 1)], mail)
    t.check("filters narrow it", asked(who="agent-7")["items"] == [] and asked(since="2099-01-01")["items"] == [] and
            asked(connection="nowhere")["items"] == [] and asked(session=found["items"][0]["session"])["items"] == found["items"])
    t.check("nobody was shown what nobody got", asked(value="4111-1111-1111-9999")["items"] == [])
    for body in ({"column": CARD}, {"value": ASKED}, {"column": "people", "value": "x"}, {"column": CARD, "value": ""},
                 {"column": CARD, "value": 5}, {"column": CARD, "value": ASKED, "since": "soon"},
                 {"column": CARD, "value": ASKED, "scan": "yes"}, {"column": CARD, "value": ASKED, "limit": 5}):
        answer = p.auditor.post("/v1/who-saw", body)
        t.check(f"the question {body} is refused", answer.status == 400, answer)
    answer = p.auditor.ask("PUT", "/v1/who-saw")
    t.check("other methods are told which there are", answer.status == 405 and answer.header("allow") == "GET, HEAD, POST", answer)


def steady(report):
    """Without what differs from one making to the next: when, by whom, and the looks, of which asking is one."""
    return {name: value for name, value in report.items() if name in ("since", "until", "version")}, [
        one for one in report["sections"] if one["name"] not in ("looks", "summary")]


def reports(p, t):
    period = "2026-01-01..2099-01-01"
    made = p.auditor.get("/v1/report", period=period)
    want = json.loads(p.cli("audit", "report", "--period", period, "--format", "json", "--rows", "10000"))
    t.check("a report is what the command writes", made.status == 200 and steady(made.json) == steady(want) and
            "audit-report.json" in made.header("content-disposition"), (made, want))
    t.check("with the checkpoint that the log ends in", made.json["checkpoint"]["size"] > 0 and len(made.json["checkpoint"]["root"]) == 64, made)
    names = [one["name"] for one in made.json["sections"]]
    table = p.auditor.get("/v1/report", period=period, format="csv")
    rows = list(csv.reader(io.StringIO(table.body.decode())))
    t.check("as CSV it has the same sections", table.header("content-type").startswith("text/csv") and
            {row[0] for row in rows if row} - {"section", "period"} <= set(names) and len(rows) > 5, rows[:20])
    page = p.auditor.get("/v1/report", period=period, format="html")
    t.check("and as HTML it is a download", page.body.startswith(b"<!doctype html>") and "attachment" in page.header("content-disposition"), page)
    one = p.auditor.get("/v1/report", period=period, section="looks").json["sections"]
    t.check("one section can be asked for", [s["name"] for s in one] == ["looks"], one)
    few = p.auditor.get("/v1/report", period=period, rows=1).json["sections"]
    t.check("and how many lines of each", all(len(s["rows"]) <= 1 for s in few), few)
    t.check("a period that is over is empty of accesses", [s["rows"] for s in p.auditor.get(
        "/v1/report", period="2020", section=[n for n in names if "access" in n][0]).json["sections"]] == [[]])
    for query in ({"period": "soon"}, {"format": "pdf"}, {"section": "nothing"}, {"rows": 0}, {"since": "2d"}):
        answer = p.auditor.get("/v1/report", **query)
        t.check(f"the question {query} is refused", answer.status == 400 and answer.json["type"] == "/problems/bad-request", answer)


def bundles(p, t, world):
    folder = world.make_folder("bundles")
    sessions = p.gate.sessions()
    for session in sessions:
        answer = p.auditor.get(f"/v1/sessions/{session}/bundle")
        path = folder / f"{session}.bundle"
        path.write_bytes(answer.body)
        ours = subprocess.run([gateway.binary(), "audit", "verify", path], capture_output=True, text=True)
        theirs = subprocess.run([sys.executable, READER, path], capture_output=True, text=True)
        t.check("a session's bundle verifies, here and with the reader of its own", answer.status == 200 and ours.returncode == 0 and
                theirs.returncode == 0 and session in answer.header("content-disposition"), (answer, ours, theirs))
    path.write_bytes(answer.body[:-2000])
    t.check("one that broke off does not", subprocess.run([gateway.binary(), "audit", "verify", path], capture_output=True).returncode != 0)
    text = (f"HEAD /v1/sessions/{sessions[0]}/bundle HTTP/1.1\r\nHost: 127.0.0.1:{p.port}\r\nConnection: close\r\n"
            f"Authorization: Bearer {p.auditor.token}\r\n\r\n")
    for _ in range(5):
        head, _, body = web.raw(p.port, text.encode()).partition(b"\r\n\r\n")
        t.check("asked for its head alone, that is what comes, and no place is lost by it", head.startswith(b"HTTP/1.1 200 ") and
                not body, (head, body))
    missing = p.auditor.get("/v1/sessions/0000000000001/bundle")
    t.check("of a session that is not there, there is none", missing.status == 404, missing)


def root_of(proof):
    """RFC 9162, 2.1.3.2."""
    node, last = proof["leaf"], proof["size"] - 1
    hashed = hashlib.sha256(b"\0" + base64.b64decode(proof["head"])).digest()
    assert hashed.hex() == proof["leaf_hash"]
    for text in proof["proof"]:
        other = bytes.fromhex(text)
        if node & 1 or node == last:
            hashed = hashlib.sha256(b"\1" + other + hashed).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            hashed = hashlib.sha256(b"\1" + hashed + other).digest()
        node, last = node >> 1, last >> 1
    return hashed if last == 0 else None


def proofs(p, t):
    for session in p.gate.sessions():
        for entry in (1, p.gate.replay(session)[-1]["sequence"]):
            proof = p.shaped("GET", "/v1/log/proof", session=session, entry=entry)
            note = proof["checkpoint"].split("\n")
            root = root_of(proof)
            t.check("the proof of an entry leads from its block's head to the signed root", root and proof["session"] == session and
                    proof["first_sequence"] <= entry <= proof["last_sequence"] and note[1] == str(proof["size"]) and
                    base64.b64decode(note[2]) == root, proof)
    answer = p.auditor.get("/v1/log/proof", session=session, entry=100000)
    t.check("of an entry that is not there, there is none", answer.status == 409 and "no such entry" in answer.json["detail"], answer)
    checkpoint = p.shaped("GET", "/v1/log/checkpoint")
    t.check("the newest checkpoint is of the same log", checkpoint["note"].split("\n")[0] == note[0], (checkpoint, note))


def refusals(p, t):
    session = p.gate.sessions()[0]
    asked = [("GET", f"/v1/who-saw?column={CARD}", None), ("POST", "/v1/who-saw", {"column": CARD, "value": ASKED}),
             ("GET", "/v1/report", None), ("GET", f"/v1/sessions/{session}/bundle", None),
             ("GET", f"/v1/log/proof?session={session}&entry=1", None)]
    people = {"an admin": p.client(sub="root", groups=["platform"]), "an approver": p.client(sub="dora", groups=["dba"]),
              "whose session it is": p.client(sub="anna", groups=["analysts"])}
    for who, client in people.items():
        for method, path, body in asked:
            answer = client.ask(method, path, body)
            t.check(f"{who} may not: {method} {path.split('?')[0]}", answer.status == 403 and answer.json["type"] == "/problems/forbidden", answer)
    for method, path, body in asked:
        answer = web.Client(p.port).ask(method, path, body)
        t.check(f"nor may who is not signed in: {method} {path.split('?')[0]}", answer.status == 401, answer)


def looked(p, t):
    sessions = set(p.gate.sessions())
    looks = process.wait_for(lambda: (lambda all: all if {"who-saw", "who-saw-value", "report", "export"} <= {f["how"] for f in all} and
                                      sessions <= {f["session"] for f in all if f["how"] == "export"} else None)(p.looks()), "the looks", 60)
    t.check("each look is recorded: who, how, at which column, session or period", all(
        f["user"] == "ida" and f["client"].startswith("127.0.0.1:") for f in looks) and
        {f["column"] for f in looks if f["how"] == "who-saw-value"} == {CARD, MAIL} and
        {f["session"] for f in looks if f["how"] == "export"} == sessions and
        {f["period"] for f in looks if f["how"] == "report"} == {"2026-01-01..2099-01-01", "2020", "30d"}, looks)
    t.check("pages of one question are one look", len([f for f in looks if f["how"] == "who-saw" and f["column"] == CARD]) == 1, looks)
    told = process.wait_for(lambda: (lambda rows: rows if any(CARD in (r["detail"] or "") for r in rows) else None)(
        p.auditor.get("/v1/report", period="2026-01-01..2099-01-01", section="looks").json["sections"][0]["rows"]), "looks in the report", 60)
    t.check("and the report tells of them", {"how who-saw-value, column " + CARD, "how who-saw, column " + CARD} <= {r["detail"] for r in told}, told)
    hidden = ["4111 1111 1111 1003", "4111-1111-1111-9999"]
    t.check("a value that was asked for is in no log", not any(h in json.dumps(looks) + p.gate.stderr() for h in hidden))


def main():
    t = tally.Tally()
    with process.World() as world:
        p = Place(world, t)
        work(p)
        columns(p, t)
        values(p, t)
        reports(p, t)
        bundles(p, t, world)
        proofs(p, t)
        refusals(p, t)
        looked(p, t)
        p.gate.stop()
        good, said = p.gate.verify()
        t.check("the record verifies", good, said)
    t.finish()


if __name__ == "__main__":
    main()
