#!/usr/bin/python3
"""Two databases that differ in masked values alone must give a client the same bytes, whatever it sends.

usage: tests/masking/noninterference.py [--self-test | --masks] [--only WORD] [--group GROUP] [--long MINUTES] [--seed N] [--show]

Without --self-test or --masks: both. The self-test tries every case through gateways that mask nothing: each must
tell the copies apart, or it shows nothing. --only: cases whose family/name holds the word (with --long: and generated statements). --group: under which
policy (compared, refused, written) instead of the case's own. --long: all modes of the protocol, all groups, and
generated statements for so many minutes. --show: what came of each case."""
import argparse
import collections
import pathlib
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
import cases
import copies
import generate
import makers
import pair
import process
import shrink
import streams
import tally

GENERATED, SMITH, TRANSACTIONS = 250, 80, 15  # in `make check`
CLEAR = ["SELECT id, name, country, joined, active FROM customers ORDER BY id", "SELECT * FROM orders ORDER BY id", "TABLE customer_names",
         "SELECT oid, relname, relpages FROM pg_class WHERE oid >= 16384 ORDER BY oid", "SELECT ctid, xmin, id FROM orders ORDER BY id",
         "EXPLAIN SELECT * FROM orders WHERE customer_id = 3", "SELECT 1 / 0", "SELECT 'x'::int", "SELECT current_database(), current_user",
         "EXPLAIN SELECT * FROM customers WHERE country = 'DE'", "SELECT setting FROM pg_settings WHERE name = 'port'"]


class Trial:
    """Runs everything against the gateways as they are, and counts."""

    def __init__(self, world, both, counted, arguments, masked):
        self.world, self.copies, self.counted, self.arguments, self.masked = world, both, counted, arguments, masked
        self.runner = cases.Runner(both)

    def families(self):
        """The cases; a line a family."""
        found = collections.defaultdict(list)
        for number, case in enumerate(cases.read(self.arguments.only)):
            if self.is_left_out(number, case):
                continue
            try:
                result = self.runner.run(case, self.arguments.group, thorough=(bool(self.arguments.long or self.arguments.only) if self.masked else None))
            except (process.Failed, OSError) as error:
                self.runner.close()
                result = cases.Result(case)
                result.broken = repr(error)
            found[case.family].append(result)
            if self.arguments.show:
                print(f"  {result.outcome:8} {case.family}/{case.name}: {case.show()[:160]}\n           "
                      f"{result.difference or [e.get('M') for e in result.errors][:2]}")
        for family, results in sorted(found.items()):
            self.report(family, results)
        return found

    def is_left_out(self, number, case):
        """A fresh database is dear: two in three of the conversations have their self-test only where it is asked for."""
        whole = self.masked or self.arguments.self_test or self.arguments.only
        return not whole and case.steps and number % 3 != self.arguments.seed % 3

    def report(self, family, results):
        counts = collections.Counter(one.outcome for one in results)
        ways = f"{len(results)} ways, " + ", ".join(f"{counts[what]} {what}" for what in cases.OUTCOMES if counts[what] or what != "broken")
        if self.masked:
            leaks = [one for one in results if one.outcome in ("leaked", "broken") and (self.arguments.group or one.case.group) not in one.case.open]
            self.counted.check(f"{family}: nothing masked comes out ({ways})", not leaks, listed(leaks))
            useless = [one for one in results if one.case.must == "hidden" and one.outcome in ("refused", "failed")]
            if not self.arguments.group and any(one.case.must == "hidden" for one in results):
                self.counted.check(f"{family}: what must work on masks works", not useless, listed(useless))
        else:
            same = [one for one in results if one.outcome != "leaked"]
            self.counted.check(f"{family}: every way leads to what is hidden while nothing is masked ({ways})", not same, listed(same))

    def clear(self):
        """What is not masked is the same on both sides, or comparing would mean nothing."""
        both = self.runner.pair_for("owner", "compared")
        wrong = []
        for text in CLEAR:
            for mode in pair.MODES:
                told = streams.difference(*both.try_out(mode, text))
                wrong += [f"{text} ({mode}): {told}"] if told else []
        self.counted.check("what is clear, and the catalogue, is the same in both copies", not wrong, "\n      ".join(wrong))

    def statements(self, what, texts, role, group, least_differing, deadline=None):
        """Generated statements. Without masks: so many percent of them must tell the copies apart."""
        if deadline and time.monotonic() > deadline:
            return
        both, n, findings = self.runner.pair_for(role, group), collections.Counter(), []
        modes = pair.MODES if self.arguments.long else ("simple", "binary")
        for number, text in enumerate(texts):
            if deadline and time.monotonic() > deadline:
                break
            n["sent"] += 1
            mode = modes[number % len(modes)]
            left, right = both.try_out(mode, text)
            told, errors = streams.difference(left, right), streams.errors(left)
            n["ran"] += not errors
            n["refused"] += any(map(streams.is_refusal, errors))
            if not told:
                continue
            if not self.masked:
                n["differ"] += 1
                findings = findings or [(mode, text, told)]
            elif streams.is_reordered(left, right):
                n["in another order"] += 1
            elif any(e.get("C") == "57014" for e in errors + streams.errors(right)) or makers.is_unstable(self.copies, lambda: pair.Pair(self.copies, role, group), mode, text):
                n["differ by themselves"] += 1
            else:
                findings.append((mode, text, told))
        numbers = ", ".join(f"{count} {what}" for what, count in n.items() if count)
        if self.masked:
            self.counted.check(f"{what}: the copies are not told apart ({numbers})", not findings and n["sent"],
                               "\n      ".join(f"{self.shorter(role, group, *one)}" for one in findings[:10]))
        else:
            self.counted.check(f"{what}: at least {least_differing} % tell the copies apart while nothing is masked ({numbers})",
                               n["differ"] * 100 >= least_differing * n["sent"] > 0)
            for mode, text, _ in findings:
                short = self.shrink(role, group, mode, text)
                self.counted.check(f"{what}: a finding is made shorter ({len(text)} → {len(short)} characters: {short[:100]})",
                                   len(short) <= len(text) and self.tells(role, group, mode, short), text)

    def tells(self, role, group, mode, text):
        left, right = self.runner.pair_for(role, group).try_out(mode, text)
        return streams.difference(left, right) is not None and not streams.is_reordered(left, right)

    def shrink(self, role, group, mode, text):
        return shrink.shrink(text, lambda one: self.tells(role, group, mode, one))

    def shorter(self, role, group, mode, text, told):
        short = self.shrink(role, group, mode, text)
        return f"{group}, {role}, {mode}: {short}\n        was: {' '.join(text.split())[:1500]}\n        {told}"

    def generated(self, n, seed, group="compared", deadline=None):
        maker = generate.Maker(seed)
        self.statements(f"generated statements ({group}, seed {seed})", (maker.statement() for _ in range(n)), "app", group, 25, deadline)

    def smith(self, n, seed, catalogue=False):
        side = self.copies.sides[0]
        texts = makers.sqlsmith(side.server, side.database, n, seed, catalogue)
        self.statements(f"sqlsmith's ({'catalogue too, ' if catalogue else ''}seed {seed})", texts, "app", "compared", 1)

    def pgbench(self, seed, times, groups=("compared", "refused")):
        for group in groups if self.masked else groups[:1]:
            bench = makers.Pgbench(self.world, self.copies, "app", group)
            for path in sorted((HERE / "pgbench").glob("*.sql")):
                for kind in makers.KINDS:
                    (left, right), told = bench.run(path, kind, times, seed)
                    difference = streams.difference(left, right)
                    fact = f"pgbench {path.stem}, {kind}, {group}, seed {seed}: {len(left)} messages "
                    if self.masked:
                        self.counted.check(fact + "are the same", not difference and len(left) > 20, f"{difference} {told}")
                    else:
                        self.counted.check(fact + "tell the copies apart while nothing is masked", difference, told)


def listed(results):
    return "\n      ".join(f"{one.case.family}/{one.case.name} {one.case.show()[:400]}\n        {one.outcome}: {one.difference or one.broken or one.errors[:1]}"
                           for one in results)


def everything(trial, arguments):
    trial.families()
    if arguments.only:
        return
    trial.clear()
    trial.pgbench(arguments.seed, TRANSACTIONS, ("compared",))
    trial.generated(GENERATED, arguments.seed)
    trial.smith(SMITH, arguments.seed)
    if trial.masked:
        trial.generated(GENERATED // 3, arguments.seed + 1, "refused")
        trial.generated(GENERATED // 3, arguments.seed + 2, "written")


def long(trial, arguments):
    """The cases under every policy (under one, which the seed picks, where there is little time), then generated
    statements, each round with other seeds."""
    end, groups = time.monotonic() + arguments.long * 60, list(copies.GROUPS)
    for group in groups if arguments.long >= 10 else [groups[arguments.seed % len(groups)]]:
        arguments.group = group
        trial.families()
    arguments.group, seed = None, arguments.seed
    while time.monotonic() < end:
        for group in copies.GROUPS:
            trial.generated(1500, seed, group, end)
        trial.smith(300, seed)
        trial.smith(300, seed, catalogue=True)
        trial.pgbench(seed, 200)
        seed += 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--masks", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("--group", choices=list(copies.GROUPS))
    parser.add_argument("--long", type=float, default=0, metavar="MINUTES")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", action="store_true")
    arguments = parser.parse_args()
    counted = tally.Tally()
    with process.World() as world:
        both = copies.Copies(world, None)
        for masked in (False, True):
            if (arguments.masks and not masked) or (arguments.self_test and masked):
                continue
            both.begin_gates(masked)
            trial = Trial(world, both, counted, arguments, masked)
            (long if arguments.long and masked else everything)(trial, arguments)
            trial.runner.close()
            for side in both.sides:
                counted.check(f"the gateway before copy {side.server.number} lives", side.gate.alive(), side.gate.stderr()[-3000:])
    counted.finish()


if __name__ == "__main__":
    main()
