"""Multipart uploads while they are in progress: create, upload a part, abort.

``complete`` ends them, ``uploads`` lists them, ``copy`` makes parts of other objects.
"""

from typing import Annotated

from msgspec.structs import replace

from gateway import checksums
from gateway.auth.body import GuardedBody
from gateway.encryption.choice import chosen
from gateway.encryption.members import CustomerKey, Encrypted, EncryptedInContext, Encrypting
from gateway.encryption.object_keys import said, upload_key
from gateway.encryption.sealing import stage
from gateway.errors import InvalidRequest, NoSuchUpload
from gateway.naming import key_bytes, quote_etag
from gateway.operation import Call
from gateway.operations import locks
from gateway.operations.lifecycle import AbortHeaders, abort_headers
from gateway.operations.members import (
    ChecksumHeaders,
    Content,
    attributes,
    check_algorithm,
    check_part_number,
    checksum_members,
    xml_key,
)
from gateway.operations.ownership import object_acl
from gateway.operations.tagging import may_tag
from gateway.wire.shape import Header, Label, Payload, Query, Shape
from store.records import Part, Staged, Upload


class CreateMultipartUploadInput(Content, Encrypting):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    checksum_algorithm: Annotated[str | None, Header("x-amz-checksum-algorithm")] = None
    checksum_type: Annotated[str | None, Header("x-amz-checksum-type")] = None


class CreateMultipartUploadOutput(
    AbortHeaders, EncryptedInContext, root="InitiateMultipartUploadResult"
):
    checksum_algorithm: Annotated[str | None, Header("x-amz-checksum-algorithm")] = None
    checksum_type: Annotated[str | None, Header("x-amz-checksum-type")] = None
    bucket: str
    key: str | None
    upload_id: str


class UploadPartInput(CustomerKey):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    body: Annotated[GuardedBody, Payload()]
    part_number: Annotated[int, Query("partNumber")]
    upload_id: Annotated[str, Query("uploadId")]


class UploadPartOutput(ChecksumHeaders, Encrypted):
    etag: Annotated[str, Header("ETag")]


class AbortMultipartUploadInput(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    upload_id: Annotated[str, Query("uploadId")]


class AbortMultipartUploadOutput(Shape):
    pass


async def create_multipart_upload(
    call: Call, ask: CreateMultipartUploadInput
) -> CreateMultipartUploadOutput:
    """Begin an upload; all that is said about the object is said here.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateMultipartUpload.html

    Raises ``InvalidRequest`` (a checksum that AWS does not combine so), as ``attributes``,
    ``locks.of_new`` and ``chosen``.
    """
    acl = object_acl(call, ask.acl)
    may_tag(call, ask.tagging)
    lock = locks.of_new(call, ask)
    kind = _checksum_type(ask.checksum_algorithm, ask.checksum_type)
    key = await chosen(call, ask)
    encryption = key.record if key else None
    upload = await call.store.create_upload(
        call.bucket,
        key_bytes(ask.key),
        owner=call.caller.id,
        attributes=replace(attributes(ask, acl, call.config), encryption=encryption, lock=lock),
        checksum_algorithm=ask.checksum_algorithm,
        checksum_type=kind,
    )
    return CreateMultipartUploadOutput(
        checksum_algorithm=upload.checksum_algorithm,
        checksum_type=upload.checksum_type,
        bucket=ask.bucket,
        key=xml_key(ask.key),
        upload_id=upload.id,
        **abort_headers(call, upload),
        **said(encryption, ask, context=True),
    )


async def upload_part(call: Call, ask: UploadPartInput) -> UploadPartOutput:
    """Store one part; the same number again replaces it. Sizes are judged by Complete.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html

    Raises ``InvalidArgument``, ``NoSuchUpload``, ``InvalidRequest`` (another checksum algorithm
    than the upload's), ``MissingContentLength``, ``EntityTooLarge``, what the body raises, and as
    ``upload_key``.
    """
    check_part_number(ask.part_number)
    upload = running(call, ask.key, ask.upload_id)
    ask.body.limit(call.config.max_put_bytes)
    given = ask.body.checksum_algorithm
    expected = upload.checksum_algorithm
    if given is not None and expected is not None and given != expected:
        raise mismatch(expected, given)
    names = part_checksums(upload, given)
    for name in names:
        ask.body.also(name)
    key = await upload_key(call, upload, ask)
    staged, encryption = await stage(call, ask.body, key, ask.part_number)
    part = await put_part(call, upload, ask.part_number, staged, names)
    shown = given or expected or checksums.DEFAULT
    return UploadPartOutput(
        etag=quote_etag(part.etag),
        **checksum_members({shown: part.checksums[shown]}),
        **said(encryption, ask),
    )


async def abort_multipart_upload(
    call: Call, ask: AbortMultipartUploadInput
) -> AbortMultipartUploadOutput:
    """Drop an upload and its parts.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_AbortMultipartUpload.html

    Raises ``NoSuchUpload``.
    """
    await call.store.abort_upload(running(call, ask.key, ask.upload_id))
    return AbortMultipartUploadOutput()


def known(call: Call, key: str, upload_id: str) -> Upload:
    """An upload of this key, completed or not. Raises ``NoSuchUpload``."""
    upload = call.store.upload(call.bucket, key_bytes(key), upload_id)
    if upload is None:
        raise NoSuchUpload(UploadId=upload_id)
    return upload


def running(call: Call, key: str, upload_id: str) -> Upload:
    """An upload of this key that still takes parts. Raises ``NoSuchUpload``."""
    upload = known(call, key, upload_id)
    if upload.completed_etag is not None:
        raise NoSuchUpload(UploadId=upload_id)
    return upload


def mismatch(expected: str, given: str) -> InvalidRequest:
    """The error for a checksum of another algorithm than the upload's."""
    return InvalidRequest(
        "Checksum Type mismatch occurred, expected checksum Type: "
        f"{expected.lower()}, actual checksum Type: {given.lower()}"
    )


def part_checksums(upload: Upload, given: str | None = None) -> tuple[str, ...]:
    """The algorithms a part is hashed with: the upload's, else the default one and the client's.

    The default is always there, because Complete makes the object's checksum from the parts'.
    """
    if upload.checksum_algorithm is not None:
        return (upload.checksum_algorithm,)
    return (
        (checksums.DEFAULT,) if given in (None, checksums.DEFAULT) else (checksums.DEFAULT, given)
    )


async def put_part(
    call: Call, upload: Upload, number: int, staged: Staged, names: tuple[str, ...]
) -> Part:
    """Put staged bytes in their place in an upload. Raises ``store.errors.NoSuchUpload``."""
    sums = {name: checksums.text(name, staged.digests) for name in names}
    return await call.store.put_part(upload, number, staged, checksums=sums)


def _checksum_type(algorithm: str | None, kind: str | None) -> str | None:
    """How the parts' checksums become the object's.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
    """
    if algorithm is None:
        if kind is not None:
            raise InvalidRequest(
                "The x-amz-checksum-type header can only be used "
                "with the x-amz-checksum-algorithm header."
            )
        return None
    check_algorithm(algorithm)
    allowed = checksums.TYPES[algorithm]
    if kind is None:
        return allowed[0]
    if kind not in (checksums.COMPOSITE, checksums.FULL_OBJECT):
        raise InvalidRequest("Value for x-amz-checksum-type header is invalid.")
    if kind not in allowed:
        raise InvalidRequest(
            f"The {kind} checksum type cannot be used with the {algorithm.lower()} "
            "checksum algorithm."
        )
    return kind
