"""Lifecycle at work: rounds through all buckets that have rules, in small steps, on one worker.

A step reads and judges a few hundred versions off the loop and has those that must go deleted in
one transaction, which checks that each is still as it was judged; then there is a rest of a few
times as long. What the rules mean is ``fates``'s.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial

import msgspec
from msgspec import Struct

from gateway.lifecycle.configuration import CONFIG
from gateway.lifecycle.fates import fate
from gateway.lifecycle.rules import Rule, due, prefixes, rules
from store.history import Place
from store.progress import Progress
from store.records import Bucket, Upload
from store.store import Store, wall_clock

log = logging.getLogger("s3gw.gateway")

VERSIONS, UPLOADS = 200, 100
"""Looked at in one step."""
REST = 3.0
"""How many times as long as a step takes is rested after it."""
NOTED_SECONDS = 5.0
"""How much work a crash may have done again."""


class Noted(Struct, frozen=True):
    """How far the work has come."""

    finished: int = 0
    """When the last round ended, in milliseconds since the epoch."""
    bucket: int = 0
    """In the round that has not ended: all buckets with smaller ids are done."""
    place: Place | None = None
    """And of this one all that comes before it."""


class Sweep:
    """One round is ``round``; ``run`` makes rounds for ever."""

    def __init__(
        self,
        store: Store,
        progress: Progress,
        *,
        day_ms: int,
        rest: float = REST,
        telling: Callable[[Bucket], Store] | None = None,
    ) -> None:
        """``telling``: the same store, that tells what is done in a bucket."""
        self._store = store
        self._progress = progress
        self._day_ms = day_ms
        self._rest = rest
        self._telling = telling or (lambda _: store)
        self._noted_at = 0.0

    async def run(self, pause_seconds: float) -> None:
        """Rounds, with pauses counted over restarts, until it is cancelled."""
        while True:
            try:
                await self._pause(pause_seconds)
                await self.round()
            except Exception:  # whatever it is, the next round must come
                log.exception("the lifecycle round did not come to its end")
                await asyncio.sleep(pause_seconds)

    async def _pause(self, seconds: float) -> None:
        noted = self._read()
        left = noted.finished / 1000 + seconds - wall_clock() / 1000
        if noted.bucket == 0 and left > 0:
            await asyncio.sleep(min(left, seconds))  # the clock may have been set back

    async def round(self, *, now: int | None = None) -> int:
        """Go on with the round that was left, or begin one, as if it were ``now``.

        Returns how many versions and uploads it has ended or moved. Raises
        ``StoreError``, ``OSError``; the next call goes on where this one was.
        """
        noted = self._read()
        gone = 0
        for bucket in await self._store.buckets_with(CONFIG):
            if bucket.id >= noted.bucket:
                place = noted.place if bucket.id == noted.bucket else None
                gone += await self._expire(bucket, place, now)
                gone += await self._abort(bucket, now)
        self._write(Noted(finished=wall_clock()))
        if gone:
            log.info("lifecycle rules were carried out on %d versions and uploads", gone)
        return gone

    async def _expire(self, bucket: Bucket, place: Place | None, now: int | None) -> int:
        gone = 0
        for prefix in prefixes(rules(bucket.config)):
            more = True
            while more and (current := self._still(bucket)):
                began = time.monotonic()
                judge = partial(
                    fate, rules(current.config), now=now or wall_clock(), day_ms=self._day_ms
                )
                found, after = await self._store.due(
                    current, judge, prefix=prefix, after=place, limit=VERSIONS
                )
                ended = await self._telling(current).expire(current, found) if found else 0
                if ended is not None:  # else judged by rules that are not the bucket's any more
                    gone += ended
                    more, place = after is not None, after or place
                    self._note(Noted(bucket=bucket.id, place=place))
                await self._have_rest(began)
        return gone

    async def _abort(self, bucket: Bucket, now: int | None) -> int:
        gone = 0
        found = [rule for rule in rules(bucket.config) if rule.abort_days is not None]
        for prefix in prefixes(found):
            key, id, more = b"", "", True
            while more and self._still(bucket) == bucket:
                began = time.monotonic()
                page = self._store.uploads(
                    bucket, prefix=prefix, after_key=key, after_id=id, limit=UPLOADS
                )
                overdue = [
                    self._store.abort_upload(upload)
                    for upload in page.uploads
                    if self._is_overdue(found, upload, now or wall_clock())
                ]
                answers = await asyncio.gather(*overdue, return_exceptions=True)
                gone += sum(answer is None for answer in answers)  # others are gone, or completed
                key, id, more = page.last_key or b"", page.last_id or "", page.more
                await self._have_rest(began)
        return gone

    def _is_overdue(self, found: Sequence[Rule], upload: Upload, now: int) -> bool:
        return any(
            rule.meets(upload.key) and due(upload.created, rule.abort_days, self._day_ms) <= now
            for rule in found
            if rule.abort_days is not None
        )

    def _still(self, bucket: Bucket) -> Bucket | None:
        """As it is now: rules may change at any time, and end with their bucket."""
        current = self._store.bucket(bucket.name)
        return current if current and current.id == bucket.id else None

    async def _have_rest(self, began: float) -> None:
        await asyncio.sleep((time.monotonic() - began) * self._rest)

    def _note(self, noted: Noted) -> None:
        if time.monotonic() - self._noted_at >= NOTED_SECONDS:
            self._write(noted)

    def _write(self, noted: Noted) -> None:
        self._progress.write(msgspec.msgpack.encode(noted))
        self._noted_at = time.monotonic()

    def _read(self) -> Noted:
        try:
            return msgspec.msgpack.decode(self._progress.read(), type=Noted)
        except msgspec.MsgspecError:
            return Noted()
