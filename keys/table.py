"""Table: the access keys of one data directory, in their own small database.

Works with the server running or stopped. A running server obeys within a second: ``find`` looks
at the database's change counter at most every ``STALE_SECONDS``.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from keys import credentials, master_key
from keys.access_key import AccessKey
from keys.database import FILE_NAME, SELECT, Row, open_database
from keys.errors import KeyExists, MasterKeyRefused, NoSuchKey
from keys.kms import Kms
from keys.master_keys import MasterKeys
from keys.rotation import Rotated, rotate
from keys.seal import Seal
from keys.snapshot import STALE_SECONDS, Snapshot

__all__ = ["MASTER_KEY_NAME", "STALE_SECONDS", "Table"]

MASTER_KEY_NAME = "master.key"


class Table:
    """The access keys in ``directory/keys.sqlite``, sealed under ``directory/master.key``.

    ``find`` belongs to one thread, the verbs to one thread. Not to be carried across a fork.
    """

    def __init__(
        self,
        directory: Path,
        *,
        master_key_file: Path | None = None,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create what is missing (database, master key file of mode 0400), migrate, open.

        A ``master_key_file`` that was named must exist, and so must the master key of a table
        that exists. Raises ``MasterKeyRefused``, ``TableTooNew``.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = directory / FILE_NAME
        self._clock = clock
        self._monotonic = monotonic
        self._snapshot: Snapshot | None = None
        self._masters = MasterKeys(
            _master_key(directory, master_key_file, table_exists=self._path.exists())
        )
        self._database = open_database(self._path)
        try:
            if self._masters.follow(self._database):
                self._masters.settle()
            self.kms = Kms(self._path, self._database, self._masters, self._now)
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        """Not an error twice."""
        self._database.close()
        if self._snapshot is not None:
            self._snapshot.close()

    def find(self, key: str) -> AccessKey | None:
        """The key, disabled ones included, from a cache at most 0.25 s behind the database.

        The first call reads the table. Raises ``SealBroken``.
        """
        return self._read().find(key)

    def changed(self) -> bool:
        """Whether ``find`` would now say something else than at its last look; it looks at once.

        For what is about to be refused, so that a key that was made, enabled or reset this moment
        works at once.
        """
        return self._read().changed()

    def find_digest(self, digest: str) -> str | None:
        """The id of the key, disabled ones included, whose id has this SHA-256 (lower-case hex).

        As current as ``find``, and as cheap: a look-up in memory.
        """
        return self._read().find_digest(digest)

    def generate(self) -> AccessKey:
        """A new key, enabled, with a root directory of its own."""
        return self._insert(credentials.new_key(), credentials.new_secret())

    def import_key(self, key: str, secret: str) -> AccessKey:
        """Raises ``KeyExists``, ``InvalidKey``."""
        credentials.check(key, secret)
        return self._insert(key, secret)

    def get(self, key: str) -> AccessKey:
        """Straight from the database. Raises ``NoSuchKey``, ``SealBroken``."""
        return self._unsealed(self._row(key))

    def all(self) -> list[AccessKey]:
        """All keys, oldest first. Raises ``SealBroken``."""
        rows = self._database.execute(f"{SELECT} ORDER BY id").fetchall()
        return [self._unsealed(Row._make(row)) for row in rows]

    def enable(self, key: str) -> AccessKey:
        """Not an error when it is enabled. Raises ``NoSuchKey``."""
        return self._update(key, "enable = ?", 1)

    def disable(self, key: str) -> AccessKey:
        """Not an error when it is disabled. Raises ``NoSuchKey``."""
        return self._update(key, "enable = ?", 0)

    def reset(self, key: str) -> AccessKey:
        """A new secret; nothing else changes. Raises ``NoSuchKey``."""
        return self._set_secret(key, credentials.new_secret())

    def replace_secret(self, key: str, secret: str) -> AccessKey:
        """A secret made elsewhere; nothing else changes. Raises ``NoSuchKey``, ``InvalidKey``."""
        credentials.check(key, secret)
        return self._set_secret(key, secret)

    def delete(self, key: str) -> None:
        """Raises ``NoSuchKey``."""
        if not self._write("DELETE FROM access_key WHERE key = ?", key):
            raise NoSuchKey(key)

    def rotate_master(self, reached: Callable[[str], None] = lambda point: None) -> Rotated:
        """A new master key in the place of the old one, and everything sealed under it.

        A running server takes it up by itself. See ``keys.rotation.rotate``.
        """
        rotated = rotate(self._database, self._masters, self._now(), reached)
        self.kms.take(self._database)
        return rotated

    def _read(self) -> Snapshot:
        if self._snapshot is None:
            self._snapshot = Snapshot(self._path, self._unsealed, self._monotonic)
        return self._snapshot

    def _row(self, key: str) -> Row:
        row = self._database.execute(f"{SELECT} WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise NoSuchKey(key)
        return Row._make(row)

    def _insert(self, key: str, secret: str) -> AccessKey:
        """BTIP-25 "Generate Access Key": try roots until one is new."""
        now = self._now()
        while True:
            root = credentials.new_root()
            try:
                with self._sealing() as seal:
                    self._write(
                        "INSERT INTO access_key"
                        " (key, sealed, master, root, enable, created_at, updated_at)"
                        " VALUES (?, ?, ?, ?, 1, ?, ?)",
                        *(key, seal.seal(secret, key=key, root=root), seal.id, root, now, now),
                    )
            except sqlite3.IntegrityError as error:
                if "access_key.root" in str(error):
                    continue
                raise KeyExists(key) from error
            return self.get(key)

    def _set_secret(self, key: str, secret: str) -> AccessKey:
        with self._sealing() as seal:
            sealed = seal.seal(secret, key=key, root=self._row(key).root)
            return self._update(key, "sealed = ?, master = ?", sealed, seal.id)

    @contextmanager
    def _sealing(self) -> Iterator[Seal]:
        """One transaction, and the seal of the table as it is in it.

        The row sealed for is the row written, whoever deletes, imports and rotates meanwhile.
        """
        self._database.execute("BEGIN IMMEDIATE")
        with self._database:
            self._masters.follow(self._database)
            yield Seal(self._masters.key)

    def _update(self, key: str, assignments: str, *values: object) -> AccessKey:
        changed = self._write(
            f"UPDATE access_key SET {assignments}, updated_at = ? WHERE key = ?",
            *(*values, self._now(), key),
        )
        if not changed:
            raise NoSuchKey(key)
        return self.get(key)

    def _write(self, statement: str, *values: object) -> int:
        """Rows changed; on disk at return, and seen by this worker's next ``find``."""
        changed = self._database.execute(statement, values).rowcount
        if self._snapshot is not None:
            self._snapshot.expire()
        return changed

    def _unsealed(self, row: Row) -> AccessKey:
        if row.master != self._masters.current and self._masters.follow(self._database):
            self.kms.take(self._database)
        seal = Seal(self._masters.find(row.master))
        return AccessKey(
            key=row.key,
            secret=seal.unseal(row.sealed, key=row.key, root=row.root),
            root=row.root,
            enable=bool(row.enable),
            created_at=datetime.fromtimestamp(row.created_at / 1000, UTC),
            updated_at=datetime.fromtimestamp(row.updated_at / 1000, UTC),
        )

    def _now(self) -> int:
        return int(self._clock() * 1000)


def _master_key(directory: Path, master_key_file: Path | None, *, table_exists: bool) -> Path:
    """Its file, made where there is neither that nor a table."""
    if master_key_file is not None:
        return master_key_file
    path = directory / MASTER_KEY_NAME
    if not path.exists():
        if table_exists:
            raise MasterKeyRefused(f"{path} is missing, and the secrets in {FILE_NAME} need it")
        master_key.create(path)
    return path
