"""Trimming: the journal loses its beginning, and nothing is lost with it."""

import asyncio
import os
import subprocess
import sys
from contextlib import closing

import pytest
from storing import (
    LARGE,
    QUICK,
    content,
    dump,
    make_bucket,
    noise,
    opened,
    put,
)

from store import base, chores, database, fsck, journal, outbox, trimming
from store.chores import AGAIN_MILLISECONDS, Chores
from store.errors import JournalMismatch
from store.journal import store_of
from store.pace import Pace
from store.prepare import prepare
from store.rebuild import rebuild
from store.settings import Settings
from store.trimming import is_due, trim
from tests.store.crash.killing import child


@pytest.fixture
def directory(tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "FILE_BYTES", 24 << 10)
    return tmp_path / "data"


async def fill(directory, seed=0):
    async with opened(directory) as store:
        bucket = store.bucket("bucket") or await make_bucket(store)
        for n in range(40):
            await put(store, bucket, b"%d" % (n % 15), noise((seed, n), LARGE if n % 4 else 5000))
        await store.delete(bucket, [b"3", b"4"])
        await store.collect(now=1 << 60)


async def listing(directory):
    async with opened(directory) as store:
        bucket = store.bucket("bucket")
        page = store.list_entries(bucket)
        return page, [await content(store, store.entry(bucket, e.key)) for e in page.entries]


def names(directory):
    return sorted(int(path.stem) for path in (directory / "journal").glob("*.log"))


def lose(directory):
    for path in directory.glob(f"{database.FILE}*"):
        path.unlink()


async def test_base_journal_and_segments_are_the_whole_store(directory):
    await fill(directory)
    long = names(directory)
    done = trim(directory)
    await fill(directory, seed=1)
    rows, before, store = dump(directory), await listing(directory), store_of(directory / "journal")

    assert done.freed_bytes > 24 << 10
    assert names(directory)[0] == long[-1]
    assert list(fsck.check(directory)) == []
    lose(directory)
    done = rebuild(directory)

    assert dump(directory) == rows
    assert await listing(directory) == before
    assert list(fsck.check(directory)) == []
    assert dump(directory)["state"] == [(1, str(store), done.lsn)]


async def test_a_start_without_a_database_begins_with_the_base(directory):
    await fill(directory)
    trim(directory)
    await fill(directory, seed=1)
    rows = dump(directory)
    lose(directory)

    prepare(directory, QUICK).close()

    assert dump(directory) == rows


async def test_only_the_newest_base_is_kept(directory):
    await fill(directory)
    first = trim(directory)
    assert trim(directory) == trimming.Trimmed(first.lsn, 0)
    await fill(directory, seed=1)

    second = trim(directory)

    assert [each.lsn for each in base.bases(directory)] == [second.lsn]
    assert len(list((directory / "base").iterdir())) == 2


async def test_a_base_beside_writers_is_one_moment(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        done = False

        async def churn(lane):
            n = 0
            while not done:
                n += 1
                await put(store, bucket, b"%d/%d" % (lane, n % 9), noise((lane, n), 3000))

        lanes = [asyncio.create_task(churn(lane)) for lane in range(3)]
        for _ in range(4):
            await asyncio.to_thread(trim, directory)
        done = True
        await asyncio.gather(*lanes)
    rows = dump(directory)

    assert list(fsck.check(directory)) == []
    lose(directory)
    rebuild(directory)
    assert dump(directory) == rows


@pytest.mark.parametrize("point", ["T1:1", "T2:1", "T2:2"])
async def test_trimming_that_is_killed_loses_nothing_and_is_repeated(directory, point):
    await fill(directory)
    rows, count = dump(directory), len(names(directory))

    child("trim", directory, killed_at=point)

    left = names(directory)
    assert len(left) == count - int(point[-1]) * point.startswith("T2")
    assert list(fsck.check(directory)) == []
    lose(directory)
    rebuild(directory)
    assert dump(directory) == rows
    child("trim", directory, killed_at=None)
    assert len(names(directory)) == 1


async def test_a_journal_that_was_trimmed_too_far_is_found_and_refused(directory):
    """What a wrong order would leave."""
    await fill(directory)
    trim(directory)
    await fill(directory, seed=1)
    (directory / "journal" / f"{names(directory)[0]:016d}.log").unlink()
    (found,) = base.bases(directory)

    assert names(directory)[0] > found.lsn + 1
    assert "journal-gap" in {each.kind for each in fsck.check(directory)}
    lose(directory)
    with pytest.raises(JournalMismatch, match="begins at change"):
        rebuild(directory)


async def test_a_damaged_base_is_not_used_while_the_journal_has_all(directory):
    await fill(directory)
    rows = dump(directory)
    whole = {path.name: path.read_bytes() for path in (directory / "journal").iterdir()}
    trim(directory)
    (found,) = base.bases(directory)
    found.path.write_bytes(b"nonsense")
    lose(directory)
    with pytest.raises(JournalMismatch, match="no intact base"):
        rebuild(directory)
    for name, data in whole.items():
        (directory / "journal" / name).write_bytes(data)

    rebuild(directory)

    assert dump(directory) == rows


async def test_a_base_that_was_not_finished_is_none(directory):
    await fill(directory)
    with pytest.raises(ZeroDivisionError):
        trim(directory, progress=lambda done, of: 1 // 0)

    assert base.bases(directory) == []
    assert list(fsck.check(directory)) == []
    assert names(directory)[0] == 1


async def test_a_journal_that_lags_is_not_trimmed(directory):
    await fill(directory)
    async with opened(directory) as store:
        ledger = store._engine._ledger
        await store.ready()
        tail = ledger.journal.tail()
        ledger.journal.set_tail(journal.Tail(tail.file, tail.length, tail.lsn - 1))
        with pytest.raises(JournalMismatch, match="the journal ends at"):
            trim(directory)
        ledger.journal.set_tail(tail)
    assert base.bases(directory) == []


async def test_it_is_due_when_the_journal_outgrows_its_limit_and_the_database(directory):
    await fill(directory)
    size = sum(path.stat().st_size for path in sorted((directory / "journal").iterdir())[:-1])
    rows = (directory / database.FILE).stat().st_size

    assert is_due(directory, 0) == (size > rows)
    assert not is_due(directory, size)
    os.truncate(directory / database.FILE, 0)
    assert is_due(directory, size - 1)


async def test_it_is_not_due_for_the_file_that_is_being_written(directory):
    """It stays whatever the base has: to copy the database for it would free nothing, each time."""
    await fill(directory)
    os.truncate(directory / database.FILE, 0)
    assert is_due(directory, 0)
    for name in names(directory)[:-1]:
        (directory / "journal" / f"{name:016d}.log").unlink()

    assert not is_due(directory, 0)


# --- in the background --------------------------------------------------------------------------


@pytest.fixture
def due(monkeypatch):
    monkeypatch.setattr(trimming, "is_due", lambda directory, journal_bytes: True)


async def test_worker_0_trims_in_a_process_of_its_own(directory, due):
    await fill(directory)
    running = Chores(directory, Settings(upkeep_bytes_per_second=0))
    running.look(1)
    _, process = running._running
    assert process.wait(30) == 0

    assert len(names(directory)) == 1
    with closing(database.open_reader(directory / database.FILE)) as db:
        assert base.newest(directory).lsn == outbox.last_lsn(db)
    running.close()


async def test_what_failed_is_tried_again_after_an_hour(directory, due, caplog):
    await fill(directory)
    (directory / "base").touch()
    running = Chores(directory, QUICK)
    running.look(1)
    first = running._running
    assert first[1].wait(30) != 0

    running.look(2)
    assert running._running is None
    assert "again in an hour" in caplog.text
    running.look(2 + AGAIN_MILLISECONDS)
    assert running._running is not None
    running.close()


async def test_a_chore_ends_with_its_server(directory, due):
    await fill(directory)
    running = Chores(directory, Settings(upkeep_bytes_per_second=1))
    running.look(1)
    _, process = running._running
    running.look(2)
    assert running._running == ("trim", process)
    running.close()

    assert process.returncode == -9
    orphan = [sys.executable, "-P", "-m", "store.chores", str(directory), "trim", "{}", "1"]
    assert subprocess.run(orphan, timeout=30).returncode == 1
    assert base.bases(directory) == []


def test_the_chores_that_are_due_are_there():
    assert set(chores._DUE) == set(chores._CHORES)


def test_a_pace_is_kept_on_average_and_nothing_is_saved_up():
    now, slept = 100.0, []

    def sleep(seconds):
        nonlocal now
        slept.append(seconds)
        now += seconds

    pace = Pace(1000, sleep=sleep, clock=lambda: now)
    for _ in range(10):
        pace.spent(500)
    assert now == pytest.approx(105)
    now += 60
    pace.spent(3000)
    assert slept[-1] == pytest.approx(2)
    Pace(0, sleep=sleep, clock=lambda: now).spent(1 << 40)
    assert now == pytest.approx(167)
