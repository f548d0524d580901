"""Locks on the data directory: one server at a time, one writing transaction at a time.

Both are ``flock`` on a file of their own, so the kernel frees them with the process that dies.
The write lock's file also carries 24 bytes from one holder to the next (``store.journal.Tail``).
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from store.errors import DirectoryLocked

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class DirectoryLock:
    """The right to serve a data directory, held until ``close``. Survives a fork."""

    def __init__(self, directory: Path) -> None:
        """Raises ``DirectoryLocked`` at once when another process has it."""
        self._file = os.open(directory / "server.lock", _FLAGS, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise DirectoryLocked(str(directory)) from error

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class FileLock:
    """Orders what the processes on one data directory do under it.

    Waiting sleeps in the kernel and wakes at once, where SQLite's own busy handler polls.
    """

    def __init__(self, directory: Path, name: str) -> None:
        self.file = os.open(directory / name, _FLAGS, 0o600)
        self._threads = threading.Lock()

    @contextmanager
    def held(self) -> Iterator[None]:
        """Blocks (without the GIL) until it is ours. Not reentrant."""
        with self._threads:
            fcntl.flock(self.file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(self.file, fcntl.LOCK_UN)

    def close(self) -> None:
        os.close(self.file)


def write_lock(directory: Path) -> FileLock:
    """The right to a writing transaction."""
    return FileLock(directory, "write.lock")
