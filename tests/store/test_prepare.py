"""A start: who may have the directory, and what is made of what a crash left."""

import logging
import shutil
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from storing import (
    LARGE,
    PLAIN,
    PROFILE,
    QUICK,
    Bytes,
    audit,
    content,
    dump,
    make_bucket,
    noise,
    opened,
    put,
    replayed,
    serving,
)

from store import database, outbox
from store.database import FILE
from store.errors import DirectoryLocked, FormatTooNew, JournalMismatch, Unavailable
from store.prepare import prepare
from store.records import Extent
from store.store import Store


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


async def fill(directory, names=range(8)) -> None:
    async with opened(directory) as store:
        bucket = store.bucket("bucket") or await make_bucket(store)
        for n in names:
            await put(store, bucket, b"%d" % n, noise(n, LARGE if n % 2 else 100))


async def holds(directory, names) -> bool:
    async with opened(directory) as store:
        bucket = store.bucket("bucket")
        for n in names:
            data = await content(store, store.entry(bucket, b"%d" % n))
            assert data == noise(n, LARGE if n % 2 else 100)
        return len(store.list_entries(bucket).entries) == len(names)


def set_aside(directory, name: str):
    """The database as it is now, to be put back later."""
    aside = directory.parent / name
    aside.mkdir()
    for path in directory.glob(f"{FILE}*"):
        shutil.copy(path, aside / path.name)
    return aside


def put_back(directory, aside) -> None:
    for path in directory.glob(f"{FILE}*"):
        path.unlink()
    for path in aside.iterdir():
        shutil.copy(path, directory / path.name)


# --- the directory -----------------------------------------------------------------------------


def test_a_new_directory_is_for_its_owner_only(directory):
    prepare(directory, QUICK).close()

    modes = {p: stat.S_IMODE(p.stat().st_mode) for p in (directory, *directory.rglob("*"))}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_a_second_server_is_refused_at_once(directory):
    first = prepare(directory, QUICK)
    with pytest.raises(DirectoryLocked):
        prepare(directory, QUICK)
    first.close()
    prepare(directory, QUICK).close()


def test_another_process_is_refused_until_this_one_dies(directory):
    hold = (
        "import sys, pathlib\n"
        "from store.prepare import prepare\n"
        "from store.settings import Settings\n"
        f"kept = prepare(pathlib.Path({str(directory)!r}), Settings())\n"
        "print('held', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(DirectoryLocked):
            prepare(directory, QUICK)
        other.kill()
        other.wait()
        prepare(directory, QUICK).close()


def test_a_newer_directory_is_refused_and_free_again(directory):
    prepare(directory, QUICK).close()
    with closing(database.open_writer(directory / FILE, "commit")) as db:
        db.execute("PRAGMA user_version = 99")

    for _ in range(2):
        with pytest.raises(FormatTooNew):
            prepare(directory, QUICK)


async def test_nothing_of_sqlite_stays_open(directory):
    await fill(directory)
    prepared = prepare(directory, QUICK)

    # The last connection to close takes the log with it.
    assert not (directory / f"{FILE}-wal").exists()
    prepared.close()


# --- database and journal ----------------------------------------------------------------------


async def test_an_old_copy_of_the_database_is_brought_up_to_date(directory, caplog):
    await fill(directory, range(4))
    aside = set_aside(directory, "aside")
    await fill(directory, range(4, 8))
    before = dump(directory)
    put_back(directory, aside)

    with caplog.at_level(logging.WARNING):
        prepare(directory, QUICK).close()

    assert "database has lost" in caplog.text
    assert dump(directory) == before
    assert await holds(directory, range(8))
    audit(directory)


async def test_a_database_that_is_gone_is_made_again(directory):
    await fill(directory)
    before = dump(directory)
    for path in directory.glob(f"{FILE}*"):
        path.unlink()

    prepare(directory, QUICK).close()

    assert dump(directory) == before
    assert await holds(directory, range(8))


async def test_a_log_whose_end_rotted_loses_nothing(directory):
    """SQLite drops all commits from the first frame that does not add up, without a word."""
    prepared = prepare(directory, QUICK)
    async with serving(directory) as store:
        bucket = await make_bucket(store)
        for n in range(8):
            await put(store, bucket, b"%d" % n, noise(n, LARGE if n % 2 else 100))
        aside = set_aside(directory, "aside")
    prepared.close()
    log = aside / f"{FILE}-wal"
    frames = bytearray(log.read_bytes())
    frames[len(frames) // 2] ^= 1
    log.write_bytes(frames)
    put_back(directory, aside)

    assert await holds(directory, range(8))
    audit(directory)


@pytest.mark.parametrize("left", [-1, 400, 100, 3, 0])
async def test_a_journal_that_lost_its_end_is_completed(directory, tmp_path, left):
    await fill(directory)
    (path,) = (directory / "journal").iterdir()
    path.write_bytes(path.read_bytes()[:left])

    prepare(directory, QUICK).close()

    assert [p.name for p in (directory / "journal").iterdir()] == [path.name]
    assert replayed(directory, tmp_path / "again") == dump(directory)
    assert await holds(directory, range(8))


async def test_a_journal_that_cannot_be_completed_is_refused(directory):
    await fill(directory)
    prepare(directory, QUICK).close()  # empties the outbox
    (path,) = (directory / "journal").iterdir()
    path.write_bytes(path.read_bytes()[:200])

    for _ in range(2):
        with pytest.raises(JournalMismatch):
            prepare(directory, QUICK)


async def test_the_journal_of_another_store_is_refused(directory, tmp_path):
    await fill(directory)
    await fill(tmp_path / "other")
    for path in (directory / "journal").iterdir():
        shutil.copy(tmp_path / "other" / "journal" / path.name, path)

    with pytest.raises(JournalMismatch, match="of store"):
        prepare(directory, QUICK)


async def test_an_empty_store_is_never_made_beside_old_segments(directory):
    await fill(directory)
    for path in (*directory.glob(f"{FILE}*"), *(directory / "journal").iterdir()):
        path.unlink()
    (segment,) = (directory / "segments").iterdir()
    before = segment.read_bytes()

    with pytest.raises(JournalMismatch):
        prepare(directory, QUICK)
    assert segment.read_bytes() == before
    assert not (directory / FILE).exists()


async def test_segments_from_the_future_are_refused(directory):
    await fill(directory)
    (directory / "segments" / "00009999.seg").write_bytes(b"bytes")

    with pytest.raises(JournalMismatch, match="newer"):
        prepare(directory, QUICK)


# --- space -------------------------------------------------------------------------------------


async def test_bytes_that_were_never_acknowledged_are_given_back(directory):
    prepared = prepare(directory, QUICK)
    async with serving(directory) as store:
        bucket = await make_bucket(store)
        await put(store, bucket, b"1", noise(1, LARGE))
        lost = await store.stage(Bytes(noise("lost", LARGE)), profile=PROFILE)
        await put(store, bucket, b"3", noise(3, LARGE))
        tail = await store.stage(Bytes(noise("tail", LARGE)), profile=PROFILE)
    prepared.close()

    prepare(directory, QUICK).close()

    (path,) = (directory / "segments").iterdir()
    data = path.read_bytes()
    (gap,), (end,) = lost.extents, tail.extents
    assert len(data) == end.offset
    assert data[gap.offset : gap.offset + gap.length] == bytes(LARGE)
    assert path.stat().st_blocks * 512 < 3 * LARGE
    assert await holds(directory, [1, 3])
    audit(directory)


async def test_a_worker_goes_on_where_the_bytes_that_count_end(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        first = await put(store, bucket, b"1", noise(1, LARGE))
        await store.stage(Bytes(noise("lost", LARGE)), profile=PROFILE)

    async with opened(directory) as store:
        second = await put(store, bucket, b"3", noise(3, LARGE))

    assert second.extents == (Extent(first.extents[0].segment, LARGE, LARGE),)
    assert await holds(directory, [1, 3])


async def test_a_worker_that_starts_alone_again_does_the_same(directory):
    """One of several workers died: the others go on, nobody prepares."""
    prepared = prepare(directory, QUICK)
    async with serving(directory, worker=0) as one:
        bucket = await make_bucket(one)
        for _ in range(3):
            async with serving(directory, worker=1) as two:
                await put(two, bucket, b"1", noise(1, LARGE))
                await two.stage(Bytes(noise("lost", LARGE)), profile=PROFILE)
                entry = await put(one, bucket, b"3", noise(3, LARGE))
        assert await content(one, entry) == noise(3, LARGE)
    prepared.close()
    assert await holds(directory, [1, 3])
    audit(directory)


async def test_the_segment_of_a_worker_that_lives_is_not_touched(directory):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        await put(store, bucket, b"1", noise(1, LARGE))
        staged = await store.stage(Bytes(noise(3, LARGE)), profile=PROFILE)

        with pytest.raises(Unavailable):
            await Store(directory, QUICK, worker=0).start()

        await store.put(bucket, b"3", staged, owner="", attributes=PLAIN)
    assert await holds(directory, [1, 3])


# --- killed ------------------------------------------------------------------------------------

VICTIM = """
import asyncio, pathlib, sys
sys.path.insert(0, {tests!r})
from storing import *
async def main():
    directory = pathlib.Path({directory!r})
    async with opened(directory, Settings(segment_bytes=1 << 20, collect_seconds=3600.0)) as store:
        bucket = store.bucket("bucket") or await make_bucket(store)
        print("ready", flush=True)
        for n in range(100):
            key = b"%d" % (n % 7)
            data = noise((n, {seed!r}), (50, LARGE, 300_000)[n % 3])
            if n % 5 == 4:
                await store.delete(bucket, [key])
                print("deleted", n % 7, flush=True)
            elif n % 7 == 6:
                upload = await store.create_upload(bucket, key, owner="", attributes=PLAIN)
                parts = [await put_part(store, bucket, upload, p, data) for p in (1, 2)]
                await store.complete_upload(upload, parts, etag="e", attributes=PLAIN)
                print("completed", n % 7, n, flush=True)
            else:
                await put(store, bucket, key, data)
                print("put", n % 7, n, flush=True)
            if n % 9 == 8:
                await store.collect(now=1 << 50)
asyncio.run(main())
"""

POINTS = [
    *("P1:5", "P2:9", "P3:9", "P4:9", "P5:2"),
    *("M1:2", "M2:2", "M3:1", "M4:1", "M5:1", "D1:2", "D2:2"),
    *("G1:2", "G2:3", "G6:1", "G7:1"),
]


def victim(directory, seed: str, point: str) -> tuple[int, list[list[str]]]:
    script = VICTIM.format(tests=str(Path(__file__).parent), directory=str(directory), seed=seed)
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={"S3GW_FAILPOINT": point, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode in (0, -9), done.stderr
    return done.returncode, [line.split() for line in done.stdout.splitlines()]


def body(n: int, seed: str) -> bytes:
    data = noise((n, seed), (50, LARGE, 300_000)[n % 3])
    return data + data if n % 7 == 6 and n % 5 != 4 else data


@pytest.mark.parametrize("point", POINTS)
async def test_a_kill_loses_nothing_acknowledged(directory, tmp_path, point):
    code, lines = victim(directory, point, point)
    assert code == -9, "the point was not reached"
    acknowledged: dict[bytes, bytes | None] = {}
    asked = sum(line[0] != "ready" for line in lines)
    for line in lines[1:]:
        key = line[1].encode()
        acknowledged[key] = None if line[0] == "deleted" else body(int(line[2]), point)

    async with opened(directory) as store:
        bucket = store.bucket("bucket")
        open_key, new = b"%d" % (asked % 7), body(asked, point)
        for key in [b"%d" % n for n in range(7)]:
            entry = store.entry(bucket, key)
            found = None if entry is None else await content(store, entry)
            allowed = [acknowledged.get(key)]
            if key == open_key:
                allowed += [None if asked % 5 == 4 else new]
            assert found in allowed, key
        await store.collect(now=1 << 50)
        await put(store, bucket, b"0", noise("again", LARGE))
    audit(directory)
    assert replayed(directory, tmp_path / "again") == dump(directory)


@pytest.mark.parametrize("point", ["S1:1", "S2:1", "S3:1"])
async def test_a_kill_while_recovering_is_recovered_from(directory, tmp_path, point):
    assert victim(directory, "x", "P3:30")[0] == -9
    for _ in range(3):
        code, lines = victim(directory, "x", point)
        assert (code, lines) == (-9, [])

    async with opened(directory) as store:
        assert store.bucket("bucket") is not None
    audit(directory)
    assert replayed(directory, tmp_path / "again") == dump(directory)
    with closing(database.open_reader(directory / FILE)) as db:
        assert outbox.last_lsn(db) > 20
