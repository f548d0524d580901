"""Binary CIDs, as plain ``bytes`` inside; text and foreign forms only at the edge.

Made here are CIDs of SHA-256 only: version 1 (36 bytes, codec raw or dag-pb) and version 0 (34).
``multiformats`` reads what other people write; it costs ~140 us, so it never meets a block.
https://github.com/multiformats/cid
"""

from base64 import b32encode
from functools import lru_cache

_SHA256 = b"\x12\x20"
_RAW = b"\x01\x55" + _SHA256
_DAG_PB = {0: _SHA256, 1: b"\x01\x70" + _SHA256}
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_BASE58_PAIRS = [a + b for a in _BASE58 for b in _BASE58]
_V0_CHARACTERS = 46
_V1_BYTES, _V1_CHARACTERS = 36, 58
_BASE32 = b"abcdefghijklmnopqrstuvwxyz234567".ljust(256, b"\0")
_SPREAD = [
    (sum((1 << half * 5) - 1 << at * 8 for at in range(0, 64, 2 * half)), half * 3)
    for half in (32, 16, 8, 4, 2, 1)
]
"""Of 64 groups of five bits, by halves: which bits stay, how far the others move."""


def raw(digest: bytes) -> bytes:
    """The CIDv1 of a raw block with this SHA-256 digest."""
    return _RAW + digest


def dag_pb(digest: bytes, version: int) -> bytes:
    """The CID of a dag-pb block with this SHA-256 digest. ``version`` is 0 or 1."""
    return _DAG_PB[version] + digest


def digest(cid: bytes) -> bytes:
    """The 32-byte SHA-256 digest in a binary CID. Raises ``ValueError`` for any other hash."""
    if cid[-34:-32] != _SHA256:
        raise ValueError("not a SHA-256 CID")
    return cid[-32:]


@lru_cache(maxsize=4096)
def text(cid: bytes) -> str:
    """As people write it: version 1 in base32 lower case (``bafy...``), version 0 in base58btc.

    Does not check that ``cid`` is well formed.
    """
    if len(cid) == 34 and cid.startswith(_SHA256):
        return _base58(cid)
    if len(cid) == _V1_BYTES:
        return _base32(cid)
    return "b" + b32encode(cid).decode("ascii").rstrip("=").lower()


def _base32(cid: bytes) -> str:
    """Of a CIDv1, at a quarter of the price of ``b32encode``."""
    number = int.from_bytes(cid, "big") << (_V1_CHARACTERS * 5 - _V1_BYTES * 8)
    # Each five bits get a byte of their own: first the upper half of all moves up, then that of
    # each half, and so on.
    for lower, shift in _SPREAD:
        low = number & lower
        number = low | (number ^ low) << shift
    return "b" + number.to_bytes(_V1_CHARACTERS, "big").translate(_BASE32).decode("ascii")


def _base58(cid: bytes) -> str:
    # A version 0 CID is always 46 characters and never starts with a zero byte.
    number = int.from_bytes(cid, "big")
    pairs = []
    for _ in range(_V0_CHARACTERS // 2):
        number, pair = divmod(number, 58 * 58)
        pairs.append(_BASE58_PAIRS[pair])
    return "".join(reversed(pairs))


def parse(text: str) -> bytes:
    """A CID in any multibase, as binary. Raises ``ValueError``.

    https://github.com/multiformats/multibase
    """
    from multiformats import CID  # 30-200 ms to import, and few processes ever need it

    try:
        return bytes(CID.decode(text))
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError("not a CID") from error
