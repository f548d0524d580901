"""What ``x-amz-content-sha256`` may say, and what it means for the framing of the body.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import re

from gateway.errors import InvalidRequest

UNSIGNED = "UNSIGNED-PAYLOAD"
SIGNED_CHUNKS = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
SIGNED_CHUNKS_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
UNSIGNED_CHUNKS_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"

CHUNKED = frozenset({SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER})
SIGNED = frozenset({SIGNED_CHUNKS, SIGNED_CHUNKS_TRAILER})
WITH_TRAILER = frozenset({SIGNED_CHUNKS_TRAILER, UNSIGNED_CHUNKS_TRAILER})

SHA256_DIGITS = 64

is_sha256 = re.compile(r"[0-9a-fA-F]{64}", re.ASCII).fullmatch


def check(token: str) -> str:
    """The token itself. Raises ``InvalidRequest`` for one that is not served.

    Among those are the ECDSA forms of SigV4A, which only multi-region access points need.
    """
    if is_sha256(token) or token == UNSIGNED or token in CHUNKED:
        return token
    raise InvalidRequest(
        "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER,"
        " STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a"
        " valid sha256 value."
    )
