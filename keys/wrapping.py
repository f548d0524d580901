"""Wrapping: keys that protect other keys - AES-256-GCM, the place of use bound in.

One is derived from the master key for each purpose (HKDF, RFC 5869), so that none can open what
another has sealed, and the master key itself never seals an object's key.
"""

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

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        """``key``: 32 bytes."""
        self._cipher = AESGCM(key)

    def wrap(self, key: bytes, place: bytes) -> bytes:
        """Nonce, ciphertext and tag, back to back; different each time."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, key, place)

    def unwrap(self, wrapped: bytes, place: bytes) -> bytes:
        """Raises ``SealBroken`` unless this key wrapped it for this ``place``."""
        try:
            return self._cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], place)
        except (InvalidTag, ValueError) as error:
            raise SealBroken("a wrapped key does not open") from error


def derived(key: bytes, purpose: str, salt: bytes | None = None) -> bytes:
    """32 bytes that tell nothing of ``key``, nor of those for another purpose or salt."""
    hkdf = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=purpose.encode())
    return hkdf.derive(key)
