#!/usr/bin/python3
"""Notifications from a running gateway to receivers of this test's own: a webhook that fails in scripted ways, a
Slack-compatible one, a program; and `postern approvals watch`. Signatures are verified here, with another implementation."""
import base64
import contextlib
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import subprocess
import sys
import threading

import psycopg

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import tally
import web

KEY = bytes(range(32))
HOSTILE = '<!channel> [x](http://evil.example) @here &'  # the name of a table
POLICY = {
    "name": "agents", "who": {"groups": ["ai-agents"]}, "allow": ["all"],
    "deny": [{"name": "no-drop", "statements": ["DROP *"]}],
    "hold": [{"name": "whereless", "effects": ["delete"], "where": "missing", "by": ["dba"], "expires": "10m"}],
}
SCHEMA = f"""
CREATE ROLE app LOGIN PASSWORD '{postgres.PASSWORD}';
CREATE TABLE t (id int, ssn text);
CREATE TABLE "{HOSTILE}" (id int);
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
"""


class Receiver(http.server.ThreadingHTTPServer):
    """Takes what is posted; `script` holds what it does instead, one entry a request."""

    def __init__(self):
        self.script, self.all, self.taken, self.lock = [], [], [], threading.Lock()
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/hook"

    def types(self):
        return [json.loads(body)["type"] for _, body in list(self.taken)]

    def forget(self):
        with self.lock:
            self.script, self.all, self.taken = [], [], []


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        with self.server.lock:
            act = self.server.script.pop(0) if self.server.script else 204
            self.server.all.append((dict(self.headers), body))
            if act == 204:
                self.server.taken.append((dict(self.headers), body))
        if act == "cut":
            self.close_connection = True
            self.connection.close()
            return
        self.send_response(302 if act == "away" else act)
        if act == "away":
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


def verify(headers, body):
    """As a receiver does: the id, the time and the body under the key that both know."""
    headers = {name.lower(): value for name, value in headers.items()}
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{wanted}", headers
    assert headers["content-type"] == "application/json", headers
    return headers["webhook-id"]


class World:
    def __init__(self, world, cluster):
        self.hook, self.slack = Receiver(), Receiver()
        self.folder = world.make_folder("notify")
        self.written = self.folder / "written"
        self.admin = process.free_port()
        (self.folder / "key").write_text(f"whsec_{base64.b64encode(KEY).decode()}\n")
        (self.folder / "slack").write_text(f"{self.slack.url}\n")
        self.gate = gateway.Gateway(world, cluster, change=self.change, user="app")

    def change(self, config):
        config["policies"] = [POLICY]
        config["admin"] = {"listen": f"127.0.0.1:{self.admin}", "url": f"http://127.0.0.1:{self.admin}"}
        config["notify"] = [
            {"name": "hook", "webhook": self.hook.url, "secret": f"${{exec:cat {self.folder}/key}}",
             "on": ["hold", "decided", "ended", "deny"]},
            {"name": "chat", "slack": f"${{file:{self.folder}/slack}}", "on": ["hold", "deny"]},
            {"name": "mail", "command": ["/bin/sh", "-c", f"cat >> {self.written}"], "on": "hold"},
        ]

    def connect(self, **options):
        options = " ".join(f"-c {k}={v}" for k, v in options.items())
        return psycopg.connect(host="127.0.0.1", port=self.gate.port, user="agent", dbname="postgres", autocommit=True,
                               options=options,
                               password=self.gate.token(sub="agent-7", groups=["ai-agents"], on_behalf_of="alice"))

    def ask(self, text, parameters=None):
        """Asks, is refused at once with the request's id, and does not wait."""
        with self.connect(**{"postern.on_hold": "fail", "postern.errors": "json"}) as c:
            try:
                c.execute(text, parameters)
            except psycopg.Error as error:
                return json.loads(error.diag.message_detail)["request"]
        raise AssertionError("it ran")

    def person(self, name="carol"):
        path = self.folder / f"token-{name}"
        path.write_text(self.gate.token(sub=name, groups=["dba"]))
        return path

    def decide(self, verb, request, *more):
        done = self.gate.cli("approvals", verb, request, "--token", self.person(), *more, check=False)
        assert done.returncode == 0, done.stderr

    def wait_for_types(self, *types):
        process.wait_for(lambda: len(self.hook.types()) >= len(types), f"{types}, not {self.hook.types()}")
        assert self.hook.types() == list(types), self.hook.types()

    def metrics(self):
        return web.raw(self.admin, f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{self.admin}\r\n"
                                   "Connection: close\r\n\r\n".encode()).decode()


def data(taken):
    return json.loads(taken[1])["data"]


def told(w):
    request = w.ask("DELETE FROM t")
    w.wait_for_types("approval.asked")
    verify(*w.hook.taken[0])
    asked = data(w.hook.taken[0])
    assert asked["request"] == request and asked["principal"] == "agent-7" and asked["on_behalf_of"] == "alice", asked
    assert asked["relations"] == ["public.t"] and asked["approvers"] == ["dba"] and asked["rule"] == "whereless", asked
    assert asked["link"] == f"http://127.0.0.1:{w.admin}/approvals/{request}", asked
    w.decide("deny", request, "--reason", "not now")
    w.wait_for_types("approval.asked", "approval.denied")
    denied = data(w.hook.taken[1])
    assert denied["by"] == "carol" and denied["reason"] == "not now" and denied["decision"] == "deny", denied
    verify(*w.hook.taken[1])
    process.wait_for(lambda: w.written.exists() and w.written.read_text().count("\n") == 1, "the program")
    assert json.loads(w.written.read_text())["data"]["request"] == request
    process.wait_for(lambda: w.slack.taken, "the chat")


def no_values(w):
    w.ask("DELETE FROM t /* 'SECRETCOMMENT' */")
    w.connect(**{"postern.prompt": "SECRETPROMPT"}).close()
    with w.connect() as c, contextlib.suppress(psycopg.Error):
        c.execute("DROP TABLE t, \"SECRETNO\" -- SECRETCOMMENT")
    with w.connect() as c, contextlib.suppress(psycopg.Error):
        c.execute("SELECT 'SECRETLITERAL' 'SECRETLITERAL' SECRET( FROM")
    process.wait_for(lambda: len(w.hook.taken) >= 2, "what was refused")
    everything = b"".join(body for _, body in w.hook.all + w.slack.all) + w.written.read_bytes()
    assert b"SECRETLITERAL" not in everything and b"SECRETPROMPT" not in everything, everything
    assert b"SECRETCOMMENT" not in everything, everything


def again(w):
    """A 500, a connection that drops, a redirect: the same message comes again, under its id, before the next one."""
    w.hook.script = [500, "cut", "away"]
    first, second = w.ask("DELETE FROM t WHERE true OR id = 1"), w.ask("DELETE FROM public.t")
    process.wait_for(lambda: len(w.hook.taken) >= 2, "both")
    assert [data(t)["request"] for t in w.hook.taken] == [first, second], w.hook.all
    ids = [verify(*one) for one in w.hook.all]
    assert len(w.hook.all) == 5 and len(set(ids[:4])) == 1 and ids[4] != ids[0], ids
    assert len({body for _, body in w.hook.all[:4]}) == 1
    assert "chat" not in w.gate.stderr().split("will be tried again")[0].splitlines()[-1]


def refused_for_good(w):
    """What the receiver does not want is not tried again, and is counted."""
    w.hook.script = [400]
    w.ask("DELETE FROM t WHERE 1 = 1")
    w.ask("DELETE FROM t WHERE 2 = 2")
    w.wait_for_types("approval.asked")
    assert len(w.hook.all) == 2, w.hook.all
    metrics = w.metrics()
    assert 'postern_notify_failed_total{receiver="hook"} 1' in metrics, metrics
    assert 'postern_notify_waiting{receiver="mail"} ' in metrics, metrics
    assert "given up after 1 attempts: the receiver answered 400" in w.gate.stderr()


def denials(w):
    with w.connect() as c:
        for _ in range(200):
            with contextlib.suppress(psycopg.Error):
                c.execute("DROP TABLE t")
    def count():
        return sum(data(t)["count"] for t in list(w.hook.taken))
    process.wait_for(lambda: count() == 200, "all 200")
    assert len(w.hook.taken) < 100, len(w.hook.taken)
    one = data(w.hook.taken[0])
    assert one["rule"] == "no-drop" and one["code"] == "policy" and one["principal"] == "agent-7", one
    assert set(w.hook.types()) == {"statement.refused"}


def chat(w):
    w.ask(f'DELETE FROM "{HOSTILE}"')
    def bodies():  # what earlier facts made it tell may still come
        return [taken[1].decode() for taken in list(w.slack.taken) if b"channel" in taken[1]]
    process.wait_for(bodies, "the chat")
    body = bodies()[0]
    message = json.loads(body)
    for text in (message["text"], *(f["text"] for b in message["blocks"] for f in b.get("fields", []))):
        assert "<!" not in text and "](" not in text and " @here" not in text and "http://evil" not in text, text
    assert "&lt;!channel&gt;" in body and "&amp;" in body, body
    links = [b["text"]["text"] for b in message["blocks"] if b.get("text", {}).get("type") == "mrkdwn"]
    assert len(links) == 1 and links[0].startswith(f"<http://127.0.0.1:{w.admin}/approvals/"), links


def watched(w):
    out = w.folder / "watch.json"
    with open(out, "wb") as f:
        child = subprocess.Popen([gateway.binary(), "approvals", "watch", "--json", "--config", w.gate.config_path,
                                  "--token", w.person()], stdout=f, stderr=subprocess.PIPE)
    try:
        request = w.ask("DELETE FROM t WHERE 3 = 3")

        def states():
            return [e["state"] for e in map(json.loads, out.read_text().splitlines()) if e["id"] == request]
        process.wait_for(lambda: states() == ["waiting"], "the question")
        w.decide("approve", request)
        process.wait_for(lambda: states() == ["waiting", "approved"], "the approval")
        assert child.poll() is None
    finally:
        child.terminate()
        child.wait()
        child.stderr.close()
    bad = subprocess.run([gateway.binary(), "approvals", "watch", "--config", w.gate.config_path],
                         env={**os.environ, "POSTERN_TOKEN": "no.token.this"}, capture_output=True, text=True)
    assert bad.returncode == 1 and bad.stderr, bad


def withdrawn_at_the_end(w):
    """The gateway stops while a statement waits: its withdrawal is told before the gateway is gone; so is what
    could not be delivered before."""
    notices = []
    c = w.connect()
    c.add_notice_handler(lambda d: notices.append(d.message_detail))
    w.hook.script = [503]

    def wait():
        with contextlib.suppress(psycopg.Error):
            c.execute("DELETE FROM t WHERE 5 = 5")
    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    process.wait_for(lambda: notices, "the wait")
    assert w.gate.stop() == 0
    thread.join(300)
    assert w.hook.types() == ["approval.asked", "approval.withdrawn"], (w.hook.types(), w.gate.stderr()[-2000:])
    assert data(w.hook.taken[1])["why"], w.hook.taken[1]


def never_in_the_way(w):
    """A receiver that does not answer holds up no statement."""
    w.gate.config["notify"][0]["webhook"] = "http://127.0.0.1:9/"
    w.gate.write()
    w.gate.start()
    with w.connect() as c:
        assert c.execute("SELECT 1").fetchone() == (1,)
    w.decide("deny", w.ask("DELETE FROM t WHERE 4 = 4"))
    assert w.gate.stop() == 0
    assert "not told" in w.gate.stderr() and str(w.slack.server_address[1]) not in w.gate.stderr()


def bad_secret(w):
    (w.folder / "key").write_text("hunter2")
    done = subprocess.run([gateway.binary(), "gateway", "--config", w.gate.config_path], capture_output=True, text=True)
    assert done.returncode == 2 and "the secret is not base64" in done.stderr and "hunter2" not in done.stderr, done.stderr


def main():
    t = tally.Tally()
    with process.World() as world:
        cluster = postgres.Cluster(world)
        cluster.sql(SCHEMA)
        w = World(world, cluster)
        for fact, function in (
                ("a held statement and its denial are told, signed, in order; a program and a chat hear of it", told),
                ("no text, literal or prompt goes out", no_values),
                ("after a 500, a dropped connection and a redirect the same message comes again, in its place", again),
                ("what a receiver refuses for good is given up, logged and counted", refused_for_good),
                ("refusals of one kind are folded, and none is lost", denials),
                ("a chat is sent one link, and no mention that a client wrote", chat),
                ("approvals watch follows what waits", watched),
                ("what the gateway's end withdraws is told, behind what had failed", withdrawn_at_the_end),
                ("a receiver that is not there is in nobody's way", never_in_the_way),
                ("a secret that is no key stops the start, and is not repeated", bad_secret)):
            if len(sys.argv) < 2 or sys.argv[1] in function.__name__:
                t.run(fact, function, w)
                w.hook.forget()
                w.slack.forget()
    t.finish()


if __name__ == "__main__":
    main()
