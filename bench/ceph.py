"""``python -m bench.ceph DIR ENDPOINT KEY SECRET MON``: radosgw before a Ceph cluster of its own.

One monitor and one BlueStore OSD, one replica, all children of
this process; the cluster is made when DIR holds none. ENDPOINT is radosgw's for its front end,
MON the two ports of the monitor, ``v2,v1``. The steps are those of
https://docs.ceph.com/en/pacific/install/manual-deployment/
"""

import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

DISK_BYTES = 40 << 30
"""Of the OSD's file, which is sparse."""
UP_SECONDS = 40
PROGRAMS = ("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "ceph-authtool")

CONF = """[global]
fsid = {fsid}
mon_host = [{monitor}]
public_addr = 127.0.0.1
cluster_addr = 127.0.0.1
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 8
osd_pool_default_pg_autoscale_mode = off
mon_allow_pool_size_one = true
osd_crush_chooseleaf_type = 0
osd_objectstore = bluestore
bluestore_block_size = {disk}
run_dir = {directory}
admin_socket = {directory}/$name.$pid.asok
log_file = {directory}/$name.log
pid_file = {directory}/$name.pid
mon_data = {directory}/mon
osd_data = {directory}/osd
keyring = {directory}/keyring
"""


def run(*command: str) -> str:
    """Its output. Raises ``CalledProcessError``, ``TimeoutExpired``."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        print(f"{command}: {done.stderr[-600:]}", file=sys.stderr, flush=True)
        done.check_returncode()
    return done.stdout


def make_monitor(directory: Path, ports: str) -> None:
    """Configuration, keys and the monitor's own files."""
    for name in ("mon", "osd"):
        (directory / name).mkdir()
    fsid, keyring, monmap = str(uuid.uuid4()), directory / "keyring", directory / "monmap"
    v2, v1 = ports.split(",")
    monitor = f"v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}"
    conf = CONF.format(fsid=fsid, monitor=monitor, disk=DISK_BYTES, directory=directory)
    (directory / "ceph.conf").write_text(conf)
    every = ["--cap", "mon", "allow *", "--cap", "osd", "allow *"]
    run("ceph-authtool", "--create-keyring", str(keyring), "--gen-key", "-n", "mon.", *every[:3])
    for name in ("client.admin", "osd.0"):
        run("ceph-authtool", str(keyring), "--gen-key", "-n", name, *every)
    run("monmaptool", "--create", "--fsid", fsid, "--addv", "a", f"[{monitor}]", str(monmap))
    made = ["--mkfs", "-i", "a", "--monmap", str(monmap), "--keyring", str(keyring)]
    run("ceph-mon", *made)


def make_osd() -> None:
    """Its number, its files, its place; the monitor runs."""
    name = str(uuid.uuid4())
    run("ceph", "osd", "new", name)
    run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", name)
    run("ceph", "osd", "crush", "add", "osd.0", "1", "root=default", "host=one")


def make_user(key: str, secret: str) -> None:
    """Once the OSD is up, for it is stored there."""
    until = time.monotonic() + UP_SECONDS
    while " 1 up" not in run("ceph", "osd", "stat") and time.monotonic() < until:
        time.sleep(0.2)
    given = ["--uid=bench", "--display-name=bench", f"--access-key={key}", f"--secret-key={secret}"]
    run("radosgw-admin", "user", "create", *given)


def main(place: str, endpoint: str, key: str, secret: str, ports: str) -> None:
    """Runs until one of the children ends, or a SIGTERM does."""
    directory = Path(place).resolve()
    fresh = not (directory / "ceph.conf").exists()
    os.environ["CEPH_CONF"] = str(directory / "ceph.conf")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    children: list[subprocess.Popen[bytes]] = []
    try:
        if fresh:
            make_monitor(directory, ports)
        children.append(subprocess.Popen(["ceph-mon", "-f", "-i", "a"]))
        if fresh:
            make_osd()
        children.append(subprocess.Popen(["ceph-osd", "-f", "-i", "0"]))
        if fresh:
            make_user(key, secret)
        front = f"--rgw-frontends=beast {endpoint} tcp_nodelay=1"
        children.append(subprocess.Popen(["radosgw", "-f", "-n", "client.admin", front]))
        os.wait()
    finally:
        for child in reversed(children):
            child.terminate()
        for child in reversed(children):
            child.wait()


if __name__ == "__main__":
    main(*sys.argv[1:])
