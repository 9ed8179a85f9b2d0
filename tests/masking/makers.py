"""Statements from elsewhere: sqlsmith, and the scripts of pgbench."""
import pathlib
import re
import subprocess
import time

import process
import streams
import witness

HERE = pathlib.Path(__file__).resolve().parent
# What answers differently each time it is asked, or waits, or ends sessions.
VOLATILE = re.compile(r"random|clock_timestamp|timeofday|now\(|current_time|localtime|transaction_timestamp|statement_timestamp|pg_stat|pg_sleep|"
                      r"tablesample|txid|xact|backend_pid|postmaster|uuid|wal|lsn|pg_notification|advisory|terminate|cancel|pg_conf_load|"
                      r"pg_lock|pg_cursor|pg_prepared|pg_control|pg_ls|pg_read|memory|\bage\(|nextval|setval|"
                      r"lo_|reload|rotate|promote|slot|snapshot|recovery|inet_client|inet_server|tablespace_size|database_size|brin|gin_clean", re.I)
KINDS = ("simple", "extended", "prepared")


def sqlsmith(server, database, n, seed, catalogue=False):
    """Statements that sqlsmith makes up over a database; it asks the server, runs nothing, and knows no masks."""
    where = f"host={server.address} port={server.port} user=postgres dbname={database} password='{server.password}'"
    command = ["nice", "sqlsmith", f"--target={where}", f"--max-queries={n}", f"--seed={seed}", "--dry-run"]
    done = subprocess.run(command + ([] if catalogue else ["--exclude-catalog"]), capture_output=True, timeout=1800)
    if not done.stdout:
        raise process.Failed(done.stderr.decode())
    texts = [text.strip().rstrip(";") for text in re.split(r";\n", done.stdout.decode(errors="replace")) if text.strip(";\n ")]
    return [text for text in texts if not VOLATILE.search(text)]


class Pgbench:
    """One script, driven into both gateways by pgbench itself, with a witness before each that keeps what came back."""

    def __init__(self, world, copies, role, group):
        self.copies, self.role, self.group = copies, role, group
        self.witnesses = [witness.Witness(world, side.gate.port) for side in copies.sides]

    def run(self, path, kind, times, seed):
        """(the messages that came on either side, pgbench's status and words)."""
        streams_of, told = [], []
        for side, seen in zip(self.copies.sides, self.witnesses):
            before = len(seen.connections)
            environment = side.gate.environment(side.database, groups=[self.group], login=self.role)
            done = subprocess.run(["pgbench", "-n", "-c", "1", "-t", str(times), f"--random-seed={seed}", "-M", kind, "-f", path],
                                  env={**environment, "PGPORT": str(seen.port), "PGSSLMODE": "disable", "PGGSSENCMODE": "disable"}, capture_output=True, text=True, timeout=1800)
            told.append(f"{done.returncode} {done.stderr[-500:]}")
            seen.wait_idle()
            sessions = [one for one in seen.connections[before:] if one.is_session()]
            streams_of.append([(k, b) for one in sessions for d, k, b in one.messages if d == "s"])
        return streams_of, told


def is_unstable(copies, make_pair, mode, text):
    """Whether one side does not even agree with itself."""
    seen = []
    for _ in range(2):
        both = make_pair()
        seen.append(list(both.try_out(mode, text)[0]))
        both.close()
        time.sleep(0.01)
    return streams.difference(*seen) is not None

