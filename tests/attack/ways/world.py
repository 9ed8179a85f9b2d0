"""The shop's server, the gateway before it, and databases to spoil: one template, copies of it as needed."""
import pathlib
import queue
import threading
import time

import yaml

import gateway
import postgres
import process
import rawpg
import state

HERE = pathlib.Path(__file__).resolve().parent
PASSWORD = "shop-password"
PLACE = "SELECT pg_current_wal_insert_lsn()"
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


class Copies:
    """Databases as the template is, made ahead by a thread; old ones are dropped by it."""

    AHEAD = 3

    def __init__(self, cluster):
        self.cluster, self.ready, self.old = cluster, queue.Queue(self.AHEAD), queue.Queue()
        threading.Thread(target=self._make, daemon=True).start()

    def _make(self):
        try:
            raw, made = rawpg.Raw(self.cluster.port), 0
            raw.login(self.cluster.password)
            while True:
                made += 1
                for text in (f"CREATE DATABASE shop{made} TEMPLATE shop_template STRATEGY FILE_COPY",
                             f"GRANT CREATE ON DATABASE shop{made} TO shop_owner"):
                    told = rawpg.error(raw.simple(text))
                    if told:
                        raise process.Failed(f"{text}: {told['M']}")
                self.ready.put(f"shop{made}")
                while not self.old.empty():
                    raw.simple(f"DROP DATABASE {self.old.get()} WITH (FORCE)")
        except (OSError, rawpg.Closed, process.Failed) as error:
            self.ready.put(error)

    def take(self):
        name = self.ready.get(timeout=900)
        if isinstance(name, Exception):
            raise name
        return name


class Shop:
    """gate is None where the ways are tried without a gateway."""

    def __init__(self, world, bare=False, limits=True):
        self.cluster = postgres.Cluster(world, "shop", SERVER, hba=postgres.HBA + "host replication all 127.0.0.1/32 scram-sha-256\n")
        for role in ROLES:
            self.cluster.sql(f"CREATE ROLE shop_{role}; {attributes_of(role)}")
        self.cluster.sql("CREATE DATABASE shop_template TEMPLATE template0")
        self.cluster.sql("GRANT CREATE ON DATABASE shop_template TO shop_owner")
        process.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", "shop_template", "-f", HERE / "fixture.sql"],
                    env=self.cluster.environment())
        with self.connect("shop_template") as raw:
            self.seed = state.Seed(raw)
        self.direct = self.connect("postgres")
        self.shared = self.direct.value(state.SHARED)
        self.n_copies = 0
        self.copies, self.database, self.inside, self.place, self.state = Copies(self.cluster), None, None, None, None
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

    def connect(self, database):
        raw = rawpg.Raw(self.cluster.port)
        raw.login(self.cluster.password, database=database)
        return raw

    def leave(self):
        """The superuser's own connection to the database would be in the way of some cases."""
        if self.inside:
            self.inside.socket.close()
        self.inside = None

    def ask(self, sql):
        """The first value of what a superuser is answered in the database, or "error CODE"."""
        for _ in range(2):
            self.inside = self.inside or self.connect(self.database)
            try:
                answer = self.inside.simple(sql)
                if answer[-1][0] == "Z":
                    return first_value(answer)
            except (OSError, rawpg.Closed):
                pass
            self.leave()
        return "error: no connection"

    def enter(self, role, policy, principal, parameters=None, bare=False):
        """A connection as a role; what came until the first ReadyForQuery, or until it was turned away."""
        port, user, password = self.cluster.port, f"shop_{role}", PASSWORD
        if self.gate and not bare:
            port, user = self.gate.port, "agent"
            password = self.gate.token(sub=principal, groups=[policy], shop_role=role)
            # Nobody decides here: what is held is refused at once.
            parameters = [(k, v) for k, v in parameters or []]
            if not any(k == "options" for k, _ in parameters):
                parameters.append(("options", ""))
            parameters = [(k, f"{v} -c postern.on_hold=fail" if k == "options" else v) for k, v in parameters]
        raw = rawpg.Raw(port, timeout=60)
        raw.send(rawpg.startup([("user", user), ("database", self.database), *(parameters or [])]))
        return raw, raw.authenticate(password)

    def settle(self):
        """Waits until no session of a case is left: what it did is done, or is not."""
        process.wait_for(lambda: self.direct.value(f"SELECT count(*) FROM pg_stat_activity WHERE (datname = '{self.database}' OR "
                                                   "backend_type = 'walsender') AND usename ~ '^shop_' AND "
                                                   "application_name <> 'postern'") == "0",
                         "the end of a case's sessions", every=0.002)

    def prepare(self, spoilt=False):
        """The name of a database that is as the template was."""
        if self.database and not spoilt and self.is_fresh():
            return
        if self.database:
            self.leave()
            self.copies.old.put(self.database)
        self.n_copies += 1
        self.database = self.copies.take()
        self.inside = self.connect(self.database)
        self.state = state.State(self.seed, self.inside)
        self.put_back_shared()
        self.place = self.direct.value(PLACE)

    def is_fresh(self):
        """Where the server's log of changes has not moved nothing has changed."""
        if self.direct.value(PLACE) == self.place:
            return True
        self.put_back_shared()
        try:
            self.inside = self.inside or self.connect(self.database)
            fresh = self.state.put_back(self.inside)
        except (OSError, rawpg.Closed):
            fresh = False
        self.place = self.direct.value(PLACE)
        return fresh

    def put_back_shared(self):
        if self.direct.value(state.SHARED) == self.shared:
            return
        for text in (RESTORE, *map(attributes_of, ROLES)):
            told = rawpg.error(self.direct.simple(text))
            if told:
                raise process.Failed(f"what all databases share is spoilt: {told['M']}")
        self.shared = self.direct.value(state.SHARED)


def attributes_of(role):
    return (f"ALTER ROLE shop_{role} RESET ALL; ALTER ROLE shop_{role} {PLAIN} PASSWORD '{PASSWORD}';"
            f"ALTER ROLE shop_{role} LOGIN CONNECTION LIMIT -1 {ROLES[role]}")


def first_value(messages):
    told = rawpg.error(messages)
    if told:
        return f"error {told['C']}"
    rows = [rawpg.columns(body) for kind, body in messages if kind == "D"]
    return rows[0][0].decode() if rows and rows[0][0] is not None else "nothing"
