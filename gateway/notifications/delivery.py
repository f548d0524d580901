"""Delivery: from the queues to the operator's webhooks, in order, each at least once. On worker 0.

A webhook is given ``{"Records": [...]}`` by POST and answers 2xx when it has it. One that does not
is asked again, later and later, and nothing that comes after is sent before: so events of a key
never overtake one another. Only URLs of the settings are called, and no redirect is followed.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import takewhile

import aiohttp

from gateway.notifications.event import TRIAL
from store.messages import Message
from store.store import Store

log = logging.getLogger("s3gw.gateway")

MOST_AT_ONCE = 100
"""Records in one POST."""
LOOK_SECONDS = 0.2
"""How often an idle queue looks whether anything has changed: a comparison of 96 bytes."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
TIMEOUT_SECONDS = 10.0


class Delivery:
    """Runs from ``start`` to ``stop``; what is not delivered then is after the next start."""

    def __init__(self, store: Store, webhooks: Mapping[str, str]) -> None:
        """``webhooks``: URLs by name."""
        self._store = store
        self._webhooks = webhooks
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Each webhook on its own: one that is slow keeps no other waiting."""
        self._tasks = [
            asyncio.create_task(self._serve(name, url)) for name, url in self._webhooks.items()
        ]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        for task in self._tasks:
            with suppress(asyncio.CancelledError):
                await task

    async def _serve(self, name: str, url: str) -> None:
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(timeout=timeout, cookie_jar=jar) as session:
            pause = 0.0
            while True:
                state = self._store.state()
                try:
                    more = await self._deliver(session, name, url)
                except Exception as error:  # whatever it is, events must go out some time
                    # Not its text: that may hold the URL, and a URL may hold a secret.
                    pause = min(pause * 2 or FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS)
                    log.warning("queue %s: %s; again in %.1f s", name, type(error).__name__, pause)
                    await asyncio.sleep(pause)
                    continue
                pause = 0.0
                while not more and self._store.state() == state:
                    await asyncio.sleep(LOOK_SECONDS)
                    more = state is None

    async def _deliver(self, session: aiohttp.ClientSession, name: str, url: str) -> bool:
        """Deliver the oldest that wait; whether there were any. Raises when it was refused."""
        waiting = self._store.messages(name, MOST_AT_ONCE)
        if not waiting:
            return False
        body, last = _together(waiting)
        headers = {"content-type": "application/json", "user-agent": "s3gw"}
        async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
            if not 200 <= answer.status < 300:
                raise aiohttp.ClientError(str(answer.status))
        await self._store.forget_messages(name, last)
        return True


def _together(waiting: Sequence[Message]) -> tuple[bytes, int]:
    """One body of as many of them as go together, and the number of the last. Tests go alone."""
    if waiting[0].body.startswith(TRIAL):
        return waiting[0].body, waiting[0].number
    records = list(takewhile(lambda each: not each.body.startswith(TRIAL), waiting))
    return b'{"Records":[%b]}' % b",".join(each.body for each in records), records[-1].number
