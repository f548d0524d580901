"""A disk that forgets what was not synced: what a power cut leaves of a data directory.

Everything is written to the real files, so whoever reads sees it, as from the page cache. Beside
them the platter keeps what has been synced: the bytes of files by fsync of the file, names by fsync
of the directory. Nothing else counts as being on the disk; a real one may have more of it, so a cut
can also leave any part of the rest, sector by sector.

It may also fail (``Platter.admits``), and then forgets as the kernel does: pages that a sync could
not write are never written, though they can be read, and the next sync succeeds.
"""

import ctypes
import errno
import os
import random
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from store import files

_SECTOR = 4096
_NOT_ON_DISK = ("-shm",)  # shared memory of processes, rebuilt by the first one


class _File:
    def __init__(self, synced: bytes = b"") -> None:
        self.synced = bytearray(synced)
        self.pending: list[tuple[int, bytes | None, int]] = []
        """Offset and bytes; or, without bytes, a new length; with a count, zeros."""

    def sync(self) -> None:
        self.synced, self.pending = self.after(self.pending), []

    def lose(self) -> None:
        """https://wiki.postgresql.org/wiki/Fsync_Errors"""
        self.pending = [change for change in self.pending if change[1] is None]

    def after(self, changes: list[tuple[int, bytes | None, int]]) -> bytearray:
        made = bytearray(self.synced)
        for offset, data, zeros in changes:
            if data is not None:
                made.extend(bytes(max(0, offset - len(made))))
                made[offset : offset + len(data)] = data
            elif zeros:
                end = min(offset + zeros, len(made))
                made[offset:end] = bytes(max(0, end - offset))
            else:
                del made[offset:]
                made.extend(bytes(offset - len(made)))
        return made


class Platter:
    """The disk under ``directory``; everything that is there now has been synced."""

    def __init__(self, directory: Path) -> None:
        self._root = directory
        self._lock = threading.RLock()
        self._live: dict[int, _File] = {}
        self._names: dict[str, _File] = {}
        self.before_sync: Callable[[], None] = lambda: None
        """Called each time something is about to reach the platter."""
        for path in sorted(directory.rglob("*")):
            if path.is_file() and not path.name.endswith(_NOT_ON_DISK):
                file = _File(path.read_bytes())
                self._live[path.stat().st_ino] = file
                self._names[str(path)] = file

    def admits(self, call: str, size: int = 0) -> int:
        """How many of ``size`` bytes a call of the kernel writes. Raises ``OSError``.

        ``call`` is its name; ``write`` is what SQLite writes. The size of an open is 1 when it
        makes a file.
        """
        return size

    # --- what is left ------------------------------------------------------------------------

    def still(self) -> threading.RLock:
        """While it is held, nothing more is written or synced."""
        return self._lock

    def cut(self, target: Path, chance: random.Random | None) -> None:
        """Make ``target`` what is left: of what was not synced nothing, or what ``chance`` says."""
        with self._lock:
            names = dict(self._names)
            for directory in {str(Path(name).parent) for name in (*names, *self._current())}:
                if chance and chance.random() < 0.5:
                    names = self._renamed(names, directory)
            for directory in sorted(path for path in self._root.rglob("*") if path.is_dir()):
                (target / directory.relative_to(self._root)).mkdir(parents=True, exist_ok=True)
            for name, file in names.items():
                data = file.after(_some(file.pending, chance)) if chance else file.synced
                path = target / Path(name).relative_to(self._root)
                _write_sparse(path, data)

    def _current(self) -> dict[str, _File]:
        found = {}
        for path in self._root.rglob("*"):
            if path.name.endswith(_NOT_ON_DISK):
                continue
            try:
                status = path.stat()
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                found[str(path)] = self._live[status.st_ino]
        return found

    def _renamed(self, names: dict[str, _File], directory: str) -> dict[str, _File]:
        """With the names in one directory as they are now."""
        kept = {name: f for name, f in names.items() if str(Path(name).parent) != directory}
        now = {n: f for n, f in self._current().items() if str(Path(n).parent) == directory}
        return kept | now

    # --- what happens ------------------------------------------------------------------------

    @contextmanager
    def opening(self, path: str) -> Iterator[None]:
        """A file that was not there before is a new one, whatever its inode's number."""
        with self._lock:
            was_there = os.path.exists(path)
            yield
            if self.has(path) and os.path.isfile(path) and not was_there:
                self._live[os.stat(path).st_ino] = _File()

    @contextmanager
    def changing(self, inode: int, *change: int | bytes | None) -> Iterator[None]:
        """Offset, bytes, zeros; see ``_File.pending``."""
        with self._lock:
            yield
            if inode in self._live:
                self._live[inode].pending.append(change)

    def has(self, path: object) -> bool:
        return str(path).startswith(str(self._root))

    def synced(self, inode: int, call: str = "fdatasync") -> None:
        if inode in self._live:
            self.before_sync()
            with self._lock:
                try:
                    self.admits(call)
                except OSError:
                    self._live[inode].lose()
                    raise
                self._live[inode].sync()

    def directory_synced(self, directory: str) -> None:
        if self.has(directory):
            self.before_sync()
            with self._lock:
                self._names = self._renamed(self._names, str(directory))


def _some(pending, chance: random.Random):
    """Any part of what was written, in sectors: disks reorder and tear."""
    for offset, data, zeros in pending:
        if data is None:
            if chance.random() < 0.5:
                yield offset, None, zeros
            continue
        at = 0
        while at < len(data):
            end = min(len(data), at + _SECTOR - (offset + at) % _SECTOR)
            if chance.random() < 0.5:
                yield offset + at, data[at:end], 0
            at = end


def _write_sparse(path: Path, data: bytearray) -> None:
    """Zeros are left out: on the disk they may have been holes."""
    with path.open("wb") as file:
        for at in range(0, len(data), _SECTOR):
            sector = data[at : at + _SECTOR]
            if sector.count(0) != len(sector):
                file.seek(at)
                file.write(sector)
        file.truncate(len(data))


# --- between the store and its files -----------------------------------------------------------


@contextmanager
def under(platter: Platter) -> Iterator[None]:
    """All that this process does to files, through ``os``, the store or SQLite, goes by it."""
    vfs = _Vfs(platter)
    with pytest.MonkeyPatch.context() as patch:
        _watch_os(platter, patch)
        real_punch = files.punch

        def punch(file: int, offset: int, length: int) -> bool:
            with platter.changing(_inode(file), offset, None, length):
                return real_punch(file, offset, length)

        patch.setattr(files, "punch", punch)
        patch.setattr(files, "_libc", _Libc(platter, files._libc))
        try:
            yield
        finally:
            vfs.unregister()


def _inode(file: int) -> int:
    return os.fstat(file).st_ino


def _watch_os(platter: Platter, patch: pytest.MonkeyPatch) -> None:
    names = ("open", "pwrite", "pwritev", "ftruncate", "truncate", "unlink", "rename")
    real = {name: getattr(os, name) for name in names}

    def open_(path, flags, mode=0o777, *, dir_fd=None):
        with platter.opening(path):
            if platter.has(path):
                platter.admits("open", int(bool(flags & os.O_CREAT) and not os.path.exists(path)))
            file = real["open"](path, flags, mode, dir_fd=dir_fd)
        if flags & os.O_TRUNC:
            with platter.changing(_inode(file), 0, None, 0):
                pass
        return file

    def pwrite(file, data, offset):
        with memoryview(data) as view:
            part = view[: platter.admits("pwrite", len(view))]
            with platter.changing(_inode(file), offset, bytes(part), 0):
                written = real["pwrite"](file, part, offset)
                assert written == len(part)
        return written

    def pwritev(file, buffers, offset, flags):
        (data,) = buffers
        part = data[: platter.admits("pwritev", len(data))]
        with platter.changing(_inode(file), offset, bytes(part), 0):
            written = real["pwritev"](file, [part], offset, flags)
            assert written == len(part)
        return written

    def ftruncate(file, size):
        platter.admits("ftruncate")
        with platter.changing(_inode(file), size, None, 0):
            real["ftruncate"](file, size)

    def truncate(path, size):
        platter.admits("ftruncate")
        with platter.changing(os.stat(path).st_ino, size, None, 0):
            real["truncate"](path, size)

    def unlink(path, **more):
        if platter.has(path):
            platter.admits("unlink")
        real["unlink"](path, **more)

    def rename(source, target, **more):
        if platter.has(source):
            platter.admits("rename")
        real["rename"](source, target, **more)

    def sync(file, call):
        status = os.fstat(file)
        if stat.S_ISDIR(status.st_mode):
            platter.admits(call)
            platter.directory_synced(os.readlink(f"/proc/self/fd/{file}"))
        else:
            platter.synced(status.st_ino, call)

    for name, seen in (
        ("open", open_),
        ("pwrite", pwrite),
        ("pwritev", pwritev),
        ("ftruncate", ftruncate),
        ("truncate", truncate),
        ("unlink", unlink),
        ("rename", rename),
        ("fsync", lambda file: sync(file, "fsync")),
        ("fdatasync", lambda file: sync(file, "fdatasync")),
    ):
        patch.setattr(os, name, seen)


class _Libc:
    """The C library, as far as ``store.files`` calls it."""

    def __init__(self, platter: Platter, real: ctypes.CDLL) -> None:
        self._platter = platter
        self._real = real

    def fallocate(self, file, mode, offset, length):
        try:
            self._platter.admits("fallocate")
        except OSError as error:
            ctypes.set_errno(error.errno)
            return -1
        return self._real.fallocate(file, mode, offset, length)

    def sync_file_range(self, *arguments):
        return self._real.sync_file_range(*arguments)


def _ask(platter: Platter, call: str, size: int = 0, refusal: type[apsw.Error] = apsw.IOError):
    """In the words of SQLite's own layer for Unix: https://sqlite.org/src/file/src/os_unix.c"""
    try:
        platter.admits(call, size)
    except OSError as error:
        if error.errno == errno.ENOSPC and call == "write":
            raise apsw.FullError(str(error)) from error
        if error.errno != errno.EINTR:  # it tries again
            raise refusal(str(error)) from error


class _Vfs(apsw.VFS):
    """SQLite's own files. https://sqlite.org/vfs.html"""

    def __init__(self, platter: Platter) -> None:
        super().__init__("platter", "unix", makedefault=True)
        self._platter = platter

    def xOpen(self, name, flags):
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        if path is None:
            return _VfsFile(self._platter, None, name, flags)
        with self._platter.opening(path):
            made = flags[0] & apsw.SQLITE_OPEN_CREATE and not os.path.exists(path)
            _ask(self._platter, "open", int(bool(made)), apsw.CantOpenError)
            return _VfsFile(self._platter, path, name, flags)

    def excepthook(self, *error):
        """What SQLite hears is enough."""

    def xDelete(self, name, sync_directory):
        _ask(self._platter, "unlink")
        super().xDelete(name, sync_directory)
        if sync_directory:
            self._platter.directory_synced(str(Path(name).parent))


class _VfsFile(apsw.VFSFile):
    def __init__(self, platter: Platter, path: str | None, name, flags) -> None:
        super().__init__("unix", name, flags)
        self._platter = platter
        self._path = path
        self._inode = os.stat(path).st_ino if path else -1
        # SQLite syncs the directory with the first sync of a log it has made.
        self._is_new_log = bool(flags[0] & (apsw.SQLITE_OPEN_WAL | apsw.SQLITE_OPEN_MAIN_JOURNAL))

    def excepthook(self, *error):
        """What SQLite hears is enough."""

    def xWrite(self, data, offset):
        _ask(self._platter, "write", len(data))
        with self._platter.changing(self._inode, offset, bytes(data), 0):
            super().xWrite(data, offset)

    def xTruncate(self, size):
        _ask(self._platter, "ftruncate")
        with self._platter.changing(self._inode, size, None, 0):
            super().xTruncate(size)

    def xSync(self, flags):
        try:
            self._platter.synced(self._inode)
        except OSError as error:
            raise apsw.IOError(str(error)) from error
        if self._is_new_log:
            self._platter.directory_synced(str(Path(self._path).parent))
            self._is_new_log = False
