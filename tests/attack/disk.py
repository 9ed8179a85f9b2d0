#!/usr/bin/python3
"""A data folder that runs full: new statements are refused with 58030, also when it happens in the middle of a
large result; the process lives, sessions go on when there is room again, and nothing recorded is lost."""
import ctypes
import os
import pathlib
import re
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import gateway
import postgres
import process
import rawpg
import tally

SIZE_MB = 768
libc = ctypes.CDLL(None, use_errno=True)


def mount(world):
    """A small file system of its own for the data folder."""
    folder = world.make_folder("small")
    if libc.mount(b"tmpfs", str(folder).encode(), b"tmpfs", 0, f"size={SIZE_MB}m".encode()):
        raise process.Failed(f"mount: {os.strerror(ctypes.get_errno())}; this test needs root")
    world.callback(libc.umount2, str(folder).encode(), 2)
    return folder


class Ballast:
    """A file that takes the room, and gives it back."""

    def __init__(self, folder):
        self.path = folder / "ballast"

    def fill(self, leave_mb=0):
        step = 1 << 26
        with open(self.path, "ab") as out:
            while step >= 4096:
                room = os.statvfs(self.path.parent)
                free = room.f_bavail * room.f_frsize - leave_mb * 1024 * 1024
                try:
                    # The gateway takes room at the same time: what does not fit is tried in smaller pieces.
                    if free < step:
                        raise OSError
                    os.posix_fallocate(out.fileno(), out.seek(0, os.SEEK_END), step)
                except OSError:
                    step //= 2

    def remove(self):
        self.path.unlink(missing_ok=True)


def log_in(gate):
    raw = rawpg.Raw(gate.port)
    raw.login(gate.token(), "agent")
    return raw


def write_until_refused(gate, raw, label, most=200000):
    """(names that were acknowledged, the error that ended it). The filler is just too short to be compressed before
    the tail, so that it fills the tail and not the log."""
    done, filler = [], "f" * 16000
    for i in range(most):
        name = f"id-{label}-{i}"
        seen = raw.simple(f"INSERT INTO written VALUES ('{name}') /* {filler}{i} */")
        if rawpg.error(seen):
            return done, rawpg.error(seen)
        if seen[-1][0] == "":
            return done, {"C": "the session ended without a word"}
        done.append(name)
    return done, {}


def not_recorded(gate, names, patience=process.PATIENCE):
    """What is not in the record; what was written while the disk was full comes into the log when it has room."""
    until = time.monotonic() + patience
    while True:
        lost = set(names) - set(re.findall(r"id-[\w-]+-\d+", gate.whole_record()))
        if not lost or time.monotonic() > until:
            return lost
        time.sleep(1)


def main():
    counted = tally.Tally()
    with process.World() as world:
        server = postgres.Cluster(world)
        server.sql("CREATE TABLE written (id text)")
        small = mount(world)
        ballast = Ballast(small)
        gate = gateway.Gateway(world, server, data=small / "data")
        raw = log_in(gate)
        done, error = write_until_refused(gate, raw, "warm", 200)
        counted.check("with room, statements run", len(done) == 200, error)
        for turn in range(3):
            ballast.fill()
            names, error = write_until_refused(gate, raw, f"full-{turn}")
            done += names
            counted.check(f"turn {turn}: on a full disk a statement is refused with 58030 after {len(names)}", error.get("C") == "58030", error)
            counted.check(f"turn {turn}: the gateway lives", gate.alive(), gate.stderr()[-2000:])
            counted.check(f"turn {turn}: the refused row is not in the database",
                          int(server.sql("SELECT count(*) FROM written")) == len(done))
            ballast.remove()

            began, tries, names = time.monotonic(), 0, []
            # The next segment is made beside the sessions: a statement may come too early, and is refused.
            while len(names) < 50 and time.monotonic() - began < process.PATIENCE:
                tries += 1
                names, error = write_until_refused(gate, raw, f"again-{turn}-{tries}", 50)
                done += names
                time.sleep(0.2)
            counted.check(f"turn {turn}: with room again the same session goes on and writes, after {tries - 1} refusals",
                          len(names) == 50, error)
        large = log_in(gate)
        ballast.fill(leave_mb=8)
        rows, error, n = 0, {}, 0
        if large.status is not None:
            large.send(rawpg.query("SELECT md5(i::text) || md5((-i)::text) || md5(i || 'b') || md5(i || 'c') || md5(i || 'd') FROM generate_series(1, 3000000) i"))
            while True:
                try:
                    kind, body = large.read()
                except (rawpg.Closed, TimeoutError):
                    break
                rows += kind == "D"
                if kind == "E":
                    error = rawpg.fields(body)
                if kind == "Z":
                    break
        counted.check(f"a disk that fills in the middle of a result ({rows} rows) ends it with 58030", error.get("C") == "58030", (rows, error))
        counted.check("the gateway lives", gate.alive(), gate.stderr()[-2000:])
        large.socket.close()
        ballast.remove()

        def works():
            fresh = log_in(gate)
            return fresh.status is not None and fresh.value("SELECT 1") == "1"
        counted.run("with room again a new session works",
                    lambda: process.wait_for(works, "a session that works", every=0.5))
        lost = not_recorded(gate, done)
        counted.check(f"all of {len(done)} statements that ran are in the record", done and not lost, sorted(lost)[:10])
        counted.check("the log verifies", *gate.verify())
        gate.stop()
    counted.finish()


if __name__ == "__main__":
    main()
