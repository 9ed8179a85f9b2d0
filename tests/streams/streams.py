#!/usr/bin/python3
"""Streams out of a real gateway: a file, TCP, UDP and a Unix socket. The gateway is killed under load, receivers stop
and start, the file's disk is full: every entry of the log is there at least once, and no line is torn."""
import json
import os
import pathlib
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import psycopg
import rawpg
import tally

POLICY = [{"name": "team", "who": "any", "record": {"rows": "full", "on_failure": "deny"}, "allow": ["all"],
           "deny": [{"name": "no-drop", "effects": ["schema.drop"]}]}]
SECRET = "Zebra-4711"
RFC5424 = re.compile(r"<(\d+)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ postern - (\S+) - (\{.*\})", re.S)


class Receiver:
    """Takes octet-counted messages on a port that stays its own; start() and stop() as often as one likes."""

    def __init__(self):
        self.port, self.messages, self.torn, self.lock = process.free_port(), [], [], threading.Lock()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), reuse_port=False)
        self.open, self.connections = True, []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while self.open:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.take, args=(connection,), daemon=True).start()

    def take(self, connection):
        data = b""
        while True:
            try:
                more = connection.recv(65536)
            except OSError:
                more = b""
            if not more:
                return  # what is left is half a message: its sender has to send it again
            data += more
            while match := re.match(rb"(\d+) ", data):
                size, at = int(match.group(1)), match.end()
                if len(data) < at + size:
                    break
                with self.lock:
                    self.messages.append(data[at:at + size].decode())
                data = data[at + size:]
            if data and not data[:1].isdigit():
                self.torn.append(data[:100])
                return

    def stop(self):
        self.open = False
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.connections:
            if one.fileno() >= 0:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
                one.close()

    def entries(self):
        with self.lock:
            return [json.loads(RFC5424.fullmatch(one).group(3)) for one in self.messages]


class Datagrams:
    def __init__(self, family, address):
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
        self.messages = []
        threading.Thread(target=self.take, daemon=True).start()

    def take(self):
        while True:
            self.messages.append(self.socket.recv(65536).decode())

    def entries(self):
        return [json.loads(RFC5424.fullmatch(one).group(3)) for one in list(self.messages)]


def lines(path):
    """The entries of a file; a line that is none is a failure of the whole. What is behind the last line's end is being
    written just now."""
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1]]


def keys(entries, kind="statement"):
    return {(one["session"], one["entry"], one.get("part", 1)) for one in entries if one["kind"] == kind}


def recorded(g):
    """What the log has: the outcome of each statement, by session and frame."""
    found = set()
    for session in g.sessions():
        parts = {}
        for event in g.replay(session):
            if event["event"] == "complete":
                parts[event["run"]] = parts.get(event["run"], 0) + 1
                found.add((session, event["run"], parts[event["run"]]))
    return found


def work(g, n=30, tag=SECRET):
    with psycopg.connect(host="127.0.0.1", port=g.port, user="agent", dbname="postgres", password=g.token(),
                         autocommit=True) as c:
        for i in range(n):
            c.execute("SELECT %s::text, %s", (tag, i)).fetchall()
            c.execute(f"SELECT '{tag}' AS literal, {i}").fetchall()
        try:
            c.execute("DROP TABLE kept")
        except psycopg.Error:
            pass
        try:
            c.execute(f"SELECT '{tag}'::int")
        except psycopg.Error:
            pass
        c.execute("SELECT 1; SELECT 2")


def get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.read().decode()


class World:
    def __init__(self, world):
        self.world, self.cluster = world, postgres.Cluster(world)
        self.cluster.sql("CREATE TABLE kept (id int)")

    def gateway(self, name, streams, start=True, **more):
        admin = process.free_port()

        def change(config):
            config.update(policies=POLICY, streams=streams, admin={"listen": f"127.0.0.1:{admin}"}, **more)
        g = gateway.Gateway(self.world, self.cluster, name=name, change=change, start=start)
        g.admin = admin
        return g


def check_forms(t, w):
    folder = w.world.make_folder("forms-out")
    receiver, udp = Receiver(), Datagrams(socket.AF_INET, ("127.0.0.1", 0))
    unix = Datagrams(socket.AF_UNIX, str(folder / "log"))
    receiver.start()
    whole, shapes = folder / "whole.jsonl", folder / "shapes.jsonl"
    g = w.gateway("forms", [
        {"name": "shapes", "file": str(shapes)}, {"name": "whole", "file": str(whole), "text": "full"},
        {"name": "tcp", "syslog": f"tcp://127.0.0.1:{receiver.port}", "facility": 10},
        {"name": "udp", "syslog": f"udp://127.0.0.1:{udp.socket.getsockname()[1]}", "text": "none"},
        {"name": "unix", "syslog": f"unix:{folder / 'log'}"}])
    work(g)
    g.wait_for_ends(1)
    wanted = recorded(g)

    def complete(entries):
        return keys(entries()) >= wanted and any(one["kind"] == "session-end" for one in entries())
    for name, entries in (("a file", lambda: lines(shapes)), ("TCP", receiver.entries), ("UDP", udp.entries),
                          ("a Unix socket", unix.entries)):
        t.run(f"every statement comes through {name}", process.wait_for, lambda: complete(entries), name)
    all_ = lines(shapes)
    t.check("and nothing that is not in the log", keys(all_) == wanted, keys(all_) ^ wanted)
    t.check("without trouble each comes once", len(keys(all_)) == len([one for one in all_ if one["kind"] == "statement"]))
    one = next(one for one in all_ if one.get("text") == "SELECT ? AS literal, ?")
    t.check("a line tells who, where, what and how", one["principal"] and one["connection"] == "everything" and
            one["database"] == "postgres" and one["verdict"] == "allow" and one["policy"] == "team" and one["effects"] == ["read"]
            and one["outcome"] == "completed" and one["rows"] == 1 and one["us"] > 0 and len(one["digest"]) == 32
            and one["gateway"].startswith("postern/"), one)
    refused = [one for one in all_ if one.get("outcome") == "refused"]
    t.check("a refusal tells its rule and SQLSTATE", len(refused) == 1 and refused[0]["rule"] == "no-drop" and
            refused[0]["verdict"] == "deny" and refused[0]["sqlstate"] == "42501", refused)
    failed = [one for one in all_ if one.get("outcome") == "failed"]
    t.check("an error tells its SQLSTATE", [one["sqlstate"] for one in failed] == ["22P02"], failed)
    t.check("no value, parameter or literal is in it", SECRET not in shapes.read_text() and "secret" not in shapes.read_text().lower())
    t.check("whole texts are there where they were asked for", f"SELECT '{SECRET}' AS literal" in whole.read_text())
    t.check("and none where none were", not any("text" in one for one in udp.entries()))
    severities = {RFC5424.match(one).group(1) for one in receiver.messages}
    t.check("syslog has the facility, and warnings for what was refused", severities >= {"86", "84"}, severities)
    kinds = {one["kind"] for one in all_}
    t.check("sessions begin and end, and the gateway tells of itself", kinds >= {"session-start", "session-end", "statement"}, kinds)
    moved = folder / "shapes.1"
    shapes.rename(moved)
    os.kill(g.process.pid, signal.SIGHUP)
    work(g, 3, "after")
    process.wait_for(lambda: len(g.sessions()) == 2 and keys(lines(moved) + lines(shapes)) >= recorded(g), "the new file")
    t.check("after SIGHUP a file that was renamed is let go, and a new one begun", lines(shapes) and not keys(lines(shapes)) & wanted)
    metrics = get(g.admin, "/metrics")
    t.check("/metrics counts what was delivered", re.search(r'postern_stream_delivered_total\{stream="shapes"\} [1-9]', metrics) and
            'postern_stream_lag_seconds{stream="tcp"}' in metrics, metrics[-1500:])
    process.wait_for(lambda: "stream tcp ok" in get(g.admin, "/readyz"), "a stream that is not late")
    g.stop()
    t.check("a torn line is not to be seen", not receiver.torn, receiver.torn)
    receiver.stop()


def check_killed(t, w):
    folder = w.world.make_folder("killed-out")
    receiver = Receiver()
    receiver.start()
    path = folder / "audit.jsonl"
    g = w.gateway("killed", [{"name": "file", "file": str(path)},
                             {"name": "tcp", "syslog": f"tcp://127.0.0.1:{receiver.port}"}])
    rng = random.Random(6)
    for turn in range(4):
        stop = threading.Event()

        def load():
            while not stop.is_set():
                try:
                    work(g, 20)
                except (psycopg.Error, OSError):
                    pass
        threads = [threading.Thread(target=load) for _ in range(2)]
        for one in threads:
            one.start()
        before = len(lines_so_far(path))
        process.wait_for(lambda: len(lines_so_far(path)) > before + 50, "entries under load")
        time.sleep(rng.random())
        if turn % 2:
            receiver.stop()  # it goes in the middle of it as well
        g.kill()
        stop.set()
        for one in threads:
            one.join()
        if turn % 2:
            receiver.start()
        g.start()
    work(g, 2)
    process.wait_for(lambda: g.wait_for_ends(1), "ends")
    wanted = recorded(g)
    t.check("there was something to lose", len(wanted) > 300, len(wanted))
    for name, entries in (("the file", lambda: lines(path)), ("the receiver", receiver.entries)):
        t.run(f"after SIGKILL under load every entry is at {name} at least once", process.wait_for,
              lambda: keys(entries()) >= wanted, name)
    g.stop()
    t.check("and no line of the file is torn", all(one["v"] == 1 for one in lines(path)) and path.read_text().endswith("\n"))
    receiver.stop()


def lines_so_far(path):
    return path.read_bytes().split(b"\n") if path.exists() else []


def check_receiver(t, w):
    receiver = Receiver()
    g = w.gateway("receiver", [{"name": "siem", "syslog": f"tcp://127.0.0.1:{receiver.port}", "lag": "1s"}])
    work(g, 5)
    t.run("a receiver that is away makes no statement wait, and /readyz tells of it", process.wait_for,
          lambda: "stream siem failed" in get(g.admin, "/readyz"), "lag")
    t.check("which does not take the gateway out", "failed" not in get(g.admin, "/readyz").replace("stream siem failed", ""))
    receiver.start()
    process.wait_for(lambda: keys(receiver.entries()), "its first entries")
    for _ in range(3):
        work(g, 10)
        receiver.stop()
        work(g, 10)
        receiver.start()
    g.wait_for_ends(7)
    wanted = recorded(g)
    t.run("stopped and started, it has every entry at least once", process.wait_for,
          lambda: keys(receiver.entries()) >= wanted, "all entries")
    t.run("and is no longer late", process.wait_for, lambda: "stream siem ok" in get(g.admin, "/readyz"), "no lag")
    g.stop()
    receiver.stop()


def check_full(t, w):
    folder = w.world.make_folder("full-out")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True).returncode:
        t.skip("a full disk", "nothing can be mounted here")
        return
    w.world.callback(subprocess.run, ["umount", folder])
    path = folder / "audit.jsonl"
    g = w.gateway("full", [{"name": "file", "file": str(path), "lag": "1s"}])
    for _ in range(5):
        work(g, 30)
    t.run("a full disk makes no statement wait, and shows as lag", process.wait_for,
          lambda: "stream file failed" in get(g.admin, "/readyz") and
          re.search(r'postern_stream_failed_total\{stream="file"\} [1-9]', get(g.admin, "/metrics")), "lag")
    full = lines(path)
    t.check("the file holds whole lines only", all(one["v"] == 1 for one in full))
    subprocess.run(["mount", "-o", "remount,size=16m", folder], check=True)
    g.wait_for_ends(5)
    wanted = recorded(g)
    t.run("with room again nothing is lost", process.wait_for, lambda: keys(lines(path)) >= wanted, "all entries")
    g.stop()


def main():
    t = tally.Tally()
    with process.World() as world:
        w = World(world)
        check_forms(t, w)
        check_receiver(t, w)
        check_full(t, w)
        check_killed(t, w)
    t.finish()


if __name__ == "__main__":
    main()
