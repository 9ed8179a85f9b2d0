"""A throw-away Ceph with an object gateway (RGW) that speaks S3: a monitor, a manager, one OSD whose objects are in memory, and
radosgw on a loopback port, with a user and its keys. MISSING names what is not installed."""
import os
import shutil
import signal
import uuid

import process

COMMANDS = ["ceph", "ceph-authtool", "ceph-mgr", "ceph-mon", "ceph-osd", "monmaptool", "radosgw", "radosgw-admin"]
MISSING = [command for command in COMMANDS if not shutil.which(command)]
ACCESS_KEY, SECRET_KEY, REGION = "POSTERNTEST", "a-secret/of+the=bucket", "us-east-1"


class Ceph:
    def __init__(self, world):
        self.world = world
        self.home = world.make_folder("ceph")
        self.port = process.free_port()
        self.rgw = None
        mon = f"[v2:127.0.0.1:{process.free_port()},v1:127.0.0.1:{process.free_port()}]"
        fsid = str(uuid.uuid4())
        self.conf = self.home / "ceph.conf"
        self.conf.write_text(f"""[global]
fsid = {fsid}
mon host = {mon}
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
keyring = {self.home}/keyring.$name
run dir = {self.home}
admin socket = {self.home}/$name.asok
log file = {self.home}/$name.log
pid file =
mon data = {self.home}/mon
osd data = {self.home}/osd
mgr data = {self.home}/mgr
osd objectstore = memstore
memstore device bytes = 2147483648
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd crush update on start = true
mon allow pool size one = true
mon osd full ratio = 0.99
osd op num shards = 1
paxos propose interval = 0.02
paxos min wait = 0.01
rgw enable usage log = false
rgw enable gc threads = false
rgw enable lc threads = false
rgw bucket quota ttl = 0
rgw user quota bucket sync interval = 1
rgw thread pool size = 32
rgw dns name = 127.0.0.1
""")
        self.start_cluster(fsid, mon)
        self.start()
        self.admin("user", "create", "--uid=postern", "--display-name=postern", f"--access-key={ACCESS_KEY}",
                   f"--secret-key={SECRET_KEY}")

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def ceph(self, *arguments):
        return process.run(["ceph", "-c", self.conf, "-n", "client.admin", "--connect-timeout", "120", *arguments], 300).stdout

    def admin(self, *arguments):
        return process.run(["radosgw-admin", "-c", self.conf, "-n", "client.admin", *arguments], 300).stdout

    def daemon(self, command, name):
        return self.world.start([*command, "-c", self.conf, "-f"], name)

    def start_cluster(self, fsid, mon):
        home = self.home
        keys, admin = home / "keyring.mon.a", home / "keyring.client.admin"
        tool = lambda *words: process.run(["ceph-authtool", *words])
        tool("--create-keyring", keys, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        tool("--create-keyring", admin, "--gen-key", "-n", "client.admin", "--cap", "mon", "allow *", "--cap", "osd",
             "allow *", "--cap", "mgr", "allow *")
        tool(keys, "--import-keyring", admin)
        process.run(["monmaptool", "--create", "--addv", "a", mon, "--fsid", fsid, home / "monmap"])
        process.run(["ceph-mon", "-c", self.conf, "--mkfs", "-i", "a", "--monmap", home / "monmap", "--keyring", keys])
        self.daemon(["ceph-mon", "-i", "a"], "ceph-mon")
        for name, caps in {
                "mgr.x": ["mon", "allow profile mgr", "osd", "allow *"],
                "osd.0": ["mon", "allow profile osd", "mgr", "allow profile osd", "osd", "allow *"],
                "client.rgw.a": ["mon", "allow rw", "osd", "allow rwx", "mgr", "allow rw"]}.items():
            self.ceph("auth", "get-or-create", name, *caps, "-o", home / f"keyring.{name}")
        (home / "mgr").mkdir()
        (home / "osd").mkdir()
        identity = str(uuid.uuid4())
        self.ceph("osd", "new", identity)
        process.run(["ceph-osd", "-c", self.conf, "-i", "0", "--mkfs", "--osd-uuid", identity])
        self.daemon(["ceph-osd", "-i", "0"], "ceph-osd")
        self.daemon(["ceph-mgr", "-i", "x"], "ceph-mgr")

    def start(self):
        self.rgw = self.daemon(["radosgw", "-n", "client.rgw.a", "--rgw-frontends",
                                f"beast endpoint=127.0.0.1:{self.port}"], "radosgw")
        process.wait_for(self.is_ready, "radosgw", every=0.1)

    def is_ready(self):
        if self.rgw.poll() is not None:
            raise process.Failed(f"radosgw ended with {self.rgw.returncode}: {self.rgw.output_path.read_text()}")
        return process.answers(self.port)

    def stop(self, number=signal.SIGKILL):
        process.stop(self.rgw, number)

    def limit(self, most_bytes=None):
        """The user's quota; None: none."""
        if most_bytes is not None:
            self.admin("quota", "set", "--quota-scope=user", "--uid=postern", f"--max-size={most_bytes}")
        self.admin("quota", "enable" if most_bytes is not None else "disable", "--quota-scope=user", "--uid=postern")


if __name__ == "__main__":
    import time
    with process.World() as world:
        began = time.monotonic()
        made = Ceph(world)
        print(f"{made.endpoint} up in {time.monotonic() - began:.1f} s", flush=True)
        if os.environ.get("WAIT"):
            signal.pause()
