"""What the machine gives a server: clock, disk, honest syncs, descriptors, libraries."""

import ctypes
import os
import resource
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import NamedTuple
from urllib.request import Request, urlopen

import apsw

from store import database, files
from store.errors import StoreError

OK, RISK, BAD = "ok", "risk", "bad"
OLDEST_YEAR = 2025
"""This was written later."""
SKEW_SECONDS = 300
"""A third of what signatures allow: https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html"""
LEAST_BYTES, LEAST_SHARE = 1 << 30, 0.05
LEAST_DESCRIPTORS = 4096
SYNCS = 25
SUSPICIOUS_SECONDS = 20e-6
"""No disk takes a write and confirms it faster: a system call that does nothing takes 1."""
_FORGETFUL = frozenset({"tmpfs", "ramfs", "overlay", "aufs"})
_REMOTE = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "virtiofs"})
_UNSYNCHRONIZED = 5  # TIME_ERROR of adjtimex(2)


class Check(NamedTuple):
    """One line of the report."""

    name: str
    state: str
    text: str


def clock(directory: Path, ask: str | None) -> Iterator[Check]:
    """Against what is stored and, only if asked, against the Date of an HTTP server."""
    now = datetime.now(UTC)
    if now.year < OLDEST_YEAR:
        yield Check("clock", BAD, f"it is said to be {now:%Y-%m-%d}: signatures will not be valid")
    newest = _newest(directory)
    if newest is not None and newest > now.timestamp() + 1:
        late = datetime.fromtimestamp(newest, UTC)
        yield Check("clock", BAD, f"it is behind: something was stored at {late:%Y-%m-%d %H:%M:%S}")
    if _kernel_says() == _UNSYNCHRONIZED:
        yield Check("clock", RISK, "the kernel says that nothing keeps it right (NTP)")
    elif _kernel_says() >= 0:
        yield Check("clock", OK, f"{now:%Y-%m-%d %H:%M:%S} UTC, kept right as the kernel says")
    if ask is not None:
        yield _against(ask)


def _newest(directory: Path) -> float | None:
    path = directory / database.FILE
    if not path.exists():
        return None
    with closing(database.open_examiner(path)) as db:
        found = database.one(db, "SELECT coalesce(max(created), 0) FROM bucket")
    made = float(found[0]) / 1000 if found else 0.0
    return max(made, path.stat().st_mtime)


def _kernel_says() -> int:
    """What adjtimex(2) returns for a look; negative where it cannot be asked."""
    look = ctypes.create_string_buffer(512)  # struct timex with modes = 0: 208 bytes
    adjtimex = getattr(ctypes.CDLL(None), "adjtimex", None)
    return adjtimex(look) if adjtimex is not None else -1


def _against(url: str) -> Check:
    if not url.startswith(("http://", "https://")):
        return Check("clock", RISK, f"{url} could not be asked: it is no address of HTTP")
    try:
        with urlopen(Request(url, method="HEAD"), timeout=5) as answer:  # noqa: S310 - see above
            said = parsedate_to_datetime(answer.headers["Date"])
    except (OSError, ValueError, TypeError) as error:
        return Check("clock", RISK, f"{url} could not be asked: {error}")
    off = datetime.now(UTC).timestamp() - said.timestamp()
    state = BAD if abs(off) > SKEW_SECONDS else OK
    return Check("clock", state, f"{off:+.0f} s from what {url} says")


def space(directory: Path) -> Iterator[Check]:
    """Bytes, and names."""
    usage = shutil.disk_usage(directory)
    state = RISK if usage.free < max(LEAST_BYTES, LEAST_SHARE * usage.total) else OK
    yield Check("disk", state, f"{usage.free >> 20} MiB of {usage.total >> 20} MiB are free")
    names = os.statvfs(directory)
    if names.f_files and names.f_favail < LEAST_SHARE * names.f_files:
        yield Check("disk", RISK, f"{names.f_favail} more files fit (inodes)")


def file_system(directory: Path) -> Iterator[Check]:
    """Of a kind that keeps what it was given."""
    kind = _kind(directory)
    if kind in _FORGETFUL:
        yield Check("file system", BAD, f"{kind}: what is stored is gone with it")
    elif kind in _REMOTE:
        yield Check("file system", RISK, f"{kind}: locks and syncs are another machine's promise")
    else:
        yield Check("file system", OK, kind)


def _kind(directory: Path) -> str:
    """By the longest mount point above it: https://man7.org/linux/man-pages/man5/proc_pid_mountinfo.5.html"""
    best, kind = "", "unknown"
    real = str(directory.resolve())
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ")
        if (real + "/").startswith(point.rstrip("/") + "/") and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind


def syncs(directory: Path) -> Iterator[Check]:
    """How long a small write takes to be on disk; too short to be true is a lie."""
    maps = Path("/proc/self/maps").read_text()
    if "eatmydata" in maps:
        yield Check("fsync", BAD, "libeatmydata is loaded: nothing is ever synced")
    path = directory / f".doctor-{os.getpid()}"
    try:
        file = files.create(path)
    except (OSError, StoreError) as error:
        yield Check("fsync", BAD, f"nothing can be written: {error}")
        return
    try:
        took = sorted(_sync(file, number) for number in range(SYNCS))
    except StoreError as error:
        yield Check("fsync", BAD, str(error))
        return
    finally:
        os.close(file)
        files.unlink(path)
    median = took[SYNCS // 2]
    text = f"{median * 1e6:.0f} us for 4 KiB (median of {SYNCS}; the slowest took {took[-1]:.3f} s)"
    if median < SUSPICIOUS_SECONDS:
        text += ": no disk is so fast, so it does not wait for one"
    yield Check("fsync", BAD if median < SUSPICIOUS_SECONDS else OK, text)


def _sync(file: int, number: int) -> float:
    files.pwrite_all(file, os.urandom(4096), 4096 * number)
    begun = time.perf_counter()
    files.sync(file)
    return time.perf_counter() - begun


def limits() -> Iterator[Check]:
    """Descriptors: each connection takes one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    text = f"{hard} descriptors for each worker"
    few = hard != resource.RLIM_INFINITY and hard < LEAST_DESCRIPTORS
    yield Check("limits", RISK if few else OK, f"{text}: few connections" if few else text)


def versions() -> Iterator[Check]:
    """Of what the promises rest on."""
    version = apsw.sqlite_lib_version()
    old = apsw.SQLITE_VERSION_NUMBER < database.OLDEST_SQLITE
    text = f"{version}, in which two checkpoints can destroy a database" if old else version
    yield Check("sqlite", BAD if old else OK, text)
    yield Check("python", OK, sys.version.split()[0])
