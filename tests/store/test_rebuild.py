"""Rebuild: from the journal comes the same database, or a refusal that changes nothing."""

import asyncio
import os
from contextlib import closing

import apsw
import pytest
from storing import (
    LARGE,
    PLAIN,
    QUICK,
    audit,
    content,
    dump,
    make_bucket,
    noise,
    opened,
    put,
    put_part,
)

from store import files, fsck, journal
from store import rebuild as rebuilding
from store.database import FILE, every
from store.errors import DirectoryLocked, JournalMismatch
from store.journal import store_of
from store.prepare import prepare
from store.rebuild import KEPT, rebuild


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def filled(directory, monkeypatch):
    """A stopped store with a past, in several journal files."""
    monkeypatch.setattr(journal, "FILE_BYTES", 24 << 10)

    async def fill():
        async with opened(directory) as store:
            bucket = await make_bucket(store)
            dropped = await make_bucket(store, "dropped")
            for n in range(60):
                await put(store, bucket, b"%d" % (n % 20), noise(n, LARGE if n % 4 else 5000))
            await put(store, bucket, b"twin", noise(59, LARGE))
            for key in (b"done", b"going"):
                upload = await store.create_upload(bucket, key, owner="", attributes=PLAIN)
                for number in (1, 2, 3):
                    await put_part(store, bucket, upload, number, noise(number, LARGE))
                if key == b"done":
                    parts = store.upload_parts(upload)[:2]
                    await store.complete_upload(upload, parts, etag="e-2", attributes=PLAIN)
            await store.set_bucket_acl(bucket, "public-read")
            await store.delete_bucket(dropped)
            await store.delete(bucket, [b"3", b"4"])
            await store.collect(now=1 << 60)

    asyncio.run(fill())
    assert len(list((directory / "journal").iterdir())) > 2
    return directory


async def listing(directory):
    async with opened(directory) as store:
        bucket = store.bucket("bucket")
        page = store.list_entries(bucket)
        bodies = [await content(store, store.entry(bucket, e.key)) for e in page.entries]
        uploads = store.uploads(bucket).uploads
        return page, bodies, uploads, [store.upload_parts(upload) for upload in uploads]


def lose(directory) -> None:
    for path in directory.glob(f"{FILE}*"):
        path.unlink()


def damage(directory) -> None:
    with (directory / FILE).open("r+b") as file:
        file.seek(100)
        file.write(os.urandom(20_000))


def replace_by_nonsense(directory) -> None:
    (directory / FILE).write_bytes(b"nonsense" * 1000)


@pytest.mark.parametrize("harm", [lambda _: None, lose, damage, replace_by_nonsense])
async def test_the_same_database_comes_back(filled, harm):
    before, rows, store = await listing(filled), dump(filled), store_of(filled / "journal")
    harm(filled)

    done = rebuild(filled)

    assert dump(filled) == rows
    assert list(fsck.check(filled)) == []
    audit(filled)
    assert await listing(filled) == before
    assert dump(filled)["state"] == [(1, str(store), done.lsn)]


def test_the_old_database_is_kept(filled):
    rows = dump(filled)
    damage(filled)
    damaged = (filled / FILE).read_bytes()

    assert rebuild(filled).kept == filled / KEPT
    assert (filled / KEPT).read_bytes() == damaged
    rebuild(filled)
    with closing(apsw.Connection(str(filled / KEPT))) as db:
        assert every(db, "SELECT * FROM state") == rows["state"]


def test_nothing_but_the_old_database_is_left_beside_the_new_one(filled):
    rebuild(filled)

    assert sorted(path.name for path in filled.glob(f"{FILE}*")) == [FILE, KEPT]
    assert (filled / FILE).stat().st_mode & 0o777 == 0o600


async def test_a_log_of_the_old_database_is_never_left_beside_the_new_one(filled):
    """SQLite would play it into the new one."""
    rows = dump(filled)
    (filled / f"{FILE}-wal").write_bytes(b"old log")
    replace_by_nonsense(filled)

    rebuild(filled)

    assert dump(filled) == rows
    assert (filled / f"{KEPT}-wal").read_bytes() == b"old log"


@pytest.mark.parametrize("cut", [5, 3000, 40_000])
def test_what_only_the_old_database_has_is_taken_from_it(filled, cut):
    """After a power cut the journal may lack what the database has and what was acknowledged."""
    rows = dump(filled)
    last = sorted((filled / "journal").iterdir())[-1]
    os.truncate(last, max(60, last.stat().st_size - cut))

    done = rebuild(filled)

    assert done.was_read
    assert dump(filled) == rows
    assert list(fsck.check(filled)) == []
    prepare(filled, QUICK).close()
    assert dump(filled) == rows


def test_without_the_old_database_a_torn_end_is_left_out_and_told(filled):
    lose(filled)
    last = sorted((filled / "journal").iterdir())[-1]
    os.truncate(last, last.stat().st_size - 3)

    done = rebuild(filled)

    assert not done.was_read
    assert done.unreadable_bytes > 0
    assert {found.kind for found in fsck.check(filled)} <= {"segment-orphan"}


def test_an_old_copy_of_the_database_is_overtaken(filled, tmp_path):
    rows = dump(filled)
    prepare(filled, QUICK).close()
    (tmp_path / "copy").write_bytes((filled / FILE).read_bytes())

    async def more():
        async with opened(filled) as store:
            await put(store, store.bucket("bucket"), b"more", b"bytes")

    asyncio.run(more())
    newer = dump(filled)
    lose(filled)
    (filled / FILE).write_bytes((tmp_path / "copy").read_bytes())
    assert dump(filled) == rows

    rebuild(filled)

    assert dump(filled) == newer


# --- refusals ----------------------------------------------------------------------------------


def state(directory) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.glob("*.sqlite*")}


def test_a_journal_without_its_beginning_is_refused(filled):
    sorted((filled / "journal").iterdir())[0].unlink()
    before = dump(filled)

    with pytest.raises(JournalMismatch, match="begins at change"):
        rebuild(filled)
    assert dump(filled) == before


def test_a_journal_with_a_gap_is_refused(filled):
    sorted((filled / "journal").iterdir())[1].unlink()
    before = dump(filled)

    with pytest.raises(JournalMismatch, match="does not follow on"):
        rebuild(filled)
    assert dump(filled) == before
    assert not (filled / KEPT).exists()


def test_a_journal_damaged_in_the_middle_is_refused(filled):
    path = sorted((filled / "journal").iterdir())[1]
    data = bytearray(path.read_bytes())
    data[1000] ^= 1
    path.write_bytes(data)

    with pytest.raises(JournalMismatch):
        rebuild(filled)


def test_a_rebuild_that_would_lose_commits_is_refused(filled):
    prepare(filled, QUICK).close()  # now the outbox is empty
    last = sorted((filled / "journal").iterdir())[-1]
    os.truncate(last, last.stat().st_size - 3)
    before = dump(filled)

    with pytest.raises(JournalMismatch, match="would lose"):
        rebuild(filled)
    assert dump(filled) == before


def test_no_journal_is_refused(tmp_path):
    (tmp_path / "journal").mkdir()

    with pytest.raises(JournalMismatch, match="no change journal"):
        rebuild(tmp_path)


def test_a_directory_that_is_served_is_refused(filled):
    prepared = prepare(filled, QUICK)
    before = state(filled)

    with pytest.raises(DirectoryLocked):
        rebuild(filled)
    assert state(filled) == before
    prepared.close()
    rebuild(filled)


# --- interrupted -------------------------------------------------------------------------------


class _KilledError(Exception):
    pass


@pytest.mark.parametrize("harm", [lambda _: None, damage])
@pytest.mark.parametrize("point", range(1, 8))
def test_a_rebuild_may_be_cut_off_anywhere_and_repeated(filled, monkeypatch, harm, point):
    """It stops before the nth step on the directory; what was kept of the old one stays kept."""
    rows = dump(filled)
    harm(filled)
    old = (filled / FILE).read_bytes()
    left = point

    def step(real):
        def stepped(*args):
            nonlocal left
            left -= 1
            if left == 0:
                raise _KilledError
            return real(*args)

        return stepped

    with monkeypatch.context() as patch:
        patch.setattr(rebuilding, "hit", step(lambda name: None))
        patch.setattr(files, "sync_directory", step(files.sync_directory))
        patch.setattr(rebuilding.os, "link", step(os.link))
        try:
            rebuild(filled)
        except _KilledError:
            assert (filled / FILE).exists()
    if harm is damage or point < 7:
        assert (filled / FILE).exists()
    rebuild(filled)

    assert dump(filled) == rows
    assert list(fsck.check(filled)) == []
    if point < 7:
        assert (filled / KEPT).read_bytes() == old
