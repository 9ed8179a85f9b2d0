"""Processes, ports and folders of a test: whatever is started here is ended here, by its pid, however the
test ends."""
import contextlib
import ctypes
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build"
_libc = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
PATIENCE = 300  # seconds for whatever is to come: a machine may be slow, and may be paused
_given = set()


class Failed(Exception):
    """The world of a test could not be built."""


def free_port():
    """A loopback port that the kernel says is free; never the same again."""
    while True:
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            port = s.getsockname()[1]
        if port not in _given:
            _given.add(port)
            return port


def wait_for(condition, what, timeout=PATIENCE, every=0.02):
    """The first true value of condition(); Failed with `what` when there is none in time."""
    deadline = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise Failed(f"{what}: not within {timeout:g} s")
        time.sleep(every)


def answers(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 60).close()
        return True
    except OSError:
        return False


def children(pid):
    """The pids of a process and of all below it."""
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        try:
            for task in os.listdir(f"/proc/{one}/task"):
                todo += map(int, pathlib.Path(f"/proc/{one}/task/{task}/children").read_text().split())
        except OSError:
            pass
    return found


def cpu_seconds(pid, ended=False):
    """User and system time that a process, its threads and its living children have used; ended: and those of its children
    that have ended."""
    ticks = 0
    for one in children(pid):
        with contextlib.suppress(OSError):
            fields = pathlib.Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
            if ended and one == pid:
                ticks += int(fields[13]) + int(fields[14])
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_kb(pid, field="Rss"):
    """A field of smaps_rollup ("Rss", "Pss", "Anonymous"), summed over a process and all below it."""
    total = 0
    for one in children(pid):
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith(field + ":"):
                    total += int(line.split()[1])
    return total


class World(contextlib.ExitStack):
    """A folder and processes that live as long as the `with` block. SIGTERM and SIGINT end it in order."""

    def __enter__(self):
        super().__enter__()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: (_ for _ in ()).throw(SystemExit(1)))
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postern-"))
        self.folder.chmod(0o755)
        self.callback(self._remove_folder)
        return self

    def _remove_folder(self):
        if os.environ.get("KEEP"):
            print(f"kept: {self.folder}")
        else:
            shutil.rmtree(self.folder, ignore_errors=True)

    def make_folder(self, name, user=None):
        path = self.folder / name
        path.mkdir()
        if user and os.geteuid() == 0:
            entry = pwd.getpwnam(user)
            os.chown(path, entry.pw_uid, entry.pw_gid)
        return path

    def start(self, command, name, user=None, env=None, death_signal=signal.SIGKILL, **options):
        """Starts a process whose output goes to NAME.out in the world's folder."""
        identity = {}
        if user and os.geteuid() == 0:
            entry = pwd.getpwnam(user)
            identity = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
        output = open(self.folder / f"{name}.out", "ab")
        with output:
            process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **(env or {})}, cwd=self.folder,
                preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, death_signal), **identity, **options)
        process.output_path = self.folder / f"{name}.out"
        self.callback(stop, process)
        return process


def stop(process, number=signal.SIGTERM, timeout=PATIENCE):
    """Ends one process by its pid: politely, then not."""
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    return process.returncode


def run(command, timeout=1800, check=True, **options):
    """Runs a command to its end and gives back what it did; its text stands in the exception."""
    done = subprocess.run([str(word) for word in command], stdin=options.pop("stdin", subprocess.DEVNULL),
                          capture_output=True, text=True, timeout=timeout, **options)
    if check and done.returncode:
        raise Failed(f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done
