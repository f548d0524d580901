"""Bringing database and journal to the same point after a crash: cut, replay, top up.

Only while nobody else writes. Either side may be behind; a gap that neither can fill is refused,
since to go on would be to lose commits silently.
"""

import logging
from collections.abc import Iterable
from itertools import islice

import apsw

from store import changes, outbox
from store.apply import apply
from store.errors import JournalMismatch
from store.failpoints import hit
from store.journal import Journal, Record, Tail, Unsynced

log = logging.getLogger("s3gw.store")

_RECORDS_PER_TRANSACTION = 100


def recover(db: apsw.Connection, journal: Journal) -> None:
    """Make both end at the same commit; the write lock is held. May be killed and repeated.

    Raises ``JournalMismatch``.
    """
    tail = journal.cut()
    hit("S2")
    reached = outbox.last_lsn(db)
    if tail.lsn > reached:
        first = journal.names()[0]
        if first > reached + 1:
            raise JournalMismatch(
                f"the database is old: it ends at change {reached}, the journal begins at {first}"
            )
        log.warning("database has lost %d commits; replaying the journal", tail.lsn - reached)
        replay(db, journal.records(reached))
        reached = outbox.last_lsn(db)
        if tail.lsn != reached:
            raise JournalMismatch(f"the journal ends at {tail.lsn} but lacks {reached + 1}")
    journal.set_tail(tail)
    if tail.lsn < reached:
        log.info("journal is behind by %d changes; completing it", reached - tail.lsn)
        tail = outbox.top_up(db, journal, tail)
    _settle(db, journal, tail)


def _settle(db: apsw.Connection, journal: Journal, tail: Tail) -> None:
    try:
        journal.sync(tail)
    except Unsynced:
        outbox.rewind(db, journal)
        raise
    db.execute("BEGIN IMMEDIATE")
    outbox.prune(db, tail.lsn)
    db.execute("COMMIT")


def replay(db: apsw.Connection, records: Iterable[Record]) -> None:
    """Apply records that follow on the database's last change, in transactions of some hundred.

    Raises ``JournalMismatch`` at the first that does not follow; those before it are applied.
    """
    following = iter(records)
    while batch := list(islice(following, _RECORDS_PER_TRANSACTION)):
        db.execute("BEGIN IMMEDIATE")
        try:
            for record in batch:
                _replay(db, record)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        hit("S4")


def _replay(db: apsw.Connection, record: Record) -> None:
    reached = outbox.last_lsn(db)
    if record.lsn != reached + 1:
        raise JournalMismatch(f"change {record.lsn} of the journal does not follow on {reached}")
    lsn = reached
    for change in changes.decode(record.payload):
        lsn += 1
        apply(db, lsn, change)
    db.execute("UPDATE state SET lsn = ?", (lsn,))
