"""Parts of a data directory that are not of one time: a start tells, and there is a way on."""

import asyncio
import shutil
from contextlib import closing

import apsw
import pytest
from storing import LARGE, QUICK, audit, content, dump, make_bucket, noise, opened, put, replayed

from store import base, database, fsck, journal, outbox
from store.adopt import KEPT, adopt
from store.errors import Damaged, JournalMismatch
from store.prepare import prepare
from store.rebuild import rebuild
from store.trimming import trim
from tests.store.crash.killing import child


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "FILE_BYTES", 2000)
    return tmp_path / "data"


async def fill(directory, first, count=12):
    async with opened(directory) as store:
        bucket = store.bucket("bucket") or await make_bucket(store)
        for n in range(first, first + count):
            await put(store, bucket, b"%d" % n, noise(n, LARGE * 8 if n % 3 else 900))
    prepare(directory, QUICK).close()  # nothing is left in the outbox


async def bodies(directory):
    async with opened(directory) as store:
        bucket = store.bucket("bucket")
        keys = [e.key for e in store.list_entries(bucket).entries]
        return {key: await content(store, store.entry(bucket, key)) for key in keys}


def wanted(count):
    return {b"%d" % n: noise(n, LARGE * 8 if n % 3 else 900) for n in range(count)}


def put_back(source, directory, *names):
    """Replace parts of a directory by those of an older copy of it."""
    for name in names:
        for path in directory.glob(f"{name}*"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for path in source.glob(f"{name}*"):
            copy = shutil.copytree if path.is_dir() else shutil.copy2
            copy(path, directory / path.name)


@pytest.fixture
def old(directory, tmp_path):
    """A copy of a directory that then got more, in segments that were there and in new ones."""
    asyncio.run(fill(directory, 0))
    shutil.copytree(directory, tmp_path / "old")
    asyncio.run(fill(directory, 12))
    assert len(list((directory / "segments").iterdir())) > 1
    return tmp_path / "old"


def sizes(directory):
    return {path.name: path.stat().st_size for path in (directory / "segments").iterdir()}


# --- told at start, before anything is changed --------------------------------------------------


async def test_an_old_database_is_brought_up_to_date_by_the_journal(old, directory):
    put_back(old, directory, database.FILE)

    assert await bodies(directory) == wanted(24)


async def test_an_old_database_before_a_trimmed_journal_is_told_and_rebuilt(old, directory):
    trim(directory)
    await fill(directory, 24, 3)
    rows = dump(directory)
    before = sizes(directory)
    put_back(old, directory, database.FILE)

    with pytest.raises(JournalMismatch, match="the database is old"):
        prepare(directory, QUICK)
    assert sizes(directory) == before
    rebuild(directory)

    assert dump(directory) == rows
    assert await bodies(directory) == wanted(27)


async def test_an_old_database_and_journal_with_newer_segments_are_told(old, directory):
    before = sizes(directory)
    put_back(old, directory, database.FILE, "journal")

    with pytest.raises(JournalMismatch, match="is newer than the database"):
        prepare(directory, QUICK)
    assert sizes(directory) == before

    done = adopt(directory)
    newest = max(int(name[:8]) for name in before)
    assert done.lsn >= newest > done.was
    assert await bodies(directory) == wanted(12)
    await fill(directory, 24)
    assert min(int(n[:8]) for n in sizes(directory).keys() - before.keys()) > newest


async def test_an_old_database_and_journal_with_a_newer_base_are_told(old, directory):
    trim(directory)
    before = sizes(directory)
    put_back(old, directory, database.FILE, "journal")

    with pytest.raises(JournalMismatch, match="database and journal are old"):
        prepare(directory, QUICK)
    assert sizes(directory) == before
    rebuild(directory)
    adopt(directory)

    assert await bodies(directory) == wanted(24)


def test_no_segments_at_all_are_told(old, directory):
    shutil.rmtree(directory / "segments")

    with pytest.raises(Damaged, match="mounted"):
        prepare(directory, QUICK)


async def test_old_segments_are_told_and_what_they_have_is_served(old, directory, caplog):
    put_back(old, directory, "segments")

    async with opened(directory) as store:
        assert "it is old or damaged" in caplog.text
        bucket = store.bucket("bucket")
        for n in range(24):
            entry = store.entry(bucket, b"%d" % n)
            if n < 12 or not n % 3:
                assert await content(store, entry) == wanted(24)[entry.key]
            else:
                with pytest.raises(Damaged):
                    await content(store, entry)


# --- adopt --------------------------------------------------------------------------------------


async def test_a_database_without_its_journal_goes_on(directory, tmp_path):
    await fill(directory, 0)
    shutil.rmtree(directory / "journal")
    with pytest.raises(JournalMismatch, match="the journal ends at 0"):
        prepare(directory, QUICK)

    done = adopt(directory)

    assert done.kept is None
    assert await bodies(directory) == wanted(12)
    await fill(directory, 12)
    rows = dump(directory)
    audit(directory)
    assert list(fsck.check(directory)) == []
    rebuild(directory)
    assert dump(directory) == rows
    assert await bodies(directory) == wanted(24)


async def test_what_only_the_journal_had_is_kept_beside(old, directory):
    """Somebody wants the old database, not what came after."""
    put_back(old, directory, database.FILE)
    held = {path.name: path.read_bytes() for path in (directory / "journal").iterdir()}

    first = adopt(directory)
    again = adopt(directory)

    assert first.kept == directory / KEPT
    assert {path.name: path.read_bytes() for path in first.kept.iterdir()} == held
    assert first.lsn > first.was
    assert again.kept == directory / f"{KEPT}-2"
    assert again.lsn == again.was == first.lsn
    assert await bodies(directory) == wanted(12)
    assert {each.kind for each in fsck.check(directory)} <= {"segment-orphan"}


async def test_rows_that_do_not_hold_are_not_adopted(directory):
    await fill(directory, 0)
    with closing(apsw.Connection(str(directory / database.FILE))) as db:
        db.execute("UPDATE entry SET etag = 'x' WHERE key = x'32'")
    before = dump(directory)

    with pytest.raises(Damaged):
        adopt(directory)
    assert dump(directory) == before
    assert not (directory / KEPT).exists()


def test_nothing_is_made_where_there_is_no_database(directory):
    directory.mkdir()

    with pytest.raises(FileNotFoundError):
        adopt(directory)
    assert not (directory / database.FILE).exists()


@pytest.mark.parametrize("point", ["A1", "A2", "A3"])
async def test_adopting_may_be_killed_and_repeated(old, directory, point):
    put_back(old, directory, database.FILE)
    end = int(outbox_end(directory))

    child("adopt", directory, killed_at=point)
    child("adopt", directory, killed_at=None)

    assert await bodies(directory) == wanted(12)
    assert (directory / KEPT).exists()
    assert base.newest(directory).lsn > end
    assert {each.kind for each in fsck.check(directory)} <= {"segment-orphan"}


def outbox_end(directory):
    with closing(database.open_reader(directory / database.FILE)) as db:
        return outbox.last_lsn(db)


async def test_the_new_journal_makes_the_rows_after_the_base(directory, tmp_path):
    await fill(directory, 0)
    adopt(directory)
    await fill(directory, 12, 3)

    with pytest.raises(JournalMismatch):
        replayed(directory, tmp_path / "replayed")
