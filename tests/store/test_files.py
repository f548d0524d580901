"""The disk, real, and what it does when it is told to fail."""

import errno
import os
import stat
import threading

import pytest

from store import files
from store.errors import Damaged, NoSpace, Unavailable


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file"


@pytest.fixture
def file(path):
    descriptor = files.create(path)
    yield descriptor
    os.close(descriptor)


def failing(code, *, after=0):
    """A stand-in for a call of ``os``: fails with ``code`` on call number ``after``."""
    calls = iter(range(after))

    def call(*_arguments):
        if next(calls, None) is None:
            raise OSError(code, os.strerror(code))
        return 1

    return call


def blocks(path) -> int:
    return path.stat().st_blocks


def test_files_are_private_and_not_inherited(path, file):
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not os.get_inheritable(file)


def test_an_existing_file_is_never_created_again(path, file):
    with pytest.raises(FileExistsError):
        files.create(path)


@pytest.mark.parametrize("open_", [files.open_read, files.open_write])
def test_a_missing_file_is_told_apart(path, open_):
    with pytest.raises(FileNotFoundError):
        open_(path)


@pytest.mark.parametrize("open_", [files.open_write, files.create])
def test_a_symbolic_link_is_not_followed(tmp_path, path, open_):
    (tmp_path / "elsewhere").write_bytes(b"theirs")
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises((Unavailable, FileExistsError)):
        open_(path)
    with pytest.raises(Unavailable, match="symbolic"):
        files.open_read(path)
    assert (tmp_path / "elsewhere").read_bytes() == b"theirs"


@pytest.mark.parametrize("open_", [files.open_read, files.open_write, files.create])
def test_a_process_without_descriptors_is_told_so_in_the_stores_words(path, monkeypatch, open_):
    monkeypatch.setattr(os, "open", failing(errno.EMFILE))
    with pytest.raises(Unavailable):
        open_(path)


def test_short_writes_are_continued(path, file, monkeypatch):
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda fd, data, offset: real(fd, data[:7], offset))
    files.pwrite_all(file, memoryview(bytes(range(100))), 5)
    assert path.read_bytes() == bytes(5) + bytes(range(100))


@pytest.mark.parametrize("code", [0, errno.EOPNOTSUPP], ids=["new kernel", "old kernel"])
def test_what_need_not_stay_in_memory_is_written_all_the_same(path, file, monkeypatch, code):
    if code:
        monkeypatch.setattr(os, "pwritev", failing(code))
    files.pwrite_all(file, memoryview(bytes(range(100))), 5, stays=False)
    assert path.read_bytes() == bytes(5) + bytes(range(100))


def test_a_full_disk_is_no_old_kernel(file, monkeypatch):
    monkeypatch.setattr(os, "pwritev", failing(errno.ENOSPC))
    with pytest.raises(NoSpace):
        files.pwrite_all(file, b"x", 0, stays=False)


@pytest.mark.parametrize(
    ("code", "refusal"),
    [
        (errno.ENOSPC, NoSpace),
        (errno.EDQUOT, NoSpace),
        (errno.EIO, Unavailable),
        (errno.EFBIG, Unavailable),
        (errno.EROFS, Unavailable),
    ],
)
def test_failures_are_the_stores_own(tmp_path, path, file, monkeypatch, code, refusal):
    for name in ("pwrite", "fdatasync", "fsync", "ftruncate"):
        monkeypatch.setattr(os, name, failing(code))
    for call in (
        lambda: files.pwrite_all(file, b"x", 0),
        lambda: files.sync(file),
        lambda: files.sync_directory(tmp_path),
        lambda: files.truncate(file, 0),
    ):
        with pytest.raises(refusal):
            call()


def test_a_write_that_fails_half_way_is_a_failure(file, monkeypatch):
    monkeypatch.setattr(os, "pwrite", failing(errno.ENOSPC, after=3))
    with pytest.raises(NoSpace):
        files.pwrite_all(file, b"0123456789", 0)


def test_a_write_that_makes_no_way_does_not_spin(file, monkeypatch):
    monkeypatch.setattr(os, "pwrite", lambda *_: 0)
    with pytest.raises(Unavailable):
        files.pwrite_all(file, b"x", 0)


def test_a_punched_range_takes_no_space_and_reads_as_zeros(path, file):
    files.pwrite_all(file, b"x" * 40960, 0)
    files.sync(file)
    before = blocks(path)
    assert files.punch(file, 4096, 32768)
    assert before - blocks(path) == 32768 // 512
    assert path.read_bytes() == b"x" * 4096 + bytes(32768) + b"x" * 4096


def test_punching_what_cannot_be_punched_fails(path, file):
    reading = files.open_read(path)
    with pytest.raises(Unavailable):
        files.punch(reading, 0, 4096)
    os.close(reading)


def test_writeback_is_only_a_hint(file):
    files.pwrite_all(file, b"x" * 8192, 0)
    files.start_writeback(file, 0, 8192)
    files.start_writeback(-1, 0, 8192)


def test_cached_bytes_are_read_without_waiting(file):
    files.pwrite_all(file, b"0123456789", 0)
    into = bytearray(6)
    assert files.read_cached(file, memoryview(into), 2) == 6
    assert into == b"234567"
    assert files.read(file, 100, 8) == b"89"


def test_a_cold_range_is_not_waited_for(file, monkeypatch):
    for code in (errno.EAGAIN, errno.EOPNOTSUPP):
        monkeypatch.setattr(os, "preadv", failing(code))
        assert files.read_cached(file, memoryview(bytearray(1)), 0) is None


def test_a_disk_that_cannot_read_is_damage(file, monkeypatch):
    monkeypatch.setattr(os, "preadv", failing(errno.EIO))
    monkeypatch.setattr(os, "pread", failing(errno.EIO))
    with pytest.raises(Damaged):
        files.read_cached(file, memoryview(bytearray(1)), 0)
    with pytest.raises(Damaged):
        files.read(file, 1, 0)


def test_names_come_and_go(tmp_path, path, file):
    files.make_directory(tmp_path / "inside")
    files.make_directory(tmp_path / "inside")
    assert stat.S_IMODE((tmp_path / "inside").stat().st_mode) == 0o700
    assert sorted(files.list_names(tmp_path)) == ["file", "inside"]
    files.unlink(path)
    files.unlink(path)
    assert files.list_names(tmp_path) == ["inside"]


# --- locks ----------------------------------------------------------------------------------------


def test_readers_share_a_range_and_keep_it(path, file):
    readers = [files.open_read(path) for _ in range(2)]
    assert all(files.lock_shared(reader, 100, 50) for reader in readers)
    freeing = files.open_write(path)
    for reader in readers:
        assert not files.lock_exclusive_nowait(freeing, 149, 1)
        os.close(reader)
    assert files.lock_exclusive_nowait(freeing, 149, 1)
    os.close(freeing)


def test_ranges_beside_each_other_do_not_touch(path, file):
    reader, freeing = files.open_read(path), files.open_write(path)
    assert files.lock_shared(reader, 100, 50)
    assert files.lock_exclusive_nowait(freeing, 0, 100)
    assert files.lock_exclusive_nowait(freeing, 150, 1 << 40)
    assert not files.lock_shared(reader, 99, 2)
    os.close(reader)
    os.close(freeing)


def test_closing_another_descriptor_of_the_file_drops_no_lock(path, file):
    reader = files.open_read(path)
    assert files.lock_shared(reader, 0, 10)
    os.close(files.open_read(path))
    freed: list[bool] = []
    thread = threading.Thread(target=lambda: freed.append(files.lock_exclusive_nowait(file, 0, 10)))
    thread.start()
    thread.join()
    assert freed == [False]
    os.close(reader)


def test_one_writer_has_the_file(path, file):
    other = files.open_write(path)
    assert files.lock_file(file)
    assert not files.lock_file(other)
    assert files.lock_shared(other, 0, 10)
    os.close(other)
