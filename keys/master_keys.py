"""MasterKeys: the master key in force, and how another one takes its place.

A rotation goes in this order, so that whoever opens the table at any moment, after a crash too,
finds the key that its rows are sealed under: the new key is on disk as ``master.key.next``; one
transaction seals every row anew; the old key gets the name ``master.key.<its id>``; the new one
gets the name of the old.
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from keys import master_key
from keys.errors import MasterKeyRefused

_IDS = (
    "SELECT master FROM access_key UNION SELECT master FROM kms_key WHERE master != ''"
    " UNION SELECT master FROM wrapping_key"
)


class MasterKeys:
    """``repr`` shows nothing of them. Of any thread, but for ``follow`` and ``replace``."""

    def __init__(self, path: Path) -> None:
        """Raises ``MasterKeyRefused``."""
        self.path = path
        key = master_key.read(path)
        self.current = master_key.key_id(key)
        """Id of the one that seals."""
        self._known = {self.current: key}

    @property
    def key(self) -> bytes:
        """The current one."""
        return self._known[self.current]

    @property
    def next(self) -> Path:
        """Where a new one is until its name is free."""
        return self.path.with_name(f"{self.path.name}.next")

    def find(self, id: str) -> bytes:
        """The one with this id, if a file has or had it. Raises ``MasterKeyRefused``."""
        if id not in self._known:
            # The first twice: the second gets its name while a rotation ends.
            for path in (self.path, self.next, self.path):
                with contextlib.suppress(MasterKeyRefused):
                    key = master_key.read(path)
                    self._known[master_key.key_id(key)] = key
        if id not in self._known:
            raise MasterKeyRefused(f"the secrets are sealed under another master key ({id})")
        return self._known[id]

    def follow(self, database: sqlite3.Connection) -> bool:
        """Make the key that all rows are sealed under the current one; false: it was.

        Raises ``MasterKeyRefused`` when there are several, or no file has it.
        """
        ids = {id for (id,) in database.execute(_IDS)}
        if ids <= {self.current}:
            return False
        if len(ids) > 1:
            raise MasterKeyRefused(f"the secrets are sealed under {len(ids)} master keys")
        (id,) = ids
        self.find(id)
        self.current = id
        return True

    def settle(self) -> None:
        """Give the current key the name it should have, if a rotation was cut short before that."""
        with self.held():
            if master_key.key_id(master_key.read(self.path)) != self.current:
                self.replace()

    def replace(self, reached: Callable[[str], None] = lambda point: None) -> Path:
        """Put ``next`` in the place of the key there is; returns where that is kept."""
        kept = self.path.with_name(
            f"{self.path.name}.{master_key.key_id(master_key.read(self.path))}"
        )
        with contextlib.suppress(FileExistsError):
            os.link(self.path, kept)
        master_key.sync_directory(self.path.parent)
        reached("K4")
        self.next.rename(self.path)
        reached("K5")
        master_key.sync_directory(self.path.parent)
        return kept

    @contextmanager
    def held(self) -> Iterator[None]:
        """The files stay as they are but for the holder. Waits for another process."""
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(directory, fcntl.LOCK_EX)
            yield
        finally:
            os.close(directory)
