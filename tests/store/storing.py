"""What the store's tests share: bodies, a store on a directory, and an audit of its rows."""

import hashlib
import uuid
from collections import Counter
from contextlib import asynccontextmanager, closing
from itertools import pairwise
from pathlib import Path

import apsw

from store import database, migrations, outbox, recovery, version_rows
from store.content_rows import decode_extents
from store.database import every
from store.intact import intact
from store.journal import Journal
from store.lock import write_lock
from store.prepare import prepare
from store.records import Attributes
from store.store import Settings, Store

QUICK = Settings(durability="none", segment_bytes=4 << 20, collect_seconds=3600.0)
PROFILE = "unixfs-v1-2025"
PLAIN = Attributes()
LARGE = 64 * 1024
"""A body this long does not fit inline."""


class Bytes:
    """A body that is there already."""

    digests = frozenset()

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    async def __aiter__(self):
        for at in range(0, len(self._data), 1 << 16):
            yield self._data[at : at + (1 << 16)]

    def verify(self, digests) -> None:
        assert digests["md5"] == hashlib.md5(self._data).digest()


def noise(seed: object, size: int) -> bytes:
    """``size`` bytes that are the same for the same seed."""
    return hashlib.shake_128(repr(seed).encode()).digest(size)


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        self.now += 1
        return self.now


@asynccontextmanager
async def serving(directory: Path, settings: Settings = QUICK, *, worker: int = 0, clock=None):
    """A store on a directory that is prepared; the background collector stays out of the way."""
    store = Store(directory, settings, worker=worker, clock=clock or Clock())
    await store.start()
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def opened(directory: Path, settings: Settings = QUICK, *, clock=None):
    """Prepared and serving, as one server with one worker."""
    prepared = prepare(directory, settings)
    try:
        async with serving(directory, settings, clock=clock) as store:
            yield store
    finally:
        prepared.close()


async def make_bucket(store: Store, name: str = "bucket", *, owner: str = "OWNER", profile=PROFILE):
    return await store.create_bucket(
        name,
        owner=owner,
        path=f"/home/{name}",
        acl="private",
        region="us-east-1",
        profile=profile,
    )


async def put(store: Store, bucket, key: bytes, data: bytes, *, attributes=PLAIN, **more):
    staged = await store.stage(Bytes(data), profile=bucket.profile)
    return await store.put(bucket, key, staged, owner="OWNER", attributes=attributes, **more)


async def put_part(store: Store, bucket, upload, number: int, data: bytes):
    staged = await store.stage(Bytes(data), profile=bucket.profile)
    return await store.put_part(upload, number, staged, checksums={"CRC32": "AAAAAA=="})


async def content(store: Store, entry, start: int = 0, length: int | None = None) -> bytes:
    """The bytes of an entry, however they are stored."""
    body = store.open(entry, start, entry.size - start if length is None else length)
    if isinstance(body, bytes):
        return body
    try:
        return b"".join([bytes(piece) async for piece in body])
    finally:
        body.close()


# --- rows ---------------------------------------------------------------------------------------

TABLES = (
    *("bucket", "entry", "version", "body", "content", "extent"),
    *("trash", "segment", "upload", "part", "state"),
    *("message", "quarantine"),
)


def dump(directory: Path) -> dict[str, list[tuple]]:
    """All that a replay must bring back: every table but the outbox."""
    with closing(database.open_reader(directory / database.FILE)) as db:
        return {t: sorted(every(db, f"SELECT * FROM {t}"), key=repr) for t in TABLES}


def replayed(directory: Path, target: Path) -> dict[str, list[tuple]]:
    """The rows that the whole journal makes of an empty database."""
    target.mkdir()
    with closing(database.open_reader(directory / database.FILE)) as db:
        store = outbox.store_id(db)
    migrations.migrate(target / database.FILE, store=store)
    with closing(database.open_writer(target / database.FILE, "none")) as db:
        recovery.replay(db, journal_of(directory, store).records())
    return dump(target)


def journal_of(directory: Path, store: uuid.UUID) -> Journal:
    return Journal(directory / "journal", store, write_lock(directory).file)


def audit(directory: Path) -> None:
    """References, space and checksums agree, and every byte is what its CID says."""
    with closing(database.open_reader(directory / database.FILE)) as db:
        _audit_references(db)
        _audit_space(db)
        _audit_bytes(db, directory)


def _audit_references(db: apsw.Connection) -> None:
    current = every(db, "SELECT body, content FROM entry")
    assert all((body is None) != (content is None) for body, content in current)
    earlier = every(db, "SELECT body, content FROM version")
    assert all((body is None) or (content is None) for body, content in earlier)
    entries = current + earlier
    bodies = [body for body, _ in entries if body is not None]
    assert sorted(bodies) == [id for (id,) in every(db, "SELECT id FROM body ORDER BY id")]
    held = Counter(content for _, content in entries if content is not None)
    assert held == dict(every(db, "SELECT id, refs FROM content"))
    for table in ("entry", "version"):
        for *values, crc in every(db, f"SELECT {version_rows.COLUMNS}, crc FROM {table}"):
            assert version_rows.crc(tuple(values)) == crc


def _audit_space(db: apsw.Connection) -> None:
    owned = {
        (e.segment, e.offset, e.length, owner)
        for table, owner in (("content", "id"), ("part", "seq"))
        for owner, packed in every(db, f"SELECT {owner}, extents FROM {table}")
        for e in decode_extents(packed)
    }
    assert owned == set(every(db, "SELECT * FROM extent"))
    taken = every(
        db,
        'SELECT segment, "offset", length FROM extent UNION ALL'
        ' SELECT segment, "offset", length FROM trash ORDER BY 1, 2',
    )
    for (segment, offset, length), (other, following, _) in pairwise(taken):
        assert segment != other or offset + length <= following
    known = {number for (number,) in every(db, "SELECT number FROM segment")}
    assert {segment for segment, _, _ in taken} <= known


def _audit_bytes(db: apsw.Connection, directory: Path) -> None:
    for cid, size, packed in every(db, "SELECT cid, size, extents FROM content"):
        data = b"".join(_read(directory, extent) for extent in decode_extents(packed))
        assert len(data) == size
        assert intact(cid, data)


def _read(directory: Path, extent) -> bytes:
    with (directory / "segments" / f"{extent.segment:08d}.seg").open("rb") as file:
        file.seek(extent.offset)
        return file.read(extent.length)
