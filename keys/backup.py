"""Backup of the key table: a copy that is the table as it was at one moment, beside a server."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from keys.database import FILE_NAME, connect


def backup(directory: Path, target: Path) -> None:
    """Copy the table of a data directory into another, which has none. On disk when this returns.

    Secrets stay sealed: whoever has the copy needs the master key too. Not an error when there is
    no table yet. Raises ``OSError``, ``sqlite3.Error``.
    """
    if not (directory / FILE_NAME).exists():
        return
    path = target / FILE_NAME
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    with closing(connect(directory / FILE_NAME)) as source, closing(sqlite3.connect(path)) as copy:
        source.backup(copy)
    with path.open("rb") as file:
        os.fsync(file.fileno())
