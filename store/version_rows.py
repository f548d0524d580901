"""Rows of ``version``: how they are set aside, brought back and taken out. A part of ``apply``.

Table ``entry`` has the newest version of a key when that is an object. Earlier ones and all delete
markers are in ``version``; a row of it with neither body nor content is a marker. ``made`` is the
change that made a version and orders those of a key; it is 0 in a bucket that never kept any.
"""

from collections.abc import Sequence

import apsw

from store.database import Row, every, one, row_crc

COLUMNS = (
    "bucket, key, seq, size, cid, etag, modified, owner, traits, attributes, parts_count, body,"
    " content, parts, made, version"
)
"""What a row says, in the order of its checksum."""

_UNVERSIONED = 14


def crc(values: Row) -> int:
    """Of all ``COLUMNS``. The last two were added later and count only when they say something."""
    return row_crc(values if values[-2] else values[:_UNVERSIONED])


def where(number: int) -> str:
    """Of the version that has this number: a condition on ``version``, bound to :number."""
    return "made = :number AND version = :number" if number else "version = 0"


def write(db: apsw.Connection, table: str, values: Row) -> None:
    """Add or replace the row with the values of ``COLUMNS``."""
    db.execute(_WRITE[table], (*values, crc(values)))


_WRITE = {
    table: f"INSERT OR REPLACE INTO {table} ({COLUMNS}, crc) VALUES ({', '.join('?' * 17)})"
    for table in ("entry", "version")
}


_ADD = _WRITE["entry"].replace("INSERT OR REPLACE", "INSERT") + (
    " ON CONFLICT (bucket, key) DO NOTHING"
)


def put(db: apsw.Connection, rows: Sequence[Row]) -> list[tuple[Row, int]]:
    """The current rows of keys, with the values of ``COLUMNS``; of one key the last one stays.

    Returns of each that gave up its place, and be it to a later one of ``rows``, what is to be
    released, and since when. Most keys are new: they are written without a look at what is there.
    """
    full = [(*values, crc(values)) for values in rows]
    before = db.total_changes()
    db.executemany(_ADD, full)
    if db.total_changes() - before == len(full):
        return []
    replaced: list[tuple[Row, int]] = []
    for row in full:
        seq, *old = held(db, *row[:2])[0]
        if seq != row[2]:
            replaced.append((tuple(old), row[6]))
            db.execute(_WRITE["entry"], row)
    return replaced


def held(db: apsw.Connection, bucket: int, key: bytes) -> list[Row]:
    """Seq, body, content and attributes of what is current, if anything is."""
    there = "SELECT seq, body, content, attributes FROM entry WHERE bucket = ? AND key = ?"
    return every(db, there, (bucket, key))


def set_aside(db: apsw.Connection, bucket: int, key: bytes, *, null: bool) -> list[Row]:
    """Make room for a new newest version, which is the ``null`` one or is not.

    Returns body, content and attributes of what it takes the place of, to be released.
    """
    if not null:
        _keep(db, bucket, key)
        return []
    # There is one null version at most: in ``entry`` or in ``version``.
    replaced = take(db, "entry", bucket, key, 0) or take(db, "version", bucket, key, 0)
    _keep(db, bucket, key)
    return replaced


def _keep(db: apsw.Connection, bucket: int, key: bytes) -> None:
    _move(db, "entry", "version", "bucket = ? AND key = ?", (bucket, key))


def take(db: apsw.Connection, table: str, bucket: int, key: bytes, number: int) -> list[Row]:
    """Take the version out of the table. Returns, if it was there, what is to be released."""
    return every(
        db,
        f"DELETE FROM {table} WHERE bucket = :bucket AND key = :key AND {_where(table, number)}"
        " RETURNING body, content, attributes",
        {"bucket": bucket, "key": key, "number": number},
    )


def _where(table: str, number: int) -> str:
    return where(number) if table == "version" else "version = :number"


def promote(db: apsw.Connection, bucket: int, key: bytes) -> None:
    """Where a key has no current object: its newest version becomes that, unless a marker is."""
    if one(db, "SELECT 1 FROM entry WHERE bucket = ? AND key = ?", (bucket, key)) is not None:
        return
    newest = (
        "SELECT made, body IS NULL AND content IS NULL FROM version"
        " WHERE bucket = ? AND key = ? ORDER BY made DESC LIMIT 1"
    )
    row = one(db, newest, (bucket, key))
    if row is not None and not row[1]:
        this = "bucket = ? AND key = ? AND made = ?"
        _move(db, "version", "entry", this, (bucket, key, row[0]))


def _move(db: apsw.Connection, source: str, target: str, where: str, bindings: Row) -> None:
    columns = f"{COLUMNS}, crc"
    db.execute(
        f"INSERT INTO {target} ({columns}) SELECT {columns} FROM {source} WHERE {where}", bindings
    )
    db.execute(f"DELETE FROM {source} WHERE {where}", bindings)
