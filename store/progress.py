"""Where work in the background has come to, for after a restart. May be lost: it is no data.

A file for itself, since a commit would make every worker forget what it remembers
(``store.walindex``). Never synced: what a crash leaves is the old text, the new one, or nothing.
"""

import os
from contextlib import suppress
from pathlib import Path


class Progress:
    """Of one kind of work, done by one process at a time."""

    def __init__(self, directory: Path, name: str) -> None:
        self._path = directory / f"{name}.progress"

    def read(self) -> bytes:
        """What was written last, or nothing."""
        with suppress(FileNotFoundError):
            return self._path.read_bytes()
        return b""

    def write(self, text: bytes) -> None:
        """Raises ``OSError``."""
        new = self._path.with_suffix(".new")
        new.write_bytes(text)
        os.replace(new, self._path)
