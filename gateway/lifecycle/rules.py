"""The rules of a bucket, and what each means for one version or upload. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

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
from gateway.wire.text import write_http_date
from store import retention
from store.history import Due, Past
from store.records import STORAGE_CLASS, DeleteMarker, Entry

DAY_MS = 86_400_000


_ORDER: dict[str | None, int] = {name: at for at, name in enumerate(TransitionStorageClass)}
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


def fate(rules: Sequence[Rule], past: Past, now: int, day_ms: int = DAY_MS) -> Due | None:
    """What it is time for: to go rather than to move, and then to the coldest class.

    ``now`` is milliseconds since the epoch. What a lock protects is left where it is.
    """
    version = past.version
    if any(_doomed(rule, past, now, day_ms) for rule in rules):
        protected = (
            past.replaced is not None
            and isinstance(version, Entry)
            and retention.protects(version.attributes.lock, now)
        )
        return None if protected else Due(past)
    if isinstance(version, DeleteMarker):
        return None
    colder = [
        move.storage_class
        for rule in rules
        if rule.moves or rule.noncurrent_moves
        for move in _moves(rule, version, past, now, day_ms)
    ]
    if not colder:
        return None
    coldest = max(colder, key=lambda name: _ORDER[name])
    now_in = version.attributes.headers.get(STORAGE_CLASS)
    return Due(past, coldest) if _ORDER[coldest] > _ORDER.get(now_in, -1) else None


def _moves(rule: Rule, entry: Entry, past: Past, now: int, day_ms: int) -> Iterator[Move]:
    start = entry.modified if past.replaced is None else past.replaced
    for move in rule.moves if past.replaced is None else rule.noncurrent_moves:
        when = due(start, move.days, day_ms) if move.days is not None else move.date
        if (
            when is not None
            and when <= now
            and entry.size >= move.least
            and past.newer >= move.retained
            and rule.holds(entry)
        ):
            yield move


def _doomed(rule: Rule, past: Past, now: int, day_ms: int) -> bool:
    version = past.version
    marker = isinstance(version, DeleteMarker)
    if not (rule.meets(version.key) if isinstance(version, DeleteMarker) else rule.holds(version)):
        return False
    if past.replaced is not None:
        return (
            rule.noncurrent_days is not None
            and past.newer >= rule.retained
            and due(past.replaced, rule.noncurrent_days, day_ms) <= now
        )
    if marker and not past.alone:
        return False
    expiry = rule.expires(version.modified, day_ms)
    return (marker and rule.markers) or (expiry is not None and expiry <= now)


def expiration(documents: Mapping[str, bytes], entry: Entry) -> str | None:
    """x-amz-expiration: when a current version expires and by which rule, in days of 24 hours.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html#API_HeadObject_ResponseSyntax
    """
    found = [
        (expiry, rule.id)
        for rule in rules(documents)
        if (expiry := rule.expires(entry.modified)) is not None and rule.holds(entry)
    ]
    if not found:
        return None
    expiry, id = min(found)
    return f'expiry-date="{write_http_date(_moment(expiry))}", rule-id="{quote(id, safe="")}"'


def abortion(
    documents: Mapping[str, bytes], key: bytes, created: int
) -> tuple[datetime | None, str | None]:
    """When an upload is aborted if it is not complete by then, and the rule that says so."""
    found = [
        (due(created, rule.abort_days), rule.id)
        for rule in rules(documents)
        if rule.abort_days is not None and rule.meets(key)
    ]
    if not found:
        return None, None
    when, id = min(found)
    return _moment(when), id


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
