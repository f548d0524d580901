"""GuardedBody: the bytes a client sends, checked against all it announced about them.

Framing, length and chunk signatures are checked as the bytes flow; digests at the end, by
``verify``, over what the reader computed anyway. Time limits are the app's.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Mapping
from functools import cached_property
from hmac import compare_digest

from msgspec.structs import replace

from gateway import checksums
from gateway.auth import declared as announcements
from gateway.auth import payload
from gateway.auth.aws_chunked import AwsChunked, ChunkSigner
from gateway.auth.declared import Declared
from gateway.compat import AWS, Compat
from gateway.errors import (
    BadDigest,
    EntityTooLarge,
    IncompleteBody,
    InvalidRequest,
    MaxMessageLengthExceeded,
    MissingContentLength,
    XAmzContentSHA256Mismatch,
)
from gateway.memo import Memo
from gateway.request import Headers, RawBody, Request
from store import digests
from store.digests import Hasher
from store.filling import After, Fill, TakeWhole, poured

FRAMED_BYTES = 256 * 1024
"""How much of an aws-chunked body is unframed at a time."""
THREAD_BYTES = 64 * 1024
"""Documents above this are hashed off the loop."""


class GuardedBody:
    """A ``store.records.Body``. Nothing of it may be believed before it was read and verified.

    Iterating raises ``IncompleteBody`` (cut short, longer than declared, broken framing),
    ``EntityTooLarge``, ``InvalidChunkSizeError``, ``MalformedTrailerError``,
    ``SignatureDoesNotMatch``.
    """

    _frames: AwsChunked | None = None
    _also: frozenset[str] = frozenset()
    _most: int | None = None
    _received = 0
    _framed = memoryview(b"")

    def __init__(self, raw: RawBody, declared: Declared, signer: ChunkSigner | None = None) -> None:
        self._raw = raw
        self._declared = declared
        self.size = declared.size
        """Declared length in bytes without framing, or ``None``."""
        if declared.chunked:
            self._frames = AwsChunked(
                size=declared.size,
                signer=signer if declared.token in payload.SIGNED else None,
                declared=frozenset({declared.trailer} if declared.trailer else ()),
                trailer_signed=declared.token == payload.SIGNED_CHUNKS_TRAILER,
            )

    # What only a body that comes in pieces needs: most are small, or not there.

    @cached_property
    def _pieces(self) -> AsyncIterator[bytes]:
        return aiter(self._raw)

    @cached_property
    def _fill(self) -> Fill:
        return getattr(self._raw, "fill", None) or poured(self._pieces)

    @cached_property
    def _unframed(self) -> deque[memoryview]:
        return deque()

    @property
    def checksum_algorithm(self) -> str | None:
        """S3 name of the checksum the client sends: ``CRC32``."""
        return self._declared.checksum_algorithm

    @property
    def declared_digest(self) -> bool:
        """Something protects the bytes: Content-MD5, a checksum, a signed payload."""
        said = self._declared
        return (
            said.md5 is not None
            or said.checksum_algorithm is not None
            or said.sha256 is not None
            or said.token in payload.SIGNED
        )

    @property
    def digests(self) -> frozenset[str]:
        """Names of ``store.digests`` that ``verify`` wants, beside md5, and those of ``also``."""
        said = self._declared
        return _digests[self._also, said.sha256 is not None, said.checksum_algorithm]

    def also(self, name: str) -> None:
        """Ask for one more digest, by S3 or store name: it will be in what the reader computes."""
        self._also |= {checksums.digest_name(name)}

    def limit(self, most: int) -> None:
        """Take at most ``most`` bytes. A body whose end is told by its framing needs no length.

        Raises ``MissingContentLength``, ``EntityTooLarge``; iterating then raises it too.
        """
        self._most = most
        if self.size is None and not self._declared.delimited:
            raise MissingContentLength
        if self.size is not None and self.size > most:
            raise EntityTooLarge(ProposedSize=self.size, MaxSizeAllowed=most)

    # No generators: one that nobody reads to its end keeps all it knows until it is collected.
    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        if self._frames is None:
            data = await self._next()
            self._count(len(data))
            return data
        while not self._unframed:
            self._unframed.extend(self._frames.feed(await self._next()))
        piece = self._unframed.popleft()  # by whoever comes first, this or ``fill``
        self._count(len(piece))
        return bytes(piece)

    async def _next(self) -> bytes:
        try:
            return await anext(self._pieces)
        except StopAsyncIteration:
            self._end()
            raise
        except (ConnectionError, EOFError) as error:
            raise IncompleteBody from error

    def whole(self, most: int) -> bytes | None:
        """A ``store.filling.TakeWhole``. Raises as iterating does."""
        take: TakeWhole | None = getattr(self._raw, "whole", None)
        data = take(most) if take is not None else None
        if data is None:
            return None
        if self._frames is not None:
            data = b"".join(self._frames.feed(data))
        self._count(len(data))
        self._end()
        return data

    def _count(self, more: int) -> None:
        self._received += more
        if self.size is not None and self._received > self.size:
            raise IncompleteBody
        if self._most is not None and self._received > self._most:
            raise EntityTooLarge(ProposedSize=self._received, MaxSizeAllowed=self._most)

    def _end(self) -> None:
        if self._frames:
            self._frames.finish()
        if self.size is not None and self._received != self.size:
            raise IncompleteBody

    @property
    def witness(self) -> Hasher | None:
        """See ``store.filling.Filling``: what checks the chunk signatures of a large body."""
        if self._frames is None or self._frames.check is None:
            return None
        return After(self._frames.check, sum(map(len, self._unframed)))  # these it has seen

    async def fill(self, into: memoryview) -> int:
        """As ``store.filling.Fill``, after any number of pieces; raises as iterating does."""
        if self._frames is None:
            filled = await self._fill_raw(into)
            self._count(filled)
        else:
            self._frames.deferred = True
            filled = await self._unframe(self._frames, into)
        if filled < len(into):
            self._end()
        return filled

    async def _unframe(self, frames: AwsChunked, into: memoryview) -> int:
        filled = 0
        while filled < len(into):
            if not self._unframed:
                if not self._framed:
                    self._framed = memoryview(bytearray(FRAMED_BYTES))
                came = await self._fill_raw(self._framed)
                if not came:
                    break
                self._unframed.extend(frames.feed(self._framed[:came]))
                continue
            piece = self._unframed.popleft()
            count = min(len(piece), len(into) - filled)
            into[filled : filled + count] = piece[:count]
            if count < len(piece):
                self._unframed.appendleft(piece[count:])
            filled += count
            self._count(count)
        return filled

    async def _fill_raw(self, into: memoryview) -> int:
        try:
            return await self._fill(into)
        except (ConnectionError, EOFError) as error:
            raise IncompleteBody from error

    def verify(self, computed: Mapping[str, bytes]) -> None:
        """Compare what was announced with the digests of what came: ``digests`` and md5.

        Raises ``SignatureDoesNotMatch`` (the last, empty chunk and the trailers of a large body),
        ``XAmzContentSHA256Mismatch``, ``BadDigest``, ``InvalidRequest`` (a trailer that is no
        checksum).
        """
        if self._frames is not None and self._frames.check is not None:
            self._frames.check.settle()
        said = self._declared
        sha256 = said.sha256
        if sha256 is not None and not compare_digest(sha256, computed["sha256"]):
            raise XAmzContentSHA256Mismatch(
                ClientComputedContentSHA256=said.token,
                S3ComputedContentSHA256=computed["sha256"].hex(),
            )
        if said.md5 is not None and not compare_digest(said.md5, computed["md5"]):
            raise BadDigest(
                "The Content-MD5 you specified did not match what we received.",
                ExpectedDigest=checksums.encode(said.md5),
                CalculatedDigest=checksums.encode(computed["md5"]),
            )
        if said.checksum_algorithm is not None:
            self._verify_checksum(said.checksum_algorithm, computed)

    def _verify_checksum(self, algorithm: str, computed: Mapping[str, bytes]) -> None:
        expected = self._declared.checksum
        if expected is None:
            expected = self._trailing_checksum(algorithm)
        if not compare_digest(expected, computed[checksums.digest_name(algorithm)]):
            raise BadDigest(f"The {algorithm} you specified did not match the calculated checksum.")

    def _trailing_checksum(self, algorithm: str) -> bytes:
        name = self._declared.trailer
        assert self._frames is not None
        assert name is not None
        try:
            return checksums.decode(algorithm, self._frames.trailers[name])
        except ValueError as error:
            raise InvalidRequest(f"Value for {name} trailing header is invalid.") from error

    async def read(self, limit: int) -> bytes:
        """The whole body, at most ``limit`` bytes, verified: for XML documents.

        Raises ``MaxMessageLengthExceeded``, and as iterating and ``verify`` do.
        """
        if self.size is not None and self.size > limit:
            raise MaxMessageLengthExceeded(MaxMessageLengthBytes=limit)
        document = bytearray()
        async for piece in self:
            document += piece
            if len(document) > limit:
                raise MaxMessageLengthExceeded(MaxMessageLengthBytes=limit)
        whole = bytes(document)
        names = self.digests | {"md5"} if self._declared.md5 is not None else self.digests
        if len(whole) > THREAD_BYTES:
            self.verify(await asyncio.to_thread(_compute, whole, names))
        else:
            self.verify(_compute(whole, names))
        return whole


@Memo
def _digests(key: tuple[frozenset[str], bool, str | None]) -> frozenset[str]:
    also, sha256, algorithm = key
    names = {"sha256"} if sha256 else set()
    if algorithm is not None:
        names.add(checksums.digest_name(algorithm))
    return also | names


def _compute(data: bytes, names: frozenset[str]) -> dict[str, bytes]:
    computed = {}
    for name in names:
        running = digests.new(name)
        running.update(data)
        computed[name] = running.digest()
    return computed


def guard(
    request: Request,
    token: str | None = None,
    signer: ChunkSigner | None = None,
    *,
    differences: Compat = AWS,
) -> GuardedBody:
    """The body of a request whose head is believed (or anonymous).

    ``token``: the payload line of the signature, ``None`` when none covers the payload.
    Raises as ``gateway.auth.declared.read``.
    """
    # On CompleteMultipartUpload the checksum is that of the object, not of the XML in the body.
    completes = request.method == "POST" and "uploadId" in request.query
    of_body = request.method in ("PUT", "POST") and not completes
    return GuardedBody(
        request.body,
        announcements.read(
            request.headers, token, checksums_of_body=of_body, differences=differences
        ),
        signer,
    )


def guard_file(headers: Headers, file: RawBody, differences: Compat) -> GuardedBody:
    """The file of a form, whose own framing tells its end; ``headers`` are made of its fields.

    Raises as ``gateway.auth.declared.read``.
    """
    said = announcements.read(headers, None, checksums_of_body=True, differences=differences)
    return GuardedBody(file, replace(said, size=None, delimited=True))
