"""Ranges handed out, written, given back, synced; and segments that roll, fail and go on."""

import errno
import itertools
import os
import threading
from contextlib import closing

import pytest

from store import files
from store.errors import Damaged, NoSpace, Unavailable
from store.records import Extent
from store.segments import Segments
from store.settings import Settings

PAGE = 4096
SETTINGS = Settings(segment_bytes=16 * PAGE)


@pytest.fixture
def numbers():
    return itertools.count(1)


@pytest.fixture
def segments(tmp_path, numbers):
    made = Segments(tmp_path, SETTINGS, 0, numbers.__next__)
    yield made
    made.close()


@pytest.fixture
def descriptors():
    """How many descriptors the process has more than when the test began."""
    before = len(os.listdir("/proc/self/fd"))
    return lambda: len(os.listdir("/proc/self/fd")) - before


def content(segments, extent) -> bytes:
    file = segments.open(extent.segment)
    try:
        return os.pread(file, extent.length, extent.offset)
    finally:
        os.close(file)


def allocated(segments, number) -> int:
    with segments.path(number).open("rb") as file:
        os.fsync(file)  # only then does the file system say what it takes
    return segments.path(number).stat().st_blocks * 512


def put(segments, data: bytes) -> Extent:
    extent = segments.reserve(len(data))
    segments.write(extent, 0, data)
    return segments.shrink(extent, len(data))


# --- handing out ----------------------------------------------------------------------------------


def test_ranges_follow_each_other_from_page_to_page(segments):
    extents = [segments.reserve(length) for length in (1, PAGE, PAGE + 1, 5)]
    assert [(e.segment, e.offset, e.length) for e in extents] == [
        (1, 0, 1),
        (1, PAGE, PAGE),
        (1, 2 * PAGE, PAGE + 1),
        (1, 4 * PAGE, 5),
    ]


def test_interleaved_writes_stay_apart(segments):
    a, b = segments.reserve(3 * PAGE), segments.reserve(3 * PAGE)
    for step in range(3):
        segments.write(a, step * PAGE, b"a" * PAGE)
        segments.write(b, step * PAGE, b"b" * PAGE)
    assert content(segments, a) == b"a" * 3 * PAGE
    assert content(segments, b) == b"b" * 3 * PAGE


def test_a_full_segment_rolls_to_a_new_one(segments):
    first = put(segments, b"1" * 10 * PAGE)
    second = put(segments, b"2" * 10 * PAGE)
    assert (first.segment, second.segment, second.offset) == (1, 2, 0)
    assert content(segments, first) == b"1" * 10 * PAGE
    assert content(segments, second) == b"2" * 10 * PAGE


def test_a_reservation_is_never_longer_than_a_segment(segments):
    assert segments.reserve(1 << 40) == Extent(1, 0, 16 * PAGE)
    assert segments.reserve(1) == Extent(2, 0, 1)


def test_nothing_is_reserved_in_the_old_segment_once_a_new_number_is_asked_for(tmp_path):
    seen: list[Extent | None] = []

    def new_segment() -> int:
        seen.append(segments.reserve_at_once(1))
        return len(seen)

    segments = Segments(tmp_path, SETTINGS, 0, new_segment)
    segments.reserve(PAGE)
    segments.reserve(16 * PAGE)
    segments.close()
    assert seen == [None, None]


def test_a_segment_the_database_forgot_is_not_overwritten(tmp_path, segments):
    segments.path(1).write_bytes(b"somebody's")
    assert segments.reserve(1).segment == 2
    assert segments.path(1).read_bytes() == b"somebody's"


def test_threads_never_share_a_byte(segments):
    made: list[tuple[Extent, bytes]] = []

    def work(letter: bytes) -> None:
        bodies = (letter * length for length in range(1, 5 * PAGE, 999))
        made.extend((put(segments, body), body) for body in bodies)

    threads = [threading.Thread(target=work, args=(bytes([65 + n]),)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 4 * len(range(1, 5 * PAGE, 999))
    for extent, data in made:
        assert content(segments, extent) == data


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, 11), (10, 1)])
def test_a_write_outside_of_its_reservation_is_refused(segments, offset, length):
    extent = segments.reserve(10)
    with pytest.raises(ValueError, match="outside"):
        segments.write(extent, offset, bytes(length))


@pytest.mark.parametrize("length", [0, -1])
def test_nothing_cannot_be_reserved(segments, length):
    with pytest.raises(ValueError, match=str(length)):
        segments.reserve(length)


# --- giving back ----------------------------------------------------------------------------------


def test_the_unused_end_is_handed_out_again(segments):
    extent = segments.reserve(8 * PAGE)
    segments.write(extent, 0, b"x" * 5000)
    assert segments.shrink(extent, 5000) == Extent(1, 0, 5000)
    assert segments.reserve(1).offset == 2 * PAGE


def test_an_abandoned_end_is_handed_out_again_and_takes_no_space(segments):
    kept = put(segments, b"k" * PAGE)
    lost = segments.reserve(6 * PAGE)
    segments.write(lost, 0, b"x" * 6 * PAGE)
    segments.abandon([lost])
    assert allocated(segments, 1) == PAGE
    assert segments.reserve(1).offset == lost.offset
    assert content(segments, kept) == b"k" * PAGE


def test_an_abandoned_middle_takes_no_space_and_comes_back_with_the_end(segments):
    a, b, c = (segments.reserve(2 * PAGE) for _ in range(3))
    for extent in (a, b, c):
        segments.write(extent, 0, b"x" * 2 * PAGE)
    segments.abandon([b])
    assert allocated(segments, 1) == 4 * PAGE
    assert segments.reserve_at_once(1).offset == 6 * PAGE
    segments.abandon([Extent(1, 6 * PAGE, 1), c])
    assert segments.reserve_at_once(1).offset == 2 * PAGE
    assert content(segments, a) == b"x" * 2 * PAGE


def test_abandoning_twice_never_frees_what_came_after(segments):
    lost = put(segments, b"x" * 2 * PAGE)
    segments.abandon([lost])
    later = put(segments, b"y" * 2 * PAGE)
    segments.abandon([lost])
    assert content(segments, later) == b"y" * 2 * PAGE
    assert allocated(segments, 1) == 2 * PAGE


def test_abandoning_in_a_sealed_segment_frees_it(segments, descriptors):
    lost = segments.reserve(8 * PAGE)
    segments.write(lost, 0, b"x" * 8 * PAGE)
    put(segments, b"y" * 12 * PAGE)
    segments.abandon([lost])
    assert allocated(segments, 1) == 0


def test_abandoning_never_fails(segments, monkeypatch, caplog):
    extent = segments.reserve(PAGE)
    segments.write(extent, 0, b"x")
    monkeypatch.setattr(files, "open_write", lambda _: (_ for _ in ()).throw(Unavailable("EIO")))
    segments.abandon([extent, Extent(9, 0, PAGE)])
    assert "could not free" in caplog.text
    assert segments.reserve_at_once(1).offset == 0


def test_a_reader_keeps_its_bytes_until_it_is_closed(segments):
    extent, beside = put(segments, b"x" * 2 * PAGE), put(segments, b"y" * PAGE)
    file = segments.open(1)
    files.lock_shared(file, extent.offset + 10, 1)
    assert not segments.punch(extent)
    assert content(segments, extent) == b"x" * 2 * PAGE
    assert segments.punch(beside)
    os.close(file)
    assert segments.punch(extent)
    assert content(segments, extent) == bytes(2 * PAGE)
    assert allocated(segments, 1) == 0


def test_punching_what_is_gone_is_no_error(segments):
    assert segments.punch(Extent(77, 0, PAGE))


def test_a_missing_segment_is_damage_to_a_reader(segments):
    with pytest.raises(Damaged):
        segments.open(77)


# --- on disk --------------------------------------------------------------------------------------


@pytest.fixture
def synced(monkeypatch):
    """Paths of the files that were fdatasynced, in order."""
    seen: list[str] = []
    real = os.fdatasync

    def fdatasync(file: int) -> None:
        seen.append(os.readlink(f"/proc/self/fd/{file}").rsplit("/", 1)[1])
        real(file)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    return seen


def test_sync_reaches_each_segment_once(segments, synced):
    segments.write(segments.reserve(10 * PAGE), 0, b"not yet all of it")
    put(segments, b"x" * 10 * PAGE)
    synced.clear()
    segments.sync([2, 1, 2])
    assert synced == ["00000001.seg", "00000002.seg"]


def test_bytes_that_end_while_a_full_segment_is_synced_are_synced_by_their_own_commit(
    segments, monkeypatch
):
    first, second = put(segments, b"1" * PAGE), segments.reserve(PAGE)
    put(segments, b"2" * 16 * PAGE)  # the segment before is full now
    real, covered = os.fdatasync, []

    def fdatasync(file: int) -> None:
        covered.append(content(segments, second))
        real(file)
        if len(covered) == 1:
            segments.write(second, 0, b"late")
            segments.shrink(second, 4)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    segments.sync([first.segment])
    segments.sync([second.segment])
    assert covered[-1].startswith(b"late")


def test_a_new_segment_and_its_name_are_on_disk_before_they_are_used(segments, synced, monkeypatch):
    real = os.fsync
    directories: list[str] = []

    def fsync(file: int) -> None:
        directories.append(os.readlink(f"/proc/self/fd/{file}").rsplit("/", 1)[1])
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    segments.reserve(1)
    assert (synced, directories) == (["00000001.seg"], ["segments"])


def test_sealed_segments_are_closed_once_they_are_on_disk(segments, descriptors):
    for _ in range(20):
        extent = put(segments, b"x" * 10 * PAGE)
        segments.sync([extent.segment])
    assert descriptors() <= 2


def test_sealed_segments_that_nobody_commits_to_are_synced_and_closed(segments, descriptors):
    extents = [put(segments, b"x" * 10 * PAGE) for _ in range(20)]
    assert descriptors() <= 3
    segments.sync(extent.segment for extent in extents)


def test_a_sealed_segment_stays_open_for_the_uploads_in_it(segments):
    slow = segments.reserve(10 * PAGE)
    for _ in range(3):
        segments.sync([put(segments, b"x" * 10 * PAGE).segment, 1])
    segments.write(slow, 0, b"slow" * 10)
    assert content(segments, segments.shrink(slow, 40)) == b"slow" * 10


def fail_once(monkeypatch, name, code):
    real = getattr(os, name)
    left = iter([1])

    def call(*arguments):
        if next(left, None) is not None:
            raise OSError(code, os.strerror(code))
        return real(*arguments)

    monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_segment_whose_sync_failed_is_never_acknowledged_again(segments, monkeypatch, code):
    extent = put(segments, b"x" * PAGE)
    open_one = segments.reserve(PAGE)
    fail_once(monkeypatch, "fdatasync", code)
    with pytest.raises((NoSpace, Unavailable)):
        segments.sync([extent.segment])
    with pytest.raises(Unavailable):  # though the disk would say yes this time
        segments.sync([extent.segment])
    with pytest.raises(Unavailable):
        segments.write(open_one, 0, b"x")
    assert segments.reserve(1).segment == 2
    segments.abandon([open_one])
    with pytest.raises(Unavailable):
        segments.sync([extent.segment])
    segments.sync([put(segments, b"y").segment])


def test_a_segment_that_failed_while_idle_is_refused_to_its_commit(segments, monkeypatch, caplog):
    extent = put(segments, b"x" * 10 * PAGE)
    real, failed = os.fdatasync, []

    def fdatasync(file):
        if os.readlink(f"/proc/self/fd/{file}").endswith("1.seg") and not failed:
            failed.append(file)
            raise OSError(errno.EIO, "bad disk")
        real(file)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    put(segments, b"y" * 10 * PAGE)
    assert failed
    with pytest.raises(Unavailable):
        segments.sync([extent.segment])
    segments.sync([2])


def test_syncs_of_one_segment_wait_for_each_other(segments, monkeypatch):
    extent = put(segments, b"x")
    entered, go_on, results = threading.Event(), threading.Event(), []

    def fdatasync(_file):
        # The kernel tells one caller only: a second one running beside it would hear of no error.
        assert not entered.is_set()
        entered.set()
        go_on.wait(10)
        raise OSError(errno.EIO, "bad disk")

    def sync() -> None:
        try:
            segments.sync([extent.segment])
        except Unavailable as error:
            results.append(error)

    monkeypatch.setattr(os, "fdatasync", fdatasync)
    threads = [threading.Thread(target=sync) for _ in range(2)]
    for thread in threads:
        thread.start()
    assert entered.wait(10)
    go_on.set()
    for thread in threads:
        thread.join()
    assert len(results) == 2


def test_a_failed_write_seals_its_segment(segments, monkeypatch):
    extent = segments.reserve(PAGE)
    fail_once(monkeypatch, "pwrite", errno.EIO)
    with pytest.raises(Unavailable):
        segments.write(extent, 0, b"x")
    with pytest.raises(Unavailable):
        segments.sync([1])
    assert segments.reserve(1).segment == 2


def test_where_memory_is_dear_large_writes_do_not_stay_in_it(tmp_path, numbers, monkeypatch):
    seconds = itertools.count(0, 1_000_000_000)
    monkeypatch.setattr("store.segments.thread_time_ns", seconds.__next__)
    stayed = []
    real = files.pwrite_all

    def pwrite_all(file, data, offset, *, stays):
        stayed.append(stays)
        real(file, data, offset, stays=stays)

    monkeypatch.setattr(files, "pwrite_all", pwrite_all)
    with closing(Segments(tmp_path, Settings(segment_bytes=8 << 20), 0, numbers.__next__)) as large:
        extents = [put(large, bytes([number]) * (1 << 20)) for number in range(4)]
        extents.append(put(large, b"small"))
        assert [content(large, e)[:1] for e in extents] == [b"\0", b"\1", b"\2", b"\3", b"s"]
    assert stayed == [True, True, False, False, True]


def test_a_full_disk_seals_nothing(segments, monkeypatch):
    extent = segments.reserve(PAGE)
    fail_once(monkeypatch, "pwrite", errno.ENOSPC)
    with pytest.raises(NoSpace):
        segments.write(extent, 0, b"x")
    segments.abandon([extent])
    assert put(segments, b"later") == Extent(1, 0, 5)
    segments.sync([1])


def test_rolling_fails_while_no_segment_can_be_made_and_then_goes_on(segments, monkeypatch):
    put(segments, b"x" * 10 * PAGE)
    fail_once(monkeypatch, "fdatasync", errno.ENOSPC)
    with pytest.raises(NoSpace):
        segments.reserve(10 * PAGE)
    assert segments.reserve(10 * PAGE).segment == 3


# --- start ----------------------------------------------------------------------------------------


def test_a_worker_goes_on_where_its_rows_end(tmp_path, segments, numbers):
    kept = put(segments, b"k" * 5000)
    put(segments, b"x" * 5 * PAGE)
    segments.sync([1])
    segments.close()
    again = Segments(tmp_path, SETTINGS, 0, numbers.__next__)
    again.start(1, kept.offset + kept.length)
    assert again.path(1).stat().st_size == 5000
    assert allocated(again, 1) == 2 * PAGE
    assert put(again, b"y") == Extent(1, 2 * PAGE, 1)
    assert content(again, kept) == b"k" * 5000
    again.close()


def test_a_segment_numbered_but_never_made_is_made(segments):
    segments.start(5, 0)
    assert segments.reserve(1) == Extent(5, 0, 1)


@pytest.mark.parametrize("size", [None, 4999])
def test_a_segment_shorter_than_its_rows_is_damaged(segments, size, descriptors):
    if size is not None:
        segments.path(5).write_bytes(bytes(size))
    with pytest.raises(Damaged):
        segments.start(5, 5000)
    assert descriptors() == 0
    if size is not None:
        assert segments.path(5).stat().st_size == size


def test_two_processes_never_write_one_segment(tmp_path, segments, numbers):
    put(segments, b"x")
    other = Segments(tmp_path, SETTINGS, 1, numbers.__next__)
    with pytest.raises(Unavailable):
        other.start(1, 0)
    assert segments.path(1).read_bytes() == b"x"
    other.close()
