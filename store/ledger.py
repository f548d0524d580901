"""Ledger: transactions on the database, in one order for all processes, each also journalled.

Owns a writing connection, the write lock and the journal. One thread at a time.
"""

import logging
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from store import changes, database, messages, outbox
from store.errors import JournalMismatch, StoreError, Unavailable
from store.failpoints import hit
from store.journal import Journal, Tail
from store.lock import write_lock
from store.transaction import Commit, Outcome, Transaction

log = logging.getLogger("s3gw.store")


class Ledger:
    """The writing side of one data directory, which ``store.prepare`` has made ready."""

    def __init__(self, directory: Path, durability: str) -> None:
        """Raises ``Unavailable``."""
        self._path = directory / database.FILE
        self.db = database.open_writer(self._path, durability)
        self._lock = write_lock(directory)
        self.journal = Journal(directory / "journal", outbox.store_id(self.db), self._lock.file)
        self._identity = self._identify()
        self._wal = -1

    def close(self) -> None:
        self.db.close()
        self.journal.close()
        self._lock.close()
        if self._wal >= 0:
            os.close(self._wal)

    # --- transactions --------------------------------------------------------------------------

    def commit(self, choose: Callable[[], Sequence[Commit[Any]]]) -> list[Outcome]:
        """Run all in one transaction. A refused one fails alone; so does one that breaks.

        ``choose`` says which once it is our turn to write, that is, as late as possible.
        """
        with self._lock.held():
            commits = choose()
            if not commits:
                return []
            try:
                return self._together(commits)
            except Exception as error:
                if len(commits) == 1:
                    return [self._failed(error)]
            return [self._alone(commit) for commit in commits]

    def _alone(self, commit: Commit[Any]) -> Outcome:
        try:
            return self._together([commit])[0]
        except Exception as error:
            return self._failed(error)

    def _together(self, commits: Sequence[Commit[Any]]) -> list[Outcome]:
        self._check_identity()
        self.db.execute("BEGIN IMMEDIATE")
        try:
            first = outbox.last_lsn(self.db) + 1
            transaction = Transaction(self.db, first - 1)
            outcomes = [_decide(commit, transaction) for commit in commits]
            transaction.write()
            record = self._record(transaction, first)
            hit("P3")
        except BaseException:
            self._roll_back()
            raise
        try:
            self.db.execute("COMMIT")
        except Exception as error:
            self._roll_back()
            raise _CommitFailedError from error
        if record:
            hit("J1")
            self._append(first, transaction.lsn, record)
        return outcomes

    def _record(self, transaction: Transaction, first: int) -> bytes:
        if not transaction.changes:
            return b""
        record = changes.encode(transaction.changes)
        stripped = changes.without_bytes(transaction.changes)
        lean = record if stripped is transaction.changes else changes.encode(stripped)
        outbox.add(self.db, first, lean)
        self.db.execute("UPDATE state SET lsn = ?", (transaction.lsn,))
        return record

    def _append(self, first: int, last: int, record: bytes) -> None:
        # Committed is committed: a journal that cannot be written now is topped up later.
        try:
            tail = self.journal.tail()
            if tail.lsn == first - 1:
                outbox.append(self.db, self.journal, tail, first, last, record)
            else:
                outbox.top_up(self.db, self.journal, tail)
        except (OSError, JournalMismatch, apsw.Error):
            log.exception("journal falls behind at lsn %d", first)

    def _roll_back(self) -> None:
        if self.db.in_transaction:
            self.db.execute("ROLLBACK")

    @staticmethod
    def _failed(error: Exception) -> Outcome:
        keep = isinstance(error, _CommitFailedError)
        cause = error.__cause__ if keep else error
        assert cause is not None
        refusal = database.refusal(cause)
        if refusal is None:
            return Outcome(error=cause, keep=keep)
        refusal.__cause__ = None if refusal is cause else cause
        return Outcome(error=refusal, keep=keep)

    # --- the disk ------------------------------------------------------------------------------

    def sync(self) -> None:
        """Bring committed transactions to disk, where ``durability`` left that for later."""
        if self._wal < 0:
            self._wal = os.open(f"{self._path}-wal", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        os.fdatasync(self._wal)

    def caught_up(self) -> Tail:
        """Where the journal ends, once it has all that is committed. Inside a transaction.

        Raises ``JournalMismatch``, ``OSError``.
        """
        tail = self.journal.tail()
        if tail.lsn != outbox.last_lsn(self.db):
            tail = outbox.top_up(self.db, self.journal, tail)
        return tail

    def _identify(self) -> tuple[int, int]:
        try:
            status = os.stat(self._path)
        except OSError as error:
            raise Unavailable(f"{self._path} is gone") from error
        return status.st_dev, status.st_ino

    def _check_identity(self) -> None:
        # SQLite would go on writing to a file that was removed or replaced under it.
        if self._identify() != self._identity:
            raise Unavailable(f"{self._path} was replaced while it was open")


class _CommitFailedError(Exception):
    """COMMIT raised: rolled back here, but what reached the disk is not known."""


def _decide(commit: Commit[Any], transaction: Transaction) -> Outcome:
    before = transaction.lsn
    try:
        outcome = Outcome(value=commit.decide(transaction))
    except StoreError as error:
        if transaction.lsn != before:
            raise
        return Outcome(error=error)
    if commit.announce is not None and transaction.lsn != before:
        messages.announce(transaction, before, commit.announce)
    return outcome
