"""AuditLog: the files of one writer, ``<writer>-<number>.jsonl``; the highest number is written.

Every worker has files of its own, so that none waits for another and a chain has one writer, which
holds a lock on the file. Whole lines are only ever added. What a crash or a full disk cut short
stays as it is: the next file goes on from the last whole line.
"""

import errno
import fcntl
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Thread

from gateway.audit.chain import FIRST, place, read
from gateway.audit.chain import link as linked

log = logging.getLogger("s3gw.gateway")

ROLL_BYTES = 64 << 20
"""A file of this size is followed by the next one."""
_TAIL_BYTES = 64 << 10
"""More than the longest line: a key has 1,024 bytes, of which each may take six."""
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class AuditLog:
    """Serves one thread, but for what ``syncing`` returns."""

    def __init__(
        self, directory: Path, writer: str, *, wait: bool = False, roll_bytes: int = ROLL_BYTES
    ) -> None:
        """Raises ``OSError``: ``BlockingIOError`` when another process is this writer.

        ``wait``: until that has finished.
        """
        self._directory = directory
        self._writer = writer
        self._wait = fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB
        self._roll_bytes = roll_bytes
        self._file = -1
        self._fresh = False
        """Its name may not be on disk yet."""
        self._number = 0
        self._size = 0
        self._last = FIRST
        self._lost = 0
        self._ending: Thread | None = None
        self._open()

    def close(self) -> None:
        """Once full files are on disk. Not an error twice."""
        if self._ending is not None:
            self._ending.join()
        self._leave()

    def _leave(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def append(self, fields: Mapping[str, object]) -> None:
        """Add a line; it survives this process, not a power cut. Raises ``OSError``: it is lost.

        The next one that is not lost says how many were.
        """
        try:
            self._append({**fields, "lost": self._lost} if self._lost else fields)
        except OSError:
            if not self._lost:
                log.exception("the audit log cannot be written; lines are lost from here on")
            self._lost += 1
            raise
        if self._lost:
            log.error("the audit log is written again; %d lines were lost", self._lost)
            self._lost = 0

    def syncing(self) -> Callable[[], None]:
        """What was appended is on disk once the result has been called, in any thread, once."""
        file, fresh = os.dup(self._file), self._fresh
        self._fresh = False

        def sync() -> None:
            try:
                os.fdatasync(file)
                if fresh:
                    _sync_directory(self._directory)
            finally:
                os.close(file)

        return sync

    def _append(self, fields: Mapping[str, object]) -> None:
        if self._file >= 0 and self._size >= self._roll_bytes:
            self._roll()
        if self._file < 0:
            self._open()
        line, digest = linked(fields, self._last)
        if os.write(self._file, line) != len(line):
            self._leave()  # the next line begins another file
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._last = digest
        self._size += len(line)

    def _roll(self) -> None:
        """Go on in the next file; this one is synced beside the caller, since it may take long."""
        self._path(self._number + 1).touch(mode=0o600)
        if self._ending is not None:
            self._ending.join()
        self._ending = Thread(target=_synced, args=(self.syncing(),))
        self._ending.start()
        self._leave()

    def _open(self) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        while True:
            number = max(self._numbers(), default=1)
            if self._taken(number):
                return
            self._leave()
            self._path(number + 1).touch(mode=0o600)

    def _taken(self, number: int) -> bool:
        """Whether this file is the one to write on; it is open then."""
        self._file = os.open(self._path(number), _FLAGS, 0o600)
        self._number = number
        try:
            fcntl.flock(self._file, self._wait)
        except BlockingIOError as error:
            self._leave()
            path = str(self._path(number))
            raise BlockingIOError(
                error.errno, "another server writes this audit log", path
            ) from error
        self._size = os.fstat(self._file).st_size
        if number != max(self._numbers()):
            return False
        end, whole = _tail(self._file)
        while end is None and number > 1:
            number -= 1
            end = self._end(number)
        self._last, self._fresh = end or FIRST, True
        return whole and self._size < self._roll_bytes

    def _end(self, number: int) -> str | None:
        try:
            file = os.open(self._path(number), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            return _tail(file)[0]
        finally:
            os.close(file)

    def _numbers(self) -> list[int]:
        placed = [place(path) for path in self._directory.glob("*.jsonl")]
        return [number for writer, number in placed if writer == self._writer]

    def _path(self, number: int) -> Path:
        return self._directory / f"{self._writer}-{number:06d}.jsonl"


def _tail(file: int) -> tuple[str | None, bool]:
    """Hash of the last whole line, if there is one, and whether nothing is behind it."""
    size = os.fstat(file).st_size
    *whole, rest = os.pread(file, _TAIL_BYTES, max(0, size - _TAIL_BYTES)).split(b"\n")
    known = read(whole[-1]) if whole else None
    return known.hash if known else None, not rest


def _synced(sync: Callable[[], None]) -> None:
    try:
        sync()
    except OSError:
        log.exception("a file of the audit log may not be on disk")


def _sync_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
