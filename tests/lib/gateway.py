"""The gateway under test: its configuration, its process, and the command line that looks back at its record.

POSTERN names another binary than build/src/postern (build-asan/src/postern, say)."""
import copy
import json
import os
import pathlib
import resource
import signal
import subprocess

import yaml

import process
import tokens

OPEN_POLICY = {
    "name": "everything",
    "who": "any",
    "record": {"rows": "full", "on_failure": "deny"},
    "allow": ["all", "unknown"],
}


def binary():
    path = pathlib.Path(os.environ.get("POSTERN") or process.BUILD / "src" / "postern").resolve()
    if not os.access(path, os.X_OK):
        raise process.Failed(f"no gateway: {path} is not there; run make first")
    return path


def default_config(folder, cluster, port, issuer, unix=False, user="postgres"):
    """One connection that serves every database of a cluster, and a policy that allows everything."""
    return {
        "listen": f"127.0.0.1:{port}",
        "data": str(folder / "data"),
        "identity": {"oidc": [{"issuer": issuer.issuer, "audience": tokens.AUDIENCE, "jwks": str(issuer.path),
                               "groups_claim": "groups"}]},
        "connections": [{
            "name": "everything", "via": "direct", "databases": ["*"],
            "target": {"host": str(cluster.home) if unix else "127.0.0.1", "port": cluster.port, "tls": "disable"},
            "logins": [{"name": "rw", "user": user, "password": f"${{file:{cluster.home}/password}}"}],
        }],
        "policies": [copy.deepcopy(OPEN_POLICY)],
    }


class Gateway:
    """A gateway before a cluster. change(config) may alter its configuration before it is written."""

    def __init__(self, world, cluster, unix=False, name="gateway", change=None, user="postgres", start=True,
                 data=None, env=None):
        self.world, self.cluster, self.name, self.env = world, cluster, name, env
        self.folder = world.make_folder(name)
        self.port = process.free_port()
        self.issuer = tokens.Issuer(self.folder / "jwks.json")
        self.config = default_config(self.folder, cluster, self.port, self.issuer, unix, user)
        if data:
            self.config["data"] = str(data)
        if change:
            change(self.config)
        self.config_path = self.folder / "postern.yaml"
        self.write()
        if start:
            self.start()

    @property
    def data(self):
        return pathlib.Path(self.config["data"])

    def write(self):
        self.config_path.write_text(yaml.safe_dump(self.config, sort_keys=False))

    def start(self):
        def limits():
            process._libc.prctl(process.PR_SET_PDEATHSIG, signal.SIGKILL)
            resource.setrlimit(resource.RLIMIT_NOFILE, (16384, 16384))
        output = open(self.folder / "stderr", "ab")
        with output:
            self.process = subprocess.Popen([str(binary()), "gateway", "--config", str(self.config_path)],
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                                            cwd=self.folder, preexec_fn=limits,
                                            env={**os.environ, **(self.env or {})})
        self.world.callback(process.stop, self.process)
        process.wait_for(self.is_ready, "the gateway")

    def is_ready(self):
        if self.process.poll() is not None:
            raise process.Failed(f"the gateway ended with {self.process.returncode}:\n{self.stderr()}")
        return process.answers(self.port)

    def stderr(self):
        return (self.folder / "stderr").read_text(errors="replace")

    def stop(self, number=signal.SIGTERM):
        return process.stop(self.process, number)

    def kill(self):
        """Ends it without a word, as a power of the machine would; its children must notice by themselves."""
        self.process.kill()
        self.process.wait()

    def alive(self):
        return self.process.poll() is None

    def token(self, **changes):
        return self.issuer.mint(**changes)

    def environment(self, database="postgres", **changes):
        """What a libpq client needs to come in through the gateway."""
        return {**os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.port), "PGUSER": "agent",
                "PGPASSWORD": self.token(**changes), "PGDATABASE": database}

    def cli(self, *arguments, check=True, timeout=1800):
        """`postern ARGUMENTS --config FILE`."""
        return process.run([binary(), *arguments, "--config", self.config_path], timeout, check)

    def sessions(self):
        """The ids of the sessions in the record."""
        return [one["session"] for one in parse_json(self.cli("sessions", "list", "--json", "--limit", "0").stdout)]

    def wait_for_ends(self, least=1):
        """Waits until at least so many sessions are in the index, and each of them with its end; all their ids."""
        def ended():
            all_ = parse_json(self.cli("sessions", "list", "--json", "--limit", "0").stdout)
            return len(all_) >= least and all(one.get("ended") is not None for one in all_) and all_
        return [one["session"] for one in process.wait_for(ended, f"the end of {least} sessions in the index", every=0.2)]

    def rejections(self):
        """The connections that were turned away, as text: an object a line."""
        return self.cli("sessions", "list", "--rejected", "--json", "--limit", "0").stdout

    def replay(self, session):
        """The events of a session, as `sessions replay ID --json` prints them."""
        return parse_json(self.cli("sessions", "replay", session, "--json").stdout)

    def whole_record(self):
        """All that the command line can bring back, as text."""
        return "".join(self.cli("sessions", "replay", session, "--json").stdout for session in self.sessions())

    def verify(self):
        """(whether `audit verify` is content, what it said)."""
        done = self.cli("audit", "verify", check=False)
        return done.returncode == 0, done.stdout + done.stderr


def parse_json(text):
    """A JSON list, or JSON lines."""
    text = text.strip()
    if text.startswith("["):
        return json.loads(text)
    return [json.loads(line) for line in text.splitlines() if line]
