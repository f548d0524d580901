"""RenameObject: another key for an object, in one step and without its bytes."""

from datetime import datetime
from typing import Annotated
from urllib.parse import unquote_to_bytes

from gateway import conditions
from gateway.access import Needs
from gateway.conditions import Conditions
from gateway.errors import (
    ConditionalRequestConflict,
    InvalidArgument,
    InvalidRequest,
    NoSuchKey,
    PreconditionFailed,
    S3NotImplemented,
)
from gateway.naming import key_bytes
from gateway.operation import Call
from gateway.operations.named_version import current
from gateway.wire.shape import Header, Label, Shape
from store import errors as store_errors
from store.records import Entry, Expect

_OF_SOURCE = "x-amz-rename-source"


class RenameObjectInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    rename_source: Annotated[str, Header(_OF_SOURCE)]
    destination_if_match: Annotated[str | None, Header("If-Match")] = None
    destination_if_none_match: Annotated[str | None, Header("If-None-Match")] = None
    destination_if_modified_since: Annotated[datetime | None, Header("If-Modified-Since")] = None
    destination_if_unmodified_since: Annotated[datetime | None, Header("If-Unmodified-Since")] = (
        None
    )
    source_if_match: Annotated[str | None, Header(f"{_OF_SOURCE}-if-match")] = None
    source_if_none_match: Annotated[str | None, Header(f"{_OF_SOURCE}-if-none-match")] = None
    source_if_modified_since: Annotated[
        datetime | None, Header(f"{_OF_SOURCE}-if-modified-since")
    ] = None
    source_if_unmodified_since: Annotated[
        datetime | None, Header(f"{_OF_SOURCE}-if-unmodified-since")
    ] = None
    client_token: Annotated[str | None, Header("x-amz-client-token")] = None


class RenameObjectOutput(Shape):
    """Nothing: 200."""


async def rename_object(call: Call, ask: RenameObjectInput) -> RenameObjectOutput:
    """Move an object of this bucket here; what was here is replaced, all else about it stays.

    AWS does it in directory buckets, which keep no versions, and here too a bucket must not: a
    version would have to be in two places. A client token is not kept, so that a repeat of a
    success is ``NoSuchKey``.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_RenameObject.html

    Raises ``InvalidArgument``, ``InvalidRequest`` (onto itself), ``AccessDenied``, ``NoSuchKey``,
    ``PreconditionFailed``, ``S3NotImplemented`` (the bucket has versions),
    ``ConditionalRequestConflict`` (the source was replaced meanwhile).
    """
    source = _source(call, ask)
    expect = _expected(call, ask)
    try:
        await call.store.rename(source, key_bytes(ask.key), expect=expect)
    except store_errors.KeepsVersions as error:
        raise S3NotImplemented("An object in a bucket with versions cannot be renamed.") from error
    except store_errors.NoSuchEntry as error:
        if call.store.entry(call.bucket, source.key) == source:
            raise NoSuchKey(Key=ask.key) from error
        raise ConditionalRequestConflict(Condition=_OF_SOURCE, Key=ask.key) from error
    return RenameObjectOutput()


def _source(call: Call, ask: RenameObjectInput) -> Entry:
    """What is to be renamed, once the caller may read and delete it."""
    try:
        key = unquote_to_bytes(ask.rename_source.encode("latin-1")).decode()
    except UnicodeError:
        key = ""
    if not key:
        raise InvalidArgument(ArgumentName=_OF_SOURCE, ArgumentValue=ask.rename_source)
    if key == ask.key:
        raise InvalidRequest("An object cannot be renamed to itself.")
    entry = call.store.entry(call.bucket, key_bytes(key))
    call.allow(Needs.GET, call.bucket, "s3:GetObject", key=key, entry=entry)
    call.allow(Needs.WRITE, call.bucket, "s3:DeleteObject", key=key)
    call.allow(Needs.WRITE, call.bucket, "s3:PutObject", key=ask.key)
    source = current(call, key)
    wanted = Conditions(
        ask.source_if_match,
        ask.source_if_none_match,
        ask.source_if_modified_since,
        ask.source_if_unmodified_since,
    )
    conditions.check_source(wanted, source, call.now, header=_OF_SOURCE)
    return source


def _expected(call: Call, ask: RenameObjectInput) -> Expect:
    """What must be here. Times are judged now, and hold while what they were judged on is here."""
    since, unchanged = ask.destination_if_modified_since, ask.destination_if_unmodified_since
    expect = conditions.expect(ask.destination_if_match, ask.destination_if_none_match)
    if since is None and unchanged is None:
        return expect
    there = call.store.entry(call.bucket, key_bytes(ask.key))
    if there is None:
        raise NoSuchKey(Key=ask.key)
    changed = conditions.modified(there)
    if (since and changed <= since) or (unchanged and changed > unchanged):
        raise PreconditionFailed(Condition="If-Modified-Since" if since else "If-Unmodified-Since")
    return Expect(expect.etags or (there.etag,), expect.not_etags, modified=there.modified // 1000)
