"""If-Match and its family: what must hold of an object before it is read, copied or replaced. Pure.

Reads and copy sources are decided here against an entry already read. Writes are only translated:
the store decides them inside the commit, so that of two racing writers one loses.
"""

from datetime import UTC, datetime
from email.utils import format_datetime
from functools import lru_cache

from msgspec import Struct

from gateway.errors import NotModified, PreconditionFailed, S3NotImplemented
from store.records import Entry, Expect


class Conditions(Struct, frozen=True):
    """The four conditional headers of a read, or of a copy source, as sent."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: datetime | None = None
    if_unmodified_since: datetime | None = None


def check_read(conditions: Conditions, entry: Entry, now: datetime) -> None:
    """Decide GET and HEAD: If-Match over If-Unmodified-Since, If-None-Match over If-Modified-Since.

    Dates count whole seconds; an If-Modified-Since in the future is ignored.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html#API_GetObject_RequestSyntax
    https://www.rfc-editor.org/rfc/rfc9110#section-13.2.2

    Raises ``PreconditionFailed``, ``NotModified`` (with the ETag and Last-Modified it needs).
    """
    failed = _failed(conditions, entry)
    if failed is not None:
        raise PreconditionFailed(Condition=failed)
    if _unchanged(conditions, entry, now) is not None:
        raise NotModified(
            headers={
                "ETag": f'"{entry.etag}"',
                "Last-Modified": format_datetime(modified(entry), usegmt=True),
            }
        )


def check_source(
    conditions: Conditions, entry: Entry, now: datetime, header: str = "x-amz-copy-source"
) -> None:
    """Decide ``<header>-if-*``: as a read, but every failure is 412.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html

    Raises ``PreconditionFailed``.
    """
    failed = _failed(conditions, entry) or _unchanged(conditions, entry, now)
    if failed is not None:
        raise PreconditionFailed(Condition=f"{header}-{failed}")


def expect_of_deletion(if_match: str | None, modified: datetime | None, size: int | None) -> Expect:
    """What a conditional delete asks of the object, for the store to decide.

    AWS takes the time (in whole seconds) and the size (in bytes) for directory buckets only; they
    mean the same here.
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html
    """
    if if_match is None and modified is None and size is None:
        return Expect()
    return Expect(
        etags=_strong(if_match) if if_match is not None else (),
        size=size,
        modified=None if modified is None else int(modified.timestamp()),
    )


def expect(if_match: str | None, if_none_match: str | None = None) -> Expect:
    """What a conditional write asks of the current object, for the store to decide.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html

    Raises ``S3NotImplemented`` when both are given, as AWS does.
    """
    if if_match is not None and if_none_match is not None:
        raise S3NotImplemented(
            Header="If-Match,If-None-Match",
            additionalMessage="Multiple conditional request headers present in the request",
        )
    if if_match is not None:
        return Expect(etags=_strong(if_match))
    if if_none_match is not None:
        return Expect(not_etags=_weak(if_none_match))
    return Expect()


def modified(entry: Entry) -> datetime:
    """Last-Modified as HTTP can say it: whole seconds."""
    return _second(entry.modified // 1000)


@lru_cache(maxsize=4096)
def _second(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def moment(milliseconds: int) -> datetime:
    """A time of the store as documents show it: aware UTC, with milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _failed(conditions: Conditions, entry: Entry) -> str | None:
    """The header that forbids the read, or ``None``."""
    if conditions.if_match is not None:
        return None if _names(_strong(conditions.if_match), entry) else "If-Match"
    since = conditions.if_unmodified_since
    return "If-Unmodified-Since" if since and modified(entry) > since else None


def _unchanged(conditions: Conditions, entry: Entry, now: datetime) -> str | None:
    """The header that says the caller has the object already, or ``None``."""
    if conditions.if_none_match is not None:
        return "If-None-Match" if _names(_weak(conditions.if_none_match), entry) else None
    since = conditions.if_modified_since
    return "If-Modified-Since" if since and modified(entry) <= since <= now else None


def _names(etags: tuple[str, ...], entry: Entry) -> bool:
    return "*" in etags or entry.etag in etags


def _weak(text: str) -> tuple[str, ...]:
    """``W/"a", "b", c`` -> a, b, c. Clients send ETags without quotes too; S3 takes them."""
    return tuple(tag.strip().removeprefix("W/").strip('"') for tag in text.split(","))


def _strong(text: str) -> tuple[str, ...]:
    """As ``_weak``, but a weak ETag equals nothing (RFC 9110 13.1.1): it stays marked."""
    return tuple(tag.strip().strip('"') for tag in text.split(","))
