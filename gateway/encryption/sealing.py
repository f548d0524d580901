"""Bodies on their way in: hashed as the client sent them, encrypted before the store sees them."""

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping

from msgspec.structs import replace

from gateway.encryption.frames import Sealing, sealed_size
from gateway.encryption.object_keys import SSE_S3, Key
from gateway.operation import Call
from keys.wrapping import derived
from store import digests
from store.records import Body, Encryption, Staged

BATCH_BYTES = 1 << 20
"""Hashed and encrypted in one go."""
QUICK_BYTES = 64 * 1024
"""What takes less time than a thread takes to begin."""


class SealedBody:
    """A ``store.records.Body``: the ciphertext of another one. Holds two batches at most."""

    digests: frozenset[str] = frozenset()

    def __init__(self, body: Body, key: bytes, part: int) -> None:
        self._body = body
        self._sealing = Sealing(key, part)
        self._hashers = {name: digests.new(name) for name in body.digests | {"md5"}}
        self.received = 0
        """Bytes of plaintext."""

    @property
    def size(self) -> int | None:
        return None if self._body.size is None else sealed_size(self._body.size)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        batch = bytearray()
        async for piece in self._body:
            batch += piece
            self.received += len(piece)
            if len(batch) >= BATCH_BYTES:
                yield await asyncio.to_thread(self._sealed, batch)
                batch = bytearray()
        if len(batch) > QUICK_BYTES:
            yield await asyncio.to_thread(self._sealed, batch)
        else:
            yield self._sealed(batch)
        yield self._sealing.finish()

    def _sealed(self, batch: bytearray) -> bytes:
        for hasher in self._hashers.values():
            hasher.update(batch)
        return self._sealing.seal(batch)

    def verify(self, digests: Mapping[str, bytes]) -> None:
        """Those given are of the ciphertext, of which nobody announced anything."""
        self._body.verify(self.plain)

    @property
    def plain(self) -> dict[str, bytes]:
        """The digests of the plaintext, once it has all come."""
        return {name: hasher.digest() for name, hasher in self._hashers.items()}


async def stage(
    call: Call, body: Body, key: Key | None, part: int = 0
) -> tuple[Staged, Encryption | None]:
    """As ``Store.stage``, encrypted where there is a key; and how, for the object's attributes.

    What is staged has the digests of the plaintext, and, but for a part of an upload, its size. The
    MD5, which becomes the ETag, tells nothing of the bytes unless the key is ours (SSE-S3).
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html (ETag)
    """
    profile = call.bucket.profile
    if key is None:
        return await call.store.stage(body, profile=profile), None
    sealed = SealedBody(body, key.data, part)
    staged = await call.store.stage(sealed, profile=profile)
    made = sealed.plain
    if key.record.kind != SSE_S3:
        made["md5"] = _etag(key.data, made["md5"])
    size = staged.size if part else sealed.received
    return replace(staged, size=size, digests=made), replace(key.record, stored=staged.size)


def _etag(key: bytes, md5: bytes) -> bytes:
    """No MD5, and only with the object's key the same again: a part that is sent twice is equal."""
    return hmac.digest(derived(key, "s3gw etag 1"), md5, "sha256")[: len(md5)]
