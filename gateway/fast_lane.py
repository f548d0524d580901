"""The fast lane: hot requests answered straight from the parser's callback, by the same pipeline.

aiohttp's parser reads every head. One that came alone, with nothing unusual about it, is given to
``serve`` at once, without a task and without aiohttp's request and response, which cost more than
the answer; ``serve`` runs to its end or, where it waits for the disk, to its first wait, and goes
on when that is over: it may wait for futures, but has no task that a time limit could cancel.
Everything else goes the general lane (``gateway.app``) on the same connection, and gets the same
bytes.

Touches what aiohttp keeps private (``SEAM``): it is pinned to a minor version and a test watches.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from functools import partial
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD

from gateway import trace
from gateway.handshake import address_of
from gateway.head import Head
from gateway.heads import is_hot, read_head, whole
from gateway.repeats import MOST_HEAD, Repeats
from gateway.response import Response
from gateway.serve import Gateway, fail, serve
from gateway.trace import Trace
from store.store import Outgoing

log = logging.getLogger("s3gw.gateway")

MOST_OUT = 256 * 1024
"""Longest body sent; it goes out in one piece."""
APART_BYTES = 16 * 1024
"""A longer one is not copied to stand behind its head."""
PATIENCE_SECONDS = 0.1
"""A body that is not there by then is left to the general lane and its time limits."""
SEAM = (
    "_buffer_paused",
    "_current_request",
    "_force_close",
    "_keepalive_handle",
    "_keepalive_timeout",
    "_max_msg_queue_size",
    "_messages",
    "_next_keepalive_close_time",
    "_parser",
    "_pause_reading_for_buffer",
    "_paused",
    "_process_keepalive",
    "_task_handler",
    "_upgraded",
    "_waiter",
)
"""Of ``web.RequestHandler``, beside its callbacks as a protocol."""
SEAM_OF_BODIES = ("_buffer",)
"""Of ``StreamReader``."""

Answer = tuple[Response, bytes, Trace] | None
_Running = Coroutine[asyncio.Future[Any] | None, None, Answer]


class TooLong(Exception):
    """An answer for the general lane. Only reads have one: they may run twice."""


class SmallBody:
    """The body of a request that has come in as a whole."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.received = 0

    def whole(self, most: int) -> bytes | None:
        """A ``store.filling.TakeWhole``."""
        if len(self._data) > most:
            return None
        self.received = len(self._data)
        return self._data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.received = len(self._data)
        if self._data:
            yield self._data


class FastLane(web.RequestHandler):
    """A client connection that answers what is hot by itself."""

    def __init__(
        self,
        server: web.Server,
        gateway: Gateway | None,
        repeats: Repeats | None,
        options: dict[str, Any],
    ) -> None:
        """Without a ``gateway`` everything goes the general lane."""
        super().__init__(server, loop=asyncio.get_running_loop(), **options)
        self._gateway = gateway
        self._repeats = repeats
        self._answering = False
        self._impatient: asyncio.TimerHandle | None = None
        self._alone = b""
        """What came last, if it ended with a request that has no body: none has begun since."""
        self._held: tuple[Any, StreamReader] | None = None
        self._early = False
        self._secure = False
        self.address = ""

    def head_complete(self) -> None:
        """Called when the head of a request is there."""

    def taken(self, payload: StreamReader) -> None:
        """The general lane has taken a message out of the queue.

        The parser counts a message when it is whole, and forgets it when it is taken: one that is
        taken before it is whole would count for ever.
        """
        if self._early and self._parser is not None:
            self._parser.message_consumed()
        self._early = not payload.is_eof()

    @property
    def draining(self) -> bool:
        """It shall end with the next answer: the general lane tells the client."""
        raise NotImplementedError

    @property
    def idle(self) -> bool:
        """It waits for a request and has nothing of one that it could lose."""
        return self._ready() and not self._messages and self._held is None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.address = address_of(transport)
        self._secure = transport.get_extra_info("sslcontext") is not None

    def connection_lost(self, exc: BaseException | None) -> None:
        self._be_patient()
        if self._task_handler is not None and self._current_request is None:
            # It may be about to begin with a request, for which aiohttp has nothing left.
            self._task_handler.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._alone and self._repeated(data):
            return
        # Without its waiter aiohttp only queues what it parses.
        waiter, self._waiter = self._waiter, None
        super().data_received(data)
        self._waiter = waiter
        self._alone = data if self._ends_whole(data) else b""
        out = (self._held is not None) + self._answering + self._early
        stopped = out and len(self._messages) + out >= self._max_msg_queue_size
        if stopped and not self._buffer_paused:
            # The parser counts those that are out of the queue too, and stops; aiohttp does not.
            self._pause_reading_for_buffer()
        if not self._messages or self._answering:
            return
        if self._held is not None:
            self._release()
        if self._ready():
            if not self._taken():
                self._leave()
        elif waiter is None and self._current_request is None and len(self._messages) == 1:
            # The general lane has just answered (or has not begun) and will wait in a moment.
            self._held = self._messages.popleft()
            self._loop.call_soon(self._look_again, 4)

    def _ends_whole(self, data: bytes) -> bool:
        """Whether the parser, which has just read ``data``, is surely between two requests."""
        messages = self._messages
        return (
            len(data) <= MOST_HEAD
            and len(messages) == 1
            and messages[0][1] is EMPTY_PAYLOAD
            and data.endswith(b"\r\n\r\n")
            and not self._buffer_paused
        )

    def _repeated(self, data: bytes) -> bool:
        """Whether it was a request that has come before, and has been answered from memory."""
        repeat = None if self._repeats is None else self._repeats.find(data)
        if (
            repeat is None
            or not self._ready()
            or self._messages
            or self._held is not None
            or self._closed_to_hot
            or repeat.head.secure is not self._secure
        ):
            return False
        assert self._repeats is not None
        answer = self._repeats.answer(repeat, self.address)
        if answer is None:
            return False
        self.head_complete()
        self._send(repeat.head.method, *answer)
        return True

    @property
    def _closed_to_hot(self) -> bool:
        """Nothing may be answered here, or nothing at all."""
        return (
            self._upgraded
            or self._paused
            or self._force_close
            or self.draining
            or self.transport is None
        )

    def _release(self) -> None:
        if self._held is not None:
            self._messages.appendleft(self._held)
            self._held = None

    def _look_again(self, times: int) -> None:
        if self._held is None or self.transport is None:
            return
        if self._ready():
            self._release()
            if not self._taken():
                self._leave()
        elif times and self._waiter is None and self._current_request is None:
            self._loop.call_soon(self._look_again, times - 1)
        else:
            self._release()

    def _ready(self) -> bool:
        waiter = self._waiter
        return waiter is not None and not waiter.done() and not self._answering

    def _leave(self) -> None:
        """Have the general lane answer what is queued."""
        self._be_patient()
        if self._messages and self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _be_patient(self) -> None:
        if self._impatient is not None:
            self._impatient.cancel()
            self._impatient = None

    def _taken(self) -> bool:
        """Whether the one queued request has been answered here, or will be when it is whole."""
        message, payload = self._messages[0]
        if (
            self._gateway is None
            or len(self._messages) > 1
            or not is_hot(message, payload)
            or self._closed_to_hot
        ):
            return False
        self.head_complete()
        if payload.exception() is not None:
            return False
        if not payload.is_eof():
            if self._impatient is None:
                self._impatient = self._loop.call_later(PATIENCE_SECONDS, self._leave)
            return True
        self._be_patient()
        assert isinstance(message, RawRequestMessage)
        self._begin(message, payload)
        return True

    def _begin(self, message: RawRequestMessage, payload: StreamReader) -> None:
        assert self._gateway is not None
        self._messages.popleft()
        head = read_head(message, message.path, self._secure, self.address)
        body = SmallBody(_all_of(payload))
        running = _answer(self._gateway, head, body)
        self._go_on(message, payload, head, running)

    def _go_on(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        head: Head,
        running: _Running,
        ready: object = None,
    ) -> None:
        """Run it to its end or to its next wait, after which ``ready`` calls this again."""
        try:
            waited_for = running.send(None)  # a future tells by itself how it ended
        except StopIteration as done:
            self._end(message, head, done.value)
        except TooLong:
            self._messages.appendleft((message, payload))
        except BaseException:
            self._answering = False
            self.force_close()
            raise
        else:
            self._answering = True
            again = partial(self._go_on, message, payload, head, running)
            if waited_for is None:  # others' turn
                self._loop.call_soon(again)
            else:
                waited_for._asyncio_future_blocking = False
                waited_for.add_done_callback(again)
            return
        self._answering = False
        self._leave()

    def _end(self, message: RawRequestMessage, head: Head, answer: Answer) -> None:
        if self._parser is not None:
            self._parser.message_consumed()
        if answer is None:
            self.force_close()
            return
        response, body, story = answer
        self._send(head.method, response, body, story)
        if response.settled and self._alone and self._repeats is not None:
            self._repeats.notice(self._alone, message, head)

    def _send(self, method: str, response: Response, body: bytes, story: Trace) -> None:
        """Send it, and be ready for what comes next."""
        if self._manager is not None:
            self._manager.requests_count += 1
        if self.transport is not None:
            head, rest = whole(response, method, body)
            if len(rest) > APART_BYTES:
                self.transport.writelines((head, rest))
            else:
                self.transport.write(head + rest)
            story.bytes_out = len(body)
        assert self._gateway is not None
        trace.write(story, self._gateway.config.log_format)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        if self._keepalive_handle is None and self.transport is not None:
            self._await_next()

    def _await_next(self) -> None:
        self._keepalive_handle = self._loop.call_at(
            self._next_keepalive_close_time, self._process_keepalive
        )

    def _process_keepalive(self) -> None:
        if self._answering or self._impatient is not None:
            self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
            self._await_next()
            return
        super()._process_keepalive()


def _all_of(payload: StreamReader) -> bytes:
    """A body that has come in. To read it would parse on, before this request has its answer."""
    if payload is EMPTY_PAYLOAD:
        return b""
    pieces = payload._buffer
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


async def _answer(gateway: Gateway, head: Head, body: SmallBody) -> Answer:
    """Response, bytes of its body, and what to log; ``None``: it went wrong beyond telling."""
    try:
        response, story = await serve(gateway, head, body)
        story.bytes_in = body.received
        if isinstance(response.body, bytes):
            return response, response.body, story
        return await _read(response, head, story)
    except TooLong:
        raise
    except Exception:
        log.exception("an answer was cut short")
        return None


async def _read(response: Response, head: Head, story: Trace) -> Answer:
    assert isinstance(response.body, Outgoing)
    try:
        if response.body.size > MOST_OUT:
            raise TooLong
        try:
            pieces = [piece async for piece in response.body]
        except Exception as error:  # nothing has gone out yet: it can be told
            refusal = fail(error, head, story)
            assert isinstance(refusal.body, bytes)
            return refusal, refusal.body, story
    finally:
        response.body.close()
    return response, pieces[0] if len(pieces) == 1 else b"".join(pieces), story
