"""The key table's file: rollback journal, everything synced, deleted rows overwritten.

The standard library's SQLite, not the store's: it is asked for a handful of rows, and two SQLite
libraries never hold one file open in one process.
"""

import os
import sqlite3
from pathlib import Path
from typing import NamedTuple, final

from keys.errors import TableTooNew

FILE_NAME = "keys.sqlite"
SCHEMA = 3
"""``len(migrations.STEPS)``, said here so that a current table loads no migrations."""
WRITE_WAIT_SECONDS = 5.0
"""How long a verb waits for another process that is writing."""

_PRAGMAS = {
    "journal_mode": ("DELETE", "delete"),
    "synchronous": ("EXTRA", 3),
    "secure_delete": ("ON", 1),
    "trusted_schema": ("OFF", 0),
    "cell_size_check": ("ON", 1),
}


@final
class Row(NamedTuple):
    """One access key as it is on disk."""

    key: str
    sealed: bytes
    root: str
    enable: int
    created_at: int
    """Milliseconds since the epoch."""
    updated_at: int
    master: str
    """Id of the master key it is sealed under."""


SELECT = f"SELECT {', '.join(Row._fields)} FROM access_key"


def open_database(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode, schema current. Creates the file with mode 0600.

    Raises ``TableTooNew``.
    """
    if not path.exists():
        # Before SQLite sees it, since its journals take their mode from the database's.
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    connection = connect(path)
    try:
        _migrate(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def connect(path: Path) -> sqlite3.Connection:
    """A connection to an existing file, set up and read back, as it is. Follows no link."""
    if path.is_symlink():
        raise sqlite3.OperationalError(f"{path} is a symbolic link")
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=WRITE_WAIT_SECONDS,
        isolation_level=None,
        check_same_thread=False,  # SQLite serializes; a test closes what its server thread opened
    )
    for name, (value, expected) in _PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
        (actual,) = connection.execute(f"PRAGMA {name}").fetchone()
        if actual != expected:
            connection.close()
            raise sqlite3.OperationalError(f"{path}: {name} is {actual}, not {value}")
    return connection


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA:
        raise TableTooNew(f"{path} has schema {version}; this s3gw knows up to {SCHEMA}")
    if version < SCHEMA:
        from keys.migrations import migrate  # 50-240 ms that a current table does not pay

        migrate(connection)
