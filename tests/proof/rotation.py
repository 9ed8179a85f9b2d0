"""A new signing key: the log goes on, and whoever knows the old key, or the new one, verifies all of it."""
import shutil

import process
import anchors

BINARY = process.BUILD / "src" / "postern"


def rotate(data, check=True):
    return process.run([BINARY, "keys", "rotate", "--data", data], check=check)


def check(t, world, g, folder, key, ids, both, verify):
    g.config["anchors"] = []
    g.write()
    g.start()
    done = rotate(g.data, check=False)
    t.check("a key is not rotated under a gateway that runs", done.returncode == 2 and "a gateway runs" in done.stderr,
            done.stderr)
    g.stop()
    before = (g.data / "log.key").read_text()
    done = rotate(g.data)
    new = folder / "new.pub"
    shutil.copy(g.data / "log.pub", new)
    t.check("it is rotated where none runs, and the old private key is gone", new.read_text() != key.read_text() and
            (g.data / "log.key").read_text() != before and new.read_text().strip() in done.stdout and
            not (g.data / "log.key.next").exists(), done.stdout)
    t.check("the key file stays its owner's alone", (g.data / "log.key").stat().st_mode & 0o77 == 0)
    handover = anchors.newest(g)
    t.check("the last checkpoint of the old key names the new one, and both signed it", "\nold-key " in handover and
            f"new-key {new.read_text()}" in handover and handover.count("\u2014 ") == 2, handover)
    g.start()
    process.run(["psql", "-qXAtc", "SELECT 'behind'"], env=g.environment("shop"))
    g.stop()
    code, text = verify(g.data, "--key", key)
    t.check("whoever knows the old key follows, and is told the new one", code == 0 and
            f"is signed now with {new.read_text().strip()}" in text, text)
    t.check("whoever knows the new key verifies what is before it, too", verify(g.data, "--key", new)[0] == 0)
    bundle = folder / "behind"
    g.cli("audit", "export", "last", ids[0], "-o", bundle)
    t.check("a bundle verifies with the new key and with the old one", both(bundle, new)[0] == both(bundle, key)[0] == 0)
    done = g.cli("sessions", "replay", "0000000000000", "--json")
    t.check("the record names both keys", any("signing key rotated" in line and new.read_text().strip() in line and
                                              key.read_text().strip() in line for line in done.stdout.splitlines()))
    # The old key must not sign behind its handover.
    log = g.data / "log" / "checkpoints"
    whole = log.read_bytes()
    notes = anchors.notes(whole.decode())
    at = next(i for i, note in enumerate(notes) if "old-key" in note)
    log.write_text("".join(notes[:at] + notes[at + 1:]))
    t.check("without the handover the new key's checkpoints are not the old key's", verify(g.data, "--key", key)[0] == 1)
    lines = notes[at].split("\n")
    lines[-3] = lines[-4]
    log.write_text("".join(notes[:at] + ["\n".join(lines)] + notes[at + 1:]))
    t.check("nor with one that only the old key signed", verify(g.data, "--key", key)[0] == 1)
    log.write_bytes(whole)
    # A rotation that a crash stopped, at each of its steps.
    again = folder / "crashed"
    for step in ("key made", "handed over", "key in place"):
        shutil.rmtree(again, ignore_errors=True)
        shutil.copytree(g.data, again, ignore=shutil.ignore_patterns("control.sock"))
        old = (again / "log.key").read_text()
        public = (again / "log.pub").read_text()
        checkpoints = (again / "log" / "checkpoints").read_bytes()
        rotate(again)
        (again / "log.key.next").write_text((again / "log.key").read_text())
        (again / "log.key.next").chmod(0o600)
        (again / "log.pub").write_text(public)
        if step != "key in place":
            (again / "log.key").write_text(old)
        if step == "key made":
            text = (again / "log" / "checkpoints").read_text()
            (again / "log" / "checkpoints").write_text("".join(anchors.notes(text)[:-1]))
        assert checkpoints
        refused = process.run([BINARY, "keys", "init", "--data", again], check=False)
        done = rotate(again)
        count = (again / "log" / "checkpoints").read_text().count("\nold-key ")
        t.check(f"a rotation that stopped behind \"{step}\" is finished by the next one", refused.returncode == 2 and
                done.returncode == 0 and count == 2 and verify(again, "--key", key)[0] == 0 and
                verify(again, "--key", again / "log.pub")[0] == 0, (refused.stderr, done.stdout, count))
