"""Bytes of an object on their way back in: to be copied, or hashed once more."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from gateway import checksums
from gateway.encryption.customer import source_key
from gateway.encryption.opening import opened
from gateway.operation import Call
from gateway.operations.source import Source
from gateway.ranges import Span
from store.records import Entry
from store.store import Outgoing


@dataclass(frozen=True, slots=True)
class StoredBody:
    """Stored bytes on their way back in: a ``store.records.Body`` that was verified before."""

    content: bytes | Outgoing
    size: int
    digests: frozenset[str]

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if isinstance(self.content, bytes):
            yield self.content
            return
        async for data in self.content:
            yield data

    def verify(self, digests: Mapping[str, bytes]) -> None:
        """Nobody announced anything."""

    def close(self) -> None:
        if isinstance(self.content, Outgoing):
            self.content.close()


async def stored(
    call: Call, ask: Source, source: Entry, span: Span, algorithms: Sequence[str]
) -> StoredBody:
    """Bytes of the source, to be hashed with these algorithms."""
    content = await opened(call, source, span, source_key(call, ask))
    return StoredBody(content, span.length, frozenset(map(checksums.digest_name, algorithms)))
