#!/usr/bin/python3
"""Reads and verifies a bundle of postern's (doc/bundle.md), with nothing but Python's standard library.

    read-bundle.py BUNDLE [KEY] [--against FILE] [--partial] [--records]

KEY is the log's public key, as text or in a file; without it the bundle can only agree with itself. --against:
checkpoints of the log that were kept elsewhere. --partial: let sessions pass that had not ended or were erased.
--records: print what was recorded, a line of JSON each, once all of it is proven. Exit code 0: verified; 1: not;
2: it cannot be read.

The file is in two halves. The first is what is checked, in the order in which it is checked. The second is the
arithmetic that the standard library lacks: Ed25519 (RFC 8032), AES-256-GCM (FIPS 197, NIST SP 800-38D),
Zstandard (RFC 8878), CRC-32C. It takes a second or two for each megabyte; nothing here is fast or hides how long
it takes, since nothing here is secret.
"""
import base64
import datetime
import hashlib
import json
import re
import struct
import sys

FIRST = ["README.txt", "log.pub", "checkpoint", "handovers", "anchored", "anchored.proof"]
PARTS = ["keys", "blocks", "proofs"]
TYPES = {1: "session-start", 2: "session-end", 3: "context", 4: "text", 5: "query", 6: "parse", 7: "bind", 8: "execute",
         9: "call", 10: "row-description", 11: "parameter-description", 12: "rows", 13: "copy-out", 14: "copy-in",
         15: "complete", 16: "error", 17: "notice", 18: "notification", 19: "parameter-status", 20: "cancel",
         21: "digest", 22: "cut", 23: "close", 24: "rejected", 25: "gateway", 26: "status", 27: "approval",
         28: "sealed", 30: "found"}
FIELDS = {1: 0, 2: 0, 3: 0, 4: 4, 20: 0, 24: 0, 25: 0, 27: 0, 28: 4, 30: 4}  # where a list of fields begins in a body
MOST_BODY, MOST_PLAIN, MOST_CIPHER = (1 << 20) - (64 << 10), 2 << 20, (2 << 20) + (64 << 10)


class Bad(Exception):
    """The bundle does not prove what it should."""


def need(condition, message):
    if not condition:
        raise Bad(message)


# ---- the file: a tar in which each header follows from a name and a size

def tar_head(name, size):
    head = bytearray(512)
    for at, field in ((0, name), (100, b"0000644"), (108, b"0000000"), (116, b"0000000"), (124, b"%011o" % size),
                      (136, b"00000000000"), (148, b" " * 8), (156, b"0"), (257, b"ustar\x0000"), (329, b"0000000"),
                      (337, b"0000000")):
        head[at:at + len(field)] = field
    head[148:155] = b"%06o\0" % sum(head)
    return bytes(head)


def members_of(data):
    damaged, members, at = "it is no bundle, or it is cut off or damaged", [], 0
    while True:
        head = data[at:at + 512]
        need(len(head) == 512, damaged)
        if head == bytes(512):
            need(data[at:] == bytes(1024), damaged)
            return members
        name, size = head[:100].split(b"\0")[0], head[124:135]
        need(0 < len(name) < 100 and re.fullmatch(rb"[0-7]{11}", size), damaged)
        size = int(size, 8)
        need(head == tar_head(name, size), damaged)
        content, padding = data[at + 512:at + 512 + size], -size % 512
        at += 512 + size + padding
        need(at <= len(data) and data[at - padding:at] == bytes(padding), damaged)
        members.append((name.decode("latin-1"), content))


# ---- session numbers

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"


def session_text(number):
    return "".join(DIGITS[number >> 5 * i & 31] for i in reversed(range(13)))


def session_number(text):
    number = 0
    for character in text:
        if character not in DIGITS:
            return None
        number = number << 5 | DIGITS.index(character)
    return number if number < 1 << 64 and len(text) == 13 else None


# ---- signed notes and keys

def unbase64(text, size):
    try:
        raw = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return raw if len(raw) == size and base64.b64encode(raw) == text else None


def key_id(name, key):
    return hashlib.sha256(name + b"\n\x01" + key).digest()[:4]


def parse_key(text):
    """(name, key) of "name+hash+base64", or None."""
    parts = text.split(b"+", 2)
    raw = unbase64(parts[2], 33) if len(parts) == 3 else None
    if not raw or not parts[0] or raw[0] != 1 or parts[1] != key_id(parts[0], raw[1:]).hex().encode():
        return None
    return parts[0], raw[1:]


class Note:
    """A checkpoint: origin, size, root; perhaps the keys of a handover; signatures under the origin's name."""

    def __init__(self, data, at):
        lines = []

        def line():
            nonlocal at
            end = data.find(b"\n", at, at + 4096)
            if end < 0:
                raise ValueError
            text, at = data[at:end], end + 1
            return text
        start = at
        self.origin, size, root, more = line(), line(), line(), line()
        self.keys = None
        if more:
            other = line()
            if not more.startswith(b"old-key ") or not other.startswith(b"new-key ") or line():
                raise ValueError
            self.keys = (more[8:], other[8:])
            if not all(self.keys):
                raise ValueError
        self.text = data[start:at - 1]
        self.root = unbase64(root, 32)
        if not re.fullmatch(rb"[!-*,-~]{1,200}", self.origin) or not re.fullmatch(rb"0|[1-9][0-9]{0,18}", size) \
                or int(size) >= 1 << 63 or not self.root:
            raise ValueError
        self.size = int(size)
        self.signatures = []
        for _ in range(17):
            text = line()
            if not text:
                break
            name, blank, signature = text[4:].partition(b" ")
            if not text.startswith("\u2014 ".encode()) or not name or not blank:
                raise ValueError
            if name == self.origin:
                raw = unbase64(signature, 68)
                if not raw or len(self.signatures) == 4:
                    raise ValueError
                self.signatures.append((raw[:4], raw[4:]))
        else:
            raise ValueError
        if not self.signatures:
            raise ValueError
        self.end = at

    def signed_by(self, key):
        return any(which == key_id(self.origin, key) and ed25519_verify(key, self.text, signature)
                   for which, signature in self.signatures)

    def handover(self):
        """(old, new) where both keys signed it, or None."""
        old, new = parse_key(self.keys[0]), parse_key(self.keys[1])
        good = old and new and old[0] == new[0] == self.origin and self.signed_by(old[1]) and self.signed_by(new[1])
        return (old[1], new[1]) if good else None


def notes_of(data, message):
    notes, at = [], 0
    while at < len(data):
        try:
            notes.append(Note(data, at))
        except ValueError:
            raise Bad(message) from None
        at = notes[-1].end
    return notes


def key_chain(handovers, first):
    """The log's signing keys in order; `first` is one of them."""
    chain = []
    for note in handovers:
        both = note.handover()
        need(both, "a handover from one signing key to the next is not signed by both")
        need(not chain or chain[-1] == both[0], "a handover is not by the signing key before it")
        need(len(chain) < 255, "too many signing keys")
        chain += both[1:] if chain else both
    chain = chain or [first]
    need(first in chain, "the key to verify with is none that ever signed this log")
    return chain


# ---- the tree of RFC 6962

def leaf_hash(leaf):
    return hashlib.sha256(b"\0" + leaf).digest()


def join(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def proof_length(leaf, size):
    """How many hashes prove the leaf."""
    n = 0
    while size > 1:
        half = 1 << (size - 1).bit_length() - 1
        leaf, size = (leaf, half) if leaf < half else (leaf - half, size - half)
        n += 1
    return n


def climb(place, last, proof, hashes):
    """The checks of RFC 9162, 2.1.3.2 and 2.1.4.2: joins proof to each of the hashes; None: it does not fit."""
    for other in proof:
        if last == 0:
            return None
        if place & 1 or place == last:
            hashes = [join(other, h) for h in hashes]
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            hashes = hashes[:-1] + [join(hashes[-1], other)]
        place, last = place >> 1, last >> 1
    return hashes if last == 0 else None


def is_included(leaf, size, hash_, proof, root):
    return leaf < size and climb(leaf, size - 1, proof, [hash_]) == [root]


def goes_on(old, size, old_root, proof, root):
    """Whether the tree of `size` leaves begins with that of `old`."""
    if not 0 < old <= size:
        return False
    if old == size:
        return not proof and old_root == root
    place, last = old - 1, size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    if old & old - 1:
        if not proof:
            return False
        first, proof = proof[0], proof[1:]
    else:
        first = old_root
    return climb(place, last, proof, [first, first]) == [old_root, root]


# ---- blocks and frames

class Head:
    def __init__(self, raw):
        (magic, self.flags, self.leaf, self.session, self.number, self.first, self.last, _, _, _, self.first_us,
         self.sealed_us, self.key, self.types, self.plain, self.cipher) = struct.unpack(">4sIQQIIIIQQqqQIII", raw[:92])
        self.previous, self.digest = raw[92:124], raw[124:156]
        if magic != b"PBH2" or self.flags & ~7 or self.plain > MOST_PLAIN or not 16 <= self.cipher <= MOST_CIPHER:
            raise ValueError


def varint(data, at):
    value = 0
    for i in range(10):
        byte = data[at + i]
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value & (1 << 64) - 1, at + i + 1
    raise ValueError


def frames_of(head, plain):
    """Yields (sequence, type, flags, time, body) of a block, each checked."""
    at, sequence, time, seen = 0, head.first - 1, head.first_us, 0
    while at < len(plain):
        sequence += 1
        try:
            crc = None if head.flags & 4 else struct.unpack_from(">I", plain, at)[0]
            at += 0 if head.flags & 4 else 4
            kind, flags = struct.unpack_from(">BB", plain, at)
            length, at = varint(plain, at + 2)
            ahead, at = varint(plain, at)
        except (struct.error, IndexError, ValueError):
            raise Bad(f"frame {sequence}: a frame is malformed") from None
        need(length <= MOST_BODY and at + length <= len(plain), f"frame {sequence}: a frame is malformed")
        time = (time + (ahead >> 1 ^ -(ahead & 1)) + (1 << 63) & (1 << 64) - 1) - (1 << 63)
        body, at = plain[at:at + length], at + length
        if crc is not None:
            covered = struct.pack(">IQIqBB", length, head.session, sequence & 0xFFFFFFFF, time, kind, flags)
            need(crc32c(covered + body) == crc, f"frame {sequence}: a frame's checksum is wrong")
        seen |= 1 << (kind if kind < 32 else 0)
        if flags & 2:
            try:
                body = unzstd(body, MOST_BODY)
            except (ValueError, IndexError):
                raise Bad(f"frame {sequence}: a frame does not decompress") from None
            flags &= ~2
        yield sequence, kind, flags, time, body
    if plain:
        need(sequence == head.last, f"frame {sequence}: frames are missing at the block's end")
        need(seen == head.types, f"frame {sequence}: its frames are of other kinds than its head says")


class Session:
    """One session of the bundle, as far as it was walked."""

    def __init__(self, number, keys, blocks, proofs):
        self.number, self.id = number, session_text(number)
        self.keys, self.blocks_data, self.proofs = keys, blocks, proofs
        self.blocks = self.frames = 0
        self.ended = self.erased = False
        self.first_us = self.sealed_us = self.last_leaf = 0
        self.previous, self.key_index, self.key = bytes(32), 0, None
        self.records = []

    def fault(self, head):
        if head.session != self.number:
            return "it is of another session"
        if self.ended:
            return "it stands behind the session's end"
        if head.number != self.blocks + 1:
            return "it is not the next block of its session"
        if head.first != self.frames + 1 or head.last < head.first:
            return "its frames do not follow those of its session before it"
        if head.previous != self.previous:
            return "it does not name its session's block before it"
        if self.blocks and head.leaf <= self.last_leaf:
            return "it stands before its session's block before it"
        return None

    def take_key(self, index):
        line, end, self.keys = self.keys.partition(b"\n")
        match = re.fullmatch(rb"(\d+) (erased|[0-9a-fA-F]{64})", line)
        if not end or not match or match[1] != b"%d" % index:
            return False
        self.key_index, self.key = index, None if match[2] == b"erased" else bytes.fromhex(match[2].decode())
        self.erased |= self.key is None
        return True

    def open(self, raw, head, cipher):
        need(len(cipher) == head.cipher, "the block is cut off")
        need(hashlib.sha256(cipher).digest() == head.digest, "the block's content was changed")
        plain = gcm_open(self.key, bytes(8) + struct.pack(">I", head.number), raw[:92], cipher)
        need(plain is not None, "the block does not open with the session's key")
        if head.flags & 1:
            try:
                plain = unzstd(plain, MOST_PLAIN)
            except (ValueError, IndexError):
                plain = b""
            need(len(plain) == head.plain, "the block does not decompress")
        need(len(plain) == head.plain, "the block has another length")
        self.records += frames_of(head, plain)

    def walk(self, checkpoint):
        at = proof_at = 0
        while at < len(self.blocks_data):
            raw = self.blocks_data[at:at + 156]
            try:
                head = Head(raw)
            except (struct.error, ValueError):
                raise Bad(f"session {self.id}: what should be a block is none") from None
            try:
                fault = self.fault(head)
                if not fault and head.leaf >= checkpoint.size:
                    fault = "the checkpoint does not cover it"
                need(not fault, fault)
                n = 32 * proof_length(head.leaf, checkpoint.size)
                proof = self.proofs[proof_at:proof_at + n]
                proof_at += n
                hash_ = leaf_hash(raw)
                need(len(proof) == n and is_included(head.leaf, checkpoint.size, hash_,
                                                     [proof[i:i + 32] for i in range(0, n, 32)], checkpoint.root),
                     "it is not in the tree that was signed")
                need(head.key == self.key_index or self.take_key(head.key), "its key is missing")
                if self.key:
                    self.open(raw, head, self.blocks_data[at + 156:at + 156 + head.cipher])
            except Bad as bad:
                raise Bad(f"block {head.leaf} (session {session_text(head.session)}, frames {head.first} to "
                          f"{head.last}): {bad}") from None
            if not self.blocks:
                self.first_us = head.first_us
            self.sealed_us, self.last_leaf, self.previous = head.sealed_us, head.leaf, hash_
            self.blocks, self.frames, self.ended = self.blocks + 1, head.last, bool(head.flags & 2)
            at += 156 + (head.cipher if self.key else 0)
        need(self.blocks, f"session {self.id}: it has no block")
        need(proof_at == len(self.proofs) and not self.keys, f"session {self.id}: proofs or keys are left over")


# ---- the bundle

class Bundle:
    def __init__(self, data, pinned, anchored):
        """pinned: (name, key) pairs; anchored: the text of checkpoints. Raises Bad."""
        self.members = members_of(data)
        self.check_members()
        text = dict(self.members[:len(FIRST)])
        self.choose(text, pinned, anchored)
        self.check_checkpoint(text)
        self.check_anchored(text)
        self.sessions = []
        for i in range(len(FIRST), len(self.members) - 1, 3):
            keys, blocks, proofs = (content for _, content in self.members[i:i + 3])
            session = Session(session_number(self.members[i][0][9:22]), keys, blocks, proofs)
            session.walk(self.checkpoint)
            self.sessions.append(session)
        self.check_sums()
        self.whole = all(s.ended and not s.erased for s in self.sessions)

    def check_members(self):
        names, fit, before = [name for name, _ in self.members], False, -1
        inner = names[len(FIRST):-1]
        if names[:len(FIRST)] == FIRST and inner and len(inner) % 3 == 0 and names[-1] == "SHA256SUMS":
            fit = True
            for i in range(0, len(inner), 3):
                number = session_number(inner[i][9:22])
                fit = fit and number is not None and number > before and \
                    inner[i:i + 3] == [f"sessions/{session_text(number)}/{part}" for part in PARTS]
                before = number if number is not None else before
        need(fit, "its members are not those of a bundle")

    def choose(self, text, pinned, anchored):
        """Of several keys and anchored checkpoints those of this bundle's log, by its name."""
        origin = text["checkpoint"].split(b"\n")[0][:255]
        keys = [key for name, key in pinned if name == origin]
        need(keys or not pinned or not origin, "the bundle is of another log than the key that you gave")
        self.pinned = keys[0] if keys else None
        self.anchored, sizes = [], {}
        for note in anchored:
            if note.origin == origin:
                need(sizes.setdefault(note.size, note.root) == note.root, "this log was forked")
                self.anchored.append(note)
        need(self.anchored or not anchored or not origin, "the bundle is of another log than what was anchored")

    def check_checkpoint(self, text):
        message = "the checkpoint is malformed"
        notes = notes_of(text["checkpoint"], message)
        need(len(notes) == 1 and notes[0].size > 0, message)
        self.checkpoint = notes[0]
        own = parse_key(text["log.pub"][:-1]) if text["log.pub"].endswith(b"\n") else None
        need(own, "log.pub is no verifier key")
        message = "the handovers of keys are malformed"
        handovers = notes_of(text["handovers"], message)
        need(all(h.keys and h.origin == self.checkpoint.origin for h in handovers), message)
        for key in key_chain(handovers, self.pinned or own[1]):
            if self.checkpoint.signed_by(key):
                self.key = key
                return
        raise Bad("the checkpoint is not signed by the key that you gave" if self.pinned else
                  "the checkpoint is not signed by the bundle's key")

    def check_anchored(self, text):
        """What the bundle carries, and what was given with --against."""
        carried, proof, self.anchored_size = None, text["anchored.proof"], 0
        if text["anchored"] or proof:
            message = "the anchored checkpoint is malformed, or of another log"
            notes = notes_of(text["anchored"], message)
            need(len(notes) == 1 and notes[0].origin == self.checkpoint.origin and len(proof) % 32 == 0
                 and len(proof) <= 64 * 32, message)
            carried = notes[0]
            need(goes_on(carried.size, self.checkpoint.size, carried.root,
                         [proof[i:i + 32] for i in range(0, len(proof), 32)], self.checkpoint.root),
                 "the signed checkpoint does not go on from the anchored one")
        for note in sorted(self.anchored, key=lambda note: note.size):
            for ours in (self.checkpoint, carried):
                if ours and ours.size == note.size:
                    need(ours.root == note.root, f"a checkpoint of {note.size} blocks that was anchored has another "
                         "root: what was recorded was rewritten and signed again")
                    self.anchored_size = note.size
                    break
        need(self.anchored_size or not self.anchored, "none of the anchored checkpoints is the bundle's, or the one "
             "that it goes on from: export it with --against")

    def check_sums(self):
        rest = self.members[-1][1]
        for name, content in self.members[:-1]:
            line = f"{hashlib.sha256(content).hexdigest()}  {name}\n".encode("latin-1")
            need(rest.startswith(line), f"{name} is not what its sum says")
            rest = rest[len(line):]
        need(not rest, "something stands behind the sums")


def when(us):
    try:
        moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=us)
    except OverflowError:
        return f"{us} us"
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def report(bundle):
    for s in bundle.sessions:
        print(f"session {s.id}: frames 1 to {s.frames}, {s.blocks} blocks, {when(s.first_us)} to {when(s.sealed_us)}"
              f"{'' if s.ended else ', NOT ENDED'}{', ERASED' if s.erased else ''}")
    origin = bundle.checkpoint.origin.decode()
    print(f"{'verified' if bundle.whole else 'verified in part'}: {len(bundle.sessions)} sessions, "
          f"{sum(s.blocks for s in bundle.sessions)} blocks, in the log {origin} of {bundle.checkpoint.size} blocks")
    if bundle.anchored_size:
        print(f"the log holds what was anchored at {bundle.anchored_size} blocks")
    if not bundle.pinned:
        ours = bundle.checkpoint.origin + b"+" + key_id(bundle.checkpoint.origin, bundle.key).hex().encode() + b"+" + \
            base64.b64encode(b"\x01" + bundle.key)
        print(f"no key was given: the bundle agrees with itself, by the key {ours.decode()}")


# ---- records as JSON

def value_of(raw):
    """Text, or base64 of what is none."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(raw).decode()}


def fields_of(raw):
    count, at, fields = struct.unpack_from(">H", raw)[0], 2, {}
    for _ in range(count):
        end = raw.index(b"\0", at)
        length = struct.unpack_from(">I", raw, end + 1)[0]
        fields[raw[at:end].decode("utf-8", "replace")] = value_of(raw[end + 5:end + 5 + length])
        at = end + 5 + length
    return fields


def rows_of(raw):
    rows, at = [], 0
    while at < len(raw):
        if raw[at:at + 1] != b"D":
            raise ValueError
        length, n = struct.unpack_from(">IH", raw, at + 1)
        row, inner = [], at + 7
        for _ in range(n):
            size = struct.unpack_from(">i", raw, inner)[0]
            inner += 4
            row.append(None if size < 0 else value_of(raw[inner:inner + size]))
            inner += max(size, 0)
        rows.append(row)
        at += 1 + length
    return rows


def record(session, sequence, kind, flags, time, body):
    out = {"session": session, "sequence": sequence, "time": when(time), "type": TYPES.get(kind, str(kind))}
    try:
        if flags & 1:
            raise ValueError
        if kind in FIELDS:
            if FIELDS[kind]:
                out["number" if kind == 4 else "run"] = struct.unpack_from(">I", body)[0]
            out["fields"] = fields_of(body[FIELDS[kind]:])
        elif kind == 5:
            out["number"] = struct.unpack_from(">I", body)[0]
            if len(body) > 4:
                out["text"] = value_of(body[4:])
        elif kind == 12:
            out["run"], out["description"] = struct.unpack_from(">II", body)
            out["rows"] = rows_of(body[8:])
        elif kind == 15:
            out["run"], out["rows"], out["bytes"], out["us"], out["how"] = struct.unpack_from(">IQQQB", body)
            out["tag"] = value_of(body[29:].split(b"\0")[0])
        else:
            raise ValueError
    except (ValueError, IndexError, struct.error):
        out = {**{name: out[name] for name in ("session", "sequence", "time", "type")},
               "part": bool(flags & 1), "body": base64.b64encode(body).decode()}
    return json.dumps(out, ensure_ascii=True)


# ======== arithmetic: Ed25519

P = 2 ** 255 - 19
D = -121665 * pow(121666, -1, P) % P
ORDER = 2 ** 252 + 27742317777372353535851937790883648493


def point_add(a, b):
    """Extended coordinates (X, Y, Z, T)."""
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    c, d = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    x, y, z, t = f - e, d - c, d + c, f + e
    return (x * y % P, z * t % P, y * z % P, x * t % P)


def point_times(n, a):
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = point_add(out, a)
        a, n = point_add(a, a), n >> 1
    return out


def point_read(raw):
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    xx = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(xx, (P + 3) // 8, P)
    if (x * x - xx) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if (x * x - xx) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point_read((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def ed25519_verify(key, message, signature):
    a, r, s = point_read(key), point_read(signature[:32]), int.from_bytes(signature[32:], "little")
    if not a or not r or s >= ORDER:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    left, right = point_times(s, BASE), point_add(r, point_times(k, a))
    return (left[0] * right[2] - right[0] * left[2]) % P == 0 and (left[1] * right[2] - right[1] * left[2]) % P == 0


# ======== arithmetic: AES-256-GCM

def aes_tables():
    exp, log, value = [0] * 256, [0] * 256, 1
    for i in range(255):
        exp[i], log[value] = value, i
        value ^= value << 1 ^ (0x11B if value & 128 else 0)
        value &= 255
    box = []
    for i in range(256):
        inverse = exp[-log[i] % 255] if i else 0
        bits = inverse | inverse << 8
        box.append((inverse ^ bits >> 7 ^ bits >> 6 ^ bits >> 5 ^ bits >> 4 ^ 0x63) & 255)
    table = []
    for s in box:
        s2 = s << 1 ^ (0x11B if s & 128 else 0)
        table.append(s2 << 24 | s << 16 | s << 8 | s2 ^ s)
    return box, [[word >> 8 * i | (word << 32 - 8 * i & 0xFFFFFFFF) for word in table] for i in range(4)]


SBOX, (T0, T1, T2, T3) = aes_tables()


class Aes256:
    def __init__(self, key):
        words, turn = list(struct.unpack(">8I", key)), 1
        for i in range(8, 60):
            word = words[-1]
            if i % 8 == 0:
                word = (word << 8 | word >> 24) & 0xFFFFFFFF
            if i % 4 == 0:
                word = SBOX[word >> 24] << 24 | SBOX[word >> 16 & 255] << 16 | SBOX[word >> 8 & 255] << 8 | SBOX[word & 255]
            if i % 8 == 0:
                word, turn = word ^ turn << 24, turn << 1
            words.append(words[i - 8] ^ word)
        self.words = words

    def encrypt(self, block):
        k = self.words
        a, b, c, d = struct.unpack(">4I", block)
        a, b, c, d = a ^ k[0], b ^ k[1], c ^ k[2], d ^ k[3]
        for i in range(4, 56, 4):
            a, b, c, d = (
                T0[a >> 24] ^ T1[b >> 16 & 255] ^ T2[c >> 8 & 255] ^ T3[d & 255] ^ k[i],
                T0[b >> 24] ^ T1[c >> 16 & 255] ^ T2[d >> 8 & 255] ^ T3[a & 255] ^ k[i + 1],
                T0[c >> 24] ^ T1[d >> 16 & 255] ^ T2[a >> 8 & 255] ^ T3[b & 255] ^ k[i + 2],
                T0[d >> 24] ^ T1[a >> 16 & 255] ^ T2[b >> 8 & 255] ^ T3[c & 255] ^ k[i + 3])
        s = SBOX
        return struct.pack(">4I", *(
            (s[w >> 24] << 24 | s[x >> 16 & 255] << 16 | s[y >> 8 & 255] << 8 | s[z & 255]) ^ k[56 + i]
            for i, (w, x, y, z) in enumerate(((a, b, c, d), (b, c, d, a), (c, d, a, b), (d, a, b, c)))))


class Ghash:
    """Multiplication by the hash key, by tables of a byte each."""

    def __init__(self, key):
        value, powers = int.from_bytes(key, "big"), []
        for _ in range(128):
            powers.append(value)
            value = value >> 1 ^ (0xE1 << 120 if value & 1 else 0)
        self.tables = []
        for i in range(0, 128, 8):
            table = [0]
            for power in reversed(powers[i:i + 8]):
                table += [entry ^ power for entry in table]
            self.tables.append(table)

    def hash(self, data):
        value = 0
        for at in range(0, len(data), 16):
            value ^= int.from_bytes(data[at:at + 16], "big")
            product = 0
            for table, byte in zip(self.tables, value.to_bytes(16, "big")):
                product ^= table[byte]
            value = product
        return value.to_bytes(16, "big")


KEYED = {}


def gcm_open(key, nonce, associated, sealed):
    """The plaintext, or None where the tag is wrong."""
    if key not in KEYED:
        KEYED.clear()
        aes = Aes256(key)
        KEYED[key] = aes, Ghash(aes.encrypt(bytes(16)))
    aes, ghash = KEYED[key]
    cipher, tag = sealed[:-16], sealed[-16:]
    lengths = struct.pack(">QQ", 8 * len(associated), 8 * len(cipher))
    hashed = ghash.hash(associated + bytes(-len(associated) % 16) + cipher + bytes(-len(cipher) % 16) + lengths)
    mask = aes.encrypt(nonce + b"\0\0\0\1")
    if bytes(x ^ y for x, y in zip(hashed, mask)) != tag:
        return None
    stream = b"".join(aes.encrypt(nonce + struct.pack(">I", i + 2)) for i in range((len(cipher) + 15) // 16))
    n = len(cipher)
    return (int.from_bytes(cipher, "big") ^ int.from_bytes(stream[:n], "big")).to_bytes(n, "big")


# ======== arithmetic: CRC-32C

def crc_table():
    table = []
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82F63B78 if i & 1 else 0)
        table.append(i)
    return table


CRC = crc_table()


def crc32c(data):
    crc, table = 0xFFFFFFFF, CRC
    for byte in data:
        crc = table[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


# ======== arithmetic: Zstandard

LL_BASE = list(range(16)) + [16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768,
                             65536]
LL_BITS = [0] * 16 + [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
ML_BASE = list(range(3, 35)) + [35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387,
                                32771, 65539]
ML_BITS = [0] * 32 + [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]
LL_DEFAULT = [4, 3] + [2] * 11 + [1] * 3 + [2] * 9 + [3, 2] + [1] * 5 + [-1] * 4
ML_DEFAULT = [1, 4, 3] + [2] * 6 + [1] * 37 + [-1] * 7
OF_DEFAULT = [1] * 6 + [2] * 3 + [1] * 15 + [-1] * 5


class Backward:
    """A stream of bits that is read from its end; behind its beginning are zeros."""

    def __init__(self, data):
        if not data or not data[-1]:
            raise ValueError
        self.data, self.at = data, 8 * len(data) - 9 + data[-1].bit_length()

    def peek(self, n):
        at = self.at - n
        if at < 0:
            return (int.from_bytes(self.data[:8], "little") & (1 << max(self.at, 0)) - 1) << -at
        return int.from_bytes(self.data[at >> 3:(at + n + 7 >> 3) + 1], "little") >> (at & 7) & (1 << n) - 1

    def read(self, n):
        value = self.peek(n)
        self.at -= n
        return value


def fse_table(counts, accuracy):
    """(symbol, bits, base) of each state."""
    size = 1 << accuracy
    high, step, at = size, (size >> 1) + (size >> 3) + 3, 0
    symbols, seen = [0] * size, {}
    for symbol, count in enumerate(counts):
        if count == -1:
            high -= 1
            symbols[high], seen[symbol] = symbol, 1
    for symbol, count in enumerate(counts):
        if count > 0:
            seen[symbol] = count
            for _ in range(count):
                symbols[at] = symbol
                at = at + step & size - 1
                while at >= high:
                    at = at + step & size - 1
    table = []
    for symbol in symbols:
        state = seen[symbol]
        seen[symbol] += 1
        bits = accuracy + 1 - state.bit_length()
        table.append((symbol, bits, (state << bits) - size))
    return table


def fse_read(data, most):
    """A table's description; (table, accuracy, bytes)."""
    number, at = int.from_bytes(data[:512], "little"), 4
    accuracy = (number & 15) + 5
    if accuracy > most:
        raise ValueError
    left, counts = 1 << accuracy, []
    while left > 0:
        bits = (left + 1).bit_length()
        value = number >> at & (1 << bits) - 1
        low, threshold = value & (1 << bits - 1) - 1, (1 << bits) - 2 - left
        at += bits
        if low < threshold:
            at, value = at - 1, low
        elif value >= 1 << bits - 1:
            value -= threshold
        counts.append(value - 1)
        left -= abs(value - 1)
        if value == 1:
            again = 3
            while again == 3:
                again = number >> at & 3
                at += 2
                counts += [0] * again
    used = at + 7 >> 3
    if left or len(counts) > 256 or used > len(data):
        raise ValueError
    return fse_table(counts, accuracy), accuracy, used


def huffman_read(data):
    """(table, bits, bytes); the table has (symbol, bits) for each prefix."""
    first = data[0]
    if first >= 128:
        n, used = first - 127, 1 + (first - 126) // 2
        weights = [data[1 + i // 2] >> (0 if i & 1 else 4) & 15 for i in range(n)]
    else:
        used = 1 + first
        if used > len(data):
            raise ValueError
        table, accuracy, taken = fse_read(data[1:used], 6)
        bits, weights = Backward(data[1 + taken:used]), []
        states = [bits.read(accuracy), bits.read(accuracy)]
        which = 0
        while True:
            symbol, n, base = table[states[which]]
            weights.append(symbol)
            states[which] = base + bits.read(n)
            if bits.at < 0:
                weights.append(table[states[1 - which]][0])
                break
            if len(weights) > 255:
                raise ValueError
            which = 1 - which
    total = sum(1 << weight - 1 for weight in weights if weight)
    most = total.bit_length()
    last = (1 << most) - total
    if not total or most > 11 or last & last - 1 or max(weights) > most:
        raise ValueError
    weights.append(last.bit_length())
    table = []
    for weight in range(1, most + 1):
        for symbol, own in enumerate(weights):
            if own == weight:
                table += [(symbol, most + 1 - weight)] * (1 << weight - 1)
    return table, most, used


def huffman_decode(tree, data, count):
    table, most = tree
    bits, out = Backward(data), bytearray()
    for _ in range(count):
        symbol, used = table[bits.peek(most)]
        bits.at -= used
        out.append(symbol)
    if bits.at:
        raise ValueError
    return out


class Zstd:
    """One frame."""

    def __init__(self, most):
        self.most, self.out, self.tree = most, bytearray(), None
        self.tables, self.recent = [None, None, None], [1, 4, 8]

    def literals(self, data):
        """(literals, bytes)"""
        kind, form = data[0] & 3, data[0] >> 2 & 3
        if kind < 2:
            head = (1, 2, 1, 3)[form]
            size = int.from_bytes(data[:head], "little") >> (4 if form & 1 else 3)
            if size > 1 << 17:
                raise ValueError
            if kind == 0:
                return data[head:head + size], head + size
            return data[head:head + 1] * size, head + 1
        head, bits = ((3, 10), (3, 10), (4, 14), (5, 18))[form]
        number = int.from_bytes(data[:head], "little") >> 4
        size, packed = number & (1 << bits) - 1, number >> bits
        end = head + packed
        if end > len(data) or size > 1 << 17:
            raise ValueError
        stream = data[head:end]
        if kind == 2:
            table, most, used = huffman_read(stream)
            self.tree, stream = (table, most), stream[used:]
        if not self.tree:
            raise ValueError
        if form == 0:
            return huffman_decode(self.tree, stream, size), end
        lengths, at, out, each = struct.unpack_from("<3H", stream), 6, bytearray(), (size + 3) // 4
        for length in lengths:
            out += huffman_decode(self.tree, stream[at:at + length], each)
            at += length
        return out + huffman_decode(self.tree, stream[at:], size - 3 * each), end

    def choose_table(self, which, mode, data):
        """Sets a table of sequences; how many bytes that took."""
        default, accuracy, most = ((LL_DEFAULT, 6, 9), (OF_DEFAULT, 5, 8), (ML_DEFAULT, 6, 9))[which]
        if mode == 0:
            self.tables[which] = fse_table(default, accuracy), accuracy
        elif mode == 1:
            self.tables[which] = [(data[0], 0, 0)], 0
            return 1
        elif mode == 2:
            table, accuracy, used = fse_read(data, most)
            self.tables[which] = table, accuracy
            return used
        elif not self.tables[which]:
            raise ValueError
        return 0

    def offset(self, value, no_literals):
        recent = self.recent
        if value > 3:
            found = value - 3
            self.recent = [found] + recent[:2]
            return found
        which = value - 1 + no_literals
        found = recent[which] if which < 3 else recent[0] - 1
        if which:
            self.recent = [found, recent[0], recent[1] if which > 1 else recent[2]]
        return found

    def compressed(self, data):
        literals, at = self.literals(data)
        count, at = data[at], at + 1
        if count == 255:
            count, at = int.from_bytes(data[at:at + 2], "little") + 0x7F00, at + 2
        elif count > 127:
            count, at = (count - 128 << 8) + data[at], at + 1
        taken = 0
        if count:
            modes, at = data[at], at + 1
            if modes & 3:
                raise ValueError
            for which in range(3):
                at += self.choose_table(which, modes >> 6 - 2 * which & 3, data[at:])
            bits = Backward(data[at:])
            (ll, ll_bits), (of, of_bits), (ml, ml_bits) = self.tables
            l, o, m = bits.read(ll_bits), bits.read(of_bits), bits.read(ml_bits)
            for i in range(count):
                code = of[o][0]
                if code > 31:
                    raise ValueError
                value = (1 << code) + bits.read(code)
                match = ML_BASE[ml[m][0]] + bits.read(ML_BITS[ml[m][0]])
                length = LL_BASE[ll[l][0]] + bits.read(LL_BITS[ll[l][0]])
                if i + 1 < count:
                    l = ll[l][2] + bits.read(ll[l][1])
                    m = ml[m][2] + bits.read(ml[m][1])
                    o = of[o][2] + bits.read(of[o][1])
                if taken + length > len(literals):
                    raise ValueError
                self.out += literals[taken:taken + length]
                taken += length
                self.copy(self.offset(value, length == 0), match)
            if bits.at:
                raise ValueError
        self.out += literals[taken:]

    def copy(self, offset, length):
        out = self.out
        start = len(out) - offset
        if offset < 1 or start < 0 or len(out) + length > self.most:
            raise ValueError
        if offset >= length:
            out += out[start:start + length]
        else:
            out += (out[start:] * (length // offset + 1))[:length]

    def frame(self, data):
        """How many bytes it takes."""
        if data[:4] != b"\x28\xb5\x2f\xfd":
            raise ValueError
        flags, at = data[4], 5
        single = flags >> 5 & 1
        if flags & 0x0B:
            raise ValueError  # reserved, or a dictionary, which postern has none of
        at += not single
        width = (single, 2, 4, 8)[flags >> 6]
        if not width:
            raise ValueError  # postern's frames say how long they are
        size = int.from_bytes(data[at:at + width], "little") + (256 if width == 2 else 0)
        at += width
        if size > self.most:
            raise ValueError
        last = False
        while not last:
            head = int.from_bytes(data[at:at + 3], "little")
            last, kind, length, at = head & 1, head >> 1 & 3, head >> 3, at + 3
            if at > len(data) or kind == 3 or len(self.out) > size or length > 1 << 17 and kind != 1:
                raise ValueError
            if kind == 1:
                self.out += data[at:at + 1] * min(length, self.most + 1)
                at += 1
                continue
            if at + length > len(data):
                raise ValueError
            if kind == 0:
                self.out += data[at:at + length]
            else:
                self.compressed(data[at:at + length])
            at += length
        if len(self.out) != size:
            raise ValueError
        return at + (4 if flags & 4 else 0)


def unzstd(data, most):
    """What one whole frame holds. ValueError or IndexError: it is none."""
    frame = Zstd(most)
    try:
        if frame.frame(data) != len(data):
            raise ValueError
    except struct.error:
        raise ValueError from None
    return bytes(frame.out)


# ======== the command line

def given_keys(text):
    """The keys in a file, one a line, or the one that the text is."""
    one = parse_key(text.encode())
    if one:
        return [one]
    with open(text, "rb") as file:
        lines = [line.strip() for line in file if line.strip()]
    keys = [parse_key(line) for line in lines]
    if not keys or not all(keys):
        raise SystemExit(f"read-bundle: {text} holds no verifier key")
    return keys


def given_anchors(path):
    with open(path, "rb") as file:
        data = file.read()
    try:
        return notes_of(re.sub(rb"\n\n+(?=[!-~])", b"\n\n", data.lstrip()).rstrip() + b"\n\n", "malformed")
    except Bad:
        raise SystemExit(f"read-bundle: {path} holds no checkpoints") from None


def main(arguments):
    options = {name: False for name in ("--partial", "--records")}
    names, against = [], None
    rest = iter(arguments)
    for argument in rest:
        if argument in options:
            options[argument] = True
        elif argument == "--against":
            against = next(rest, None)
        else:
            names.append(argument)
    if not 1 <= len(names) <= 2 or any(name.startswith("-") for name in names):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        with open(names[0], "rb") as file:
            data = file.read()
        keys = given_keys(names[1]) if len(names) == 2 else []
        anchored = given_anchors(against) if against else []
    except (OSError, SystemExit) as error:
        print(error, file=sys.stderr)
        return 2
    try:
        bundle = Bundle(data, keys, anchored)
    except Bad as bad:
        print(f"NOT VERIFIED: {bad}")
        return 1
    if options["--records"]:
        for session in bundle.sessions:
            for one in session.records:
                print(record(session.id, *one))
        return 0 if bundle.whole or options["--partial"] else 1
    report(bundle)
    return 0 if bundle.whole or options["--partial"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
