"""Version ids: what clients call the versions of an object.

An id follows from the number of the change that made the version, so a replay gives the same one,
and it says nothing about order to those who do not know how. ``null`` is the version that was made
while its bucket kept no versions.
"""

from hashlib import blake2b
from typing import Final

NULL: Final = "null"
_WIDTH = 8


def encode(number: int) -> str:
    """32 hex digits; ``null`` for 0."""
    return _encode(number.to_bytes(_WIDTH)) if number else NULL


def decode(id: str) -> int | None:
    """The number ``id`` was made of, 0 for ``null``; ``None`` when this is no id of a version."""
    if id == NULL:
        return 0
    try:
        raw = bytes.fromhex(id)
    except ValueError:
        return None
    number = _mixed(raw[:_WIDTH], raw[_WIDTH:])
    return int.from_bytes(number) if _encode(number) == id else None


def _encode(number: bytes) -> str:
    mask = blake2b(number, digest_size=_WIDTH, person=b"s3gw version").digest()
    return (mask + _mixed(mask, number)).hex()


def _mixed(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=False))
