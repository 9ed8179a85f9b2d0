#!/usr/bin/python3
"""Signing people in: with a real provider (npm's oidc-provider), by a browser's requests and by the device flow; and with a
provider that lies, which nobody gets in with."""
import html
import http.server
import json
import os
import pathlib
import re
import stat
import subprocess
import sys
import threading
import time
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lib"))
import gateway  # noqa: E402
import postgres  # noqa: E402
import process  # noqa: E402
import tally  # noqa: E402
import tokens  # noqa: E402
import web  # noqa: E402

SECRET = "a secret: 100% / of+the client"


class Browser:
    """Goes where it is sent, with a jar for each origin; fills in the provider's own forms."""

    def __init__(self):
        self.jars = {}

    def client(self, url):
        parts = urllib.parse.urlsplit(url)
        return self.jars.setdefault(parts.netloc, web.Client(parts.port, parts.netloc)), parts

    def go(self, url, form=None):
        client, parts = self.client(url)
        path = parts.path + ("?" + parts.query if parts.query else "")
        if form is None:
            return client.ask("GET", path)
        return client.ask("POST", path, urllib.parse.urlencode(form).encode(),
                          {"Content-Type": "application/x-www-form-urlencoded", "Origin": client.origin})

    def follow(self, url, user, stop):
        """Follows redirects and forms until it would go to a URL that begins with `stop`, and answers that URL, or until
        there is a page without a form, and answers that."""
        answer = self.go(url)
        for _ in range(20):
            if 300 <= answer.status < 400:
                url = urllib.parse.urljoin(url, answer.header("location"))
                if url.startswith(stop):
                    return url
                answer = self.go(url)
                continue
            page = answer.body.decode()
            action = re.search(r'<form[^>]*action="([^"]+)"', page)
            if answer.status == 200 and not action:
                return page
            assert action, answer
            form = {m.group(1): html.unescape(m.group(2))
                    for m in re.finditer(r'<input[^>]*type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page)}
            if 'name="login"' in page:
                form |= {"login": user, "password": "any"}
            code = re.search(r'name="user_code"[^>]*value="([^"]*)"', page)
            if code:
                form["user_code"] = code.group(1)
            if 'name="confirm"' in page:
                form["confirm"] = "yes"
            url = urllib.parse.urljoin(url, html.unescape(action.group(1)))
            answer = self.go(url, form)
        raise AssertionError("it goes in circles")


class Liar:
    """A provider whose tokens say what a test wants."""

    def __init__(self, folder):
        liar = self
        self.claims, self.key, self.codes, self.endpoints = {}, None, 0, {}

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def say(self, value):
                body = json.dumps(value).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_GET(self):
                if self.path == "/jwks":
                    self.say({"keys": [key.jwk() for key in liar.issuer.keys]})
                else:
                    self.say({"issuer": liar.url, "jwks_uri": liar.url + "/jwks", "authorization_endpoint": liar.url + "/auth",
                              "token_endpoint": liar.url + "/token", **liar.endpoints})

            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                liar.codes += 1
                self.say({"access_token": "x", "token_type": "Bearer", "id_token": liar.issuer.mint(key=liar.key, **liar.claims)})
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.issuer = tokens.Issuer(folder / "liar.json", issuer=self.url)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class World:
    def __init__(self, world, t):
        self.t, self.port = t, process.free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.folder = world.make_folder("idp")
        self.liar = Liar(self.folder)
        world.callback(self.liar.server.shutdown)
        idp = world.start(["node", HERE.parent / "idp" / "provider.js", "--web", self.base + "/auth/callback", "--web-secret", SECRET], "idp-node")
        line = process.wait_for(lambda: re.search(r"^\{.*\}$", idp.output_path.read_text(), re.M), "the provider", 60)
        self.issuer = json.loads(line.group())["issuer"]
        (self.folder / "secret").write_text(SECRET + "\n")
        (self.folder / "secret").chmod(0o600)
        self.cluster = postgres.Cluster(world)
        self.gate = gateway.Gateway(world, self.cluster, change=self.change)
        process.wait_for(lambda: process.answers(self.port), "the API", 60)

    def change(self, config):
        config["admin"] = {"listen": f"127.0.0.1:{self.port}"}
        config["roles"] = {"admin": {"groups": ["platform"]}, "auditor": {"groups": ["security"]}}
        config["identity"]["oidc"] = [
            {"issuer": self.issuer, "audience": "postern", "client_id": "web", "login_client_id": "cli", "client_secret": f"${{file:{self.folder}/secret}}",
             "scopes": "openid offline_access postern", "resource": "urn:postern:test", "machine_claim": "token_use", "machine_value": "machine"},
            {"issuer": self.liar.url, "audience": "postern", "client_id": "mine"}]

    def start(self, browser, issuer=None, to=None):
        query = {"issuer": issuer or self.issuer, **({"to": to} if to else {})}
        return browser.go(f"{self.base}/auth/sign-in?{urllib.parse.urlencode(query)}")

    def sign_in(self, user, to="/sessions?x=1"):
        """A browser that is signed in."""
        browser = Browser()
        answer = self.start(browser, to=to)
        assert answer.status == 302, answer
        back = browser.follow(answer.header("location"), user, self.base)
        return browser, back, browser.go(back)


def signs_in(w, t):
    listed = web.Client(w.port).get("/v1/sign-in").json["issuers"]
    t.check("whoever is nobody learns how to sign in", [(i["issuer"], i["client_id"]) for i in listed] ==
            [(w.issuer, "web"), (w.liar.url, "mine")] and SECRET not in json.dumps(listed), listed)
    browser = Browser()
    answer = w.start(browser)
    asked = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.header("location")).query)
    t.check("the browser is sent with PKCE, state and nonce", asked["response_type"] == ["code"] and asked["code_challenge_method"] == ["S256"]
            and len(asked["code_challenge"][0]) == 43 and len(asked["state"][0]) == 43 and len(asked["nonce"][0]) == 43, asked)
    cookie = answer.header("set-cookie")
    t.check("its cookie is HttpOnly, Lax, short-lived, for all paths", all(word in cookie for word in
            ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=600"]) and "Domain" not in cookie, cookie)
    t.check("and does not show what it holds", asked["state"][0] not in cookie and asked["nonce"][0] not in cookie)
    browser, back, done = w.sign_in("ada")
    cookie = done.all("set-cookie")[0]
    t.check("with the code it comes back to where it wanted to", (done.status, done.header("location")) == (302, "/sessions?x=1"), done)
    t.check("with a cookie that no script reads", "HttpOnly" in cookie and "SameSite=Lax" in cookie and "Path=/" in cookie and
            "Domain" not in cookie and "Max-Age=28800" in cookie, cookie)
    client, _ = browser.client(w.base)
    me = client.get("/v1/me")
    t.check("and is who they are, with their groups and roles", me.status == 200 and me.json["user"] == "ada" and
            me.json["groups"] == ["platform"] and me.json["roles"] == ["admin", "user"] and me.json["csrf"], me)
    twice, again = browser.go(back), Browser()
    t.check("the same answer does not serve twice", "problem=signin-expired" in twice.header("location"), twice)
    t.check("nor in another browser", "problem=signin-expired" in again.go(back).header("location"))
    return browser, client, me.json["csrf"]


def guards(w, t, client, csrf):
    def post(path="/v1/token", **changes):
        return client.ask("POST", path, headers={"Content-Length": "0", "Origin": w.base, "X-CSRF-Token": csrf, **changes})
    t.check("what changes something takes the CSRF token and the origin", post().status == 200, post())
    for fact, changes in [("no CSRF token", {"X-CSRF-Token": None}), ("a wrong CSRF token", {"X-CSRF-Token": "x" * 43}),
                          ("no origin", {"Origin": None}), ("another origin", {"Origin": "https://evil.example"}),
                          ("an origin that begins alike", {"Origin": w.base + ".evil.example"}), ("a null origin", {"Origin": "null"}),
                          ("a cross-site fetch", {"Sec-Fetch-Site": "cross-site"})]:
        answer = post(**changes)
        t.check(f"CSRF is refused: {fact}", answer.status == 403 and answer.json["type"] == "/problems/csrf", answer)
    mixed = client.ask("GET", "/v1/me", headers={"Authorization": "Bearer x"})
    t.check("a bad token is refused, whatever the cookie", mixed.status == 401, mixed)
    two = client.ask("GET", "/v1/me", headers={"Cookie": f"postern={client.cookies['postern']}; postern={'x' * 43}"})
    t.check("two cookies of one name are none", two.status == 401, two)


def refuses(w, t):
    for to in ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\r\nX: y", "\\\\evil"]:
        browser = Browser()
        answer = w.start(browser, to=to)
        back = browser.follow(answer.header("location"), "bob", w.base)
        t.check(f"nobody is sent elsewhere: {to!r}", browser.go(back).header("location") == "/")
    browser = Browser()
    answer = w.start(browser)
    back = browser.follow(answer.header("location"), "bob", w.base)
    wrong = re.sub(r"state=[^&]+", "state=" + "x" * 43, back)
    t.check("a wrong state is refused", "problem=signin-expired" in browser.go(wrong).header("location"))
    browser = Browser()
    answer = w.start(browser)
    back = browser.follow(answer.header("location"), "bob", w.base)
    wrong = re.sub(r"iss=[^&]+", "iss=https%3A%2F%2Fevil.example", back)
    t.check("an answer that names another provider is refused", "problem=signin-failed" in browser.go(wrong).header("location"), back)
    browser = Browser()
    answer = w.start(browser)
    back = browser.follow(answer.header("location"), "bob", w.base)
    wrong = re.sub(r"&?iss=[^&]+", "", back)
    t.check("so is one that names none where the provider promised to", "problem=signin-failed" in browser.go(wrong).header("location"))
    browser = Browser()
    answer = w.start(browser)
    state = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.header("location")).query)["state"][0]
    iss = urllib.parse.quote(w.issuer, safe="")
    refused = browser.go(f"{w.base}/auth/callback?error=access_denied&state={state}&iss={iss}")
    t.check("a refusal of the provider is told", "problem=signin-refused" in refused.header("location"), refused)
    browser = Browser()
    answer = w.start(browser)
    state = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.header("location")).query)["state"][0]
    made_up = browser.go(f"{w.base}/auth/callback?code=made-up&state={state}&iss={iss}")
    t.check("a code that the provider does not know is refused", "problem=signin-failed" in made_up.header("location"), made_up)
    t.check("an unknown provider is refused", w.start(Browser(), issuer="https://evil.example").status == 404)
    lies(w, t)


def lies(w, t):
    def come_back(claims, key=None, without=None):
        browser = Browser()
        answer = w.start(browser, issuer=w.liar.url)
        asked = urllib.parse.parse_qs(urllib.parse.urlsplit(answer.header("location")).query)
        right = {"aud": "mine", "sub": "liz", "groups": ["platform"], "nonce": asked["nonce"][0]}
        w.liar.claims, w.liar.key = {**right, **claims}, key
        done = browser.go(f"{w.base}/auth/callback?code=x&state={asked['state'][0]}")
        return browser.client(w.base)[0].get("/v1/me").status, done.header("location")
    t.check("what is right is let in", come_back({}) == (200, "/"), come_back({}))
    for fact, claims in [("a wrong nonce", {"nonce": "x" * 43}), ("no nonce", {"nonce": None}), ("another audience", {"aud": "postern"}),
                         ("another issuer", {"iss": w.issuer}), ("an issuer that nobody knows", {"iss": "https://evil.example"}),
                         ("for another client by azp", {"azp": "other"}), ("for several, and no azp", {"aud": ["mine", "other"]}),
                         ("an expired one", {"exp": int(time.time()) - 600}), ("no subject", {"sub": None})]:
        status, to = come_back(claims)
        t.check(f"an ID token is refused: {fact}", status == 401 and "problem=signin-failed" in to, (status, to))
    stranger = tokens.Es256Key(w.liar.issuer.keys[0].kid)
    t.check("an ID token is refused: another's signature", come_back({}, key=stranger)[0] == 401)


def minted(w, t, env, run):
    """postern token --minted, and postern login --out, which ends what it gave."""
    words = dict(line.split("=", 1) for line in run("token", "--minted").stdout.splitlines())
    t.check("postern token --minted prints what libpq takes", sorted(words) == ["PGPASSWORD", "PGUSER"] and words["PGUSER"].startswith("postern-"), words)
    one = json.loads(run("token", "--minted", "--json").stdout)
    t.check("or says it as JSON, with whom it stands for", one["user"] == "ada" and one["login"] != words["PGUSER"], one)

    def psql():
        return subprocess.run(["psql", "-X", "-At", "-c", "select 'let in'"], env={**env, **words, "PGHOST": "127.0.0.1",
                              "PGPORT": str(w.gate.port), "PGDATABASE": "postgres"}, capture_output=True, text=True, timeout=120)
    t.check("psql comes in with it", psql().stdout == "let in\n", psql())
    w.psql_with_minted = psql


def refreshes(w, t, file, run):
    """A token that is over is renewed with the provider's refresh token, which changes with each use."""
    def lapse(**changes):
        file.write_text(json.dumps({**json.loads(file.read_text()), "expires": int(time.time()) - 5, **changes}))
    before = json.loads(file.read_text())
    t.check("the provider gave a refresh token, for scopes that ask for it", before.get("refresh"), sorted(before))
    lapse()
    token = run("token").stdout.strip()
    after = json.loads(file.read_text())
    me = web.Client(w.port, token=token).get("/v1/me")
    t.check("a token that is over is renewed, and is good", token != before["token"] and me.status == 200 and me.json["user"] == "ada", me)
    t.check("the new one is kept, in a file that only its owner reads", after["token"] == token and after["expires"] > time.time() and
            stat.S_IMODE(file.stat().st_mode) == 0o600, after["expires"])
    t.check("and is not asked for again while it is good", run("token").stdout.strip() == token)
    lapse()
    t.check("and so is the next", run("token").stdout.strip() not in (token, before["token"]))
    last = json.loads(file.read_text())
    lapse(refresh="x" * 43)
    none = run("token", check=False)
    t.check("a refresh token that the provider does not take says so, and what to do", none.returncode == 1 and
            "postern login" in none.stderr and "invalid_grant" in none.stderr, none)
    t.check("and the file is left as it is", json.loads(file.read_text())["refresh"] == "x" * 43)
    lapse(refresh=last["refresh"], issuer="http://127.0.0.1:1")
    none = run("token", check=False)
    t.check("a provider that does not answer is named", none.returncode == 1 and "http://127.0.0.1:1" in none.stderr, none)
    file.write_text(json.dumps(last))


def device(w, t):
    """postern login, token, connect: the device flow, a file that only its owner reads, and a client that is let in."""
    home = w.folder / "home"
    home.mkdir()
    env = {**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")}
    for name in ("PGPASSWORD", "PGHOST", "PGPORT"):
        env.pop(name, None)
    binary = str(gateway.binary())

    def run(*words, check=True):
        done = subprocess.run([binary, *words], env=env, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL)
        assert not check or done.returncode == 0, done
        return done
    none = run("token", check=False)
    t.check("without a sign-in there is no token, and a hint", none.returncode == 1 and "postern login" in none.stderr, none)
    login = subprocess.Popen([binary, "login", "--url", w.base, "--issuer", w.issuer], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = ""
    while "http" not in said or "user_code=" not in said:
        line = login.stderr.readline()
        assert line, said
        said += line
    url = re.search(r"http://\S+user_code=\S+", said).group()
    Browser().follow(url, "ada", "never")
    out, more = login.communicate(timeout=120)
    t.check("postern login shows a link, waits, and greets", login.returncode == 0 and "ada" in out + more, (out, more))
    files = list((home / ".config" / "postern").iterdir())
    t.check("the token is kept where only its owner reads", all(stat.S_IMODE(f.stat().st_mode) == 0o600 for f in files) and
            stat.S_IMODE((home / ".config" / "postern").stat().st_mode) == 0o700 and files, files)
    token = run("token").stdout.strip()
    t.check("postern token prints it", token.count(".") == 2 and "\n" not in token)
    me = web.Client(w.port, token=token).get("/v1/me")
    t.check("the API takes it", me.status == 200 and me.json["user"] == "ada", me)
    asked = run("connect", "postgres", "--", "-X", "-At", "-c", "select 'let in'")
    t.check("postern connect lets psql in with it", asked.stdout == "let in\n", asked)
    shown = [e for e in w.gate.replay(process.wait_for(w.gate.sessions, "the session", 60)[0]) if e["event"] == "start"][0]["fields"]
    t.check("as the person", shown["principal"] == "ada", shown)
    minted(w, t, env, run)
    refreshes(w, t, home / ".config" / "postern" / "login.json", run)
    t.check("postern login --out forgets it", run("login", "--out").returncode == 0 and run("token", check=False).returncode == 1)
    t.check("and ends what was minted", "no such login" in w.psql_with_minted().stderr)


def main():
    t = tally.Tally(verbose="-v" in sys.argv)
    with process.World() as world:
        w = World(world, t)
        browser, client, csrf = signs_in(w, t)
        guards(w, t, client, csrf)
        refuses(w, t)
        login = client.ask("POST", "/v1/token", headers={"Content-Length": "0", "Origin": w.base, "X-CSRF-Token": csrf}).json

        def psql():
            env = {**w.gate.environment(), "PGUSER": login["login"], "PGPASSWORD": login["token"]}
            return subprocess.run(["psql", "-X", "-At", "-c", "select 'let in'"], env=env, capture_output=True, text=True, timeout=120)
        t.check("what a browser's sign-in minted lets in", psql().stdout == "let in\n", psql())
        held = dict(client.cookies)
        out = client.ask("POST", "/v1/sign-out", headers={"Content-Length": "0", "Origin": w.base, "X-CSRF-Token": csrf})
        t.check("signing out tells where the provider does the same", out.status == 200 and out.json["provider"].startswith(w.issuer), out)
        t.check("and takes the cookie away", "postern=;" in out.header("set-cookie") and not client.cookies, out)
        client.cookies = held
        t.check("which is worth nothing any more", client.get("/v1/me").status == 401)
        t.check("and what was minted in it is over", "no such login" in psql().stderr, psql())
        if "--without-cli" not in sys.argv:
            device(w, t)
        t.check("secrets are not in the gateway's log", SECRET not in w.gate.stderr() and "eyJ" not in w.gate.stderr(), w.gate.stderr()[-2000:])
        t.check("the gateway stops in order", w.gate.stop() == 0)
    t.finish()


if __name__ == "__main__":
    main()
