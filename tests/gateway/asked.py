"""Requests as a client would send them, without a socket."""

from collections.abc import AsyncIterator

from gateway import addressing
from gateway.request import Request


class NoBody:
    async def __aiter__(self) -> AsyncIterator[bytes]:
        return
        yield b""


def asked(line: str, *headers: tuple[str, str], host: str = "localhost") -> Request:
    """The request whose method and raw target are in ``line``: ``GET /bucket?acl``."""
    method, _, target = line.partition(" ")
    return addressing.parse(
        method,
        target,
        [("host", host), *headers],
        body=NoBody(),
        secure=False,
        peer="127.0.0.1",
        base_domains=("localhost", "s3.localhost", "gateway.example.com"),
    )
