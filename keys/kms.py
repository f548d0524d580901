"""Kms: the local master keys that SSE-KMS names by id, sealed in the key table's database.

A key is never changed and never removed: what it has wrapped could not be read any more.
"""

import contextlib
import re
import secrets
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from keys.database import connect
from keys.errors import InvalidKey, KeyExists, NoSuchKmsKey
from keys.wrapping import KEY_BYTES, WrappingKey, derived

DEFAULT = "aws/s3"
"""The key that is always there: derived from the master key."""
_ID = re.compile(r"[A-Za-z0-9/_-]{1,256}")
_ARN = re.compile(r"arn:[^:]*:kms:[^:]*:[^:]*:(?:key/|alias/)?(.+)")


@dataclass(frozen=True, slots=True)
class KmsKey:
    """What may be told of one."""

    id: str
    created_at: datetime


class Kms:
    """The keys of one ``keys.sqlite``. Of the thread that made it, but for ``load``."""

    def __init__(
        self, path: Path, database: sqlite3.Connection, master_key: bytes, clock: Callable[[], int]
    ) -> None:
        """``clock``: milliseconds since the epoch."""
        self._path = path
        self._database = database
        self._clock = clock
        self._seal = WrappingKey(derived(master_key, "s3gw kms_key 1"))
        self._known = {DEFAULT: WrappingKey(derived(master_key, f"s3gw kms {DEFAULT} 1"))}
        self.objects = WrappingKey(derived(master_key, "s3gw sse-s3 1"))
        """What wraps the keys of objects under SSE-S3."""

    def create(self, id: str) -> KmsKey:
        """A new random key. Raises ``KeyExists``, ``InvalidKey``."""
        if not _ID.fullmatch(id) or id.startswith("aws/"):
            raise InvalidKey("a KMS key id is 1-256 letters, digits or / _ - (not aws/...)")
        now = self._clock()
        sealed = self._seal.wrap(secrets.token_bytes(KEY_BYTES), _row(id))
        try:
            self._database.execute(
                "INSERT INTO kms_key (id, sealed, created_at) VALUES (?, ?, ?)", (id, sealed, now)
            )
        except sqlite3.IntegrityError as error:
            raise KeyExists(id) from error
        return KmsKey(id, _moment(now))

    def ensure(self, ids: Iterable[str]) -> None:
        """Create those that are not there. Raises ``InvalidKey``."""
        there = {key.id for key in self.all()}
        for id in ids:
            if id not in there:
                with contextlib.suppress(KeyExists):  # another process was first
                    self.create(id)

    def all(self) -> list[KmsKey]:
        """Those that were created, oldest first."""
        rows = self._database.execute("SELECT id, created_at FROM kms_key ORDER BY created_at, id")
        return [KmsKey(id, _moment(created_at)) for id, created_at in rows]

    def known(self, name: str) -> WrappingKey | None:
        """A key that was used before, by id or ARN; else ``load`` it, off the loop."""
        return self._known.get(key_id(name))

    def load(self, name: str) -> WrappingKey:
        """From the database, in any thread. Raises ``NoSuchKmsKey``, ``SealBroken``."""
        id = key_id(name)
        with closing(connect(self._path)) as database:
            row = database.execute("SELECT sealed FROM kms_key WHERE id = ?", (id,)).fetchone()
        if row is None:
            raise NoSuchKmsKey(id)
        key = WrappingKey(self._seal.unwrap(row[0], _row(id)))
        self._known[id] = key
        return key


def key_id(name: str) -> str:
    """``arn:aws:kms:eu-west-1:1:key/photos``, ``alias/photos`` and ``photos`` are one key."""
    match = _ARN.fullmatch(name)
    return match[1] if match else name.removeprefix("alias/")


def _row(id: str) -> bytes:
    return b"s3gw kms_key\0" + id.encode()


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
