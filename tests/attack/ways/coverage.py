"""doc/coverage.md: what is tried and what holds. It follows from the cases alone: a case that is not marked open
has to hold, or `run` fails."""
import collections
import pathlib

PAGE = pathlib.Path(__file__).resolve().parents[3] / "doc" / "coverage.md"
FAMILIES = {
    "lexing": "text that a guard and the server could cut into different tokens",
    "skew": "text whose meaning hangs on the server's version",
    "calls": "code of the database's own: called, or run by operators, casts, domains, defaults, rules, triggers",
    "change": "rows changed: WHERE clauses that let everything pass, detours, many small steps, names that move",
    "shape": "definitions: tables, columns, code, schemas, extensions, publications",
    "rights": "roles, privileges, settings, locks, replication, and the server's files",
    "reading": "roads to a relation that a rule denies",
    "wire": "states of the protocol",
    "works": "what the policies allow, and what must work",
}
HEAD = """# Ways around the guard

Made from `tests/attack/ways/cases/*.yaml` by `tests/attack/ways/run --write`; do not edit. `make ways` runs it all.

Each case is a way in which a client could do, through the gateway, what a policy forbids. Each was tried without a
gateway first, as each of its roles, and does its damage there. Through the gateway each is tried under two policies
(`policies.yaml`: one allows much, one little) and as each of its roles: the owner of the tables, an application,
a reader, a role for replication, one that may make roles, and a superuser where the way needs one. A case holds
when what it would change is unchanged afterwards, and what it would read has not been sent. `make check` tries
each case under each policy as one of its roles.

| family | what | cases | tries | hold | do not |
|---|---|---|---|---|---|
"""
REST = """
## What no gateway can hold

* **What the database does by itself.** Triggers, defaults, row security and views of the database call code that no
  statement names. The relations that rules, views, partitions, inheritance and foreign keys lead to are followed; what a
  function's body does is not looked at.
* **Who may do everything.** Behind a role that is superuser, owns the tables or may make roles stands nothing but the
  policy. `postern doctor` says what a role could do that no policy sees.
* **Other doors.** Who reaches the server without the gateway is not guarded by it.
* **What an allowed statement tells.** How long it takes, how many rows there are, which plan it has.
* **Load.** A statement that is allowed may use all of the server's memory and time up to `limits.statement`.
"""


def tries(case):
    return len(case["policies"]) * len(case["roles"])


def opened(case):
    return len(set(case["open"]) & set(case["policies"])) * len(case["roles"])


def text(cases):
    by_family = collections.OrderedDict((family, []) for family in FAMILIES)
    for case in cases:
        by_family[case["family"]].append(case)
    rows, out = [], HEAD
    for family, members in by_family.items():
        n, left = sum(map(tries, members)), sum(map(opened, members))
        rows.append((len(members), n, n - left, left))
        out += f"| `{family}` | {FAMILIES[family]} | {len(members)} | {n} | {n - left} | {left} |\n"
    out += "| all | | " + " | ".join(str(sum(row[i] for row in rows)) for i in range(4)) + " |\n"
    out += "\n## What does not hold, and why\n\n"
    for case in cases:
        if opened(case):
            out += f"* `{case['id']}` (under {', '.join(case['open'])}): {case['say']}. {case['why'][0].upper()}{case['why'][1:]}.\n"
    if not any(map(opened, cases)):
        out += "Nothing that is tried here.\n"
    return out + REST
