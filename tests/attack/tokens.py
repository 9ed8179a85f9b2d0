#!/usr/bin/python3
"""Tokens, good and bad. A bad one is refused with 28P01 or 28000, recorded without itself, and its kind is
told apart in the record only; a good one lets in. Keys are pinned from a file here; discovery has tests of its
own."""
import base64
import json
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally
import tokens


def twist(token, part, change):
    """A token with one of its three parts changed."""
    parts = token.split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


def loose_bits(text):
    """The same bytes in base64 whose last letter has bits that belong to none."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return text[:-1] + letters[letters.index(text[-1]) ^ 1]


def der(signature):
    """An ES256 signature in the form that X.509 has, not JOSE."""
    def number(b):
        b = b.lstrip(b"\0") or b"\0"
        b = (b"\0" if b[0] & 0x80 else b"") + b
        return bytes([2, len(b)]) + b
    raw = base64.urlsafe_b64decode(signature + "==")
    body = number(raw[:32]) + number(raw[32:])
    return tokens.b64(bytes([0x30, len(body)]) + body)


def bad_tokens(issuer):
    """name → token."""
    now = int(time.time())
    good, stranger = issuer.mint(), tokens.Es256Key("stranger")
    twin = tokens.Es256Key(issuer.keys[-1].kid)
    claims = json.dumps(issuer.claims())
    yield "expired", issuer.mint(exp=now - 600, iat=now - 4200, nbf=now - 4200)
    yield "not valid yet", issuer.mint(nbf=now + 600)
    yield "without an expiry", issuer.mint(exp=None)
    yield "with an expiry that is text", issuer.mint(exp=str(now + 3600))
    yield "with an expiry past every calendar", issuer.mint(text=json.dumps(issuer.claims(exp=1400)).replace('"exp": 1400', '"exp": 1e400'))
    yield "for another audience", issuer.mint(aud="another")
    yield "for several others", issuer.mint(aud=["another", "postern-eu"])
    yield "without an audience", issuer.mint(aud=None)
    yield "of another issuer", issuer.mint(iss="https://evil.example")
    yield "of the issuer with a slash more", issuer.mint(iss=issuer.issuer + "/")
    yield "without an issuer", issuer.mint(iss=None)
    yield "without a subject", issuer.mint(sub=None)
    for alg in ("none", "None", "NONE", "nOnE", ""):
        yield f"with alg {alg!r} and no signature", issuer.mint_none(alg)
    yield "signed by HMAC with the public key", issuer.mint_hmac()
    yield "with a kid that nobody knows", issuer.mint(key=stranger)
    yield "signed by another key under a known kid", issuer.mint(key=twin)
    yield "with a key in its own header", issuer.mint(key=stranger, header={"jwk": stranger.jwk()})
    yield "that says RS256 over an ES256 signature", issuer.mint(header={"alg": "RS256"})
    yield "with a critical extension", issuer.mint(header={"crit": ["exp"], "b64": False})
    yield "with its claims changed", twist(good, 1, lambda p: tokens.b64(claims.replace("agent-7", "admin-1").encode()))
    yield "without its signature", twist(good, 2, lambda p: "")
    yield "with half its signature", twist(good, 2, lambda p: p[:43])
    yield "with a signature of zeros", twist(good, 2, lambda p: tokens.b64(bytes(64)))
    yield "with its signature in DER", twist(good, 2, der)
    yield "with loose bits in its base64", twist(good, 2, loose_bits)
    yield "with padding", good + "="
    yield "with a fourth part", good + ".e30"
    yield "with a newline behind it", good + "\n"
    yield "in two parts", good.rsplit(".", 1)[0]
    yield "with a claim twice", issuer.mint(text=claims[:-1] + ', "sub": "admin-1"}')
    yield "with groups twice", issuer.mint(text=claims[:-1] + ', "groups": ["admins"]}')
    yield "with its claims in a list", issuer.mint(text=f"[{claims}]")
    yield "with claims that are no JSON", issuer.mint(text="{" + claims)
    yield "for several and presented by nobody in particular", issuer.mint(aud=["other", tokens.AUDIENCE])
    yield "60 kB long and badly signed", issuer.mint(key=twin, filler="x" * 45000)
    yield "100 kB long", issuer.mint(filler="x" * 75000)
    yield "deeply nested", issuer.mint(text=claims[:-1] + ', "deep": ' + "[" * 5000 + "]" * 5000 + "}")
    yield "empty", ""
    yield "that is the database's password", postgres.PASSWORD
    yield "that is no token", "hunter2"
    yield "of dots", ".." * 50


def login(port, token):
    with rawpg.Raw(port) as raw:
        seen = raw.login(token, "agent")
        return raw.status is not None, rawpg.error(seen)


def main():
    counted = tally.Tally(verbose=False)
    with process.World() as world:
        server = postgres.Cluster(world)

        def change(config):
            config["identity"]["oidc"][0]["leeway"] = "1s"
            config["limits"] = {"token_grace": "1s"}
            config["policies"][0]["who"] = {"groups": ["ai-agents"]}
        gate = gateway.Gateway(world, server, change=change)
        issuer, used = gate.issuer, []
        for name, good in (("plain", issuer.mint()), ("with several audiences", issuer.mint(aud=["other", tokens.AUDIENCE], azp="an-agent")),
                           ("with a claim more", issuer.mint(extra={"a": [1, None]})), ("without a type", issuer.mint(header={"typ": None}))):
            used.append(good)
            counted.check(f"a good token, {name}, lets in", *login(gate.port, good))
        for name, bad in bad_tokens(issuer):
            if len(bad) > 40:
                used.append(bad)
            entered, error = login(gate.port, bad)
            counted.check(f"a token {name} is refused", not entered and error.get("C") in ("28P01", "28000", "08P01"), error)
            counted.check(f"a token {name} is not repeated to the client", bad.strip() == "" or bad[-40:] not in str(error), error)
        entered, error = login(gate.port, issuer.mint(groups=["strangers"]))
        counted.check("a good token whose owner no policy names is refused with 28000", not entered and error.get("C") == "28000", error)
        # A session ends with its token.
        for life in (3, 30, 100):  # a slow machine is in after more than three seconds
            raw = rawpg.Raw(gate.port)
            raw.login(issuer.mint(exp=int(time.time()) + life), "agent")
            entered = raw.status is not None and raw.value("SELECT 1") == "1"
            if entered:
                break
        with raw:
            began = time.monotonic()
            try:
                state = rawpg.error(raw.rest()).get("C")
            except TimeoutError:
                state = "nothing"
            counted.check("a session ends with 57P01 when its token has expired", entered and state == "57P01",
                          (entered, state, time.monotonic() - began))
        # Rotation: a new key is known after a reload, and the old one is not.
        old, new = issuer.keys[0], tokens.Rs256Key("k2")
        counted.check("a key that is not yet published is refused", not login(gate.port, issuer.mint(key=new))[0])
        issuer.keys = [new]
        issuer.write()
        gate.process.send_signal(signal.SIGHUP)
        try:
            process.wait_for(lambda: login(gate.port, issuer.mint())[0], "the new key", every=0.3)
            counted.check("a rotated key lets in after a reload", True)
        except process.Failed as error:
            counted.check("a rotated key lets in after a reload", False, error)
        counted.check("the key before it does not", not login(gate.port, issuer.mint(key=old))[0])
        counted.check("the gateway lives", gate.alive(), gate.stderr()[-2000:])
        # Each refusal is in the record, and no token is anywhere.
        turned_away = gate.rejections()
        counted.check("refused logins are in the record", turned_away.count("\n") >= 30, turned_away[-1000:])
        everything = turned_away + gate.whole_record() + gate.stderr()
        found = [token for token in used if any(part and len(part) > 20 and part in everything for part in token.split(".")[1:])]
        counted.check("no token, whole or in part, is in the record or on standard error", not found, found[:1])
        counted.check("the log verifies", *gate.verify())
    counted.finish()


if __name__ == "__main__":
    main()
