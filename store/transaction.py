"""What a verb hands to the committer, what it sees while it decides, and what comes back."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, TypeVar

import apsw
from msgspec import Struct

from store.apply import apply
from store.changes import Change
from store.records import Extent

T = TypeVar("T")


class Transaction:
    """The open transaction: read ``db``, write only through ``apply``."""

    def __init__(self, db: apsw.Connection, lsn: int) -> None:
        self.db = db
        self.lsn = lsn
        self.changes: list[Change] = []

    def apply(self, change: Change) -> int:
        """Write it and have it journalled. Returns its lsn, which is the seq or id of its row."""
        self.lsn += 1
        apply(self.db, self.lsn, change)
        self.changes.append(change)
        return self.lsn


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
