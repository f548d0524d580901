"""Whose the data directory is, who else can look into it, and that nothing in it leads out of it.

Only names that s3gw gives are looked at: what else lies there it never opens.
"""

import logging
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.commands.outcome import DENIED, Refusal

log = logging.getLogger("s3gw.gateway")

FOLDERS = frozenset({"access-log", "base", "journal", "segments", "tls"})
_FILE = re.compile(r"(s3gw|keys)\.sqlite.*|\.?master\.key.*|.+\.(lock|progress)|scrub\.json")
_KEY = re.compile(r"\.?master\.key")
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class Finding(NamedTuple):
    """What is not as it should be with ``path``."""

    path: Path
    text: str
    mode: int | None = None
    """As it could be made; ``None``: that is not ours to change."""


def secure(directory: Path) -> None:
    """Close what is open to others, and say so. Raises ``Refusal`` for what cannot be trusted.

    For root another owner is no reason: containers run so, on directories of the host's users.
    """
    closed = 0
    for found in examine(directory):
        if found.mode is not None:
            found.path.chmod(found.mode)
            closed += 1
        elif os.geteuid() == 0 and not found.path.is_symlink():
            log.warning("%s %s", found.path, found.text)
        else:
            raise Refusal(f"{found.path} {found.text}", DENIED)
    if closed:
        log.warning("%s: %d files and directories were open to others", directory, closed)


def examine(directory: Path) -> Iterator[Finding]:
    """Changes nothing. ``directory`` itself may be a symbolic link: whoever named it meant it."""
    status = directory.stat()
    if not status.st_mode & stat.S_ISVTX:  # in a sticky one, as /tmp, nobody touches others' names
        yield from _look(directory, status)
    for entry in list(os.scandir(directory)):
        if entry.name not in FOLDERS and not _FILE.fullmatch(entry.name):
            continue
        yield from _look(Path(entry.path), entry.stat(follow_symlinks=False))
        if entry.name in FOLDERS and entry.is_dir(follow_symlinks=False):
            for each in list(os.scandir(entry.path)):
                yield from _look(Path(each.path), each.stat(follow_symlinks=False))


def _look(path: Path, status: os.stat_result) -> Iterator[Finding]:
    if stat.S_ISLNK(status.st_mode):
        yield Finding(path, "is a symbolic link: mount what shall be elsewhere")
    elif status.st_uid not in (os.geteuid(), 0):
        yield Finding(path, "belongs to another user")
    elif status.st_mode & OTHERS and status.st_uid == os.geteuid():
        mode = stat.S_IMODE(status.st_mode)
        # A key that others could read is not made secret again by closing its file.
        closed = None if _KEY.match(path.name) else mode & ~OTHERS
        yield Finding(path, f"is open to others (mode {mode:o})", closed)
