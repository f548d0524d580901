"""The outbox: batches that are committed but that the journal may not yet have on disk.

Rows of table ``change``, written in the transaction they describe and pruned once the journal is
synced past them. Inline bytes are not kept twice: they are read back from ``body``.
"""

import uuid
from collections.abc import Iterator

import apsw
import msgspec

from store.changes import Change, Inline, PutEntry, decode, encode
from store.database import every, one
from store.errors import Damaged, JournalMismatch
from store.journal import Journal, Tail, Unsynced


def add(db: apsw.Connection, lsn: int, record: bytes) -> None:
    """``record``: the changes from number ``lsn`` on, without inline bytes."""
    db.execute("INSERT INTO change (lsn, record) VALUES (?, ?)", (lsn, record))


def append(
    db: apsw.Connection, journal: Journal, tail: Tail, lsn: int, last: int, payload: bytes
) -> Tail:
    """As ``Journal.append``; what its sync of a full file may have lost is written again later."""
    try:
        return journal.append(tail, lsn, last, payload)
    except Unsynced:
        rewind(db, journal)
        raise


def rewind(db: apsw.Connection, journal: Journal) -> None:
    """Take off the journal what the outbox has, after a sync that failed; the write lock is held.

    The kernel says once that it lost pages, and then calls them clean: only what is written again
    comes to the disk (https://wiki.postgresql.org/wiki/Fsync_Errors). ``top_up`` does that.
    Raises ``JournalMismatch``, ``OSError``.
    """
    ((first,),) = every(db, "SELECT min(lsn) FROM change")
    if first is not None:
        journal.cut_from(journal.tail(), first)


def top_up(db: apsw.Connection, journal: Journal, tail: Tail) -> Tail:
    """Append to the journal all it lacks; the write lock is held. Returns the new tail.

    Raises ``JournalMismatch`` when the outbox does not reach back far enough, ``OSError``.
    """
    for lsn, last, payload in batches(db, tail.lsn):
        tail = append(db, journal, tail, lsn, last, payload)
    reached = last_lsn(db)
    if tail.lsn != reached:
        raise JournalMismatch(f"the journal ends at {tail.lsn}, the database at {reached}")
    return tail


def batches(db: apsw.Connection, after: int) -> Iterator[tuple[int, int, bytes]]:
    """What follows on change ``after``, up to a gap: first and last lsn, changes, bytes and all."""
    query = "SELECT lsn, record FROM change WHERE lsn > ? ORDER BY lsn LIMIT 1"
    while (row := one(db, query, (after,))) is not None and row[0] == after + 1:
        lsn, changes = row[0], decode(row[1])
        whole = [_filled(db, lsn + i, change) for i, change in enumerate(changes)]
        after = lsn + len(changes) - 1
        yield lsn, after, encode(whole)


def prune(db: apsw.Connection, lsn: int) -> None:
    """Forget the batches up to ``lsn``, the last of a batch: the journal has them on disk."""
    db.execute("DELETE FROM change WHERE lsn <= ?", (lsn,))


def last_lsn(db: apsw.Connection) -> int:
    return int(every(db, "SELECT lsn FROM state")[0][0])


def store_id(db: apsw.Connection) -> uuid.UUID:
    """Raises ``Damaged``."""
    ((text,),) = every(db, "SELECT store FROM state")
    try:
        return uuid.UUID(text)
    except ValueError:
        raise Damaged(f"the store's id is {text}, which is none") from None


def _filled(db: apsw.Connection, lsn: int, change: Change) -> Change:
    if not isinstance(change, PutEntry) or not isinstance(change.source, Inline):
        return change
    row = one(db, "SELECT bytes FROM body WHERE id = ?", (lsn,))
    # No row: a later change superseded it, so a replay passes over the missing bytes too.
    return msgspec.structs.replace(change, source=Inline(row[0] if row else None))
