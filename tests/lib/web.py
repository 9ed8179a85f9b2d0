"""HTTP as a stranger speaks it: bytes over a socket, so that nothing is mended on the way; and the API's
answers held to the shapes that it publishes."""
import json
import socket
import urllib.parse


class Answer:
    def __init__(self, raw):
        head, _, body = raw.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.raw = raw
        self.status = int(lines[0].split(" ")[1]) if lines[0].startswith("HTTP/1.1 ") else 0
        self.headers = [tuple(part.strip() for part in line.split(":", 1)) for line in lines[1:]]
        self.body = unchunked(body) if (self.header("transfer-encoding") or "") == "chunked" else body

    def header(self, name):
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        return found[0] if found else None

    def all(self, name):
        return [value for key, value in self.headers if key.lower() == name.lower()]

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.body[:600]!r}"


def unchunked(body):
    out = b""
    while body:
        size, _, rest = body.partition(b"\r\n")
        n = int(size, 16)
        if n == 0:
            return out
        out, body = out + rest[:n], rest[n + 2:]
    raise ValueError("the stream broke off")


def raw(port, data, timeout=60):
    """Everything that the server says to these bytes, until it ends the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout) as s:
        s.settimeout(timeout)
        s.sendall(data)
        out = b""
        try:
            while part := s.recv(65536):
                out += part
        except ConnectionResetError:
            pass
        return out


class Client:
    """Asks one server. token: Bearer; cookies: a jar, as a browser's."""

    def __init__(self, port, host=None, token=None):
        self.port, self.host, self.token, self.cookies = port, host or f"127.0.0.1:{port}", token, {}

    @property
    def origin(self):
        return f"http://{self.host}"

    def ask(self, method, path, body=None, headers=None, query=None):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        lines = {"Host": self.host, "Connection": "close"}
        if self.token:
            lines["Authorization"] = f"Bearer {self.token}"
        if self.cookies:
            lines["Cookie"] = "; ".join(f"{k}={v}" for k, v in self.cookies.items())
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            lines["Content-Type"] = "application/json"
        if body is not None:
            lines["Content-Length"] = str(len(body))
        lines.update(headers or {})
        text = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in lines.items() if v is not None)
        answer = Answer(raw(self.port, text.encode() + b"\r\n" + (body or b"")))
        for line in answer.all("set-cookie"):
            name, _, value = line.split(";")[0].partition("=")
            if value and "max-age=0" not in line.lower():
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)
        return answer

    def get(self, path, **query):
        return self.ask("GET", path, query=query)

    def post(self, path, body=None, headers=None):
        return self.ask("POST", path, body, headers)


class Shapes:
    """What GET /v1/openapi.json says of answers."""

    def __init__(self, api):
        self.schemas, self.paths = api["components"]["schemas"], api["paths"]

    def of(self, method, path):
        content = self.paths[path][method.lower()]["responses"]["200"]["content"]
        return content["application/json"]["schema"]

    def faults(self, schema, value, where="answer"):
        """What is wrong with the value; empty: nothing."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            schema = self.schemas[name]
            if name == "Event":
                return [] if isinstance(value, dict) and "event" in value else [f"{where}: no event"]
        kinds = schema.get("type", [])
        kinds = kinds if isinstance(kinds, list) else [kinds]
        real = {type(None): "null", bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}
        kind = real.get(type(value), "?")
        if kind not in kinds:
            return [f"{where}: {kind}, not {kinds}"]
        out = []
        if kind == "array":
            for i, one in enumerate(value):
                out += self.faults(schema["items"], one, f"{where}[{i}]")
        if kind == "object" and "properties" in schema:
            for name in schema["required"]:
                if name not in value:
                    out.append(f"{where}.{name} is missing")
            for name, one in value.items():
                if name not in schema["properties"]:
                    out.append(f"{where}.{name} is in no shape")
                elif not (one is None and name not in schema["required"]):
                    out += self.faults(schema["properties"][name], one, f"{where}.{name}")
        return out
