"""Fsck: is what a data directory says about itself true? Reads only; repairs nothing.

Rows are checked against rows, files and journal in one snapshot of the database; then the bytes
are hashed again, content by content. It works beside a running server: what changed since the
snapshot is never taken for damage.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
from msgspec import Struct

from store import (
    base,
    database,
    fsck_bytes,
    fsck_journal,
    fsck_rows,
    fsck_space,
    migrations,
    outbox,
)
from store.database import snapshot
from store.errors import Damaged, FormatTooNew
from store.fsck_rows import Found


class Finding(Struct, frozen=True):
    """Something that is not as it must be."""

    kind: str
    """What is wrong, in a word or two: ``leaf``, ``content-refs``, ``segment-missing``."""
    where: str
    bytes: int = 0
    """Of objects or of disk space, as far as they are concerned; 0 when that is not known."""


Progress = Callable[[int, int], None]
"""Bytes hashed so far, and how many there are."""


def check(
    directory: Path,
    *,
    fast: bool = False,
    segments: bool = True,
    progress: Progress = lambda done, of: None,
) -> Iterator[Finding]:
    """All that is wrong, as it is found; nothing when all is well.

    Memory does not grow with what is stored, but for the leaf digests of one object at a time.
    ``fast`` leaves all bytes of objects unread; without ``segments`` those in the database are
    hashed and the others not. Raises ``FormatTooNew``; ``OSError`` when a directory cannot
    be read. A database that is not one, or not there, is a finding.
    """
    path = directory / database.FILE
    if not path.exists():
        yield Finding("database", f"{path} is not there")
        return
    try:
        for found in _everything(path, fast, segments and not fast, progress):
            yield Finding(*found)
    except (apsw.CorruptError, apsw.NotADBError, apsw.IOError, apsw.SQLError, Damaged) as error:
        yield Finding("database", f"{path}: {error}")


def _everything(path: Path, fast: bool, segments: bool, progress: Progress) -> Found:
    directory = path.parent
    with (
        closing(database.open_examiner(path)) as db,
        closing(database.open_examiner(path)) as newest,
    ):
        # What is sorted may be more than fits into memory; the cache is what a sort may take of it.
        db.execute("PRAGMA temp_store = FILE")
        db.execute("PRAGMA cache_size = -16384")
        version = int(db.pragma("user_version"))
        if version > len(migrations.STEPS):
            raise FormatTooNew(f"{path} has format {version}, not {len(migrations.STEPS)}")
        if version < len(migrations.STEPS):
            yield "database", f"{path} has format {version}, not {len(migrations.STEPS)}", 0
            return
        with snapshot(db):
            reached = outbox.last_lsn(db)
            yield from _sqlite(db, path, fast)
            yield from fsck_rows.check(db, fast=fast)
            yield from fsck_space.check(db, newest, directory / "segments", reached)
            yield from fsck_journal.check(db, newest, directory / "journal", reached)
            yield from base.check(directory)
        if segments:
            # Not in the snapshot: it would keep the write-ahead log from being reset for hours.
            yield from fsck_bytes.check(newest, directory, reached, progress)


def _sqlite(db: apsw.Connection, path: Path, fast: bool) -> Found:
    """https://sqlite.org/pragma.html#pragma_integrity_check"""
    for (text,) in db.execute("PRAGMA quick_check" if fast else "PRAGMA integrity_check"):
        if text != "ok":
            yield "database", f"{path}: {text}", 0
