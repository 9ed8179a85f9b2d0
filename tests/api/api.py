#!/usr/bin/python3
"""The API of a running gateway, asked with tokens: what it shows, to whom, and what it refuses; one by one."""
import gzip
import json
import pathlib
import socket
import ssl
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import gateway  # noqa: E402
import postgres  # noqa: E402
import process  # noqa: E402
import rawpg  # noqa: E402
import tally  # noqa: E402
import web  # noqa: E402

POLICY = [{
    "name": "agents", "who": "any", "on": {"connections": ["everything"]},
    "record": {"rows": "full"}, "allow": ["read", "write", "update", "delete", "schema"],
    "hold": [{"name": "whereless", "effects": ["delete"], "where": "missing", "by": ["dba"], "expires": "15m", "reason": "required"}],
    "deny": [{"name": "no-drop", "statements": ["DROP *"], "message": "ask the data team"}],
}, {
    "name": "veiled", "who": {"groups": ["veiled"]}, "on": {"connections": ["everything"]},
    "mask": [{"columns": ["public.customers.name"], "with": "redact"}],
}]


def change(config, port):
    config["admin"] = {"listen": f"127.0.0.1:{port}"}
    config["roles"] = {"admin": {"groups": ["platform"]}, "auditor": {"groups": ["security"]},
                       "approver": {"groups": ["dba"]}}
    config["policies"] = POLICY
    config["identity"]["oidc"][0]["machine_claim"] = "machine"


class Api:
    def __init__(self, world, cluster, t):
        self.world, self.t, self.port = world, t, process.free_port()
        self.gate = gateway.Gateway(world, cluster, change=lambda c: change(c, self.port))
        process.wait_for(lambda: process.answers(self.port), "the API", 60)
        mint = self.gate.token
        self.agent = web.Client(self.port, token=mint(machine=True))
        self.other = web.Client(self.port, token=mint(sub="bob", groups=["staff"]))
        self.behalf = web.Client(self.port, token=mint(sub="carol", groups=["staff"]))
        self.auditor = web.Client(self.port, token=mint(sub="ida", groups=["security"]))
        self.admin = web.Client(self.port, token=mint(sub="root", groups=["platform"]))
        self.approver = web.Client(self.port, token=mint(sub="dora", groups=["dba"]))
        self.nobody = web.Client(self.port)
        self.shapes = web.Shapes(self.nobody.get("/v1/openapi.json").json)

    def client(self, **claims):
        return web.Client(self.port, token=self.gate.token(**claims))

    def sql(self, text, **changes):
        return subprocess.run(["psql", "-X", "-q", "-At", "-v", "ON_ERROR_STOP=0"], input=text, text=True,
                              capture_output=True, env=self.gate.environment(**changes), timeout=120)

    def shaped(self, client, path, template=None, method="GET", body=None, **query):
        """An answer of 200 that has its published shape."""
        answer = client.ask(method, path, body, query=query)
        assert answer.status == 200, answer
        faults = self.shapes.faults(self.shapes.of(method, template or path), answer.json)
        assert not faults, faults
        return answer.json

    def all_items(self, client, path, **query):
        items, cursor = [], None
        for _ in range(200):
            page = self.shaped(client, path, **query, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next"]
            if not cursor:
                return items
        raise AssertionError("pages without end")

    def refused(self, fact, answer, status, kind):
        self.t.check(fact, answer.status == status and answer.header("content-type") == "application/problem+json"
                     and answer.json["type"] == f"/problems/{kind}" and answer.json["status"] == status, answer)


def work(a):
    """Some sessions to look at."""
    a.sql("CREATE TABLE customers (id int, name text); INSERT INTO customers VALUES (1, 'ada'), (2, '<script>');"
          "SET postern.task = 'T-17';\nSELECT * FROM customers;\nDROP TABLE customers;\nSELECT 1/0;\n", machine=True)
    a.sql("SELECT 'bob was here';", sub="bob", groups=["staff"])
    a.sql("SELECT 'for carol';", sub="robot", on_behalf_of="carol", groups=["staff"])
    process.wait_for(lambda: len(a.all_items(a.auditor, "/v1/sessions", live="false")) >= 3, "three sessions", 60)


def shows(a, t):
    sessions = a.all_items(a.auditor, "/v1/sessions")
    t.check("an auditor sees every session, newest first",
            len(sessions) == 3 and [s["id"] for s in sessions] == sorted([s["id"] for s in sessions], reverse=True),
            sessions)
    mine = a.all_items(a.agent, "/v1/sessions")
    t.check("an agent sees its own sessions alone", [s["principal"] for s in mine] == ["agent-7"] and mine[0]["mine"])
    t.check("who is acted for sees the sessions on their behalf",
            [s["principal"] for s in a.all_items(a.behalf, "/v1/sessions")] == ["robot"])
    one = mine[0]["id"]
    path = f"/v1/sessions/{one}"
    t.run("a session has its shape", a.shaped, a.agent, path, "/v1/sessions/{session}")
    t.check("pages of one session each give the same list",
            [s["id"] for s in a.all_items(a.auditor, "/v1/sessions", limit=1)] == [s["id"] for s in sessions])
    for query, wanted in [({"who": "agent-7"}, 1), ({"who": "nobody"}, 0), ({"verdict": "deny"}, 1), ({"verdict": "error"}, 1),
                          ({"table": "customers"}, 1), ({"table": "public.customers"}, 1), ({"text": "drop custom*"}, 1),
                          ({"text": '"from customers"'}, 1), ({"text": "nothing"}, 0), ({"task": "T-17"}, 1),
                          ({"on_behalf_of": "carol"}, 1), ({"connection": "everything"}, 3), ({"connection": "x"}, 0),
                          ({"live": "true"}, 0), ({"since": "2020-01-01"}, 3), ({"until": "2020-01-01"}, 0),
                          ({"who": "bob", "verdict": "deny"}, 0)]:
        found = a.all_items(a.auditor, "/v1/sessions", **query)
        t.check(f"sessions are found by {query}: {wanted}", len(found) == wanted, found)
    statements = a.all_items(a.auditor, "/v1/statements", limit=2)
    t.check("statements come in pages without a repetition",
            len({(s["session"], s["first_sequence"], s["shape"]) for s in statements}) == len(statements) > 5, statements)
    for query, wanted in [({"verdict": "deny"}, ["DROP TABLE"]), ({"error": "22012"}, ["SELECT"]), ({"effect": "delete"}, []),
                          ({"table": "customers", "verdict": "deny"}, ["DROP TABLE"]), ({"session": one, "error": "42"}, ["DROP TABLE"])]:
        found = a.all_items(a.auditor, "/v1/statements", **query)
        t.check(f"statements are found by {query}", [s["tags"][0] for s in found] == wanted, found)
    t.check("an agent finds its own statements alone",
            {s["principal"] for s in a.all_items(a.agent, "/v1/statements")} == {"agent-7"})
    entries(a, t, one)
    rest(a, t)


def entries(a, t, one):
    path = f"/v1/sessions/{one}/entries"
    events, cursor, pages = [], None, 0
    while True:
        page = a.shaped(a.agent, path, "/v1/sessions/{session}/entries", limit=3, **({"cursor": cursor} if cursor else {}))
        events += page["items"]
        cursor, pages = page["next"], pages + 1
        if page["ended"]:
            break
        assert pages < 100
    replay = a.gate.replay(one)
    t.check("behind the end of a session that is over there is nothing to ask for", cursor is None, cursor)
    t.check("the entries of all pages are what `sessions replay` prints", events == replay, (len(events), len(replay)))
    whole = a.agent.get(f"/v1/sessions/{one}/replay")
    t.check("the download is the same", [json.loads(line) for line in whole.body.splitlines()] == replay, whole)
    row = a.shaped(a.agent, path, "/v1/sessions/{session}/entries", rows=1)["items"]
    t.check("rows beyond what was asked for are left out", sum(e["event"] == "row" for e in row) ==
            len({e["run"] for e in replay if e["event"] == "row"}), row)
    far = [e for e in replay if e["event"] == "complete"][-1]["sequence"]
    late = a.shaped(a.agent, path, "/v1/sessions/{session}/entries", **{"from": far})["items"]
    t.check("a reading may begin in the middle, and knows what came before", late == [e for e in replay if e["sequence"] >= far])
    a.refused("a recording of somebody else is not even known", a.other.get(path), 404, "not-found")
    a.refused("admins end sessions and do not look into them", a.admin.get(path), 403, "forbidden")
    a.refused("nor download them", a.admin.get(f"/v1/sessions/{one}/replay"), 403, "forbidden")
    t.check("an auditor looks into any", a.auditor.get(path).status == 200)
    looks = process.wait_for(lambda: len(found := looks_of(a)) >= 3 and found, "the looks", 60)
    t.check("each look is recorded: who, at what, how, from where",
            [(f["user"], f["session"], f["how"]) for f in looks] ==
            [("agent-7", one, "entries"), ("agent-7", one, "replay"), ("ida", one, "entries")]
            and all(f["client"].startswith("127.0.0.1:") for f in looks), looks)


def resolves(a, t):
    """What is explained is resolved in the catalogue that sessions are judged in, where there is one."""
    a.sql("CREATE VIEW named AS SELECT name FROM customers", machine=True)
    asked = {"connection": "everything", "database": "postgres", "sql": "SELECT * FROM named"}
    nowhere = a.shaped(a.agent, "/v1/policies/explain", method="POST", body={**asked, "database": "nowhere"})
    t.check("without a catalogue it is explained as it is written, and says why", not nowhere["resolved"] and
            "no session" in nowhere["catalogue"] and nowhere["statements"][0]["relations"] == ["named"], nowhere)
    with rawpg.Raw(a.gate.port) as session:
        session.login(a.gate.token(machine=True))
        session.simple("SELECT 1")

        def explained(sql, client=a.agent, **more):
            return a.shaped(client, "/v1/policies/explain", method="POST", body={**asked, "sql": sql, **more})
        said = process.wait_for(lambda: (lambda x: x["resolved"] and "public.customers" in x["statements"][0]["relations"] and x)(
            explained("SELECT * FROM named")), "a catalogue that has the view", 60)
        t.check("with one, names are resolved, through views", set(said["statements"][0]["relations"]) == {"public.named", "public.customers"} and
                said["search_path"][-1] == "public" and said.get("catalogue") is None, said)
        missing = explained("SELECT * FROM nothing_of_that_name")
        t.check("what is not there is said in the server's words", missing["decision"] == "deny" and missing["rule"] == "unknown name" and
                'relation "nothing_of_that_name" does not exist' in missing["message"], missing)
        masked = explained("SELECT name FROM named", a.auditor, user="x", groups=["veiled"])
        t.check("and what is masked for whom, with the text that is sent, for auditors", "public.customers.name" in masked["masks"] and
                "***" in masked["sent"] and masked["decision"] == "allow", masked)
        veiled = a.client(sub="vera", groups=["veiled"])
        masked = explained("SELECT name FROM named", veiled)
        t.check("others hear which columns, and not how", "public.customers.name" in masked["masks"] and masked.get("sent") is None, masked)


def looks_of(a):
    """Who looked at what, from the gateway's own record."""
    done = a.gate.cli("sessions", "replay", "0000000000000", "--json", check=False)
    return [e["fields"] for e in gateway.parse_json(done.stdout) if e.get("fields", {}).get("what") == "looked" and
            e["fields"]["client"] != "command line"]


def rest(a, t):
    me = a.shaped(a.admin, "/v1/me")
    t.check("one learns who one is", me["user"] == "root" and me["roles"] == ["admin", "user"], me)
    t.check("a machine is told so", a.shaped(a.agent, "/v1/me")["machine"])
    view = a.shaped(a.auditor, "/v1/overview")
    t.check("the overview counts all", sum(b["statements"] for b in view["buckets"]) >= 8 and
            sum(b["refused"] for b in view["buckets"]) == 1 and
            {p["name"] for p in view["principals"]} == {"agent-7", "bob", "robot"} and
            "customers" in {r["name"].split(".")[-1] for r in view["relations"]} and view["slow"], view)
    own = a.shaped(a.other, "/v1/overview")
    t.check("and for others their own", sum(b["statements"] for b in own["buckets"]) == 1 and
            [p["name"] for p in own["principals"]] == ["bob"], own)
    policies = a.shaped(a.auditor, "/v1/policies")
    t.check("policies are told with their text", [p["name"] for p in policies["items"]] == ["agents", "veiled"] and
            "no-drop" in policies["text"])
    asked = {"sql": "DROP TABLE customers", "connection": "everything"}
    said = a.shaped(a.agent, "/v1/policies/explain", method="POST", body=asked)
    t.check("a statement is explained", (said["decision"], said["rule"]) == ("deny", "no-drop")
            and "ask the data team" in said["message"] and said["statements"][0]["tag"] == "DROP TABLE", said)
    for name, client, body, status in [("of others to auditors", a.auditor, {"user": "x", "groups": ["y"]}, 200),
                                       ("of others to nobody else", a.agent, {"user": "x"}, 403)]:
        answer = client.post("/v1/policies/explain", {**asked, **body})
        t.check(f"it is explained {name}", answer.status == status, answer)
    resolves(a, t)
    t.check("connections are told with the place", a.shaped(a.agent, "/v1/connections")["items"][0]["port"] == a.gate.port)
    token = a.shaped(a.agent, "/v1/token", method="POST")
    t.check("whoever came with a token gets a login of their own", token["token"] not in a.agent.token and token["user"] == "agent-7" and
            token["login"].startswith("postern-"), token)
    note = process.wait_for(lambda: a.agent.get("/v1/log/checkpoint").status == 200 and
                            a.shaped(a.agent, "/v1/log/checkpoint"), "a checkpoint", 60)
    t.check("the newest checkpoint is a signed note", "\n\n— " in note["note"] and "+" in note["key"], note)
    a.gate.issuer.mint()
    a.sql("select 1", iss="https://evil.example")
    rejected = process.wait_for(lambda: a.all_items(a.auditor, "/v1/rejections"), "a rejection", 60)
    t.check("who was turned away is listed", rejected[0]["reason"] == "identity-refused" or rejected[0]["sqlstate"].startswith("28"), rejected)
    answer = a.nobody.get("/metrics")
    t.check("metrics are told to this machine", answer.status == 200 and b"\npostern_sessions 0\n" in answer.body, answer)
    t.check("and not through a proxy", a.nobody.ask("GET", "/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status == 401)
    t.check("but to auditors", a.auditor.ask("GET", "/metrics", headers={"X-Forwarded-For": "192.0.2.1"}).status == 200)
    t.check("it is alive", a.nobody.get("/healthz").body == b"ok\n")
    ready = a.nobody.get("/readyz")
    t.check("and ready", ready.status == 200 and b"children ok\nrecord ok\nidentity ok\nkeys ok\n" in ready.body, ready)
    before = metrics(a)
    a.sql("select 1;\nselect 2;\ndrop table customers;\n")
    after = metrics(a)
    t.check("metrics count statements by what became of them", {k: after[k] - before[k] for k in after if k.startswith("postern_statements_total")} ==
            {'postern_statements_total{verdict="allowed"}': 2, 'postern_statements_total{verdict="denied"}': 1,
             'postern_statements_total{verdict="held"}': 0}, (before, after))
    t.check("and say how far the index is behind, and whose keys are there", "postern_index_lag_seconds" in after and
            (after["postern_issuers"], after["postern_issuers_with_keys"]) == (1, 1), after)
    head = a.agent.ask("HEAD", "/v1/me")
    t.check("HEAD is a GET without its body", head.status == 200 and head.body == b"" and int(head.header("content-length")) > 50)
    guards = {"x-content-type-options": "nosniff", "x-frame-options": "DENY", "cache-control": "no-store",
              "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin"}
    t.check("answers are guarded", all(head.header(k) == v for k, v in guards.items())
            and "frame-ancestors 'none'" in head.header("content-security-policy")
            and "unsafe" not in head.header("content-security-policy"))


def metrics(a):
    lines = a.nobody.get("/metrics").body.decode().splitlines()
    return {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in lines if not line.startswith("#")}


def pages(a, t):
    """The web UI's files, from the program itself."""
    first = a.nobody.get("/")
    t.check("the first page is served to anybody", first.status == 200 and first.header("content-type").startswith("text/html"), first)
    t.check("and guarded", all("script-src 'self'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
                                for policy in first.all("content-security-policy"))
            and first.header("cache-control") and first.header("cache-control") != "no-store", first.headers)
    t.check("at the paths of its own pages as well", a.nobody.get("/approvals/06gzv4gqn8000").body == first.body)
    zipped = a.nobody.ask("GET", "/", headers={"Accept-Encoding": "gzip"})
    t.check("compressed for who takes that", zipped.header("content-encoding") == "gzip" and zipped.header("vary") == "Accept-Encoding"
            and gzip.decompress(zipped.body) == first.body and zipped.header("etag") != first.header("etag"), zipped)
    again = a.nobody.ask("GET", "/", headers={"If-None-Match": first.header("etag")})
    t.check("and not again", again.status == 304 and again.body == b"", again)
    t.check("a page takes no POST", a.nobody.post("/", {}).status == 404)


def live(a, t):
    """A session that is open: followed, told why, ended."""
    client = subprocess.Popen(["psql", "-X", "-q", "-At"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True, env=a.gate.environment(machine=True))
    client.stdin.write("select 'first';\n")
    client.stdin.flush()
    try:
        one = process.wait_for(lambda: a.all_items(a.agent, "/v1/sessions", live="true"), "the session", 60)[0]
        path = f"/v1/sessions/{one['id']}"
        stream = socket.create_connection(("127.0.0.1", a.port), 60)
        stream.settimeout(60)
        stream.sendall(f"GET /v1/events?session={one['id']} HTTP/1.1\r\nHost: 127.0.0.1:{a.port}\r\n"
                       f"Authorization: Bearer {a.agent.token}\r\n\r\n".encode())
        heard = b""

        def hear(what):
            nonlocal heard
            while what not in heard:
                part = stream.recv(65536)
                if not part:
                    return False
                heard += part
            return True
        t.check("a live view says hello", hear(b"event: hello"))
        client.stdin.write("select 'second';\n")
        client.stdin.flush()
        t.check("and what happens, as it happens", hear(b"select 'second'") and hear(b"event: entry"))
        t.check("and that the session went on", hear(b"event: session\n"))
        a.refused("nobody else says why", a.other.post(path + "/context", {"task": "x"}), 404, "not-found")
        a.refused("not even an admin", a.admin.post(path + "/context", {"task": "x"}), 403, "forbidden")
        t.run("its owner says why", a.shaped, a.agent, path + "/context", "/v1/sessions/{session}/context", "POST",
              {"task": "T-99", "prompt": "why <b>not</b>"})
        process.wait_for(lambda: a.all_items(a.auditor, "/v1/sessions", task="T-99"), "the claim", 60)
        t.check("which is recorded as claimed", hear(b'"claim.prompt":"why <b>not</b>"'))
        a.refused("nobody else ends it", a.other.post(path + "/kill", {}), 404, "not-found")
        a.refused("an auditor does not end it", a.auditor.post(path + "/kill", {}), 403, "forbidden")
        t.run("an admin ends it", a.shaped, a.admin, path + "/kill", "/v1/sessions/{session}/kill", "POST", {"reason": "enough"})
        t.check("and the view shows it", hear(b'"event":"end"'))
        ended = process.wait_for(lambda: (s := a.shaped(a.agent, path, "/v1/sessions/{session}"))["ended"] and s, "the end", 60)
        t.check("the session is over", not ended["live"] and ended["reason"], ended)
        a.refused("what is over is not ended again", a.admin.post(path + "/kill", {}), 409, "conflict")
        stream.close()
    finally:
        client.kill()
        client.communicate()
    last = [e for e in a.gate.replay(one["id"]) if e["event"] == "report"][-1]
    t.check("the record says who ended it and why", "root: enough" in json.dumps(last), last)


def held(a, t):
    """A statement that waits for people, and what they may do about it."""
    def ask():
        return subprocess.Popen(["psql", "-X", "-q", "-At", "-c", "CREATE TABLE IF NOT EXISTS goods (id int)",
                                 "-c", "DELETE FROM goods"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env=a.gate.environment(machine=True, on_behalf_of="ida"))

    def waiting():
        return process.wait_for(lambda: a.all_items(a.approver, "/v1/approvals", state="waiting"), "the request", 60)[0]
    client = ask()
    try:
        one = waiting()
        path = f"/v1/approvals/{one['id']}"
        t.check("the approver sees who asks what, for whom, and that they may decide", one["sql"] == "DELETE FROM goods" and
                one["principal"] == "agent-7" and one["on_behalf_of"] == "ida" and one["where"] == "missing" and one["by"] == ["dba"] and
                one["reason_required"] and one["can_decide"] and one["relations"][0]["access"] and one["rule"] == "whereless", one)
        t.run("one has the shape", a.shaped, a.approver, path, "/v1/approvals/{approval}")
        t.check("who asks sees it, and may not decide", not a.shaped(a.agent, path, "/v1/approvals/{approval}")["can_decide"])
        a.refused("it is not known to others", a.other.get(path), 404, "not-found")
        t.check("nor in their lists", a.all_items(a.other, "/v1/approvals") == [])
        t.check("the overview counts it", a.shaped(a.approver, "/v1/overview")["waiting_approvals"] == 1)
        say = {"approve": True, "digest": one["digest"], "reason": "the table is empty"}
        for fact, who, change, status, kind in [
                ("the requester", a.agent, {}, 403, "forbidden"), ("on whose behalf it was asked", a.auditor, {}, 403, "forbidden"),
                ("who is not in the groups", a.admin, {}, 403, "forbidden"), ("who may not know of it", a.other, {}, 404, "not-found"),
                ("another digest", a.approver, {"digest": "00" * 32}, 409, "conflict"),
                ("no reason where one is wanted", a.approver, {"reason": ""}, 400, "bad-request"),
                ("a word for a decision", a.approver, {"approve": "yes"}, 400, "bad-request"),
                ("a reason without end", a.approver, {"reason": "x" * 1001}, 400, "bad-request")]:
            a.refused(f"no decision: {fact}", who.post(path + "/decide", {**say, **change}), status, kind)
        done = a.shaped(a.approver, path + "/decide", "/v1/approvals/{approval}/decide", "POST", say)
        t.check("the decision is told with who and why", done["decisions"][0]["who"] == "dora" and
                done["decisions"][0]["reason"] == say["reason"] and done["state"] in ("approved", "used"), done)
        out, error = client.communicate(timeout=120)
        t.check("and the client has its result", client.returncode == 0, (out, error))
        a.refused("it is not decided twice", a.approver.post(path + "/decide", say), 409, "conflict")
        used = process.wait_for(lambda: (x := a.shaped(a.approver, path, "/v1/approvals/{approval}"))["state"] == "used" and x, "its use", 60)
        t.check("it was used once", used["state"] == "used" and not used["can_decide"] and used["cannot"])
        client = ask()
        one = waiting()
        a.shaped(a.approver, f"/v1/approvals/{one['id']}/decide", "/v1/approvals/{approval}/decide", "POST",
                 {"approve": False, "digest": one["digest"], "reason": "no"})
        out, error = client.communicate(timeout=120)
        t.check("a denial reaches the client", client.returncode != 0 and "ERROR" in error, error)
        ids = [x["id"] for x in a.all_items(a.approver, "/v1/approvals", limit=1)]
        now = metrics(a)
        t.check("metrics count held statements by state", (
            now['postern_statements_total{verdict="held"}'], now['postern_approvals{state="waiting"}'],
            *(now[f'postern_approvals_total{{state="{state}"}}'] for state in ("waiting", "approved", "used", "denied", "expired"))) ==
            (2, 0, 2, 1, 1, 1, 0), now)
        t.check("pages of one give both, the newest first", len(ids) == 2 and ids == sorted(ids, reverse=True), ids)
    finally:
        if client.poll() is None:
            client.kill()
            client.communicate()


def refuses(a, t):
    get = a.agent.ask
    a.refused("no token", a.nobody.get("/v1/me"), 401, "not-signed-in")
    bad = a.gate.issuer
    for name, token in [("a token that is none", "x"), ("a token of nobody", bad.mint_none()), ("an HMAC of the public key", bad.mint_hmac()),
                        ("an expired token", bad.mint(exp=int(time.time()) - 600)), ("somebody else's audience", bad.mint(aud="x")),
                        ("an empty token", "")]:
        a.refused(name, get("GET", "/v1/me", headers={"Authorization": f"Bearer {token}"}), 401, "not-signed-in")
    a.refused("a password", get("GET", "/v1/me", headers={"Authorization": "Basic eDp5"}), 401, "not-signed-in")
    a.refused("the wrong role", a.agent.get("/v1/policies"), 403, "forbidden")
    a.refused("the wrong role for rejections", a.admin.get("/v1/rejections"), 403, "forbidden")
    theirs = a.all_items(a.other, "/v1/sessions")[0]["id"]
    a.refused("another user's session", a.agent.get(f"/v1/sessions/{theirs}"), 404, "not-found")
    a.refused("a session that is none", a.agent.get("/v1/sessions/last"), 404, "not-found")
    a.refused("a cookie that is none", get("GET", "/v1/me", headers={"Authorization": None, "Cookie": "postern=" + "x" * 43}), 401, "not-signed-in")
    a.refused("an unknown path", a.agent.get("/v1/nothing"), 404, "not-found")
    a.refused("a method that is not there", get("DELETE", "/v1/me"), 405, "method")
    a.refused("a parameter that is not there", a.agent.get("/v1/sessions", whom="x"), 400, "bad-request")
    a.refused("a parameter twice", a.agent.ask("GET", "/v1/sessions?who=a&who=b"), 400, "bad-request")
    a.refused("a number that is none", a.agent.get("/v1/sessions", limit="x"), 400, "bad-request")
    a.refused("a limit beyond the ceiling", a.agent.get("/v1/sessions", limit=10000), 400, "bad-request")
    a.refused("a cursor that is none", a.agent.get("/v1/sessions", cursor="' OR 1=1"), 400, "bad-request")
    a.refused("a time that is none", a.agent.get("/v1/sessions", since="soon"), 400, "bad-request")
    explain = "/v1/policies/explain"
    a.refused("a member that is not there", a.agent.post(explain, {"sql": "x", "connection": "y", "z": 1}), 400, "bad-request")
    a.refused("a member that is missing", a.agent.post(explain, {"sql": "x"}), 400, "bad-request")
    a.refused("a body that is no JSON", get("POST", explain, b"{", {"Content-Type": "application/json"}), 400, "bad-request")
    a.refused("a member twice", get("POST", explain, b'{"sql":"x","sql":"y","connection":"z"}', {"Content-Type": "application/json"}), 400, "bad-request")
    a.refused("a form", get("POST", explain, b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}), 415, "body")
    a.refused("no body where one is wanted", get("POST", explain), 411, "body")
    a.refused("another server's name", get("GET", "/v1/me", headers={"Host": "evil.example"}), 421, "host")
    a.refused("another server's name on our port", get("GET", "/v1/me", headers={"Host": f"evil.example:{a.port}"}), 421, "host")
    for path in ["/v1/../v1/me", "/v1/%2e%2e/me", "/v1/sessions/..%2f..%2fetc", "/v1//me", "/v1/me/", "/v1/sessions/%00",
                 "/..%5c..%5cetc/passwd", "/%2e%2e/%2e%2e/etc/passwd"]:
        a.refused(f"path traversal: {path}", get("GET", path), 400, "bad-request")
    a.refused("a file that is none", get("GET", "/etc/passwd"), 404, "not-found")
    raws(a, t)


def raws(a, t):
    """What no client would send."""
    line = f"Host: 127.0.0.1:{a.port}\r\nAuthorization: Bearer {a.agent.token}\r\n"
    smuggled = f"GET /v1/me HTTP/1.1\r\n{line}\r\n"
    for fact, request, status in [
        ("CL and TE", f"POST /v1/token HTTP/1.1\r\n{line}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}", 400),
        ("TE and CL", f"POST /v1/token HTTP/1.1\r\n{line}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n{smuggled}", 400),
        ("TE alone", f"POST /v1/token HTTP/1.1\r\n{line}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}", 411),
        ("TE in disguise", f"POST /v1/token HTTP/1.1\r\n{line}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n{smuggled}", 400),
        ("duplicate CL", f"POST /v1/token HTTP/1.1\r\n{line}Content-Length: 0\r\nContent-Length: 0\r\n\r\n{smuggled}", 400),
        ("two lengths in one", f"POST /v1/token HTTP/1.1\r\n{line}Content-Length: 0, 0\r\n\r\n{smuggled}", 400),
        ("obs-fold", f"GET /v1/me HTTP/1.1\r\n{line}X: a\r\n b\r\n\r\n", 400),
        ("bare LF", f"GET /v1/me HTTP/1.1\n{line}\n".replace("\r", ""), 400),
        ("bare LF in a header", f"GET /v1/me HTTP/1.1\r\n{line}X: a\nY: b\r\n\r\n", 400),
        ("NUL", f"GET /v1/me HTTP/1.1\r\n{line}X: a\0b\r\n\r\n", 400),
        ("two hosts", f"GET /v1/me HTTP/1.1\r\n{line}Host: x\r\n\r\n", 400),
        ("no host", "GET /v1/me HTTP/1.1\r\n\r\n", 400),
        ("an absolute target", f"GET http://x/v1/me HTTP/1.1\r\n{line}\r\n", 400),
        ("HTTP/1.0", f"GET /v1/me HTTP/1.0\r\n{line}\r\n", 505),
        ("an oversized head", f"GET /v1/me HTTP/1.1\r\n{line}X: {'a' * 20000}\r\n\r\n", 431),
        ("too many headers", f"GET /v1/me HTTP/1.1\r\n{line}{'X: a' * 1}\r\n" + "X: a\r\n" * 100 + "\r\n", 431),
        ("an oversized target", f"GET /{'a' * 9000} HTTP/1.1\r\n{line}\r\n", 414),
        ("an oversized body", f"POST /v1/sessions/x/kill HTTP/1.1\r\n{line}Content-Length: 20000\r\n\r\n", 413),
        ("an oversized text to explain", f"POST /v1/policies/explain HTTP/1.1\r\n{line}Content-Length: 2000000\r\n\r\n", 413),
        ("a body of a GET", f"GET /v1/me HTTP/1.1\r\n{line}Content-Length: 5\r\n\r\nhello", 413),
    ]:
        said = web.raw(a.port, request.encode("latin-1"))
        t.check(f"{fact}: {status}, one answer, and the connection ends",
                said.startswith(f"HTTP/1.1 {status} ".encode()) and said.count(b"HTTP/1.1 ") == 1, said[:500])
    began = time.monotonic()
    said = web.raw(a.port, b"GET /v1/me HTTP/1.1\r\nHost: ")
    t.check("a slow head is ended with 408", said.startswith(b"HTTP/1.1 408 ") and time.monotonic() - began > 5, said)
    over = [a.agent.ask("GET", "/v1/me").status for _ in range(3)]
    t.check("and who is in order is served all the while", over == [200] * 3)


def tls(world, cluster, t):
    """Under TLS, at another address than loopback's name."""
    folder = world.make_folder("tls")
    process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", "/CN=gate.example", "-addext", "subjectAltName=DNS:gate.example", "-keyout", folder / "key", "-out", folder / "crt"])
    port = process.free_port()

    def with_tls(config):
        change(config, port)
        config["admin"].update(tls={"certificate": str(folder / "crt"), "key": str(folder / "key")}, url="https://gate.example")
    gate = gateway.Gateway(world, cluster, name="secure", change=with_tls)
    process.wait_for(lambda: process.answers(port), "the API", 60)
    context = ssl.create_default_context(cafile=str(folder / "crt"))
    context.set_alpn_protocols(["h2", "http/1.1"])

    def ask(host):
        with socket.create_connection(("127.0.0.1", port), 60) as plain, context.wrap_socket(plain, server_hostname="gate.example") as s:
            s.sendall(f"GET /v1/me HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nAuthorization: Bearer {gate.token()}\r\n\r\n".encode())
            out = b""
            while part := s.recv(65536):
                out += part
            return web.Answer(out), s.selected_alpn_protocol()
    answer, protocol = ask("gate.example")
    t.check("HTTPS is served, as HTTP/1.1", answer.status == 200 and protocol == "http/1.1", answer)
    t.check("with strict transport security", "max-age=" in (answer.header("strict-transport-security") or ""))
    t.check("under its own name alone", ask("other.example")[0].status == 421)
    said = web.raw(port, f"GET /v1/me HTTP/1.1\r\nHost: gate.example\r\n\r\n".encode())
    t.check("and not in clear", b"HTTP/1.1" not in said, said)
    gate.stop()


def keyless(world, cluster, t):
    """A provider that is not there: nobody could come in, and /readyz says so."""
    port, nowhere = process.free_port(), process.free_port()

    def no_keys(config):
        change(config, port)
        issuer = config["identity"]["oidc"][0]
        del issuer["jwks"]
        issuer["issuer"] = f"http://127.0.0.1:{nowhere}"
    gate = gateway.Gateway(world, cluster, name="keyless", change=no_keys)
    process.wait_for(lambda: process.answers(port), "the API", 60)
    ready = web.Client(port).get("/readyz")
    t.check("without the keys of any issuer it is not ready, and says why", ready.status == 503 and b"\nkeys failed\n" in ready.body, ready)
    gate.stop()


def main():
    t = tally.Tally(verbose="-v" in sys.argv)
    with process.World() as world:
        cluster = postgres.Cluster(world)
        a = Api(world, cluster, t)
        work(a)
        shows(a, t)
        pages(a, t)
        live(a, t)
        held(a, t)
        refuses(a, t)
        tls(world, cluster, t)
        keyless(world, cluster, t)
        status = a.gate.stop()
        t.check("the gateway stops in order", status == 0, a.gate.stderr()[-3000:])
        t.check("and said nothing of being broken", " ERROR " not in a.gate.stderr(), a.gate.stderr()[-3000:])
    t.finish()


if __name__ == "__main__":
    main()
