"""AccessKey: one credential, as BTIP-25 "Access Keys related commands" records it."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class AccessKey:
    """A credential. ``repr`` never shows the secret."""

    key: str
    """20 characters, ``S3GW`` + base32 unless imported."""
    secret: str = field(repr=False)
    """40 characters from the operating system's CSPRNG unless imported."""
    root: str
    """``/`` + random directory name; buckets of this key live at ``<root>/<bucket>``."""
    enable: bool
    created_at: datetime
    updated_at: datetime
