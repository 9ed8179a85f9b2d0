"""Cases of leaks. A line of a .sql file is a statement by itself, tried in every mode of the protocol in a
transaction that is rolled back; directives (`-- must: hidden`, `-- role: app`, `-- group: written`) hold until the
next of their kind. An entry of a .yaml file is a conversation (pair.Talk knows its steps)."""
import pathlib
import re

import yaml

import pair
import streams

HERE = pathlib.Path(__file__).resolve().parent
DIRECTIVE = re.compile(r"-- (must|role|group): (\w+)$")
KEYS = {"id", "must", "role", "group", "steps", "open"}


class Case:
    """must: "hidden" (it must work, on masks) or "either" (it may be refused instead). open: why it is not stopped,
    by the group under which it is not."""

    def __init__(self, family, name, must="either", role="reader", group="compared", text=None, steps=None, open=None):
        self.family, self.name, self.must, self.role, self.group = family, name, must, role, group
        self.text, self.steps, self.open = text, steps, open or {}

    def show(self):
        return self.text or f"{self.name}: {self.steps}"


def read(only=""):
    found = []
    for path in sorted((HERE / "cases").iterdir()):
        if path.suffix == ".sql":
            found += read_lines(path)
        elif path.suffix == ".yaml":
            for entry in yaml.safe_load(path.read_text()):
                assert set(entry) <= KEYS, f"{path.name}: {entry}"
                found.append(Case(path.stem, entry.pop("id"), **entry))
    names = [(case.family, case.name) for case in found]
    assert len(set(names)) == len(names), "a name is used twice"
    return [case for case in found if only in f"{case.family}/{case.name}"]


def read_lines(path):
    settings = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        directive = DIRECTIVE.match(line)
        if directive:
            settings[directive.group(1)] = directive.group(2)
        elif line and not line.startswith("--"):
            yield Case(path.stem, str(number), text=line, **settings)


OUTCOMES = ("hidden", "refused", "failed", "leaked", "broken")


class Result:
    """What became of a case: the difference (None: the same bytes on either side), and the errors."""

    def __init__(self, case):
        self.case, self.difference, self.errors, self.rows = case, None, [], 0
        self.broken = None  # why it could not be tried

    def add(self, left, difference):
        self.difference = self.difference or difference
        self.errors += streams.errors(left)
        self.rows += sum(kind in "Dd" for kind, _ in left)

    @property
    def outcome(self):
        if self.broken:
            return "broken"
        if self.difference:
            return "leaked"
        return "refused" if any(map(streams.is_refusal, self.errors)) else "failed" if self.errors else "hidden"


def modes_of(case, thorough):
    """Several statements go as a simple Query alone. Not thorough: another of the other modes from line to line."""
    if ";" in case.text:
        return pair.MODES[:1]
    return pair.MODES if thorough is not False else ("simple", pair.MODES[1 + int(case.name) % 2])


class Runner:
    """Runs cases; keeps a pair of connections for each role and group, for what is one statement."""

    def __init__(self, copies):
        self.copies, self.pairs = copies, {}

    def close(self):
        for one in self.pairs.values():
            one.close()
        self.pairs = {}

    def pair_for(self, role, group):
        if (role, group) not in self.pairs:
            self.pairs[role, group] = pair.Pair(self.copies, role, group)
        return self.pairs[role, group]

    def run(self, case, group=None, thorough=True):
        """thorough: in every mode of the protocol; None: until one tells the copies apart."""
        result = Result(case)
        if case.text is None:
            self._talk(case, group or case.group, result)
        else:
            for mode in modes_of(case, thorough):
                both = self.pair_for(case.role, group or case.group)
                left, right = both.try_out(mode, case.text)
                result.add(left, streams.difference(left, right))
                if result.difference and thorough is None:
                    break
        return result

    def _talk(self, case, group, result):
        self.close()
        talk, was = pair.Talk(self.copies, case.role, group), self.copies.newest()
        try:
            talk.pair()
            for step in case.steps:
                talk.step(step)
            result.add(talk.messages(), talk.difference())
        finally:
            talk.close()
        if self.copies.has_changed(was):
            self.copies.fresh()
