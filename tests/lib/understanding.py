"""What src/sql says of statements over a real server's catalogue (tool-sql-lineage), and where statements come from:
files for psql, PostgreSQL's regression tests."""
import pathlib
import re
import shutil
import struct
import subprocess

import postgres
import process

TOOL = process.BUILD / "src" / "tool-sql-lineage"
REGRESS = process.BUILD / "regress"
PG_REGRESS = "/usr/lib/postgresql/15/lib/pgxs/src/test/regress/pg_regress"
FETCH = pathlib.Path(__file__).resolve().parent.parent / "regress" / "fetch"
PIECES = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|(\$\w*\$).*?\1|;|[^'"\-/$;]+|.""", re.S)


def statements(text):
    """The statements of a file for psql, without what only psql understands."""
    text = "\n".join("" if line.startswith("\\") else re.sub(r"\s\\(g\w*|crosstabview).*$", ";", line)
                     for line in text.splitlines())
    one = ""
    for piece in PIECES.finditer(text):
        if piece.group() == ";":
            yield one.strip()
            one = ""
        elif not piece.group().startswith(("--", "/*")):
            one += piece.group()
    if one.strip():
        yield one.strip()


def load_rows(client, path):
    """Asks what a catalogue is loaded from, and leaves the rows where the tool reads them."""
    queries = subprocess.run([TOOL, "queries"], check=True, capture_output=True).stdout.decode().split("\0")[:-1]
    with open(path, "wb") as out:
        for index, text in enumerate(queries):
            for row in client.rows(text):
                out.write(struct.pack("=II", index, len(row)))
                for value in row:
                    out.write(struct.pack("=I", 0xffffffff) if value is None
                              else struct.pack("=I", len(value)) + value)


def ask(rows, texts, path="pg_catalog public", timed=False, timeout=1800):
    """The tool's lines for each text."""
    done = subprocess.run([TOOL, "facts", rows, path, *(["timed"] if timed else [])], input="\0".join([*texts, ""]).encode(),
                          capture_output=True, timeout=timeout)
    if done.returncode:
        raise process.Failed(f"the tool ended with {done.returncode}: {done.stderr.decode()[-2000:]}")
    return [one.split("\n") for one in done.stdout.decode(errors="replace").split("\n\n")[:-1]]


def run_regress(world, cluster):
    """PostgreSQL's regression tests leave a database full of odd things behind: "regression". Their files."""
    subprocess.run([FETCH], check=True)
    out = world.make_folder("out", "postgres")
    source = world.folder / "in"
    shutil.copytree(REGRESS / "source" / "src" / "test" / "regress", source)
    command = [PG_REGRESS, f"--inputdir={source}", f"--outputdir={out}", f"--bindir={postgres.BIN}",
               f"--dlpath={REGRESS}/lib", "--dbname=regression", "--host=127.0.0.1", f"--port={cluster.port}",
               "--user=postgres", "--max-concurrent-tests=20", "--max-connections=8",
               f"--schedule={source}/parallel_schedule"]
    done = world.start(["nice", *map(str, command)], "pg_regress", "postgres",
                       env={"PGPASSWORD": cluster.password, "PATH": f"{postgres.BIN}:/usr/bin:/bin", "TZ": "UTC"})
    done.wait(2000)
    print(f"      {done.output_path.read_text(errors='replace').strip().splitlines()[-3:]}")
    return sorted((source / "sql").glob("*.sql"))
