"""aiohttp wiring: sockets, limits and deadlines on one side, ``serve`` on the other.

The low-level ``web.Server`` is used, without Application, router and middlewares: one catch-all
needs none of them and they cost a third of a small request.
"""

import asyncio
import logging
import os
import resource
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from socket import IPPROTO_TCP, TCP_USER_TIMEOUT, socket
from typing import Any, cast

from aiohttp import StreamReader, http_exceptions, http_parser, web
from aiohttp.abc import AbstractStreamWriter

from gateway import trace
from gateway.access_log.spool import Spool
from gateway.audit.auditing import Auditing
from gateway.audit.log import AuditLog
from gateway.config import Config
from gateway.errors import (
    BadRequest,
    RequestHeaderSectionTooLarge,
    SlowDown,
)
from gateway.fast_lane import FastLane
from gateway.handshake import Handshake
from gateway.head import MAX_HEADERS, Head
from gateway.heads import read_head, whole
from gateway.limits import Limits
from gateway.places import Places
from gateway.proxies import Proxies
from gateway.repeats import Repeats
from gateway.response import Response
from gateway.serve import Gateway, fail, refuse, serve
from gateway.trace import Trace
from gateway.wire_body import WireBody
from keys.table import Table
from store.store import Outgoing, Store

log = logging.getLogger("s3gw.gateway")

READ_BYTES = 256 * 1024
"""How much of a body aiohttp holds before it stops reading from the socket."""
DRAIN_LOOK_SECONDS = 0.05
"""How often a stopping server looks for connections that have become idle."""
BACKLOG = 1024
RESERVED_DESCRIPTORS = 2 * BACKLOG
"""Kept from connections for the database, segments, and those that are only accepted to be told
that there is no place; of few, half."""
REFUSALS_SECONDS = 10.0
"""Refused connections are logged this often, all at once."""

if http_parser.HttpRequestParser.__module__ != "aiohttp._http_parser":
    raise RuntimeError("aiohttp's compiled parser is missing; the pure one is not safe to expose")


class Connection(FastLane):
    """One client connection: counted, timed until its first head, and short when it errs."""

    def __init__(self, server: "Server", options: dict[str, Any]) -> None:
        super().__init__(server, server.fast, server.repeats, options)
        self._server = server
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._server.places.take(self):
            self._refuse(cast(asyncio.Transport, transport))  # uvloop's does not inherit from it
            return
        self._deadline = asyncio.get_running_loop().call_later(
            self._server.header_seconds, self.drop
        )

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        # Broken framing ends the body it is in: aiohttp only queues an answer behind it.
        request, queue = self._current_request, self._messages
        if request and queue and not isinstance(queue[-1][0], http_parser.RawRequestMessage):
            request.content.set_exception(web.RequestPayloadError("not HTTP"))

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._server.places.leave(self)
        super().connection_lost(exc)

    def _refuse(self, transport: asyncio.Transport) -> None:
        """Where no place is to be had, in the words that SDKs wait and try again at."""
        self._server.refused(self.address)
        response, _ = refuse(SlowDown(headers={"Retry-After": "1"}), self.address)
        assert isinstance(response.body, bytes)
        last = response.extended([("connection", "close")])
        transport.write(b"".join(whole(last, "GET", response.body)))
        self.force_close()

    @property
    def spare(self) -> bool:
        """Idle, and its client has been sent all that it asked for."""
        transport = self.transport
        return self.idle and (transport is None or not transport.get_write_buffer_size())

    def drop(self) -> None:
        """End it at once, whatever its client has not read yet."""
        if self.transport is not None:
            self.transport.abort()

    def end(self) -> None:
        """Close it, idle as it is. Under TLS a close would wait for the client to agree."""
        transport = self.transport
        if transport is not None and transport.get_extra_info("ssl_object") is not None:
            transport.abort()
        else:
            self.force_close()

    @property
    def draining(self) -> bool:
        return self._server.draining

    def head_complete(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A head that is not HTTP gets a short document with nothing of the request in it.

        What fails once an answer has begun, or because its client is gone, ends the connection.
        """
        gone = status == 504 or isinstance(exc, ConnectionError)
        if gone or request.writer.output_size > 0:
            if not gone:
                log.error("an answer to %s was cut short", request.remote, exc_info=exc)
            self.force_close()
            if exc is not None:
                # aiohttp has what is raised here in a circle, and with it all that led to it.
                exc.__traceback__ = None
            raise ConnectionError
        response, story = refuse(_refusal(status, exc), request.remote or "")
        trace.write(story, self._server.log_format)
        assert isinstance(response.body, bytes)
        answer = web.Response(status=response.status, headers=response.headers, body=response.body)
        answer.force_close()
        return answer


def _refusal(status: int, exc: BaseException | None) -> Exception:
    if isinstance(exc, http_exceptions.LineTooLong):
        return RequestHeaderSectionTooLarge()
    return BadRequest() if status == 400 or not isinstance(exc, Exception) else exc


class Server(web.Server):
    """Makes a ``Connection`` for each client; ``places`` says which may stay."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        config: Config,
        places: Places,
        fast: Gateway | None,
    ) -> None:
        super().__init__(handler)
        self.places = places
        self._refused = 0
        self.fast = fast
        """What hot requests are answered from; ``None``: from nothing, the handler takes all."""
        self.repeats = None if fast is None else Repeats(fast)
        self.draining = False
        """No connection outlives its running request."""
        self.header_seconds = config.header_seconds
        self.log_format = config.log_format
        self._options: dict[str, Any] = {
            "access_log": None,
            "auto_decompress": False,
            "keepalive_timeout": config.keepalive_seconds,
            "max_headers": 2 * MAX_HEADERS,  # a few too many are refused by name, in serve
            "max_line_size": config.max_header_bytes,
            "max_field_size": config.max_header_bytes,
            "read_bufsize": READ_BYTES,
        }

    def __call__(self) -> Connection:
        return Connection(self, self._options)

    def _make_request(
        self,
        message: http_parser.RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: "asyncio.Task[None]",
    ) -> web.BaseRequest:
        assert isinstance(protocol, Connection)
        protocol.taken(payload)
        return super()._make_request(message, payload, protocol, writer, task)

    def refused(self, address: str) -> None:
        """A connection had no place. A line for each would fill the disk under an attack."""
        self._refused += 1
        if self._refused == 1:
            log.warning("no place for a connection from %s", address)
            asyncio.get_running_loop().call_later(REFUSALS_SECONDS, self._sum_up)

    def _sum_up(self) -> None:
        if self._refused > 1:
            log.warning("no place for %d connections in %g s", self._refused, REFUSALS_SECONDS)
        self._refused = 0


class Running:
    """A listening worker."""

    def __init__(self, server: Server, listener: asyncio.Server) -> None:
        self._server = server
        self._listener = listener

    async def stop(self, drain_seconds: float) -> None:
        """Accept no more, let running requests end, then close what is left."""
        self._listener.close()
        self._server.draining = True
        loop = asyncio.get_running_loop()
        deadline = loop.time() + drain_seconds
        # aiohttp's own shutdown drops what still comes in, so a running upload could never end.
        while self._server.connections and loop.time() < deadline:
            for connection in self._server.connections:
                if isinstance(connection, Connection) and connection.idle:
                    connection.end()
            await asyncio.sleep(DRAIN_LOOK_SECONDS)
        await self._server.shutdown(DRAIN_LOOK_SECONDS)


async def start(
    config: Config,
    store: Store,
    keys: Table,
    sock: socket,
    ssl_context: ssl.SSLContext | None,
    *,
    fast: bool = True,
    spool: Spool | None = None,
    audit: AuditLog | None = None,
    limits: Limits | None = None,
) -> Running:
    """Answer S3 on a bound socket until ``Running.stop``. ``fast``: hot requests in short.

    ``spool``: where lines of access logs go; ``audit``: where those of the audit log go.
    ``limits``: shared with other workers.
    """
    gateway = Gateway(
        config,
        store,
        keys,
        partial(datetime.now, UTC),
        spool=spool,
        auditing=None if audit is None else Auditing(audit, partial(_owner, store)),
        limits=limits or Limits.of(config),
        proxies=Proxies(config.trusted_proxies) if config.trusted_proxies else None,
    )
    most, backlog = _room(config)
    places = Places(most, config.max_connections_per_address, gateway.proxies)
    server = Server(partial(_handle, gateway), config, places, gateway if fast else None)
    # Connections accepted on it have it too: whoever reads nothing for so long is gone.
    # https://man7.org/linux/man-pages/man7/tcp.7.html
    sock.setsockopt(IPPROTO_TCP, TCP_USER_TIMEOUT, int(config.body_idle_seconds * 1000))
    made: Callable[[], asyncio.Protocol] = server
    if ssl_context is not None:
        made = partial(Handshake, places, ssl_context, config.header_seconds, server)
    loop = asyncio.get_running_loop()
    listener = await loop.create_server(made, sock=sock, backlog=backlog)
    return Running(server, listener)


def _owner(store: Store, name: str) -> str | None:
    bucket = store.bucket(name)
    return bucket.owner if bucket is not None else None


def _room(config: Config) -> tuple[int, int]:
    """How many connections there are places for, and how many may wait to be accepted.

    All that wait are accepted before the first of them can be told anything.
    """
    free = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - len(os.listdir("/proc/self/fd"))
    reserved = min(RESERVED_DESCRIPTORS, free // 2)
    backlog = max(min(BACKLOG, reserved // 2), 1)
    most = max(free - reserved, 1)
    return min(config.max_connections or most, most), backlog


async def _handle(gateway: Gateway, request: web.BaseRequest) -> web.StreamResponse:
    connection = request.protocol
    assert isinstance(connection, Connection)
    connection.head_complete()
    head = read_head(request, request.raw_path, request.secure, request.remote or "")
    body = WireBody(request, gateway.config)
    response, story = await serve(gateway, head, body)
    try:
        if isinstance(response.body, bytes):
            answer = await _write(request, response, body, story)
        else:
            answer = await _stream(request, response, body, story, head, gateway.config)
        if body.abandoned:
            connection.force_close()  # once the answer has gone out
    except (ConnectionError, TimeoutError):
        connection.force_close()
        raise
    finally:
        body.release()
        story.bytes_in = body.received
        trace.write(story, gateway.config.log_format)
    return answer


async def _write(
    request: web.BaseRequest, response: Response, body: WireBody, story: Trace
) -> web.StreamResponse:
    assert isinstance(response.body, bytes)
    answer = web.Response(
        status=response.status, headers=response.headers, body=response.body or None
    )
    _close_if_last(answer, body, request)
    await answer.prepare(request)
    await answer.write_eof()
    story.bytes_out = len(response.body)
    return answer


async def _stream(
    request: web.BaseRequest,
    response: Response,
    body: WireBody,
    story: Trace,
    head: Head,
    config: Config,
) -> web.StreamResponse:
    assert not isinstance(response.body, bytes)
    pieces = aiter(response.body)
    try:
        try:
            piece = await anext(pieces, b"")
        except Exception as error:  # nothing has gone out yet: it can be told
            return await _write(request, fail(error, head, story), body, story)
        answer = web.StreamResponse(status=response.status, headers=response.headers)
        _close_if_last(answer, body, request)
        if not isinstance(response.body, Outgoing) and request.version >= (1, 1):
            answer.enable_chunked_encoding()
        await answer.prepare(request)
        while piece:
            patience = max(config.body_idle_seconds, len(piece) / config.body_bytes_per_second)
            async with asyncio.timeout(patience):
                await answer.write(piece)
            story.bytes_out += len(piece)
            piece = await anext(pieces, b"")
        await answer.write_eof()
    except Exception:
        # The head has gone out with its length: cutting the connection is the only way to say
        # that the body is not whole.
        request.protocol.force_close()
        raise
    finally:
        if isinstance(response.body, Outgoing):
            response.body.close()
        if isinstance(pieces, AsyncGenerator):
            await pieces.aclose()  # what feeds it ends now, not when it is collected
    return answer


def _close_if_last(answer: web.StreamResponse, body: WireBody, request: web.BaseRequest) -> None:
    connection = request.protocol
    if body.abandoned or (isinstance(connection, Connection) and connection.draining):
        answer.force_close()
