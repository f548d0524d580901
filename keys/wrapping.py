"""Wrapping: keys that protect other keys - AES-256-GCM, the place of use bound in.

One is derived from the master key for each purpose (HKDF, RFC 5869), so that none can open what
another has sealed, and the master key itself never seals an object's key.
"""

import contextlib
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from keys.errors import SealBroken

KEY_BYTES = 32
_NONCE_BYTES = 12


class WrappingKey:
    """``repr`` shows nothing of it."""

    __slots__ = ("_cipher", "_earlier")

    def __init__(self, key: bytes, *earlier: bytes) -> None:
        """``key``: 32 bytes. Those that were in its place ``earlier`` only unwrap."""
        self._cipher = AESGCM(key)
        self._earlier = tuple(AESGCM(each) for each in earlier)

    def wrap(self, key: bytes, place: bytes) -> bytes:
        """Nonce, ciphertext and tag, back to back; different each time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, place)

    def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        """Raises ``SealBroken`` unless this key, or an earlier one, wrapped it for ``place``."""
        nonce, ciphertext = wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:]
        for cipher in (self._cipher, *self._earlier):
            with contextlib.suppress(InvalidTag, ValueError):
                return cipher.decrypt(nonce, ciphertext, place)
        raise SealBroken("a wrapped key does not open")


def derived(key: bytes, purpose: str, salt: bytes | None = None) -> bytes:
    """32 bytes that tell nothing of ``key``, nor of those for another purpose or salt."""
    hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=purpose.encode())
    return hkdf.derive(key)
