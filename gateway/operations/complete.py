"""CompleteMultipartUpload: parts become an object."""

import asyncio
import dataclasses
import hashlib
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated

from msgspec.structs import replace

from gateway import checksums, conditions
from gateway.addressing import uri
from gateway.compat import Compat
from gateway.config import Config
from gateway.encryption.members import CidOf, CustomerKey, Encrypted
from gateway.encryption.object_keys import cid_of, said, upload_key
from gateway.encryption.opening import shown, with_stored
from gateway.errors import (
    BadDigest,
    EntityTooLarge,
    EntityTooSmall,
    InvalidPart,
    InvalidPartOrder,
    InvalidRequest,
    MalformedXML,
)
from gateway.lifecycle.fates import expiration
from gateway.naming import key_bytes, quote_etag, unquote_etag
from gateway.operation import Call
from gateway.operations.members import (
    MAX_PARTS,
    ChecksumElements,
    ChecksumHeaders,
    check_part_number,
    checksum_members,
    given_checksums,
    xml_key,
)
from gateway.operations.multipart import known, mismatch
from gateway.operations.named_version import made
from gateway.operations.ownership import owner_of_upload
from gateway.replication.marking import marked
from gateway.wire.shape import Header, Label, Payload, Query, Shape, Xml
from store import cid
from store import errors as store_errors
from store.records import Attributes, Entry, Expect, Part, Upload

MIN_PART_BYTES = 5 * 1024 * 1024
"""Of every part but the last. https://docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html"""

READ_AT_ONCE = 200
"""Parts; about 0.7 ms."""


class CompletedPart(ChecksumElements):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompletedPart.html"""

    etag: Annotated[str, Xml("ETag")]
    part_number: int


class CompletedMultipartUpload(Shape, root="CompleteMultipartUpload"):
    parts: Annotated[tuple[CompletedPart, ...], Xml("Part")] = ()


class CompleteMultipartUploadInput(ChecksumHeaders, CustomerKey):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    upload_id: Annotated[str, Query("uploadId")]
    multipart_upload: Annotated[CompletedMultipartUpload, Payload()]
    checksum_type: Annotated[str | None, Header("x-amz-checksum-type")] = None
    mpu_object_size: Annotated[int | None, Header("x-amz-mp-object-size")] = None
    if_match: Annotated[str | None, Header("If-Match")] = None
    if_none_match: Annotated[str | None, Header("If-None-Match")] = None


class CompleteMultipartUploadOutput(
    ChecksumElements, Encrypted, CidOf, root="CompleteMultipartUploadResult"
):
    cid: Annotated[str | None, Header("Cid")] = None
    expiration: Annotated[str | None, Header("x-amz-expiration")] = None
    version_id: Annotated[str | None, Header("x-amz-version-id")] = None
    location: str
    bucket: str
    key: str | None
    etag: Annotated[str, Xml("ETag")]
    checksum_type: str | None = None


async def complete_multipart_upload(
    call: Call, ask: CompleteMultipartUploadInput
) -> CompleteMultipartUploadOutput:
    """Make one object of the parts named, in that order; parts not named are dropped.

    Asked again after it succeeded (the answer was lost on the way), it answers the same again.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html

    Raises ``NoSuchUpload``, ``MalformedXML``, ``InvalidPartOrder``, ``InvalidPart``,
    ``EntityTooSmall``, ``EntityTooLarge``, ``InvalidRequest``, ``BadDigest`` and as
    ``Store.complete_upload``.
    """
    expect = conditions.expect(ask.if_match, ask.if_none_match)
    upload = known(call, ask.key, ask.upload_id)
    if call.config.differences.part_named_twice_counts_once:
        ask = _each_once(ask)
    _check_order(ask.multipart_upload.parts)
    if upload.completed_etag is None:
        try:
            entry = await _joined(call, ask, upload, expect)
        except (InvalidPart, store_errors.NoSuchUpload):
            # Two clients, or a client and its retry, complete at once: the later one, whose parts
            # are gone, is a repeat.
            upload = known(call, ask.key, ask.upload_id)
            if upload.completed_etag is None:
                raise
        else:
            return _answer(call, ask, entry.etag, entry)
    return _again(call, ask, str(upload.completed_etag))


async def _joined(
    call: Call, ask: CompleteMultipartUploadInput, upload: Upload, expect: Expect
) -> Entry:
    await upload_key(call, upload, ask)
    uploaded = await _uploaded(call, upload)
    # For 10,000 parts this takes tens of milliseconds.
    parts, kept = await asyncio.to_thread(_judged, ask, upload, uploaded, call.config)
    try:
        return await call.store.complete_upload(
            upload,
            parts,
            owner=owner_of_upload(call.bucket, upload),
            etag=_etag(parts),
            attributes=marked(call, ask.key, kept),
            expect=expect,
            size=sum(part.size for part in parts),
        )
    except store_errors.PartChanged as error:
        raise InvalidPart(UploadId=upload.id, PartNumber=error.number) from error


async def _uploaded(call: Call, upload: Upload) -> list[Part]:
    """All parts, read in runs so that the loop is never held for long.

    They may change in between: the store compares them once more when it commits.
    """
    parts: list[Part] = []
    while True:
        after = parts[-1].number if parts else 0
        run = call.store.upload_parts(upload, after=after, limit=READ_AT_ONCE)
        parts += run if upload.attributes.encryption is None else map(shown, run)
        if len(run) < READ_AT_ONCE:
            return parts
        await asyncio.sleep(0)


def _judged(
    ask: CompleteMultipartUploadInput, upload: Upload, uploaded: list[Part], config: Config
) -> tuple[list[Part], Attributes]:
    """The parts to join and the attributes of what they become."""
    parts = _chosen(ask.multipart_upload.parts, upload, uploaded, config.differences)
    _check_sizes(ask, parts, config.max_object_bytes)
    return parts, with_stored(_checksummed(ask, upload, parts), parts)


def _answer(
    call: Call, ask: CompleteMultipartUploadInput, etag: str, entry: Entry | None
) -> CompleteMultipartUploadOutput:
    kept = entry.attributes if entry else Attributes()
    return CompleteMultipartUploadOutput(
        cid=cid.text(entry.cid) if entry else None,
        expiration=expiration(call.bucket.config, entry) if entry else None,
        version_id=made(entry) if entry else None,
        cid_of=cid_of(kept.encryption),
        location=uri(call.request, ask.key),
        bucket=ask.bucket,
        key=xml_key(ask.key),
        etag=quote_etag(etag),
        checksum_type=kept.checksum_type,
        **checksum_members(kept.checksums),
        **said(kept.encryption, ask),
    )


def _again(
    call: Call, ask: CompleteMultipartUploadInput, etag: str
) -> CompleteMultipartUploadOutput:
    """The answer to a repeated Complete. The object may have been replaced in the meantime."""
    entry = call.store.entry(call.bucket, key_bytes(ask.key))
    return _answer(call, ask, etag, entry if entry and entry.etag == etag else None)


def _check_order(named: Sequence[CompletedPart]) -> None:
    if not 1 <= len(named) <= MAX_PARTS:
        raise MalformedXML
    for part in named:
        check_part_number(part.part_number)
    numbers = [part.part_number for part in named]
    if any(one >= other for one, other in pairwise(numbers)):
        raise InvalidPartOrder


def _each_once(ask: CompleteMultipartUploadInput) -> CompleteMultipartUploadInput:
    """Of several lines in a row with one number, the last."""
    named = ask.multipart_upload.parts
    kept = [one for one, after in pairwise(named) if one.part_number != after.part_number]
    parts = (*kept, *named[-1:])
    return dataclasses.replace(ask, multipart_upload=CompletedMultipartUpload(parts=parts))


def _chosen(
    named: Sequence[CompletedPart],
    upload: Upload,
    uploaded: Sequence[Part],
    differences: Compat,
) -> list[Part]:
    """The uploaded parts that are named, each with the ETag and checksums that are named."""
    needed = None
    if upload.checksum_type == checksums.COMPOSITE and not differences.parts_need_no_checksums:
        needed = upload.checksum_algorithm
    by_number = {part.number: part for part in uploaded}
    chosen = []
    for wanted in named:
        part = by_number.get(wanted.part_number)
        sums = given_checksums(wanted)
        if (
            part is None
            or part.etag != unquote_etag(wanted.etag)
            or any(part.checksums.get(name, text) != text for name, text in sums.items())
        ):
            raise InvalidPart(
                UploadId=upload.id, PartNumber=wanted.part_number, ETag=unquote_etag(wanted.etag)
            )
        if needed is not None and needed not in sums:
            raise InvalidRequest(
                f"The upload was created using a {needed.lower()} checksum. "
                "The complete request must include the checksum for each part. "
                "It was missing for part {wanted.part_number} in the request."
            )
        chosen.append(part)
    return chosen


def _check_sizes(ask: CompleteMultipartUploadInput, parts: list[Part], most: int) -> None:
    for part in parts[:-1]:
        if part.size < MIN_PART_BYTES:
            raise EntityTooSmall(
                ProposedSize=part.size,
                MinSizeAllowed=MIN_PART_BYTES,
                PartNumber=part.number,
                ETag=part.etag,
            )
    size = sum(part.size for part in parts)
    if size > most:
        raise EntityTooLarge(ProposedSize=size, MaxSizeAllowed=most)
    if ask.mpu_object_size is not None and ask.mpu_object_size != size:
        raise InvalidRequest(
            f"The provided 'x-amz-mp-object-size' header value {ask.mpu_object_size} "
            f"does not match what was computed: {size}"
        )


def _checksummed(
    ask: CompleteMultipartUploadInput, upload: Upload, parts: list[Part]
) -> Attributes:
    """The upload's attributes with the checksum of the whole, compared with the one given."""
    algorithm = upload.checksum_algorithm or checksums.DEFAULT
    kind = upload.checksum_type or checksums.FULL_OBJECT
    if ask.checksum_type is not None and ask.checksum_type != kind:
        raise InvalidRequest(
            f"The upload was created using the {kind} checksum mode. "
            "The complete request must use the same checksum mode."
        )
    runs = [(part.checksums[algorithm], part.size) for part in parts]
    if kind == checksums.COMPOSITE:
        text = checksums.composite(algorithm, [one for one, _ in runs])
    else:
        text = checksums.full_object(algorithm, runs)
    for name, given in given_checksums(ask).items():
        if name != algorithm:
            raise mismatch(algorithm, name)
        if given not in (text, text.partition("-")[0]):
            raise BadDigest(f"The {name.lower()} you specified did not match what we received.")
    return replace(upload.attributes, checksums={algorithm: text}, checksum_type=kind)


def _etag(parts: list[Part]) -> str:
    """MD5 of the parts' MD5s, and how many: clients compute the same and compare."""
    joined = b"".join(bytes.fromhex(part.etag) for part in parts)
    return f"{hashlib.md5(joined, usedforsecurity=False).hexdigest()}-{len(parts)}"
