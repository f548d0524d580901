"""The change journal: every committed batch once more, in order, checksummed, beside SQLite.

It is not on the acknowledgement path: ``append`` does not sync. What it lacks after a crash is in
the outbox (table ``change``) and is filled in by ``store.outbox``; what the database lacks is
replayed by ``store.prepare``. Files are ``journal/<first lsn>.log``: a header, then records.

The write lock's file says where the journal ends (``Tail``), so that each process can append after
any other, and sees at once when one died between its commit and its record.
"""

import errno
import logging
import os
import struct
import uuid
import zlib
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path

from msgspec import Struct

from store.changes import decode
from store.errors import JournalMismatch

log = logging.getLogger("s3gw.store")

FILE_BYTES = 64 << 20

_HEADER = struct.Struct(">8sI16sI")  # magic, version, store id, crc32 of these
_RECORD = struct.Struct(">IIQ")  # payload length, crc32 of lsn and payload, first lsn
_TAIL = struct.Struct(">QQQI")  # first lsn of the last file, its length, last lsn, crc32
_MAGIC, _VERSION = b"s3gwjrnl", 1
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW
_KEPT_BYTES = 2 * FILE_BYTES


class Tail(Struct, frozen=True):
    """Where the journal ends."""

    file: int
    """First lsn, hence name, of the last file; 0: there is none."""
    length: int
    lsn: int
    """Last lsn of the last record."""


class Unsynced(OSError):
    """What a sync was to write may be lost, and the next one would not tell: see ``cut_from``."""


class Record(Struct, frozen=True):
    """The changes of one commit, encoded; the first of them is number ``lsn``."""

    lsn: int
    payload: bytes


class Journal:
    """The journal of one store. All methods that write want the write lock held."""

    def __init__(self, directory: Path, store: uuid.UUID, lock_file: int) -> None:
        """``directory`` exists; ``lock_file`` is the write lock's descriptor."""
        self._directory = directory
        self._store = store
        self._lock_file = lock_file
        self._file = -1
        self._name = 0

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    # --- writing -------------------------------------------------------------------------------

    def tail(self) -> Tail:
        """Where the last holder of the write lock left off."""
        packed = os.pread(self._lock_file, _TAIL.size, 0)
        if len(packed) != _TAIL.size or zlib.crc32(packed[:-4]) != _TAIL.unpack(packed)[3]:
            raise JournalMismatch("the write lock does not say where the journal ends")
        return Tail(*_TAIL.unpack(packed)[:3])

    def set_tail(self, tail: Tail) -> None:
        packed = struct.pack(">QQQ", tail.file, tail.length, tail.lsn)
        _write(self._lock_file, packed + struct.pack(">I", zlib.crc32(packed)), 0)

    def begin(self, after: int) -> Tail:
        """Make the first file of a journal of the changes after number ``after``."""
        return self._roll(Tail(0, 0, after), after + 1)

    def append(self, tail: Tail, lsn: int, last: int, payload: bytes) -> Tail:
        """Write one record, changes ``lsn`` to ``last``, after ``tail``; returns the new tail.

        Raises ``OSError``; then the tail is still the old one and what was written does not count.
        When it is ``Unsynced``, ``store.outbox.rewind`` must be called.
        """
        if tail.file == 0 or tail.length >= FILE_BYTES:
            tail = self._roll(tail, lsn)
        self._open(tail.file)
        checked = zlib.crc32(payload, zlib.crc32(lsn.to_bytes(8, "big")))
        record = _RECORD.pack(len(payload), checked, lsn) + payload
        _write(self._file, record, tail.length)
        tail = Tail(tail.file, tail.length + len(record), last)
        self.set_tail(tail)
        return tail

    def _roll(self, tail: Tail, lsn: int) -> Tail:
        if tail.file:
            self.sync(tail)
        self.close()
        header = _HEADER.pack(_MAGIC, _VERSION, self._store.bytes, 0)[:-4]
        header += struct.pack(">I", zlib.crc32(header))
        file = os.open(self._path(lsn), _FLAGS | os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write(file, header, 0)
            os.fsync(file)
        finally:
            os.close(file)
        _sync_directory(self._directory)
        return Tail(lsn, len(header), tail.lsn)

    def sync(self, tail: Tail) -> None:
        """Bring all up to ``tail`` to disk. Needs no lock: earlier files were synced when full.

        Raises ``Unsynced``; then ``store.outbox.rewind`` must be called.
        """
        if tail.file:
            file = os.open(self._path(tail.file), _FLAGS | os.O_RDWR)
            try:
                os.fdatasync(file)
            except OSError as error:
                raise Unsynced(error.errno, error.strerror) from error
            finally:
                os.close(file)

    def cut_from(self, tail: Tail, lsn: int) -> Tail:
        """Take the records from change ``lsn`` on off the last file; returns the new tail."""
        if not tail.file:
            return tail
        kept, end = None, _HEADER.size
        for record, record_end in self.scan(tail.file):
            if record.lsn >= lsn:
                break
            kept, end = record, record_end
        os.truncate(self._path(tail.file), end)
        last = kept.lsn + len(decode(kept.payload)) - 1 if kept else tail.file - 1
        tail = Tail(tail.file, end, last)
        self.set_tail(tail)
        return tail

    def _open(self, name: int) -> None:
        if self._name != name or self._file < 0:
            self.close()
            self._file = os.open(self._path(name), _FLAGS | os.O_RDWR)
            self._name = name

    def _path(self, name: int) -> Path:
        return self._directory / f"{name:016d}.log"

    def cut(self) -> Tail:
        """Take a torn record off the end, and say where the journal then ends.

        A crash cuts short what was written last. A record that is all there but wrong may have
        whole ones behind it: then what is taken off is kept beside the file, for a person to look
        at. Raises ``JournalMismatch``.
        """
        names = self.names()
        if names and self._path(names[-1]).stat().st_size < _HEADER.size:
            self._path(names.pop()).unlink()
        if not names:
            return Tail(0, 0, 0)
        lsn, end = names[-1] - 1, _HEADER.size
        for record, record_end in self.scan(names[-1]):
            lsn, end = record.lsn + len(decode(record.payload)) - 1, record_end
        if self._path(names[-1]).stat().st_size > end:
            self._cut(self._path(names[-1]), end)
        return Tail(names[-1], end, lsn)

    def _cut(self, path: Path, end: int) -> None:
        with path.open("rb") as file:
            file.seek(end)
            rest = file.read(_KEPT_BYTES)
        short = len(rest) < _RECORD.size or _RECORD.unpack_from(rest)[0] > len(rest) - _RECORD.size
        log.warning("%s is cut to its last whole record, by %d bytes", path.name, len(rest))
        if not short:
            kept = path.with_suffix(f".cut-{end}")
            log.warning("what was cut off is kept in %s", kept.name)
            copy = os.open(kept, _FLAGS | os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            try:
                _write(copy, rest, 0)
            finally:
                os.close(copy)
        os.truncate(path, end)

    # --- reading -------------------------------------------------------------------------------

    def names(self) -> list[int]:
        """First lsns of all files, ascending."""
        return sorted(int(path.stem) for path in self._directory.glob("*.log"))

    def records(self, after: int = 0) -> Iterator[Record]:
        """All whole records, in order, that start above ``after``. Raises ``JournalMismatch``."""
        names = self.names()
        for name, following in zip_longest(names, names[1:]):
            if following is None or following > after + 1:
                yield from (r for r, _ in self.scan(name) if r.lsn > after)

    def scan(self, name: int) -> Iterator[tuple[Record, int]]:
        """The whole records of one file, each with the offset of its end; stops at a torn one.

        Raises ``JournalMismatch`` when the file is of another store.
        """
        with self._path(name).open("rb") as file:
            end = self._check_header(file.read(_HEADER.size), name)
            while len(head := file.read(_RECORD.size)) == _RECORD.size:
                length, checked, lsn = _RECORD.unpack(head)
                payload = file.read(length) if length <= FILE_BYTES * 4 else b""
                crc = zlib.crc32(payload, zlib.crc32(lsn.to_bytes(8, "big")))
                if len(payload) != length or crc != checked:
                    return
                end += len(head) + length
                yield Record(lsn, payload), end

    def _check_header(self, header: bytes, name: int) -> int:
        if len(header) == _HEADER.size:
            magic, version, store, checked = _HEADER.unpack(header)
            if magic == _MAGIC and zlib.crc32(header[:-4]) == checked:
                if version != _VERSION:
                    raise JournalMismatch(f"journal {name} has format {version}, not {_VERSION}")
                if store != self._store.bytes:
                    other = uuid.UUID(bytes=store)
                    raise JournalMismatch(f"journal {name} is of store {other}, not {self._store}")
                return len(header)
        raise JournalMismatch(f"journal {name} has no header")


def store_of(directory: Path) -> uuid.UUID | None:
    """The store the oldest journal file belongs to; ``None`` when there is no journal."""
    for path in sorted(directory.glob("*.log")):
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
        if len(header) == _HEADER.size and header.startswith(_MAGIC):
            return uuid.UUID(bytes=_HEADER.unpack(header)[2])
    return None


def _sync_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _write(file: int, data: bytes, offset: int) -> None:
    written = 0
    while written < len(data):
        step = os.pwrite(file, data[written:] if written else data, offset + written)
        if step == 0:
            raise OSError(errno.EIO, "nothing was written")
        written += step
