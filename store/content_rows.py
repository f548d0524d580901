"""Rows of ``content``, and of the space they and parts take. A part of ``apply``.

A content without extents is in quarantine: its bytes are damaged, and table ``quarantine`` has
where they are.
"""

import apsw
import msgspec

from store.changes import Known, Placed
from store.database import every, one, row_crc
from store.errors import Damaged
from store.records import Extent

encode = msgspec.msgpack.encode
decode_extents = msgspec.msgpack.Decoder(tuple[Extent, ...]).decode

NOWHERE = encode(())
"""The extents of a content in quarantine. None has a size of 0: that would be inline."""


def take(db: apsw.Connection, lsn: int, cid: bytes, source: Placed | Known, time: int) -> int:
    """One more reference to the content that has ``cid``; its id."""
    known = one(db, "SELECT id, extents FROM content WHERE cid = ?", (cid,))
    if known is None:
        if isinstance(source, Known):
            raise Damaged(f"change {lsn} refers to content {cid.hex()}, which is not there")
        return _new(db, lsn, cid, source)
    id, extents = known
    db.execute("UPDATE content SET refs = refs + 1 WHERE id = ?", (id,))
    if isinstance(source, Placed):
        if extents == NOWHERE:
            _heal(db, id, source, time)
        else:
            trash(db, source.extents, freed=0)  # nobody ever saw them: no grace
    return int(id)


def _new(db: apsw.Connection, lsn: int, cid: bytes, placed: Placed) -> int:
    extents = encode(placed.extents)
    size = sum([extent.length for extent in placed.extents])  # the entry's, unless encrypted
    db.execute(
        "INSERT INTO content (id, cid, size, refs, crc, extents, leaves)"
        " VALUES (?, ?, ?, 1, ?, ?, ?)",
        (lsn, cid, size, row_crc((lsn, cid, size, extents, placed.leaves)), extents, placed.leaves),
    )
    own(db, placed.extents, lsn)
    return lsn


def release(db: apsw.Connection, id: int, time: int) -> None:
    """One reference less; without any, its bytes are trash."""
    drop = "UPDATE content SET refs = refs - 1 WHERE id = ? RETURNING refs, extents"
    ((refs, extents),) = every(db, drop, (id,))
    if refs == 0:
        db.execute("DELETE FROM content WHERE id = ?", (id,))
        if extents == NOWHERE:
            extents = _end_quarantine(db, id)
        disown(db, decode_extents(extents), time)


def move(db: apsw.Connection, id: int, extents: tuple[Extent, ...], time: int) -> None:
    """Its bytes are in ``extents``; of where they were, what is not among these is trash.

    That ends a quarantine.
    """
    ((packed,),) = every(db, "SELECT extents FROM content WHERE id = ?", (id,))
    old = decode_extents(_end_quarantine(db, id) if packed == NOWHERE else packed)
    disown(db, tuple(each for each in old if each not in extents), time)
    own(db, tuple(each for each in extents if each not in old), id)
    _place(db, id, encode(extents))


# --- quarantine --------------------------------------------------------------------------------


def quarantine(db: apsw.Connection, lsn: int, id: int) -> None:
    """Let nobody read it. Raises ``Damaged`` when it is not there, or in quarantine."""
    row = one(db, "SELECT extents FROM content WHERE id = ?", (id,))
    if row is None or row[0] == NOWHERE:
        raise Damaged(f"change {lsn} refers to content {id}, which has no bytes")
    db.execute("INSERT INTO quarantine (content, extents) VALUES (?, ?)", (id, row[0]))
    _place(db, id, NOWHERE)


def _heal(db: apsw.Connection, id: int, placed: Placed, time: int) -> None:
    """The same bytes have come again."""
    disown(db, decode_extents(_end_quarantine(db, id)), time)
    db.execute("UPDATE content SET leaves = ? WHERE id = ?", (placed.leaves, id))
    _place(db, id, encode(placed.extents))
    own(db, placed.extents, id)


def _end_quarantine(db: apsw.Connection, id: int) -> bytes:
    end = "DELETE FROM quarantine WHERE content = ? RETURNING extents"
    ((extents,),) = every(db, end, (id,))
    return bytes(extents)


def _place(db: apsw.Connection, id: int, extents: bytes) -> None:
    row = one(db, "SELECT cid, size, leaves FROM content WHERE id = ?", (id,))
    assert row is not None
    cid, size, leaves = row
    crc = row_crc((id, cid, size, extents, leaves))
    db.execute("UPDATE content SET extents = ?, crc = ? WHERE id = ?", (extents, crc, id))


# --- space -------------------------------------------------------------------------------------


def own(db: apsw.Connection, extents: tuple[Extent, ...], owner: int) -> None:
    """Bytes of a content's id, or of a part's seq."""
    db.executemany(
        'INSERT INTO extent (segment, "offset", length, owner) VALUES (?, ?, ?, ?)',
        [(e.segment, e.offset, e.length, owner) for e in extents],
    )


def forget(db: apsw.Connection, extents: tuple[Extent, ...]) -> None:
    """They will have another owner."""
    db.executemany(
        'DELETE FROM extent WHERE segment = ? AND "offset" = ?',
        [(e.segment, e.offset) for e in extents],
    )


def disown(db: apsw.Connection, extents: tuple[Extent, ...], freed: int) -> None:
    """They have no owner any more."""
    forget(db, extents)
    trash(db, extents, freed=freed)


def trash(db: apsw.Connection, extents: tuple[Extent, ...], *, freed: int) -> None:
    """Give bytes to the collector, who takes them a grace after ``freed`` (ms since the epoch)."""
    db.executemany(
        'INSERT INTO trash (segment, "offset", length, freed) VALUES (?, ?, ?, ?)',
        [(e.segment, e.offset, e.length, freed) for e in extents],
    )
