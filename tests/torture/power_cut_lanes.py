"""Clients of a server that is going to die: each has keys of its own and asks one thing at a time.

So of each key it is known what was acknowledged, and of each lane the one change whose outcome is
not known. Presigned requests by aiohttp: of what a client costs, a torture has the least need.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from yarl import URL

from bench.signing import Presigner, Target
from tests.store.storing import noise

BUCKET = "/torture"
KEYS = 6
_SMALL, _LARGE = (0, 1, 900, 16_384), (16_385, 70_000, 300_000)
_VERBS = ("small", "small", "large", "large", "delete", "multipart")
ANSWER_SECONDS = 30


@dataclass(frozen=True)
class Body:
    """What a key holds: bytes like no other's."""

    seed: int
    size: int

    @property
    def data(self) -> bytes:
        return noise(self.seed, self.size)


class Client:
    """Requests of one key to one server, signed."""

    def __init__(self, session: aiohttp.ClientSession, port: int, key: str, secret: str) -> None:
        self._session = session
        self._signer = Presigner(Target("127.0.0.1", port, key, secret))

    async def ask(
        self, method: str, path: str, query: dict[str, str] | None = None, body: bytes = b""
    ) -> tuple[int, bytes]:
        """Status and body. Raises ``aiohttp.ClientError``, ``TimeoutError``."""
        signed = self._signer.url_path(method, path, query)
        url = URL(f"http://{self._signer.authority}{signed}", encoded=True)
        async with self._session.request(method, url, data=body) as answer:
            return answer.status, await answer.read()


@asynccontextmanager
async def client(port: int, credentials: tuple[str, str]) -> AsyncIterator[Client]:
    timeout = aiohttp.ClientTimeout(total=ANSWER_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        yield Client(session, port, *credentials)


class Power:
    """``enough`` is set once so many changes were acknowledged."""

    def __init__(self, acknowledgements: int) -> None:
        self.enough = asyncio.Event()
        self.count = 0
        self.off = False
        self._wanted = acknowledgements

    def acknowledged(self) -> None:
        self.count += 1
        if self.count == self._wanted:
            self.enough.set()


class RefusedError(Exception):
    """An answer outside 2xx."""


class Lane:
    """What is known of the keys of one lane, over all lives of the server."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self._number = number
        self._chance = chance
        self._bodies = 0
        self.held: dict[str, Body] = {}
        """By path, what was acknowledged last."""
        self.unknown: tuple[str, Body | None] | None = None
        """The change that was asked for and not answered, or refused."""

    @property
    def prefix(self) -> str:
        return f"{self._number}/"

    async def go_on(self, client: Client, power: Power) -> str:
        """One change after the other, until one of them is not acknowledged: why.

        A sync that is under way when the file system goes down may falsely succeed, where a machine
        without power would say nothing: so an answer that comes after the cut is not known.
        """
        while True:
            verb = self._chance.choice(_VERBS)
            path = f"{BUCKET}/{self.prefix}{self._chance.randrange(KEYS)}"
            body = None if verb == "delete" else self._body(verb)
            self.unknown = path, body
            try:
                await _change(client, verb, path, body)
            except (RefusedError, aiohttp.ClientError, TimeoutError) as error:
                return repr(error)
            if power.off:
                return "the power is off"
            self._know(path, body)
            self.unknown = None
            power.acknowledged()

    async def insist(self, client: Client) -> bool:
        """Without a disk, one more object is not acknowledged (nor listed after)."""
        try:
            status, _ = await client.ask("PUT", f"{BUCKET}/{self.prefix}late", body=b"late")
        except (aiohttp.ClientError, TimeoutError):
            return True
        return status >= 500

    def _body(self, verb: str) -> Body:
        self._bodies += 1
        size = self._chance.choice(_SMALL if verb == "small" else _LARGE)
        return Body(self._number << 32 | self._bodies, size)

    async def violations(self, client: Client) -> AsyncIterator[str]:
        """What the server holds and must not, or must and does not. What was unknown is known then.

        Raises ``aiohttp.ClientError``, ``TimeoutError``.
        """
        there: set[str] = set()
        for number in range(KEYS):
            path = f"{BUCKET}/{self.prefix}{number}"
            status, data = await client.ask("GET", path)
            if status == 200:
                there.add(path)
            wrong = self._judge(path, status, data)
            if wrong:
                yield wrong
        self.unknown = None
        status, page = await client.ask("GET", BUCKET, {"list-type": "2", "prefix": self.prefix})
        listed = {f"{BUCKET}/{key}" for key in re.findall(r"<Key>(.*?)</Key>", page.decode())}
        if status != 200 or listed != there:
            yield f"listed are {sorted(listed)}, there are {sorted(there)}"

    def _judge(self, path: str, status: int, data: bytes) -> str | None:
        may = [self.held.get(path)]
        if self.unknown is not None and self.unknown[0] == path:
            may.append(self.unknown[1])
        for body in may:
            if (status, data) == (200, body.data) if body is not None else status == 404:
                self._know(path, body)
                return None
        return f"{path} answers {status} with {len(data)} bytes, not {' or '.join(map(str, may))}"

    def _know(self, path: str, body: Body | None) -> None:
        self.held.pop(path, None)
        if body is not None:
            self.held[path] = body


async def _change(client: Client, verb: str, path: str, body: Body | None) -> None:
    if body is None:
        await _acknowledged(client, "DELETE", path)
    elif verb == "multipart":
        await _multipart(client, path, body)
    else:
        await _acknowledged(client, "PUT", path, body=body.data)


async def _multipart(client: Client, path: str, body: Body) -> None:
    created = await _acknowledged(client, "POST", path, {"uploads": ""})
    upload = created.partition(b"<UploadId>")[2].partition(b"</UploadId>")[0].decode()
    query = {"partNumber": "1", "uploadId": upload}
    await _acknowledged(client, "PUT", path, query, body.data)
    listed = await _acknowledged(client, "GET", path, {"uploadId": upload})
    etag = listed.partition(b"<ETag>")[2].partition(b"</ETag>")[0].decode()
    document = (
        "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
        f"<ETag>{etag}</ETag></Part></CompleteMultipartUpload>"
    )
    done = await _acknowledged(client, "POST", path, {"uploadId": upload}, document.encode())
    if b"<Error>" in done:  # its status had gone out before
        raise RefusedError(done)


async def _acknowledged(
    client: Client, method: str, path: str, query: dict[str, str] | None = None, body: bytes = b""
) -> bytes:
    status, answer = await client.ask(method, path, query, body)
    if status not in (200, 204):
        raise RefusedError(f"{method} {path}: {status} {answer[:300]!r}")
    return answer
