"""What a database holds, as it was when its fixture was loaded: whether anything has changed since, and the rows put
back. A copy of a database costs the server a hundred times what a few rows cost."""
import rawpg

# Catalogues that every database has of its own. Statistics are left out: they change by themselves.
CATALOGUES = ("aggregate am amop amproc attrdef attribute cast class collation constraint conversion default_acl depend "
              "enum event_trigger extension foreign_data_wrapper foreign_server foreign_table index inherits "
              "language largeobject largeobject_metadata namespace opclass operator opfamily partitioned_table policy "
              "proc publication publication_namespace publication_rel range rewrite seclabel sequence statistic_ext "
              "transform trigger ts_config ts_config_map ts_dict ts_parser ts_template type user_mapping").split()
MINE = "nspname !~ '^pg_' AND nspname <> 'information_schema'"
# What all databases share, but for what a copy of a database changes itself.
SHARED = """SELECT concat_ws(' ',
    (SELECT md5(string_agg(a::text, ',' ORDER BY oid)) FROM pg_authid a),
    (SELECT md5(string_agg(a::text, ',' ORDER BY a::text)) FROM pg_auth_members a),
    (SELECT md5(string_agg(a::text, ',' ORDER BY a::text)) FROM pg_db_role_setting a),
    (SELECT md5(string_agg(a::text, ',' ORDER BY a::text)) FROM pg_parameter_acl a),
    (SELECT md5(string_agg(datname, ',' ORDER BY datname)) FROM pg_database WHERE datname !~ '^shop'),
    (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_prepared_xacts),
    (SELECT count(*) FROM pg_replication_origin), (SELECT count(*) FROM pg_subscription),
    (SELECT count(*) FROM pg_tablespace))"""


def _sum(catalogue):
    where = " WHERE nspname !~ '^pg_(toast_)?temp'" if catalogue == "namespace" else ""
    return f"(SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM pg_catalog.pg_{catalogue}{where})"


def _rows(relation):
    return f"(SELECT concat(count(*), ':', sum(xmin::text::bigint)) FROM ONLY {relation})"


class Seed:
    """The rows of the template, read once."""

    def __init__(self, raw):
        kinds = f"SELECT c.oid::regclass FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE {MINE} AND relkind = "
        self.tables = [row[0].decode() for row in raw.rows(kinds + "'r' ORDER BY c.oid")]
        sequences = [row[0].decode() for row in raw.rows(kinds + "'S' ORDER BY c.oid")]
        self.rows = {table: self._copy_out(raw, table) for table in self.tables}
        self.sequences = [(name, *[value.decode() for value in raw.rows(f"SELECT last_value, is_called FROM {name}")[0]])
                          for name in sequences]
        self.definitions = "SELECT concat_ws(' ', " + ", ".join(map(_sum, CATALOGUES)) + \
            ", (SELECT concat(datacl, datconnlimit, datallowconn, datdba) FROM pg_database WHERE datname = current_database()))"
        self.content = "SELECT " + ", ".join(
            [*map(_rows, self.tables), *(f"(SELECT concat(last_value, is_called) FROM {name})" for name in sequences)])

    @staticmethod
    def _copy_out(raw, table):
        return b"".join(body for kind, body in raw.simple(f"COPY {table} TO STDOUT")
                        if kind == "d")


class State:
    """One database. `raw` is a superuser's connection to it."""

    def __init__(self, seed, raw):
        self.seed = seed
        self.definitions, self.content = raw.value(seed.definitions), raw.rows(seed.content)[0]

    def put_back(self, raw):
        """Whether the database is as it was, once rows and sequences have been put back."""
        content = raw.rows(self.seed.content)
        if not content or raw.value(self.seed.definitions) != self.definitions:
            return False
        changed = [table for table, now, was in zip(self.seed.tables, content[0], self.content) if now != was]
        if changed:
            self._write(raw, changed)
        if content[0][len(self.seed.tables):] != self.content[len(self.seed.tables):]:
            raw.simple("SELECT " + ", ".join(f"setval('{name}', {last}, '{called}')"
                                             for name, last, called in self.seed.sequences))
        self.content = raw.rows(self.seed.content)[0]
        return raw.value(self.seed.definitions) == self.definitions

    def _write(self, raw, tables):
        raw.simple("BEGIN; SET LOCAL session_replication_role = replica; "
                   + "; ".join(f"DELETE FROM ONLY {table}" for table in tables))
        for table in tables:
            raw.send(rawpg.query(f"COPY {table} FROM STDIN"))
            raw.read_until("GZ")
            raw.send(rawpg.copy_data(self.seed.rows[table]), rawpg.COPY_DONE)
            raw.read_until("Z")
        raw.simple("COMMIT")
