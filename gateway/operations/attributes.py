"""GetObjectAttributes: what is known about an object, as a document, only what was asked for."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from gateway import checksums, conditions
from gateway.compat import Compat
from gateway.encryption import opening
from gateway.encryption.members import CidOf, CustomerKey
from gateway.encryption.object_keys import cid_of, readable
from gateway.operation import Call
from gateway.operations.members import STANDARD, ChecksumElements, checksum_members
from gateway.operations.named_version import current, shown
from gateway.wire.shape import Header, Label, Query, Shape, Xml
from store import cid
from store.records import Entry, ObjectPart

MAX_PARTS_SHOWN = 1000


class ObjectAttribute(StrEnum):
    ETAG = "ETag"
    CHECKSUM = "Checksum"
    OBJECT_PARTS = "ObjectParts"
    STORAGE_CLASS = "StorageClass"
    OBJECT_SIZE = "ObjectSize"


class GetObjectAttributesInput(CustomerKey):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    object_attributes: Annotated[tuple[ObjectAttribute, ...], Header("x-amz-object-attributes")]
    version_id: Annotated[str | None, Query("versionId")] = None
    max_parts: Annotated[int, Header("x-amz-max-parts")] = MAX_PARTS_SHOWN
    part_number_marker: Annotated[int, Header("x-amz-part-number-marker")] = 0


class Checksum(ChecksumElements):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Checksum.html"""

    checksum_type: str | None = None


class AttributesPart(ChecksumElements):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ObjectPart.html"""

    part_number: int
    size: int


class ObjectParts(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributesParts.html"""

    total_parts_count: Annotated[int, Xml("PartsCount")]
    part_number_marker: int | None = None
    next_part_number_marker: int | None = None
    max_parts: int | None = None
    is_truncated: bool | None = None
    parts: Annotated[tuple[AttributesPart, ...], Xml("Part")] = ()


class GetObjectAttributesOutput(CidOf, root="GetObjectAttributesResponse"):
    last_modified: Annotated[datetime, Header("Last-Modified")]
    cid: Annotated[str, Header("Cid")]
    version_id: Annotated[str | None, Header("x-amz-version-id")] = None
    etag: Annotated[str | None, Xml("ETag")] = None
    checksum: Checksum | None = None
    object_parts: ObjectParts | None = None
    storage_class: str | None = None
    object_size: int | None = None


async def get_object_attributes(
    call: Call, ask: GetObjectAttributesInput
) -> GetObjectAttributesOutput:
    """The attributes named in the header. The ETag comes without quotes.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html

    Raises as ``current`` and ``readable``.
    """
    wanted = frozenset(ask.object_attributes)
    entry = current(call, ask.key, ask.version_id)
    readable(call, entry, ask)
    kept = entry.attributes
    storage_class = kept.headers.get("x-amz-storage-class", STANDARD)
    checksum = (
        Checksum(checksum_type=kept.checksum_type, **checksum_members(kept.checksums))
        if kept.checksums
        else None
    )
    return GetObjectAttributesOutput(
        last_modified=conditions.modified(entry),
        cid=cid.text(entry.cid),
        version_id=shown(call.bucket, entry),
        cid_of=cid_of(kept.encryption),
        etag=entry.etag if ObjectAttribute.ETAG in wanted else None,
        checksum=checksum if ObjectAttribute.CHECKSUM in wanted else None,
        object_parts=(
            _parts(entry, opening.parts(call, entry), ask, call.config.differences)
            if ObjectAttribute.OBJECT_PARTS in wanted and entry.parts_count
            else None
        ),
        storage_class=storage_class if ObjectAttribute.STORAGE_CLASS in wanted else None,
        object_size=entry.size if ObjectAttribute.OBJECT_SIZE in wanted else None,
    )


def _parts(
    entry: Entry,
    parts: Sequence[ObjectPart],
    ask: GetObjectAttributesInput,
    differences: Compat,
) -> ObjectParts:
    """One page of the parts, when each has a checksum that counts; else only how many there are."""
    counts = entry.attributes.checksum_type == checksums.COMPOSITE
    if not counts and not differences.all_parts_are_listed:
        return ObjectParts(total_parts_count=len(parts))
    limit = min(ask.max_parts, MAX_PARTS_SHOWN)
    later = [part for part in parts if part.number > ask.part_number_marker]
    shown = tuple(
        AttributesPart(part_number=part.number, size=part.size, **checksum_members(part.checksums))
        for part in later[:limit]
    )
    return ObjectParts(
        total_parts_count=len(parts),
        part_number_marker=ask.part_number_marker,
        next_part_number_marker=shown[-1].part_number if shown else 0,
        max_parts=limit,
        is_truncated=len(later) > len(shown),
        parts=shown,
    )
