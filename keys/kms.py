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
from keys.master_keys import MasterKeys
from keys.wrapping import KEY_BYTES, WrappingKey, derived

DEFAULT = "aws/s3"
"""The key that is always there."""
PURPOSES = ("s3gw sse-s3 1", f"s3gw kms {DEFAULT} 1")
"""What wraps keys of objects and is derived from the master key until it is rotated."""
_ID = re.compile(r"[A-Za-z0-9/_-]{1,256}")
_ARN = re.compile(r"arn:[^:]*:kms:[^:]*:[^:]*:(?:key/|alias/)?(.+)")


@dataclass(frozen=True, slots=True)
class KmsKey:
    """What may be told of one."""

    id: str
    created_at: datetime


class Kms:
    """The keys of one ``keys.sqlite``. Of the thread that made it, but for ``load``, ``renew``."""

    def __init__(
        self,
        path: Path,
        database: sqlite3.Connection,
        masters: MasterKeys,
        clock: Callable[[], int],
    ) -> None:
        """``clock``: milliseconds since the epoch. Raises ``SealBroken``, ``MasterKeyRefused``."""
        self._path = path
        self._database = database
        self._clock = clock
        self._masters = masters
        self._known: dict[str, WrappingKey] = {}
        self.take(database)

    def take(self, database: sqlite3.Connection) -> None:
        """Use what there is now to wrap the keys of objects: a rotation adds to it."""
        self.objects = self._generations(database, PURPOSES[0])
        """What wraps the keys of objects under SSE-S3."""
        self._known[DEFAULT] = self._generations(database, PURPOSES[1])

    def renew(self) -> None:
        """``take``, from the database, in any thread."""
        with closing(connect(self._path)) as database:
            self.take(database)

    def _generations(self, database: sqlite3.Connection, purpose: str) -> WrappingKey:
        rows = database.execute(
            "SELECT generation, sealed, master FROM wrapping_key WHERE purpose = ?"
            " ORDER BY generation DESC",
            (purpose,),
        ).fetchall()
        if not rows:
            return WrappingKey(derived(self._masters.key, purpose))
        return WrappingKey(
            *[
                sealing(self._masters.find(master)).unwrap(
                    sealed, place_of_generation(purpose, generation)
                )
                for generation, sealed, master in rows
            ]
        )

    def create(self, id: str) -> KmsKey:
        """A new random key. Raises ``KeyExists``, ``InvalidKey``."""
        if not _ID.fullmatch(id) or id.startswith("aws/"):
            raise InvalidKey("a KMS key id is 1-256 letters, digits or / _ - (not aws/...)")
        now = self._clock()
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:
            self._masters.follow(self._database)
            sealed = sealing(self._masters.key).wrap(
                secrets.token_bytes(KEY_BYTES), place_of_key(id)
            )
            try:
                self._database.execute(
                    "INSERT INTO kms_key (id, sealed, created_at, master) VALUES (?, ?, ?, ?)",
                    (id, sealed, now, self._masters.current),
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
            select = "SELECT sealed, master FROM kms_key WHERE id = ?"
            row = database.execute(select, (id,)).fetchone()
        if row is None:
            raise NoSuchKmsKey(id)
        master = self._masters.find(row[1]) if row[1] else self._masters.key
        key = WrappingKey(sealing(master).unwrap(row[0], place_of_key(id)))
        self._known[id] = key
        return key


def key_id(name: str) -> str:
    """``arn:aws:kms:eu-west-1:1:key/photos``, ``alias/photos`` and ``photos`` are one key."""
    match = _ARN.fullmatch(name)
    return match[1] if match else name.removeprefix("alias/")


def sealing(master_key: bytes) -> WrappingKey:
    """What seals the rows of this module's tables."""
    return WrappingKey(derived(master_key, "s3gw kms_key 1"))


def place_of_key(id: str) -> bytes:
    """The row of a KMS key, as it is bound in."""
    return b"s3gw kms_key\0" + id.encode()


def place_of_generation(purpose: str, generation: int) -> bytes:
    """The row of what wraps keys of objects."""
    return b"\0".join((b"s3gw wrapping_key", purpose.encode(), str(generation).encode()))


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
