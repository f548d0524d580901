"""Pages of versions and delete markers: two tables read as one, in order of key and then of age."""

from collections.abc import Iterator
from contextlib import closing
from itertools import chain

import apsw

from store import version_id
from store.database import Row, one, snapshot
from store.listing import walk
from store.names import ENTRY_COLUMNS
from store.records import VersionPage
from store.versions import version_of

_SCAN = f"""
    SELECT {ENTRY_COLUMNS}, made FROM entry WHERE bucket = :bucket AND {{where}}
    UNION ALL SELECT {ENTRY_COLUMNS}, made FROM version WHERE bucket = :bucket AND {{where}}
    ORDER BY key, made DESC"""
_FROM = _SCAN.format(where="key >= :key")
_BEYOND = _SCAN.format(where="key > :key")
_OLDER = _SCAN.format(where="key = :key AND made < :made")
_NEWER = _SCAN.format(where="key = :key AND made > :made")
_NULL = (
    "SELECT made FROM entry WHERE bucket = :bucket AND key = :key AND version = 0 UNION ALL"
    " SELECT made FROM version WHERE bucket = :bucket AND key = :key AND version = 0"
)
_ANY = 1 << 62
"""Made after all."""


def list_versions(
    db: apsw.Connection,
    bucket: int,
    *,
    prefix: bytes,
    delimiter: bytes,
    after_key: bytes,
    after_version: str | None,
    limit: int,
) -> VersionPage:
    """See ``Store.list_versions``."""
    page = VersionPage([], [], [], None, None, more=False)
    if limit <= 0:
        return page
    last: tuple[bytes | None, str | None] = (None, None)
    with snapshot(db):
        rows = _Rows(db, bucket, after_key, after_version)
        with closing(walk(rows, prefix, delimiter, after_key)) as walked:
            for found in walked:
                if len(page.versions) + len(page.prefixes) == limit:
                    return VersionPage(page.versions, page.latest, page.prefixes, *last, more=True)
                if isinstance(found, bytes):
                    page.prefixes.append(found)
                    last = (found, None)
                    continue
                version = version_of(found[:-1])
                first = not page.versions or page.versions[-1].key != version.key
                page.latest.append(first and rows.is_newest(version.key, found[-1]))
                page.versions.append(version)
                last = (version.key, version.version)
    return VersionPage(page.versions, page.latest, page.prefixes, *last, more=False)


class _Rows:
    """Where ``walk`` gets its rows: ``ENTRY_COLUMNS`` and ``made``, inside a snapshot."""

    def __init__(
        self, db: apsw.Connection, bucket: int, after_key: bytes, after_version: str | None
    ) -> None:
        self._db = db
        self._bucket = bucket
        self._after_key = after_key
        self._after_version = after_version

    def __call__(self, start: bytes, exclusive: bool) -> Iterator[Row]:
        beyond = self._db.execute(_BEYOND if exclusive else _FROM, self._bindings(start))
        if not exclusive or self._after_version is None or start != self._after_key:
            return beyond
        older = self._bindings(start) | {"made": self._made(start, self._after_version)}
        return chain(self._db.execute(_OLDER, older), beyond)

    def is_newest(self, key: bytes, made: int) -> bool:
        """Of the first version of ``key`` that was read: is there none before it?"""
        # Of all keys but the one that the last page ended in, the scan began with the newest.
        if key != self._after_key:
            return True
        return one(self._db, _NEWER, self._bindings(key) | {"made": made}) is None

    def _made(self, key: bytes, version: str) -> int:
        number = version_id.decode(version)
        if not number:
            row = one(self._db, _NULL, self._bindings(key))
            return row[0] if row else _ANY  # gone since the last page: where it was is not known
        return number

    def _bindings(self, key: bytes) -> dict[str, int | bytes]:
        return {"bucket": self._bucket, "key": key}
