"""A lane in a bucket with versions: puts, delete markers, and deletions of single versions."""

from typing import NamedTuple

from lxml import etree

from tests.torture.lanes import VERSIONS, Lane, Live, Value

KEYS = 3
MOST = 4
"""Versions of a key, from which on some are deleted for good."""

_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"


class Version(NamedTuple):
    """``value`` is nothing for a delete marker."""

    id: str
    value: Value | None


class VersionedLane(Lane):
    """The state of a key is its versions, newest first."""

    def __init__(self, live: Live, name: str, seed: str) -> None:
        super().__init__(live, name, seed)
        self._settled: dict[str, list[Version]] = {f"{name}/{n}": [] for n in range(KEYS)}
        self._pending: tuple[str, list[Version]] | None = None
        """The key and what it is if the write that was not answered was done; an id is "?"."""

    async def step(self) -> None:
        key = self.rng.choice(list(self._settled))
        there = self._settled[key]
        if len(there) > MOST or (there and self.rng.random() < 0.15):
            await self._drop(key, self.rng.choice(there))
        elif there and self.rng.random() < 0.2:
            await self._write(key, None, "DELETE")
        else:
            await self._write(key, self.value(), "PUT")
        await self._read(key)

    async def check(self, *, whole: bool) -> None:
        for key in self._settled:
            await self._versions_of(key)
            if self.live.violations:
                return
            for version in self._settled[key]:
                if version.value is not None:
                    await self._read(key, version)
            await self._read(key)

    async def _write(self, key: str, value: Value | None, method: str) -> None:
        there = self._settled[key]
        self._pending = key, [Version("?", value), *there]
        body = value.body if value is not None else b""
        answer = await self.ask(method, f"/{VERSIONS}/{key}", body=body)
        if self.acknowledged(answer, f"{method} {key}"):
            self._settled[key] = [Version(answer.header("x-amz-version-id"), value), *there]
            self._pending = None

    async def _drop(self, key: str, version: Version) -> None:
        left = [each for each in self._settled[key] if each != version]
        self._pending = key, left
        answer = await self.ask("DELETE", f"/{VERSIONS}/{key}", {"versionId": version.id})
        if self.acknowledged(answer, f"delete {version} of {key}"):
            self._settled[key] = left
            self._pending = None

    async def _read(self, key: str, version: Version | None = None) -> None:
        there = self._settled[key]
        query = {"versionId": version.id} if version is not None else {}
        wanted = version or (there[0] if there else Version("", None))
        answer = await self.ask("GET", f"/{VERSIONS}/{key}", query)
        if not self.same(answer, wanted.value):
            self.wrong(f"{key} {query} is not {wanted.value}, but {str(answer)[:100]}")

    async def _versions_of(self, key: str) -> None:
        answer = await self.ask("GET", f"/{VERSIONS}", {"versions": "", "prefix": key})
        self.live.counts["listings_checked"] += 1
        if answer.status != 200:
            self.wrong(f"versions of {key}: {answer}")
            return
        found = [
            (each.findtext(f"{_NAMESPACE}VersionId"), each.tag == f"{_NAMESPACE}Version")
            for each in etree.fromstring(answer.body)
            if each.findtext(f"{_NAMESPACE}VersionId")
        ]
        doubt = self._pending[1] if self._pending and self._pending[0] == key else None
        if doubt is not None:
            self._pending = None
        if _is(self._settled[key], found):
            return
        if doubt is not None and _is(doubt, found):
            ids = [id for id, _ in found]
            self._settled[key] = [Version(i, v.value) for i, v in zip(ids, doubt, strict=True)]
            return
        self.wrong(f"{key} has {found}, not {self._settled[key]}, nor {doubt}")


def _is(versions: list[Version], found: list[tuple[str, bool]]) -> bool:
    return len(versions) == len(found) and all(
        each.id in ("?", id) and (each.value is not None) == has_bytes
        for each, (id, has_bytes) in zip(versions, found, strict=True)
    )
