"""Asking S3 in Python, with a signature of its own; and a proxy that makes an endpoint slow, deaf or dead."""
import datetime
import hashlib
import hmac
import http.client
import re
import socket
import ssl
import threading
import time
import urllib.parse


class S3:
    def __init__(self, endpoint, access_key, secret_key, region):
        self.host = endpoint.split("://")[1]
        self.access_key, self.secret_key, self.region = access_key, secret_key, region

    def ask(self, method, path, query=None, headers=None, body=b""):
        """(status, headers, body); path is "/bucket/key"."""
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        headers = {**(headers or {}), "host": self.host, "x-amz-date": now, "x-amz-content-sha256": digest}
        quoted = urllib.parse.quote(path, safe="/-_.~")
        asked = "&".join(f"{urllib.parse.quote(k, safe='-_.~')}={urllib.parse.quote(v, safe='-_.~')}"
                         for k, v in sorted((query or {}).items()))
        names = sorted(headers)
        canonical = "\n".join([method, quoted, asked, *(f"{n}:{headers[n]}" for n in names), "", ";".join(names), digest])
        scope = f"{now[:8]}/{self.region}/s3/aws4_request"
        text = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{self.secret_key}".encode()
        for word in (now[:8], self.region, "s3", "aws4_request"):
            key = hmac.new(key, word.encode(), hashlib.sha256).digest()
        headers["authorization"] = (f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope}, SignedHeaders={';'.join(names)}, "
                                    f"Signature={hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}")
        connection = http.client.HTTPConnection(self.host, timeout=300)
        connection.request(method, quoted + (f"?{asked}" if asked else ""), body, headers)
        answer = connection.getresponse()
        got = answer.status, dict((k.lower(), v) for k, v in answer.getheaders()), answer.read()
        connection.close()
        return got

    def versions(self, bucket, prefix=""):
        """[(key, version, bytes)] of all versions of all objects."""
        found, marker = [], {}
        while True:
            status, _, body = self.ask("GET", f"/{bucket}", {"versions": "", "prefix": prefix, **marker})
            text = body.decode()
            if status != 200:
                raise RuntimeError(text)
            for part in re.findall(r"<Version>.*?</Version>", text, re.S):
                found.append((re.search("<Key>(.*?)</Key>", part)[1], re.search("<VersionId>(.*?)</VersionId>", part)[1],
                              int(re.search("<Size>(.*?)</Size>", part)[1])))
            if "<IsTruncated>true" not in text:
                return found
            marker = {"key-marker": re.search("<NextKeyMarker>(.*?)<", text)[1],
                      "version-id-marker": re.search("<NextVersionIdMarker>(.*?)<", text)[1]}

    def uploads(self, bucket):
        """How many multipart uploads were begun and not ended."""
        return self.ask("GET", f"/{bucket}", {"uploads": ""})[2].decode().count("<Upload>")


class Proxy:
    """Between the gateway and an endpoint. rate: bytes a second towards the endpoint, over all connections (None: as fast as they
    come); requests: the first lines of what went through; cut(): whatever is under way ends, wherever it is. certificate: (its file, its key's), of a proxy that speaks TLS with clients."""

    def __init__(self, port, certificate=None):
        self.target, self.rate, self.requests, self.clients = port, None, [], set()
        self.lock, self.allowed = threading.Lock(), 0.0
        self.tls = None
        if certificate:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(*certificate)
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def endpoint(self):
        return f"http{'s' if self.tls else ''}://127.0.0.1:{self.port}"

    def accept(self):
        while True:
            client, _ = self.server.accept()
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        try:
            if self.tls:
                client = self.tls.wrap_socket(client, server_side=True)
            server = socket.create_connection(("127.0.0.1", self.target), 60)
        except OSError:
            client.close()
            return
        self.clients.add(client)
        for one in client, server:
            one.settimeout(None)
        back = threading.Thread(target=self.pump, args=(server, client, False), daemon=True)
        back.start()
        self.pump(client, server, True)
        back.join()
        self.clients.discard(client)
        client.close()
        server.close()

    def cut(self):
        for client in list(self.clients):
            try:
                client.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def pump(self, source, sink, upwards):
        try:
            while data := source.recv(16384):
                if upwards:
                    match = re.match(rb"(GET|HEAD|PUT|POST|DELETE) (\S+) HTTP", data)
                    if match:
                        self.requests.append(match[0].decode())
                    self.wait(len(data))
                sink.sendall(data)
        except OSError:
            pass
        for one in source, sink:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def wait(self, n):
        """Until n bytes more may go."""
        with self.lock:
            if not self.rate:
                self.allowed = 0
                return
            now = time.monotonic()
            self.allowed = max(self.allowed, now) + n / self.rate
            until = self.allowed
        while self.rate and time.monotonic() < until:
            time.sleep(min(0.1, max(0.0, until - time.monotonic())))
