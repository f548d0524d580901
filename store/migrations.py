"""The steps that bring a database file to the current schema, in order, each in a transaction.

Written with ``sqlite-utils`` (on the standard library's SQLite), which is imported only when there
is something to do and closed again before ``apsw`` opens the file: two SQLite libraries must never
hold one file open in one process (https://sqlite.org/howtocorrupt.html#_multiple_copies_of_sqlite_linked_into_the_same_application).
"""

import os
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from store.database import format_version
from store.errors import FormatTooNew

if TYPE_CHECKING:
    from sqlite_utils import Database


def _names(db: "Database") -> None:
    """Buckets, their entries, and the bytes of small objects."""
    db.execute(
        """CREATE TABLE bucket (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE,
           owner TEXT NOT NULL, path TEXT NOT NULL, created INTEGER NOT NULL, acl TEXT NOT NULL,
           region TEXT NOT NULL, profile TEXT NOT NULL, config TEXT NOT NULL DEFAULT '{}')"""
    )
    db.table("bucket").create_index(["owner", "name"])
    # What listings show comes before what can be long, and parts are last: SQLite reads overflow
    # pages only as far as it is asked to.
    db.execute(
        """CREATE TABLE entry (bucket INTEGER NOT NULL, key BLOB NOT NULL, seq INTEGER NOT NULL,
           size INTEGER NOT NULL, cid BLOB NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL,
           owner TEXT NOT NULL, traits BLOB NOT NULL, attributes BLOB NOT NULL,
           parts_count INTEGER NOT NULL, body INTEGER, content INTEGER, crc INTEGER NOT NULL,
           parts BLOB, PRIMARY KEY (bucket, key)) WITHOUT ROWID"""
    )
    db.execute("CREATE TABLE body (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL)")


def _space(db: "Database") -> None:
    """Contents in segments, who owns which bytes, and what is to be freed."""
    db.execute(
        """CREATE TABLE content (id INTEGER PRIMARY KEY, cid BLOB NOT NULL UNIQUE,
           size INTEGER NOT NULL, refs INTEGER NOT NULL, crc INTEGER NOT NULL,
           extents BLOB NOT NULL, leaves BLOB NOT NULL)"""
    )
    db.execute(
        """CREATE TABLE extent (segment INTEGER NOT NULL, "offset" INTEGER NOT NULL,
           length INTEGER NOT NULL, owner INTEGER NOT NULL,
           PRIMARY KEY (segment, "offset")) WITHOUT ROWID"""
    )
    db.execute(
        """CREATE TABLE trash (segment INTEGER NOT NULL, "offset" INTEGER NOT NULL,
           length INTEGER NOT NULL, freed INTEGER NOT NULL,
           PRIMARY KEY (segment, "offset")) WITHOUT ROWID"""
    )
    db.table("trash").create_index(["freed"])
    db.execute(
        """CREATE TABLE segment (number INTEGER PRIMARY KEY, worker INTEGER NOT NULL,
           sealed INTEGER NOT NULL DEFAULT 0)"""
    )


def _uploads(db: "Database") -> None:
    """Multipart uploads in progress, and for a day those completed."""
    db.execute(
        """CREATE TABLE upload (id TEXT PRIMARY KEY, bucket INTEGER NOT NULL, key BLOB NOT NULL,
           owner TEXT NOT NULL, created INTEGER NOT NULL, attributes BLOB NOT NULL,
           checksum_algorithm TEXT, checksum_type TEXT, completed_etag TEXT, completed INTEGER)
           WITHOUT ROWID"""
    )
    # An id begins with its time, so ids of one key sort by creation.
    db.execute(
        "CREATE INDEX upload_in_progress ON upload (bucket, key, id) WHERE completed_etag IS NULL"
    )
    db.execute(
        """CREATE TABLE part (upload TEXT NOT NULL, number INTEGER NOT NULL, seq INTEGER NOT NULL,
           size INTEGER NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL,
           checksums BLOB NOT NULL, extents BLOB NOT NULL, leaves BLOB NOT NULL,
           PRIMARY KEY (upload, number)) WITHOUT ROWID"""
    )


def _state(db: "Database") -> None:
    """Which store this is, how far it has come, and what the journal may still lack."""
    db.execute(
        """CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), store TEXT NOT NULL,
           lsn INTEGER NOT NULL)"""
    )
    db.execute("CREATE TABLE change (lsn INTEGER PRIMARY KEY, record BLOB NOT NULL)")


def _versions(db: "Database") -> None:
    """Earlier versions of objects, and delete markers (``store.version_rows``)."""
    db.execute("ALTER TABLE bucket ADD COLUMN versioning TEXT NOT NULL DEFAULT ''")
    # Zeros take no space in a row and are read without following it to its end.
    db.execute("ALTER TABLE entry ADD COLUMN made INTEGER NOT NULL DEFAULT 0")
    db.execute("ALTER TABLE entry ADD COLUMN version INTEGER NOT NULL DEFAULT 0")
    db.execute(
        """CREATE TABLE version (bucket INTEGER NOT NULL, key BLOB NOT NULL, made INTEGER NOT NULL,
           version INTEGER NOT NULL, seq INTEGER NOT NULL, size INTEGER NOT NULL,
           cid BLOB NOT NULL, etag TEXT NOT NULL, modified INTEGER NOT NULL, owner TEXT NOT NULL,
           traits BLOB NOT NULL, attributes BLOB NOT NULL, parts_count INTEGER NOT NULL,
           body INTEGER, content INTEGER, crc INTEGER NOT NULL, parts BLOB,
           PRIMARY KEY (bucket, key, made DESC)) WITHOUT ROWID"""
    )
    db.execute("CREATE UNIQUE INDEX version_null ON version (bucket, key) WHERE version = 0")


def _object_lock(db: "Database") -> None:
    """Whether a bucket locks objects; the locks themselves are among the attributes."""
    db.execute("ALTER TABLE bucket ADD COLUMN lock TEXT NOT NULL DEFAULT ''")


def _messages(db: "Database") -> None:
    """Messages about changes that wait to be delivered (``store.messages``)."""
    db.execute(
        """CREATE TABLE message (queue TEXT NOT NULL, number INTEGER NOT NULL,
           body BLOB NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (queue, number))
           WITHOUT ROWID"""
    )


def _quarantine(db: "Database") -> None:
    """Extents of contents whose bytes are damaged; the content itself then has none."""
    db.execute("CREATE TABLE quarantine (content INTEGER PRIMARY KEY, extents BLOB NOT NULL)")


STEPS: tuple[Callable[["Database"], None], ...] = (
    _names,
    _space,
    _uploads,
    _state,
    _versions,
    _object_lock,
    _messages,
    _quarantine,
)
"""Never edited once released; a change of schema is one more step at the end."""


def migrate(path: Path, *, store: uuid.UUID | None = None) -> None:
    """Create the database or bring it up to date. Nothing is touched when it is.

    ``store`` is the id a new database gets; a random one by default. Raises ``FormatTooNew``.
    """
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    version = format_version(path)
    if version > len(STEPS):
        raise FormatTooNew(f"{path} has format {version}, this s3gw knows {len(STEPS)}")
    if version < len(STEPS):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            _run(connection, version, store or uuid.uuid4())


def _run(connection: sqlite3.Connection, version: int, store: uuid.UUID) -> None:
    import sqlite_utils  # 240 ms, which a start with nothing to migrate need not pay

    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    db = sqlite_utils.Database(connection)
    connection.execute("BEGIN IMMEDIATE")
    for step in STEPS[version:]:
        step(db)
    connection.execute("INSERT OR IGNORE INTO state VALUES (1, ?, 0)", (str(store),))
    connection.execute(f"PRAGMA user_version = {len(STEPS)}")
    connection.execute("COMMIT")
