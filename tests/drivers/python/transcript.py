"""What the Python drivers' programs print, and the operations they all know."""
import os
import re

DSN = {"host": os.environ["PGHOST"], "port": int(os.environ["PGPORT"]), "user": os.environ["PGUSER"],
       "password": os.environ["PGPASSWORD"], "dbname": os.environ["PGDATABASE"]}
TABLE = """CREATE TABLE {0}.t (id int PRIMARY KEY, name text NOT NULL, at timestamptz, data bytea,
           n numeric(12, 3), tags text[])"""


def operation(name):
    print("--", name, flush=True)


def show(*values):
    print("  ", *(text(value) for value in values), flush=True)


def text(value):
    if isinstance(value, (bytes, memoryview)):
        value = bytes(value)
        return "bytes:" + (value.hex() if len(value) < 100 else f"{len(value)}")
    if isinstance(value, (list, tuple)) and any(isinstance(x, (list, tuple, bytes, memoryview)) for x in value):
        return "(" + ", ".join(text(x) for x in value) + ")"
    if isinstance(value, str) and len(value) > 300:
        return f"text of {len(value)}"
    return str(value) if isinstance(value, str) else repr(value)


def normalise(message):
    return re.sub(r"\bPID \d+", "PID n", str(message).strip().replace("\n", " / "))
