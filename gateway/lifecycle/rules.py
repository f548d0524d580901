"""The rules of a bucket, ready to be judged by (``fates``). Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from gateway.lifecycle.configuration import (
    CONFIG,
    LifecycleRule,
    RuleStatus,
    SmallestToMove,
    TransitionStorageClass,
    configuration,
    wants,
)
from gateway.naming import key_bytes
from store.records import Entry

DAY_MS = 86_400_000
_SMALLEST = 128 * 1024
_TAKE_SMALL = frozenset({TransitionStorageClass.GLACIER, TransitionStorageClass.DEEP_ARCHIVE})


class Move(Struct, frozen=True):
    """To a colder storage class. There is one tier: it is what an object is said to be in."""

    storage_class: str
    least: int
    """Bytes of the smallest object that is moved."""
    days: int | None
    date: int | None = None
    retained: int = 0
    """As in ``Rule``."""


class Rule(Struct, frozen=True):
    """One enabled rule. Times are milliseconds since the epoch, sizes bytes."""

    id: str
    prefix: bytes
    tags: dict[str, str]
    above: int | None
    below: int | None
    days: int | None
    date: int | None
    markers: bool
    """Delete markers with nothing left to hide go at once."""
    noncurrent_days: int | None
    retained: int
    """Noncurrent objects of a key that stay whatever their age."""
    abort_days: int | None
    moves: tuple[Move, ...]
    """Of current objects."""
    noncurrent_moves: tuple[Move, ...]

    def meets(self, key: bytes) -> bool:
        """Of what has neither tags nor a size: uploads, delete markers."""
        plain = not self.tags and self.above is None and self.below is None
        return plain and key.startswith(self.prefix)

    def holds(self, entry: Entry) -> bool:
        """Does the rule apply to this version?"""
        return (
            entry.key.startswith(self.prefix)
            and (self.above is None or entry.size > self.above)
            and (self.below is None or entry.size < self.below)
            and (not self.tags or self.tags.items() <= entry.attributes.tags.items())
        )

    def expires(self, made: int, day_ms: int = DAY_MS) -> int | None:
        """When a current version made at ``made`` does; ``None``: not by this rule."""
        return due(made, self.days, day_ms) if self.days is not None else self.date


def due(start: int, days: int, day_ms: int = DAY_MS) -> int:
    """``days`` after ``start``, at the next midnight UTC; days of another length end when they do.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html#non-current-days-calculations
    """
    end = start + days * day_ms
    return end if day_ms != DAY_MS else -(-end // DAY_MS) * DAY_MS


def rules(documents: Mapping[str, bytes]) -> tuple[Rule, ...]:
    """The enabled rules that a bucket's documents say. Cheap."""
    return _compiled(documents[CONFIG]) if CONFIG in documents else ()


@lru_cache(maxsize=256)
def _compiled(document: bytes) -> tuple[Rule, ...]:
    found = configuration({CONFIG: document})
    assert found is not None
    enabled = (rule for rule in found.rules if rule.status == RuleStatus.ENABLED)
    return tuple(_rule(rule, found.smallest_to_move) for rule in enabled)


def _rule(rule: LifecycleRule, smallest: SmallestToMove) -> Rule:
    wanted = wants(rule)
    expiration, earlier = rule.expiration, rule.noncurrent_version_expiration
    abort = rule.abort_incomplete_multipart_upload
    date = expiration.date if expiration else None
    own = wanted.object_size_greater_than is not None
    return Rule(
        id=rule.id or "",
        prefix=key_bytes(wanted.prefix or ""),
        tags={tag.key: tag.value for tag in wanted.tags},
        above=wanted.object_size_greater_than,
        below=wanted.object_size_less_than,
        days=expiration.days if expiration else None,
        date=_milliseconds(date),
        markers=bool(expiration and expiration.expired_object_delete_marker),
        noncurrent_days=earlier.noncurrent_days if earlier else None,
        retained=(earlier.newer_noncurrent_versions or 0) if earlier else 0,
        abort_days=abort.days_after_initiation if abort else None,
        moves=tuple(
            Move(
                move.storage_class,
                0 if own else _least(move.storage_class, smallest),
                move.days,
                _milliseconds(move.date),
            )
            for move in rule.transitions
            if move.storage_class
        ),
        noncurrent_moves=tuple(
            Move(
                move.storage_class,
                0 if own else _least(move.storage_class, smallest),
                move.noncurrent_days,
                retained=move.newer_noncurrent_versions or 0,
            )
            for move in rule.noncurrent_version_transitions
            if move.storage_class
        ),
    )


def _least(storage_class: str, smallest: SmallestToMove) -> int:
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html#lifecycle-configuration-constraints"""
    return 0 if smallest == SmallestToMove.VARIES and storage_class in _TAKE_SMALL else _SMALLEST


def _milliseconds(date: datetime | None) -> int | None:
    return int(date.timestamp() * 1000) if date else None


def prefixes(rules: Sequence[Rule]) -> list[bytes]:
    """In order, the fewest prefixes under which all lies that the rules are about."""
    found: list[bytes] = []
    for prefix in sorted({rule.prefix for rule in rules}):
        if not found or not prefix.startswith(found[-1]):
            found.append(prefix)
    return found
