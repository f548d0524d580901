"""What access keys are made of: random ids, secrets and roots; which foreign ones we take."""

import base64
import re
import secrets
import string

from keys.errors import InvalidKey

_SECRET_LETTERS = string.ascii_letters + string.digits
_KEY = re.compile(r"[A-Za-z0-9._~@+-]{3,128}")
"""No ``/ , = :`` or space: they delimit the credential in SigV4, SigV2 and presigned URLs."""
_SECRET = re.compile(r"[!-~]{8,256}")


def new_key() -> str:
    """``S3GW`` and 80 random bits in base32: 20 characters, as AWS's are."""
    return "S3GW" + base64.b32encode(secrets.token_bytes(10)).decode()


def new_secret() -> str:
    """40 letters and digits, 238 random bits; safe to paste anywhere."""
    return "".join(secrets.choice(_SECRET_LETTERS) for _ in range(40))


def new_root() -> str:
    """BTIP-25 "Generate Access Key": ``/`` + random directory name."""
    return "/" + base64.b32encode(secrets.token_bytes(10)).decode().lower()


def check(key: str, secret: str) -> None:
    """Raises ``InvalidKey``; its text never holds the secret."""
    if not _KEY.fullmatch(key):
        raise InvalidKey("an access key id is 3-128 letters, digits or . _ ~ @ + -")
    if not _SECRET.fullmatch(secret):
        raise InvalidKey("a secret is 8-256 printable ASCII characters without spaces")
