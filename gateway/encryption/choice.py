"""How an object is encrypted that a request makes: as it says, else as its bucket does by default.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/serv-side-encryption.html
"""

import base64
import binascii
import secrets

import msgspec

from gateway.compat import Compat
from gateway.encryption import defaults
from gateway.encryption.customer import customer_key
from gateway.encryption.members import Encrypting
from gateway.encryption.object_keys import CUSTOMER, KMS, SSE_S3, Key, kms_key, place
from gateway.errors import AccessDenied, InvalidArgument
from gateway.operation import Call
from keys.kms import DEFAULT
from keys.wrapping import KEY_BYTES, WrappingKey
from store.records import Encryption

_MEMBERS = frozenset(member.name for member in Encrypting.wire_members)


def asked(ask: Encrypting) -> bool:
    """The request itself says how."""
    return not _MEMBERS.isdisjoint(vars(ask))


async def chosen(call: Call, ask: Encrypting) -> Key | None:
    """A new key for one object, and how it is kept; ``None``: the object is not encrypted.

    Raises ``InvalidArgument`` (of headers that contradict each other, or say what does not exist),
    ``AccessDenied`` (SSE-C, where the bucket blocks it), ``KmsNotFound``, as ``customer_key``.
    """
    if defaults.CONFIG not in call.bucket.config and not asked(ask):
        return None
    _check(ask, call.config.differences)
    wrapping = customer_key(call, ask)
    if wrapping is not None:
        _check_allowed(call)
        return _key(call, wrapping, Encryption(CUSTOMER, b""))
    record = _wished(ask) or _default(call)
    if record is None:
        return None
    if record.key_id is None:
        return _key(call, call.keys.kms.objects, record)
    return _key(call, await kms_key(call, record.key_id), record)


async def alike(call: Call, record: Encryption) -> Key:
    """A new key, kept as that of an object is that the gateway can open itself.

    Raises ``KmsNotFound``.
    """
    known = call.keys.kms.objects
    wrapping = known if record.key_id is None else await kms_key(call, record.key_id)
    return _key(call, wrapping, msgspec.structs.replace(record, stored=0))


def _key(call: Call, wrapping: WrappingKey, record: Encryption) -> Key:
    data = secrets.token_bytes(KEY_BYTES)
    wrapped = wrapping.wrap(data, place(call.bucket.id, record))
    return Key(data, msgspec.structs.replace(record, wrapped=wrapped))


def _check(ask: Encrypting, differences: Compat) -> None:
    """Raises ``InvalidArgument`` unless the headers go together."""
    kind = ask.server_side_encryption
    customer = ask.sse_customer_algorithm or ask.sse_customer_key or ask.sse_customer_key_md5
    if kind is not None and customer is not None:
        raise InvalidArgument(
            "Server Side Encryption with Customer provided key is incompatible with the encryption "
            "method specified",
            ArgumentName="x-amz-server-side-encryption",
            ArgumentValue=kind,
        )
    if kind is not None and kind not in (SSE_S3, *KMS):
        raise InvalidArgument(
            "The encryption method specified is not supported",
            ArgumentName="x-amz-server-side-encryption",
            ArgumentValue=kind,
        )
    if kind in KMS:
        if ask.sse_kms_key_id is None and differences.kms_needs_a_key_id:
            raise InvalidArgument(
                "Server Side Encryption with KMS managed key requires HTTP header "
                "x-amz-server-side-encryption-aws-kms-key-id"
            )
        _check_context(ask.sse_kms_context)
        return
    for name, value in (("aws-kms-key-id", ask.sse_kms_key_id), ("context", ask.sse_kms_context)):
        if value is not None:
            raise InvalidArgument(
                "Server Side Encryption with AWS KMS managed key requires HTTP header "
                "x-amz-server-side-encryption : aws:kms",
                ArgumentName=f"x-amz-server-side-encryption-{name}",
                ArgumentValue=value,
            )


def _check_context(text: str | None) -> None:
    if text is None:
        return
    try:
        msgspec.json.decode(base64.b64decode(text.encode("latin-1")), type=dict[str, str])
    except (binascii.Error, msgspec.MsgspecError):
        raise InvalidArgument(
            "The encryption context is not base64 of a JSON object of strings",
            ArgumentName="x-amz-server-side-encryption-context",
            ArgumentValue=text,
        ) from None


def _check_allowed(call: Call) -> None:
    found = defaults.rule(call.bucket.config)
    blocked = found.blocked_encryption_types if found else None
    if blocked is not None and "SSE-C" in blocked.encryption_type:
        raise AccessDenied


def _wished(ask: Encrypting) -> Encryption | None:
    kind = ask.server_side_encryption
    if kind in KMS:
        return Encryption(
            kind,
            b"",
            key_id=ask.sse_kms_key_id or DEFAULT,
            context=ask.sse_kms_context,
            bucket_key=ask.bucket_key_enabled or None,
        )
    return Encryption(SSE_S3, b"") if kind == SSE_S3 else None


def _default(call: Call) -> Encryption | None:
    found = defaults.rule(call.bucket.config)
    said = found.apply_server_side_encryption_by_default if found else None
    if found is None or said is None:
        return None
    if said.sse_algorithm in KMS:
        key_id = said.kms_master_key_id or DEFAULT
        bucket_key = found.bucket_key_enabled or None
        return Encryption(said.sse_algorithm, b"", key_id=key_id, bucket_key=bucket_key)
    return Encryption(said.sse_algorithm, b"")
