"""Identity tokens for tests: a signing key, the JWKS file that pins it, and tokens good and bad. Nothing here
uses a JOSE library: what a bad token must look like is written out byte by byte."""
import base64
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa, padding
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUER = "https://idp.test.example"
AUDIENCE = "postern"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def number(n, size):
    return b64(n.to_bytes(size, "big"))


class Es256Key:
    alg = "ES256"

    def __init__(self, kid):
        self.kid, self.key = kid, ec.generate_private_key(ec.SECP256R1())

    def jwk(self):
        n = self.key.public_key().public_numbers()
        return {"kty": "EC", "crv": "P-256", "use": "sig", "alg": self.alg, "kid": self.kid,
                "x": number(n.x, 32), "y": number(n.y, 32)}

    def sign(self, data):
        r, s = decode_dss_signature(self.key.sign(data, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def public_pem(self):
        return self.key.public_key().public_bytes(serialization.Encoding.PEM,
                                                  serialization.PublicFormat.SubjectPublicKeyInfo)


class Rs256Key(Es256Key):
    alg = "RS256"

    def __init__(self, kid):
        self.kid, self.key = kid, rsa.generate_private_key(65537, 2048)

    def jwk(self):
        n = self.key.public_key().public_numbers()
        return {"kty": "RSA", "use": "sig", "alg": self.alg, "kid": self.kid, "n": number(n.n, 256),
                "e": number(n.e, 3)}

    def sign(self, data):
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


class Issuer:
    """Signs with its newest key; write() says which keys a verifier may know."""

    def __init__(self, path, issuer=ISSUER, key=None):
        self.path, self.issuer, self.keys = path, issuer, [key or Es256Key("k1")]
        self.write()

    def write(self):
        self.path.write_text(json.dumps({"keys": [key.jwk() for key in self.keys]}))

    def claims(self, **changes):
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": AUDIENCE, "sub": "agent-7", "iat": now, "nbf": now - 5,
                  "exp": now + 3600, "groups": ["ai-agents"], **changes}
        return {name: value for name, value in claims.items() if value is not None}

    def mint(self, key=None, header=None, text=None, **changes):
        """A token; header and claims can be changed (None takes one out), or the claims given as JSON text."""
        key = key or self.keys[-1]
        head = {"alg": key.alg, "typ": "JWT", "kid": key.kid, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        body = text if text is not None else json.dumps(self.claims(**changes))
        signed = f"{b64(json.dumps(head).encode())}.{b64(body.encode())}"
        return f"{signed}.{b64(key.sign(signed.encode()))}"

    def mint_none(self, alg="none"):
        head = b64(json.dumps({"alg": alg, "typ": "JWT", "kid": self.keys[-1].kid}).encode())
        return f"{head}.{b64(json.dumps(self.claims()).encode())}."

    def mint_hmac(self):
        """Signed with HMAC, the published key as the secret: what a verifier that trusts `alg` accepts."""
        key = self.keys[-1]
        head = b64(json.dumps({"alg": "HS256", "typ": "JWT", "kid": key.kid}).encode())
        signed = f"{head}.{b64(json.dumps(self.claims()).encode())}"
        return f"{signed}.{b64(hmac.new(key.public_pem(), signed.encode(), hashlib.sha256).digest())}"
