"""Backup of the key table: a copy that is the table as it was at one moment, beside a server."""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

from keys import master_key
from keys.database import FILE_NAME, connect
from keys.errors import MasterKeyRefused
from keys.master_keys import MasterKeys
from keys.table import MASTER_KEY_NAME

_TIMES = 5
"""A rotation may come between table and key; not again and again."""


def backup(directory: Path, target: Path, *, with_master_key: bool = False) -> bool:
    """Copy the table of a data directory into another, which has none. On disk when this returns.

    Secrets stay sealed: whoever has the copy needs the master key too. Returns whether that is
    beside it: it was asked for, and is kept in the directory. Not an error when there is no table
    yet. Raises ``OSError``, ``sqlite3.Error``.
    """
    if not (directory / FILE_NAME).exists():
        return False
    for _ in range(_TIMES):
        ids = _copy(directory, target / FILE_NAME)
        if not with_master_key or not (directory / MASTER_KEY_NAME).exists():
            return False
        masters = MasterKeys(directory / MASTER_KEY_NAME)
        with suppress(MasterKeyRefused):
            key = masters.find(ids.pop()) if ids else masters.key
            master_key.write(target / MASTER_KEY_NAME, key)
            return True
    return False


def _copy(directory: Path, path: Path) -> set[str]:
    """The ids of the master keys that the copy is sealed under."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(connect(directory / FILE_NAME)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
        ids = {id for (id,) in copy.execute("SELECT DISTINCT master FROM access_key")}
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return ids
