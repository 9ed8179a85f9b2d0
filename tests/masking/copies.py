"""Two servers whose databases differ in masked values alone, and a gateway before each.

The second server's folder is a copy of the first's, taken when the schema is there and the rows are not: objects,
their OIDs and the roles' passwords are the same to the bit. Both listen on the same port, on different addresses,
so that nothing a client may ask for says which of them answers."""
import concurrent.futures
import pathlib

import yaml

import gateway
import postgres
import process
import rawpg

HERE = pathlib.Path(__file__).resolve().parent
PASSWORD = "shop-password"
ROLES = ("owner", "app", "reader", "clerk")
SETTINGS = {"autovacuum": "off", "max_connections": "60", "max_parallel_workers_per_gather": "0", "jit": "off",
            "timezone": "UTC", "checkpoint_timeout": "1h", "statement_timeout": "60s", "lock_timeout": "30s",
            "stats_fetch_consistency": "none"}
HBA = postgres.HBA.replace("127.0.0.1/32", "127.0.0.0/8")
GROUPS = {  # what a token's group means: how each item of policies.yaml's `mask` goes on
    "compared": {"predicates": "masked"},
    "refused": {"predicates": "refuse"},
    "written": {"predicates": "masked", "write": "allow"},
}


class Server(postgres.Cluster):
    """Of the two, one is initdb's and one is a copy of the other's folder."""

    def __init__(self, world, number, original=None):
        self.address = f"127.0.0.{number}"
        self.number = number
        settings = {**SETTINGS, "listen_addresses": self.address}
        if original is None:
            super().__init__(world, f"copy-{number}", settings, hba=HBA)
            return
        self.world, self.name = world, f"copy-{number}"
        self.home = world.make_folder(self.name, "postgres")
        self.data, self.port, self.password = self.home / "data", original.port, original.password
        process.run(["cp", "-a", original.data, original.home / "password", self.home])
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        with open(self.data / "postgresql.auto.conf", "a") as out:
            out.write(f"listen_addresses = '{self.address}'\nunix_socket_directories = '{self.home}'\n")
        self.start()

    def environment(self, database="postgres", user="postgres"):
        return {**super().environment(database, user), "PGHOST": self.address}

    def is_ready(self):
        if self.process.poll() is not None:
            raise process.Failed(self.process.output_path.read_text())
        return process.answers(self.port, self.address)

    def run_file(self, path, database, **variables):
        settings = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
        process.run(["psql", "-XqAt", "-1", "-v", "ON_ERROR_STOP=1", *settings, "-f", path], env=self.environment(database))

    def connect(self, user="postgres", database="postgres", password=None):
        raw = rawpg.Raw(self.port, self.address)
        seen = raw.login(password or self.password, user, database)
        if seen[-1][0] != "Z":
            raise process.Failed(f"{user} is not let in: {rawpg.error(seen)}")
        return raw


def make_policies(masked):
    """Policies for config["policies"]. Without masks: one that allows everything, for every group."""
    logins = [{"name": f"as-{role}", "who": {"claims": {"login": role}}, "login": role} for role in ROLES]
    if not masked:
        return [{**gateway.OPEN_POLICY, "record": {"rows": "none", "on_failure": "deny"}}, *logins]
    policies = []
    for group, how in GROUPS.items():
        base = yaml.safe_load((HERE / "policies.yaml").read_text())
        policies.append({"name": group, "who": {"groups": [group]}, "record": {"rows": "none", "on_failure": "deny"},
                         **base, "mask": [{**item, **how} for item in base["mask"]]})
    return policies + [make_dumped()] + logins


def make_dumped():
    """Masks that keys and checks agree with, so that a dump can be restored."""
    base = yaml.safe_load((HERE / "policies.yaml").read_text())
    base["mask"] = [
        {"columns": ["*.customers.email", "*.customers.home", "*.customers.photo", "*.customers.profile", "*.customers.aliases"], "with": "null"},
        {"columns": ["*.*.card_number"], "with": "constant(0000)"}, {"columns": ["*.customers.pin", "tag:pii", "*.documents.ssn"], "with": "redact"},
        {"columns": ["*.*.phone"], "with": "partial_phone"}, {"columns": ["*.customers.salary"], "with": "range(10000)"}]
    return {"name": "dumped", "who": {"groups": ["dumped"]}, "record": {"rows": "none", "on_failure": "deny"}, **base}


class Side:
    """A server, its gateway (None: clients go directly), and a superuser's own connection."""

    def __init__(self, world, server):
        self.world, self.server, self.gate, self.database = world, server, None, None
        self.direct, self.masked = server.connect(), False

    def begin_gate(self, masked):
        secret = self.server.home / "shop-password"
        secret.write_text(PASSWORD)

        def change(config):
            config["policies"] = make_policies(masked)
            config["connections"][0].update(
                name="shop", databases=["shop*"],
                logins=[{"name": role, "user": f"shop_{role}", "password": f"${{file:{secret}}}"} for role in ROLES])
            config["connections"][0]["target"]["host"] = self.server.address
        self.masked = masked
        if self.gate:
            self.gate.stop()
        self.gate = gateway.Gateway(self.world, self.server, change=change,
                                    name=f"gate-{self.server.number}-{'masks' if masked else 'plain'}")

    def fresh(self, name):
        """Its database as it was loaded, under this name."""
        texts = [f"CREATE DATABASE {name} TEMPLATE kept STRATEGY FILE_COPY",
                 f"GRANT TEMPORARY ON DATABASE {name} TO shop_app, shop_owner, shop_reader",
                 f"GRANT CREATE ON DATABASE {name} TO shop_owner"]
        if self.database:
            texts.insert(0, f"DROP DATABASE {self.database} WITH (FORCE)")
        for text in texts:
            told = rawpg.error(self.direct.simple(text))
            if told:
                raise process.Failed(f"{text}: {told['M']}")
        self.database = name

    def newest(self):
        """The number that the next transaction will have that writes."""
        return int(self.direct.value("SELECT pg_snapshot_xmax(pg_current_snapshot())"))

    def has_changed(self, since):
        """Whether a transaction with this number or a newer one was committed, or is prepared."""
        self.settle()
        return self.newest() != since and self.direct.value(
            f"SELECT count(*) FROM generate_series({since}, pg_snapshot_xmax(pg_current_snapshot())::text::int8 - 1) x "
            "WHERE pg_xact_status(x::text::xid8) <> 'aborted'") != "0"

    def settle(self):
        """Waits until no client is left: what the sessions did is done, or is not."""
        asked = ("SELECT count(*) FROM pg_stat_activity WHERE usename ~ '^shop_' AND application_name <> 'postern' "
                 f"AND datname = '{self.database}'")
        process.wait_for(lambda: self.direct.value(asked) == "0", "the end of a case", every=0.005)

    def enter(self, role, group):
        """A client's connection, and what came until the first ReadyForQuery."""
        if self.gate is None:
            raw = rawpg.Raw(self.server.port, self.server.address)
            return raw, raw.login(PASSWORD, f"shop_{role}", self.database)
        raw = rawpg.Raw(self.gate.port)
        token = self.gate.token(groups=[group], login=role)
        return raw, raw.login(token, "agent", self.database)


class Copies:
    """Both sides. masked=None: no gateways."""

    def __init__(self, world, masked=False):
        one = Server(world, 1)
        for role in ROLES:
            one.sql(f"CREATE ROLE shop_{role} LOGIN PASSWORD '{PASSWORD}'")
        one.sql("CREATE DATABASE kept TEMPLATE template0")
        one.sql("GRANT CREATE ON DATABASE kept TO shop_owner; GRANT ALL ON DATABASE kept TO shop_app")
        one.sql("GRANT CREATE ON SCHEMA public TO shop_owner", "kept")
        one.run_file(HERE / "schema.sql", "kept")
        one.stop()
        two = Server(world, 2, one)
        one.start()
        for server in (one, two):
            server.run_file(HERE / "rows.sql", "kept", copy=server.number)
            server.sql("VACUUM (FREEZE, ANALYZE)", "kept")
            server.sql("CHECKPOINT")
        self.world, self.sides, self.made = world, [Side(world, one), Side(world, two)], 0
        self.fresh()
        if masked is not None:
            self.begin_gates(masked)

    def begin_gates(self, masked):
        for side in self.sides:
            side.begin_gate(masked)

    def fresh(self):
        self.made += 1
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda side: side.fresh(f"shop{self.made}"), self.sides))

    def newest(self):
        return [side.newest() for side in self.sides]

    def has_changed(self, since):
        return any([side.has_changed(one) for side, one in zip(self.sides, since)])
