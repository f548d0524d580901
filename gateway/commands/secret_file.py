"""Secrets in files: read once, refused when every user of the machine could read them too."""

import os
from pathlib import Path

from gateway.commands.outcome import DENIED, Refusal

_LIMIT = 4096


def read_secret(path: Path) -> str:
    """The text in ``path`` without its line end. Raises ``Refusal``, ``OSError``."""
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o004:
            raise Refusal(f"{path} can be read by everyone: chmod o-r {path}", DENIED)
        text = file.read(_LIMIT)
    try:
        return text.decode("ascii").rstrip("\r\n")
    except UnicodeDecodeError:
        raise Refusal(f"{path} does not hold a secret") from None
