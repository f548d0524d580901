"""R15: of many clients that write one key on one condition at the same time, one wins.

By PutObject, CompleteMultipartUpload and CopyObject, on If-None-Match and If-Match, over two
workers; where versions are kept too, since there a write that should have lost would still be seen.
"""

import asyncio
from collections.abc import Awaitable, Callable
from hashlib import md5, shake_128
from random import Random
from typing import Any

import uvloop

from tests.gateway.server_process import ServerProcess
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.wire import Answer, Client, Signer

RACERS = 64
BUCKETS = ("plain", "versioned")
Asked = tuple[bytes, bytes, bytes]
"""Head and body of a request, and the bytes of the object that it is to make."""
_ENABLED = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"


class Race:
    """Rounds of one kind after the other against one server."""

    def __init__(self, server: ServerProcess, seed: int) -> None:
        self._signer = Signer(server.port, server.said("access key"), server.said("secret"))
        self._rng = Random(seed)
        self._condition: dict[str, str] = {}
        self._racers = [Client() for _ in range(RACERS)]
        self._kinds: list[Callable[[int, str], Awaitable[Asked]]] = [
            self._put,
            self._complete,
            self._copy,
        ]
        self.violations: list[str] = []
        self.lost = 0

    async def rounds(self, count: int) -> None:
        try:
            for bucket in BUCKETS:
                await self._done("PUT", f"/{bucket}")
            query = {"versioning": ""}
            await self._done("PUT", f"/{BUCKETS[1]}", query, body=_ENABLED)
            for number in range(RACERS):
                await self._done("PUT", f"/plain/source-{number}", body=self._body(number, "copy"))
            for number in range(count):
                await self._round(number)
        finally:
            for each in self._racers:
                each.close()

    async def _round(self, number: int) -> None:
        """Every kind comes on every condition, with versions and without."""
        path = f"/{BUCKETS[number // 2 % 2]}/{number:04d}"
        condition = {"if-none-match": "*"}
        if number % 2:
            first = await self._done("PUT", path, body=b"first")
            condition = {"if-match": first.header("etag")}
        make = self._kinds[number // 4 % len(self._kinds)]
        self._condition = condition
        asked = await asyncio.gather(*(make(racer, path) for racer in range(RACERS)))
        self._rng.shuffle(asked)
        replies = await asyncio.gather(
            *(
                racer.send(self._signer, head, body)
                for racer, (head, body, _) in zip(self._racers, asked, strict=True)
            )
        )
        await self._judge(path, number, replies, [body for _, _, body in asked])

    async def _judge(
        self, path: str, number: int, replies: list[Answer], bodies: list[bytes]
    ) -> None:
        won = [n for n, reply in enumerate(replies) if reply.done]
        lost = sum(reply.status in (409, 412) for reply in replies)
        self.lost += lost
        if len(won) != 1 or lost != RACERS - 1:
            self.violations.append(f"{path}: {len(won)} of {RACERS} won and {lost} lost")
            return
        there = await self._done("GET", path)
        if there.body != bodies[won[0]]:
            self.violations.append(f"{path} is not what the winner wrote")
        bucket, key = path[1:].split("/")
        query = {"versions": "", "prefix": key}
        versions = (await self._done("GET", f"/{bucket}", query)).body.count(b"<Version>")
        if versions != 1 + (number % 2 if bucket == BUCKETS[1] else 0):
            self.violations.append(f"{path} has {versions} versions")

    # --- what a racer sends --------------------------------------------------------------------

    async def _put(self, racer: int, path: str) -> Asked:
        body = self._body(racer, path)
        return self._signer.head("PUT", path, {}, self._condition, len(body)), body, body

    async def _copy(self, racer: int, path: str) -> Asked:
        source = {"x-amz-copy-source": f"/plain/source-{racer}"}
        head = self._signer.head("PUT", path, {}, source | self._condition, 0)
        return head, b"", self._body(racer, "copy")

    async def _complete(self, racer: int, path: str) -> Asked:
        body = self._body(racer, path)
        begun = await self._done("POST", path, {"uploads": ""}, by=racer)
        upload = {"uploadId": begun.body.split(b"UploadId>")[1].removesuffix(b"</").decode()}
        await self._done("PUT", path, {"partNumber": "1", **upload}, by=racer, body=body)
        document = (
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{md5(body).hexdigest()}</ETag></Part></CompleteMultipartUpload>"
        ).encode()
        head = self._signer.head("POST", path, upload, self._condition, len(document))
        return head, document, body

    async def _done(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        *,
        by: int = 0,
        body: bytes = b"",
    ) -> Answer:
        reply = await self._racers[by].ask(self._signer, method, path, query, body=body)
        assert reply.status == 200, reply
        return reply

    @staticmethod
    def _body(racer: int, path: str) -> bytes:
        """Of some racers inline, of others in a segment."""
        return shake_128(f"{path}/{racer}".encode()).digest(100 if racer % 3 else 20_000)


def run(asked: Run) -> Outcome:
    mutant = f"{__name__}:check_then_write" if asked.mutant else ""
    data = asked.directory / "data"
    with ServerProcess(data, "--workers", "2", mutant=mutant) as server:
        race = Race(server.ready(), asked.seed)
        rounds = asked.of(200)
        uvloop.run(race.rounds(rounds))
    return Outcome({"rounds": rounds, "racers": RACERS, "lost": race.lost}, race.violations)


def check_then_write() -> None:
    """The mutant: conditions are judged when the write is asked for, not in its transaction."""
    from store import commits
    from store.store import Store

    def judged(verb: Any, where: Callable[..., tuple[int, bytes]]) -> Any:
        async def write(
            self: Store, *asked: Any, expect: Any = commits.ANYTHING, **more: Any
        ) -> Any:
            commits.require(self._db, *where(*asked), expect)
            return await verb(self, *asked, **more)

        return write

    Store.put = judged(Store.put, lambda bucket, key, *_: (bucket.id, key))  # type: ignore[method-assign]
    Store.copy = judged(Store.copy, lambda _, bucket, key: (bucket.id, key))  # type: ignore[method-assign]
    Store.complete_upload = judged(  # type: ignore[method-assign]
        Store.complete_upload, lambda upload, *_: (upload.bucket, upload.key)
    )


GATE = Gate(
    name="conditional writes",
    bar="200 rounds of 64 clients that race to write a key on If-None-Match or If-Match:"
    " one winner each, all others 412 or 409",
    run=run,
    mutants=("check-then-write",),
    short=12 / 200,
    mutant_scale=6 / 200,
)
