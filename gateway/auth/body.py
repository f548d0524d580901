"""GuardedBody: the bytes a client sends, checked against all it announced about them.

Framing, length and chunk signatures are checked as the bytes flow; digests at the end, by
``verify``, over what the reader computed anyway. Time limits are the app's.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from hmac import compare_digest

from gateway import checksums
from gateway.auth import declared as announcements
from gateway.auth import payload
from gateway.auth.aws_chunked import AwsChunked, ChunkSigner
from gateway.auth.declared import Declared
from gateway.errors import (
    BadDigest,
    EntityTooLarge,
    IncompleteBody,
    InvalidRequest,
    MaxMessageLengthExceeded,
    MissingContentLength,
    XAmzContentSHA256Mismatch,
)
from gateway.request import RawBody, Request
from store import digests

THREAD_BYTES = 64 * 1024
"""Documents above this are hashed off the loop."""


class GuardedBody:
    """A ``store.records.Body``. Nothing of it may be believed before it was read and verified.

    Iterating raises ``IncompleteBody`` (cut short, longer than declared, broken framing),
    ``EntityTooLarge``, ``InvalidChunkSizeError``, ``MalformedTrailerError``,
    ``SignatureDoesNotMatch``.
    """

    def __init__(self, raw: RawBody, declared: Declared, signer: ChunkSigner | None = None) -> None:
        self._raw = raw
        self._declared = declared
        self._frames: AwsChunked | None = None
        if declared.chunked:
            self._frames = AwsChunked(
                size=declared.size,
                signer=signer if declared.token in payload.SIGNED else None,
                declared=frozenset({declared.trailer} if declared.trailer else ()),
                trailer_signed=declared.token == payload.SIGNED_CHUNKS_TRAILER,
            )
        self._also: set[str] = set()
        self._most: int | None = None

    @property
    def size(self) -> int | None:
        """Declared length in bytes without framing, or ``None``."""
        return self._declared.size

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
        names = set(self._also)
        if self._declared.sha256 is not None:
            names.add("sha256")
        if self._declared.checksum_algorithm is not None:
            names.add(checksums.digest_name(self._declared.checksum_algorithm))
        return frozenset(names)

    def also(self, name: str) -> None:
        """Ask for one more digest, by S3 or store name: it will be in what the reader computes."""
        self._also.add(checksums.digest_name(name))

    def limit(self, most: int) -> None:
        """Take at most ``most`` bytes. A body whose end is told by its framing needs no length.

        Raises ``MissingContentLength``, ``EntityTooLarge``; iterating then raises it too.
        """
        self._most = most
        if self.size is None and not self._declared.delimited:
            raise MissingContentLength
        if self.size is not None and self.size > most:
            raise EntityTooLarge(ProposedSize=self.size, MaxSizeAllowed=most)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, received = self._declared.size, 0
        async for data in self._wire():
            for piece in self._frames.feed(data) if self._frames else (data,):
                received += len(piece)
                if size is not None and received > size:
                    raise IncompleteBody
                if self._most is not None and received > self._most:
                    raise EntityTooLarge(ProposedSize=received, MaxSizeAllowed=self._most)
                yield piece
        if self._frames:
            self._frames.finish()
        if size is not None and received != size:
            raise IncompleteBody

    async def _wire(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._raw:
                yield data
        except (ConnectionError, EOFError) as error:
            raise IncompleteBody from error

    def verify(self, computed: Mapping[str, bytes]) -> None:
        """Compare what was announced with the digests of what came: ``digests`` and md5.

        Raises ``XAmzContentSHA256Mismatch``, ``BadDigest``, ``InvalidRequest`` (a trailer that is
        no checksum).
        """
        said = self._declared
        if said.sha256 is not None and not compare_digest(said.sha256, computed["sha256"]):
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


def _compute(data: bytes, names: frozenset[str]) -> dict[str, bytes]:
    computed = {}
    for name in names:
        running = digests.new(name)
        running.update(data)
        computed[name] = running.digest()
    return computed


def guard(
    request: Request, token: str | None = None, signer: ChunkSigner | None = None
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
        announcements.read(request.headers, token, checksums_of_body=of_body),
        signer,
    )
