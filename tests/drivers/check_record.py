"""Compares a gateway's record with what a witness before the server saw: every session, statement, parameter,
row, COPY byte and error. The record is read as `postern sessions replay ID --json` gives it: one object a
line, "event" says of what kind."""
import struct
import time
import uuid

class Seen:
    """What one session did, from the messages on the wire."""

    def __init__(self, connection):
        self.statements, self.rows, self.errors = [], [], 0  # statements: (text or None, parameters or None)
        self.copy_in = self.copy_out = b""
        self.process = connection.process_id()
        texts, portals = {}, {}
        for direction, kind, body in connection.messages:
            if direction == "c":
                if kind == "Q":
                    self.statements.append((body[:-1].decode(errors="replace"), None))
                elif kind == "P":
                    name, text = body.split(b"\0")[:2]
                    texts[name] = text.decode(errors="replace")
                elif kind == "B":
                    portal, name, parameters = read_bind(body)
                    portals[portal] = (texts.get(name), parameters)
                elif kind == "E":
                    self.statements.append(portals.get(body.split(b"\0")[0], (None, None)))
                elif kind == "F":
                    self.statements.append((None, None))
                elif kind == "d":
                    self.copy_in += body
            elif kind == "D":
                self.rows.append(read_row(body))
            elif kind == "V":  # a function call's answer is recorded as a row of one value
                length = struct.unpack("!i", body[:4])[0]
                self.rows.append([None if length < 0 else body[4:4 + length]])
            elif kind == "d":
                self.copy_out += body
            elif kind == "E":
                self.errors += 1


def read_bind(body):
    """(portal, statement, [(is binary, bytes or None)])."""
    portal, rest = body.split(b"\0", 1)
    name, rest = rest.split(b"\0", 1)
    n = struct.unpack("!H", rest[:2])[0]
    formats = struct.unpack(f"!{n}H", rest[2:2 + 2 * n])
    at = 2 + 2 * n
    count, at = struct.unpack("!H", rest[at:at + 2])[0], at + 2
    values = []
    for i in range(count):
        size, at = struct.unpack("!i", rest[at:at + 4])[0], at + 4
        binary = bool(formats[i] if len(formats) > 1 else formats[0] if formats else 0)
        values.append((binary, None if size < 0 else rest[at:at + size]))
        at += max(size, 0)
    return portal, name, values


def read_row(body):
    n, at, values = struct.unpack("!H", body[:2])[0], 2, []
    for _ in range(n):
        size, at = struct.unpack("!i", body[at:at + 4])[0], at + 4
        values.append(None if size < 0 else body[at:at + size])
        at += max(size, 0)
    return values


# OID → how a binary value of it is printed. Types that are not here are compared by being there at all.
BINARY = {
    16: lambda b: "t" if b != b"\0" else "f",
    17: lambda b: "\\x" + b.hex(),
    20: lambda b: str(struct.unpack("!q", b)[0]),
    21: lambda b: str(struct.unpack("!h", b)[0]),
    23: lambda b: str(struct.unpack("!i", b)[0]),
    26: lambda b: str(struct.unpack("!I", b)[0]),
    25: lambda b: b.decode(),
    1043: lambda b: b.decode(),
    19: lambda b: b.decode(),
    114: lambda b: b.decode(),
    3802: lambda b: b[1:].decode(),
    2950: lambda b: str(uuid.UUID(bytes=b)),
}


def same_value(raw, told, oid):
    """Whether the record's value is the wire's: NULL, the very text, or what a binary one prints as."""
    if raw is None or told is None:
        return raw is told
    if isinstance(told, dict):
        return bytes.fromhex(told["hex"]) == raw
    if told.encode() == raw:
        return True
    if oid in BINARY:
        try:
            return BINARY[oid](raw) == told
        except (struct.error, ValueError, UnicodeDecodeError):
            return False
    return not printable(raw) or oid not in (0, 25, None)


def printable(raw):
    try:
        return raw.decode().isprintable()
    except UnicodeDecodeError:
        return False


def copied(events, direction):
    data = b""
    for event in events:
        if event["event"] == "copy" and event["direction"] == direction:
            told = event["data"]
            data += bytes.fromhex(told["hex"]) if isinstance(told, dict) else told.encode()
    return data


def compare_statements(seen, events):
    told = [event for event in events if event["event"] == "statement"]
    if len(told) != len(seen.statements):
        return f"{len(seen.statements)} statements went to the server, {len(told)} are recorded"
    for i, ((text, parameters), event) in enumerate(zip(seen.statements, told)):
        if text is not None and event.get("sql") != text:
            return f"statement {i}: {text!r:.200} is recorded as {event.get('sql')!r:.200}"
        if parameters is None:
            continue
        recorded = event.get("parameters", [])
        if len(recorded) != len(parameters):
            return f"statement {i}, {text!r:.100}: {len(parameters)} parameters, {len(recorded)} recorded"
        for n, ((_, raw), one) in enumerate(zip(parameters, recorded)):
            if not same_value(raw, one["value"], one.get("oid")):
                return f"statement {i}, {text!r:.100}, parameter {n + 1}: {raw!r:.100} is recorded as {one!r:.200}"
    return ""


def compare_rows(seen, events):
    told = [event for event in events if event["event"] == "row"]
    if len(told) != len(seen.rows):
        return f"{len(seen.rows)} rows came, {len(told)} are recorded"
    for i, (values, event) in enumerate(zip(seen.rows, told)):
        columns = event.get("columns") or [{}] * len(values)
        if len(values) != len(event["values"]):
            return f"row {i}: {len(values)} columns, {len(event['values'])} recorded"
        for raw, one, column in zip(values, event["values"], columns):
            if not same_value(raw, one, column.get("oid")):
                return f"row {i}, {column.get('name')}: {raw!r:.100} is recorded as {one!r:.200}"
    return ""


def match(seen, records):
    """The recorded session that is this one: with the same texts in the same order."""
    def likeness(events):
        told = [event.get("sql") for event in events if event["event"] == "statement"]
        alike = sum(text is None or text == sql for (text, _), sql in zip(seen.statements, told))
        return (alike - abs(len(told) - len(seen.statements)), alike)
    return max(records, key=lambda one: likeness(records[one]), default=None)


def check(counted, gate, witness):
    """Counts, for each session that the witness saw, whether the record holds all of it."""
    try:
        gate.wait_for_ends(len(witness.sessions()))
    except process.Failed:
        pass  # what is missing is told below
    records = {session: gate.replay(session) for session in gate.sessions()}
    sessions = sorted((Seen(one) for one in witness.sessions()), key=lambda seen: -len(seen.statements))
    counted.check(f"each of {len(sessions)} sessions that reached the server is in the record", sessions and len(records) >= len(sessions),
                  f"{len(records)} are recorded")
    for seen in sessions:
        found = match(seen, records)
        if found is None:
            break
        events = records.pop(found)
        name = f"session {found}: "
        counted.check(f"{name}{len(seen.statements)} statements and their parameters are recorded", not (d := compare_statements(seen, events)), d)
        counted.check(f"{name}{len(seen.rows)} rows are recorded", not (d := compare_rows(seen, events)), d)
        counted.check(f"{name}COPY is recorded, {len(seen.copy_in)} bytes in and {len(seen.copy_out)} out",
                      copied(events, "in") == seen.copy_in and copied(events, "out") == seen.copy_out,
                      (len(copied(events, "in")), len(copied(events, "out"))))
        errors = sum(event["event"] == "report" and event["error"] and event["origin"] == "server" for event in events)
        counted.check(f"{name}{seen.errors} errors are recorded", errors == seen.errors, errors)
        counted.check(f"{name}it has a start and an end", [e["event"] for e in events].count("start") == 1 and
                      [e["event"] for e in events].count("end") == 1)
    counted.check("the log verifies", *gate.verify())
