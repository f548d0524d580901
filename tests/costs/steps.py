"""The steps of the hot path, and the yardsticks: what they are measured by."""

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qsl

import apsw

from gateway import wire
from gateway.auth.verify import verify
from gateway.config import Config
from gateway.operation import find
from gateway.operations import OPERATIONS
from gateway.operations.listing import EncodingType, ListObjectsV2Input, list_objects_v2
from store.records import Attributes, Bucket, Staged
from store.store import Store
from tests.costs.measure import Step, Work
from tests.gateway.asked import asked
from tests.gateway.auth.signed import NOW, Table, resend, sign
from tests.store.storing import Bytes, make_bucket, opened, put

LISTED = 1000
BATCH = 64
BODY = bytes(4096)
MEBIBYTE = bytes(1 << 20)
ATTRIBUTES = Attributes(
    headers={"content-type": "text/plain"},
    checksums={"CRC64NVME": "AAAAAAAAAAA="},
    checksum_type="FULL_OBJECT",
)


@contextmanager
def steps() -> Iterator[dict[str, Step]]:
    """All steps by name, over a store that lasts as long as they do."""
    with tempfile.TemporaryDirectory() as directory, asyncio.Runner() as loop:
        opening = opened(Path(directory) / "data")
        store = loop.run(opening.__aenter__())
        try:
            rows = apsw.Connection(str(Path(directory) / "yardstick.sqlite"))
            yield {step.name: step for step in _steps(loop, store, rows)}
            rows.close()
        finally:
            loop.run(opening.__aexit__(None, None, None))


def _steps(loop: asyncio.Runner, store: Store, rows: apsw.Connection) -> Iterator[Step]:
    bucket = loop.run(make_bucket(store))

    async def fill() -> None:
        keys = [b"photos/2024/%05d.jpg" % number for number in range(LISTED)]
        await asyncio.gather(*(put(store, bucket, k, BODY, attributes=ATTRIBUTES) for k in keys))

    loop.run(fill())
    yardstick = _Rows(rows)
    yield Step("parse head", parse_head, 100, interpreter, 4)
    yield Step("verify", _verify(), 40, interpreter, 4)
    yield Step("point read", _point_read(store, bucket), 300, yardstick.points, 2)
    yield Step("list page", _list_page(store, bucket), 5, yardstick.page, 10)
    batch = _Batch(loop, store, bucket)
    yield Step("commit batch", batch.commit, 2, yardstick.commit, 4, before=batch.stage)
    yield Step("hash 1 MiB", _hash_mebibyte(loop, store, bucket), 3, hashing, 3)


# --- yardsticks ----------------------------------------------------------------------------------


def interpreter() -> int:
    """Plain Python: calls, strings and dicts, as parsing has them."""
    seen: dict[str, int] = {}
    for number in range(300):
        name, _, value = f"x-amz-{number % 40}: {number}".partition(": ")
        seen[name.lower()] = seen.get(name, 0) + int(value)
        parse_qsl(f"a={number}")
    return sum(sorted(seen.values()))


def hashing() -> bytes:
    """The two digests every object needs, as fast as the library makes them."""
    return hashlib.md5(MEBIBYTE).digest() + hashlib.sha256(MEBIBYTE).digest()


class _Rows:
    """Plain SQLite with rows as long as an entry's."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self._number = count(LISTED)
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = OFF")
        db.execute(
            "CREATE TABLE row (key BLOB PRIMARY KEY, etag TEXT, size INTEGER, said BLOB, body BLOB)"
            " WITHOUT ROWID"
        )
        db.execute("CREATE TABLE body (id INTEGER PRIMARY KEY, bytes BLOB)")
        with db:
            db.executemany("INSERT INTO row VALUES (?, ?, 4096, x'01', x'02')", self._new(LISTED))

    def _new(self, rows: int) -> list[tuple[bytes, str]]:
        return [(b"photos/%08d" % next(self._number), "0" * 32) for _ in range(rows)]

    def points(self) -> None:
        for number in range(LISTED, LISTED + 100):
            select = "SELECT key, etag, size, said, body FROM row WHERE key = ?"
            self._db.execute(select, (b"photos/%08d" % number,)).fetchone()

    def page(self) -> None:
        select = "SELECT key, etag, size, said, body FROM row ORDER BY key LIMIT 1000"
        self._db.execute(select).fetchall()

    def commit(self) -> None:
        with self._db:
            for row in self._new(BATCH):
                self._db.execute("INSERT INTO row VALUES (?, ?, 4096, x'01', x'02')", row)
                self._db.execute("INSERT INTO body (bytes) VALUES (?)", (BODY,))


# --- steps ---------------------------------------------------------------------------------------


def parse_head() -> object:
    """From the head of a request to the input of its operation."""
    got = asked(
        "GET /bucket/photos/2024/00001.jpg?versionId=null",
        ("user-agent", "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux md/arch#x86_64"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("range", "bytes=0-99"),
        ("authorization", "AWS4-HMAC-SHA256 Credential=KEY"),
    )
    return wire.parse(find(got, OPERATIONS).input, got)


def _verify() -> Work:
    url = "http://gw.test/bucket/photos/2024/00001.jpg?versionId=null"
    signed, config, keys = resend(sign(url=url)), Config(), Table()
    return lambda: verify(signed, keys, config, NOW)


def _point_read(store: Store, bucket: Bucket) -> Work:
    def read() -> bytes:
        entry = store.entry(bucket, b"photos/2024/00500.jpg")
        return store.open(entry, 0, entry.size)

    return read


def _list_page(store: Store, bucket: Bucket) -> Work:
    ask = ListObjectsV2Input(bucket=bucket.name, encoding_type=EncodingType.URL)
    call = SimpleNamespace(store=store, bucket=bucket)

    def page() -> object:
        try:
            list_objects_v2(call, ask).send(None)
        except StopIteration as done:
            return wire.render(done.value, status=200)
        raise AssertionError("a listing waits for nothing")

    return page


class _Batch:
    """Small objects whose bytes are there, to be committed at once.

    Their hashes are left out: while one is made, the committer may begin with those before it.
    """

    def __init__(self, loop: asyncio.Runner, store: Store, bucket: Bucket) -> None:
        self._loop, self._store, self._bucket = loop, store, bucket
        self._number = count()
        self._staged: list[list[Staged]] = []

    def stage(self) -> None:
        self._staged.append(self._loop.run(self._stage()))

    async def _stage(self) -> list[Staged]:
        profile = self._bucket.profile
        return [await self._store.stage(Bytes(BODY), profile=profile) for _ in range(BATCH)]

    def commit(self) -> None:
        self._loop.run(self._commit(self._staged.pop()))

    async def _commit(self, staged: list[Staged]) -> None:
        said = {"owner": "OWNER", "attributes": ATTRIBUTES}
        keys = [b"batch/%08d" % next(self._number) for _ in staged]
        puts = zip(keys, staged, strict=True)
        await asyncio.gather(*(self._store.put(self._bucket, *each, **said) for each in puts))


def _hash_mebibyte(loop: asyncio.Runner, store: Store, bucket: Bucket) -> Work:
    async def take() -> None:
        store.discard(await store.stage(Bytes(MEBIBYTE), profile=bucket.profile))

    return lambda: loop.run(take())
