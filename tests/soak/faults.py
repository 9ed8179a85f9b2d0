"""What goes wrong, at random: each fault is a function of the world and a lane that makes it, waits, and heals it. KINDS says
which there are, how often each is drawn, and for whom."""
import os
import signal
import subprocess
import time

import process

PAUSES = {"short": (0.3, 1.0), "long": (2.0, 8.0)}


class Faults:
    """Draws and makes faults. hold(): how long one lasts."""

    def __init__(self, cluster, lanes, eraser, store, index, rng, length):
        self.cluster, self.lanes, self.eraser, self.store, self.index = cluster, lanes, eraser, store, index
        self.rng, self.length = rng, length
        self.counts, self.last, self.broken, self.refused = {}, "none", [], 0
        self.deck = []

    def hold(self):
        time.sleep(self.rng.uniform(*PAUSES[self.length]))

    def names(self):
        there = {"any", "mortal"} | ({"archive"} if self.store else set()) | ({"index"} if self.index else set())
        return [name for name, (_, _, wants) in KINDS.items() if wants in there]

    def draw(self):
        """The next of a shuffled deck, so that each kind comes."""
        if not self.deck:
            self.deck = [name for name in self.names() for _ in range(KINDS[name][1])]
            self.rng.shuffle(self.deck)
        self.make(self.deck.pop())

    def each(self):
        names = self.names()
        self.rng.shuffle(names)
        return sorted(names, key=lambda name: name in ("erase", "rotate"))  # when there is something to erase

    def make(self, name):
        fault, _, wants = KINDS[name]
        lanes = [lane for lane in self.lanes if (wants != "mortal" or lane.mortal) and (wants != "archive" or lane.archive)]
        lane = self.rng.choice(lanes)
        self.last = f"{name} {lane.name}"
        self.counts[name] = self.counts.get(name, 0) + 1
        fault(self, lane)

    def perhaps_kill(self, lane):
        """A gateway that dies while something else is wrong."""
        if lane.mortal and self.length == "long" and self.rng.random() < 0.25:
            self.counts["kill meanwhile"] = self.counts.get("kill meanwhile", 0) + 1
            kill(self, lane)


def kill(faults, lane):
    family = process.children(lane.gate.process.pid)
    lane.kill()
    process.wait_for(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in family), "the end of a killed gateway's children")
    time.sleep(faults.rng.uniform(0.0, 1.0))
    lane.start()


def drain(faults, lane):
    lane.kill(signal.SIGTERM)
    lane.start()


def reload(faults, lane):
    os.kill(lane.gate.process.pid, signal.SIGHUP)


def full(faults, lane, leave_mb=0):
    lane.disk.fill(leave_mb)
    try:
        faults.hold()
        if leave_mb:
            faults.hold()
    finally:
        lane.disk.free()


def full_soon(faults, lane):
    full(faults, lane, leave_mb=6)


def full_and_killed(faults, lane):
    lane.disk.fill()
    try:
        faults.hold()
        lane.kill()
    finally:
        lane.disk.free()
    lane.start()


def server_dies(faults, lane):
    faults.cluster.process.send_signal(signal.SIGQUIT)
    faults.cluster.process.wait()
    faults.hold()
    faults.perhaps_kill(lane)
    faults.cluster.start()


def server_stops(faults, lane):
    family = process.children(faults.cluster.process.pid)
    for pid in family:
        try:
            os.kill(pid, signal.SIGSTOP)
        except ProcessLookupError:
            pass
    try:
        faults.hold()
        faults.perhaps_kill(lane)
    finally:
        for pid in family:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass


def line_cut(faults, lane):
    lane.forward_process.send_signal(signal.SIGUSR1)


def line_silent(faults, lane):
    lane.forward_process.send_signal(signal.SIGSTOP)
    try:
        faults.hold()
        faults.perhaps_kill(lane)
    finally:
        lane.forward_process.send_signal(signal.SIGCONT)


def stream_away(faults, lane):
    lane.receiver.stop()
    try:
        faults.hold()
        faults.perhaps_kill(lane)
    finally:
        lane.receiver.start()


def stream_slow(faults, lane):
    lane.receiver.slow = 0.5
    try:
        faults.hold()
    finally:
        lane.receiver.slow = 0.0


def stream_full(faults, lane):
    lane.out.fill()
    try:
        faults.hold()
        faults.perhaps_kill(lane)
    finally:
        lane.out.free()


def bucket_away(faults, lane):
    faults.store.stop()
    try:
        faults.hold()
        faults.perhaps_kill(lane)
    finally:
        faults.store.start()


def bucket_slow(faults, lane):
    lane.archive.proxy.rate = 50_000
    try:
        for _ in range(3):
            faults.hold()
        faults.perhaps_kill(lane)
    finally:
        lane.archive.proxy.rate = None


def bucket_full(faults, lane):
    faults.store.limit(1)
    try:
        faults.hold()
        faults.perhaps_kill(lane)
    finally:
        faults.store.limit(None)


def index_dies(faults, lane):
    process.stop(faults.index.cluster.process, signal.SIGQUIT)
    try:
        faults.hold()
        faults.perhaps_kill(lane)
    finally:
        faults.index.start()


def index_stops(faults, lane):
    faults.index.freeze()
    try:
        faults.hold()
        faults.perhaps_kill(lane)
    finally:
        faults.index.freeze(signal.SIGCONT)


def index_cut(faults, lane):
    faults.index.drop_connections()


def erase(faults, lane):
    """No fault, but what is done to the record meanwhile."""
    try:
        faults.erased = faults.eraser.erase(lane)
    except process.Failed as error:
        # A session of the subject that runs, or a disk without room, is a refusal and not a failure.
        faults.refused += 1
        faults.refusal = str(error)[:500]


def rotate(faults, lane):
    lane.lines.rotate(lane.gate)


# What: how it is made, how often it is in the deck, and which lanes it may have.
KINDS = {
    "kill": (kill, 3, "mortal"),
    "drain": (drain, 1, "mortal"),
    "full disk": (full, 2, "any"),
    "disk that fills": (full_soon, 2, "any"),
    "kill on a full disk": (full_and_killed, 1, "mortal"),
    "server dies": (server_dies, 1, "any"),
    "server stops": (server_stops, 1, "any"),
    "line cut": (line_cut, 2, "any"),
    "line silent": (line_silent, 1, "any"),
    "stream away": (stream_away, 1, "any"),
    "stream slow": (stream_slow, 1, "any"),
    "stream full": (stream_full, 1, "any"),
    "bucket away": (bucket_away, 1, "archive"),
    "bucket slow": (bucket_slow, 1, "archive"),
    "bucket full": (bucket_full, 1, "archive"),
    "index dies": (index_dies, 1, "index"),
    "index stops": (index_stops, 1, "index"),
    "index cut": (index_cut, 1, "index"),
    "reload": (reload, 1, "any"),
    "rotate": (rotate, 2, "any"),
    "erase": (erase, 2, "any"),
}
