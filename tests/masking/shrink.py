"""Makes a statement that tells something as short as it will go: takes tokens out, in balanced pieces, for as long
as it still tells."""
import re

TOKEN = re.compile(r"""(?:[EeUu]&?)?'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$|[\w.]+|::|[<>=!~@#%^&|?*/+-]+|\s+|.""", re.S)
TRIALS = 400


def tokens(text):
    return [token for token in TOKEN.findall(text) if not token.isspace()]


def is_balanced(part):
    depth = 0
    for token in part:
        depth += (token in "([") - (token in ")]")
        if depth < 0:
            return False
    return depth == 0


def shrink(text, tells, trials=TRIALS):
    """The shortest text found for which tells(text) still holds."""
    best, left = tokens(text), trials
    size = max(1, len(best) // 2)
    while size >= 1 and left > 0:
        at, shorter = 0, False
        while at < len(best) and left > 0:
            part = best[at:at + size]
            if is_balanced(part):
                without = best[:at] + best[at + size:]
                left -= 1
                if without and tells(" ".join(without)):
                    best, shorter = without, True
                    continue
            at += 1
        if not shorter or size > 8:
            size //= 2
    return " ".join(best)
