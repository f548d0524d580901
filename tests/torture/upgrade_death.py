"""``python -m tests.torture.upgrade_death DIRECTORY STATEMENT [MUTANT]``: a start that is killed.

The same in this process with an error in the place of the kill, or with neither, to count.
"""

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

from keys.table import Table
from store.prepare import prepare
from store.settings import Settings
from tests.torture.upgrade_mutants import MUTANTS

SETTINGS = Settings(durability="none", segment_bytes=4 << 20, collect_seconds=1e6)
_READS = ("select", "savepoint", "release")


class Died(sqlite3.OperationalError):
    """As of a disk that fails."""


class Statements:
    """Those of all connections that the standard library makes meanwhile."""

    def __init__(self, death: int, killed: bool) -> None:
        self.changing: list[int] = []
        """Those that change something in a migration, or end it, by number."""
        self._reached = 0
        self._death = death
        self._killed = killed

    def next(self, changes: bool) -> None:
        self._reached += 1
        if changes:
            self.changing.append(self._reached)
        if self._reached == self._death:
            if self._killed:
                os.kill(os.getpid(), signal.SIGKILL)
            raise Died("disk I/O error")

    @contextmanager
    def counted(self) -> Iterator[None]:
        outer = self

        class Counted(sqlite3.Connection):
            def execute(self, statement: str, *bindings: Any) -> sqlite3.Cursor:
                outer.next(self.in_transaction and not statement.lower().startswith(_READS))
                return super().execute(statement, *bindings)

        with patch.object(sqlite3, "connect", partial(sqlite3.connect, factory=Counted)):
            yield


def start(directory: Path, death: int = 0, *, killed: bool = False) -> list[int]:
    """Migrate as a server does, up to a ``death`` before a statement. See ``changing``."""
    statements = Statements(death, killed)
    with statements.counted(), suppress(Died):
        prepare(directory, SETTINGS).close()
        Table(directory).close()
    return statements.changing


if __name__ == "__main__":
    where, number, *mutant = sys.argv[1:]
    with MUTANTS[mutant[0]]() if mutant else nullcontext():
        start(Path(where), int(number), killed=True)
