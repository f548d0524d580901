"""The copying: from the queues to the endpoints of the settings, in order. On worker 0.

An object is put whole under its key, a delete marker is made by a delete. What the other end
refuses for good is marked FAILED and not tried again; what it cannot take now is tried later, and
nothing that comes after is copied before.
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote_from_bytes, urlencode, urlsplit

import aiohttp
import yarl
from msgspec.structs import replace

from gateway.access import Caller
from gateway.config import BadSetting, Config
from gateway.encryption.opening import opened
from gateway.notifications.delivery import Delivery
from gateway.operation import Call
from gateway.ranges import Span
from gateway.replication.marking import (
    COMPLETED,
    FAILED,
    REPLICA,
    STATUS,
    Errand,
    decode,
    queue,
)
from gateway.replication.signing import UNSIGNED, signed
from gateway.request import Headers, Query, Request
from gateway.wire.rendering import metadata_text
from keys.errors import KeysError
from keys.table import Table
from store.errors import Damaged, NoSuchEntry
from store.records import Bucket, Entry
from store.store import Outgoing, Store

log = logging.getLogger("s3gw.gateway")

MOST_BYTES = 5 * 1024**3
"""Of one PUT."""
_STALLED_SECONDS = 60.0
_LATER = frozenset({408, 409, 429})
"""Refusals of a moment. All others below 500 would be the same again."""


def credentials(config: Config) -> dict[str, tuple[str, str]]:
    """Key and secret of each target. Raises ``BadSetting``, ``OSError``."""
    file = config.replication_credentials
    if file is None or not config.replication_targets:
        return {}
    if file.stat().st_mode & 0o077:
        raise BadSetting(f"replication_credentials: others can read {file}: chmod 600 {file}")
    found = {}
    for line in file.read_text().splitlines():
        words = line.split()
        if len(words) == 3 and not line.startswith("#"):
            found[words[0]] = (words[1], words[2])
    for bucket in config.replication_urls.keys() - found.keys():
        raise BadSetting(f"replication_credentials: {file} has no line for {bucket}")
    return found


class Replicator(Delivery):
    """Runs from ``start`` to ``stop``; what is not copied then is after the next start."""

    def __init__(self, store: Store, keys: Table, config: Config) -> None:
        """Raises as ``credentials``."""
        super().__init__(store, {queue(b): url for b, url in config.replication_urls.items()})
        self._keys = keys
        self._config = config
        self._credentials = credentials(config)

    async def _deliver(self, session: aiohttp.ClientSession, name: str, url: str) -> bool:
        """Do the oldest errand; whether there was one. Raises when it must be tried again."""
        waiting = self._store.messages(name, 1)
        if not waiting:
            return False
        errand = decode(waiting[0].body)
        target = name.partition(":")[2]
        bucket = self._store.bucket(errand.name)
        if bucket is not None and bucket.id == errand.bucket:
            await self._run(session, url, target, bucket, errand)
        await self._store.forget_messages(name, waiting[0].number)
        return True

    async def _run(
        self, session: aiohttp.ClientSession, url: str, target: str, bucket: Bucket, errand: Errand
    ) -> None:
        if errand.marker:
            status = await self._send(session, "DELETE", url, target, errand.key, {}, b"")
            if status >= 300:
                log.error("a delete marker of %s was refused: %d", errand.name, status)
            return
        entry = self._store.version(bucket, errand.key, errand.version)
        if not isinstance(entry, Entry):
            return  # deleted meanwhile
        try:
            outcome = await self._put(session, url, target, bucket, entry, errand)
        except (Damaged, KeysError) as error:
            log.error(  # noqa: TRY400 - whoever reads the object has the traceback
                "an object of %s cannot be read: %s", errand.name, type(error).__name__
            )
            outcome = FAILED
        await self._mark(bucket, errand, outcome)

    async def _put(
        self,
        session: aiohttp.ClientSession,
        url: str,
        target: str,
        bucket: Bucket,
        entry: Entry,
        errand: Errand,
    ) -> str:
        """The outcome. Raises ``Damaged``, ``KeysError``, as ``_send``."""
        if entry.size > MOST_BYTES:
            return FAILED
        content = await opened(self._call(bucket), entry, Span(0, entry.size), None)
        body = Watched(content) if isinstance(content, Outgoing) else content
        headers = _described(entry, errand.storage_class)
        try:
            status = await self._send(session, "PUT", url, target, errand.key, headers, body)
        except aiohttp.ClientError as error:
            if isinstance(body, Watched) and body.failure is not None:
                raise body.failure from error
            raise
        finally:
            if isinstance(content, Outgoing):
                content.close()
        if status >= 300:
            log.error("a replica of an object of %s was refused: %d", errand.name, status)
            return FAILED
        return COMPLETED

    async def _mark(self, bucket: Bucket, errand: Errand, outcome: str) -> None:
        while True:
            entry = self._store.version(bucket, errand.key, errand.version)
            if not isinstance(entry, Entry):
                return
            kept = entry.attributes
            try:
                await self._store.set_attributes(
                    entry, replace(kept, headers=kept.headers | {STATUS: outcome})
                )
            except NoSuchEntry:
                await asyncio.sleep(0)  # its tags have just changed
            else:
                return

    async def _send(
        self,
        session: aiohttp.ClientSession,
        method: str,
        url: str,
        target: str,
        key: bytes,
        headers: Mapping[str, str],
        content: "bytes | Watched",
    ) -> int:
        """The status that will stay. Raises ``ClientError`` for one that may not."""
        access, secret = self._credentials[target]
        path = f"/{target}/{quote_from_bytes(key, safe='/')}"
        digest = hashlib.sha256(content).hexdigest() if isinstance(content, bytes) else UNSIGNED
        whole = signed(
            method,
            path,
            {**headers, STATUS: REPLICA, "host": urlsplit(url).netloc},
            key=access,
            secret=secret,
            region=self._config.region,
            now=datetime.now(UTC),
            payload=digest,
        )
        async with session.request(
            method,
            yarl.URL(url.rstrip("/") + path, encoded=True),
            data=content or None,
            headers=whole,
            allow_redirects=False,
            skip_auto_headers=("content-type", "user-agent", "accept", "accept-encoding"),
            timeout=aiohttp.ClientTimeout(total=None, connect=10, sock_read=_STALLED_SECONDS),
        ) as answer:
            if answer.status >= 500 or answer.status in _LATER:
                raise aiohttp.ClientError(str(answer.status))
            return answer.status

    def _call(self, bucket: Bucket) -> Call:
        """What reading takes, asked by nobody."""
        request = Request("GET", "/", Query([], []), Headers([]), _Nothing(), None, None, False, "")
        return Call(
            caller=Caller(None),
            target=bucket,
            store=self._store,
            keys=self._keys,
            config=self._config,
            now=datetime.now(UTC),
            request_id="",
            request=request,
        )


class Watched:
    """Bytes on their way out; and why they ended early, which the client does not say."""

    def __init__(self, content: Outgoing) -> None:
        self._content = content
        self.failure: Exception | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._content:
                yield piece
        except Exception as error:
            self.failure = error
            raise


class _Nothing:
    """The body of a request that nobody sent."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        pieces: tuple[bytes, ...] = ()
        for piece in pieces:
            yield piece


def _described(entry: Entry, storage_class: str | None) -> dict[str, str]:
    """What goes with the bytes: all that is said of them but who may read them, and locks."""
    kept = entry.attributes
    headers = {name: text for name, text in kept.headers.items() if name != STATUS}
    headers |= {f"x-amz-meta-{name}": metadata_text(text) for name, text in kept.metadata.items()}
    if kept.tags:
        headers["x-amz-tagging"] = urlencode(kept.tags)
    if storage_class is not None:
        headers["x-amz-storage-class"] = storage_class
    if kept.encryption is not None:
        headers["x-amz-server-side-encryption"] = kept.encryption.kind
    headers["content-length"] = str(entry.size)
    return headers
