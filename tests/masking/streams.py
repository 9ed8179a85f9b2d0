"""What came back to a client on either side, and whether it is the same. Everything that may differ between the
two copies stands in settle(), each with its reason; nothing else is let pass."""
import re

import rawpg

REQUEST = re.compile(rb"request [0-9a-z-]+")
TEMPORARY = re.compile(rb"pg_(toast_)?temp_[0-9]+")
HOME = re.compile(rb"/copy-[12]\b")
CLOSED, SILENT = ("", b""), ("silent", b"")
NAMES = {"T": "RowDescription", "D": "DataRow", "C": "CommandComplete", "E": "ErrorResponse", "N": "NoticeResponse",
         "S": "ParameterStatus", "A": "NotificationResponse", "d": "CopyData", "V": "FunctionCallResponse",
         "t": "ParameterDescription", "Z": "ReadyForQuery", "I": "EmptyQueryResponse", "": "the end",
         "silent": "silence"}


def settle(message):
    """One message without what differs from run to run."""
    kind, body = message
    if kind == "K":  # the backend's pid and its secret
        return kind, b""
    if kind == "R":  # nonces of the log-in
        return kind, body[:4]
    if kind == "A":  # the pid of the session that notifies
        return kind, body[4:]
    if kind in "EN":  # the gateway's number for the request, to look it up in the record
        body = REQUEST.sub(b"request N", body)
    body = TEMPORARY.sub(rb"pg_\1temp_N", body)  # the number of the backend's place among others
    return kind, HOME.sub(b"/copy-N", body)  # where the server keeps its files


def difference(left, right):
    """None, or what differs first."""
    left, right = [settle(one) for one in left], [settle(one) for one in right]
    if left == right:
        return None
    for n, (one, two) in enumerate(zip(left, right)):
        if one != two:
            return f"message {n + 1}: {show(one)} ≠ {show(two)}"
    longer = left if len(left) > len(right) else right
    return f"{len(left)} ≠ {len(right)} messages, the first more is {show(longer[min(len(left), len(right))])}"


def is_reordered(left, right):
    """Whether the rows are the same in another order: which no statement without ORDER BY promises."""
    left, right = [settle(one) for one in left], [settle(one) for one in right]
    return [one for one in left if one[0] not in "Dd"] == [one for one in right if one[0] not in "Dd"] and \
        sorted(one for one in left if one[0] in "Dd") == sorted(one for one in right if one[0] in "Dd")


def show(message):
    kind, body = message
    if kind in ("E", "N"):
        told = rawpg.fields(body)
        text = " | ".join(told[key] for key in "CMDHWPpqcdstn" if key in told)
    elif kind == "D":
        text = ", ".join("NULL" if v is None else v.decode(errors="backslashreplace") for v in rawpg.columns(body))
    else:
        text = body.decode(errors="backslashreplace")
    return f"{NAMES.get(kind, kind)} ({text[:300]})"


def errors(messages):
    return [rawpg.fields(body) for kind, body in messages if kind == "E"]


def is_refusal(told):
    """Whether an error is the gateway's."""
    return "request " in told.get("D", "") and "Rule " in told.get("D", "")
