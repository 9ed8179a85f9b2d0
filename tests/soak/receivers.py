"""Who takes the streams: a file that is rotated, and a receiver of syslog that can be away, or slow. Both keep nothing but which
entry came, by session, frame and part."""
import json
import os
import pathlib
import re
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import process

BATCH = 1 << 20


def key(entry):
    return (entry["session"], entry["entry"], entry.get("part", 1))


class Entries:
    """What came: the statements' keys, and how many came again."""

    def __init__(self):
        self.keys, self.again, self.torn, self.unreadable = set(), 0, [], set()

    def take(self, text):
        try:
            entry = json.loads(text)
        except ValueError:
            self.torn.append(text[:200])
            return
        if entry["kind"] == "statement":
            size = len(self.keys)
            self.keys.add(key(entry))
            self.again += size == len(self.keys)
        elif entry["kind"] == "unreadable":
            self.unreadable.add(entry["session"])


class Lines(Entries):
    """A file that is read as it grows. rotate(): it is renamed; the gateway is told, and what is left of it is read and removed when
    the next one has been there for a turn."""

    def __init__(self, path):
        super().__init__()
        self.path, self.old, self.number = path, [], 0
        self.current = None

    def read(self, file, last=False):
        while data := file.read(BATCH):
            *whole, rest = data.split(b"\n")
            for line in whole:
                self.take(line)
            file.seek(-len(rest), os.SEEK_CUR)
            if not whole:
                break
        if last and file.read(1):
            self.torn.append("a file ends without a line's end")

    def poll(self):
        if self.current is None and self.path.exists():
            self.current = open(self.path, "rb")
        for one in (*self.old, self.current):
            if one:
                self.read(one)

    def rotate(self, gate):
        """What was renamed last time is not written any more."""
        self.poll()
        if self.current is None:
            return  # it is written still
        for one in self.old:
            self.read(one, True)
            pathlib.Path(one.name).unlink()
            one.close()
        self.number += 1
        moved = self.path.with_name(f"audit.{self.number}")
        self.path.rename(moved)
        file = open(moved, "rb")
        file.seek(self.current.tell())
        self.current.close()
        self.old, self.current = [file], None
        if gate.alive():
            os.kill(gate.process.pid, signal.SIGHUP)


class Receiver(Entries):
    """Takes octet-counted messages on a port that stays its own. slow: seconds that it rests behind each piece it reads."""

    def __init__(self):
        super().__init__()
        self.port, self.lock, self.slow, self.open = process.free_port(), threading.Lock(), 0.0, False
        self.start()

    def start(self):
        self.listener = socket.create_server(("127.0.0.1", self.port))
        self.open, self.connections = True, []
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.receive, args=(connection,), daemon=True).start()

    def receive(self, connection):
        data = b""
        while True:
            try:
                more = connection.recv(65536)
            except OSError:
                more = b""
            if not more:
                return  # what is left is half a message, which its sender sends again
            if self.slow:
                time.sleep(self.slow)
            data += more
            while match := re.match(rb"(\d+) ", data):
                size, at = int(match.group(1)), match.end()
                if len(data) < at + size:
                    break
                with self.lock:
                    self.take(data[at:at + size].decode().split(" - ", 2)[2])
                data = data[at + size:]

    def stop(self):
        if not self.open:
            return
        self.open = False
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for one in self.connections:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            one.close()
