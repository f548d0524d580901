"""The SQLite file that holds names, contents and extents: how it is opened, and what is asserted.

Hot path only (``apsw``, whose bundled SQLite is current). The schema is ``store.migrations``'s.
"""

import errno
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from store.errors import NoSpace, StoreError, Unavailable

FILE = "s3gw.sqlite"

# Below this, two connections that checkpoint at once can corrupt a WAL database
# (https://sqlite.org/wal.html#walresetbug).
OLDEST_SQLITE = 3_051_003

_SYNCHRONOUS = {"commit": ("FULL", 2), "interval": ("NORMAL", 1), "none": ("OFF", 0)}

_COMMON = (
    "PRAGMA trusted_schema = OFF",
    "PRAGMA cell_size_check = ON",
    "PRAGMA foreign_keys = ON",
    # KiB of each connection, and a worker has several. With eight times as much, rows of a database
    # of half a million objects were read no faster: the page cache has the rest.
    "PRAGMA cache_size = -8192",
    "PRAGMA temp_store = MEMORY",
)


def open_writer(path: Path, durability: str) -> apsw.Connection:
    """A connection that writes; ``durability`` as in ``Settings``. The file must exist.

    Raises ``Unavailable`` when SQLite would not keep the promise ``durability`` makes.
    """
    connection = _open(path, apsw.SQLITE_OPEN_READWRITE)
    name, wanted = _SYNCHRONOUS[durability]
    mode = connection.pragma("journal_mode", "WAL")
    connection.pragma("synchronous", name)
    connection.pragma("cache_size", -16384)  # a whole batch of commits
    got = connection.pragma("synchronous")
    if mode != "wal" or got != wanted:
        connection.close()
        raise Unavailable(f"SQLite gives journal_mode {mode}, synchronous {got}, not wal, {name}")
    connection.execute("PRAGMA wal_autocheckpoint = 4000")
    return connection


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads, each statement at the newest committed state."""
    connection = _open(path, apsw.SQLITE_OPEN_READWRITE)  # WAL needs -shm writable even to read
    connection.execute("PRAGMA query_only = ON")
    return connection


def open_examiner(path: Path) -> apsw.Connection:
    """As ``open_reader``, for a file that may be damaged: its write-ahead log is left as it is.

    The last connection to close would play the log into the file and delete it, whatever is in it.
    """
    connection = _open(path, apsw.SQLITE_OPEN_READWRITE, keep_log=True)
    connection.execute("PRAGMA query_only = ON")
    return connection


def format_version(path: Path) -> int:
    """How many of ``store.migrations.STEPS`` the file has had; 0 when it is empty."""
    with closing(_open(path, apsw.SQLITE_OPEN_READWRITE)) as connection:
        return int(connection.pragma("user_version"))


def _open(path: Path, flags: int, *, keep_log: bool = False) -> apsw.Connection:
    if apsw.SQLITE_VERSION_NUMBER < OLDEST_SQLITE:
        raise Unavailable(f"SQLite {apsw.sqlite_lib_version()} is too old: see walresetbug")
    try:
        # Of a path with a link anywhere in it SQLite would refuse the directory's name too.
        real = str(path.parent.resolve() / path.name)
        connection = apsw.Connection(real, flags=flags | apsw.SQLITE_OPEN_NOFOLLOW)
    except apsw.CantOpenError as error:
        raise Unavailable(f"cannot open {path}") from error
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(keep_log))
    connection.set_busy_timeout(5000)
    for statement in _COMMON:
        connection.execute(statement)
    return connection


Row = tuple[Any, ...]
Bindings = Sequence[Any] | Mapping[str, Any]


def one(db: apsw.Connection, statement: str, bindings: Bindings = ()) -> Row | None:
    """The first row, or ``None``."""
    row: Row | None = db.execute(statement, bindings).fetchone()
    return row


def every(db: apsw.Connection, statement: str, bindings: Bindings = ()) -> list[Row]:
    """All rows at once, so that no statement is left open."""
    rows: list[Row] = db.execute(statement, bindings).fetchall()
    return rows


@contextmanager
def snapshot(db: apsw.Connection) -> Iterator[None]:
    """All reads inside see one committed state. Not reentrant."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("COMMIT")


def refusal(error: BaseException) -> StoreError | None:
    """What a failing write means to the caller, or ``None`` when it is a fault of ours."""
    if isinstance(error, StoreError):
        return error
    if isinstance(error, apsw.FullError):
        return NoSpace(str(error))
    if isinstance(error, OSError):
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        return NoSpace(str(error)) if full else Unavailable(str(error))
    broken = (apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError, apsw.BusyError)
    return Unavailable(str(error)) if isinstance(error, broken) else None


def row_crc(values: Row) -> int:
    """Checksum of a row's values: SQLite does not notice flipped bits. Checked on scrub."""
    return zlib.crc32(msgspec.msgpack.encode(values))
