"""The body of a request, without a socket."""

import asyncio
from types import SimpleNamespace

import pytest
from aiohttp import StreamReader
from aiohttp.base_protocol import BaseProtocol

from gateway.config import Config
from gateway.errors import IncompleteBody
from gateway.wire_body import WireBody


@pytest.fixture
async def request_of_nobody():
    """The head has come and 5 of its bytes, and the connection is gone."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    content = StreamReader(protocol, 1 << 16, loop=loop)
    content.feed_data(b"hello")
    return SimpleNamespace(protocol=protocol, content=content, headers={}, body_exists=True)


async def test_a_client_that_left_before_its_request_began_has_cut_its_body(request_of_nobody):
    body = aiter(WireBody(request_of_nobody, Config()))

    assert await anext(body) == b"hello"
    with pytest.raises(IncompleteBody):
        await anext(body)


async def test_what_is_wrong_with_us_is_not_told_as_a_cut(request_of_nobody):
    request_of_nobody.protocol.transport = object()

    async def broken() -> bytes:
        raise RuntimeError("two readers")

    request_of_nobody.content = SimpleNamespace(readany=broken)
    with pytest.raises(RuntimeError):
        await anext(aiter(WireBody(request_of_nobody, Config())))
