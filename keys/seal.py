"""Seal: secrets at rest, AES-256-GCM under the master key. Knows no file and no database.

The associated data names the row (key id, root, version of this layout), so a sealed secret that
is moved to another row, or a row whose root is edited, does not open any more.
"""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from keys.errors import SealBroken
from keys.master_key import key_id

VERSION = 1
"""Layout of the sealed value and of its associated data. A change needs a migration."""
NONCE_BYTES = 12
"""96 bits, drawn anew for each sealing: NIST SP 800-38D 8.2.2."""


class Seal:
    """One master key at work. ``repr`` shows nothing of it."""

    __slots__ = ("_cipher", "id")

    def __init__(self, master_key: bytes) -> None:
        """``master_key``: 32 bytes."""
        self._cipher = AESGCM(master_key)
        self.id = key_id(master_key)

    def seal(self, secret: str, *, key: str, root: str) -> bytes:
        """Nonce, ciphertext and tag, back to back; different each time."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret.encode(), _row(key, root))

    def unseal(self, sealed: bytes, *, key: str, root: str) -> str:
        """Raises ``SealBroken`` unless ``sealed`` was made for this very row under this key."""
        nonce, ciphertext = sealed[:NONCE_BYTES], sealed[NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, ciphertext, _row(key, root)).decode()
        except (InvalidTag, ValueError) as error:
            raise SealBroken(f"the secret of access key {key} does not open") from error


def _row(key: str, root: str) -> bytes:
    # Key ids and roots hold no NUL, so no two rows share one spelling.
    return b"\0".join((b"s3gw access_key", str(VERSION).encode(), key.encode(), root.encode()))
