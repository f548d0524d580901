"""Checksums as S3 names and writes them: algorithms, headers, types, sums of sums. Pure.

The store computes; its names are these in lower case (``store.digests``).
https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html
"""

import base64
import binascii
from collections.abc import Mapping, Sequence

from store import digests

FULL_OBJECT = "FULL_OBJECT"
COMPOSITE = "COMPOSITE"

TYPES: dict[str, tuple[str, ...]] = {
    "CRC32": (COMPOSITE, FULL_OBJECT),
    "CRC32C": (COMPOSITE, FULL_OBJECT),
    "CRC64NVME": (FULL_OBJECT,),
    "SHA1": (COMPOSITE,),
    "SHA256": (COMPOSITE,),
    "SHA512": (COMPOSITE,),
    "MD5": (COMPOSITE,),
    "XXHASH64": (COMPOSITE,),
    "XXHASH3": (COMPOSITE,),
    "XXHASH128": (COMPOSITE,),
}
"""S3 algorithm name to the types a multipart upload may have, the default one first."""

DEFAULT = "CRC64NVME"
"""What is computed, as FULL_OBJECT, when the client names nothing."""

SIZES = {
    "CRC32": 4,
    "CRC32C": 4,
    "CRC64NVME": 8,
    "SHA1": 20,
    "SHA256": 32,
    "SHA512": 64,
    "MD5": 16,
    "XXHASH64": 8,
    "XXHASH3": 8,
    "XXHASH128": 16,
}
"""Raw length in bytes."""

HEADERS = {f"x-amz-checksum-{name.lower()}": name for name in TYPES}
"""Lower-case header (and trailer) name to S3 algorithm name."""


def digest_name(algorithm: str) -> str:
    """The store's name for an S3 algorithm: ``CRC32C`` -> ``crc32c``."""
    return algorithm.lower()


def encode(raw: bytes) -> str:
    return binascii.b2a_base64(raw, newline=False).decode("ascii")


def decode(algorithm: str, text: str) -> bytes:
    """The raw checksum. Raises ``ValueError`` when it is not base64 of the right length."""
    try:
        raw = base64.b64decode(text.encode("latin-1"), validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error
    if len(raw) != SIZES[algorithm]:
        raise ValueError(text)
    return raw


def text(algorithm: str, computed: Mapping[str, bytes]) -> str:
    """The checksum out of a set of store digests, in base64. Raises ``KeyError`` when not there."""
    return encode(computed[digest_name(algorithm)])


def composite(algorithm: str, parts: Sequence[str]) -> str:
    """The checksum of the parts' raw checksums back to back, and their number: ``fy+x…==-3``."""
    outer = digests.new(digest_name(algorithm))
    for part in parts:
        outer.update(decode(algorithm, part))
    return f"{encode(outer.digest())}-{len(parts)}"


def full_object(algorithm: str, parts: Sequence[tuple[str, int]]) -> str:
    """The CRC of the whole object from ``(checksum, size in bytes)`` of its parts, without bytes.

    Raises ``KeyError`` for all but the CRCs, which alone can be joined.
    """
    name = digest_name(algorithm)
    whole = digests.new(name).digest()
    for part, size in parts:
        whole = digests.combine(name, whole, decode(algorithm, part), size)
    return encode(whole)
