"""Log delivery: what the workers have spooled becomes objects in the target buckets. On worker 0.

An object's key follows from the file its lines were in, so a delivery that is repeated after a
crash makes the same objects again. They are put by PutObject in the name of the bucket's owner, so
that default encryption, retention and notifications are those of the target bucket.
"""

import asyncio
import base64
import hashlib
import logging
import re
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.access import Caller
from gateway.access_log import spool
from gateway.access_log.configuration import (
    CONFIG,
    BucketLoggingStatus,
    LoggingEnabled,
    by_event_time,
    key,
)
from gateway.access_log.spool import Spool
from gateway.auth.body import guard
from gateway.config import Config
from gateway.errors import S3Error
from gateway.notifications.announcing import announced
from gateway.notifications.event import Origin
from gateway.operation import Call
from gateway.operations.object import PutObjectInput, put_object
from gateway.replication.configuration import CONFIG as REPLICATION
from gateway.replication.marking import replicating
from gateway.request import Headers, Query, Request
from gateway.trace import new_id
from gateway.wire.kept import kept
from keys.table import Table
from store.records import Bucket
from store.store import Store

log = logging.getLogger("s3gw.gateway")

DIRECTORY = "access-log"
_DAY = re.compile(r"\[(\d\d/[A-Z][a-z]{2}/\d{4}):")


class LogDelivery:
    """Rolls the spool of its worker, and on worker 0 delivers those of all."""

    def __init__(
        self, config: Config, store: Store, keys: Table, own: Spool, *, delivers: bool
    ) -> None:
        self._config = config
        self._store = store
        self._keys = keys
        self._own = own
        self._delivers = delivers

    async def run(self) -> None:
        """Until it is cancelled; what is not delivered then is after the next start."""
        while True:
            try:
                self._own.roll()
                if self._delivers:
                    await self.deliver()
            except Exception:  # whatever it is, the next round must come
                log.exception("access logs could not be delivered; they wait for the next round")
            await asyncio.sleep(self._config.access_log_seconds)

    async def deliver(self) -> None:
        """Every file that is ready. Raises ``StoreError``, ``OSError``."""
        for path in await asyncio.to_thread(spool.ready, self._config.data_dir / DIRECTORY):
            for bucket, lines in (await asyncio.to_thread(_by_bucket, path)).items():
                await self._put_all(path, bucket, lines)
            await asyncio.to_thread(path.unlink)

    async def _put_all(self, path: Path, name: str, lines: list[str]) -> None:
        source = self._store.bucket(name)
        said = source and kept(BucketLoggingStatus, source.config, CONFIG)
        enabled = said.logging_enabled if said else None
        target = self._store.bucket(enabled.target_bucket) if enabled else None
        if source is None or enabled is None:
            return  # nobody wants them any more
        if target is None or target.owner != source.owner:
            log.warning("bucket %s has no target for %d lines of its log", name, len(lines))
            return
        when = datetime.fromtimestamp(spool.rolled(path) // 1_000_000_000, UTC)
        for day, some in _parts(enabled, when, lines):
            text = "".join(f"{line}\n" for line in some).encode("latin-1")
            unique = hashlib.sha256(f"{path.name} {name} {day}".encode()).hexdigest()[:16].upper()
            try:
                await self._put(target, key(enabled, source, day, unique), text)
            except S3Error:  # it would be so each time, and keep all others waiting
                log.exception("%d lines of the log of bucket %s are dropped", len(some), name)

    async def _put(self, target: Bucket, name: str, text: bytes) -> None:
        now, request_id = datetime.now(UTC), new_id()
        request = _request(target, name, text)
        origin = Origin("PutObject", target.owner, "s3.amazonaws.com", request_id, now)
        call = Call(
            caller=Caller(self._keys.find(target.owner)),
            target=target,
            store=self._telling(target, origin, request),
            keys=self._keys,
            config=self._config,
            now=now,
            request_id=request_id,
            request=request,
        )
        body = guard(request, differences=self._config.differences)
        ask = PutObjectInput(bucket=target.name, key=name, body=body, content_type="text/plain")
        await put_object(call, ask)

    def _telling(self, target: Bucket, origin: Origin, request: Request) -> Store:
        store = announced(self._store, target, origin, self._config)
        return replicating(store, target, request) if REPLICATION in target.config else store


class _Text:
    """A ``RawBody``."""

    def __init__(self, text: bytes) -> None:
        self._text = text

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._text


def _request(target: Bucket, name: str, text: bytes) -> Request:
    md5 = base64.b64encode(hashlib.md5(text, usedforsecurity=False).digest()).decode()
    headers = Headers([("content-length", str(len(text))), ("content-md5", md5)])
    return Request(
        method="PUT",
        path="",
        query=Query([], []),
        headers=headers,
        body=_Text(text),
        bucket=target.name,
        key=name,
        secure=True,
        peer="",
    )


def _by_bucket(path: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for bucket, line in spool.lines(path):
        found[bucket].append(line)
    return found


def _parts(
    enabled: LoggingEnabled, when: datetime, lines: list[str]
) -> list[tuple[datetime, list[str]]]:
    """The time that is in a key, and the lines of that object."""
    if not by_event_time(enabled):
        return [(when, lines)]
    days: dict[datetime, list[str]] = defaultdict(list)
    for line in lines:
        found = _DAY.search(line)
        day = datetime.strptime(found[1], "%d/%b/%Y").replace(tzinfo=UTC) if found else when
        days[day].append(line)
    return list(days.items())
