"""Looking into a data directory from a command, whether a server runs or not.

Changes no object and no name.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
from msgspec import structs

from gateway.commands.outcome import NOT_FOUND, Refusal
from gateway.config import Config
from store import database, names, stats
from store.errors import DirectoryLocked
from store.prepare import prepare
from store.records import Bucket, Stats
from store.settings import Settings
from store.store import Store

_PAGE = 1000


@contextmanager
def _reader(directory: Path) -> Iterator[apsw.Connection]:
    path = directory / database.FILE
    if not path.exists():
        raise Refusal(f"{directory} holds no store; `s3gw serve` makes one", NOT_FOUND)
    connection = database.open_reader(path)
    try:
        yield connection
    finally:
        connection.close()


def buckets(directory: Path, *, owner: str) -> list[Bucket]:
    """The first buckets of one access key, by name; none where there is no store yet."""
    if not (directory / database.FILE).exists():
        return []
    with _reader(directory) as connection:
        return names.buckets(connection, owner, prefix="", after="", limit=_PAGE)


def all_buckets(directory: Path) -> list[Bucket]:
    """Every bucket, by name, whoever owns it. Raises ``Refusal``."""
    with _reader(directory) as connection:
        return names.all_buckets(connection)


def counted(directory: Path) -> Stats:
    """Reads every row of most tables. Raises ``Refusal``."""
    with _reader(directory) as connection:
        return stats.collect(connection, directory)


async def collected(config: Config) -> int:
    """Bytes that one round of the collector gives back.

    A directory that no server has is made ready first, and then no reader needs the grace that
    freed bytes have otherwise. Raises ``Refusal``, ``StoreError``.
    """
    before = counted(config.data_dir).trash_bytes
    settings = config.store
    try:
        prepared = prepare(config.data_dir, settings)
    except DirectoryLocked:
        return before - await _collect(config.data_dir, settings)
    try:
        before = counted(config.data_dir).trash_bytes
        hurried = structs.replace(settings, trash_grace_seconds=0.0)
        return before - await _collect(config.data_dir, hurried)
    finally:
        prepared.close()


async def _collect(directory: Path, settings: Settings) -> int:
    """Bytes that are still to be freed after one round, beside a server or alone."""
    store = Store(directory, settings, worker=-1)
    await store.start()
    try:
        await store.collect()
        return store.stats().trash_bytes
    finally:
        await store.close()
