"""Fsck: a sound directory is clean, and each kind of damage is found, alone and at its place."""

import asyncio
import os
from contextlib import closing

import apsw
import msgspec
import pytest
from storing import (
    LARGE,
    PLAIN,
    QUICK,
    content,
    make_bucket,
    noise,
    opened,
    put,
    put_part,
    serving,
)

from store import fsck, fsck_bytes
from store.content_rows import decode_extents
from store.database import FILE, every, one
from store.prepare import prepare
from store.records import Extent

MIB = 1 << 20


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def sound(directory):
    """Something of everything: inline, large, shared, copied, parts, trash, two segments."""

    async def fill():
        async with opened(
            directory, msgspec.structs.replace(QUICK, segment_bytes=2 << 20)
        ) as store:
            bucket = await make_bucket(store)
            old = await make_bucket(store, "old", profile="unixfs-v0-2015")
            await put(store, bucket, b"inline", b"small")
            await put(store, bucket, b"empty", b"")
            await put(store, bucket, b"large", noise("large", 3 * MIB + 5))
            await put(store, bucket, b"same", noise("large", 3 * MIB + 5))
            await put(store, old, b"large", noise("large", MIB))
            await put(store, old, b"inline", b"small")
            gone = await put(store, bucket, b"gone", noise("gone", LARGE))
            await store.copy(gone, bucket, b"copy", owner="", attributes=PLAIN)
            await put(store, bucket, b"trash", noise("trash", LARGE))
            await store.delete(bucket, [b"gone", b"trash"])
            for key, profile in ((b"done", bucket), (b"going", bucket), (b"going", old)):
                upload = await store.create_upload(profile, key, owner="", attributes=PLAIN)
                for number in (1, 2):
                    await put_part(store, profile, upload, number, noise(number, LARGE))
                if key == b"done":
                    parts = store.upload_parts(upload)
                    await store.complete_upload(upload, parts, etag="e-2", attributes=PLAIN)

    asyncio.run(fill())
    return directory


def kinds(directory, *, fast=False) -> list[str]:
    return [found.kind for found in fsck.check(directory, fast=fast)]


def change(directory, *statements: str) -> None:
    with closing(apsw.Connection(str(directory / FILE))) as db:
        for statement in statements:
            db.execute(statement)


def extents_of(directory, key: str) -> list[Extent]:
    with closing(apsw.Connection(str(directory / FILE))) as db:
        row = one(
            db,
            "SELECT c.extents FROM entry e JOIN content c ON c.id = e.content WHERE e.key = ?",
            (key.encode(),),
        )
    return list(decode_extents(row[0]))


def flip(path, offset: int, count: int = 1) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        there = file.read(count)
        file.seek(offset)
        file.write(bytes(each ^ 1 for each in there))


def segment(directory, number: int):
    return directory / "segments" / f"{number:08d}.seg"


def journal(directory):
    return sorted((directory / "journal").iterdir())


def test_a_sound_directory_is_clean(sound):
    assert list(fsck.check(sound)) == []


def test_progress_ends_with_all_bytes(sound):
    seen = []
    assert list(fsck.check(sound, progress=lambda done, of: seen.append((done, of)))) == []

    assert seen[-1][0] == seen[-1][1] > 3 * MIB


# --- rows --------------------------------------------------------------------------------------

ROWS = {
    "UPDATE entry SET modified = modified + 1 WHERE key = X'6c61726765'": ["entry-checksum"] * 2,
    "UPDATE entry SET owner = 'thief' WHERE content IS NULL AND size = 0": ["entry-checksum"],
    "UPDATE entry SET parts = X'90' WHERE parts IS NOT NULL": ["entry-checksum"],
    "DELETE FROM bucket WHERE name = 'old'": ["entry-bucket", "entry-bucket", "upload"],
    "DELETE FROM body WHERE length(bytes) = 0": ["entry-body"],
    "INSERT INTO body (bytes) VALUES ('nobody''s')": ["body-orphan"],
    "UPDATE content SET refs = refs + 1 WHERE refs = 2": ["content-refs"],
    "UPDATE content SET size = size + 1 WHERE refs = 2": [
        "entry-content",
        "entry-content",
        "content-checksum",
        "content-cid",
        "extents",
    ],
    "DELETE FROM extent WHERE segment = (SELECT min(segment) FROM extent)": None,
    "UPDATE extent SET owner = 999 WHERE length = 65536": None,
    "INSERT INTO extent VALUES ((SELECT max(segment) FROM extent), 409600000, 1, 5)": [
        "extent-orphan",
        "segment-short",
    ],
    "INSERT INTO trash SELECT segment, offset + 4096, 1, 0 FROM extent LIMIT 1": ["extent-overlap"],
    "INSERT INTO trash SELECT segment, offset + 1, 1, 0 FROM extent LIMIT 1": ["extent"],
    "DELETE FROM segment WHERE number = (SELECT min(segment) FROM extent)": [
        "segment-row",
        "segment-orphan",
    ],
    "DELETE FROM upload WHERE completed_etag IS NULL": ["part"] * 4,
}


@pytest.mark.parametrize("damage", ROWS)
@pytest.mark.parametrize("fast", [False, True], ids=["whole", "fast"])
def test_damaged_rows_are_found(sound, damage, fast):
    change(sound, damage)

    found = kinds(sound, fast=fast)

    if ROWS[damage] is not None:
        assert found == ROWS[damage]
    else:
        assert set(found) <= {"extent-missing", "extent-orphan"}
        assert found


def test_a_missing_content_is_found_with_all_that_needs_it(sound):
    change(sound, "DELETE FROM content WHERE refs = 2")

    found = list(fsck.check(sound))

    assert [each.kind for each in found[:2]] == ["entry-content"] * 2
    assert found[0].where.startswith("bucket/large: content")
    assert found[0].bytes == 3 * MIB + 5
    assert {each.kind for each in found[2:]} == {"extent-orphan"}


def test_inline_bytes_are_hashed_unless_it_must_be_fast(sound):
    change(sound, "UPDATE body SET bytes = CAST('smalL' AS BLOB) WHERE length(bytes) = 5")

    assert kinds(sound) == ["entry-body", "entry-body"]
    assert kinds(sound, fast=True) == []


# --- bytes and files ---------------------------------------------------------------------------


def test_a_flipped_bit_is_found_in_its_leaf(sound):
    first = extents_of(sound, "large")[0]
    flip(segment(sound, first.segment), first.offset + MIB + 1)

    (found,) = fsck.check(sound)

    assert found.kind == "leaf"
    assert found.where.endswith(f"bytes {MIB} to {2 * MIB - 1}")
    assert found.bytes == MIB
    assert kinds(sound, fast=True) == []


def test_every_byte_of_contents_and_parts_is_hashed(sound):
    with closing(apsw.Connection(str(sound / FILE))) as db:
        places = every(db, 'SELECT segment, "offset", length FROM extent')
    assert len(places) >= 8
    for number, offset, length in places:
        flip(segment(sound, number), offset + length - 1)
        assert kinds(sound) == ["leaf"]
        flip(segment(sound, number), offset + length - 1)
    assert kinds(sound) == []


def test_bad_leaves_in_a_row_are_one_finding(sound):
    for extent in extents_of(sound, "large"):
        flip(segment(sound, extent.segment), extent.offset, extent.length)

    (found,) = fsck.check(sound)

    assert (found.kind, found.bytes) == ("leaf", 3 * MIB + 5)


def test_a_segment_that_is_gone_is_found(sound):
    last = extents_of(sound, "large")[-1].segment
    segment(sound, last).unlink()

    found = kinds(sound)

    assert found[0] == "segment-missing"
    assert set(found[1:]) == {"bytes"}


def test_a_segment_cut_short_is_found(sound):
    last = extents_of(sound, "large")[-1]
    os.truncate(segment(sound, last.segment), last.offset + last.length - 1)

    assert set(kinds(sound)) == {"segment-short", "leaf"}
    assert kinds(sound, fast=True) == ["segment-short"]


def test_files_that_nobody_knows_are_found(sound):
    segment(sound, 3).write_bytes(b"bytes")
    (sound / "segments" / "lost").write_bytes(b"")
    segment(sound, 99999999).write_bytes(b"newer than the database")

    assert kinds(sound) == ["segment-orphan", "segment-orphan", "file"]


# --- journal -----------------------------------------------------------------------------------


def settle(directory) -> None:
    """A start: the journal is complete and the outbox empty."""
    prepare(directory, QUICK).close()
    with closing(apsw.Connection(str(directory / FILE))) as db:
        assert every(db, "SELECT * FROM change") == []


def test_a_torn_end_is_completed_by_the_outbox(sound):
    path = journal(sound)[-1]
    os.truncate(path, path.stat().st_size - 3)

    assert kinds(sound) == []
    change(sound, "DELETE FROM change")
    assert kinds(sound) == ["journal-short"]


def test_a_flipped_bit_in_the_journal_is_found(sound):
    settle(sound)
    flip(journal(sound)[-1], 200)

    assert kinds(sound, fast=True) == ["journal-short"]


def test_a_journal_of_another_store_is_found(sound, tmp_path):
    settle(sound)
    other = tmp_path / "other"
    prepare(other, QUICK).close()

    async def fill():
        async with serving(other) as store:
            await make_bucket(store)

    asyncio.run(fill())
    journal(sound)[-1].write_bytes(journal(other)[-1].read_bytes())

    assert kinds(sound) == ["journal", "journal-short"]


def test_a_journal_that_is_gone_is_found(sound):
    settle(sound)
    journal(sound)[0].unlink()

    assert kinds(sound) == ["journal-short"]


def test_a_gap_between_journals_is_found(sound):
    settle(sound)
    path = journal(sound)[0]
    path.rename(path.with_name(f"{2:016d}.log"))

    assert kinds(sound)[0] == "journal-gap"


def test_a_database_behind_the_journal_is_found(sound):
    settle(sound)
    change(sound, "UPDATE state SET lsn = lsn - 1")

    assert kinds(sound) == ["database-behind"]


# --- the database itself -----------------------------------------------------------------------


def test_a_database_that_is_none_is_a_finding(sound):
    for suffix in ("-wal", "-shm"):
        (sound / (FILE + suffix)).unlink(missing_ok=True)
    (sound / FILE).write_bytes(b"not a database at all" * 1000)

    assert kinds(sound) == ["database"]
    (sound / FILE).write_bytes(b"")
    assert kinds(sound) == ["database"]
    (sound / FILE).unlink()
    assert kinds(sound) == ["database"]


def test_a_torn_page_is_a_finding(sound):
    settle(sound)
    flip(sound / FILE, 4096, 200)

    assert "database" in kinds(sound)


# --- beside a server ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "step"),
    [(fsck.fsck_space, "check"), (fsck_bytes.Scan, "_hold"), (fsck_bytes.Scan, "_hash")],
    ids=["after the snapshot", "before bytes are locked", "while bytes are read"],
)
async def test_a_server_at_work_is_no_damage(directory, monkeypatch, where, step):
    """All objects are replaced and their bytes collected while the check stands at ``step``."""
    settings = msgspec.structs.replace(QUICK, segment_bytes=MIB, inline_bytes=100)
    async with opened(directory, settings) as store:
        bucket = await make_bucket(store)
        sizes = {b"%d" % n: LARGE * (n + 1) for n in range(8)} | {b"inline": 50}
        for key, size in sizes.items():
            await put(store, bucket, key, noise(key, size))
        upload = await store.create_upload(bucket, b"parts", owner="", attributes=PLAIN)
        await put_part(store, bucket, upload, 1, noise("part", LARGE))
        loop = asyncio.get_running_loop()
        lives = []

        async def live() -> None:
            for key, size in sizes.items():
                await store.delete(bucket, [key] if size % 3 else [])
                await put(store, bucket, key, noise((key, "new"), size))
            await store.abort_upload(upload)
            await store.collect(now=1 << 60)

        def stopped(*args):
            if not lives:
                lives.append(asyncio.run_coroutine_threadsafe(live(), loop).result(30))
            return real(*args)

        real = getattr(where, step)
        monkeypatch.setattr(where, step, stopped)
        found = await loop.run_in_executor(None, kinds, directory)

        assert lives
        assert found == []
        for key, size in sizes.items():
            assert await content(store, store.entry(bucket, key)) == noise((key, "new"), size)
    assert kinds(directory) == []
