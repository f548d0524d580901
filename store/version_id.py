"""Version ids: what clients call the versions of an object.

An id follows from the number of the change that made the version, so a replay gives the same one,
and it says nothing about order to those who do not know how. ``null`` is the version that was made
while its bucket kept no versions.
"""

from hashlib import blake2b
from typing import Final

NULL: Final = "null"
_DIGITS = 16
_LIMIT = 1 << 63
"""Of what the database can count; anybody can make the id of a greater number."""


def encode(number: int) -> str:
    """32 hex digits; ``null`` for 0."""
    if not number:
        return NULL
    mask = blake2b(number.to_bytes(8), digest_size=8, person=b"s3gw version").hexdigest()
    return f"{mask}{int(mask, 16) ^ number:016x}"


def decode(id: str) -> int | None:
    """The number ``id`` was made of, 0 for ``null``; ``None`` when this is no id of a version."""
    if id == NULL:
        return 0
    try:
        number = int(id[:_DIGITS], 16) ^ int(id[_DIGITS:], 16)
    except ValueError:
        return None
    return number if 0 < number < _LIMIT and encode(number) == id else None
