"""Snapshot: the key table as one worker sees it, in memory and never far behind the disk.

``find`` is on the path of every request: a dictionary look-up, and one ``PRAGMA data_version``
(a few microseconds) every ``STALE_SECONDS``. It never waits for a writer: while another process is
committing, the rows in memory are still the committed ones, so they answer.
"""

import sqlite3
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import final

from keys.access_key import AccessKey
from keys.database import SELECT, Row, connect

STALE_SECONDS = 0.25
MOST_UNKNOWN = 1024
"""Ids that nobody has, of those that were asked for."""


@final
class _New:
    """In place of an id that was not asked for before."""


_NEW = _New()


class Snapshot:
    """All rows; each secret is unsealed when its key is first asked for."""

    def __init__(
        self, path: Path, unsealed: Callable[[Row], AccessKey], monotonic: Callable[[], float]
    ) -> None:
        """Reads the table once, waiting for a writer if there is one."""
        self._connection = connect(path)
        self._unsealed = unsealed
        self._monotonic = monotonic
        self._rows: dict[str, Row | AccessKey | None] = {}
        """``None``: nobody has it. Found as fast as what is there, else 10 ns would tell who is."""
        self._unknown = 0
        self._digests: dict[str, str] | None = None
        self._checked: float | None = None
        self._version = self._data_version()
        self._load()
        self._connection.execute("PRAGMA busy_timeout = 0")

    def close(self) -> None:
        self._connection.close()

    def expire(self) -> None:
        """Look at the database on the next ``find``, however soon that is."""
        self._checked = None

    def find(self, key: str) -> AccessKey | None:
        """Raises ``SealBroken``."""
        now = self._monotonic()
        if self._overdue(now):
            self._refresh(now)
        row = self._rows.get(key, _NEW)
        if type(row) is Row:  # isinstance takes longer to find that out of a key than of None
            row = self._rows[key] = self._unsealed(row)
        elif type(row) is _New:
            self._unheard(key)
            return None
        return row

    def _unheard(self, key: str) -> None:
        if self._unknown >= MOST_UNKNOWN:
            for each in [each for each, row in self._rows.items() if row is None]:
                del self._rows[each]
            self._unknown = 0
        self._rows[key] = None
        self._unknown += 1

    def changed(self) -> bool:
        """Look at the database now; whether the rows are others than at the last look."""
        before = self._rows
        self._refresh(self._monotonic())
        return self._rows is not before

    def find_digest(self, digest: str) -> str | None:
        """The id of the key whose id has this SHA-256, in hex. All are hashed once per change."""
        now = self._monotonic()
        if self._overdue(now) or digest not in self._by_digest():
            self._refresh(now)
        return self._by_digest().get(digest)

    def _by_digest(self) -> dict[str, str]:
        if self._digests is None:
            self._digests = {
                sha256(key.encode()).hexdigest(): key
                for key, row in self._rows.items()
                if row is not None
            }
        return self._digests

    def _overdue(self, now: float) -> bool:
        return self._checked is None or now - self._checked >= STALE_SECONDS

    def _refresh(self, now: float) -> None:
        try:
            # The version first: a commit between the two reads is then seen by the next look.
            version = self._data_version()
            if version != self._version:
                self._load()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            return  # and look again on the next find
        self._version = version
        self._checked = now

    def _data_version(self) -> int:
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def _load(self) -> None:
        rows = map(Row._make, self._connection.execute(SELECT))
        self._rows = {row.key: row for row in rows}
        self._unknown = 0
        self._digests = None
