"""A signed S3 client that costs little: one connection, one request at a time, no retries.

It knows nothing of what it reads; checking is its user's part.
"""

import asyncio
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, reduce
from hashlib import sha256
from typing import cast
from urllib.parse import quote

PATIENCE_SECONDS = 30
"""A server this late with an answer hangs."""

_BODILESS = frozenset({204, 304})


class Lost(Exception):
    """The connection ended before the answer: it may have been done or not."""


@dataclass(frozen=True)
class Signer:
    """Where the server is and who asks. ``head`` signs with the headers of SigV4.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
    """

    port: int
    access_key: str
    secret: str
    host: str = "127.0.0.1"
    region: str = "us-east-1"

    @cached_property
    def authority(self) -> str:
        return f"{self.host}:{self.port}"

    @cached_property
    def _keys(self) -> dict[str, bytes]:
        return {}

    def _key(self, day: str) -> bytes:
        if day not in self._keys:
            parts = (day, self.region, "s3", "aws4_request")
            start = b"AWS4" + self.secret.encode()
            key = reduce(lambda key, part: hmac.digest(key, part.encode(), "sha256"), parts, start)
            self._keys[day] = key
        return self._keys[day]

    def head(
        self,
        method: str,
        path: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        size: int,
    ) -> bytes:
        """A whole request head. ``headers`` are in lower case; ``size`` is that of the body."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        own = {"x-amz-content-sha256": "UNSIGNED-PAYLOAD", "x-amz-date": stamp}
        sent = {"host": self.authority, **own, **headers}
        names = ";".join(sorted(sent))
        path = quote(path, safe="/-_.~")
        words = "&".join(
            f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in sorted(query.items())
        )
        fields = "".join(f"{name}:{sent[name]}\n" for name in sorted(sent))
        canonical = f"{method}\n{path}\n{words}\n{fields}\n{names}\nUNSIGNED-PAYLOAD"
        scope = f"{stamp[:8]}/{self.region}/s3/aws4_request"
        hashed = sha256(canonical.encode()).hexdigest()
        to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}"
        signature = hmac.digest(self._key(stamp[:8]), to_sign.encode(), "sha256").hex()
        sent["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self.access_key}/{scope},"
            f"SignedHeaders={names},Signature={signature}"
        )
        if method in ("PUT", "POST"):
            sent["content-length"] = str(size)
        target = f"{path}?{words}" if words else path
        lines = "".join(f"{name}: {value}\r\n" for name, value in sent.items())
        return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whole."""

    status: int
    head: bytes
    body: bytes

    @property
    def done(self) -> bool:
        """2xx, and no error in the body: some operations begin to answer before they end."""
        return 200 <= self.status < 300 and b"<Error>" not in self.body[:300]

    def header(self, name: str) -> str:
        """Its value, or nothing."""
        _, found, rest = self.head.lower().partition(f"\r\n{name}:".encode())
        at = len(self.head) - len(rest)
        return self.head[at:].partition(b"\r\n")[0].decode().strip() if found else ""

    def __str__(self) -> str:
        return f"{self.status} {self.body[:200]!r}"


class _Connection(asyncio.Protocol):
    def __init__(self) -> None:
        self.answer: asyncio.Future[Answer] | None = None
        self.open = True
        self.bodiless = False
        """What was asked has an answer without a body: HEAD."""
        self._data = bytearray()
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's does not inherit from it

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(Lost(str(exc or "closed")))

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._head:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            self._head = bytes(self._data[: end + 2])
            del self._data[: end + 4]
        body = self._body()
        if body is None or self.answer is None or self.answer.done():
            return
        head, self._head = self._head, b""
        if b"\r\nconnection: close" in head.lower():
            self.open = False
        self.answer.set_result(Answer(int(head[9:12]), head, body))

    def _body(self) -> bytes | None:
        """Once it is whole."""
        low = self._head.lower()
        _, found, rest = low.partition(b"\r\ncontent-length:")
        if found:
            size = int(rest.partition(b"\r\n")[0])
        elif b"\r\ntransfer-encoding: chunked" in low and not self.bodiless:
            return self._chunks()
        else:
            size = 0
        if self.bodiless or int(low[9:12]) in _BODILESS:
            size = 0
        if len(self._data) < size:
            return None
        body = bytes(self._data[:size])
        del self._data[:size]
        return body

    def _chunks(self) -> bytes | None:
        at, pieces = 0, []
        while (end := self._data.find(b"\r\n", at)) >= 0:
            size = int(self._data[at:end], 16)
            following = end + 2 + size + 2
            if len(self._data) < following:
                return None
            if size == 0:
                del self._data[:following]
                return b"".join(pieces)
            pieces.append(bytes(self._data[end + 2 : end + 2 + size]))
            at = following
        return None


class Client:
    """One connection to a server, made anew when it is gone. One task's."""

    def __init__(self) -> None:
        self._connection: _Connection | None = None

    async def ask(
        self,
        signer: Signer,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Answer:
        """Raises ``Lost``, ``TimeoutError``."""
        head = signer.head(method, path, query or {}, headers or {}, len(body))
        return await self.send(signer, head, body)

    async def send(
        self, signer: Signer, head: bytes, body: bytes = b"", *, seconds: float = PATIENCE_SECONDS
    ) -> Answer:
        """What was signed before. Raises ``Lost``, ``TimeoutError``."""
        connection = await self._connected(signer)
        connection.answer = asyncio.get_running_loop().create_future()
        connection.bodiless = head.startswith(b"HEAD ")
        connection.transport.write(head + body)
        try:
            async with asyncio.timeout(seconds):
                answer = await connection.answer
        except BaseException:
            self.close()  # or the next question would get this one's answer
            raise
        if not connection.open:
            self.close()
        return answer

    async def break_off(self, signer: Signer, path: str, size: int, body: bytes) -> None:
        """Announce ``size`` bytes, send ``body``, which is shorter, and leave. Raises ``Lost``."""
        connection = await self._connected(signer)
        connection.answer = asyncio.get_running_loop().create_future()
        head = signer.head("PUT", path, {}, {"expect": "100-continue"}, size)
        connection.transport.write(head)
        async with asyncio.timeout(PATIENCE_SECONDS):
            await connection.answer  # it is at work now, and wants the body
        connection.transport.write(body)
        connection.transport.close()  # once that is sent
        self._connection = None

    async def _connected(self, signer: Signer) -> _Connection:
        if self._connection is None or not self._connection.open:
            loop = asyncio.get_running_loop()
            try:
                _, self._connection = await loop.create_connection(
                    _Connection, signer.host, signer.port
                )
            except OSError as error:
                raise Lost(str(error)) from error
        return self._connection

    def close(self) -> None:
        """Not an error when there is none."""
        if self._connection is not None:
            self._connection.transport.abort()
            self._connection = None
