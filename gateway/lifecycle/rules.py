"""The rules of a bucket, and what each means for one version or upload. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from urllib.parse import quote

from msgspec import Struct

from gateway.lifecycle.configuration import (
    CONFIG,
    LifecycleRule,
    RuleStatus,
    configuration,
    wants,
)
from gateway.naming import key_bytes
from gateway.wire.text import write_http_date
from store.history import Past
from store.records import DeleteMarker, Entry

DAY_MS = 86_400_000


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
    return tuple(_rule(rule) for rule in found.rules if rule.status == RuleStatus.ENABLED)


def _rule(rule: LifecycleRule) -> Rule:
    wanted = wants(rule)
    expiration, earlier = rule.expiration, rule.noncurrent_version_expiration
    abort = rule.abort_incomplete_multipart_upload
    date = expiration.date if expiration else None
    return Rule(
        id=rule.id or "",
        prefix=key_bytes(wanted.prefix or ""),
        tags={tag.key: tag.value for tag in wanted.tags},
        above=wanted.object_size_greater_than,
        below=wanted.object_size_less_than,
        days=expiration.days if expiration else None,
        date=int(date.timestamp() * 1000) if date else None,
        markers=bool(expiration and expiration.expired_object_delete_marker),
        noncurrent_days=earlier.noncurrent_days if earlier else None,
        retained=(earlier.newer_noncurrent_versions or 0) if earlier else 0,
        abort_days=abort.days_after_initiation if abort else None,
    )


def prefixes(rules: Sequence[Rule]) -> list[bytes]:
    """In order, the fewest prefixes under which all lies that the rules are about."""
    found: list[bytes] = []
    for prefix in sorted({rule.prefix for rule in rules}):
        if not found or not prefix.startswith(found[-1]):
            found.append(prefix)
    return found


def doomed(rules: Sequence[Rule], past: Past, now: int, day_ms: int = DAY_MS) -> bool:
    """Is it time for this version to go? ``now`` is milliseconds since the epoch."""
    return any(_doomed(rule, past, now, day_ms) for rule in rules)


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
