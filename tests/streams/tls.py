#!/usr/bin/python3
"""A stream to a receiver of syslog over TLS (RFC 5425): one that proves its name has every entry, through stops and starts;
one that does not gets no byte, and the gateway says why."""
import pathlib
import socket
import ssl
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "lib"), str(HERE)]
import process
import streams
import tally


def make_authority(folder, name):
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    process.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                 "-subj", f"/CN={name}", "-keyout", key, "-out", certificate])
    return certificate, key


def make_certificate(folder, authority, name, names, days="2"):
    """A certificate for these names, by that authority."""
    key, asked, certificate, more = (folder / f"{name}.{end}" for end in ("key", "csr", "pem", "ext"))
    more.write_text(f"subjectAltName={names}\n")
    process.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-subj", f"/CN={name}",
                 "-keyout", key, "-out", asked])
    process.run(["openssl", "x509", "-req", "-in", asked, "-CA", authority[0], "-CAkey", authority[1], "-CAcreateserial", "-days", days,
                 "-extfile", more, "-out", certificate])
    return certificate, key


class TlsReceiver(streams.Receiver):
    """The same under TLS, or in clear where there is no certificate. What comes before a handshake is kept as well."""

    def __init__(self, certificate=None):
        super().__init__()
        self.context, self.versions, self.goodbyes = None, set(), 0
        if certificate:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(*certificate)

    def take(self, connection):
        if self.context:
            try:
                connection = self.context.wrap_socket(connection, server_side=True)
            except (OSError, ssl.SSLError):
                return
            self.versions.add((connection.version(), connection.selected_alpn_protocol()))
            self.connections.append(connection)
        super().take(connection)


class Half(threading.Thread):
    """Listens, and answers no handshake: whoever comes waits."""

    def __init__(self):
        super().__init__(daemon=True)
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.came = self.socket.getsockname()[1], []

    def run(self):
        while True:
            self.came.append(self.socket.accept()[0])


def stream(name, port, ca, host="127.0.0.1"):
    return {"name": name, "syslog": f"tls://{host}:{port}", "lag": "1s", **({"ca": str(ca)} if ca else {})}


def check_good(t, w, folder, authority):
    receiver = TlsReceiver(make_certificate(folder, authority, "address", "IP:127.0.0.1"))
    named = TlsReceiver(make_certificate(folder, authority, "named", "DNS:localhost"))
    receiver.start()
    named.start()
    g = w.gateway("good", [stream("siem", receiver.port, authority[0]), stream("named", named.port, authority[0], "localhost")])
    streams.work(g)
    process.wait_for(lambda: streams.keys(receiver.entries()), "its first entries")
    for _ in range(2):
        receiver.stop()
        streams.work(g, 10)
        receiver.start()
        streams.work(g, 10)
    g.wait_for_ends(5)
    wanted = streams.recorded(g)
    for what, one in (("whose certificate has its address", receiver), ("whose certificate has its name", named)):
        t.run(f"a receiver {what} has every entry, at least once", process.wait_for, lambda o=one: streams.keys(o.entries()) >= wanted, "all entries")
        t.check("octets are counted right, and messages are RFC 5424's", not one.torn and all(
            streams.RFC5424.fullmatch(m) for m in one.messages), one.torn)
        t.check("it is TLS 1.3, and no protocol of PostgreSQL's", one.versions == {("TLSv1.3", None)}, one.versions)
    t.check("no literal is in any of them", not any(streams.SECRET in m for m in receiver.messages))
    metrics = streams.get(g.admin, "/metrics")
    t.check("the metrics know it", 'postern_stream_lag_seconds{stream="siem"}' in metrics)
    g.stop()
    receiver.stop()
    named.stop()


def check_bad(t, w, folder, authority):
    other = make_authority(folder, "other")
    receivers = {
        "other-authority": TlsReceiver(make_certificate(folder, other, "foreign", "IP:127.0.0.1")),
        "other-name": TlsReceiver(make_certificate(folder, authority, "elsewhere", "DNS:logs.example.com,IP:127.0.0.2")),
        "expired": TlsReceiver(make_certificate(folder, authority, "expired", "IP:127.0.0.1", days="-1")),
        "clear": TlsReceiver(), "system": TlsReceiver(make_certificate(folder, authority, "system", "IP:127.0.0.1")),
    }
    half = Half()
    half.start()
    for one in receivers.values():
        one.start()
    list_ = [stream(name, one.port, None if name == "system" else authority[0]) for name, one in receivers.items()]
    changing = folder / "changing.pem"
    changing.write_text("no certificate\n")
    late = TlsReceiver(make_certificate(folder, authority, "late", "IP:127.0.0.1"))
    late.start()
    g = w.gateway("bad", list_ + [stream("half", half.port, authority[0]), stream("unreadable", late.port, changing)])
    streams.work(g, 5)
    for name, why in (("other-authority", "certificate"), ("other-name", "IP address mismatch"), ("expired", "certificate has expired"),
                      ("clear", "does not answer the handshake"), ("system", "certificate"), ("half", "does not answer the handshake"), ("unreadable", "the authorities cannot be read")):
        said = f"stream {name} is late: "
        t.run(f"{name}: the gateway says what is wrong", process.wait_for, lambda: any(
            said in line and why in line for line in g.stderr().splitlines()), f"{name}: {why}: {g.stderr()[-2000:]}")
    process.wait_for(lambda: all(f"stream {name} failed" in streams.get(g.admin, "/readyz") for name in [*receivers, "half"]), "lag of each")
    t.check("none of them got an entry", not any(one.messages for one in receivers.values()) and not any(
        b"postern -" in piece for one in receivers.values() for piece in one.torn))
    changing.write_bytes(authority[0].read_bytes())
    g.wait_for_ends(1)
    wanted = streams.recorded(g)
    t.run("authorities that are mended count without a restart", process.wait_for, lambda: streams.keys(late.entries()) >= wanted, "all entries")
    g.stop()
    for one in [*receivers.values(), late]:
        one.stop()


def check_configuration(t, w):
    for n, (wrong, said) in enumerate((({"syslog": "tcp://127.0.0.1:601", "ca": "/x.pem"}, '"ca" is for tls://'), ({"syslog": "tls://127.0.0.1"}, "HOST:PORT"),
                        ({"syslog": "tls://127.0.0.1:601", "ca": "x.pem"}, "absolute path"))):
        g = w.gateway(f"wrong-{n}", [{"name": "x", **wrong}], start=False)
        done = g.cli("check", check=False)
        t.check(f"{wrong} is refused", done.returncode and said in done.stdout + done.stderr, done)


def main():
    t = tally.Tally()
    with process.World() as world:
        w = streams.World(world)
        folder = world.make_folder("certificates")
        authority = make_authority(folder, "authority")
        check_good(t, w, folder, authority)
        check_bad(t, w, folder, authority)
        check_configuration(t, w)
    t.finish()


if __name__ == "__main__":
    main()
