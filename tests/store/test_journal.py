"""The change journal: torn ends, handover between writers, replays that give the same rows."""

import asyncio
import os
import uuid
import zlib
from contextlib import closing

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from storing import (
    LARGE,
    PLAIN,
    audit,
    dump,
    journal_of,
    make_bucket,
    noise,
    opened,
    put,
    put_part,
    replayed,
    serving,
)

from store import changes, database, journal, migrations, outbox, recovery
from store.changes import (
    DropEntry,
    DropMessages,
    DropVersion,
    Inline,
    Known,
    Placed,
    PutEntry,
    PutMarker,
    PutMessage,
    SetBucketVersioning,
)
from store.errors import JournalMismatch
from store.journal import Journal, Tail
from store.lock import write_lock
from store.records import Attributes, Extent, ObjectPart

STORE = uuid.UUID(int=7)


@pytest.fixture
def directory(tmp_path):
    return tmp_path / "data"


@pytest.fixture
def lock(tmp_path):
    lock = write_lock(tmp_path)
    yield lock
    lock.close()


def record(n: int) -> bytes:
    return changes.encode([DropEntry(1, b"%d" % n, 0)])


def written(path, lock, count: int) -> tuple[Journal, Tail]:
    made = Journal(path, STORE, lock.file)
    tail = Tail(0, 0, 0)
    for n in range(1, count + 1):
        tail = made.append(tail, n, n, record(n))
    return made, tail


def test_records_come_back_in_order(tmp_path, lock):
    made, tail = written(tmp_path, lock, 5)

    assert [(r.lsn, r.payload) for r in made.records()] == [(n, record(n)) for n in range(1, 6)]
    assert [r.lsn for r in made.records(3)] == [4, 5]
    assert made.tail() == tail == made.cut()


def test_a_full_file_is_followed_by_the_next(tmp_path, lock, monkeypatch):
    monkeypatch.setattr(journal, "FILE_BYTES", 200)

    made, tail = written(tmp_path, lock, 30)

    names = made.names()
    assert len(names) > 3
    assert names[0] == 1
    assert [r.lsn for r in made.records()] == list(range(1, 31))
    for after in range(30):
        assert next(made.records(after)).lsn == after + 1
    assert made.cut() == tail


def test_a_torn_end_is_cut_wherever_it_was_torn(tmp_path, lock):
    made, tail = written(tmp_path, lock, 3)
    path = tmp_path / f"{1:016d}.log"
    whole = path.read_bytes()
    ends = [end for _, end in made.scan(1)]

    for length in range(ends[1], ends[2]):
        path.write_bytes(whole[:length])
        assert made.cut() == Tail(1, ends[1], 2)
        assert path.stat().st_size == ends[1]
    for at in range(ends[1], ends[2]):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])
        assert made.cut().lsn == 2
    path.write_bytes(whole + b"\0" * 100)
    assert made.cut() == tail


def test_whole_records_behind_a_flipped_bit_are_kept_aside(tmp_path, lock):
    made, _ = written(tmp_path, lock, 3)
    path = tmp_path / f"{1:016d}.log"
    whole = path.read_bytes()
    ends = [end for _, end in made.scan(1)]
    at = ends[0] + 20
    path.write_bytes(whole[:at] + bytes((whole[at] ^ 1,)) + whole[at + 1 :])

    made.cut()

    kept = (tmp_path / f"{1:016d}.cut-{ends[0]}").read_bytes()
    assert kept[21:] == whole[at + 1 :]
    assert made.names() == [1]


def test_a_file_that_has_no_header_yet_does_not_count(tmp_path, lock):
    made, tail = written(tmp_path, lock, 3)
    (tmp_path / f"{4:016d}.log").write_bytes(b"s3gwjr")

    assert made.cut() == tail
    assert made.names() == [1]


def test_a_file_without_records_ends_where_the_one_before_did(tmp_path, lock):
    made, tail = written(tmp_path, lock, 3)
    made._roll(tail, 4)

    cut = made.cut()

    assert (cut.file, cut.lsn) == (4, 3)
    made.append(cut, 4, 4, record(4))
    assert [r.lsn for r in made.records()] == [1, 2, 3, 4]


def test_the_journal_of_another_store_is_refused(tmp_path, lock):
    written(tmp_path, lock, 1)
    other = Journal(tmp_path, uuid.UUID(int=8), lock.file)

    with pytest.raises(JournalMismatch, match="of store"):
        list(other.records())
    assert journal.store_of(tmp_path) == STORE


@pytest.mark.parametrize("at", [0, 9, 20, 30])
def test_a_header_that_rotted_is_refused(tmp_path, lock, at):
    made, _ = written(tmp_path, lock, 1)
    path = tmp_path / f"{1:016d}.log"
    whole = bytearray(path.read_bytes())
    whole[at] ^= 1
    path.write_bytes(whole)

    with pytest.raises(JournalMismatch):
        made.cut()


def test_a_write_lock_that_says_nothing_is_refused(tmp_path, lock):
    made = Journal(tmp_path, STORE, lock.file)

    with pytest.raises(JournalMismatch):
        made.tail()
    made.set_tail(Tail(1, 2, 3))
    assert made.tail() == Tail(1, 2, 3)


def test_what_a_dying_writer_left_half_written_is_written_over(tmp_path, lock):
    one, tail = written(tmp_path, lock, 2)
    with (tmp_path / f"{1:016d}.log").open("ab") as file:
        file.write(b"half a record")
    two = Journal(tmp_path, STORE, lock.file)

    two.append(two.tail(), 3, 3, record(3))

    assert [r.lsn for r in one.records()] == [1, 2, 3]
    assert tail.length < one.tail().length


# --- changes -----------------------------------------------------------------------------------

texts = st.text(max_size=5)
numbers = st.integers(0, 1 << 50)
attributes = st.builds(
    Attributes, metadata=st.dictionaries(texts, texts, max_size=2), acl=st.none() | texts
)
extents = st.lists(st.builds(Extent, numbers, numbers, numbers), max_size=3).map(tuple)
sources = st.one_of(
    st.builds(Inline, st.none() | st.binary()),
    st.builds(Placed, extents, st.binary()),
    st.builds(Known),
)
entries = st.builds(
    PutEntry,
    bucket=numbers,
    key=st.binary(),
    size=numbers,
    modified=numbers,
    attributes=attributes,
    source=sources,
    versioning=st.sampled_from(["", "Enabled", "Suspended"]),
    parts=st.lists(st.builds(ObjectPart, number=numbers, size=numbers), max_size=2).map(tuple),
)
drops = st.one_of(
    st.builds(DropEntry, bucket=numbers, time=numbers),
    st.builds(DropVersion, bucket=numbers, version=numbers, time=numbers),
    st.builds(PutMarker, bucket=numbers, modified=numbers),
    st.builds(SetBucketVersioning, bucket=numbers),
    st.builds(DropMessages, last=numbers),
    st.builds(PutMessage),
)


@given(st.lists(st.one_of(entries, drops), max_size=4))
@settings(max_examples=50)
def test_changes_survive_their_encoding(made):
    assert changes.decode(changes.encode(made)) == made
    for lean, full in zip(changes.without_bytes(made), made, strict=True):
        inline = isinstance(full, PutEntry) and isinstance(full.source, Inline)
        assert (lean == full) or (inline and lean.source == Inline(None))


@given(entries)
@settings(max_examples=20)
def test_what_was_written_before_there_were_versions_is_read(made):
    ((*old, _),) = msgspec.msgpack.decode(changes.encode([made]))

    assert changes.decode(msgspec.msgpack.encode([old])) == [
        msgspec.structs.replace(made, versioning="")
    ]


# --- live --------------------------------------------------------------------------------------


async def busy(store) -> None:
    """Some of everything."""
    bucket = await make_bucket(store)
    await store.set_bucket_acl(bucket, "public-read")
    for n in range(12):
        data = noise(n % 4, 50 if n % 2 else LARGE)
        entry = await put(store, bucket, b"%d" % (n % 5), data)
        await store.copy(entry, bucket, b"copy%d" % n, owner="C", attributes=PLAIN)
    upload = await store.create_upload(bucket, b"mp", owner="", attributes=PLAIN)
    parts = [await put_part(store, bucket, upload, n, noise(n, LARGE)) for n in (1, 2, 2, 3)]
    await store.complete_upload(upload, parts[2:], etag="e-2", attributes=PLAIN)
    aborted = await store.create_upload(bucket, b"mp", owner="", attributes=PLAIN)
    await put_part(store, bucket, aborted, 1, b"small")
    await store.delete(bucket, [b"0", b"copy1", b"copy2"])
    await store.collect(now=1 << 50)
    await store.delete_bucket(await make_bucket(store, "gone"))


async def test_the_whole_journal_gives_the_same_rows(directory, tmp_path, monkeypatch):
    monkeypatch.setattr(journal, "FILE_BYTES", 2000)
    async with opened(directory) as store:
        await busy(store)

    assert replayed(directory, tmp_path / "again") == dump(directory)
    audit(directory)


async def test_a_journal_that_could_not_be_written_is_completed(directory, tmp_path, monkeypatch):
    async with opened(directory) as store:
        bucket = await make_bucket(store)
        await put(store, bucket, b"superseded", b"old")
        real = os.pwrite

        def full(file, data, at):
            if at > 0:
                raise OSError(28, "No space left on device")
            return real(file, data, at)

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            await put(store, bucket, b"kept", b"inline bytes")
            await put(store, bucket, b"superseded", b"older")
        await put(store, bucket, b"superseded", b"new")

        rows = {r.lsn for r in journal_of(directory, outbox.store_id(store._db)).records()}
        assert rows == {1, 2, 3, 4, 5}
    assert replayed(directory, tmp_path / "again") == dump(directory)


async def test_a_writer_completes_what_another_one_left_out(directory, tmp_path):
    async with opened(directory) as one, serving(directory, worker=1) as two:
        bucket = await make_bucket(one)
        one._engine._ledger._append = lambda *_: None  # dies between COMMIT and its record
        await put(one, bucket, b"a", b"bytes of a")

        await put(two, bucket, b"b", b"bytes of b")

    assert replayed(directory, tmp_path / "again") == dump(directory)


async def test_the_outbox_is_emptied_once_the_journal_is_on_disk(directory):
    async with opened(directory) as store:
        await busy(store)
        assert database.every(store._db, "SELECT count(*) FROM change") != [(0,)]

        await asyncio.to_thread(store._engine.collector.sync_journal)

        assert database.every(store._db, "SELECT count(*) FROM change") == [(0,)]
        await put(store, store.bucket("bucket"), b"after", b"data")


def test_a_replay_that_does_not_follow_stops(tmp_path, lock):
    migrations.migrate(tmp_path / database.FILE, store=STORE)
    made, _ = written(tmp_path, lock, 3)
    with closing(database.open_writer(tmp_path / database.FILE, "none")) as db:
        with pytest.raises(JournalMismatch, match="does not follow"):
            recovery.replay(db, made.records(1))
        assert outbox.last_lsn(db) == 0
        recovery.replay(db, made.records())
        assert outbox.last_lsn(db) == 3


def test_checksums_cover_the_number_of_a_record(tmp_path, lock):
    made, _ = written(tmp_path, lock, 1)
    path = tmp_path / f"{1:016d}.log"
    whole = bytearray(path.read_bytes())
    checked = zlib.crc32(record(1), zlib.crc32((1).to_bytes(8, "big")))
    whole[whole.index(checked.to_bytes(4, "big")) + 11] ^= 2
    path.write_bytes(whole)

    assert list(made.records()) == []
