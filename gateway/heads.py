"""Heads on the wire: what aiohttp's parser read, and what the pipeline answers, as bytes.

Knows no connection.
"""

from functools import lru_cache
from http import HTTPStatus
from typing import Protocol

from aiohttp import HttpVersion, HttpVersion11, StreamReader
from aiohttp.helpers import rfc822_formatted_time
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import EMPTY_PAYLOAD

from gateway.head import Head
from gateway.response import Response

MOST_IN = 256 * 1024
"""Longest body taken in; it is all there before the request is looked at. As much as aiohttp holds
of any body (``app.READ_BYTES``)."""
HOT = frozenset({"GET", "HEAD", "PUT", "DELETE"})


class RawHead(Protocol):
    """What message and request of aiohttp have in common."""

    @property
    def method(self) -> str: ...

    @property
    def version(self) -> HttpVersion: ...

    @property
    def raw_headers(self) -> tuple[tuple[bytes, bytes], ...]: ...


def is_hot(message: object, payload: StreamReader) -> bool:
    """An ordinary request, short enough to be taken in as a whole."""
    if (
        not isinstance(message, RawRequestMessage)
        or message.method not in HOT
        or message.version != HttpVersion11
        or message.should_close
        or message.upgrade
        or message.chunked
    ):
        return False
    headers = message.headers
    if payload is EMPTY_PAYLOAD:
        return "x-amz-copy-source" not in headers and "expect" not in headers
    if message.method != "PUT" or "x-amz-copy-source" in headers or "expect" in headers:
        return False
    length = headers.get("content-length", "")
    return length.isdecimal() and len(length) < 9 and int(length) <= MOST_IN


@lru_cache(maxsize=512)
def _field_name(raw: bytes) -> str:
    return raw.decode("latin-1").lower()


def read_head(raw: RawHead, target: str, secure: bool, peer: str) -> Head:
    """What the parser has made of a request head, as the pipeline wants it."""
    return Head(
        raw.method,
        target,
        [
            (_field_name(name), value.decode("latin-1").strip(" \t"))
            for name, value in raw.raw_headers
        ],
        secure,
        peer,
        raw.version,
    )


_STATUS_LINES = {each.value: f"HTTP/1.1 {each.value} {each.phrase}\r\n" for each in HTTPStatus}
_EMPTY = frozenset({204, 304})


def whole(response: Response, method: str, body: bytes) -> tuple[bytes, bytes]:
    """Head and body of the answer as ``web.Response`` writes it on a connection that is kept."""
    status = response.status
    bodiless = method == "HEAD" or status in _EMPTY
    fresh = [f"{name}: {value}\r\n" for name, value in response.headers[response.settled :]]
    fields = response.lines + "".join(fresh)
    if not response.settled:
        known = f"\n{fields.lower()}"
        if "\ncontent-length: " not in known and (body or not bodiless):
            fields += f"Content-Length: {len(body)}\r\n"
        if body and not bodiless and "\ncontent-type: " not in known:
            fields += "Content-Type: application/octet-stream\r\n"
    head = f"{_STATUS_LINES[status]}{fields}Date: {rfc822_formatted_time()}\r\n\r\n".encode()
    return head, b"" if bodiless else body
