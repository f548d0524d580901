"""The client's own key (SSE-C): read out of the headers, judged, never kept and never repeated.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html
"""

import base64
import binascii
import hashlib
from hmac import compare_digest

from gateway.config import is_loopback
from gateway.encryption.members import CustomerKey, SourceCustomerKey
from gateway.errors import InvalidArgument, InvalidRequest
from gateway.operation import Call
from keys.wrapping import WrappingKey, derived

ALGORITHM = "AES256"
KEY_BYTES = 32
_BEGIN = "Requests specifying Server Side Encryption with Customer provided keys must "


def customer_key(call: Call, ask: CustomerKey) -> WrappingKey | None:
    """What the client's key wraps with; ``None`` without one.

    Raises ``InvalidRequest`` (over a connection that others can read), ``InvalidArgument``.
    """
    return _key(
        call, ask.sse_customer_algorithm, ask.sse_customer_key, ask.sse_customer_key_md5, ""
    )


def source_key(call: Call, ask: SourceCustomerKey) -> WrappingKey | None:
    """As ``customer_key``, of the source of a copy."""
    return _key(
        call,
        ask.copy_source_sse_customer_algorithm,
        ask.copy_source_sse_customer_key,
        ask.copy_source_sse_customer_key_md5,
        "copy-source-",
    )


def _key(
    call: Call, algorithm: str | None, key: str | None, md5: str | None, of: str
) -> WrappingKey | None:
    if algorithm is None and key is None and md5 is None:
        return None
    request = call.request
    safe = request.secure or call.config.sse_c_over_http or is_loopback(request.peer)
    if not safe:
        raise InvalidRequest(_BEGIN + "be made over a secure connection.")
    field = f"x-amz-{of}server-side-encryption-customer-"
    if algorithm != ALGORITHM:
        raise InvalidArgument(
            _BEGIN + "provide a valid encryption algorithm.",
            ArgumentName=field + "algorithm",
            ArgumentValue=algorithm,
        )
    if key is None:
        raise InvalidArgument(
            _BEGIN + "provide an appropriate secret key.", ArgumentName=field + "key"
        )
    if md5 is None:
        raise InvalidArgument(
            _BEGIN + "provide the client calculated MD5 of the secret key.",
            ArgumentName=field + "key-MD5",
        )
    raw = _decoded(key)
    if len(raw) != KEY_BYTES:
        raise InvalidArgument(
            "The secret key was invalid for the specified algorithm.", ArgumentName=field + "key"
        )
    if not compare_digest(_decoded(md5), hashlib.md5(raw, usedforsecurity=False).digest()):
        raise InvalidArgument(
            "The calculated MD5 hash of the key did not match the hash that was provided.",
            ArgumentName=field + "key-MD5",
        )
    return WrappingKey(derived(raw, "s3gw sse-c 1"))


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text.encode("latin-1"), validate=True)
    except binascii.Error:
        return b""
