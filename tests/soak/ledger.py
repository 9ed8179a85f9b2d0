"""What the clients know: each statement that was sent, under a mark of its own, and what was answered; a line of JSON each, written
before the statement is sent and when its answer is there. The judge compares it with the log."""
import hashlib
import json
import threading

# Answers after which nobody knows what became of the statement: the connection, a server or the gateway went, or the disk was
# full. It is in the log once or not at all.
UNKNOWN = ("08", "57P", "58", "53300")


def summed(rows):
    """(how many, a digest) of rows, each a list of texts and None: the order counts."""
    digest, n = hashlib.sha1(), 0
    for row in rows:
        n += 1
        digest.update("\x1f".join("\x00" if value is None else str(value) for value in row).encode() + b"\x1e")
    return n, digest.hexdigest()[:16]


class Ledger:
    def __init__(self, path):
        self.out, self.lock = open(path, "a", buffering=1), threading.Lock()

    def write(self, **line):
        text = json.dumps(line) + "\n"
        with self.lock:
            self.out.write(text)

    def sent(self, mark, kind, bound):
        """bound: the mark is in a parameter, which is not looked at where the text is refused already."""
        self.write(t="sent", m=mark, k=kind, **({"b": 1} if bound else {}))

    def completed(self, mark, rows=None, tag=None, n=None):
        count, digest = summed(rows) if rows is not None else (n, None)
        self.write(t="done", m=mark, rows=count, sum=digest, tag=tag)

    def failed(self, mark, state):
        self.write(t="error", m=mark, state=state)

    def abandoned(self, mark, seen):
        self.write(t="abandoned", m=mark, rows=seen)


class Statement:
    __slots__ = ("kind", "bound", "how", "rows", "sum", "tag", "state")

    def __init__(self, kind, bound):
        self.kind, self.bound = kind, bound
        self.how, self.rows, self.sum, self.tag, self.state = "lost", None, None, None, None

    def is_sure(self):
        """Whether the client was told what became of it."""
        return self.how == "done" or self.how == "error" and not self.state.startswith(UNKNOWN)


class Read:
    """A ledger, read: statements by mark; notifications by connection; what clients found wrong themselves."""

    def __init__(self, path):
        self.statements, self.notified, self.wrong, self.benches = {}, {}, [], {}
        for line in path.read_text().split("\n"):
            if not line.endswith("}"):
                continue  # the end of a file that is being written
            one = json.loads(line)
            self.take(one["t"], one)

    def take(self, what, one):
        if what == "sent":
            self.statements[one["m"]] = Statement(one["k"], "b" in one)
        elif what in ("done", "error", "abandoned"):
            statement = self.statements[one["m"]]
            statement.how = what
            statement.rows, statement.sum, statement.tag = one.get("rows"), one.get("sum"), one.get("tag")
            statement.state = one.get("state")
        elif what == "notified":
            self.notified.setdefault(one["a"], []).append(one["m"])
        elif what == "bench":
            self.benches[one["run"]] = one["processed"]
        else:
            self.wrong.append(one)
