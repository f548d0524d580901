"""Versions whose time has come, as the committer takes them out: only what is still as judged."""

from collections.abc import Sequence

import apsw

from store import names
from store.database import one
from store.deletions import DeleteObjects
from store.errors import StoreError
from store.history import Past
from store.records import Bucket, DeleteMarker, Deletion
from store.transaction import Commit, Transaction

_VERSIONS = (
    "SELECT made, seq FROM entry WHERE bucket = :bucket AND key = :key {where} UNION ALL"
    " SELECT made, seq FROM version WHERE bucket = :bucket AND key = :key {where}"
)
_THIS = _VERSIONS.format(where="AND made = :made")
_NEWEST = _VERSIONS.format(where="") + " ORDER BY made DESC LIMIT 1"
_BEFORE = _VERSIONS.format(where="AND made < :made") + " LIMIT 1"


class Expire(Commit[int | None]):
    """Returns how many went or were hidden: others have changed since, or are locked.

    ``None``: none, because the bucket is not as it was.
    """

    def __init__(self, bucket: Bucket, doomed: Sequence[Past], now: int) -> None:
        self._bucket = bucket
        self._doomed = doomed
        self._now = now

    def decide(self, transaction: Transaction) -> int | None:
        # They were judged by what the bucket said. Whoever has taken that back since has an answer
        # that it is so.
        if names.bucket_by_id(transaction.db, self._bucket.id) != self._bucket:
            return None
        deletions = [_deletion(past) for past in self._doomed if _still(transaction.db, past)]
        verb = DeleteObjects(self._bucket, deletions, self._bucket.owner, self._now)
        return sum(not isinstance(answer, StoreError) for answer in verb.decide(transaction))


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
