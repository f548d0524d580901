"""Defects put into the product, which the model must tell from it. Each is undone at its end."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

import gateway.access
from gateway import ranges
from gateway.operations import complete
from gateway.policy.conditions import Condition
from gateway.policy.evaluate import Verdict
from gateway.ranges import Span
from gateway.remembered import Remembered
from store import collector, commits, deletions, listing, version_listing
from store.records import ENABLED, Entry
from store.store import Store

Mutant = Callable[[], AbstractContextManager[Any]]


def listing_skips_at_a_page_edge() -> AbstractContextManager[Any]:
    """The next page begins one key too late."""
    original = listing.list_page

    def mutated(db: Any, bucket: int, *, limit: int, **asked: Any) -> Any:
        page = original(db, bucket, limit=limit, **asked)
        beyond = original(db, bucket, limit=limit + 1, **asked)
        return replace(page, last=beyond.last) if page.more else page

    return patch.object(listing, "list_page", mutated)


def delete_marker_is_looked_through() -> AbstractContextManager[Any]:
    """GET answers the version that a delete marker hides."""
    original = Store.entry

    def mutated(self: Store, bucket: Any, key: bytes) -> Any:
        found = original(self, bucket, key)
        if found is not None or not bucket.versioning:
            return found
        there = self.list_versions(bucket, prefix=key, limit=100).versions
        return next((each for each in there if isinstance(each, Entry) and each.key == key), None)

    return patch.object(Store, "entry", mutated)


def etag_of_a_copy_is_stale() -> AbstractContextManager[Any]:
    """A copy onto an object answers with the ETag of what was there."""
    original = Store.copy

    async def mutated(self: Store, source: Entry, bucket: Any, key: bytes, **said: Any) -> Entry:
        before = self.entry(bucket, key)
        made = await original(self, source, bucket, key, **said)
        return made if before is None else replace(made, etag=before.etag)

    return patch.object(Store, "copy", mutated)


def deny_is_ignored() -> AbstractContextManager[Any]:
    """Only the Allow of a policy counts."""
    original = gateway.access.evaluate

    def mutated(policy: Any, question: Any) -> Verdict:
        verdict = original(policy, question)
        return Verdict.NOTHING if verdict is Verdict.DENY else verdict

    return patch.object(gateway.access, "evaluate", mutated)


def conditions_always_hold() -> AbstractContextManager[Any]:
    """Those of the statements of a policy."""
    return patch.object(Condition, "holds", lambda self, keys: True)


def acl_of_an_object_is_ignored() -> AbstractContextManager[Any]:
    return patch.object(gateway.access.grants, "of_object", lambda attributes: None)


def remembered_answer_is_stale() -> AbstractContextManager[Any]:
    """What was answered once is answered again, whatever happened since."""

    def mutated(self: Remembered, asked: Any, state: bytes, store: Store) -> Any:
        known = self._answers.get(asked)
        return None if known is None else known.answer

    return patch.object(Remembered, "find", mutated)


def suspended_bucket_keeps_versions() -> AbstractContextManager[Any]:
    original = commits.kept

    def mutated(change: Any, versioning: str, lock: str) -> Any:
        return original(change, ENABLED if versioning else "", lock)

    return patch.object(commits, "kept", mutated)


def governance_protects_nothing() -> AbstractContextManager[Any]:
    original = deletions.protects

    def mutated(lock: Any, now: int, *, bypass: bool = False) -> bool:
        return original(lock, now, bypass=True)

    return patch.object(deletions, "protects", mutated)


def range_ends_early() -> AbstractContextManager[Any]:
    """The last byte of a range that ends before the object does is left out."""
    original = ranges.requested

    def mutated(text: str | None, size: int) -> Span | None:
        span = original(text, size)
        if span is None or span.length < 2 or span.start + span.length == size:
            return span
        return Span(span.start, span.length - 1)

    return patch.object(ranges, "requested", mutated)


def version_marker_is_shown_again() -> AbstractContextManager[Any]:
    mutated = version_listing._OLDER.replace("made < :made", "made <= :made")
    return patch.object(version_listing, "_OLDER", mutated)


def parts_that_are_not_named_are_joined() -> AbstractContextManager[Any]:
    def mutated(named: Any, upload: Any, uploaded: Any, differences: Any) -> list[Any]:
        return list(uploaded)

    return patch.object(complete, "_chosen", mutated)


def enforced_ownership_is_forgotten() -> AbstractContextManager[Any]:
    return patch.object(gateway.access, "enforced", lambda documents: False)


def collector_drops_uploads_too_early() -> AbstractContextManager[Any]:
    return patch.object(collector, "_DAY", 1000)


def default_retention_is_not_given() -> AbstractContextManager[Any]:
    return patch.object(commits.retention, "of_new", lambda attributes, lock, now: attributes)


MUTANTS: dict[str, Mutant] = {
    each.__name__: each
    for each in (
        etag_of_a_copy_is_stale,
        listing_skips_at_a_page_edge,
        delete_marker_is_looked_through,
        deny_is_ignored,
        conditions_always_hold,
        acl_of_an_object_is_ignored,
        remembered_answer_is_stale,
        suspended_bucket_keeps_versions,
        governance_protects_nothing,
        range_ends_early,
        version_marker_is_shown_again,
        parts_that_are_not_named_are_joined,
        enforced_ownership_is_forgotten,
        collector_drops_uploads_too_early,
        default_retention_is_not_given,
    )
}
