"""A client of both copies at once: it sends both the same bytes and reads what either answers."""
import re
import struct
import time

import process
import rawpg
import streams
from rawpg import SYNC, bind, describe, execute, parse, query

READS = re.compile(r"\(|(SELECT|TABLE|VALUES|WITH RECURSIVE)\b", re.I)
MODES = ("simple", "binary", "pieces")


def single(mode, text):
    """(bytes, number of ReadyForQuery) of one statement by itself."""
    if mode == "simple":
        return query(text), 1
    if mode == "binary":
        return parse(text) + describe("S") + bind(results=[1]) + describe("P") + execute() + SYNC, 1
    first = execute("p", 1) if READS.match(text) else b""
    return parse(text) + bind(portal="p") + first + execute("p") + SYNC, 1


class Pair:
    """Two connections. `left` and `right` are the messages that came since it was made or forgotten."""

    def __init__(self, copies, role="reader", group="compared"):
        self.copies, self.role, self.group = copies, role, group
        self.raws, self.closed = [], False
        self.left, self.right = [], []
        for side, kept in zip(copies.sides, (self.left, self.right)):
            raw, seen = side.enter(role, group)
            self.raws.append(raw)
            kept += seen
            if seen[-1][0] != "Z":
                raise process.Failed(f"{role} in {group} is not let in: {rawpg.error(seen)}")

    def close(self):
        for raw in self.raws:
            raw.socket.close()

    def forget(self):
        self.left, self.right = [], []

    def send(self, data, ready=1, feed=None):
        """feed: the data for a COPY FROM STDIN; without it such a COPY is failed."""
        for raw in self.raws:
            try:
                raw.send(data)
            except OSError:
                self.closed = True
        for raw, kept in zip(self.raws, (self.left, self.right)):
            self._read(raw, kept, ready, feed)

    def _read(self, raw, kept, ready, feed):
        while ready > 0:
            try:
                kind, body = raw.read()
            except (rawpg.Closed, ConnectionError):
                kept.append(streams.CLOSED)
                self.closed = True
                return
            except TimeoutError:
                kept.append(streams.SILENT)
                self.closed = True
                return
            kept.append((kind, body))
            if kind == "G":
                raw.send(rawpg.copy_data(feed) + rawpg.COPY_DONE if feed is not None else rawpg.copy_fail("nothing"))
            ready -= kind == "Z"

    def try_out(self, mode, text):
        """One statement in a transaction that is rolled back. Its messages on either side."""
        if self.closed:
            self.close()
            self.__init__(self.copies, self.role, self.group)
        self.forget()
        data, ready = single(mode, text)
        self.send(query("BEGIN") + data + query("ROLLBACK"), ready + 2)
        return self.left, self.right

    @property
    def difference(self):
        return streams.difference(self.left, self.right)


class Talk:
    """A case in steps, with connections of its own."""

    def __init__(self, copies, role, group):
        self.copies, self.role, self.group, self.pairs = copies, role, group, {}

    def pair(self, name="a", role=None, group=None):
        if name not in self.pairs:
            self.pairs[name] = Pair(self.copies, role or self.role, group or self.group)
        return self.pairs[name]

    def close(self):
        for pair in self.pairs.values():
            pair.close()

    def step(self, step):
        if isinstance(step, str):
            step = {"query": step}
        verb = next((verb for verb in self.VERBS if verb in step), None)
        if verb is None:
            raise process.Failed(f"no such step: {step}")
        getattr(self, f"do_{verb}")(step, step[verb])

    VERBS = ("query", "extended", "wire", "copy", "call", "open", "admin", "pause", "seen")

    def do_query(self, step, text):
        self.pair(step.get("via", "a")).send(query(text))

    def do_extended(self, step, text):
        values = [None if v is None else str(v).encode() for v in step.get("values", [])]
        self.pair(step.get("via", "a")).send(parse(text) + bind(values, results=step.get("results", [])) + describe("P")
                                             + execute() + SYNC)

    def do_wire(self, step, messages):
        """Messages in one write: a list each, its first item the message's letter."""
        out, ready = b"", 0
        for kind, *rest in messages:
            ready += kind in "SQF"
            if kind == "P":
                out += parse(rest[1], rest[0])
            elif kind == "B":
                out += bind([str(v).encode() for v in (rest[2] if len(rest) > 2 else [])], rest[0], rest[1],
                            results=rest[3] if len(rest) > 3 else [])
            elif kind == "D":
                out += describe(rest[0], rest[1])
            elif kind == "E":
                out += execute(rest[0] if rest else "", rest[1] if len(rest) > 1 else 0)
            elif kind == "C":
                out += rawpg.close(rest[0], rest[1])
            elif kind == "Q":
                out += query(rest[0])
            else:
                out += rawpg.message(kind)
        self.pair(step.get("via", "a")).send(out, ready)

    def do_copy(self, step, text):
        self.pair(step.get("via", "a")).send(query(text), feed=step["data"].encode())

    def do_call(self, step, signature):
        """FunctionCall, by the number that the catalogue has for it."""
        side = self.copies.sides[0]
        with side.server.connect(database=side.database) as raw:
            oid = int(raw.value(f"SELECT '{signature}'::regprocedure::oid::int8"))
        body = struct.pack("!IHH", oid, 0, len(step.get("values", [])))
        for value in step.get("values", []):
            body += struct.pack("!i", len(str(value).encode())) + str(value).encode()
        self.pair(step.get("via", "a")).send(rawpg.message("F", body + struct.pack("!H", 0)))

    def do_open(self, step, name):
        self.pair(name, step.get("role"), step.get("group"))

    def do_admin(self, _, text):
        """What somebody else does meanwhile, who may."""
        for side in self.copies.sides:
            with side.server.connect(database=side.database) as raw:
                told = rawpg.error(raw.simple(text))
                if told:
                    raise process.Failed(f"{text}: {told['M']}")

    def do_pause(self, _, seconds):
        time.sleep(seconds)

    def do_seen(self, *_):
        """Until either gateway has asked what has changed, which it does every second."""
        for side in self.copies.sides:
            if not side.masked:
                continue
            side.server.wait_for_looks(side.database, side.direct)

    def difference(self):
        for name, pair in self.pairs.items():
            told = pair.difference
            if told:
                return f"connection {name}: {told}" if name != "a" else told
        return None

    def messages(self):
        return [one for pair in self.pairs.values() for one in pair.left]
