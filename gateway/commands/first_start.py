"""What a server makes before it is ready: a first access key, the keys and buckets it was told of.

S3GW_ROOT_ACCESS_KEY=... S3GW_ROOT_SECRET_KEY=... S3GW_BUCKETS=photos,drafts:private
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.commands.secret_file import read_secret
from gateway.config import CANNED_ACLS, BadSetting, Config
from gateway.errors import InvalidBucketName
from gateway.naming import check_bucket_name
from gateway.worker import NewBucket
from keys.access_key import AccessKey
from keys.table import Table

ACCESS_KEY = "S3GW_ROOT_ACCESS_KEY"
SECRET_KEY = "S3GW_ROOT_SECRET_KEY"  # noqa: S105 - the name of a variable
BUCKETS = "S3GW_BUCKETS"


@dataclass(frozen=True, slots=True)
class Root:
    """Credentials the operator chose. ``repr`` never shows the secret."""

    key: str
    secret: str = field(repr=False)


def root(environ: Mapping[str, str]) -> Root | None:
    """From the two variables or the files they name. Raises ``BadSetting``, ``Refusal``."""
    key, secret = _said(environ, ACCESS_KEY), _said(environ, SECRET_KEY)
    if (key is None) != (secret is None):
        raise BadSetting(f"{ACCESS_KEY} and {SECRET_KEY} go together")
    return Root(key, secret) if key is not None and secret is not None else None


def _said(environ: Mapping[str, str], name: str) -> str | None:
    text, file = environ.get(name), environ.get(f"{name}_FILE")
    if text and file:
        raise BadSetting(f"set {name} or {name}_FILE, not both")
    return read_secret(Path(file)) if file else text or None


def buckets(environ: Mapping[str, str], config: Config) -> tuple[NewBucket, ...]:
    """``a,b:private``: names, each with its ACL or the default one. Raises ``BadSetting``."""
    found = []
    for text in environ.get(BUCKETS, "").split(","):
        if not text.strip():
            continue
        name, _, acl = text.strip().partition(":")
        try:
            check_bucket_name(name)
        except InvalidBucketName:
            raise BadSetting(f"{BUCKETS}: {name!r} is not a bucket name") from None
        if acl and acl not in CANNED_ACLS:
            raise BadSetting(f"{BUCKETS}: {acl!r} is not one of {', '.join(CANNED_ACLS)}")
        found.append(NewBucket(name, acl or config.default_bucket_acl))
    return tuple(found)


def owner(table: Table, chosen: Root | None) -> tuple[AccessKey, bool]:
    """The key that owns what is made at start, and whether it was made up just now.

    The operator's credentials if there are any (an existing key gets their secret, and stays
    disabled if it was), else the oldest key, else a new one. Raises ``InvalidKey``.
    """
    if chosen is not None:
        found = table.find(chosen.key)
        if found is None:
            return table.import_key(chosen.key, chosen.secret), False
        if not hmac.compare_digest(found.secret.encode(), chosen.secret.encode()):
            found = table.replace_secret(chosen.key, chosen.secret)
        return found, False
    known = table.all()
    return (known[0], False) if known else (table.generate(), True)
