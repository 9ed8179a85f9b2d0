"""A log that an earlier version wrote, in whose blocks each frame has a CRC: it reads, verifies and is exported as ever, a
gateway goes on in it, and what is changed in it is found. Its one session is psql's: a table, rows, an error, a COPY, a long
text. Its keys were made for it."""
import pathlib
import shutil
import tarfile

import gateway
import process

LOG = pathlib.Path(__file__).resolve().parent / "earlier-log.tar.gz"
BLOCK_HEAD = 156


def unpack(folder):
    with tarfile.open(LOG) as tar:
        tar.extractall(folder)
    return folder


def replay(data, *more):
    return process.run([gateway.binary(), "sessions", "replay", "--data", data, "--rows", "100", *more], check=False)


def check(t, world, cluster, folder, both, verify):
    data = unpack(folder / "earlier")
    code, text = verify("--data", data)
    t.check("a log of an earlier version verifies", code == 0 and "1 sessions" in text, text)
    shown = replay(data, "last").stdout
    t.check("and is replayed with its rows, errors and COPY", all(one in shown for one in ("one", "division by zero", "COPY 20", "x" * 100)),
            shown)
    bundle = folder / "earlier.bundle"
    process.run([gateway.binary(), "audit", "export", "last", "--data", data, "-o", bundle])
    answer = both(bundle, data / "log.pub")
    t.check("a bundle of it verifies, by both readers", answer[0] == 0, answer)
    g = gateway.Gateway(world, cluster, name="heir", start=False)
    shutil.copytree(data, g.data, dirs_exist_ok=True)
    g.start()
    process.run(["psql", "-qXAt", "-c", "SELECT 'by the newer one'"], env=g.environment("shop"))
    process.wait_for(lambda: len(g.sessions()) == 2, "both sessions in the index")
    g.stop()
    code, text = verify("--data", g.data)
    t.check("a gateway goes on in it, and the whole verifies", code == 0 and "2 sessions" in text, text)
    t.check("both are replayed", "by the newer one" in replay(g.data, "last").stdout and
            "COPY 20" in replay(g.data, sorted(g.sessions())[0]).stdout)
    blocks = next((data / "log" / "segments").glob("*.blocks"))
    raw = bytearray(blocks.read_bytes())
    raw[BLOCK_HEAD + 200] ^= 1
    blocks.write_bytes(raw)
    code, text = verify("--data", data)
    t.check("a byte that is changed in it is found", code == 1 and text.startswith("NOT VERIFIED"), text)
