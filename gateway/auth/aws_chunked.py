"""aws-chunked bodies: the framing that carries chunk signatures and trailers. Without I/O.

    10000;chunk-signature=ad80…CRLF <65,536 bytes> CRLF 0;chunk-signature=b6c6…CRLF
    x-amz-checksum-crc32c:sOO8/Q==CRLF x-amz-trailer-signature:d81f…CRLF CRLF

Chunks may be large, so their bytes are handed on before their signature is known: whoever takes
them believes nothing until ``finish`` has returned.
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming-trailers.html
"""

import hashlib
import re
from collections import deque
from enum import Enum, auto
from hmac import compare_digest

from gateway.auth.canonical import EMPTY_SHA256, SigningKey
from gateway.errors import (
    IncompleteBody,
    InvalidChunkSizeError,
    MalformedTrailerError,
    SignatureDoesNotMatch,
)

MIN_CHUNK = 8192
"""Only the last chunk with data may be smaller (AWS; it also bounds the work per byte)."""
MAX_LINE = 1024
MAX_TRAILER_LINES = 8
TRAILER_SIGNATURE = "x-amz-trailer-signature"

Buffer = bytes | bytearray | memoryview

_signed_line = re.compile(rb"([0-9a-fA-F]{1,16});chunk-signature=([0-9a-f]{64})").fullmatch
_unsigned_line = re.compile(rb"([0-9a-fA-F]{1,16})").fullmatch


class ChunkSigner:
    """The chain of signatures: each is made over the one before, the first over the head's."""

    __slots__ = ("_context", "_key", "_previous")

    def __init__(self, key: SigningKey, timestamp: str, scope: str, seed: str) -> None:
        self._key = key
        self._context = f"{timestamp}\n{scope}"
        self._previous = seed

    def chunk(self, sha256: str) -> str:
        """The signature of the next chunk, from its SHA-256 in hex."""
        return self._next("AWS4-HMAC-SHA256-PAYLOAD", f"{EMPTY_SHA256}\n{sha256}")

    def trailer(self, text: bytes) -> str:
        """The signature of the trailers, given as ``name:value LF`` lines."""
        return self._next("AWS4-HMAC-SHA256-TRAILER", hashlib.sha256(text).hexdigest())

    def _next(self, algorithm: str, last: str) -> str:
        text = f"{algorithm}\n{self._context}\n{self._previous}\n{last}"
        self._previous = self._key.sign(text.encode("latin-1"))
        return self._previous


class ChunkCheck:
    """Compares chunks with their signatures, in order, whenever and in whatever thread is best.

    The loop announces what it reads in the framing; whoever is fed the bytes comes after it.
    """

    def __init__(self, signer: ChunkSigner) -> None:
        self._signer = signer
        self._announced: deque[tuple[int, bytes]] = deque()
        self._trailers: tuple[bytes, str] | None = None
        self._left = 0
        self._signature = b""
        self._hash = hashlib.sha256()

    def announce(self, size: int, signature: bytes) -> None:
        """A chunk of ``size`` bytes comes next."""
        self._announced.append((size, signature))

    def announce_trailers(self, text: bytes, signature: str) -> None:
        """As ``ChunkSigner.trailer`` takes them."""
        self._trailers = text, signature

    def update(self, data: Buffer, /) -> None:
        """The next bytes of the body. Raises ``SignatureDoesNotMatch``."""
        with memoryview(data) as view:
            done = 0
            while done < len(view):
                if not self._left:
                    self._begin()
                count = min(self._left, len(view) - done)
                self._hash.update(view[done : done + count])
                self._left -= count
                done += count
                if not self._left:
                    self._end()

    def digest(self) -> bytes:
        """It is a hasher only in how it is fed."""
        return b""

    def settle(self) -> None:
        """All bytes were fed: check what has none. Raises ``SignatureDoesNotMatch``."""
        if self._left:
            raise SignatureDoesNotMatch
        while self._announced:
            self._begin()
            self._end()
        if self._trailers is not None:
            (text, signature), self._trailers = self._trailers, None
            _compare(self._signer.trailer(text), signature.encode("latin-1"))

    def _begin(self) -> None:
        self._left, self._signature = self._announced.popleft()
        self._hash = hashlib.sha256()

    def _end(self) -> None:
        _compare(self._signer.chunk(self._hash.hexdigest()), self._signature)


def _compare(expected: str, signature: bytes) -> None:
    if not compare_digest(expected.encode(), signature):
        raise SignatureDoesNotMatch


class _State(Enum):
    SIZE = auto()
    DATA = auto()
    DATA_END = auto()
    TRAILER = auto()
    ENDED = auto()


class AwsChunked:
    """One body being unframed. ``trailers`` holds what came after the data, by lower-case name.

    ``size``: x-amz-decoded-content-length, enforced exactly; ``None``: not enforced.
    ``declared``: the trailers announced by x-amz-trailer; no other may come, and all must.
    """

    def __init__(
        self,
        *,
        size: int | None,
        signer: ChunkSigner | None = None,
        declared: frozenset[str] = frozenset(),
        trailer_signed: bool = False,
    ) -> None:
        self.trailers: dict[str, str] = {}
        self.check = ChunkCheck(signer) if signer else None
        self.deferred = False
        """Somebody else feeds ``check`` what ``feed`` returns, and settles it."""
        self._size = size
        self._awaited = declared | {TRAILER_SIGNATURE} if trailer_signed else declared
        self._state = _State.SIZE
        self._line = bytearray()
        self._left = 0
        self._received = 0
        self._chunks = 0
        self._last_size = MIN_CHUNK
        self._trailer_lines = 0

    def feed(self, data: Buffer) -> list[memoryview]:
        """The body bytes in the next bytes from the wire, as views of them.

        Raises ``IncompleteBody`` (broken framing, or not the declared length),
        ``InvalidChunkSizeError``, ``MalformedTrailerError``, ``SignatureDoesNotMatch``.
        """
        pieces: list[memoryview] = []
        view = memoryview(data)
        position = 0
        while position < len(view):
            if self._state is _State.DATA:
                piece = view[position : position + self._left]
                position += len(piece)
                self._take_data(piece)
                pieces.append(piece)
            else:
                position = self._take_line(view, position)
        return pieces

    def finish(self) -> None:
        """Call once when the wire has no more bytes. The last blank line may be missing.

        Raises ``IncompleteBody``, ``MalformedTrailerError`` (a declared trailer did not come).
        """
        if self._line or self._state not in (_State.TRAILER, _State.ENDED):
            raise IncompleteBody
        if not self._awaited <= self.trailers.keys():
            raise MalformedTrailerError

    def _take_data(self, piece: memoryview) -> None:
        self._left -= len(piece)
        if self.check and not self.deferred:
            self.check.update(piece)
        if self._left == 0:
            self._state = _State.DATA_END

    def _take_line(self, data: memoryview, position: int) -> int:
        """Collect a line that ends with CRLF, act on it when complete; the position after it."""
        ahead = bytes(data[position : position + MAX_LINE + 1 - len(self._line)])
        end = ahead.find(b"\n") + 1 or len(ahead)
        self._line += ahead[:end]
        if len(self._line) > MAX_LINE:
            raise MalformedTrailerError if self._state is _State.TRAILER else InvalidChunkSizeError
        if self._line.endswith(b"\r\n"):
            line = bytes(self._line[:-2])
            self._line.clear()
            self._act(line)
        return position + end

    def _act(self, line: bytes) -> None:
        if self._state is _State.SIZE:
            self._begin_chunk(line)
        elif self._state is _State.TRAILER:
            self._take_trailer(line)
        elif self._state is _State.DATA_END and not line:
            self._state = _State.SIZE
        else:
            raise IncompleteBody

    def _begin_chunk(self, line: bytes) -> None:
        match = _signed_line(line) if self.check else _unsigned_line(line)
        if match is None:
            if self.check and _unsigned_line(line.partition(b";")[0]):
                raise SignatureDoesNotMatch
            raise InvalidChunkSizeError("The chunk size line is malformed")
        size = int(match[1], 16)
        self._check_size(size)
        self._left = size
        if self.check:
            self.check.announce(size, match[2])
        if size:
            self._state = _State.DATA
        else:
            self._state = _State.TRAILER
            self._settle()

    def _settle(self) -> None:
        if self.check and not self.deferred:
            self.check.settle()

    def _check_size(self, size: int) -> None:
        if size and self._last_size < MIN_CHUNK:
            raise InvalidChunkSizeError(Chunk=self._chunks, BadChunkSize=self._last_size)
        self._chunks += 1
        self._last_size = size
        self._received += size
        if self._size is None:
            return
        if self._received > self._size or (size == 0 and self._received < self._size):
            raise IncompleteBody

    def _take_trailer(self, line: bytes) -> None:
        """A blank line ends the body, except that some clients send one before the trailers."""
        self._trailer_lines += 1
        if self._trailer_lines > MAX_TRAILER_LINES:
            raise MalformedTrailerError
        if not line:
            if self._awaited <= self.trailers.keys():
                self._state = _State.ENDED
            return
        name, colon, value = line.decode("latin-1").partition(":")
        name = name.strip(" \t").lower()
        awaited = name in self._awaited and name not in self.trailers
        if not colon or not awaited or TRAILER_SIGNATURE in self.trailers:
            raise MalformedTrailerError
        value = value.strip(" \t\n")
        if name == TRAILER_SIGNATURE:
            self._check_trailers(value)
        self.trailers[name] = value

    def _check_trailers(self, signature: str) -> None:
        assert self.check is not None
        text = "".join(f"{name}:{value}\n" for name, value in self.trailers.items())
        self.check.announce_trailers(text.encode("latin-1"), signature)
        self._settle()
