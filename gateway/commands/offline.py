"""Looking into a data directory from a command, whether a server runs or not. Changes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw

from gateway.commands.outcome import NOT_FOUND, Refusal
from store import database, names, stats
from store.records import Bucket, Stats

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
