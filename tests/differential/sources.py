"""Where the statements come from, and the databases that they are about."""
import pathlib
import re

import yaml

import postgres
import process
import understanding

HERE = pathlib.Path(__file__).resolve().parent
CASES = process.ROOT / "src" / "sql" / "cases"
WAYS = HERE.parent / "attack" / "ways"
# What would end or change the session that asks, wait, or reach out of the database.
NEVER = re.compile(r"\s*(begin|start|commit|end|rollback|abort|savepoint|release|prepare\s+transaction|set|reset|discard|copy|vacuum|"
                   r"cluster|listen|checkpoint|load|create\s+(database|tablespace|subscription)|drop\s+(database|tablespace|owned)|alter\s+(system|database)|"
                   r"reindex\s+(database|system|schema)|declare|fetch|close|move)\b", re.I)
WAITS = re.compile(r"pg_sleep|pg_terminate|pg_cancel|pg_promote|advisory_lock|pg_reload|pg_rotate|lo_import|lo_export|dblink|pg_read", re.I)


def may_run(text):
    return not NEVER.match(text) and not WAITS.search(text)


class Own:
    """A database of ours and statements about it; made once."""

    def __init__(self, name, database, make, texts, least):
        self.name, self.database, self._make, self.texts, self.least = name, database, make, texts, least
        self.made = False

    def make(self, cluster):
        if not self.made:
            cluster.sql(f"CREATE DATABASE {self.database}")
            self._make(cluster, self.database)
            self.made = True


def load(*paths):
    def make(cluster, database):
        for path in paths:
            cluster.sql(path.read_text(), database)
    return make


def cases(*names):
    """The texts of decision tables: what stands before the arrow."""
    def texts():
        return [line.partition("  =>  ")[0].replace("\\n", "\n") for name in names
                for line in (CASES / name).read_text().splitlines() if "  =>  " in line and line[0] not in "@#"]
    return texts


def make_ways(cluster, database):
    for role in ("owner", "app", "reader", "repl", "clerk", "root"):
        cluster.sql(f"CREATE ROLE shop_{role} LOGIN")
    cluster.sql(f"GRANT CREATE ON DATABASE {database} TO shop_owner")
    process.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-f", WAYS / "fixture.sql"], env=cluster.environment(database))


def texts_of_steps(value):
    """Every text in the steps of a case."""
    if isinstance(value, str):
        yield value
    for one in value if isinstance(value, list) else value.values() if isinstance(value, dict) else []:
        yield from texts_of_steps(one)


def ways():
    return [text for path in sorted((WAYS / "cases").glob("*.yaml")) for case in yaml.safe_load(path.read_text())
            for text in texts_of_steps(case["steps"])]


def lines_of(path):
    return lambda: list(understanding.statements(path.read_text()))


OWN = [
    Own("statements of lineage", "lineage", load(HERE.parent / "lineage" / "world.sql"),
        lines_of(HERE.parent / "lineage" / "statements.sql"), 60),
    Own("cases of columns", "columns", load(HERE / "columns.sql"), cases("lineage.cases"), 100),
    Own("cases of names", "names", load(HERE / "names.sql"), cases("names.cases", "where.cases", "relations.cases"), 100),
    Own("ways around", "ways", make_ways, ways, 200),
    Own("statements of a shop", "shop", load(HERE / "shop.sql"), lines_of(HERE / "statements.sql"), 60),
]
