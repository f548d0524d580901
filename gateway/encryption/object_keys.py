"""The keys of objects: wrapped as they are kept, and opened for who may read.

Each object has a random key of its own. It is wrapped by one derived from the master key (SSE-S3),
by a KMS key, or by the client's; the bucket and all that is said of the key are bound in.
"""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from gateway.encryption.customer import ALGORITHM, customer_key
from gateway.encryption.members import CIPHERTEXT, CustomerKey
from gateway.errors import AccessDenied, InvalidRequest, KmsNotFound
from gateway.operation import Call
from keys.errors import NoSuchKmsKey, SealBroken
from keys.wrapping import WrappingKey
from store.records import Encryption, Entry, Upload

SSE_S3 = "AES256"
KMS = ("aws:kms", "aws:kms:dsse")
CUSTOMER = "customer"
_ANOTHER_KEY = "The provided encryption parameters did not match the ones used originally."


@dataclass(frozen=True, slots=True)
class Key:
    """The key of one object."""

    data: bytes = field(repr=False)
    record: Encryption
    """How it is kept."""


def place(bucket: int, record: Encryption) -> bytes:
    """What is bound into a wrapped key: where it is used and under which key."""
    said = (record.kind, str(bucket), record.key_id or "", record.context or "")
    return b"s3gw object key 1\0" + "\0".join(said).encode()


async def kms_key(call: Call, name: str) -> WrappingKey:
    """Raises ``KmsNotFound``."""
    known = call.keys.kms.known(name)
    if known is not None:
        return known
    try:
        return await asyncio.to_thread(call.keys.kms.load, name)
    except NoSuchKmsKey as error:
        raise KmsNotFound(f"Invalid keyId '{name}'") from error


async def unwrapped(
    call: Call, bucket: int, record: Encryption, customer: WrappingKey | None
) -> bytes:
    """The object's key. Raises ``KmsNotFound``, as ``check_customer``."""
    if record.kind == CUSTOMER:
        return check_customer(call, bucket, record, customer) or b""
    bound = place(bucket, record)
    try:
        return (await _wrapping(call, record)).unwrap(record.wrapped, bound)
    except SealBroken:
        # Another worker may have wrapped it after a rotation of the master key that added one.
        await asyncio.to_thread(call.keys.kms.renew)
    return (await _wrapping(call, record)).unwrap(record.wrapped, bound)


async def _wrapping(call: Call, record: Encryption) -> WrappingKey:
    """Raises ``KmsNotFound``."""
    known = call.keys.kms.objects
    return known if record.key_id is None else await kms_key(call, record.key_id)


def check_customer(
    call: Call, bucket: int, record: Encryption | None, customer: WrappingKey | None
) -> bytes | None:
    """The object's key, where only the client's opens it.

    Raises ``InvalidRequest`` (no key for what needs one, or one for what needs none),
    ``AccessDenied`` (another key).
    """
    if record is None or record.kind != CUSTOMER:
        if customer is not None:
            raise InvalidRequest("The encryption parameters are not applicable to this object.")
        return None
    if customer is None:
        raise InvalidRequest(
            "The object was stored using a form of Server Side Encryption. The correct parameters "
            "must be provided to retrieve the object."
        )
    try:
        return customer.unwrap(record.wrapped, place(bucket, record))
    except SealBroken as error:
        if call.config.differences.wrong_customer_key_is_invalid_request:
            raise InvalidRequest(_ANOTHER_KEY) from error
        raise AccessDenied from error


def readable(call: Call, entry: Entry, ask: CustomerKey) -> dict[str, Any]:
    """What a read tells of an entry's encryption, as members of ``Encrypted``.

    Raises as ``customer_key`` and ``check_customer``.
    """
    record = entry.attributes.encryption
    if record is None and ask.sse_customer_key is None:
        return {}
    check_customer(call, entry.bucket, record, customer_key(call, ask))
    return said(record, ask) | {"cid_of": cid_of(record)}


async def upload_key(call: Call, upload: Upload, ask: CustomerKey) -> Key | None:
    """The key of an upload's parts; ``None``: they are not encrypted.

    Raises ``InvalidRequest`` when the client's key is not the one the upload was created with.
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPart.html
    """
    record = upload.attributes.encryption
    customer = customer_key(call, ask)
    if record is None or record.kind != CUSTOMER:
        if customer is not None:
            raise InvalidRequest(
                "The multipart upload initiate did not request encryption with a customer key."
            )
    elif customer is None:
        raise InvalidRequest(
            "The multipart upload initiate requested encryption. Subsequent part requests must "
            "include the appropriate encryption parameters."
        )
    if record is None:
        return None
    try:
        return Key(await unwrapped(call, upload.bucket, record, customer), record)
    except AccessDenied as error:
        raise InvalidRequest(_ANOTHER_KEY) from error


def said(
    record: Encryption | None, ask: CustomerKey | None = None, *, context: bool = False
) -> dict[str, Any]:
    """What is told of an encryption, as members of ``Encrypted``."""
    if record is None:
        return {}
    if record.kind == CUSTOMER:
        return {
            "sse_customer_algorithm": ALGORITHM,
            "sse_customer_key_md5": ask.sse_customer_key_md5 if ask else None,
        }
    told = {
        "server_side_encryption": record.kind,
        "sse_kms_key_id": record.key_id,
        "bucket_key_enabled": record.bucket_key,
    }
    return told | {"sse_kms_context": record.context} if context else told


def cid_of(record: Encryption | None) -> str | None:
    """What the CID of an object is the hash of, for ``CidOf``."""
    return None if record is None else CIPHERTEXT
