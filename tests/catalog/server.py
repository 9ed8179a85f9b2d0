"""A catalogue as the C code makes it of a real server's answers: its queries are sent as they are, the rows go
to build/src/bench-catalog-load, which tells what it understood."""
import os
import pathlib
import struct
import subprocess

import psycopg

import process

BENCH = pathlib.Path(os.environ.get("CATALOG_LOAD") or process.BUILD / "src" / "bench-catalog-load")


def read_queries():
    told = subprocess.run([BENCH, "queries"], capture_output=True, check=True).stdout.decode().split("\0")[:-1]
    return {"load": told[:-3], "epoch": told[-3], "probe": told[-2], "overlay": told[-1]}


def pack(rows):
    out = bytearray()
    for row in rows:
        out += struct.pack(">I", len(row))
        for value in row:
            out += b"\xff\xff\xff\xff" if value is None else struct.pack(">I", len(value)) + value
    return bytes(out)


class Session:
    """One connection that runs texts of SQL by the simple protocol."""

    def __init__(self, cluster, database="postgres"):
        self.connection = psycopg.connect(host="127.0.0.1", port=cluster.port, user="postgres",
                                          password=cluster.password, dbname=database, autocommit=True)

    def run(self, text):
        result = self.connection.pgconn.exec_(text.encode())
        if result.error_message:
            raise process.Failed(result.error_message.decode())
        return [[result.get_value(i, j) for j in range(result.nfields)] for i in range(result.ntuples)]

    def load(self, queries):
        return [row for query in queries["load"] for row in self.run(query)]

    def close(self):
        self.connection.close()


def tell(shared, overlay, *names):
    """Lines about the names (kind, name, …), or about all relations."""
    data = pack(shared) + (b"" if overlay is None else b"\0\0\0\0" + pack(overlay))
    done = subprocess.run([BENCH, "tell", *names], input=data, capture_output=True)
    return done.stdout.decode().splitlines() + [f"! {line}" for line in done.stderr.decode().splitlines()]
