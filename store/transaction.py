"""What a verb hands to the committer, what it sees while it decides, and what comes back."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import apsw
from msgspec import Struct

from store.apply import apply, put_inline
from store.changes import (
    Change,
    DropBucket,
    PutEntry,
    SetBucketLock,
    SetBucketVersioning,
)
from store.database import one
from store.errors import NoSuchBucket
from store.records import Extent

T = TypeVar("T")

_OF_BUCKETS = frozenset({DropBucket, SetBucketVersioning, SetBucketLock})


class Transaction:
    """The open transaction: read ``db``, write only through ``apply``."""

    def __init__(self, db: apsw.Connection, lsn: int) -> None:
        self._db = db
        self._puts: list[tuple[int, PutEntry]] = []
        self.lsn = lsn
        self.changes: list[Change] = []
        self._buckets: dict[int, tuple[str, str]] = {}

    @property
    def db(self) -> apsw.Connection:
        """Has all that was applied so far: do not keep it for longer than you apply nothing."""
        self.write()
        return self._db

    def bucket(self, id: int) -> tuple[str, str]:
        """Its versioning and object lock at this moment, as in its row. Raises ``NoSuchBucket``."""
        known = self._buckets.get(id)
        if known is None:
            known = one(self._db, "SELECT versioning, lock FROM bucket WHERE id = ?", (id,))
            if known is None:
                raise NoSuchBucket(str(id))
            self._buckets[id] = known
        return known

    def apply(self, change: Change) -> int:
        """Write it and have it journalled. Returns its lsn, which is the seq or id of its row."""
        self.lsn += 1
        apply(self.db, self.lsn, change)
        self.changes.append(change)
        if type(change) in _OF_BUCKETS:
            self._buckets.clear()
        return self.lsn

    def put(self, change: PutEntry) -> int:
        """As ``apply``, of inline bytes in a bucket that keeps no versions.

        Written with those that follow, before anybody looks: a third less work than one by one.
        """
        self.lsn += 1
        self._puts.append((self.lsn, change))
        self.changes.append(change)
        return self.lsn

    def write(self) -> None:
        """What was put and is not written yet."""
        if self._puts:
            puts, self._puts = self._puts, []
            put_inline(self._db, puts)


class Commit(Generic[T]):
    """One verb's part in a transaction."""

    extents: tuple[Extent, ...] = ()
    """Fresh bytes it names: synced before it, given back when it fails."""
    weight: int = 0
    """Inline bytes it carries."""
    grows: bool = False
    """It only takes space: refused when there is little (``store.spare``)."""
    announce: Callable[[int, Sequence[Change]], Iterable[tuple[str, bytes]]] | None = None
    """What is to be queued about its changes (``store.messages``)."""

    def decide(self, transaction: Transaction) -> T:
        """Check all conditions, then apply. Raises ``StoreError`` only when it applied nothing."""
        raise NotImplementedError


class Outcome(Struct, frozen=True):
    """What became of one commit."""

    value: Any = None
    error: BaseException | None = None
    keep: bool = False
    """COMMIT itself failed: a crash now may still bring it back, so its bytes must stay."""
