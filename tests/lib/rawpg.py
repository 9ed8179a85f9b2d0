"""A raw client of PostgreSQL's protocol, version 3: it sends what it is told, right or wrong, and gives back
each message as (type, body). Source: "Frontend/Backend Protocol" in PostgreSQL's documentation; SCRAM is
RFC 5802 and RFC 7677."""
import base64
import functools
import hashlib
import hmac
import os
import socket
import ssl
import struct

SSL_REQUEST, GSS_REQUEST, CANCEL_REQUEST = 80877103, 80877104, 80877102
VERSION_3 = 196608


def cstring(text):
    return (text if isinstance(text, bytes) else text.encode()) + b"\0"


def message(kind, body=b""):
    """One message as a client sends it."""
    return kind.encode("latin-1") + struct.pack("!I", len(body) + 4) + body


def startup(parameters, version=VERSION_3, tail=b"\0"):
    pairs = parameters.items() if isinstance(parameters, dict) else parameters
    body = struct.pack("!I", version) + b"".join(cstring(k) + cstring(v) for k, v in pairs) + tail
    return struct.pack("!I", len(body) + 4) + body


def query(text):
    return message("Q", cstring(text))


def parse(text, name="", types=()):
    return message("P", cstring(name) + cstring(text) + struct.pack(f"!H{len(types)}I", len(types), *types))


def bind(values=(), portal="", name="", formats=(), results=()):
    body = cstring(portal) + cstring(name) + struct.pack(f"!H{len(formats)}H", len(formats), *formats)
    body += struct.pack("!H", len(values))
    for value in values:
        body += struct.pack("!i", -1) if value is None else struct.pack("!i", len(value)) + value
    return message("B", body + struct.pack(f"!H{len(results)}H", len(results), *results))


def describe(kind, name=""):
    return message("D", kind.encode() + cstring(name))


def execute(portal="", rows=0):
    return message("E", cstring(portal) + struct.pack("!I", rows))


def close(kind, name=""):
    return message("C", kind.encode() + cstring(name))


SYNC, FLUSH, TERMINATE, COPY_DONE = message("S"), message("H"), message("X"), message("c")


def copy_data(data):
    return message("d", data)


def copy_fail(why):
    return message("f", cstring(why))


def fields(body):
    """The fields of an ErrorResponse or NoticeResponse by their letter."""
    found = {}
    for field in body.split(b"\0"):
        if field:
            found[chr(field[0])] = field[1:].decode(errors="replace")
    return found


def columns(body):
    """The values of a DataRow."""
    n, at, values = struct.unpack("!H", body[:2])[0], 2, []
    for _ in range(n):
        size = struct.unpack("!i", body[at:at + 4])[0]
        at += 4
        values.append(None if size < 0 else body[at:at + size])
        at += max(size, 0)
    return values


class Closed(Exception):
    """The other side ended the connection."""


class Raw:
    """A connection. It logs in only when told to."""

    def __init__(self, port, host="127.0.0.1", timeout=300):
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer, self.process_id, self.secret, self.parameters, self.status = b"", None, None, {}, None
        self.notices = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))

    def send_split(self, data, size=1):
        """The same bytes, each piece in a segment of its own as far as the kernel allows."""
        for at in range(0, len(data), size):
            self.socket.sendall(data[at:at + size])

    def read_bytes(self, n):
        while len(self.buffer) < n:
            piece = self.socket.recv(65536)
            if not piece:
                raise Closed()
            self.buffer += piece
        taken, self.buffer = self.buffer[:n], self.buffer[n:]
        return taken

    def read(self):
        """The next message, (type, body); Closed at the end of the stream."""
        try:
            head = self.read_bytes(5)
            return chr(head[0]), self.read_bytes(struct.unpack("!I", head[1:])[0] - 4)
        except ConnectionResetError:
            raise Closed() from None

    def read_until(self, kinds):
        """Messages up to and with the first of these types, or to the end: then the last is ("", b"")."""
        found = []
        while True:
            try:
                found.append(self.read())
            except Closed:
                return found + [("", b"")]
            if found[-1][0] == "Z":
                self.status = found[-1][1].decode()
            if found[-1][0] in kinds:
                return found

    def rest(self):
        """Every message up to the end of the stream."""
        return self.read_until("")

    def is_closed(self):
        """Whether the other side ends the connection without another word."""
        try:
            return self.socket.recv(1) == b""
        except ConnectionResetError:
            return True
        except TimeoutError:
            return False

    def login(self, password, user="postgres", database="postgres", **parameters):
        """Start-up to the first ReadyForQuery. The messages; the last is E and the end where it is refused."""
        self.send(startup({"user": user, "database": database, **parameters}))
        return self.authenticate(password)

    def authenticate(self, password):
        seen, scram = [], None
        while True:
            try:
                kind, body = self.read()
            except Closed:
                return seen + [("", b"")]
            seen.append((kind, body))
            if kind == "R":
                code = struct.unpack("!I", body[:4])[0]
                if code == 3:
                    self.send(message("p", cstring(password)))
                elif code == 5:
                    raise Closed("md5 is not spoken here")
                elif code == 10:
                    scram = Scram(password)
                    first = scram.first()
                    self.send(message("p", cstring("SCRAM-SHA-256") + struct.pack("!I", len(first)) + first))
                elif code == 11:
                    self.send(message("p", scram.final(body[4:])))
            elif kind == "S":
                name, value = body.split(b"\0")[:2]
                self.parameters[name.decode()] = value.decode()
            elif kind == "K":
                self.process_id, self.secret = struct.unpack("!I", body[:4])[0], body[4:]
            elif kind == "Z":
                self.status = body.decode()
                return seen

    def simple(self, text):
        """A simple Query and its messages up to ReadyForQuery."""
        self.send(query(text))
        return self.read_until("Z")

    def rows(self, text):
        return [columns(body) for kind, body in self.simple(text) if kind == "D"]

    def value(self, text):
        rows = self.rows(text)
        return rows[0][0].decode() if rows and rows[0][0] is not None else None

    def start_tls(self, alpn=None, direct=False):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if alpn:
            context.set_alpn_protocols(alpn)
        if not direct:
            self.send(struct.pack("!II", 8, SSL_REQUEST))
            if self.socket.recv(1) != b"S":
                raise Closed("no TLS")
        self.socket = context.wrap_socket(self.socket)


def cancel(port, process_id, secret, host="127.0.0.1"):
    """Sends a CancelRequest and waits for the end of its connection; whatever was answered."""
    with socket.create_connection((host, port), 300) as s:
        s.sendall(struct.pack("!III", 12 + len(secret), CANCEL_REQUEST, process_id) + secret)
        return s.recv(100)


@functools.lru_cache(256)
def salt(password, salt_text, iterations):
    return hashlib.pbkdf2_hmac("sha256", password, base64.b64decode(salt_text), iterations)


class Scram:
    def __init__(self, password):
        self.password = password.encode()
        self.nonce = base64.b64encode(os.urandom(18)).decode()

    def first(self):
        return f"n,,n=,r={self.nonce}".encode()

    def final(self, challenge):
        given = dict(part.split("=", 1) for part in challenge.decode().split(","))
        salted = salt(self.password, given["s"], int(given["i"]))
        client = hmac.digest(salted, b"Client Key", "sha256")
        bare = f"c=biws,r={given['r']}"
        signed = f"n=,r={self.nonce},{challenge.decode()},{bare}".encode()
        proof = bytes(a ^ b for a, b in
                      zip(client, hmac.digest(hashlib.sha256(client).digest(), signed, "sha256")))
        return f"{bare},p={base64.b64encode(proof).decode()}".encode()


def shape(messages):
    """Message types as one string ("TDCZI"): ReadyForQuery with its status, the end of the stream as "!"."""
    out = ""
    for kind, body in messages:
        out += "!" if kind == "" else kind + (body.decode() if kind == "Z" else "")
    return out


def error(messages):
    """The first ErrorResponse's fields, or {}."""
    for kind, body in messages:
        if kind == "E":
            return fields(body)
    return {}
