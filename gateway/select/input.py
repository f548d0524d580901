"""The bytes of an object on their way into the engine: unpacked, cut to the range, told apart."""

import bz2
import csv
import io
import os
import re
import threading
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO

from gateway.select.errors import BadQuery
from gateway.select.job import BZIP2, NONE, USE, Dialect, Job

BLOCK_BYTES = 64 * 1024
PACKED_BYTES = 1024
"""Unpacked at once: of BZIP2 that may be 20 MB."""
RECORD_BYTES = 1024 * 1024
"""AWS's limit of one record."""
_BOM = b"\xef\xbb\xbf"


class Counts:
    """Bytes read, and bytes after unpacking."""

    def __init__(self) -> None:
        self.scanned = 0
        self.processed = 0


def blocks(stream: BinaryIO, job: Job, counts: Counts) -> Iterator[bytes]:
    """The text of the records that are asked for. Raises ``BadQuery``."""
    found: Iterable[bytes] = _counted(stream, counts)
    if job.compression != NONE:
        found = _unpacked(found, job.compression)
    if job.start or job.until >= 0:
        end = job.read.record.encode()[-1:]
        found = _cut(found, end, job.start, job.until, header=job.read.header != NONE)
    for block in found:
        counts.processed += len(block)
        yield block


def _counted(stream: BinaryIO, counts: Counts) -> Iterator[bytes]:
    while block := os.read(stream.fileno(), BLOCK_BYTES):
        counts.scanned += len(block)
        yield block


def _unpacked(packed: Iterable[bytes], compression: str) -> Iterator[bytes]:
    """Members of GZIP and streams of BZIP2 may follow one another."""
    make: Callable[[], Any] = (
        bz2.BZ2Decompressor if compression == BZIP2 else lambda: zlib.decompressobj(31)
    )
    unpack = make()
    try:
        for block in packed:
            for at in range(0, len(block), PACKED_BYTES):
                rest = block[at : at + PACKED_BYTES]
                while rest:
                    if unpack.eof:
                        rest = rest.lstrip(b"\0")
                        unpack = make() if rest else unpack
                    if plain := unpack.decompress(rest) if rest else b"":
                        yield plain
                    rest = unpack.unused_data if unpack.eof and rest else b""
    except (OSError, zlib.error) as error:
        raise BadQuery("InvalidCompressionFormat", f"The object is not {compression}.") from error
    if not unpack.eof:
        raise BadQuery("TruncatedInput", "Object decompression failed: it ends too early.")


def _cut(
    found: Iterable[bytes], end: bytes, start: int, until: int, *, header: bool
) -> Iterator[bytes]:
    """The records that begin at ``start`` or later and before ``until`` (-1: no end).

    ``header``: the first record comes in any case.
    """
    at = 0
    for block in found:
        piece, begin = block, at
        at += len(block)
        if header:
            place = piece.find(end) + 1
            yield piece[: place or len(piece)]
            if not place:
                continue
            header = False
            piece, begin = piece[place:], begin + place
        if begin < start:
            place = piece.find(end, max(start - 1 - begin, 0)) + 1
            if not place:
                continue
            piece, begin, start = piece[place:], begin + place, 0
        if 0 <= until <= begin:
            return
        if 0 <= until <= at:
            place = piece.find(end, max(until - 1 - begin, 0)) + 1
            if place:
                yield piece[:place]
                return
        yield piece


def one_delimiter(found: Iterable[bytes], delimiter: str) -> Iterator[bytes]:
    """Records ended by line feeds. A line feed inside one becomes the delimiter, see ``csv_sql``.

    Raises ``BadQuery`` for delimiters the engine cannot be given.
    """
    if delimiter in ("\n", "\r\n", "\r"):
        yield from found
        return
    raw = delimiter.encode()
    if len(raw) != 1:
        raise BadQuery("InvalidRequestParameter", "RecordDelimiter must be one ASCII character.")
    swap = bytes.maketrans(raw + b"\n", b"\n" + raw)
    for block in found:
        yield block.translate(swap)


def first_record(found: Iterator[bytes], read: Dialect) -> tuple[list[str], Iterator[bytes]]:
    """The fields of the first record, and all bytes, or with a header all after it.

    Raises ``BadQuery``.
    """
    head = b""
    end = -1
    for block in found:
        head = (head + block).removeprefix(_BOM) if len(head) < len(_BOM) else head + block
        while read.comment and head.startswith(read.comment.encode()) and b"\n" in head:
            head = head.partition(b"\n")[2]
        end = _end(head, read.quote.encode())
        if end >= 0:
            break
        if len(head) > RECORD_BYTES:
            raise BadQuery("OverMaxRecordSize", "A record is longer than 1 MB.")
    line = head if end < 0 else head[:end]
    rest = head[len(line) :] if read.header != NONE else head
    return _fields(line, read), _chained(rest, found)


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest


def _end(head: bytes, quote: bytes) -> int:
    """Where the first record ends: behind a line's end that is not in quotes; -1: not yet."""
    quoted = False
    for match in re.finditer(b"\r\n|\n|\r(?=.)|" + (re.escape(quote) or b"\n"), head, re.DOTALL):
        if quote and match[0] == quote:
            quoted = not quoted
        elif not quoted:
            return match.end()
    return -1


def _fields(line: bytes, read: Dialect) -> list[str]:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        raise BadQuery("InvalidTextEncoding", "The object is not UTF-8.") from error
    csv.field_size_limit(RECORD_BYTES)
    doubled = read.escape == read.quote or not read.escape
    rows = csv.reader(
        io.StringIO(text.rstrip("\r\n"), newline=""),
        delimiter=read.field,
        quotechar=read.quote or None,
        escapechar=None if doubled else read.escape,
        doublequote=doubled,
        quoting=csv.QUOTE_MINIMAL if read.quote else csv.QUOTE_NONE,
    )
    return [field.strip() if read.header == USE else field for field in next(rows, [])]


class Pump:
    """Blocks into a pipe that the engine reads, in a thread of its own."""

    def __init__(self, found: Iterator[bytes]) -> None:
        self.reading, self._writing = os.pipe()
        self._found = found
        self.failure: BaseException | None = None
        """What ended the input early."""
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def path(self) -> str:
        return f"/dev/fd/{self.reading}"

    def _run(self) -> None:
        try:
            with open(self._writing, "wb", buffering=0) as pipe:
                for block in self._found:
                    view = memoryview(block)
                    while view:
                        view = view[pipe.write(view) :]
        except BrokenPipeError:
            pass  # the engine has seen enough
        except BaseException as error:  # told by whoever reads the other end
            self.failure = error
