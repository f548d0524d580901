"""Handshake: a TLS connection from its acceptance until it can be spoken on.

It has a place meanwhile, which it gives up to others: asyncio would show us a connection only when
its handshake is over, and those that never begin one would take all descriptors.
"""

import asyncio
import ssl
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, cast

from gateway.places import Places

_Shaking = Coroutine[Any, Any, asyncio.Transport | None]


class Handshake(asyncio.Protocol):
    """Becomes what ``made`` makes."""

    spare = True

    def __init__(
        self,
        places: Places,
        context: ssl.SSLContext,
        seconds: float,
        made: Callable[[], asyncio.Protocol],
    ) -> None:
        self.address = ""
        self._places = places
        self._context = context
        self._seconds = seconds
        self._made = made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it
        self.address = address_of(transport)
        if not self._places.take(self):
            self.drop()
            return
        loop, early = asyncio.get_running_loop(), _Early()
        shaking = loop.start_tls(
            self._transport,
            early,
            self._context,
            server_side=True,
            ssl_handshake_timeout=self._seconds,
        )
        # It begins at once, without a task: bytes may come before one would.
        waited_for = shaking.send(None)
        waited_for._asyncio_future_blocking = False
        waited_for.add_done_callback(partial(self._done, shaking, early))

    def drop(self) -> None:
        """End it at once."""
        self._transport.abort()

    def _done(self, shaking: _Shaking, early: "_Early", waited_for: asyncio.Future[None]) -> None:
        self._places.leave(self)
        try:
            shaking.send(None)
        except StopIteration as done:
            secured: asyncio.Transport = done.value
            if secured.get_extra_info("cipher") is not None and not early.lost:
                early.become(self._made(), secured)
            # else it was dropped, or its client has gone
        except OSError:  # which errors of TLS are too
            self.drop()


class _Early(asyncio.Protocol):
    """Stands in for a connection until we know that the handshake is over."""

    def __init__(self) -> None:
        self.lost = False
        self._received = bytearray()
        self._next: asyncio.Protocol | None = None

    def data_received(self, data: bytes) -> None:
        self._received += data

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        if self._next is not None:  # it was on its way already
            self._next.connection_lost(exc)

    def become(self, connection: asyncio.Protocol, secured: asyncio.Transport) -> None:
        """From now on ``connection`` stands for itself."""
        self._next = connection
        secured.set_protocol(connection)
        connection.connection_made(secured)
        if self._received:
            connection.data_received(bytes(self._received))


def address_of(transport: asyncio.BaseTransport) -> str:
    """Of the other end; empty when it has none."""
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple | list) else str(peer or "")
