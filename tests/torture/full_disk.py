"""R16: the disk fills up under a server, and gets room again; nothing is lost, nothing restarted.

Objects are put until every kind of them is refused. Then what is there can be read, listed and
deleted, and once the collector has freed what was deleted, objects can be put again.
"""

import asyncio
import random
import re
from collections import Counter
from contextlib import suppress
from typing import Any

from gateway import errors
from store import fsck, spare
from store.errors import NoSpace
from store.segments import Segments
from tests.gateway.server_process import ServerProcess
from tests.torture.disk import Disk, impossible
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.served import ACCESS_KEY, SECRET
from tests.torture.wire import Answer, Client, Lost, Signer

ROUNDS = 10
DISK_BYTES = 96 << 20
BUCKET = "/full"
LANES = 4
_SMALL, _LARGE = 12_000, 2 << 20
_SMALL_SHARE = 0.7
_READ = 30
_ANSWER_SECONDS = 10
_ROOM_SECONDS = 30
_SETTINGS = {
    "S3GW_ROOT_ACCESS_KEY": ACCESS_KEY,
    "S3GW_ROOT_SECRET_KEY": SECRET,
    "S3GW_BUCKETS": BUCKET[1:],
    "S3GW_SEGMENT_BYTES": str(8 << 20),
    "S3GW_COLLECT_SECONDS": "0.2",
    "S3GW_TRASH_GRACE_SECONDS": "0",
    "S3GW_SCRUB_DAYS": "0",
    "S3GW_LOG_LEVEL": "ERROR",
}


class _Filling:
    """One server on one disk, and what was acknowledged."""

    def __init__(self, run: Run, server: ServerProcess) -> None:
        self._signer = Signer(server.port, ACCESS_KEY, SECRET)
        self._chance = random.Random(run.seed)
        self._clients = [Client() for _ in range(LANES)]
        self._made = 0
        self.held: dict[str, bytes] = {}
        self.found: list[str] = []
        self.counts: Counter[str] = Counter()

    async def round(self) -> None:
        """Fill, look, delete, go on."""
        await asyncio.gather(*map(self._fill, self._clients))
        await self._read()
        gone = self._chance.sample(sorted(self.held), len(self.held) * 2 // 3)
        await asyncio.gather(
            *(self._delete(client, gone[n::LANES]) for n, client in enumerate(self._clients))
        )
        if not self.found:
            await self._room()

    async def ask(
        self,
        client: Client,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        **more: bytes,
    ) -> Answer:
        async with asyncio.timeout(_ANSWER_SECONDS):
            answer = await client.ask(self._signer, method, path, query, **more)
        if answer.status >= 500:
            self.counts["refused"] += 1
            code = re.search(rb"<Code>(\w+)</Code>", answer.body)
            if answer.status not in (503, 507) or (code and code[1] == b"InternalError"):
                self.found.append(f"{method} {path}: {answer}")
        return answer

    async def _fill(self, client: Client) -> None:
        """Until a large and a small object were refused."""
        open_sizes = [_SMALL, _LARGE]
        while open_sizes and not self.found:
            size = random.choices(open_sizes, [_SMALL_SHARE, 1 - _SMALL_SHARE][: len(open_sizes)])[
                0
            ]
            if not await self._put(client, size):
                open_sizes.remove(size)

    async def _put(self, client: Client, size: int) -> bool:
        self._made += 1
        path, body = f"{BUCKET}/{self._made:06d}", self._chance.randbytes(size)
        answer = await self.ask(client, "PUT", path, body=body)
        if answer.done:
            self.held[path] = body
            self.counts["acknowledged"] += 1
        return answer.done

    async def _read(self) -> None:
        client = self._clients[0]
        listed = await self._listed(client)
        if listed != sorted(self.held):
            self.found.append(f"{len(listed)} objects are listed, not {len(self.held)}")
        for path in self._chance.sample(sorted(self.held), min(_READ, len(self.held))):
            await self._check(client, path)
            head = await self.ask(client, "HEAD", path)
            if head.status != 200:
                self.found.append(f"HEAD {path}: {head}")

    async def _listed(self, client: Client) -> list[str]:
        keys: list[str] = []
        query = {"list-type": "2"}
        while True:
            page = await self.ask(client, "GET", BUCKET, query)
            keys += [
                f"{BUCKET}/{key}" for key in re.findall(r"<Key>(.*?)</Key>", page.body.decode())
            ]
            if b"<IsTruncated>true" not in page.body:
                return keys
            query = {"list-type": "2", "start-after": keys[-1].removeprefix(f"{BUCKET}/")}

    async def _check(self, client: Client, path: str) -> None:
        answer = await self.ask(client, "GET", path)
        if (answer.status, answer.body) != (200, self.held[path]):
            self.found.append(f"GET {path}: {answer.status} with {len(answer.body)} bytes")

    async def _delete(self, client: Client, paths: list[str]) -> None:
        for path in paths:
            answer = await self.ask(client, "DELETE", path)
            if not answer.done:
                self.found.append(f"DELETE {path} on a full disk: {answer}")
                return
            del self.held[path]

    async def _room(self) -> None:
        """There is room again, without a restart."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_ROOM_SECONDS):
                for size in (_LARGE, _SMALL):
                    while not await self._put(self._clients[0], size):
                        await asyncio.sleep(0.05)  # the collector's next round
                return
        self.found.append("no room after deletes")

    async def end(self) -> None:
        """Everything that was acknowledged is there."""
        for path in sorted(self.held):
            await self._check(self._clients[0], path)

    def close(self) -> None:
        for client in self._clients:
            client.close()


async def _fill(run: Run, server: ServerProcess) -> _Filling:
    filling = _Filling(run, server)
    workers = server.workers
    try:
        for _ in range(run.of(ROUNDS)):
            await filling.round()
            filling.counts["rounds"] += 1
            if filling.found:
                break
        else:
            await filling.end()
    except (Lost, TimeoutError) as error:
        filling.found.append(f"no answer: {error!r}")
    finally:
        filling.close()
    if server.workers != workers:
        filling.found.append("a worker was started again")
    return filling


def _run(run: Run) -> Outcome:
    with Disk(run.directory / "disk", "ext4", DISK_BYTES) as disk:
        directory = disk.path / "data"
        mutant = f"tests.torture.full_disk:{run.mutant}" if run.mutant else ""
        with ServerProcess(directory, "--workers", "2", mutant=mutant, **_SETTINGS) as server:
            filling = asyncio.run(_fill(run, server.ready()))
            if not filling.found:
                server.process.terminate()
                if server.ended() != 0:
                    filling.found.append("it did not end in order")
        filling.found += [f"fsck: {each.kind} {each.where}" for each in fsck.check(directory)]
        return Outcome(filling.counts, filling.found)


# --- mutants, put into the server -----------------------------------------------------------------


def filled_to_the_last_block() -> None:
    """Nothing is kept for deletes."""
    spare.SPARE_BYTES = 0


def internal_error() -> None:
    del errors.BORDER[NoSpace]


def tried_for_ever() -> None:
    """A write waits for room."""
    write = Segments.write

    def until_there_is_room(self: Segments, *arguments: Any) -> None:
        while True:
            try:
                write(self, *arguments)
            except NoSpace:
                continue
            return

    Segments.write = until_there_is_room  # type: ignore[method-assign]


GATE = Gate(
    name="R16 full disk",
    bar="fill, read, delete, fill again x 10: refused clearly, 0 lost, no restart",
    run=_run,
    mutants=("filled_to_the_last_block", "internal_error", "tried_for_ever"),
    short=0.1,
    mutant_scale=0.1,
    impossible=lambda: impossible("ext4"),
)
