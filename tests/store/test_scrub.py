"""Scrub: every flipped bit is found, once found it is never served, and a pass is gone on with."""

import os
import random
from contextlib import closing

import apsw
import pytest
from storing import (
    LARGE,
    PLAIN,
    TABLES,
    audit,
    content,
    dump,
    make_bucket,
    noise,
    opened,
    put,
    put_part,
    replayed,
)

from store import base, chores, database, files, fsck
from store import scrub as scrubbing
from store.content_rows import NOWHERE, decode_extents
from store.database import every
from store.errors import Damaged, DirectoryLocked
from store.rebuild import rebuild
from store.scrub import Report, is_due, report, scrub
from store.settings import Settings
from store.trimming import trim
from tests.store.crash.killing import child

DAY = 86_400_000


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
async def filled(directory):
    """Some contents, one of them named twice, inline bodies, and a part."""
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        for n in range(8):
            await put(store, bucket, b"large%d" % n, noise(n, LARGE + n))
        for n in range(4):
            await put(store, bucket, b"small%d" % n, noise(n, 3000))
        await put(store, bucket, b"twin", noise(1, LARGE + 1))
        upload = await store.create_upload(bucket, b"going", owner="", attributes=PLAIN)
        await put_part(store, bucket, upload, 1, noise("part", LARGE))
        await store.collect(now=0)
    return directory


def flip(path, at, bit=0):
    with path.open("r+b") as file:
        file.seek(at)
        (old,) = file.read(1)
        file.seek(at)
        file.write(bytes([old ^ 1 << bit]))


def rows(directory, query):
    with closing(database.open_reader(directory / database.FILE)) as db:
        return every(db, query)


def flip_content(directory, size):
    ((packed,),) = rows(directory, f"SELECT extents FROM content WHERE size = {size}")
    (extent,) = decode_extents(packed)
    flip(directory / "segments" / f"{extent.segment:08d}.seg", extent.offset + size // 2)


def kinds(found):
    return [each.kind for each in found.findings]


def test_a_sound_store_is_clean_and_untouched(filled):
    before = dump(filled)

    found = scrub(filled)

    assert (found.found, found.findings) == (0, ())
    assert found.done_bytes == found.total_bytes == 9 * LARGE + sum(range(8))
    assert found.finished
    assert report(filled) == found
    assert dump(filled) == before


def test_every_flip_in_the_bytes_of_objects_is_found(filled):
    chance = random.Random(1)
    extents = rows(filled, 'SELECT segment, "offset", length FROM extent')
    for segment, offset, length in extents * 5:
        path = filled / "segments" / f"{segment:08d}.seg"
        at, bit = offset + chance.randrange(length), chance.randrange(8)
        flip(path, at, bit)

        found = list(fsck.check(filled))

        assert [each.kind for each in found] == ["leaf"]
        flip(path, at, bit)
    assert scrub(filled).found == 0


def test_every_flip_in_an_inline_body_is_found(filled):
    chance = random.Random(1)
    for (id,) in rows(filled, "SELECT id FROM body") * 5:
        with closing(apsw.Connection(str(filled / database.FILE))) as db:
            with db.blob_open("main", "body", "bytes", id, True) as blob:
                at = chance.randrange(blob.length())
                blob.seek(at)
                (old,) = blob.read(1)
                blob.seek(at)
                blob.write(bytes([old ^ 1 << chance.randrange(8)]))
            found = scrub(filled)
            assert kinds(found) == ["entry-body"]
            with db.blob_open("main", "body", "bytes", id, True) as blob:
                blob.seek(at)
                blob.write(bytes([old]))
    assert scrub(filled).found == 0


def flipped(value, chance):
    """One bit of a value other."""
    if isinstance(value, int):
        return value ^ 1 << chance.randrange(31)
    data = bytearray(value.encode() if isinstance(value, str) else value)
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(7)
    return data.decode() if isinstance(value, str) else bytes(data)


@pytest.mark.parametrize("has_base", [False, True])
def test_a_flip_in_any_value_of_the_database_is_found(filled, has_base):
    """Also in rows and columns that no checksum covers."""
    if has_base:
        trim(filled)
    flip_content(filled, LARGE + 3)
    scrub(filled)  # so that there is a row in quarantine too
    path = filled / database.FILE
    sound = path.read_bytes()
    chance = random.Random(has_base)
    count = 0
    columns = [
        (table, name)
        for table in TABLES
        for _, name, *_ in rows(filled, f"PRAGMA table_info({table})")
    ]
    for table, column in columns:
        if (table, column) != ("state", "id"):  # SQLite lets it be 1 only
            some = f"FROM {table} WHERE {column} IS NOT NULL AND length({column}) LIMIT 1"
            for (value,) in rows(filled, f"SELECT {column} {some}"):
                with closing(apsw.Connection(str(path))) as db:
                    db.execute(
                        f"UPDATE {table} SET {column} = ?1 WHERE {column} IS ?2",
                        (flipped(value, chance), value),
                    )

                assert {"quarantine"} < set(kinds(scrub(filled))), (table, column)
                count += 1
                path.write_bytes(sound)
    assert count > 50
    assert rows(filled, "SELECT count(*) FROM quarantine") == [(1,)]


def test_the_journal_is_not_forgotten_for_a_database_that_it_does_not_make(filled):
    with closing(apsw.Connection(str(filled / database.FILE))) as db:
        db.execute("UPDATE bucket SET acl = 'public'")
    with pytest.raises(Damaged, match="table bucket"):
        trim(filled)
    assert base.bases(filled) == []

    rebuild(filled)
    trim(filled)

    assert rows(filled, "SELECT acl FROM bucket") == [("private",)]


async def test_what_is_damaged_is_not_served_and_the_rest_is(filled):
    flip_content(filled, LARGE + 1)
    async with opened(filled) as store:
        bucket = store.bucket("bucket")
        held = store.entry(bucket, b"large1")

        found = scrub(filled)

        assert kinds(found) == ["leaf"]
        for key in (b"large1", b"twin"):
            with pytest.raises(Damaged):
                store.open(store.entry(bucket, key), 0, LARGE)
        assert await content(store, store.entry(bucket, b"large2")) == noise(2, LARGE + 2)
        assert held.extents
        copied = await store.copy(held, bucket, b"copy", owner="", attributes=PLAIN)
        with pytest.raises(Damaged):
            store.open(copied, 0, 1)
    assert kinds(scrub(filled)) == ["quarantine"]


async def test_the_same_bytes_heal_it_under_all_its_names(filled):
    flip_content(filled, LARGE + 1)
    scrub(filled)
    async with opened(filled) as store:
        bucket = store.bucket("bucket")

        await put(store, bucket, b"again", noise(1, LARGE + 1))

        for key in (b"again", b"large1", b"twin"):
            assert await content(store, store.entry(bucket, key)) == noise(1, LARGE + 1)
        assert store.stats().trash_bytes == LARGE + 1
        for now in (1 << 60, 1 << 61):  # the upload goes in the first
            await store.collect(now=now)
        assert store.stats().trash_bytes == 0
    assert list(fsck.check(filled)) == []
    audit(filled)
    assert scrub(filled).found == 0


async def test_bytes_that_are_sound_again_are_served_again(filled, tmp_path):
    """The segment came back from a backup, or it was a cable."""
    flip_content(filled, LARGE + 1)
    scrub(filled)
    async with opened(filled) as store:
        bucket = store.bucket("bucket")
        with pytest.raises(Damaged):
            store.open(store.entry(bucket, b"large1"), 0, 1)
        flip_quarantined(filled)

        assert scrub(filled).found == 0

        for key in (b"large1", b"twin"):
            assert await content(store, store.entry(bucket, key)) == noise(1, LARGE + 1)
    assert rows(filled, "SELECT * FROM quarantine") == []
    assert list(fsck.check(filled)) == []
    audit(filled)
    assert replayed(filled, tmp_path / "replayed") == dump(filled)


def flip_quarantined(directory):
    ((packed,),) = rows(directory, "SELECT extents FROM quarantine")
    (extent,) = decode_extents(packed)
    path = directory / "segments" / f"{extent.segment:08d}.seg"
    flip(path, extent.offset + extent.length // 2)


async def test_deleting_it_gives_its_bytes_back(filled):
    flip_content(filled, LARGE + 1)
    scrub(filled)
    async with opened(filled) as store:
        bucket = store.bucket("bucket")
        await store.delete(bucket, [b"large1"])
        assert store.stats().trash_bytes == 0
        await store.delete(bucket, [b"twin"])
        assert store.stats().trash_bytes == LARGE + 1
    assert rows(filled, "SELECT * FROM quarantine") == []
    assert list(fsck.check(filled)) == []


async def test_quarantine_is_journalled(filled, tmp_path):
    flip_content(filled, LARGE + 1)
    flip_content(filled, LARGE + 2)
    scrub(filled)
    async with opened(filled) as store:
        await put(store, store.bucket("bucket"), b"again", noise(1, LARGE + 1))
    before = dump(filled)

    assert len(before["quarantine"]) == 1
    assert replayed(filled, tmp_path / "replayed") == before
    rebuild(filled)
    assert dump(filled) == before


async def test_what_was_replaced_meanwhile_is_left_alone(filled, monkeypatch):
    """Between the look at the bytes and the quarantine the content has gone, and come again."""
    flip_content(filled, LARGE + 1)
    async with opened(filled) as store:
        bucket = store.bucket("bucket")
        ((old,),) = rows(filled, f"SELECT id FROM content WHERE size = {LARGE + 1}")
        condemn = scrubbing._Condemn(old, ())
        await store._engine.submit(condemn)
        gone = scrubbing._Condemn(10**9, ())
        await store._engine.submit(gone)

        assert store.entry(bucket, b"large1").extents
    assert rows(filled, "SELECT * FROM quarantine") == []


def test_what_a_second_look_finds_sound_is_sound(filled, monkeypatch):
    """A bit that a memory chip flipped once."""
    real, looks = scrubbing.Scan.check, []

    def check(self, run):
        looks.append(run.where)
        if len(looks) == 1:
            return iter([("leaf", run.where, 1)])
        return real(self, run)

    monkeypatch.setattr(scrubbing.Scan, "check", check)
    assert scrub(filled).found == 0
    assert looks[0] == looks[1]
    assert rows(filled, "SELECT * FROM quarantine") == []


def test_a_damaged_part_is_reported(filled):
    ((packed,),) = rows(filled, "SELECT extents FROM part")
    (extent,) = decode_extents(packed)
    flip(filled / "segments" / f"{extent.segment:08d}.seg", extent.offset)

    found = scrub(filled)

    assert kinds(found) == ["leaf"]
    assert found.findings[0].where.startswith("part 1 of upload")


# --- a pass in pieces ---------------------------------------------------------------------------


class _StopError(Exception):
    pass


def test_a_pass_goes_on_where_it_was_stopped(filled):
    flip_content(filled, LARGE + 1)
    hashed = []

    def stop(done, of):
        hashed.append(done)
        if len(hashed) == 4:
            raise _StopError

    with pytest.raises(_StopError):
        scrub(filled, clock=iter(range(0, 10**6, 10)).__next__, progress=stop)
    part = report(filled)
    assert part.finished is None
    assert part.rows_done
    assert 0 < part.done_bytes < part.total_bytes

    done = scrub(filled)

    assert done.started == part.started
    assert kinds(done) == ["leaf"]  # once, though it was found before the stop
    assert done.done_bytes >= done.total_bytes


@pytest.mark.parametrize("point", ["C1:1", "C1:2", "C2:1", "C2:2"])
def test_a_scrub_that_is_killed_loses_no_finding(filled, point):
    for n in (1, 4, 6):
        flip_content(filled, LARGE + n)

    child("scrub", filled, killed_at=point)
    child("scrub", filled, killed_at=None)

    assert len(rows(filled, "SELECT * FROM quarantine")) == 3
    empty = f"SELECT count(*) FROM content WHERE extents = x'{NOWHERE.hex()}'"
    assert rows(filled, empty) == [(3,)]
    found = report(filled)
    assert found.finished
    assert [kind for kind in kinds(found) if kind == "leaf"] == ["leaf"] * 3
    assert kinds(scrub(filled)) == ["quarantine"] * 3


def test_two_do_not_scrub_at_once(filled):
    lock = files.create(filled / "scrub.lock")
    files.lock_file(lock)

    with pytest.raises(DirectoryLocked):
        scrub(filled)
    os.close(lock)


def test_an_unreadable_report_begins_anew(filled):
    (filled / "scrub.json").write_bytes(b"\0\1\2")

    assert report(filled) is None
    assert scrub(filled).finished


def test_it_goes_no_faster_than_it_may(filled, monkeypatch):
    slept = []
    monkeypatch.setattr(
        scrubbing.Pace.__init__, "__kwdefaults__", {"sleep": slept.append, "clock": lambda: 0.0}
    )

    scrub(filled, bytes_per_second=LARGE)

    assert slept[-1] == pytest.approx(9, abs=0.1)


# --- when ---------------------------------------------------------------------------------------


def test_it_is_due_when_the_last_began_long_ago_or_is_not_finished(filled):
    assert not is_due(filled, 30, DAY)  # from now on it is counted
    assert not is_due(filled, 30, 30 * DAY)
    assert is_due(filled, 30, 31 * DAY)
    assert not is_due(filled, 0, 31 * DAY)
    scrubbing._save(filled, Report(31 * DAY, 5, 5))
    assert is_due(filled, 30, 31 * DAY)
    assert not is_due(filled, 0, 31 * DAY)


def test_it_is_due_when_the_clock_was_far_ahead(filled):
    assert not is_due(filled, 30, 50_000 * DAY)
    assert is_due(filled, 30, DAY)


def test_worker_0_scrubs_in_a_process_of_its_own(filled):
    flip_content(filled, LARGE + 1)
    running = chores.Chores(
        filled, Settings(upkeep_bytes_per_second=0, scrub_days=1.0, compact_below=0.0)
    )
    running.look(DAY)
    assert running._running is None
    running.look(2 * DAY)
    assert running._running[1].wait(30) == 0
    running.close()

    assert kinds(report(filled)) == ["leaf"]
    assert len(rows(filled, "SELECT * FROM quarantine")) == 1
