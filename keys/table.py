"""Table: the access keys of one data directory, in their own small database.

Works with the server running or stopped. A running server obeys within a second: ``find`` looks
at the database's change counter at most every ``STALE_SECONDS``.
"""

from pathlib import Path

from keys.access_key import AccessKey


class Table:
    """The access keys in ``directory/keys.sqlite``, sealed under ``directory/master.key``."""

    def __init__(self, directory: Path, *, master_key_file: Path | None = None) -> None:
        """Create what is missing (database, master key file of mode 0400), migrate, open."""

    def close(self) -> None: ...

    def find(self, key: str) -> AccessKey | None:
        """The key, disabled ones included, from a cache at most 0.25 s behind the database."""

    def generate(self) -> AccessKey: ...

    def import_key(self, key: str, secret: str) -> AccessKey:
        """Raises ``KeyExists``, ``InvalidKey``."""

    def get(self, key: str) -> AccessKey:
        """Raises ``NoSuchKey``."""

    def all(self) -> list[AccessKey]:
        """All keys, oldest first."""

    def enable(self, key: str) -> AccessKey:
        """Raises ``NoSuchKey``."""

    def disable(self, key: str) -> AccessKey:
        """Raises ``NoSuchKey``."""

    def reset(self, key: str) -> AccessKey:
        """A new secret; nothing else changes. Raises ``NoSuchKey``."""

    def delete(self, key: str) -> None:
        """Raises ``NoSuchKey``."""
