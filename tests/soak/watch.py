"""What a lane's gateway takes: memory, file descriptors and threads of its whole family, sampled; and whether it is flat."""
import contextlib
import os
import pathlib
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "lib"))
import process

WARM = 0.25  # of the time, at most ten minutes: caches fill, and every kind of client has come
MOST_GROWTH_MB = 16
MORE_THREADS = 2
FILLING_MB, FILLED_HOURS = 64, 0.5  # what is allowed where caches have not had the time to fill: 8,192 texts of each worker
MORE_FILES = 12  # segments of the log and connections to SQLite are opened when they are wanted
MOST_SIZE_MB = 700


class Sample:
    def __init__(self, lane):
        family = process.children(lane.gate.process.pid)
        self.at, self.life = time.monotonic(), lane.deaths
        self.rss, self.pss, self.anonymous = 0, 0, 0
        self.files, self.sockets, self.threads = 0, 0, 0
        for pid in family:
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    name, _, value = line.partition(":")
                    if name in ("Rss", "Pss", "Anonymous"):
                        setattr(self, name.lower(), getattr(self, name.lower()) + int(value.split()[0]) / 1024)
                for one in os.listdir(f"/proc/{pid}/fd"):
                    self.files += 1
                    self.sockets += os.readlink(f"/proc/{pid}/fd/{one}").startswith("socket:")
                self.threads += len(os.listdir(f"/proc/{pid}/task"))


class Watch:
    def __init__(self, lanes):
        self.lanes, self.samples = lanes, {lane.name: [] for lane in lanes}

    def sample(self, lane):
        one = Sample(lane)
        if one.rss and lane.gate.alive():
            self.samples[lane.name].append(one)
        return one


def slope(points):
    """Theil and Sen's: the median of the slopes of all pairs, which a few odd samples do not move. Of many points, every n-th."""
    points = points[::max(1, len(points) // 200)]
    slopes = sorted((b[1] - a[1]) / (b[0] - a[0]) for i, a in enumerate(points) for b in points[i + 1:] if b[0] > a[0])
    return slopes[len(slopes) // 2] if slopes else 0.0


def flat(t, lane, samples):
    """One gateway that lived all the time."""
    if not samples:
        t.check(f"{lane.name}: there are samples", False)
        return
    begin, end = samples[0].at, samples[-1].at
    judged = [one for one in samples if one.at >= begin + min(600, WARM * (end - begin))]
    hours = (judged[-1].at - judged[0].at) / 3600
    most = MOST_GROWTH_MB if hours >= FILLED_HOURS else FILLING_MB
    for field, name in (("rss", "RSS"), ("pss", "PSS"), ("anonymous", "anonymous memory")):
        per_hour = 3600 * slope([(one.at, getattr(one, field)) for one in judged])
        values = [getattr(one, field) for one in judged]
        t.check(f"{lane.name}: {name} of the gateway that was never killed is flat over {60 * hours:.0f} minutes: "
                f"{per_hour * hours:+.1f} MB ({per_hour:+.1f} MB an hour; {min(values):.0f} to {max(values):.0f} MB); at most "
                f"{most} MB are allowed", per_hour * hours <= most, [round(v) for v in values])
    for name, more, value in (("files that are open", MORE_FILES, lambda one: one.files - one.sockets),
                              ("threads", MORE_THREADS, lambda one: one.threads)):
        values = [value(one) for one in judged]
        third = max(1, len(values) // 3)
        first, last = statistics.median(values[:third]), statistics.median(values[-third:])
        t.check(f"{lane.name}: {name} do not grow: {first:.0f} in the first third, {last:.0f} in the last (medians)",
                last <= first + more, values)


def bounded(t, lane, samples):
    """A gateway that was killed again and again."""
    most = max((one.rss for one in samples), default=0)
    t.check(f"{lane.name}: over {lane.deaths + 1} lives the gateway's RSS stays under {MOST_SIZE_MB} MB: at most {most:.0f} MB",
            0 < most < MOST_SIZE_MB)
