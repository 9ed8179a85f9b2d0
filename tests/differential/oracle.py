"""What PostgreSQL itself says that a statement touches.

Its own analysis: with debug_print_parse and client_min_messages = log, a Parse message is answered with the
analysed tree, in which each range-table entry of a relation has the rights that it needs (requiredPerms) and the
columns they are needed for (selectedCols, insertedCols, updatedCols); debug_print_rewritten adds the relations behind
views and rules. Nothing is run for that.

Its locks: what a statement locks while it runs, in a transaction that is rolled back; that holds partitions,
children, foreign keys and the statements that are no queries as well."""
import collections
import re
import rawpg

ENTRY = re.compile(r":rtekind 0 :relid (\d+) :relkind (.) .*?:requiredPerms (\d+) :checkAsUser \d+ "
                   r":selectedCols \(b([ \d]*)\) :insertedCols \(b([ \d]*)\) :updatedCols \(b([ \d]*)\)", re.S)
TITLES = {"parse tree:": "parse", "rewritten parse tree:": "rewritten"}
INSERT, SELECT, UPDATE, DELETE = 1, 2, 4, 8
FIRST_ATTRIBUTE = 7  # -FirstLowInvalidHeapAttributeNumber: attribute n is number n + 7 of a set
FIRST_OID = 16384
# Of this session, in this database; no indexes, no TOAST.
LOCKED = """SELECT DISTINCT relation, mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation'
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
# Functions of the database's own that ran in this transaction.
CALLED = "SELECT count(*) FROM pg_stat_xact_user_functions WHERE funcid >= 16384"
THERE = "SELECT oid, relname, relkind FROM pg_class WHERE oid >= 16384 AND relkind IN ('r', 'v', 'm', 'p', 'f', 'S')"


class Entry:
    """A relation in a range table."""

    def __init__(self, match):
        self.oid, self.kind, self.rights = int(match.group(1)), match.group(2), int(match.group(3))
        self.selected, self.inserted, self.updated = ({int(n) - FIRST_ATTRIBUTE for n in match.group(i).split()}
                                                      for i in (4, 5, 6))


class Analysis:
    def __init__(self):
        self.parse, self.rewritten = [], []


def connect(cluster, database):
    client = rawpg.Raw(cluster.port, timeout=300)
    client.login(cluster.password, database=database)
    client.simple("SET client_min_messages TO log; SET debug_pretty_print TO off; SET statement_timeout TO '5s';"
                  "SET lock_timeout TO '2s'; SET check_function_bodies TO off")
    client.simple("SET debug_print_parse TO on; SET debug_print_rewritten TO on")
    return client


def analyse(client, text):
    """The Analysis of one statement; None: the server does not take it."""
    client.send(rawpg.parse(text), rawpg.SYNC)
    found = Analysis()
    messages = client.read_until("Z")
    if messages[-1][0] != "Z" or rawpg.error(messages):
        return None
    for kind, body in messages:
        if kind != "N":
            continue
        told = rawpg.fields(body)
        where = TITLES.get(told.get("M"))
        if where:
            # Code that runs while a constant is read has its trees printed before: the last one counts.
            setattr(found, where, list(map(Entry, ENTRY.finditer(" ".join(told.get("D", "").split())))))
    return found


def relations(client):
    """{oid: (name, kind)} of the database's own relations."""
    return {int(oid): (name.decode(), kind.decode()) for oid, name, kind in client.rows(THERE)}


def foreign_keys(client):
    """{oid: the relations at the other ends of its foreign keys, whichever way they point}."""
    found = collections.defaultdict(set)
    for row in client.rows("SELECT conrelid, confrelid FROM pg_constraint WHERE contype = 'f'"):
        one, other = map(int, row)
        found[one].add(other)
        found[other].add(one)
    return found


def locks(client, text):
    """{oid: modes} of what it locks, and whether the database's own code ran; None: it fails, or cannot be rolled back."""
    client.simple("SELECT pg_stat_force_next_flush()")  # what was counted before is not asked for again
    client.simple("BEGIN; SET LOCAL track_functions TO 'all'")
    messages = client.simple(text)
    if rawpg.error(messages) or client.status != "T":
        client.simple("ROLLBACK")
        return None
    found = {}
    for oid, mode in client.rows(LOCKED):
        found.setdefault(int(oid), set()).add(mode.decode())
    called = client.rows(CALLED)
    client.simple("ROLLBACK")
    return (found, called != [[b"0"]]) if called else None
