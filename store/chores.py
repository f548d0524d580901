"""Chores: work of minutes to days beside a server, each in a process of its own, one at a time.

Hashing terabytes in a thread of a worker would take the interpreter from its event loop. A chore
is ``python -m store.chores DIRECTORY CHORE SETTINGS PARENT``, at the lowest priority; it
may be killed at any point and is taken up again. It ends with the worker that started it.
"""

import ctypes
import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from store import scrub, trimming
from store.errors import StoreError
from store.settings import Settings

log = logging.getLogger("s3gw.store")

AGAIN_MILLISECONDS = 3_600_000
"""After this, a chore that has failed is tried again."""
DAY_MILLISECONDS = 86_400_000
_DIED = 1  # linux/prctl.h: PR_SET_PDEATHSIG


class Chores:
    """What worker 0 looks at after each round of the collector, on the collector's thread."""

    def __init__(self, directory: Path, settings: Settings) -> None:
        self._directory = directory
        self._settings = settings
        self._running: tuple[str, subprocess.Popen[bytes]] | None = None
        self._not_before: dict[str, int] = {}

    def look(self, now: int) -> None:
        """Start what is due at ``now`` (ms since the epoch), unless something runs."""
        if self._running is not None and not self._ended(now):
            return
        for name, is_due in _DUE.items():
            first = now + AGAIN_MILLISECONDS if name in _DAILY else 0
            # If it is longer than that, the clock has been set back.
            left = self._not_before.setdefault(name, first) - now
            waits = 0 < left <= DAY_MILLISECONDS
            if not waits and is_due(self._directory, self._settings, now):
                self._start(name, now)
                return

    def close(self) -> None:
        """Blocks until what runs has been killed."""
        if self._running is not None:
            _, process = self._running
            process.kill()
            process.wait()
            self._running = None

    def _start(self, name: str, now: int) -> None:
        if name in _DAILY:
            self._not_before[name] = now + DAY_MILLISECONDS
        settings = msgspec.json.encode(self._settings).decode()
        words = [name, settings, str(os.getpid())]
        command = [sys.executable, "-P", "-m", "store.chores", str(self._directory.absolute())]
        process = subprocess.Popen([*command, *words], stdin=subprocess.DEVNULL)  # noqa: S603 - ours
        self._running = name, process

    def _ended(self, now: int) -> bool:
        assert self._running is not None
        name, process = self._running
        code = process.poll()
        if code is None:
            return False
        self._running = None
        if code:
            log.error("%s ended with %d; again in an hour", name, code)
            self._not_before[name] = now + AGAIN_MILLISECONDS
        return True


def _trim(directory: Path, settings: Settings) -> None:
    done = trimming.trim(directory, bytes_per_second=settings.upkeep_bytes_per_second)
    log.info("change %d is in a base; %d bytes of journal freed", done.lsn, done.freed_bytes)


def _scrub(directory: Path, settings: Settings) -> None:
    done = scrub.scrub(directory, bytes_per_second=settings.upkeep_bytes_per_second)
    log.info("scrub: %d bytes of objects read, %d findings", done.done_bytes, done.found)


def _compact(directory: Path, settings: Settings) -> None:
    from store.compaction import compact  # it has an engine, which has chores

    done = compact(directory, settings, below=settings.compact_below)
    log.info("%d bytes moved out of %d segments", done.moved_bytes, done.segments)


_DUE: dict[str, Callable[[Path, Settings, int], bool]] = {
    "trim": lambda directory, settings, _: trimming.is_due(directory, settings.journal_bytes),
    "compact": lambda directory, settings, _: settings.compact_below > 0,
    "scrub": lambda directory, settings, now: scrub.is_due(directory, settings.scrub_days, now),
}
_CHORES: dict[str, Callable[[Path, Settings], None]] = {
    "trim": _trim,
    "compact": _compact,
    "scrub": _scrub,
}
_DAILY = frozenset({"compact"})


def _end_with(parent: int) -> None:
    """https://man7.org/linux/man-pages/man2/PR_SET_PDEATHSIG.2const.html"""
    ctypes.CDLL(None, use_errno=True).prctl(_DIED, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)


def main() -> None:
    """The process of one chore."""
    _, directory, name, settings, parent = sys.argv
    _end_with(int(parent))
    os.umask(0o077)
    os.nice(19)
    logging.basicConfig(format="%(levelname)s %(name)s %(message)s", level=logging.INFO)
    try:
        chosen = msgspec.json.decode(settings, type=Settings)
        _CHORES[name](Path(directory), chosen)
    except (StoreError, OSError) as error:
        sys.exit(f"s3gw: {name}: {error}")


if __name__ == "__main__":
    main()
