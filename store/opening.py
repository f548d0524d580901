"""From an entry to its bytes, which may have gone meanwhile. A part of ``store.store.Store``.

Between the two anything may happen: another process commits, this one is stopped for an hour.
"""

from collections.abc import Sequence

import apsw

from store import names, versions
from store.engine import Engine
from store.errors import Damaged, NoSuchEntry
from store.intact import intact
from store.reader import Reader
from store.records import Entry, Extent, ObjectPart


class Opening:
    """Needs what ``Store.start`` sets."""

    _db: apsw.Connection
    _engine: Engine

    def parts(self, entry: Entry) -> Sequence[ObjectPart]:
        """By number, if the object came from a multipart upload; else none. Raises as ``open``."""
        found = names.parts(self._db, entry) if entry.parts_count else ()
        if entry.parts_count and not found:
            raise versions.gone(self._db, entry)
        return found

    def open(self, entry: Entry, start: int, length: int) -> bytes | Reader:
        """The bytes ``[start, start + length)``: at once when inline, else a ``Reader``.

        Raises ``Damaged`` when bytes are not there, or inline ones not what their CID says;
        ``NoSuchEntry`` when they are gone since the entry was replaced, deleted or moved after it
        was read.
        """
        if entry.body is not None:
            data = names.inline_bytes(self._db, entry.body)
            if data is None:
                raise versions.gone(self._db, entry)
            if not intact(entry.cid, data):
                raise Damaged(f"body {entry.body} of {entry.key!r}")
            return data if length >= len(data) else data[start : start + length]
        assert entry.content is not None
        extents = entry.extents or self._extents(entry)
        try:
            reader = self._engine.reader(extents, start, length, (entry.content, entry.cid))
        except Damaged:
            self._check_place(entry, extents)
            raise
        if reader.is_sparse:  # given back, most likely; some file systems keep no zeros either
            self._check_place(entry, extents)
        return reader

    def _extents(self, entry: Entry) -> tuple[Extent, ...]:
        assert entry.content is not None
        extents = names.content_extents(self._db, entry.content)
        if extents is None:
            raise versions.gone(self._db, entry)
        return extents

    def _check_place(self, entry: Entry, extents: tuple[Extent, ...]) -> None:
        if versions.still(self._db, entry).extents != extents:
            raise NoSuchEntry(f"{entry.key!r} has been moved")
