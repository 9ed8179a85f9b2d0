"""The shop's server, the gateway before it, and databases to spoil: one template, copies of it as needed."""
import pathlib

import yaml

import gateway
import postgres
import process
import rawpg

HERE = pathlib.Path(__file__).resolve().parent
PASSWORD = "shop-password"
ROLES = {"owner": "", "app": "", "reader": "", "repl": "REPLICATION", "clerk": "CREATEROLE", "root": "SUPERUSER"}
PLAIN = "NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION NOBYPASSRLS LOGIN"
SERVER = {"wal_level": "logical", "autovacuum": "off", "max_prepared_transactions": "10", "max_connections": "60",
          "checkpoint_timeout": "1h", "shared_preload_libraries": "pg_stat_statements"}
# What belongs to no database, as it was.
RESTORE = """DO $$
DECLARE one text;
BEGIN
    FOR one IN SELECT slot_name FROM pg_replication_slots WHERE NOT active LOOP
        PERFORM pg_drop_replication_slot(one);
    END LOOP;
    FOR one IN SELECT rolname FROM pg_roles WHERE rolname !~ '^(pg_|postgres$)'
            AND rolname NOT IN ('shop_owner', 'shop_app', 'shop_reader', 'shop_repl', 'shop_clerk', 'shop_root') LOOP
        EXECUTE format('DROP ROLE %I', one);
    END LOOP;
    FOR one IN SELECT format('REVOKE %I FROM %I', r.rolname, m.rolname) FROM pg_auth_members a
            JOIN pg_roles r ON r.oid = a.roleid JOIN pg_roles m ON m.oid = a.member WHERE m.rolname ~ '^shop_' LOOP
        EXECUTE one;
    END LOOP;
    FOR one IN SELECT datname FROM pg_database WHERE datname !~ '^(shop|template|postgres)' LOOP
        RAISE 'database % is left', one;
    END LOOP;
END $$"""


def without_limits(policies):
    return [{key: value for key, value in policy.items() if key != "limits"} for policy in policies]


class Shop:
    """gate is None where the ways are tried without a gateway."""

    def __init__(self, world, bare=False, limits=True):
        self.cluster = postgres.Cluster(world, "shop", SERVER, hba=postgres.HBA + "host replication all 127.0.0.1/32 scram-sha-256\n")
        self.made = 0
        for role in ROLES:
            self.cluster.sql(f"CREATE ROLE shop_{role}; {attributes_of(role)}")
        self.cluster.sql("CREATE DATABASE shop_template TEMPLATE template0")
        self.cluster.sql("GRANT CREATE ON DATABASE shop_template TO shop_owner")
        process.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "shop_template", "-f", HERE / "fixture.sql"],
                    env=self.cluster.environment())
        self.direct = rawpg.Raw(self.cluster.port)
        self.direct.login(self.cluster.password)
        self.gate = None if bare else self.make_gate(world, limits)

    def make_gate(self, world, limits):
        secret = self.cluster.home / "shop-password"
        secret.write_text(PASSWORD)
        secret.chmod(0o600)

        def change(config):
            policies = yaml.safe_load((HERE / "policies.yaml").read_text())
            config["policies"] = policies if limits else without_limits(policies)
            config["connections"][0].update(
                name="shop", databases=["shop*"],
                logins=[{"name": role, "user": f"shop_{role}", "password": f"${{file:{secret}}}"} for role in ROLES])
        return gateway.Gateway(world, self.cluster, change=change)

    def ask(self, sql, database=None):
        """The first value of what a superuser is answered, or "error CODE"."""
        if database is None:
            return first_value(self.direct.simple(sql))
        with rawpg.Raw(self.cluster.port) as raw:
            raw.login(self.cluster.password, database=database)
            return first_value(raw.simple(sql))

    def enter(self, database, role, policy, principal, parameters=None, bare=False):
        """A connection as a role; what came until the first ReadyForQuery, or until it was turned away."""
        port, user, password = self.cluster.port, f"shop_{role}", PASSWORD
        if self.gate and not bare:
            port, user = self.gate.port, "agent"
            password = self.gate.token(sub=principal, groups=[policy], shop_role=role)
        raw = rawpg.Raw(port, timeout=8)
        raw.send(rawpg.startup([("user", user), ("database", database), *(parameters or [])]))
        return raw, raw.authenticate(password)

    def place(self):
        """Where the server's log of changes stands: the same twice means that nothing was changed."""
        return self.ask("SELECT pg_current_wal_insert_lsn()")

    def take(self, old=None):
        """The name of a new copy of the template; drops the old one."""
        if old:
            self.ask(f"DROP DATABASE {old} WITH (FORCE)")
        self.made += 1
        self.ask(f"CREATE DATABASE shop{self.made} TEMPLATE shop_template STRATEGY FILE_COPY")
        self.ask(f"GRANT CREATE ON DATABASE shop{self.made} TO shop_owner")
        self.ask(RESTORE)
        for role in ROLES:
            self.ask(attributes_of(role))
        return f"shop{self.made}"


def attributes_of(role):
    return (f"ALTER ROLE shop_{role} RESET ALL; ALTER ROLE shop_{role} {PLAIN} PASSWORD '{PASSWORD}';"
            f"ALTER ROLE shop_{role} LOGIN CONNECTION LIMIT -1 {ROLES[role]}")


def first_value(messages):
    told = rawpg.error(messages)
    if told:
        return f"error {told['C']}"
    rows = [rawpg.columns(body) for kind, body in messages if kind == "D"]
    return rows[0][0].decode() if rows and rows[0][0] is not None else "nothing"
