"""The log against the ledgers: what was answered is there, once and as it was answered; what was refused is there as refused; what the
database has, the log has; and nothing else."""
import concurrent.futures
import copy
import json
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import process

import ledger

MARK = re.compile(r"mk-[a-z]\d\dr\d{5}-\d+")
BENCH = re.compile(r"INSERT INTO bench VALUES \((\d+), (\d+), (\d+)\)")


class Run:
    """What the log says of a statement: its outcome, the rows that were recorded, the errors that it was told with."""
    __slots__ = ("session", "how", "tag", "rows", "recorded", "sum", "states", "last")

    def __init__(self, session):
        self.session, self.how, self.tag, self.rows, self.recorded, self.sum = session, "open", None, 0, 0, None
        self.states, self.last = [], False

    def __repr__(self):
        return f"{self.session}: {self.how} {self.tag} {self.rows}/{self.recorded} {self.states}"


class Session:
    """A session, read from its replay: runs by mark, keys of the streams, notifications."""

    def __init__(self, id_, lines):
        self.id, self.app, self.ends, self.runs, self.keys, self.news = id_, None, 0, [], set(), []
        self.open, self.prepared, self.parts, self.refusals, self.damaged = {}, {}, {}, set(), 0
        for line in lines:
            if line:
                self.take(json.loads(line))
        for state in self.open.values():
            self.runs += [(mark, Run(self.id)) for mark in state["marks"]]
        self.open = None
        if self.runs:
            self.runs[-1][1].last = True

    def take(self, e):
        what, run = e["event"], e.get("run")
        if what == "start":
            self.app = e["fields"].get("application")
        elif what == "end":
            self.ends += 1
        elif what == "statement":
            self.open[run] = {"marks": marks_of(e), "rows": [], "data": [], "states": [], "last": None}
        elif what == "prepare":
            self.prepared[e["sequence"]] = marks_of(e)
        elif what == "notification":
            self.news.append(e["payload"])
        elif what == "damaged":
            self.damaged += 1
        if what == "complete":
            self.parts[run] = self.parts.get(run, 0) + 1
            self.keys.add((self.id, run, self.parts[run]))
        if what == "report" and e["error"] and run not in self.open:
            self.refusals.add(e["sqlstate"])
            for mark in self.prepared.pop(run, ()):  # a Parse that was refused: there is no execution
                refused = Run(self.id)
                refused.how, refused.states = "refused", [e["sqlstate"]]
                self.runs.append((mark, refused))
        if run in self.open:
            self.outcome(e, what, self.open[run])

    def outcome(self, e, what, state):
        if what == "row":
            state["rows"].append(e["values"])
        elif what == "copy" and e["direction"] == "out":
            state["data"].append(e["data"])
        elif what == "report" and e["error"]:
            state["states"].append(e["sqlstate"])
            if state["last"]:  # an error may stand behind the outcome that it belongs to
                state["last"].states.append(e["sqlstate"])
        elif what == "complete":
            done = Run(self.id)
            done.how, done.tag, done.rows = e["how"], e["tag"], e["rows"]
            rows = [["".join(state["data"])]] if state["data"] else state["rows"]
            done.recorded, done.sum = ledger.summed(rows)
            done.states, state["last"] = state["states"], done
            state["rows"], state["data"], state["states"] = [], [], list(state["states"])
            # Of several statements in a Query each has its outcome; where the first was refused, that is the others' too.
            marks = state["marks"]
            count = 1 if done.how in ("completed", "suspended", "empty") else len(marks)
            self.runs += [(mark, done) for mark in marks[:count]]
            del marks[:count]


def marks_of(event):
    texts = [event.get("sql") or ""] + [p.get("value") or "" for p in event.get("parameters") or []]
    if texts[0].startswith("INSERT INTO bench"):
        found = BENCH.search(texts[0])
        numbers = found.groups() if found else texts[1:4]
        return [f"bench {' '.join(numbers)}"] if len(numbers) == 3 else []
    return [mark for text in texts for mark in MARK.findall(text)]


def read_session(gate, id_):
    return Session(id_, gate.cli("sessions", "replay", id_, "--json", timeout=3600).stdout.split("\n"))


class Record:
    """All sessions of a gateway's log; those that were erased meanwhile were read before."""

    def __init__(self, gate, before):
        listed = [one for one in gate.sessions() if one not in before]
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            self.sessions = list(pool.map(lambda one: read_session(gate, one), listed))
        self.erased = set(before)
        self.sessions += before.values()
        self.runs, self.apps = {}, {}
        for session in self.sessions:
            self.apps.setdefault(session.app, []).append(session)
            for mark, run in session.runs:
                self.runs.setdefault(mark, []).append(run)

    def keys(self):
        return set().union(*(session.keys for session in self.sessions if session.id not in self.erased))


def mismatch(said, run):
    """What the log says otherwise than the client; None where nothing."""
    if said.how == "done":
        if run.how != "completed":
            return "completed for its client"
        if said.rows is not None and said.sum and said.rows != run.recorded:
            return f"{said.rows} rows for its client"
        if said.rows is not None and said.rows != run.rows and not (said.sum and run.tag.startswith("COPY")):
            return f"{said.rows} rows for its client, by the log's count"
        if said.sum and said.sum != run.sum:
            return "other rows for its client"
        if said.tag and said.tag != run.tag:
            return f"{said.tag} for its client"
    elif said.how == "error":
        if run.how == "completed" and not said.state.startswith(("57P", "08")):
            return f"{said.state} for its client"
        if said.is_sure() and said.state not in run.states:
            return f"{said.state} for its client"
    elif said.how == "abandoned" and run.recorded < said.rows:
        return f"{said.rows} rows for its client, which then left"
    return None


def refused_before(record, mark, said):
    """Whether its text was refused, so that its parameter, which is the mark, never was."""
    return said.bound and said.how == "error" and any(
        said.state in session.refusals for session in record.apps.get(mark.split("-")[1], []))


def first(found, n=6):
    return f"{len(found)}: {list(found)[:n]}" if found else ""


def compare(record, statements):
    """What is not as it should be: statements that are lost, there twice, other than their client knows them, and never sent."""
    lost, twice, other, strange = [], [], [], []
    for mark, said in statements.items():
        runs = record.runs.get(mark, [])
        if len(runs) > 1:
            twice.append((mark, said.kind, runs))
        elif not runs:
            if (said.is_sure() or said.how == "abandoned") and not refused_before(record, mark, said):
                lost.append((mark, said.kind, said.how, said.state))
        elif why := mismatch(said, runs[0]):
            other.append((mark, said.kind, why, runs[0]))
    for mark in record.runs:
        if mark.startswith("mk-") and mark not in statements:
            strange.append(mark)
    return lost, twice, other, strange


def is_sharp(record, statements):
    """Whether a judge that is given one good statement, taken away, doubled, changed and made up, finds each of them."""
    mark, said = next((mark, said) for mark, said in statements.items()
                      if said.how == "done" and said.sum and said.rows and len(record.runs.get(mark, [])) == 1)
    run, changed = record.runs[mark][0], Run("changed")
    changed.how, changed.tag, changed.rows, changed.recorded, changed.sum = run.how, run.tag, run.rows, run.recorded, "another"
    found = []
    for runs, sent in (({mark: [run]}, {mark: said}), ({}, {mark: said}), ({mark: [run, run]}, {mark: said}), ({mark: [changed]}, {mark: said}),
                       ({mark: [run]}, {})):
        one = copy.copy(record)
        one.runs = runs
        found.append([len(part) for part in compare(one, sent)])
    return found == [[0, 0, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]


def judge(t, lane, record, book):
    """Each statement of a lane's clients."""
    lost, twice, other, strange = compare(record, book.statements)
    sure = [said for said in book.statements.values() if said.is_sure()]
    done = sum(said.how == "done" for said in sure)
    print(f"      {lane}: {len(book.statements)} statements sent, {done} completed, {len(sure) - done} refused or failed, "
          f"{len(book.statements) - len(sure)} that nobody knows the end of; {len(record.sessions)} sessions", flush=True)
    t.check(f"{lane}: each statement that was answered is in the log", sure and not lost, first(lost))
    t.check(f"{lane}: none is there twice", not twice, first(twice))
    t.check(f"{lane}: what the log says is what the client was told: rows, tags, errors", not other, first(other))
    t.check(f"{lane}: nothing is in the log that no client sent", not strange, first(strange))
    t.run(f"{lane}: whoever judges finds a statement that is taken away, doubled, changed or made up", is_sharp, record, book.statements)
    judge_clients(t, lane, record, book)


def judge_clients(t, lane, record, book):
    apps = {mark.split("-")[1] for mark, said in book.statements.items() if said.is_sure()}
    missing = [app for app in apps if len(record.apps.get(app, [])) != 1]
    t.check(f"{lane}: each of {len(apps)} connections is one session", not missing, first(missing))
    ends = [session.id for session in record.sessions if session.ends != 1]
    t.check(f"{lane}: each session has one end", not ends, first(ends))
    t.check(f"{lane}: no frame is damaged", not any(session.damaged for session in record.sessions))
    heard, repeated, n = [], [], 0
    for app, payloads in book.notified.items():
        told = [one for session in record.apps.get(app, []) for one in session.news]
        heard += set(payloads) - set(told)
        repeated += [one for one in set(told) if told.count(one) > 1] if len(set(told)) != len(told) else []
        n += len(payloads)
    t.check(f"{lane}: each of {n} notifications that a client got is in its session, once", not heard and not repeated,
            first(heard) + first(repeated))
    wrong = [one for one in book.wrong if one["t"] == "leak"]
    t.check(f"{lane}: no client was shown a masked value", not wrong, first(wrong))
    stuck = [one for one in book.wrong if one["t"] == "stuck"]
    t.check(f"{lane}: no client waits for an answer that never comes", not stuck, first(stuck))


def judge_database(t, cluster, lanes, records, books):
    """What is in the tables is in the log, and what was acknowledged is in the tables."""
    written = cluster.sql("SELECT marker FROM written").split()
    here = set(written)
    runs = {mark: run for record in records for mark, run in record.runs.items()}
    said = {mark: one for book in books for mark, one in book.statements.items()}
    t.check(f"each of {len(written)} rows in the database is in the log", written and not here - runs.keys(), first(here - runs.keys()))
    t.check("and was written once", len(here) == len(written), len(written) - len(here))
    kept = {mark for mark, one in said.items() if one.how == "done" and one.tag == "INSERT 0 1" and one.kind not in ("transactions", "long")}
    t.check(f"each of {len(kept)} rows that were acknowledged is in the database", not kept - here, first(kept - here))
    refused = {mark for mark, one in said.items() if one.how == "error" and one.is_sure()}
    t.check("no statement that was refused has written", not refused & here, first(refused & here))
    copied = dict(line.split("|") for line in cluster.sql("SELECT marker, count(*) FROM copied GROUP BY 1").split())
    other = [(mark, one.tag, copied.get(mark)) for mark, one in said.items() if one.how == "done" and one.kind == "copying" and
             one.sum is None and one.tag != f"COPY {copied.get(mark, 0)}"]
    t.check(f"{len(copied)} COPYs have brought what they were told", not other and not copied.keys() - runs.keys(),
            first(other) + first(copied.keys() - runs.keys()))
    judge_benches(t, cluster, runs, books)


def judge_benches(t, cluster, runs, books):
    rows = {f"bench {line.replace('|', ' ')}" for line in cluster.sql("SELECT * FROM bench").split()}
    benched = {mark: found for mark, found in runs.items() if mark.startswith("bench ")}
    bad = [mark for mark in rows if len(benched.get(mark, [])) != 1]
    t.check(f"each of {len(rows)} transactions of pgbench is in the log once", not bad, first(bad))
    counts = {}
    for mark, found in benched.items():
        run = int(mark.split()[1])
        counts[run] = counts.get(run, 0) + (found[0].how == "completed")
    few = [(run, n, counts.get(run)) for book in books for run, n in book.benches.items() if counts.get(run, 0) < n]
    t.check("as many as it says that it ran", not few, first(few))
    # What the server says is completed it commits behind that, at the Sync: it may die in between, and the session ends with it.
    gone = [mark for mark, found in benched.items() if found[0].how == "completed" and not found[0].last and mark not in rows]
    t.check("and what completed for the log, and was not a session's last, is in the database", not gone, first(gone))


def judge_streams(t, lane, record):
    wanted = record.keys()

    def has(name, entries):
        if isinstance(entries, type(lane.lines)):
            entries.poll()
        return wanted <= entries.keys
    for name, entries in (("the file", lane.lines), ("syslog over TCP", lane.receiver)):
        t.run(f"{lane.name}: each of {len(wanted)} outcomes came through {name} at least once ({entries.again} came again)",
              process.wait_for, lambda: has(name, entries), name)
        if missing := wanted - entries.keys:
            print(f"      missing: {first(sorted(missing))}")
        known = {session.id for session in record.sessions}
        more = {one for one in entries.keys - wanted if one[0] not in record.erased}
        t.check(f"{lane.name}: and nothing that is not in the log", not more, [first(sorted(more)), [one for one in more if one[0] not in known][:3]])
        t.check(f"{lane.name}: no line of it is torn", not entries.torn, entries.torn[:3])
