#!/usr/bin/python3
"""What a statement returns through the gateway must be what it returns directly in a database that holds what the
masks show: the rewriting means what it says, and nothing else of a statement is changed by it.

usage: tests/masking/meaning.py [--seed N] [--generated N] [--only WORD]"""
import argparse
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]
import cases
import copies
import generate
import ordinary
import pair
import process
import shrink
import streams
import tally
from rawpg import query

# Where the closure masks more than the database that holds masks knows of, or what is asked for is how rows are stored.
# A row of what is masked is a record: it has no name to be cast to, and its fields have no names once it was a value.
BESIDE = re.compile(r"::customers|\(\(SELECT c|\(\(array_agg\(c|::people|^COPY \w|length\(3::bigint|customer_contacts|contact_sheet|customer_hashes|everyone|spending|order_lines|EXPLAIN|pg_stats|pg_column_size|ctid|tableoid|"
                    r"document|\b(min|max)\(c::|FOR (UPDATE|SHARE|NO KEY)|::regtype|pg_typeof|TABLESAMPLE|xmin", re.I)


def rows_of(messages):
    """Rows, tags and SQLSTATEs: names of types, modifiers and texts of errors are the gateway's business."""
    found = [(kind, body) for kind, body in messages if kind in "DCd"] + [("E", e["C"]) for e in streams.errors(messages)]
    return sorted(found, key=str)


class Meaning:
    def __init__(self, shop):
        self.shop = shop
        self.raws = []
        self.connect()

    def connect(self):
        for raw in self.raws:
            raw.socket.close()
        side = self.shop.side
        through, _ = side.enter("app", ordinary.GROUP)
        self.raws = [through, side.server.connect("shop_app", "shop_masked", copies.PASSWORD)]

    def ask(self, mode, text):
        data, ready = pair.single(mode, text)
        answers = []
        for raw in self.raws:
            raw.send(query("BEGIN") + data + query("ROLLBACK"))
            seen = []
            for _ in range(ready + 2):
                seen += raw.read_until("Z")
            answers.append(seen)
        if any(seen[-1][0] != "Z" for seen in answers):
            self.connect()
        return answers

    def difference(self, mode, text):
        through, direct = self.ask(mode, text)
        if any(map(streams.is_refusal, streams.errors(through))):
            return None
        one, two = rows_of(through), rows_of(direct)
        if one == two:
            return ""
        return "; ".join(f"{streams.show(a) if a[0] != 'E' else a} ≠ {streams.show(b) if b[0] != 'E' else b}" for a, b in
                         zip([m for m in one if m not in two] + [("", b"")], [m for m in two if m not in one] + [("", b"")]))[:600] or "number of rows"


def run(meaning, counted, what, texts):
    n, refused, wrong = 0, 0, []
    for number, text in enumerate(texts):
        mode = ("simple", "pieces")[number % 2]  # binary rows hold types, and a domain's mask is of its base type
        told = meaning.difference(mode, text)
        n, refused = n + 1, refused + (told is None)
        if told:
            short = shrink.shrink(text, lambda one: bool(meaning.difference(mode, one)), 200) if len(wrong) < 8 else text
            wrong.append(f"{mode}: {short}\n        {told}\n        was: {text[:600]}")
    counted.check(f"{what}: {n - refused} statements return what they return on masks ({refused} are refused)", not wrong and n > refused,
                  f"{len(wrong)} do not:\n      " + "\n      ".join(wrong[:12]))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--generated", type=int, default=300)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    counted = tally.Tally()
    with process.World() as world:
        shop = ordinary.Shop(world)
        meaning = Meaning(shop)
        texts = [case.text for case in cases.read(arguments.only) if case.text and ";" not in case.text and case.role == "reader" and not BESIDE.search(case.text)]
        run(meaning, counted, "cases", texts)
        maker = generate.Maker(arguments.seed)
        made = [text for text in (maker.statement() for _ in range(arguments.generated * 2)) if not BESIDE.search(text)][:arguments.generated]
        run(meaning, counted, f"generated statements (seed {arguments.seed})", made)
    counted.finish()


if __name__ == "__main__":
    main()
