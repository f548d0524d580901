"""What a read means and what it says: the entry, the span of its bytes, the answer's headers.

GetObject and HeadObject differ only in sending the bytes, so all they share is here.
"""

from collections.abc import Sequence
from datetime import datetime
from operator import attrgetter
from typing import Annotated, Any, NamedTuple

from gateway import conditions, ranges
from gateway.compat import Compat
from gateway.conditions import Conditions
from gateway.encryption import opening
from gateway.encryption.members import CustomerKey
from gateway.encryption.object_keys import readable
from gateway.errors import (
    InvalidArgument,
    InvalidPart,
    InvalidPartNumber,
    InvalidRequest,
)
from gateway.lifecycle.configuration import CONFIG
from gateway.lifecycle.fates import expiration
from gateway.operation import Call
from gateway.operations import locks
from gateway.operations.members import check_part_number, checksum_members, description
from gateway.operations.named_version import current, shown
from gateway.ranges import Span
from gateway.wire.shape import Header, Label, Query
from store.records import Entry, ObjectPart

OVERRIDABLE = (
    "cache_control",
    "content_disposition",
    "content_encoding",
    "content_language",
    "content_type",
    "expires",
)


_given = attrgetter(*[f"response_{member}" for member in OVERRIDABLE])


class ReadInput(CustomerKey):
    """The questions GetObject and HeadObject share."""

    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    if_match: Annotated[str | None, Header("If-Match")] = None
    if_modified_since: Annotated[datetime | None, Header("If-Modified-Since")] = None
    if_none_match: Annotated[str | None, Header("If-None-Match")] = None
    if_unmodified_since: Annotated[datetime | None, Header("If-Unmodified-Since")] = None
    range: Annotated[str | None, Header("Range")] = None
    response_cache_control: Annotated[str | None, Query("response-cache-control")] = None
    response_content_disposition: Annotated[str | None, Query("response-content-disposition")] = (
        None
    )
    response_content_encoding: Annotated[str | None, Query("response-content-encoding")] = None
    response_content_language: Annotated[str | None, Query("response-content-language")] = None
    response_content_type: Annotated[str | None, Query("response-content-type")] = None
    response_expires: Annotated[str | None, Query("response-expires")] = None
    version_id: Annotated[str | None, Query("versionId")] = None
    part_number: Annotated[int | None, Query("partNumber")] = None
    checksum_mode: Annotated[str | None, Header("x-amz-checksum-mode")] = None


class View(NamedTuple):
    """One read, decided."""

    entry: Entry
    span: Span
    said: dict[str, Any]
    """The answer's members by name, status included, body excluded."""


def view(call: Call, ask: ReadInput) -> View:
    """Decide a read: which object, whether at all, which bytes.

    Raises as ``current`` and ``readable``, ``PreconditionFailed``, ``NotModified``,
    ``InvalidRange``, ``InvalidPartNumber``, ``InvalidRequest``, ``InvalidArgument``.
    """
    overrides = _overrides(call, ask)
    entry = current(call, ask.key, ask.version_id)
    parts: Sequence[ObjectPart] = ()
    span = None
    if ask.part_number is not None:
        parts = opening.parts(call, entry)
        span = _part(ask, ask.part_number, entry, parts, call.config.differences)
    encrypted = readable(call, entry, ask)
    wanted = Conditions(
        ask.if_match, ask.if_none_match, ask.if_modified_since, ask.if_unmodified_since
    )
    conditions.check_read(wanted, entry, call.now)
    said = description(entry, call.config) | encrypted | overrides
    sums = entry.attributes.checksums
    if ask.part_number is None:
        span = ranges.requested(ask.range, entry.size)
        # A checksum of the whole would make a client reject the piece it got.
        sums = sums if span is None else {}
    elif parts:
        said["parts_count"] = len(parts)
        sums = parts[ask.part_number - 1].checksums
    said["version_id"] = shown(call.bucket, entry)
    if CONFIG in call.bucket.config and ask.version_id is None:
        said["expiration"] = expiration(call.bucket.config, entry)
    said["status"] = 200
    if span is not None and span.length:
        said["status"] = 206
        said["content_range"] = span.content_range(entry.size)
    if entry.attributes.tags and call.caller.id == call.bucket.owner:
        said["tag_count"] = len(entry.attributes.tags)  # AWS: for who may read the tags
    if entry.attributes.lock is not None:
        said |= locks.shown(call, entry.attributes.lock, ask)
    span = span or Span(0, entry.size)
    said["content_length"] = span.length
    if sums and (ask.checksum_mode or "").upper() == "ENABLED":
        said |= checksum_members(sums)
        said["checksum_type"] = entry.attributes.checksum_type
    return View(entry, span, said)


def _part(
    ask: ReadInput,
    number: int,
    entry: Entry,
    parts: Sequence[ObjectPart],
    differences: Compat,
) -> Span:
    """The bytes of the ``number``-th part; an object that was put whole has one.

    Parts count by position, so that 1 to x-amz-mp-parts-count reads every byte even when the
    numbers they were uploaded under had gaps.
    """
    if ask.range is not None:
        raise InvalidRequest("Cannot specify both Range header and partNumber query parameter")
    check_part_number(number)
    count = max(len(parts), 1)
    if number > count:
        refusal = (
            InvalidPart if differences.part_beyond_count_is_invalid_part else InvalidPartNumber
        )
        raise refusal(ActualPartCount=count, PartNumberRequested=number)
    if not parts:
        return Span(0, entry.size)
    return Span(sum(part.size for part in parts[: number - 1]), parts[number - 1].size)


def _overrides(call: Call, ask: ReadInput) -> dict[str, str]:
    """What response-* parameters put in the place of stored headers.

    They can make a browser do anything with the answer, so only who signs may use them, and
    nothing that would end the header line passes.
    """
    given = {
        member: value
        for member, value in zip(OVERRIDABLE, _given(ask), strict=True)
        if value is not None
    }
    if given and call.caller.access_key is None:
        raise InvalidRequest(
            "Request specific response headers cannot be used for anonymous GET requests."
        )
    for member, value in given.items():
        if not value.isprintable():
            raise InvalidArgument(
                ArgumentName=f"response-{member.replace('_', '-')}", ArgumentValue=value
            )
    return given
