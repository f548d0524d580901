"""Heads of requests: from bytes, by the parser that the server has, to what each lane makes of it."""

from unittest.mock import Mock

from aiohttp import web
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import HttpRequestParser, RawRequestMessage
from aiohttp.streams import StreamReader

from gateway import addressing
from gateway.config import Config
from gateway.fast_lane import SmallBody, _all_of
from gateway.head import MAX_HEADERS, Head, check_head
from gateway.heads import is_hot, read_head
from gateway.request import Request
from tests.torture.fuzzing.target import loop, must

REFUSALS = (HttpProcessingError,)
CONFIG = Config(website_domains=("web.test",))
_NOBODY = Mock(ssl_context=None, transport=None)
_PROTOCOL = BaseProtocol(loop())


class NoRequest(Exception):
    """There is no whole head in these bytes."""


def parsed(data: bytes) -> list[tuple[object, StreamReader]]:
    """The requests in what came over a connection. Raises ``HttpProcessingError``."""
    parser = HttpRequestParser(
        _PROTOCOL, loop(), 1 << 18, max_line_size=CONFIG.max_header_bytes,
        max_field_size=CONFIG.max_header_bytes, max_headers=2 * MAX_HEADERS,
        payload_exception=web.RequestPayloadError, auto_decompress=False,
    )  # fmt: skip
    messages, _, _ = parser.feed_data(data)
    return list(messages)


def first(data: bytes) -> tuple[Head, bytes]:
    """The head of the first request and what came of its body; both lanes see the same.

    Raises ``NoRequest``, ``HttpProcessingError``.
    """
    found = parsed(data)
    if not found:
        raise NoRequest
    message, payload = found[0]
    if not isinstance(message, RawRequestMessage):
        raise NoRequest
    head = read_head(message, message.path, False, "192.0.2.1")
    general = web.BaseRequest(
        message,
        payload,
        _NOBODY,
        None,
        None,
        loop(),
        remote="192.0.2.1",  # type: ignore[arg-type]
    )
    other = read_head(general, general.raw_path, False, general.remote or "")
    must(head == other, "the lanes read another head", head, other)
    if is_hot(message, payload) and not payload.is_eof():
        must(head.method == "PUT", "a read with a body is hot", head)
    return head, _all_of(payload)


def request(data: bytes) -> Request:
    """As ``serve`` reads it. Raises ``S3Error`` and as ``first``."""
    head, body = first(data)
    check_head(CONFIG, head)
    return addressing.parse(
        head.method,
        head.target,
        head.headers,
        body=SmallBody(body),
        secure=head.secure,
        peer=head.peer,
        base_domains=CONFIG.base_domains,
        website_domains=CONFIG.website_domains,
    )


def written(method: str, target: str, headers: list[tuple[str, str]], body: bytes = b"") -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers)
    if body or method in ("PUT", "POST"):
        lines += f"content-length: {len(body)}\r\n"
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + body
