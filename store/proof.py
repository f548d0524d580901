"""Proof: the database is what the changes of the journal made of the base before it.

SQLite notices no flipped bit, and rows without a checksum of their own tell of none. Made again
from the newest base and the journal, in a file of its own, and compared row by row, each tells.
"""

import uuid
from itertools import takewhile, zip_longest
from pathlib import Path

import apsw

from store import base, database, files, migrations, outbox
from store.database import Row, every
from store.fsck_rows import Found
from store.journal import Journal
from store.recovery import replay

_TABLES = (
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
    " AND name <> 'change' ORDER BY name"
)


class Expected:
    """What the database should be. Whoever has it holds the lock on bases; ``close`` it."""

    def __init__(self, directory: Path, store: uuid.UUID) -> None:
        """Raises ``NoSpace``, ``Unavailable``."""
        self._journal = Journal(directory / "journal", store, -1)
        files.make_directory(directory / "base")
        self._path = directory / "base" / "draft-expected"
        self._remove()
        found = base.newest(directory)
        if found is not None:
            base.restore(found, self._path)
        migrations.migrate(self._path, store=store)
        self._db = database.open_writer(self._path, "none")

    def close(self) -> None:
        self._db.close()
        self._remove()

    def differences(self, db: apsw.Connection) -> Found:
        """The first in each table. ``db`` is in a transaction, and the journal has all it has.

        Raises ``JournalMismatch`` where the journal has a gap.
        """
        lsn = outbox.last_lsn(db)
        records = self._journal.records(outbox.last_lsn(self._db))
        replay(self._db, takewhile(lambda record: record.lsn <= lsn, records))
        for (table,) in every(self._db, _TABLES):
            scan = f'SELECT * FROM "{table}"'
            both = zip_longest(self._db.execute(scan), db.execute(scan))
            found = next(((a, b) for a, b in both if a != b), None)
            if found is not None:
                wanted, there = found
                yield "database", f"table {table} has {_name(there)}, not {_name(wanted)}", 0

    def _remove(self) -> None:
        for suffix in ("", "-wal", "-shm"):
            files.unlink(self._path.with_name(f"{self._path.name}{suffix}"))


def _name(row: Row | None) -> str:
    return "no more rows" if row is None else f"a row {row[:3]}"
