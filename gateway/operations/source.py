"""The source of a copy: the header that names it, the right to read it, the conditions on it."""

import re
from datetime import datetime
from typing import Annotated, NamedTuple
from urllib.parse import unquote_to_bytes

from gateway import bucket_payment, conditions
from gateway.access import Needs
from gateway.conditions import Conditions
from gateway.encryption.customer import source_key
from gateway.encryption.members import SourceCustomerKey
from gateway.encryption.object_keys import check_customer
from gateway.errors import AccessDenied, InvalidArgument, InvalidRequest, NoSuchBucket
from gateway.naming import is_owner
from gateway.operation import Call, entry_of
from gateway.operations.named_version import absent, made
from gateway.operations.named_version import named as version
from gateway.wire.shape import Header
from store.records import DeleteMarker, Entry

_HEADER = re.compile(r"/?([^/]+)/(.+)", re.DOTALL)


class Source(SourceCustomerKey):
    """The headers of CopyObject and UploadPartCopy that are about the source."""

    copy_source: Annotated[str, Header("x-amz-copy-source")]
    copy_source_if_match: Annotated[str | None, Header("x-amz-copy-source-if-match")] = None
    copy_source_if_modified_since: Annotated[
        datetime | None, Header("x-amz-copy-source-if-modified-since")
    ] = None
    copy_source_if_none_match: Annotated[str | None, Header("x-amz-copy-source-if-none-match")] = (
        None
    )
    copy_source_if_unmodified_since: Annotated[
        datetime | None, Header("x-amz-copy-source-if-unmodified-since")
    ] = None
    expected_source_bucket_owner: Annotated[
        str | None, Header("x-amz-source-expected-bucket-owner")
    ] = None


class Named(NamedTuple):
    """What x-amz-copy-source says, decoded."""

    bucket: str
    key: str
    version_id: str | None


def named(header: str) -> Named:
    """``/b/a%20b%3F?versionId=null`` -> b, ``a b?``, null.

    Decoded once, after the version is split off at the literal question mark. A plus is a space
    here, unlike in a path: AWS reads the header so, and rclone and others escape a plus for it.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CopyObject.html#AmazonS3-CopyObject-request-header-CopySource

    Raises ``InvalidArgument``.
    """
    path, _, query = header.partition("?")
    match = _HEADER.fullmatch(_decoded(path, header))
    if match is None:
        raise _malformed(
            "Copy Source must mention the source bucket and key: sourcebucket/sourcekey", header
        )
    name, equals, version_id = query.partition("=")
    if query and (name, equals) != ("versionId", "="):
        raise _malformed("Copy Source may be followed by ?versionId= only", header)
    return Named(match[1], match[2], _decoded(version_id, header) if query else None)


def readable(call: Call, ask: Source) -> Entry:
    """The entry to copy from, once the caller may read it and the conditions hold.

    Raises ``InvalidArgument``, ``NoSuchBucket``, ``AccessDenied`` (before anything tells whether
    the key exists), ``NoSuchVersion``, ``NoSuchKey``, ``InvalidRequest`` (a delete
    marker is no source), ``PreconditionFailed``, and as ``source_key`` and ``check_customer``.
    """
    wanted = named(ask.copy_source)
    bucket = call.store.bucket(wanted.bucket)
    if bucket is None:
        raise NoSuchBucket(BucketName=wanted.bucket)
    entry = entry_of(call.store, bucket, wanted.key, wanted.version_id)
    action = "s3:GetObject" if wanted.version_id is None else "s3:GetObjectVersion"
    if bucket_payment.CONFIG in bucket.config:
        bucket_payment.requester_pays(bucket, call.caller, call.request)
    call.allow(Needs.GET, bucket, action, key=wanted.key, entry=entry, version=wanted.version_id)
    if not is_owner(bucket.owner, ask.expected_source_bucket_owner):
        raise AccessDenied
    if wanted.version_id is not None:
        found = version(call, bucket, wanted.key, wanted.version_id)
        if isinstance(found, DeleteMarker):
            raise InvalidRequest(
                "The source of a copy request may not specifically refer to a delete marker by "
                "version id."
            )
        entry = found
    if entry is None:
        raise absent(call, bucket, wanted.key)
    on_source = Conditions(
        ask.copy_source_if_match,
        ask.copy_source_if_none_match,
        ask.copy_source_if_modified_since,
        ask.copy_source_if_unmodified_since,
    )
    check_customer(call, entry.bucket, entry.attributes.encryption, source_key(call, ask))
    conditions.check_source(on_source, entry, call.now)
    return entry


def copied(ask: Source, source: Entry) -> str | None:
    """How the answer names the version that was copied."""
    asked = named(ask.copy_source).version_id is not None
    return source.version if asked else made(source)


def _decoded(text: str, header: str) -> str:
    try:
        return unquote_to_bytes(text.replace("+", " ").encode("latin-1")).decode()
    except UnicodeError:
        raise _malformed("Copy Source is not valid UTF-8", header) from None


def _malformed(text: str, header: str) -> InvalidArgument:
    return InvalidArgument(text, ArgumentName="x-amz-copy-source", ArgumentValue=header)
