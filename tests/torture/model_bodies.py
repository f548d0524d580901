"""Bodies for the model, and what S3 and UnixFS say of them: ETag, checksum, CID. Made once.

Written from the specifications, not with the product's code.
"""

import base64
import hashlib
from dataclasses import dataclass
from functools import lru_cache

from awscrt import checksums

LEAF = 1 << 20
RAW, DAG_PB = b"\x01\x55\x12\x20", b"\x01\x70\x12\x20"
"""CIDv1, codec, sha2-256, 32 bytes. https://github.com/multiformats/cid"""


@dataclass(frozen=True)
class Body:
    """Bytes and what is computed of them."""

    data: bytes
    etag: str
    sha256: str
    crc64: str
    cid: str

    def __repr__(self) -> str:
        return f"<{len(self.data)} bytes {self.etag[:6]}>"


@lru_cache(maxsize=512)
def body(data: bytes) -> Body:
    crc = checksums.crc64nvme(data).to_bytes(8, "big")
    return Body(
        data,
        hashlib.md5(data).hexdigest(),
        hashlib.sha256(data).hexdigest(),
        base64.b64encode(crc).decode(),
        cid(data),
    )


def etag_of_parts(parts: list[Body]) -> str:
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html (ETag)"""
    joined = b"".join(bytes.fromhex(each.etag) for each in parts)
    return f"{hashlib.md5(joined).hexdigest()}-{len(parts)}"


def cid(data: bytes) -> str:
    """Of a file, as profile unixfs-v1-2025 makes it: raw leaves of 1 MiB, at most 1,024 of them.

    https://specs.ipfs.tech/unixfs/
    """
    leaves = [data[at : at + LEAF] for at in range(0, len(data), LEAF)] or [b""]
    assert len(leaves) <= 1024
    cids = [RAW + hashlib.sha256(leaf).digest() for leaf in leaves]
    if len(leaves) == 1:
        return _text(cids[0])
    links = b"".join(
        _field(2, _field(1, each) + _field(2, b"") + b"\x18" + _varint(len(leaf)))
        for each, leaf in zip(cids, leaves, strict=True)
    )
    sizes = b"".join(b"\x20" + _varint(len(leaf)) for leaf in leaves)
    node = links + _field(1, b"\x08\x02\x18" + _varint(len(data)) + sizes)
    return _text(DAG_PB + hashlib.sha256(node).digest())


def _field(number: int, value: bytes) -> bytes:
    return bytes((number << 3 | 2,)) + _varint(len(value)) + value


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


def _text(binary: bytes) -> str:
    return "b" + base64.b32encode(binary).decode().lower().rstrip("=")


SIZES = (0, 1, 2, 99, 100, 4096, 16 * 1024, 16 * 1024 + 1, 40_000)
"""Around the limits of a part here and of what is kept inline."""
LARGE = (LEAF, LEAF + 1, 2 * LEAF)
BODIES = tuple(
    body(hashlib.shake_128(b"%d %d" % (size, number)).digest(size))
    for size in SIZES
    for number in range(2)
)
FEW_LARGE = tuple(body(hashlib.shake_128(b"%d" % size).digest(size)) for size in LARGE)
