"""Backup: what is made beside a server is the store as it was at one moment, and serves."""

import asyncio
import errno
import os
from contextlib import closing

import apsw
import pytest
from storing import (
    LARGE,
    PLAIN,
    audit,
    content,
    dump,
    journal_of,
    make_bucket,
    noise,
    opened,
    put,
    put_part,
)

from store import backup as backing
from store import base, database, files, fsck, migrations, outbox, recovery
from store.backup import backup
from store.errors import Damaged, DirectoryLocked
from store.lock import DirectoryLock
from store.rebuild import rebuild
from tests.store.crash.killing import child, crashed

SMALL = 500


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "copy"


async def fill(store):
    bucket = await make_bucket(store)
    for n in range(12):
        await put(store, bucket, b"%d" % n, noise(n, LARGE + n if n % 3 else SMALL))
    await store.delete(bucket, [b"1", b"3"])
    upload = await store.create_upload(bucket, b"going", owner="", attributes=PLAIN)
    await put_part(store, bucket, upload, 1, noise("part", LARGE))
    return bucket


async def bodies(store):
    bucket = store.bucket("bucket")
    entries = store.list_entries(bucket).entries
    return {e.key: await content(store, store.entry(bucket, e.key)) for e in entries}


def as_of(directory, lsn, where) -> dict[str, list[tuple]]:
    """The rows that the journal makes of an empty database up to one change."""
    where.mkdir()
    with closing(database.open_reader(directory / database.FILE)) as db:
        store = outbox.store_id(db)
    migrations.migrate(where / database.FILE, store=store)
    with closing(database.open_writer(where / database.FILE, "none")) as db:
        records = journal_of(directory, store).records()
        recovery.replay(db, (record for record in records if record.lsn <= lsn))
    return dump(where)


def held_up(monkeypatch, loop, doing):
    """Have ``doing`` done once the database is copied and no byte of a segment is."""

    def hit(name: str) -> None:
        if name == "B1":
            asyncio.run_coroutine_threadsafe(doing(), loop).result(20)

    monkeypatch.setattr(backing, "hit", hit)


async def test_a_server_starts_on_it_and_has_every_byte(directory, target):
    async with opened(directory) as store:
        await fill(store)
        before = await bodies(store)

        done = await asyncio.to_thread(backup, directory, target)

    rows = dump(directory)
    assert done.unreadable_bytes == 0
    assert dump(target) == rows
    assert list(fsck.check(target)) == []
    async with opened(target) as store:
        assert await bodies(store) == before
        bucket = store.bucket("bucket")
        (upload,) = store.uploads(bucket).uploads
        await store.complete_upload(upload, store.upload_parts(upload), etag="e", attributes=PLAIN)
        assert await content(store, store.entry(bucket, b"going")) == noise("part", LARGE)
        await store.collect(now=1 << 60)
    audit(target)
    assert list(fsck.check(target)) == []
    assert dump(directory) == rows
    assert list(fsck.check(directory)) == []


async def test_what_is_deleted_and_collected_meanwhile_is_in_it(directory, target, monkeypatch):
    async with opened(directory) as store:
        bucket = await fill(store)
        before = await bodies(store)

        async def clear():
            await store.delete(bucket, list(before))
            await put(store, bucket, b"new", noise("new", LARGE))
            await store.collect(now=1 << 60)

        held_up(monkeypatch, asyncio.get_running_loop(), clear)
        await asyncio.to_thread(backup, directory, target)
        assert store.stats().trash_bytes
        await store.collect(now=1 << 61)
        assert store.stats().trash_bytes == 0

    assert list(fsck.check(target)) == []
    async with opened(target) as store:
        assert await bodies(store) == before


async def test_bytes_that_are_not_held_are_found_missing(directory, target, monkeypatch):
    """What the test above is worth."""
    monkeypatch.setattr(files, "lock_shared", lambda file, offset, length: True)
    async with opened(directory) as store:
        bucket = await fill(store)

        async def clear():
            await store.delete(bucket, [b"2", b"4"])
            await store.collect(now=1 << 60)

        held_up(monkeypatch, asyncio.get_running_loop(), clear)
        await asyncio.to_thread(backup, directory, target)

    assert [found.kind for found in fsck.check(target)] == ["leaf"] * 2


async def test_it_is_one_moment_however_much_is_written(directory, target, tmp_path):
    async with opened(directory) as store:
        bucket = await fill(store)
        done = False

        async def churn(lane: int):
            n = 0
            while not done:
                n += 1
                key = b"%d/%d" % (lane, n % 7)
                if n % 5:
                    await put(store, bucket, key, noise((lane, n), LARGE if n % 2 else SMALL))
                else:
                    await store.delete(bucket, [key])
                    await store.collect(now=1 << 60)

        lanes = [asyncio.create_task(churn(lane)) for lane in range(3)]
        made = [
            await asyncio.to_thread(backup, directory, target.with_name(f"copy{n}"))
            for n in range(3)
        ]
        done = True
        await asyncio.gather(*lanes)

    assert made[0].lsn < made[2].lsn
    for n, each in enumerate(made):
        copy = target.with_name(f"copy{n}")
        assert list(fsck.check(copy)) == []
        assert dump(copy) == as_of(directory, each.lsn, tmp_path / f"as-of-{n}")


async def test_a_backup_of_the_backup_restores_it(directory, target, tmp_path):
    async with opened(directory) as store:
        await fill(store)
        before = await bodies(store)
    backup(directory, target)

    backup(target, tmp_path / "restored")

    assert dump(tmp_path / "restored") == dump(directory)
    async with opened(tmp_path / "restored") as store:
        assert await bodies(store) == before


async def test_it_can_be_rebuilt_from_its_base(directory, target):
    async with opened(directory) as store:
        await fill(store)
    backup(directory, target)
    async with opened(target) as store:
        await put(store, store.bucket("bucket"), b"later", noise("later", LARGE))
        after = await bodies(store)
    rows = dump(target)
    for path in target.glob(f"{database.FILE}*"):
        path.unlink()

    rebuild(target)

    assert dump(target) == rows
    assert list(fsck.check(target)) == []
    async with opened(target) as store:
        assert await bodies(store) == after


async def test_bytes_that_cannot_be_read_are_counted_and_the_rest_is_there(directory, target):
    async with opened(directory) as store:
        await fill(store)
    (segment,) = (directory / "segments").iterdir()
    os.truncate(segment, LARGE)

    done = backup(directory, target)

    assert done.unreadable_bytes > LARGE
    assert {found.kind for found in fsck.check(target)} == {"leaf"}


async def test_a_damaged_database_gives_no_backup(directory, target):
    async with opened(directory) as store:
        await fill(store)
    with closing(apsw.Connection(str(directory / database.FILE))) as db:
        db.execute("UPDATE entry SET etag = 'x' WHERE key = x'32'")

    with pytest.raises(Damaged, match="entry-checksum"):
        backup(directory, target)
    assert not target.exists()


async def test_nothing_of_an_older_attempt_is_left(directory, target):
    async with opened(directory) as store:
        await fill(store)
    stray = target.with_name("copy.partial")
    (stray / "segments").mkdir(parents=True)
    (stray / "segments" / "00000099.seg").write_bytes(b"old")

    backup(directory, target)

    assert list(fsck.check(target)) == []
    assert not stray.exists()


async def test_a_full_directory_is_left_alone(directory, target):
    async with opened(directory) as store:
        await fill(store)
    target.mkdir()
    (target / "mine").touch()

    with pytest.raises(FileExistsError):
        backup(directory, target)
    assert [path.name for path in target.iterdir()] == ["mine"]


async def test_two_backups_to_one_place_do_not_mix(directory, target):
    async with opened(directory) as store:
        await fill(store)
    draft = target.with_name("copy.partial")
    draft.mkdir()
    other = DirectoryLock(draft)

    with pytest.raises(DirectoryLocked):
        backup(directory, target)
    other.close()


async def test_a_file_system_that_cannot_copy_by_itself_is_served_too(
    directory, target, monkeypatch
):
    async with opened(directory) as store:
        await fill(store)

    def refuse(*_):
        raise OSError(errno.EXDEV, "other file system")

    monkeypatch.setattr(os, "copy_file_range", refuse)
    backup(directory, target)

    assert list(fsck.check(target)) == []
    assert dump(target) == dump(directory)


async def test_holes_stay_holes(directory, target):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        for n in range(20):
            await put(store, bucket, b"%d" % n, noise(n, LARGE))
        await store.delete(bucket, [b"%d" % n for n in range(18)])
        await store.collect(now=1 << 60)
        await put(store, bucket, b"last", noise("last", LARGE))

    backup(directory, target)

    (segment,) = (target / "segments").iterdir()
    assert segment.stat().st_blocks * 512 <= 4 * LARGE
    assert segment.stat().st_mode & 0o777 == 0o600
    assert target.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("point", ["B1", "B2"])
def test_a_backup_that_is_killed_has_not_its_name_and_is_made_again(tmp_path, point):
    directory, target = tmp_path / "data", tmp_path / "copy"
    crashed(directory, 1, ("put", "large", "delete"), "P4:20")

    child("backup", directory, target, killed_at=point)
    assert not target.exists()
    child("backup", directory, target, killed_at=None)

    assert dump(target) == dump(directory)
    assert list(fsck.check(target)) == []


# --- bases -------------------------------------------------------------------------------------


async def test_a_base_that_rots_is_found_and_not_used(directory, target):
    async with opened(directory) as store:
        await fill(store)
    backup(directory, target)
    (found,) = base.bases(target)
    with found.path.open("r+b") as file:
        file.seek(5000)
        flipped = file.read(1)[0] ^ 1
        file.seek(5000)
        file.write(bytes([flipped]))

    assert base.newest(target) is None
    assert {each.kind for each in fsck.check(target)} == {"base", "journal-gap"}
    found.path.unlink()
    assert [each.kind for each in fsck.check(target)] == ["journal-gap"]
