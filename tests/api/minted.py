#!/usr/bin/python3
"""Logins that the gateway mints: psql, psycopg and asyncpg come in with them by SCRAM; what ends them; what a hostile client gets."""
import asyncio
import base64
import hashlib
import hmac
import json
import pathlib
import ssl
import struct
import subprocess
import sys
import threading
import time

import asyncpg
import psycopg

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import gateway  # noqa: E402
import postgres  # noqa: E402
import process  # noqa: E402
import rawpg  # noqa: E402
import tally  # noqa: E402
import web  # noqa: E402

POLICY = [{"name": "agents", "who": "any", "on": {"connections": ["everything"]}, "record": {"rows": "full"},
           "allow": ["read"], "deny": [{"name": "no-drop", "statements": ["DROP *"], "message": "ask the data team"}]}]
MOST = 4


def certificate(world):
    folder = world.make_folder("certificate")
    process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
                 "-keyout", folder / "key.pem", "-out", folder / "cert.pem"])
    return folder


class Room:
    def __init__(self, world, cluster, t, name="gateway", **changes):
        self.t, self.port = t, process.free_port()
        self.gate = gateway.Gateway(world, cluster, name=name, change=lambda c: self.change(c, changes))
        process.wait_for(lambda: process.answers(self.port), "the API", 60)
        self.agent, self.bob = self.client(machine=True), self.client(sub="bob", groups=["staff"])
        self.admin = self.client(sub="root", groups=["platform"])
        self.shapes = web.Shapes(self.agent.get("/v1/openapi.json").json)

    def change(self, config, changes):
        config["admin"] = {"listen": f"127.0.0.1:{self.port}"}
        config["roles"] = {"admin": {"groups": ["platform"]}}
        config["policies"] = POLICY
        config["workers"] = 2
        config["identity"]["oidc"][0]["machine_claim"] = "machine"
        config["identity"]["minted"] = {"per_principal": MOST}
        for name, value in changes.items():
            config[name] = {**config.get(name, {}), **value}

    def client(self, **changes):
        return web.Client(self.port, token=self.gate.token(**changes))

    def mint(self, client):
        answer = client.post("/v1/token")
        assert answer.status == 200, answer
        faults = self.shapes.faults(self.shapes.of("POST", "/v1/token"), answer.json)
        assert not faults, faults
        return answer.json

    def end(self, client, name=None):
        return client.post("/v1/token/end", {"login": name} if name else {})

    def psql(self, login, text="select 'let in'", **changes):
        env = {**self.gate.environment(), "PGUSER": login["login"], "PGPASSWORD": login["token"], **changes}
        return subprocess.run(["psql", "-X", "-q", "-At", "-c", text], text=True, capture_output=True, env=env, timeout=120)

    def connect(self, login, **changes):
        return psycopg.connect(host="127.0.0.1", port=self.gate.port, dbname="postgres", user=login["login"], password=login["token"],
                               autocommit=True, **changes)

    def starts(self):
        """The first events of all sessions."""
        return [self.gate.replay(s)[0]["fields"] for s in self.gate.sessions()]

    def journal(self):
        """What the gateway wrote of logins into its own session, 0."""
        done = self.gate.cli("sessions", "replay", "0000000000000", "--json", check=False)
        return [e["fields"] for e in gateway.parse_json(done.stdout) if e.get("fields", {}).get("what") in ("minted", "login-ended")]


def comes_in(r, t):
    login = r.mint(r.agent)
    t.check("a login is a name, a short password, and says until when and for whom",
            login["login"].startswith("postern-") and len(login["login"]) == 24 and len(login["token"]) == 43 and login["user"] == "agent-7", login)
    left = time.mktime(time.strptime(login["expires"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone - time.time()
    t.check("it is good for an hour at most", 3000 < left <= 3601, left)
    done = r.psql(login)
    t.check("psql comes in with it", done.stdout == "let in\n", done)
    with r.connect(login) as c:
        t.check("psycopg comes in with it", c.execute("select 40 + 2").fetchone() == (42,))
        t.check("and libpq knows that its password was used", c.pgconn.used_password)

    async def asyncly():
        c = await asyncpg.connect(host="127.0.0.1", port=r.gate.port, database="postgres", user=login["login"], password=login["token"])
        value = await c.fetchval("select $1::int + 1", 41)
        await c.close()
        return value
    t.check("asyncpg comes in with it", asyncio.run(asyncly()) == 42)
    refused = r.psql(login, "drop schema public")
    t.check("the policy is that of the principal", "no-drop" in refused.stderr, refused)
    process.wait_for(lambda: len(r.gate.sessions()) >= 4, "four sessions", 60)
    starts = r.starts()
    t.check("the record names the principal as the token had it, and the login",
            all((s["principal"], s["groups"], s["machine"], s["minted"], s["user_asked"]) ==
                ("agent-7", "ai-agents", "true", login["login"], login["login"]) for s in starts), starts)
    behalf = r.mint(r.client(sub="robot", on_behalf_of="carol"))
    r.psql(behalf)
    process.wait_for(lambda: any(s.get("on_behalf_of") == "carol" and s["principal"] == "robot" for s in r.starts()), "whom it acts for", 60)
    t.check("whom a login acts for is in the record too", True)
    old, names = 120, []
    short = r.mint(r.client(sub="short", exp=int(time.time()) + old))
    until = time.mktime(time.strptime(short["expires"][:19], "%Y-%m-%dT%H:%M:%S")) - time.timezone
    t.check("it ends no later than the token that it was minted with", until <= time.time() + old, short)

    def many():
        with r.connect(login) as c:
            names.append(c.execute("select 1").fetchone())
    threads = [threading.Thread(target=many) for _ in range(20)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    t.check("twenty clients at once come in with one login, at either worker", len(names) == 20)
    told = [one for one in r.journal() if one["login"] == login["login"]]
    t.check("that it was minted is in the record: for whom, until when, from where",
            [(one["what"], one["user"], one["subject"], one["how"]) for one in told] == [("minted", "agent-7", "agent-7", "token")]
            and told[0]["client"].startswith("127.0.0.1:") and int(told[0]["expires_us"]) > time.time() * 1e6, told)
    return login


def failure(function):
    try:
        function()
    except Exception as error:
        return str(error)
    return ""


def refuses(r, t, login):
    wrong = {**login, "token": login["token"][:-1] + ("A" if login["token"][-1] != "A" else "B")}
    unknown = {**login, "login": "postern-aaaaaaaaaaaaaaaa"}
    words = [r.psql(one).stderr.split("FATAL:")[-1] for one in (wrong, unknown)]
    t.check("a wrong password and an unknown name hear the same", words[0] == words[1] and "no such login" in words[0], words)
    t.check("a token is no password of a login", "no such login" in r.psql({**login, "token": r.gate.token()}).stderr)
    bob = r.mint(r.bob)
    t.check("nor is another login's", "no such login" in r.psql({**login, "token": bob["token"]}).stderr)
    t.check("a login's password is no token: with another user name it opens nothing",
            "not a token" in r.psql({**login, "login": "agent-7"}).stderr)
    t.check("nor at the API", web.Client(r.port, token=login["token"]).get("/v1/me").status == 401)
    t.check("a client that would send its password in clear is not asked for it",
            "no such login" in cleartext(r, login), cleartext(r, login))
    shapes = {(kind, len(first), first[-7:]) for kind, first in (challenge(r, name) for name in (login["login"], unknown["login"], bob["login"]))}
    t.check("before the proof nothing tells a name that is there from one that is not", len(shapes) == 1, shapes)
    t.check("and the salt of a name is always the same", salt_of(r, unknown["login"]) == salt_of(r, unknown["login"]) and
            salt_of(r, unknown["login"]) != salt_of(r, "postern-aaaaaaaaaaaaaaab") and len(salt_of(r, unknown["login"])) == len(salt_of(r, login["login"])))
    for fact, parts in hostile(login):
        said = raw(r, login["login"], parts)
        t.check(f"refused: {fact}", said and said.get("S") == "FATAL" and said["C"] in ("28P01", "08P01"), said)
    t.check("a proof that was seen does not serve again", replayed(r, login))
    process.wait_for(lambda: len(gateway.parse_json(r.gate.rejections())) > 24, "the refusals in the index", 60)
    told = [r.gate.replay(one["session"]) for one in gateway.parse_json(r.gate.rejections())]
    text = json.dumps(told)
    t.check("whoever was refused is in the record, without a secret", login["token"] not in text and unknown["login"] in text and
            "scram: the password is wrong" in text and "someone" not in text, text[-2000:])
    t.check("and the login still lets in", r.psql(login).stdout == "let in\n")


def begin(r, user):
    c = rawpg.Raw(r.gate.port)
    c.send(rawpg.startup({"user": user, "database": "postgres"}))
    kind, body = c.read()
    assert kind == "R" and struct.unpack("!I", body[:4])[0] == 10, (kind, body)
    return c, body[4:]


def initial(first, mechanism="SCRAM-SHA-256", length=None):
    return rawpg.message("p", rawpg.cstring(mechanism) + struct.pack("!i", len(first) if length is None else length) + first)


def cleartext(r, login):
    c, _ = begin(r, login["login"])
    c.send(rawpg.message("p", rawpg.cstring(login["token"])))
    return rawpg.error(c.rest()).get("M", "")


def challenge(r, user):
    c, offered = begin(r, user)
    scram = rawpg.Scram("x")
    scram.nonce = "n" * 24
    c.send(initial(scram.first()))
    kind, body = c.read()
    c.socket.close()
    return (kind, offered), body[4:]


def salt_of(r, user):
    return dict(part.split("=", 1) for part in challenge(r, user)[1].decode().split(","))["s"]


def hostile(login):
    """What may follow AuthenticationSASL, each with what is wrong with it."""
    first = b"n,,n=,r=" + b"n" * 24
    yield "a mechanism that was not offered", [initial(first, "SCRAM-SHA-1")]
    yield "-PLUS, where there is no TLS", [initial(b"p=tls-server-end-point,,n=,r=" + b"n" * 24, "SCRAM-SHA-256-PLUS")]
    yield "a length beyond the message", [initial(first, length=2**31 - 1)]
    yield "a negative length", [initial(first, length=-1)]
    yield "a length that leaves something over", [initial(first, length=3)]
    yield "an empty response", [rawpg.message("p")]
    yield "no NUL behind the mechanism", [rawpg.message("p", b"SCRAM-SHA-256")]
    yield "an authorization identity", [initial(b"n,a=root,n=,r=" + b"n" * 24)]
    yield "an extension that must be understood", [initial(b"n,,m=x,n=,r=" + b"n" * 24)]
    yield "a nonce with a comma", [initial(b"n,,n=,r=a,b")]
    yield "an endless nonce", [initial(b"n,,n=,r=" + b"n" * 60000)]
    yield "a final message first", [rawpg.message("p", b"c=biws,r=x,p=" + base64.b64encode(b"x" * 32))]
    yield "a proof of zeros", [initial(first), rawpg.message("p", b"c=biws,r=%R,p=" + base64.b64encode(bytes(32)))]
    yield "no proof", [initial(first), rawpg.message("p", b"c=biws,r=%R")]
    yield "a short proof", [initial(first), rawpg.message("p", b"c=biws,r=%R,p=AAAA")]
    yield "another nonce", [initial(first), rawpg.message("p", b"c=biws,r=" + b"n" * 48 + b",p=" + base64.b64encode(bytes(32)))]
    yield "the first message twice", [initial(first), initial(first)]
    yield "a query instead", [rawpg.query("select 1")]
    yield "a query behind the first message", [initial(first), rawpg.query("select 1")]


def raw(r, user, parts):
    c, _ = begin(r, user)
    nonce = b""
    for part in parts:
        part = part.replace(b"%R", nonce) if nonce else part
        if part[:1] == b"p":
            part = part[:1] + struct.pack("!I", len(part) - 1) + part[5:]
        try:
            c.send(part)
            kind, body = c.read()
        except (rawpg.Closed, OSError):
            return {}
        if kind == "E":
            return rawpg.fields(body)
        if kind == "R" and body[:4] == struct.pack("!I", 12):
            return {"S": "let in"}
        nonce = dict(p.split(b"=", 1) for p in body[4:].split(b","))[b"r"]
    return {}


def replayed(r, login):
    """The same messages as of a dialogue that succeeded: the gateway's nonce is another."""
    c, _ = begin(r, login["login"])
    scram = rawpg.Scram(login["token"])
    first = initial(scram.first())
    c.send(first)
    final = rawpg.message("p", scram.final(c.read()[1][4:]))
    c.send(final)
    good = c.read()[1][:4] == struct.pack("!I", 12)
    again, _ = begin(r, login["login"])
    again.send(first)
    again.read()
    again.send(final)
    return good and rawpg.error(again.rest()).get("C") == "28P01"


def ends(r, t, login):
    c = r.connect(login)
    t.check("nobody ends another's login", r.end(r.bob, login["login"]).status == 404 and c.execute("select 1").fetchone() == (1,))
    t.check("no such login is not found", r.end(r.agent, "postern-aaaaaaaaaaaaaaaa").status == 404)
    ended = r.end(r.agent, login["login"])
    t.check("whoever minted it ends it", ended.status == 200 and ended.json == {"ended": 1}, ended)
    said = failure(lambda: process.wait_for(lambda: c.execute("select 1") is None, "its end", 60))
    t.check("which ends the sessions that signed in with it, and says why", "terminating connection" in said and "ended" in said, said)
    t.check("and lets nobody in any more", "no such login" in r.psql(login).stderr)
    admins = r.mint(r.bob)
    t.check("an admin ends anybody's", r.end(r.admin, admins["login"]).json == {"ended": 1} and "no such login" in r.psql(admins).stderr)
    r.end(r.bob)
    logins = [r.mint(r.bob) for _ in range(MOST)]
    more = r.bob.post("/v1/token")
    t.check("one has so many at a time, and hears what to do", more.status == 429 and "/v1/token/end" in more.json["detail"], more)
    t.check("somebody else has theirs all the same", r.psql(r.mint(r.admin)).stdout == "let in\n")
    process.wait_for(lambda: [one["by"] for one in r.journal() if one["what"] == "login-ended"] == ["agent-7", "root", "bob"],
                     "that logins were ended, and by whom, in the record", 120)
    t.check("all of one's own end at once", r.end(r.bob).json == {"ended": MOST} and all("no such login" in r.psql(x).stderr for x in logins))
    odd = r.bob.post("/v1/token/end", {"logins": "x"})
    t.check("a misspelt request ends nothing", odd.status == 400, odd)
    t.check("nobody mints without a token", web.Client(r.port).post("/v1/token").status == 401)
    t.check("nor with one that the door does not take", web.Client(r.port, token=r.gate.token(aud="x")).post("/v1/token").status == 401)


def with_tls(world, cluster, t):
    folder = certificate(world)
    r = Room(world, cluster, t, "tls", tls={"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")})
    login = r.mint(r.agent)
    done = r.psql(login, PGSSLMODE="verify-full", PGSSLROOTCERT=str(folder / "cert.pem"), PGCHANNELBINDING="require", PGHOST="localhost")
    t.check("over TLS psql binds the channel (SCRAM-SHA-256-PLUS)", done.stdout == "let in\n", done)
    done = r.psql(login, PGSSLMODE="require", PGCHANNELBINDING="disable")
    t.check("and comes in without, where it does not want to", done.stdout == "let in\n", done)
    c = rawpg.Raw(r.gate.port)
    c.start_tls()
    c.send(rawpg.startup({"user": login["login"], "database": "postgres"}))
    offered = c.read()[1][4:]
    t.check("-PLUS is offered first", offered == b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0", offered)
    c.send(initial(b"y,,n=,r=" + b"n" * 24))
    t.check("a client that was not shown -PLUS finds out that somebody stands between", rawpg.error(c.rest()).get("C") == "28P01")
    for hashed, good in ((hashlib.sha256(ssl.PEM_cert_to_DER_cert((folder / "cert.pem").read_text())).digest(), True), (bytes(32), False)):
        t.check(f"a binding of {'this' if good else 'another'} certificate is {'taken' if good else 'refused'}", bound(r, login, hashed) == good)
    t.check("the gateway with TLS stops in order", r.gate.stop() == 0)


def bound(r, login, hashed):
    c = rawpg.Raw(r.gate.port)
    c.start_tls()
    c.send(rawpg.startup({"user": login["login"], "database": "postgres"}))
    c.read()
    gs2, bare = b"p=tls-server-end-point,,", b"n=,r=" + b"n" * 24
    c.send(initial(gs2 + bare, "SCRAM-SHA-256-PLUS"))
    server = c.read()[1][4:]
    given = dict(p.split(b"=", 1) for p in server.split(b","))
    without = b"c=" + base64.b64encode(gs2 + hashed) + b",r=" + given[b"r"]
    salted = hashlib.pbkdf2_hmac("sha256", login["token"].encode(), base64.b64decode(given[b"s"]), int(given[b"i"]))
    key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(key).digest(), b",".join([bare, server, without]), "sha256")
    c.send(rawpg.message("p", without + b",p=" + base64.b64encode(bytes(a ^ b for a, b in zip(key, signature)))))
    kind, body = c.read()
    return kind == "R" and body[:4] == struct.pack("!I", 12)


def without(world, cluster, t):
    r = Room(world, cluster, t, "without", identity={"minted": {"lifetime": "0s"}})
    answer = r.agent.post("/v1/token")
    t.check("where none are minted, the API says so", answer.status == 409 and "identity.minted" in answer.json["detail"], answer)
    done = r.psql({"login": "postern-aaaaaaaaaaaaaaaa", "token": r.agent.token})
    t.check("and no name is special", done.stdout == "let in\n", done)
    r.gate.stop()


def main():
    t = tally.Tally(verbose="-v" in sys.argv)
    with process.World() as world:
        cluster = postgres.Cluster(world)
        r = Room(world, cluster, t)
        login = comes_in(r, t)
        refuses(r, t, login)
        ends(r, t, login)
        t.check("the secret is in no record and no log", login["token"] not in r.gate.whole_record() and login["token"] not in r.gate.stderr())
        good, said = r.gate.verify()
        t.check("the record is whole", good, said)
        with_tls(world, cluster, t)
        without(world, cluster, t)
        t.check("the gateway stops in order", r.gate.stop() == 0, r.gate.stderr()[-3000:])
        t.check("and said nothing of being broken", " ERROR " not in r.gate.stderr(), r.gate.stderr()[-3000:])
    t.finish()


if __name__ == "__main__":
    main()
