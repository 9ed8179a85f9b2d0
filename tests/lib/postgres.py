"""A throw-away PostgreSQL: its own cluster in the world's folder, on a loopback port and a Unix socket."""
import os
import signal
import time

import process

BIN = "/usr/lib/postgresql/15/bin"
PASSWORD = "t0p-Secret of the d@tabase"
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "logging_collector": "off",
    "max_prepared_transactions": "4",
}
HBA = "local all all scram-sha-256\nhost all all 127.0.0.1/32 scram-sha-256\n"


class Cluster:
    """Roles: postgres (superuser) and whatever sql() makes; both log in with SCRAM."""

    def __init__(self, world, name="postgres", settings=None, locale="C.UTF-8", hba=HBA):
        self.world, self.name = world, name
        self.home = world.make_folder(name, "postgres")
        self.data, self.port, self.password = self.home / "data", process.free_port(), PASSWORD
        secret = self.home / "password"
        secret.write_text(PASSWORD)
        self.own(secret)
        done = world.start([f"{BIN}/initdb", "-D", self.data, "-U", "postgres", "-A", "scram-sha-256", "-N",
                            f"--pwfile={secret}", "-E", "UTF8", f"--locale={locale}"], f"{name}-initdb", "postgres")
        if done.wait(900):
            raise process.Failed(done.output_path.read_text())
        (self.data / "pg_hba.conf").write_text(hba)
        with open(self.data / "postgresql.auto.conf", "a") as out:
            merged = {**SETTINGS, "port": self.port, "unix_socket_directories": self.home, **(settings or {})}
            for key, value in merged.items():
                out.write(f"{key} = '{value}'\n")
        self.start()

    def own(self, path):
        if os.geteuid() == 0:
            stat = self.home.stat()
            os.chown(path, stat.st_uid, stat.st_gid)

    def start(self):
        self.process = self.world.start([f"{BIN}/postgres", "-D", self.data], self.name, "postgres",
                                        death_signal=signal.SIGQUIT)
        self.world.callback(process.stop, self.process, signal.SIGINT)
        process.wait_for(self.is_ready, f"PostgreSQL {self.name}")

    def is_ready(self):
        if self.process.poll() is not None:
            raise process.Failed(self.process.output_path.read_text())
        return process.run([f"{BIN}/pg_isready", "-q", "-h", "127.0.0.1", "-p", self.port, "-U", "postgres"],
                           check=False).returncode == 0

    def reload(self):
        """Reads its configuration and pg_hba.conf anew; a session that begins afterwards meets them."""
        asked = "SELECT pg_conf_load_time()"
        before = self.sql(asked)
        self.sql("SELECT pg_reload_conf()")
        process.wait_for(lambda: self.sql(asked) != before, "the server's new configuration", every=0.1)

    def wait_for_looks(self, database="postgres", direct=None):
        """Until the gateway has asked twice what has changed in a database, which it does every second. direct: a
        superuser's own connection, where there is one."""
        asked = ("SELECT query_start FROM pg_stat_activity WHERE application_name = 'postern' AND state = 'idle' "
                 f"AND datname = '{database}'")
        ask = (lambda: direct.value(asked)) if direct else (lambda: self.sql(asked))
        for _ in range(2):
            last = ask()
            process.wait_for(lambda: ask() not in (None, "", last), "the gateway's look", every=0.05)
        time.sleep(0.2)

    def stop(self, number=signal.SIGINT):
        process.stop(self.process, number)

    def environment(self, database="postgres", user="postgres"):
        return {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": user,
                "PGPASSWORD": self.password, "PGDATABASE": database}

    def sql(self, text, database="postgres", timeout=1800):
        """Runs SQL as superuser, directly; gives back psql's unaligned output."""
        return process.run(["psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-c", text], timeout,
                           env=self.environment(database)).stdout.rstrip("\n")
