"""doc/coverage.md: what is tried and what holds. It follows from the cases alone: a case that is not marked open
has to hold, or `run` fails."""
import collections
import pathlib

PAGE = pathlib.Path(__file__).resolve().parents[3] / "doc" / "coverage.md"
FAMILIES = {
    "lexing": "text that a guard and the server could cut into different tokens: comments, escapes, dollar quotes, encodings",
    "skew": "text whose meaning hangs on the server's version",
    "calls": "code of the database's own: called, or run by operators, casts, domains, defaults, rules, triggers",
    "change": "rows changed: WHERE clauses that let everything pass, detours, many small steps, names that move",
    "approval": "changes that need an approval, made without one",
    "shape": "definitions: tables, columns, code, schemas, extensions, publications",
    "rights": "roles, privileges, settings, locks, replication, and the server's files",
    "reading": "roads to a relation that a rule denies",
    "wire": "states of the protocol: pipelines, names, portals, COPY, connections cut",
    "works": "what the policies allow, and what must work",
}
HEAD = """# Ways around the guard

Made from `tests/attack/ways/cases/*.yaml` by `tests/attack/ways/run --doc`; do not edit.

Each case is a way in which a client could do, through the gateway, what a policy forbids. It is tried on a real
PostgreSQL twice. Without the gateway it must do its damage: a case that does none is broken, and fails. Through the
gateway it holds when what it would change is unchanged once its sessions have ended, and what it would read has not
been sent. Ordinary statements are cases too (`works`), since a guard that lets nothing pass would hold everywhere.

The policies are in `tests/attack/ways/policies.yaml`. `much` lets an agent work: it reads and changes nearly
everything, and denies changes without a WHERE, a schema, statistics and code; it holds some changes for an approval,
trusts two pieces of code, and limits affected rows. `little` allows a few relations. `builder` changes definitions too,
but for two schemas that it denies. The roles are the owner of the tables, an application, a reader, one for
replication, one that may make roles, and a superuser where a way needs one.

## How to run it

```sh
make ways                                           # one role a case, under the policy that allows most
tests/attack/ways/run --full                        # each role, each policy: some minutes
tests/attack/ways/run --only lexing/ --verbose      # one family, or one case
tests/attack/ways/run --json ways.json              # the numbers for a program
```

It prints a line for what fails, `FAMILY: N ways, N stopped` for each family, and `N passed, N failed` at the end.
`make check` runs it. It needs PostgreSQL 15 on the machine, and starts servers of its own on loopback.

## What is tried

A try is a case as one role under one policy.

| family | what | ways | tries | stopped | not stopped |
|---|---|---|---|---|---|
"""
REST = """
## Masks

`tests/masking` holds what is tried against masked columns: each case runs on two databases that differ in masked values alone, as simple and as extended
queries, as text and as binary, and must give the same bytes; a case that does not tell them apart without masks is broken. Statements made at random, sqlsmith's and
pgbench's run as well. What masks cannot stop is told in [masking.md](masking.md#what-is-not-stopped), and what is open in
`tests/masking/cases`, with the reason. In short, not stopped are:

* **A literal in a definition that looks like no data**, and trees of definitions (`pg_node_tree`): ordinary tools and dumps need definitions.
* **A view that somebody else redefined** less than a second ago, over a masked column: the server can be asked for the names of columns as they are now, and
  for a view's definition as it was in the transaction's snapshot only.
* **A masked column that may be written** (`write: allow`) and is unique: that it cannot be written again tells that the value is there.
* **Order and equality of masks that show a part**, where `predicates: masked` lets masks be compared: that is what these masks show.
* **What trusted code, triggers, checks and row security do** with what they read.
* **What a client knows**: a literal that it sends and gets back.
* **Time, numbers of rows, and clear columns.**

Masks [by value](masking.md#by-value) are tried with card numbers, IBANs and addresses in 33 types of columns and expressions, in text and in binary, by each way that rows take, in COPY, and in rows of some MB; a fuzzer of
whole sessions looks for values in whatever a client gets.

## What no gateway can hold

* **Who may do everything.** Behind a role that is superuser, owns the tables or may make roles stands nothing but the
  policy. Let agents log in with a role that could not do the worst: `postern doctor` says what a role could do that no
  policy sees.
* **What the database does by itself.** Triggers, defaults, row security and views of the database run code that no
  statement names. The relations that rules, views, partitions, inheritance and foreign keys lead to are followed; what
  stands in a function's body is not looked at. The rows that it changes count where changed rows are limited.
* **What trusted code does.** A function that a policy trusts, or that it allows to be called, counts as doing nothing
  besides. Trust those that only compute; dynamic SQL inside of one is out of sight.
* **Small steps.** What `affected_rows` and a budget allow can be done, by many people too. Whether a WHERE is sensible
  cannot be decided; the obvious ones that are not are seen, and the limits count the rest.
* **Side channels.** How long a statement takes, how many rows there are, which plan it has, which errors come, whether a
  lock is taken: whoever may ask about data learns of it. Statistics (`pg_stats`) and the catalogue show values and
  names: deny them where that matters, as `much` does.
* **A name that moved a moment ago.** What others change in the catalogue is seen when the gateway looks, once a second,
  and later on a server that is slow. What a session changes itself is seen at once.
* **Other doors.** Who reaches the server without the gateway is not guarded by it.
* **Load.** A statement that is allowed may use the server's memory and time up to `limits.statement`.
* **Servers that are not PostgreSQL 15.** The grammar is 15's; what later versions read differently is refused or
  denied (`skew`), as far as it is known.
"""


def tries(case):
    return len(case["policies"]) * len(case["roles"])


def opened(case):
    return len(set(case["open"]) & set(case["policies"])) * len(case["roles"])


def row(family, members):
    n, left = sum(map(tries, members)), sum(map(opened, members))
    return [family, FAMILIES[family], len(members), n, n - left, left]


def text(cases):
    by_family = collections.OrderedDict((family, []) for family in FAMILIES)
    for case in cases:
        by_family[case["family"]].append(case)
    rows = [row(family, members) for family, members in by_family.items()]
    guards = [one for one in rows if one[0] != "works"]
    out = HEAD
    for one in guards + [["all of these", ""] + [sum(column) for column in zip(*(one[2:] for one in guards))]]:
        out += "| " + " | ".join(map(str, one)) + " |\n"
    works = rows[-1]
    out += f"\nOf {works[2]} ordinary kinds of statements ({works[3]} tries) {works[2]} work.\n"
    out += "\n## What is tried and not stopped\n\n"
    for case in cases:
        if opened(case):
            why = case["why"][0].upper() + case["why"][1:]
            out += f"* `{case['id']}` (under {' and '.join(case['open'])}): {case['say']}. {why}.\n"
    if not any(map(opened, cases)):
        out += "Nothing that is tried here.\n"
    return out + REST
