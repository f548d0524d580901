"""Spool: the lines of one worker on their way into log objects, in a file that outlives it.

An append is one write to the page cache: it costs some microseconds and survives the process, not
a power cut, as AWS's best effort. Files: ``<worker>.log`` is written, under a lock as long as its
worker lives; ``<worker>-<ns>.ready`` waits for delivery.
"""

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger("s3gw.gateway")

ROLL_BYTES = 8 << 20
"""A file of this size is ready at once."""
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


class Spool:
    """Serves one event loop. No file is there before the first line."""

    def __init__(self, directory: Path, worker: int) -> None:
        self._directory = directory
        self._path = directory / f"{worker}.log"
        self._file = -1
        self._size = 0

    def append(self, bucket: str, line: str) -> None:
        """Never raises: a request is not refused because it cannot be logged."""
        try:
            if self._file < 0:
                self._open()
            self._size += os.write(self._file, f"{bucket}\t{line}\n".encode("latin-1", "replace"))
            if self._size >= ROLL_BYTES:
                self.roll()
        except OSError:
            log.exception("a line of the access log of %s is lost", bucket)

    def roll(self) -> None:
        """What was appended is ready for delivery. Raises ``OSError``."""
        if self._file >= 0:
            os.rename(self._path, _ready(self._path))
            self.close()

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _open(self) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        while True:
            self._file = os.open(self._path, _FLAGS, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
            mine = os.fstat(self._file)
            if self._path.exists() and self._path.stat().st_ino == mine.st_ino:
                break
            os.close(self._file)  # taken for one of a worker that is gone, and renamed
        self._size = mine.st_size


def ready(directory: Path) -> list[Path]:
    """The files to be delivered, oldest first; those of workers that are gone become so now."""
    for path in directory.glob("*.log"):
        file = os.open(path, _FLAGS)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            os.rename(path, _ready(path))
        finally:
            os.close(file)
    return sorted(directory.glob("*.ready"), key=rolled)


def rolled(path: Path) -> int:
    """When it became ready, in nanoseconds since the epoch: its name never changes."""
    return int(path.stem.partition("-")[2])


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """Bucket and line; the last one may have been cut short by a power cut, and is left out."""
    for each in path.read_text("latin-1").split("\n")[:-1]:
        bucket, tab, line = each.partition("\t")
        if tab:
            yield bucket, line


def _ready(path: Path) -> Path:
    return path.with_name(f"{path.stem}-{time.time_ns()}.ready")
