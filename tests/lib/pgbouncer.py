"""pgbouncer in session mode: the yardstick of the bench, and a stand-in for a gateway in the suites that
compare what goes through one with what goes directly."""
import process

SETTINGS = {
    "pool_mode": "session",
    "auth_type": "plain",
    "max_client_conn": 4000,
    "default_pool_size": 1200,
    "max_db_connections": 1200,
    "server_reset_query": "DISCARD ALL",
    "ignore_startup_parameters": "extra_float_digits,options,intervalstyle,search_path,statement_timeout",
    "log_connections": 0,
    "log_disconnections": 0,
    "log_pooler_errors": 0,
    "stats_period": 600,
    "max_prepared_statements": None,
}


class Pgbouncer:
    def __init__(self, world, cluster, users, unix=False, name="pgbouncer", settings=None):
        home = world.make_folder(name, "postgres")
        self.port = process.free_port()
        (home / "users").write_text("".join(f'"{user}" "{password}"\n' for user, password in users.items()))
        host = cluster.home if unix else "127.0.0.1"
        lines = ["[databases]", f"* = host={host} port={cluster.port}", "[pgbouncer]",
                 "listen_addr = 127.0.0.1", f"listen_port = {self.port}", "unix_socket_dir =",
                 f"auth_file = {home}/users"]
        merged = {**SETTINGS, **(settings or {})}
        lines += [f"{key} = {value}" for key, value in merged.items() if value is not None]
        (home / "pgbouncer.ini").write_text("\n".join(lines) + "\n")
        self.process = world.start(["/usr/sbin/pgbouncer", home / "pgbouncer.ini"], name, "postgres")
        process.wait_for(lambda: process.answers(self.port), "pgbouncer")
