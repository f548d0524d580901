"""Versions whose time has come, as the committer takes them out: only what is still as judged."""

from collections.abc import Sequence

import apsw
import msgspec

from store import names, version_id
from store.changes import SetAttributes
from store.database import one
from store.deletions import DeleteObjects
from store.errors import StoreError
from store.history import Due, Past
from store.records import STORAGE_CLASS, Bucket, DeleteMarker, Deletion, Entry
from store.transaction import Commit, Transaction

_VERSIONS = (
    "SELECT made, seq FROM entry WHERE bucket = :bucket AND key = :key {where} UNION ALL"
    " SELECT made, seq FROM version WHERE bucket = :bucket AND key = :key {where}"
)
_THIS = _VERSIONS.format(where="AND made = :made")
_NEWEST = _VERSIONS.format(where="") + " ORDER BY made DESC LIMIT 1"
_BEFORE = _VERSIONS.format(where="AND made < :made") + " LIMIT 1"


class Expire(Commit[int | None]):
    """Returns how many went, were hidden or moved: others have changed since, or are locked.

    ``None``: none, because the bucket is not as it was.
    """

    def __init__(self, bucket: Bucket, due: Sequence[Due], now: int) -> None:
        self._bucket = bucket
        self._due = due
        self._now = now

    def decide(self, transaction: Transaction) -> int | None:
        # They were judged by what the bucket said. Whoever has taken that back since has an answer
        # that it is so.
        if names.bucket_by_id(transaction.db, self._bucket.id) != self._bucket:
            return None
        due = [each for each in self._due if _still(transaction.db, each.past)]
        moves = [move for each in due if (move := _move(each))]
        for move in moves:
            transaction.apply(move)
        deletions = [_deletion(each.past) for each in due if each.storage_class is None]
        verb = DeleteObjects(self._bucket, deletions, self._bucket.owner, self._now)
        gone = sum(not isinstance(answer, StoreError) for answer in verb.decide(transaction))
        return len(moves) + gone


def _move(due: Due) -> SetAttributes | None:
    entry = due.past.version
    if due.storage_class is None or not isinstance(entry, Entry):
        return None
    headers = entry.attributes.headers | {STORAGE_CLASS: due.storage_class}
    attributes = msgspec.structs.replace(entry.attributes, headers=headers)
    number = version_id.decode(entry.version) if due.past.replaced is not None else None
    return SetAttributes(entry.bucket, entry.key, attributes, number)


def _deletion(past: Past) -> Deletion:
    """A current object is deleted as a client would, all else for good."""
    version = past.version
    current = past.replaced is None and not isinstance(version, DeleteMarker)
    return Deletion(version.key, None if current else version.version)


def _still(db: apsw.Connection, past: Past) -> bool:
    """Is it unchanged, and the newest of its key only if it was that?"""
    version = past.version
    this = {"bucket": version.bucket, "key": version.key, "made": past.made}
    if one(db, _THIS, this) != (past.made, past.seq):
        return False
    newest = one(db, _NEWEST, this) == (past.made, past.seq)
    if newest != (past.replaced is None):
        return False
    # A delete marker that hides something must stay.
    hides = newest and isinstance(version, DeleteMarker) and one(db, _BEFORE, this) is not None
    return not hides
