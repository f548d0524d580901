"""The disk: open, write, sync, punch, lock. No other module of segments and bodies touches it.

Failed writes and syncs are the store's errors, ``NoSpace`` or ``Unavailable``. A file whose sync
failed must not be synced again and believed: the kernel reports a lost page once, then calls it
clean (https://wiki.postgresql.org/wiki/Fsync_Errors). Remembering that is the caller's part.
"""

import ctypes
import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from struct import Struct

from store.errors import Damaged, NoSpace, StoreError, Unavailable

Buffer = bytes | bytearray | memoryview

_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW
_MODE = 0o600
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_UNSUPPORTED = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})
_ASK_THE_DISK = frozenset({errno.EAGAIN, errno.EOPNOTSUPP})
_HELD = frozenset({errno.EAGAIN, errno.EACCES})
# EIO: reading and writing it in two steps says which of them failed.
_NOT_IN_KERNEL = _UNSUPPORTED | {errno.EXDEV, errno.EINVAL, errno.EIO, errno.EPERM}
_COPY_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20

_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02  # linux/falloc.h
_SYNC_FILE_RANGE_WRITE = 2  # linux/fs.h
_RWF_DONTCACHE = 0x80  # linux/fs.h, since 6.14
_FLOCK = Struct("hhqqi4x")  # struct flock: l_type, l_whence, l_start, l_len, l_pid

_libc = ctypes.CDLL(None, use_errno=True)
_libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
_libc.sync_file_range.argtypes = [ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_uint]


@contextmanager
def _refusing(what: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, FileExistsError):
        raise
    except OSError as error:
        raise _refusal(what, error) from error


@contextmanager
def _reading() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Damaged(f"read: {error}") from error


def _refusal(what: str, error: OSError) -> StoreError:
    kind = NoSpace if error.errno in _FULL else Unavailable
    return kind(f"{what}: {error}")


def make_directory(path: Path) -> None:
    """On disk when this returns; not an error when it was there. Raises as ``create``."""
    with _refusing("mkdir"):
        path.mkdir(mode=0o700, exist_ok=True)
    sync_directory(path.parent)


def list_names(directory: Path) -> list[str]:
    """The names in a directory, in no order."""
    return os.listdir(directory)


def open_read(path: Path) -> int:
    """A description of its own, so that locks on it are its own.

    Raises ``FileNotFoundError``, ``Unavailable``.
    """
    with _refusing("open"):
        return os.open(path, os.O_RDONLY | _FLAGS)


def open_write(path: Path) -> int:
    """An existing file, to read and write. Raises ``FileNotFoundError``, ``Unavailable``."""
    with _refusing("open"):
        return os.open(path, os.O_RDWR | _FLAGS)


def create(path: Path) -> int:
    """A new file; its name is on disk once its directory is synced.

    Raises ``FileExistsError``, ``NoSpace``, ``Unavailable``.
    """
    with _refusing("create"):
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, _MODE)


def unlink(path: Path) -> None:
    """Not an error when it is gone. Raises ``Unavailable``."""
    with _refusing("unlink"), suppress(FileNotFoundError):
        path.unlink()


def truncate(file: int, size: int) -> None:
    """Raises ``NoSpace``, ``Unavailable``."""
    with _refusing("truncate"):
        os.ftruncate(file, size)


def pwrite_all(file: int, data: Buffer, offset: int, *, stays: bool = True) -> None:
    """Write the whole of ``data``, in as many steps as the kernel wants.

    Unless it ``stays``, memory is freed of it once it is on disk, if the kernel can do that.
    Raises ``NoSpace``, ``Unavailable``; then any part of it may have been written.
    """
    with _refusing("write"), memoryview(data) as left:
        done = 0
        while done < len(left):
            step = _pwrite(file, left[done:], offset + done, stays)
            if step == 0:
                raise OSError(errno.EIO, "nothing was written")
            done += step


def _pwrite(file: int, data: memoryview, offset: int, stays: bool) -> int:
    if not stays:
        try:
            return os.pwritev(file, [data], offset, _RWF_DONTCACHE)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
    return os.pwrite(file, data, offset)


def copy(source: Path, target: Path) -> None:
    """A new file with the same bytes, on disk when this returns but for its name.

    Raises ``FileNotFoundError``, ``FileExistsError``, ``Damaged``, ``NoSpace``, ``Unavailable``.
    """
    there = open_read(source)
    try:
        here = create(target)
        try:
            size = os.fstat(there).st_size
            done = 0
            while done < size:
                done += copy_range(there, here, done, min(_COPY_BYTES, size - done))
            sync(here)
        finally:
            os.close(here)
    finally:
        os.close(there)


def copy_range(source: int, target: int, offset: int, length: int) -> int:
    """Copy bytes to the same place of another file; returns how many, none past the end.

    Where the file system can, both share the blocks until one of them changes. Raises ``Damaged``
    when they cannot be read, ``NoSpace``, ``Unavailable``.
    https://man7.org/linux/man-pages/man2/copy_file_range.2.html
    """
    try:
        return os.copy_file_range(source, target, length, offset, offset)
    except OSError as error:
        if error.errno not in _NOT_IN_KERNEL:
            raise _refusal("copy", error) from error
    data = read(source, min(length, _PIECE_BYTES), offset)
    pwrite_all(target, data, offset)
    return len(data)


def read(file: int, count: int, offset: int) -> bytes:
    """At most ``count`` bytes, none at the end of the file. Raises ``Damaged``."""
    with _reading():
        return os.pread(file, count, offset)


def read_cached(file: int, into: memoryview, offset: int) -> int | None:
    """How many bytes of ``into`` could be filled from memory; ``None`` when the disk must be asked.

    Raises ``Damaged``. https://man7.org/linux/man-pages/man2/preadv2.2.html
    """
    with _reading():
        try:
            return os.preadv(file, [into], offset, os.RWF_NOWAIT)
        except OSError as error:
            if error.errno in _ASK_THE_DISK:
                return None
            raise


def read_ahead(file: int, offset: int, length: int) -> None:
    """Have the kernel fetch a range that will be read next."""
    with _reading():
        os.posix_fadvise(file, offset, length, os.POSIX_FADV_WILLNEED)


def drop_cached(file: int, offset: int, length: int) -> None:
    """Have the next read of a range ask the disk. A hint: what is not written yet stays."""
    with _reading():
        os.posix_fadvise(file, offset, length, os.POSIX_FADV_DONTNEED)


def replace(path: Path, data: bytes) -> None:
    """A file with these bytes, or with those before: on disk when this returns.

    Raises ``NoSpace``, ``Unavailable``.
    """
    draft = path.with_name(f"{path.name}.new")
    unlink(draft)
    file = create(draft)
    try:
        pwrite_all(file, data, 0)
        sync(file)
    finally:
        os.close(file)
    with _refusing("rename"):
        draft.rename(path)
    sync_directory(path.parent)


def sync(file: int) -> None:
    """Wait until the bytes are on disk. Raises ``NoSpace``, ``Unavailable``: see the module."""
    with _refusing("fdatasync"):
        os.fdatasync(file)


def sync_file(path: Path) -> None:
    """Wait until the bytes of an existing file are on disk. Raises as ``open_write``, ``sync``."""
    file = open_write(path)
    try:
        sync(file)
    finally:
        os.close(file)


def sync_directory(directory: Path) -> None:
    """Wait until the names in it are on disk. Raises as ``sync``."""
    with _refusing("fsync of a directory"):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def start_writeback(file: int, offset: int, length: int) -> None:
    """Ask the kernel to begin writing, so that a later ``sync`` is short. A hint: never fails.

    Unlike an early fdatasync it does not use up the error that ``sync`` must see.
    https://man7.org/linux/man-pages/man2/sync_file_range.2.html
    """
    _libc.sync_file_range(file, offset, length, _SYNC_FILE_RANGE_WRITE)


def punch(file: int, offset: int, length: int) -> bool:
    """Give the space of a range back; it reads as zeros. False when the file system cannot.

    Only whole pages are freed. Raises ``NoSpace``, ``Unavailable``.
    https://man7.org/linux/man-pages/man2/fallocate.2.html
    """
    while _libc.fallocate(file, _PUNCH_HOLE | _KEEP_SIZE, offset, length) != 0:
        code = ctypes.get_errno()
        if code in _UNSUPPORTED:
            return False
        if code != errno.EINTR:
            raise _refusal("punch", OSError(code, os.strerror(code)))
    return True


def is_hole(file: int, offset: int) -> bool:
    """Nothing is stored there: reading gives zeros. Costs no more than reading a byte.

    https://man7.org/linux/man-pages/man2/lseek.2.html (``SEEK_DATA``)
    """
    try:
        return os.lseek(file, offset, os.SEEK_DATA) != offset
    except OSError as error:
        return error.errno == errno.ENXIO


def lock_shared(file: int, offset: int, length: int) -> bool:
    """A read lock on a byte range, until ``file`` is closed. False when it is being freed."""
    return _lock(file, fcntl.F_RDLCK, offset, length)


def lock_exclusive_nowait(file: int, offset: int, length: int) -> bool:
    """The right to free a byte range, until ``file`` is closed. False while anyone reads it."""
    return _lock(file, fcntl.F_WRLCK, offset, length)


def _lock(file: int, kind: int, offset: int, length: int) -> bool:
    # Open file description locks: unlike plain POSIX locks they belong to the descriptor, not to
    # the process, so they hold between threads and closing another descriptor drops none.
    # https://www.gnu.org/software/libc/manual/html_node/Open-File-Description-Locks.html
    request = _FLOCK.pack(kind, os.SEEK_SET, offset, length, 0)
    try:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, request)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise _refusal("lock", error) from error
    return True


def lock_file(file: int) -> bool:
    """The whole file for one writer, until ``file`` is closed. False when another has it.

    A ``flock``: it knows nothing of the byte range locks, nor they of it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in _HELD:
            return False
        raise _refusal("flock", error) from error
    return True
