"""The stores behind a stopped gateway: the log verifies, also against what was anchored all the time; each sealed segment is in one
place; the index is what a new one would be; what was erased is gone."""
import json
import re

import process

import lanes
import pgindex

# What the index knows, without the numbers that rows of a table happen to have.
QUESTIONS = {
    "sessions": "SELECT * FROM session ORDER BY id",
    "executions": """SELECT e.session, s.hash, e.minute, e.decision, e.policy, e.rule, e.n, e.errors, e.rows, e.us, e.first_sequence,
        e.last_sequence, e.longest_us, e.most_rows FROM execution e JOIN shape s ON s.id = e.shape ORDER BY 1, 2, 3, 4, 5, 6""",
    "shapes": "SELECT hash, text, tags, effects, relations FROM shape ORDER BY 1",
    "relations": "SELECT name, tail FROM relation ORDER BY 1",
    "failures": """SELECT f.session, f.sequence, f.time_us, s.hash, f.origin, f.sqlstate FROM failure f LEFT JOIN shape s
        ON s.id = f.shape ORDER BY 1, 2""",
    "rejections": "SELECT * FROM rejection ORDER BY session, sequence",
    "sights": """SELECT relation, "column", state, session, s.hash, minute, n, rows, first_sequence, last_sequence FROM seen
        JOIN shape s ON s.id = shape ORDER BY 1, 2, 3, 4, 5, 6""",
    "counts": """SELECT kind, span, CASE kind WHEN 3 THEN (SELECT hex(hash) FROM shape WHERE id = CAST(name AS INTEGER)) ELSE name END,
        n, refused, held, errors, rows, us FROM rollup ORDER BY 1, 2, 3""",
    "approvals": "SELECT * FROM approval ORDER BY request",
    "decisions": "SELECT * FROM approval_decision ORDER BY 1, 3, 5",
    "tombstones": "SELECT session, erasure FROM tombstone ORDER BY 1",
    "open runs": "SELECT count(*) FROM open_run WHERE ended = 0",
}


def asked(lane):
    return {name: lane.sqlite(text) for name, text in QUESTIONS.items()}


def difference(before, after):
    found = []
    for name in QUESTIONS:
        if before[name] != after[name]:
            one, other = set(before[name]), set(after[name])
            found.append(f"{name} ({len(before[name])}, anew {len(after[name])}): {list(one - other)[:2]} | {list(other - one)[:2]}")
    return found


def check_index(t, lane):
    lane.gate.cli("sessions", "list")  # brings it up to date
    before = asked(lane)
    done = lane.gate.cli("store", "reindex", check=False)
    t.check(f"{lane.name}: the index is made anew from the log", done.returncode == 0, done.stderr)
    found = difference(before, asked(lane))
    t.check(f"{lane.name}: and has what the one had that was written all the time: {len(before['sessions'])} sessions, "
            f"{len(before['executions'])} executions, {len(before['failures'])} errors", not found, "\n      ".join(found))


def check_proof(t, lane):
    good, said = lane.gate.verify()
    t.check(f"{lane.name}: the log verifies, each entry opened", good, said)
    print("      " + said.strip().replace("\n", "\n      "))
    notes = [int(note.split("\n")[1]) for note in lane.anchored.read_text().split("\n\n")[::2] if note]
    t.check(f"{lane.name}: {len(notes)} checkpoints were anchored, and grow", notes and notes == sorted(notes), notes[-5:])
    done = lane.gate.cli("audit", "verify", "--heads-only", "--against", lane.anchored, check=False)
    t.check(f"{lane.name}: the log holds what was anchored all the time", done.returncode == 0, done.stdout + done.stderr)


def leaves(lane, suffix):
    return sorted(path.stem for path in lane.segments.glob(f"*.{suffix}"))


def settle(lane):
    """Everything that was recorded is sealed and carried away: with segments that are sealed at once."""
    lane.gate.config["store"]["seal_after"] = "1s"
    lane.gate.write()
    lane.restart()

    def away():
        said = lane.metrics()
        return (said.get('postern_archive_segments{where="here"}') == 0 and said.get('postern_archive_segments{where="both"}') == 0 and
                said.get("postern_archive_spool_bytes", 1 << 30) < 4096)
    process.wait_for(away, "everything in the bucket", 900, 0.5)


def check_places(t, lane):
    blocks, heads, receipts = leaves(lane, "blocks"), leaves(lane, "heads"), leaves(lane, "archived")
    if not lane.archive:
        t.check(f"{lane.name}: each of {len(heads)} segments is here", heads and blocks == heads and not receipts, [blocks, heads, receipts])
        return
    objects = lane.archive.bucket.versions(lanes.BUCKET, lane.archive.prefix)
    away = sorted({re.search(r"(\d{12})(-[0-9a-f]{16})?\.blocks$", key)[1] for key, _, _ in objects if key.endswith(".blocks")})
    named = {}
    for leaf in receipts:
        fields = dict(line.split(" ", 1) for line in (lane.segments / f"{leaf}.archived").read_text().splitlines()[1:-1])
        named[leaf] = (fields["key"], fields["version"], int(fields["bytes"]))
    there = set(objects)
    wrong = [leaf for leaf, one in named.items() if one not in there]
    t.check(f"{lane.name}: each of {len(receipts)} sealed segments is in the bucket, as its receipt says", receipts and away == receipts and
            not wrong, [away, receipts, wrong])
    t.check(f"{lane.name}: and not here: what is written stands here alone", not set(blocks) & set(receipts) and
            sorted(blocks + receipts) == [leaf for leaf in heads if (lane.segments / f"{leaf}.heads").stat().st_size or leaf in blocks],
            [blocks, heads])
    t.check(f"{lane.name}: no upload was left behind", lane.archive.bucket.uploads(lanes.BUCKET) == 0)
    done = lane.gate.cli("audit", "verify", "--archive", "--heads-only", check=False)
    t.check(f"{lane.name}: what is in the bucket verifies from there", done.returncode == 0, done.stdout + done.stderr)


def check_erased(t, lane, read):
    if not read:
        return
    gone = {one["session"] for one in lane.listed("--erased")}
    t.check(f"{lane.name}: {len(read)} sessions that were erased are listed as erased", set(read) <= gone, sorted(set(read) - gone)[:5])
    shown = [one for one in list(read)[:20] if lane.gate.cli("sessions", "replay", one, check=False).returncode != 1]
    t.check(f"{lane.name}: and cannot be read", not shown, shown)


def check_shared(t, index, world_lanes):
    """The index in PostgreSQL, with gateways that run: it has the rows of each gateway's own."""
    last = [None]

    def same():
        last[0] = [(lane.name, found) for lane in world_lanes for found in [pgindex.difference(index, lane)] if found]
        return not last[0]
    try:
        process.wait_for(same, "the same rows on both sides", every=2.0)
    except process.Failed:
        pass
    t.check("the shared index has the rows of both gateways' own, each table and each view", not last[0],
            json.dumps(last[0], default=str)[:3000])
