"""Who works on the record while it is written: one who approves and denies, one who erases sessions."""
import json
import subprocess
import threading

import process

import judge


class Approver(threading.Thread):
    """Decides on what waits: most is approved, some denied, some left to expire."""

    def __init__(self, lanes, rng, stop):
        super().__init__(daemon=True)
        self.lanes, self.rng, self.stop, self.decided = lanes, rng, stop, 0

    def run(self):
        while not self.stop.wait(2.0):
            for lane in self.lanes:
                try:
                    self.look(lane)
                except (process.Failed, subprocess.SubprocessError, ValueError):
                    pass  # the gateway is away just now

    def look(self, lane):
        waiting = json.loads(lane.gate.cli("approvals", "list", "--json", "--token", lane.person, timeout=120).stdout or "[]")
        for one in waiting:
            verb = self.rng.choice(["approve"] * 6 + ["deny"] * 2 + [None] * 2)
            if verb:
                done = lane.gate.cli("approvals", verb, one["id"], "--token", lane.person, check=False, timeout=120)
                self.decided += done.returncode == 0


class Eraser:
    """Erases what one subject left; first it is read, so that it is judged with the rest. read: sessions by id, of each lane."""

    def __init__(self, lanes):
        self.lanes, self.read = lanes, {lane.name: {} for lane in lanes}

    def erase(self, lane):
        """How many sessions were erased."""
        read = self.read[lane.name]
        over = [one["session"] for one in lane.listed("--principal", "fleeting") if one.get("ended") and one["session"] not in read]
        if not over:
            return 0
        found = {one: judge.read_session(lane.gate, one) for one in over}
        read.update(found)
        done = lane.gate.cli("store", "erase", *over, "--reason", "asked to", "--json", check=False, timeout=600)
        if done.returncode:  # it may have been killed behind the erasing: what cannot be read any more stays as it was read
            still = {one["session"] for one in lane.listed("--principal", "fleeting")}
            for one in still & found.keys():
                del read[one]
            raise process.Failed(done.stderr)
        return len(over)
