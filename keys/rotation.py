"""Rotation: every sealed row of the key table under another master key, in one transaction.

What wraps the keys of objects (SSE-S3, ``aws/s3``) was derived from the first master key. It is
kept from the first rotation on, sealed like the rest, and each rotation adds a new one: objects
written later are under that, those there are can still be read and stay as they are.
"""

import secrets
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from keys import master_key
from keys.errors import MasterKeyRefused
from keys.kms import PURPOSES, place_of_generation, place_of_key, sealing
from keys.master_keys import MasterKeys
from keys.seal import Seal
from keys.wrapping import KEY_BYTES, WrappingKey, derived


@dataclass(frozen=True, slots=True)
class Rotated:
    """What came of it."""

    old: str
    """Id of the master key that was."""
    new: str
    kept: Path
    """Where the old one is now: backups made before need it."""
    rows: int


def rotate(
    database: sqlite3.Connection,
    masters: MasterKeys,
    now: int,
    reached: Callable[[str], None] = lambda point: None,
) -> Rotated:
    """Make a new master key and seal everything under it. May be killed at any point and repeated.

    ``database``: autocommit, current schema. ``now``: milliseconds since the epoch. ``reached`` is
    told of each step (K1 to K5). Raises ``MasterKeyRefused``, ``SealBroken``: then
    nothing is changed; ``OSError``: then it is not, or ends when the table is opened next.
    """
    if masters.path.is_symlink():
        raise MasterKeyRefused(f"{masters.path} is a symbolic link: whoever made it rotates it")
    with masters.held():
        database.execute("BEGIN IMMEDIATE")
        with database:
            masters.follow(database)
            old = masters.current
            if master_key.key_id(master_key.read(masters.path)) != old:
                masters.replace()  # the end of one that was cut short
            masters.next.unlink(missing_ok=True)
            master_key.create(masters.next)
            new = master_key.read(masters.next)
            reached("K1")
            _keep_derived(database, masters.key, now)
            _add_generations(database, masters.key, now)
            rows = _reseal(database, masters.key, new)
            _check(database, new)
            reached("K2")
        reached("K3")
        kept = masters.replace(reached)
    masters.follow(database)
    return Rotated(old, masters.current, kept, rows)


def _keep_derived(database: sqlite3.Connection, master: bytes, now: int) -> None:
    if not database.execute("SELECT 1 FROM wrapping_key").fetchone():
        for purpose in PURPOSES:
            _insert(database, master, purpose, 0, derived(master, purpose), now)


def _add_generations(database: sqlite3.Connection, master: bytes, now: int) -> None:
    (newest,) = database.execute("SELECT max(generation) FROM wrapping_key").fetchone()
    for purpose in PURPOSES:
        _insert(database, master, purpose, newest + 1, secrets.token_bytes(KEY_BYTES), now)


def _insert(
    database: sqlite3.Connection, master: bytes, purpose: str, generation: int, key: bytes, now: int
) -> None:
    sealed = sealing(master).wrap(key, place_of_generation(purpose, generation))
    database.execute(
        "INSERT INTO wrapping_key (purpose, generation, sealed, master, created_at)"
        " VALUES (?, ?, ?, ?, ?)",
        (purpose, generation, sealed, master_key.key_id(master), now),
    )


def _reseal(database: sqlite3.Connection, old: bytes, new: bytes) -> int:
    """How many rows there are."""
    before, after, id = Seal(old), Seal(new), master_key.key_id(new)
    found = database.execute("SELECT key, root, sealed FROM access_key").fetchall()
    for key, root, sealed in found:
        fresh = after.seal(before.unseal(sealed, key=key, root=root), key=key, root=root)
        change = "UPDATE access_key SET sealed = ?, master = ? WHERE key = ?"
        database.execute(change, (fresh, id, key))
    return len(found) + _rewrap(database, sealing(old), sealing(new), id)


def _rewrap(database: sqlite3.Connection, before: WrappingKey, after: WrappingKey, id: str) -> int:
    kms_keys = database.execute("SELECT id, sealed FROM kms_key").fetchall()
    for name, sealed in kms_keys:
        place = place_of_key(name)
        fresh = after.wrap(before.unwrap(sealed, place), place)
        database.execute(
            "UPDATE kms_key SET sealed = ?, master = ? WHERE id = ?", (fresh, id, name)
        )
    generations = database.execute(
        "SELECT purpose, generation, sealed FROM wrapping_key"
    ).fetchall()
    for purpose, generation, sealed in generations:
        place = place_of_generation(purpose, generation)
        fresh = after.wrap(before.unwrap(sealed, place), place)
        change = (
            "UPDATE wrapping_key SET sealed = ?, master = ? WHERE purpose = ? AND generation = ?"
        )
        database.execute(change, (fresh, id, purpose, generation))
    return len(kms_keys) + len(generations)


def _check(database: sqlite3.Connection, new: bytes) -> None:
    """Raises ``SealBroken`` unless every row, as it is written now, opens under the new key."""
    seal, wrapping = Seal(new), sealing(new)
    for key, root, sealed in database.execute("SELECT key, root, sealed FROM access_key"):
        seal.unseal(sealed, key=key, root=root)
    for id, sealed in database.execute("SELECT id, sealed FROM kms_key"):
        wrapping.unwrap(sealed, place_of_key(id))
    found = database.execute("SELECT purpose, generation, sealed FROM wrapping_key")
    for purpose, generation, sealed in found:
        wrapping.unwrap(sealed, place_of_generation(purpose, generation))
