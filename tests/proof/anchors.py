"""Checkpoints that are kept elsewhere: a file, a webhook that fails at first; and what they find out."""
import base64
import hashlib
import hmac
import http.server
import json
import shutil
import threading

import process
import web

KEY = bytes(range(40))
FORGED = "4999999999999999"


class Receiver(http.server.ThreadingHTTPServer):
    """Keeps what is posted, once it was asked three times."""

    def __init__(self):
        self.refusals, self.kept = 3, []
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        status = 204
        if self.server.refusals:
            self.server.refusals, status = self.server.refusals - 1, 503
        else:
            self.server.kept.append(({name.lower(): value for name, value in self.headers.items()}, body))
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Places:
    """Where the first gateway's checkpoints go."""


places = Places()


def configure(world):
    folder = world.make_folder("anchors")
    places.folder, places.file, places.hook, places.admin = folder, folder / "kept", Receiver(), process.free_port()
    world.callback(places.hook.server_close)
    world.callback(places.hook.shutdown)
    (folder / "key").write_text(f"whsec_{base64.b64encode(KEY).decode()}\n")

    def change(config):
        config["admin"] = {"listen": f"127.0.0.1:{places.admin}"}
        config["anchors"] = [
            {"name": "worm", "file": str(places.file), "every": "1s"},
            {"name": "hook", "webhook": f"http://127.0.0.1:{places.hook.server_address[1]}/x",
             "secret": f"${{file:{folder}/key}}", "every": "1s"},
        ]
    return change


def notes(text):
    parts = text.split("\n\n")
    return [f"{head}\n\n{tail}\n\n" for head, tail in zip(parts[::2], parts[1::2])]


def get(path):
    return web.raw(places.admin, f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{places.admin}\r\n"
                                 "Connection: close\r\n\r\n".encode()).decode()


def metric(name, anchor):
    for line in get("/metrics").splitlines():
        if line.startswith(f'postern_anchor_{name}{{anchor="{anchor}"}} '):
            return int(line.split()[-1])
    return None


def newest(g):
    return notes((g.data / "log" / "checkpoints").read_text())[-1]


def size_of(note):
    return int(note.split("\n")[1])


def check_kept(t, g):
    process.wait_for(lambda: places.file.exists() and places.hook.kept, "the anchors")
    kept = notes(places.file.read_text())
    sizes = [size_of(note) for note in kept]
    t.check("checkpoints are appended to the file as they are, and grow", sizes == sorted(set(sizes)) and
            all(note in (g.data / "log" / "checkpoints").read_text() for note in kept), sizes)
    headers, body = places.hook.kept[-1]
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
    message = json.loads(body)
    t.check("a webhook gets them signed", headers["webhook-signature"] == f"v1,{wanted}" and
            message["type"] == "log.checkpoint" and message["data"]["note"] in
            (g.data / "log" / "checkpoints").read_text() and
            message["data"]["key"] == (g.data / "log.pub").read_text().strip(), message)
    t.check("what was refused was tried again until it was taken", metric("failed_total", "hook") == 3 and
            metric("failed_total", "worm") == 0, get("/metrics")[-2000:])
    t.check("readiness tells of them", "\nanchors ok" in get("/readyz"), get("/readyz"))


def check_quiet(t, g):
    """Words about anchors are no news: with nobody there, the log stands still."""
    def still():
        before = size_of(newest(g)), metric("kept_total", "worm"), metric("kept_total", "hook")
        for _ in range(8):
            process.run(["sleep", "0.5"])
        return before == (size_of(newest(g)), metric("kept_total", "worm"), metric("kept_total", "hook"))
    process.wait_for(still, "silence")
    t.check("where nothing happens nothing is anchored, and the log does not grow", True)
    done = g.cli("sessions", "replay", "0000000000000", "--json")
    words = [line for line in done.stdout.splitlines() if '"anchored"' in line]
    t.check("each anchoring is in the record", any('"worm"' in line for line in words) and
            any('"hook"' in line for line in words), done.stdout[-1000:])


def check_found(t, world, g, key, verify):
    code, text = verify("--config", g.config_path, "--against", places.file)
    t.check("a log that was left alone holds what was anchored", code == 0 and "holds what was anchored" in text, text)
    hooked = places.folder / "hooked"
    hooked.write_text("".join(json.loads(body)["data"]["note"] for _, body in places.hook.kept))
    t.check("by the webhook's notes too", verify("--config", g.config_path, "--against", hooked)[0] == 0)
    code, text = verify(places.copy, "--against", places.file, "--key", key)
    t.check("a log that was cut is found, though it verifies by itself", code == 1 and "it was cut" in text and
            verify(places.copy, "--key", key)[0] == 0, text)
    forged = world.make_folder("forged")
    shutil.copytree(g.data, forged / "data", ignore=shutil.ignore_patterns("control.sock", "index*"))
    made = process.run([process.BUILD / "src" / "tool-record-rewrite", forged / "data", forged / "log",
                        "4000001234567899", FORGED])
    shutil.rmtree(forged / "data" / "log")
    (forged / "log").rename(forged / "data" / "log")
    code, text = verify(forged / "data", "--key", key)
    t.check("a history that was rewritten and signed with the stolen key verifies by itself", code == 0 and
            "each entry was opened" in text, (made.stdout, text))
    code, text = verify(forged / "data", "--key", key, "--against", places.file)
    t.check("and is found by what was anchored", code == 1 and "rewritten and signed again" in text, text)
    code, text = verify(forged / "data", "--key", key, "--against", places.file, "--heads-only")
    t.check("without opening a block, too", code == 1 and "rewritten and signed again" in text, text)
    return forged / "data"


def check_bundles(t, g, folder, forged, key, ids, both):
    bundle = folder / "against"
    g.cli("audit", "export", ids[0], "-o", bundle, "--against", places.file)
    code, text = both(bundle, key, "--against", places.file)
    t.check("a bundle shows that the log goes on from what was anchored", code == 0 and
            "the log holds what was anchored at" in text, text)
    code, text = both(folder / "whole", key, "--against", places.file)
    t.check("one that was exported without it says so", code in (0, 1) and
            (code == 0 or "export it with --against" in text), text)
    fake = folder / "fake"
    binary = process.BUILD / "src" / "postern"
    process.run([binary, "audit", "export", ids[0], "-o", fake, "--data", forged])
    t.check("a bundle of the rewritten log verifies by itself", both(fake, key)[0] == 0)
    code, text = both(fake, key, "--against", places.file)
    t.check("and not against what was anchored", code == 1, text)
    done = process.run([binary, "audit", "export", ids[0], "-o", folder / "no", "--data", forged, "--against", places.file],
                       check=False)
    t.check("nor can the rewritten log be exported against it", done.returncode == 2 and
            ("rewritten" in done.stderr or "the log has" in done.stderr) and not (folder / "no").exists(), done.stderr)


def check(t, world, g, h, folder, key, ids, both, verify):
    check_kept(t, g)
    check_quiet(t, g)
    g.stop()
    t.check("the last checkpoint is anchored when the gateway ends", places.file.read_text().endswith(newest(g)),
            (places.file.read_text()[-400:], newest(g)))
    places.copy = folder / "early"
    shutil.copytree(g.data, places.copy, ignore=shutil.ignore_patterns("control.sock", "index*"))
    g.start()
    process.run(["psql", "-qXAtc", "SELECT 2"], env=g.environment("shop"))
    before = size_of(newest(g))
    process.wait_for(lambda: size_of(notes(places.file.read_text())[-1]) > before, "a newer anchor")
    g.stop()
    forged = check_found(t, world, g, key, verify)
    check_bundles(t, g, folder, forged, key, ids, both)
    code, text = verify(g.data, h.data)
    t.check("the logs of several gateways are verified in one call", code == 0 and text.count("verified: ") == 2, text)
    keys = folder / "keys"
    keys.write_text(key.read_text() + (h.data / "log.pub").read_text())
    code, text = verify(g.data, h.data, "--key", keys)
    t.check("each with its own of the keys that were given", code == 0 and text.count("verified: ") == 2, text)
    # A place that is ahead of the log: the gateway itself notices.
    shutil.rmtree(g.data / "log")
    shutil.copytree(places.copy / "log", g.data / "log")
    for index in g.data.glob("index*"):  # it knows of sessions that are no more
        index.unlink()
    g.start()
    process.run(["psql", "-qXAtc", "SELECT 3"], env=g.environment("shop"))
    process.wait_for(lambda: "anchor worm: a checkpoint is not taken" in g.stderr(), "the anchor's word")
    t.check("a gateway on a log that was cut is told by its anchor", "it was cut" in g.stderr() or
            "it was rewritten" in g.stderr(), g.stderr()[-600:])
    g.stop()
