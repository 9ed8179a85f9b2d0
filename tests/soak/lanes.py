"""A lane: a gateway with everything switched on, its disk, the network before its server, its clients, and who takes its streams. A
lane that is not to die keeps one gateway for the whole time, so that its memory can be judged."""
import copy
import ctypes
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import sys
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pgindex"))
import ceph
import gateway
import postgres
import process
import s3

import clients
import pgindex
import receivers

HERE = pathlib.Path(__file__).resolve().parent
BUCKET = "records"
libc = ctypes.CDLL(None, use_errno=True)
SCHEMA = f"""
CREATE ROLE app LOGIN PASSWORD '{postgres.PASSWORD}';
CREATE TABLE written (marker text);
CREATE TABLE copied (marker text, n int);
CREATE TABLE bench (run int, client int, n int);
CREATE TABLE kept (id int);
CREATE TABLE counters AS SELECT g AS id, 0 AS n FROM generate_series(1, 400) g;
CREATE TABLE held AS SELECT g AS id FROM generate_series(1, 100000) g;
CREATE INDEX ON held (id);
CREATE TABLE people AS SELECT g AS id, 'name ' || g AS name, 'a' || md5(g::text) || '{clients.CLEAR}' AS email,
    400000000000 + g || '' AS card FROM generate_series(1, 100) g;
GRANT ALL ON ALL TABLES IN SCHEMA public TO app;
"""


def policies():
    everything = {
        "name": "agents", "record": {"rows": "full", "on_failure": "deny", "values": ["public.people.name"]},
        "allow": ["read", "write", "update", "delete", "session", "lock", "bulk_in", "bulk_out"],
        "deny": [{"name": "kept", "effects": ["truncate", "schema.drop"]}],
        "hold": [{"name": "deletes", "effects": ["delete"], "relations": ["public.held"], "by": ["dba"], "expires": "10s"}],
        "mask": [{"columns": ["public.people.email"], "with": "redact"}, {"columns": ["public.people.card"], "with": "keep_last(4)"}],
        "limits": {"returned_rows": clients.MOST_ROWS, "affected_rows": 300, "statement": "60s"},
    }
    # Who listens is shown what others say, so nothing is masked for them.
    listeners = {**copy.deepcopy(everything), "name": "listeners", "who": {"users": ["listener"]}}
    del listeners["mask"]
    return [{**everything, "who": {"users": ["agent-7", "fleeting"]}}, listeners]


class Disk:
    """A small file system, and the ballast that fills it."""

    def __init__(self, world, name, size_mb):
        self.folder = world.make_folder(name)
        if libc.mount(b"tmpfs", str(self.folder).encode(), b"tmpfs", 0, f"size={size_mb}m".encode()):
            raise process.Failed(f"mount: {os.strerror(ctypes.get_errno())}; this test needs root")
        world.callback(self.close)
        self.ballast = self.folder / "ballast"

    def close(self):
        if os.environ.get("KEEP"):
            shutil.copytree(self.folder, f"{self.folder}-kept", ignore=shutil.ignore_patterns("control.sock"))
        libc.umount2(str(self.folder).encode(), 2)

    def fill(self, leave_mb=0):
        step = 1 << 26
        with open(self.ballast, "ab") as out:
            while step >= 4096:
                room = os.statvfs(self.folder)
                try:
                    if room.f_bavail * room.f_frsize - leave_mb * (1 << 20) < step:
                        raise OSError
                    os.posix_fallocate(out.fileno(), out.seek(0, os.SEEK_END), step)
                except OSError:
                    step //= 2

    def free(self):
        self.ballast.unlink(missing_ok=True)


class Archive:
    """The bucket of a lane, behind a proxy that can be slow."""

    def __init__(self, world, store, lane):
        self.store, self.prefix = store, f"logs/{lane}"
        self.proxy = s3.Proxy(store.port)
        self.bucket = s3.S3(store.endpoint, ceph.ACCESS_KEY, ceph.SECRET_KEY, ceph.REGION)
        self.secret = world.folder / "s3-secret"
        self.secret.write_text(ceph.SECRET_KEY + "\n")
        status, _, body = self.bucket.ask("PUT", f"/{BUCKET}", headers={"x-amz-bucket-object-lock-enabled": "true"})
        if status != 200:
            raise process.Failed(body.decode())
        os.environ["POSTERN_TEST_KEY"] = ceph.ACCESS_KEY

    def settings(self):
        return {"archive": f"s3://{BUCKET}/{self.prefix}",
                "s3": {"endpoint": self.proxy.endpoint, "region": ceph.REGION, "access_key": "${env:POSTERN_TEST_KEY}",
                       "secret_key": f"${{file:{self.secret}}}"},
                "lock": {"mode": "compliance", "days": 1}, "spool": "96MB", "drop_local": True}


class Lane:
    def __init__(self, world, cluster, name, seed, seconds, store=None, index=None, mortal=True, size_mb=1024):
        self.world, self.cluster, self.name, self.seed, self.mortal, self.index = world, cluster, name, seed, mortal, index
        self.disk, self.out = Disk(world, f"{name}-disk", size_mb), Disk(world, f"{name}-streams", 64)
        self.archive = Archive(world, store, name) if store else None
        self.admin = process.free_port()
        self.forward = self.start_forward()
        self.lines = receivers.Lines(self.out.folder / "audit.jsonl")
        self.receiver = receivers.Receiver()
        self.deaths, self.born, self.expected_dead = 0, time.monotonic(), False
        self.gate = gateway.Gateway(world, cluster, name=f"{name}-gateway", change=self.change, user="app", start=False,
                                    data=self.disk.folder / "data")
        self.gate.cli("keys", "init", "--origin", f"example/{name}")
        self.gate.start()
        self.tokens = world.folder / f"{name}-tokens"
        until = int(time.time()) + seconds + 7200
        self.tokens.write_text(json.dumps({sub: self.gate.token(sub=sub, exp=until) for sub in ("agent-7", "fleeting", "listener")}))
        self.person = world.folder / f"{name}-person"
        self.person.write_text(self.gate.token(sub="carol", groups=["dba"], exp=until))
        self.book = world.folder / f"{name}-ledger"
        self.clients = None

    def start_forward(self):
        path = self.world.folder / f"{self.name}-forward"
        self.forward_process = self.world.start([sys.executable, HERE / "forward.py", path, self.cluster.port], f"{self.name}-forward")
        return int(process.wait_for(lambda: path.exists() and path.read_text(), "the network"))

    def change(self, config):
        config["connections"][0]["target"]["port"] = self.forward
        config["admin"] = {"listen": f"127.0.0.1:{self.admin}"}
        config["policies"] = policies()
        config["roles"] = {"auditor": {"users": ["carol"]}}
        config["anchors"] = [{"name": "kept", "file": str(self.world.folder / f"{self.name}-anchored"), "every": "5s"}]
        config["streams"] = [{"name": "file", "file": str(self.lines.path)},
                             {"name": "tcp", "syslog": f"tcp://127.0.0.1:{self.receiver.port}"}]
        config["store"] = {"segment": "1MB", "seal_after": "30s", **(self.archive.settings() if self.archive else {}),
                           **(self.shared() if self.index else {})}

    def shared(self):
        """The index that the lanes share, besides their own."""
        secret = self.world.folder / "index-password"
        secret.write_text(pgindex.PASSWORD + "\n")
        return {"index": f"postgres://{pgindex.ROLE}@127.0.0.1:{self.index.cluster.port}/audit",
                "postgres": {"password": f"${{file:{secret}}}", "tls": "disable"}}

    def sqlite(self, text):
        """Asks the gateway's own index."""
        index = sqlite3.connect(f"file:{self.gate.data}/index.db?mode=ro", uri=True)
        try:
            return index.execute(text).fetchall()
        finally:
            index.close()

    @property
    def anchored(self):
        return self.world.folder / f"{self.name}-anchored"

    @property
    def segments(self):
        return self.gate.data / "log" / "segments"

    def start_clients(self):
        self.clients = self.world.start([sys.executable, HERE / "clients.py", self.name, self.gate.port, self.seed, self.book,
                                         self.tokens], f"{self.name}-clients")

    def stop_clients(self):
        process.stop(self.clients)

    def start(self):
        self.gate.start()
        self.born, self.expected_dead = time.monotonic(), False

    def kill(self, number=signal.SIGKILL):
        self.expected_dead = True
        self.deaths += 1
        if number == signal.SIGKILL:
            self.gate.kill()
        else:
            process.stop(self.gate.process, number, 600)

    def restart(self):
        self.kill(signal.SIGTERM)
        self.start()

    def ask(self, path):
        """(status, text) of the HTTP API; None where there is nobody."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.admin}{path}", timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return None

    def metrics(self):
        """{name with labels: number}."""
        said = self.ask("/metrics")
        return {name: float(value) for name, value in re.findall(r"^(postern_\S+) ([\d.e+]+)$", said[1] if said else "", re.M)}

    def listed(self, *more):
        return gateway.parse_json(self.gate.cli("sessions", "list", "--json", "--limit", "0", *more).stdout)
