"""A lane in a bucket without versions: put, overwrite, copy, multipart, delete, broken uploads."""

import re

from tests.torture.lanes import BUCKET, PART_BYTES, Lane, Live, Value
from tests.torture.wire import Lost

KEYS = 8
COLD = 4
"""Objects that were written once, read in each check; all of them at the end."""
BROKEN_SIZES = (300_000, 2_600_000)
"""Half of the second has reached its segment when it breaks off."""

_STEPS = {
    "put": 50,
    "copy": 12,
    "delete": 12,
    "multipart": 12,
    "broken": 6,
    "listed": 8,
}


class PlainLane(Lane):
    """The state of a key is what was acknowledged last and, in doubt, what was not answered."""

    def __init__(self, live: Live, name: str, seed: str) -> None:
        super().__init__(live, name, seed)
        self._keys = [f"{name}/hot/{number}" for number in range(KEYS)]
        self._settled: dict[str, Value | None] = dict.fromkeys(self._keys)
        self._pending: dict[str, Value | None] = {}
        self._cold: list[tuple[str, Value]] = []

    async def step(self) -> None:
        name = self.rng.choices(list(_STEPS), list(_STEPS.values()))[0]
        await getattr(self, f"_{name}")(self.rng.choice(self._keys))
        await self._read(self.rng.choice(self._keys))

    async def check(self, *, whole: bool) -> None:
        for key in self._keys:
            await self._read(key)
        await self._listed("")
        chosen = self._cold if whole else self.rng.sample(self._cold, min(COLD, len(self._cold)))
        for key, value in chosen:
            answer = await self.ask("GET", f"/{BUCKET}/{key}")
            if not self.same(answer, value):
                self.wrong(f"{key} was {value} for long, but is {answer}")
        await self._lay_down()

    # --- writes --------------------------------------------------------------------------------

    async def _write(self, key: str, value: Value | None, what: str, **request: object) -> None:
        self._pending[key] = value
        answer = await self.ask(path=f"/{BUCKET}/{key}", **request)  # type: ignore[arg-type]
        if self.acknowledged(answer, f"{what} {key}"):
            self._settled[key] = self._pending.pop(key)

    async def _put(self, key: str) -> None:
        value = self.value()
        await self._write(key, value, "put", method="PUT", body=value.body)

    async def _delete(self, key: str) -> None:
        await self._write(key, None, "delete", method="DELETE")

    async def _copy(self, key: str) -> None:
        source = self.rng.choice(self._keys)
        value = self._settled[source]
        if value is not None and source != key:
            headers = {"x-amz-copy-source": f"/{BUCKET}/{source}"}
            await self._write(key, value, "copy", method="PUT", headers=headers)

    async def _broken(self, key: str) -> None:
        size = self.rng.choice(BROKEN_SIZES)
        await self.break_off(f"/{BUCKET}/{key}", Value(self.live.token(), size))

    async def _lay_down(self) -> None:
        """One more object that is never written again."""
        key, value = f"{self.name}/cold/{self.live.token()}", self.value()
        answer = await self.ask("PUT", f"/{BUCKET}/{key}", body=value.body)
        if self.acknowledged(answer, f"put {key}"):
            self._cold.append((key, value))

    # --- multipart -----------------------------------------------------------------------------

    async def _multipart(self, key: str) -> None:
        """Parts and completion are repeated until they are answered, however often it is killed."""
        path = f"/{BUCKET}/{key}"
        created = await self.ask("POST", path, {"uploads": ""})
        if not self.acknowledged(created, f"create upload of {key}"):
            return
        found = re.search(rb"<UploadId>(.+?)</UploadId>", created.body)
        assert found, created
        upload = {"uploadId": found[1].decode()}
        large = self.rng.random() < 0.1
        size = self.rng.randint(1, 100_000) + (PART_BYTES if large else 0)
        value = Value(self.live.token(), size)
        body, tags = value.body, []
        for number, at in enumerate(range(0, size, PART_BYTES), 1):
            part = {"partNumber": str(number), **upload}
            answer = await self.until_answered("PUT", path, part, body=body[at : at + PART_BYTES])
            if not self.acknowledged(answer, f"part {number} of {key}"):
                return
            tags.append(answer.header("etag"))
        if self.rng.random() < 0.2:
            await self._abort(path, upload)
        else:
            await self._complete(key, path, upload, value, tags)

    async def _abort(self, path: str, upload: dict[str, str]) -> None:
        answer = await self.until_answered("DELETE", path, upload)
        if answer.status not in (204, 404):  # 404: the one that was not answered did it
            self.wrong(f"abort of {path}: {answer}")
        answer = await self.until_answered("GET", path, upload)
        if answer.status != 404:
            self.wrong(f"parts of an aborted upload of {path}: {answer}")

    async def _complete(
        self, key: str, path: str, upload: dict[str, str], value: Value, tags: list[str]
    ) -> None:
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>"
            for number, tag in enumerate(tags, 1)
        )
        asked = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        self._pending[key] = value
        while True:
            try:
                answer = await self.ask("POST", path, upload, body=asked)
                break
            except Lost:
                self.live.counts["lost"] += 1
                await self._old_or_new(key, value)
        if self.acknowledged(answer, f"complete {key}"):
            self._settled[key] = value
            self._pending.pop(key, None)

    async def _old_or_new(self, key: str, value: Value) -> None:
        while True:
            await self.live.up.wait()
            try:
                await self._read(key)
            except Lost:
                self.live.counts["lost"] += 1
                continue
            if self._settled[key] != value:
                self._pending[key] = value  # completing it again does it
            return

    # --- reads ---------------------------------------------------------------------------------

    async def _read(self, key: str) -> None:
        """Afterwards there is no doubt about it."""
        answer = await self.ask("GET", f"/{BUCKET}/{key}")
        if self.same(answer, self._settled[key]):
            self._pending.pop(key, None)
        elif key in self._pending and self.same(answer, self._pending[key]):
            self._settled[key] = self._pending.pop(key)
        else:
            of = [self._settled[key], *([self._pending[key]] if key in self._pending else [])]
            self.wrong(f"{key} is none of {of}, but {answer.status}, {_told(answer.body)}")

    async def _listed(self, key: str) -> None:
        """``key`` is not of interest. Where nothing is in doubt, the listing is what GETs find."""
        if self._pending:
            return
        query = {"list-type": "2", "prefix": f"{self.name}/hot/"}
        answer = await self.ask("GET", f"/{BUCKET}", query)
        keys = [each.decode() for each in re.findall(rb"<Key>(.+?)</Key>", answer.body)]
        wanted = [each for each in self._keys if self._settled[each] is not None]
        self.live.counts["listings_checked"] += 1
        if answer.status != 200 or keys != wanted:
            self.wrong(f"{wanted} are there, but {keys} are listed ({answer.status})")


def _told(body: bytes) -> str:
    return f"{len(body)} bytes that begin with {body[:16]!r}"
