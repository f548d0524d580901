"""What is said about a change: AWS's event record, version 2.1. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
"""

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote_plus

from msgspec import Struct

from gateway.naming import canonical_id
from store import version_id
from store.changes import (
    Change,
    CompleteUpload,
    DropEntry,
    DropVersion,
    PutEntry,
    PutMarker,
    SetAttributes,
)
from store.records import ENABLED, Bucket

_CREATED = {"PostObject": "Post", "CopyObject": "Copy", "RenameObject": "Copy"}
LIFECYCLE = "Lifecycle"
"""Stands for the operation where a lifecycle rule acts."""
_CHANGED = {
    LIFECYCLE: "LifecycleTransition",
    "PutObjectTagging": "ObjectTagging:Put",
    "DeleteObjectTagging": "ObjectTagging:Delete",
    "PutObjectAcl": "ObjectAcl:Put",
}
TRIAL = b'{"Service":"Amazon S3","Event":"s3:TestEvent"'


class Origin(Struct, frozen=True):
    """Whose request it was."""

    operation: str
    caller: str
    """Access key id; empty when anonymous."""
    peer: str
    request_id: str
    now: datetime


class Happened(Struct, frozen=True):
    """One change of an object, as events name it."""

    event: str
    """``ObjectCreated:Put``"""
    key: str
    lsn: int
    size: int | None = None
    etag: str | None = None
    version: str | None = None


def happened(operation: str, lsn: int, change: Change) -> Happened | None:
    """``None`` for what is no event. ``operation``: its name in AWS's model."""
    removed = "LifecycleExpiration" if operation == LIFECYCLE else "ObjectRemoved"
    match change:
        case PutEntry():
            return _made(f"ObjectCreated:{_CREATED.get(operation, 'Put')}", lsn, change)
        case CompleteUpload():
            return _made("ObjectCreated:CompleteMultipartUpload", lsn, change.entry)
        case DropEntry():
            return Happened(f"{removed}:Delete", _text(change.key), lsn)
        case DropVersion():
            version = version_id.encode(change.version)
            return Happened(f"{removed}:Delete", _text(change.key), lsn, version=version)
        case PutMarker():
            version = version_id.encode(lsn if change.versioning == ENABLED else 0)
            event = f"{removed}:DeleteMarkerCreated"
            return Happened(event, _text(change.key), lsn, version=version)
        case SetAttributes() if operation in _CHANGED:
            number = change.version
            earlier = None if number is None else version_id.encode(number)
            return Happened(_CHANGED[operation], _text(change.key), lsn, version=earlier)
    return None


def _made(event: str, lsn: int, entry: PutEntry) -> Happened:
    version = version_id.encode(lsn) if entry.versioning == ENABLED else None
    return Happened(event, _text(entry.key), lsn, entry.size, entry.etag, version)


def _text(key: bytes) -> str:
    return key.decode("utf-8", "surrogateescape")


def record(told: Happened, bucket: Bucket, origin: Origin, *, id: str, region: str) -> bytes:
    """One element of ``Records``. ``id``: of the configuration that wants it."""
    thing: dict[str, Any] = {
        "key": quote_plus(told.key, safe="/", errors="surrogateescape"),
        "size": told.size,
        "eTag": told.etag,
        "versionId": told.version,
        "sequencer": f"{told.lsn:016X}",
    }
    return _json(
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": region,
            "eventTime": _time(origin.now),
            "eventName": told.event,
            "userIdentity": {"principalId": canonical_id(origin.caller)},
            "requestParameters": {"sourceIPAddress": origin.peer},
            "responseElements": {
                "x-amz-request-id": origin.request_id,
                "x-amz-id-2": origin.request_id,
            },
            "s3": {
                "s3SchemaVersion": "1.0",
                "configurationId": id,
                "bucket": {
                    "name": bucket.name,
                    "ownerIdentity": {"principalId": canonical_id(bucket.owner)},
                    "arn": f"arn:aws:s3:::{bucket.name}",
                },
                "object": {name: value for name, value in thing.items() if value is not None},
            },
        }
    )


def trial(bucket: Bucket, origin: Origin) -> bytes:
    """What a receiver gets when it is configured; begins with ``TRIAL``."""
    return _json(
        {
            "Service": "Amazon S3",
            "Event": "s3:TestEvent",
            "Time": _time(origin.now),
            "Bucket": bucket.name,
            "RequestId": origin.request_id,
            "HostId": origin.request_id,
        }
    )


def _time(moment: datetime) -> str:
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return f"{text.removesuffix('+00:00')}Z"


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()
