"""What the rules of a bucket mean for one version or upload: when it goes, or moves. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/intro-lifecycle-rules.html
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

from gateway.lifecycle.configuration import CONFIG, TransitionStorageClass
from gateway.lifecycle.rules import DAY_MS, Move, Rule, due, rules
from gateway.wire.text import write_http_date
from store import retention
from store.history import Due, Past
from store.records import STORAGE_CLASS, DeleteMarker, Entry

_ORDER: dict[str | None, int] = {name: at for at, name in enumerate(TransitionStorageClass)}
"""Rules never move an object back."""


_LAST = int(datetime(9999, 12, 31, tzinfo=UTC).timestamp())
"""No later day can be told."""


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
    if CONFIG not in documents:
        return None
    found = [
        (expiry, rule.id)
        for rule in rules(documents)
        if (expiry := rule.expires(entry.modified)) is not None and rule.holds(entry)
    ]
    if not found:
        return None
    expiry, id = min(found)
    return f'expiry-date="{write_http_date(_moment(expiry))}", rule-id="{_quoted(id)}"'


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
    return _moment(when), _quoted(id)


def _quoted(id: str) -> str:
    return quote(id, safe="")


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(min(milliseconds // 1000, _LAST), UTC)
