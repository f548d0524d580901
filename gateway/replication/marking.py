"""Which objects are to be copied: said in their attributes, and queued in the transaction.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-status.html
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, json
from msgspec.structs import replace

from gateway.access import Needs
from gateway.operation import Call
from gateway.replication.configuration import CONFIG, holds, target
from gateway.request import Request
from store import version_id
from store.changes import Change, CompleteUpload, PutEntry, PutMarker
from store.records import ENABLED, Attributes, Bucket
from store.store import Store

STATUS = "x-amz-replication-status"
"""Among the headers of an object; in a request it says that what it makes is a replica."""
PENDING, COMPLETED, FAILED, REPLICA = "PENDING", "COMPLETED", "FAILED", "REPLICA"
_READABLE = ("AES256",)


class Errand(Struct, frozen=True, omit_defaults=True):
    """What is to be done at the other end."""

    bucket: int
    name: str
    key: bytes
    version: str
    marker: bool = False
    storage_class: str | None = None


decode = json.Decoder(Errand).decode


def queue(bucket: str) -> str:
    """Of the errands to a bucket elsewhere."""
    return f"replication:{bucket}"


def marked(call: Call, key: str, kept: Attributes) -> Attributes:
    """The attributes of a new object, which say so when it is to be copied, or is a copy.

    Raises ``AccessDenied`` for a replica that comes from nobody who may send one.
    """
    if call.request.headers.get(STATUS) == REPLICA:
        call.allow(Needs.OWNER, call.bucket, "s3:ReplicateObject", key=key)
        return _said(kept, REPLICA)
    if CONFIG not in call.bucket.config or call.bucket.versioning != ENABLED:
        return kept
    if kept.encryption is not None and kept.encryption.kind not in _READABLE:
        return kept  # only its reader, or who may use its KMS key, can have the bytes
    return _said(kept, PENDING) if holds(call.bucket.config, key, kept.tags) else kept


def check_deletion(call: Call, key: str) -> None:
    """Raises ``AccessDenied`` for the deletion of a replica by who may not replicate it."""
    if call.request.headers.get(STATUS) == REPLICA:
        call.allow(Needs.OWNER, call.bucket, "s3:ReplicateDelete", key=key)


def _said(kept: Attributes, status: str) -> Attributes:
    return replace(kept, headers=kept.headers | {STATUS: status})


def replicating(store: Store, bucket: Bucket, request: Request) -> Store:
    """``store``, whose commits also queue what is to be copied of ``bucket``.

    Whether a request may call itself a replica's is for ``marked`` and ``check_deletion``, and
    nobody asks them about DeleteObjects, which no other end ever sends.
    """
    if request.key is not None and request.headers.get(STATUS) == REPLICA:
        return store

    def tell(lsn: int, changes: Sequence[Change]) -> Iterator[tuple[str, bytes]]:
        for number, change in enumerate(changes, lsn):
            errand, tags = _errand(number, change, bucket)
            if errand is None:
                continue
            rule = holds(bucket.config, errand.key.decode("utf-8", "surrogateescape"), tags)
            if rule is not None and (rule.markers or not errand.marker):
                wanted = replace(errand, storage_class=rule.destination.storage_class)
                yield queue(target(rule)), json.encode(wanted)

    return store.announcing(tell)


def _errand(lsn: int, change: Change, bucket: Bucket) -> tuple[Errand | None, Mapping[str, str]]:
    match change:
        case CompleteUpload():
            return _errand(lsn, change.entry, bucket)
        case PutEntry() if change.versioning == ENABLED:
            if change.attributes.headers.get(STATUS) == PENDING:
                version = version_id.encode(lsn)
                made = Errand(bucket.id, bucket.name, change.key, version)
                return made, change.attributes.tags
        case PutMarker() if change.versioning == ENABLED:
            made = Errand(bucket.id, bucket.name, change.key, version_id.encode(lsn), marker=True)
            return made, {}
    return None, {}
