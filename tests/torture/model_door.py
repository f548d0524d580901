"""The gateway in this process: signed requests down its whole pipeline, without a socket."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import uvloop
from lxml import etree

from gateway.config import Config
from gateway.fast_lane import SmallBody
from gateway.head import Head
from gateway.serve import Gateway, serve
from keys.access_key import AccessKey
from keys.table import Table
from store.prepare import prepare
from store.store import Outgoing, Settings, Store
from tests.torture.model_world import NOBODY

REGION = "us-east-1"
HOST = "localhost"
SETTINGS = Settings(durability="none", collect_seconds=1e6, journal_bytes=1 << 40)
"""Nothing happens by itself."""
USERS = ("A", "B")
ANONYMOUS = "65a011a29cdf8ec533ec3d1ccaae921c"
"""What AWS shows as the owner of what nobody in particular wrote."""
EMPTY = hashlib.sha256(b"").hexdigest()


class Clock:
    """Milliseconds since the epoch; it stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000

    def __call__(self) -> int:
        return self.now

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now / 1000, UTC)


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @cached_property
    def document(self) -> etree._Element:
        return etree.fromstring(self.body)

    @property
    def code(self) -> str:
        """Of a refusal; empty where HTTP has no body to say it."""
        return self.text("Code") if self.body and self.status >= 300 else ""

    def text(self, name: str) -> str:
        """Of the first element of this name; empty without one."""
        return text(self.document, name)

    def all(self, name: str) -> list[etree._Element]:
        """The elements of this name directly under the root."""
        return [each for each in self.document if local(each) == name]


def local(element: etree._Element) -> str:
    return str(element.tag).rpartition("}")[2]


def text(element: etree._Element, name: str) -> str:
    found = element.find(f"{{*}}{name}")
    return "" if found is None else found.text or ""


class Door:
    """A gateway on a directory, with two users and nobody; the clock is the caller's."""

    def __init__(
        self,
        directory: Path,
        users: dict[str, AccessKey] | None = None,
        settings: Settings = SETTINGS,
        **rows: Any,
    ) -> None:
        """``rows``: of Config."""
        self.directory = directory
        self.clock = Clock()
        config = Config(
            data_dir=directory,
            default_bucket_acl="private",
            default_object_acl="private",
            durability="none",
            **rows,
        )
        self._prepared = prepare(directory, settings)
        self.keys = Table(directory)
        self._users = users or {name: self.keys.generate() for name in USERS}
        ids = {name: each.key for name, each in self._users.items()}
        self._names = {_canonical(id): name for name, id in ids.items()} | {ANONYMOUS: NOBODY}
        self._loop = uvloop.new_event_loop()
        self.store = Store(directory, settings, clock=self.clock)
        self._loop.run_until_complete(self.store.start())
        self._gateway = Gateway(config, self.store, self.keys, self.clock.moment)

    @property
    def users(self) -> dict[str, AccessKey]:
        """By the model's names."""
        return self._users

    def canonical(self, user: str) -> str:
        """The id by which ACLs call a user."""
        return _canonical(self._users[user].key)

    def whose(self, canonical: str) -> str:
        """The reverse; what is nobody's of these comes back as it is."""
        return self._names.get(canonical, canonical)

    def close(self) -> None:
        self._loop.run_until_complete(self.store.close())
        self._loop.close()
        self.keys.close()
        self._prepared.close()

    def collect(self) -> None:
        """Give back space, and forget old uploads."""
        self._loop.run_until_complete(self.store.collect())

    def ask(
        self,
        who: str,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        sha256: str = "",
    ) -> Answer:
        """``path`` is not encoded yet. ``sha256``: of the body, if it is known."""
        path = quote(path, safe="/-._~")
        pairs = sorted(
            (quote(k, safe="-._~"), quote(v, safe="-._~")) for k, v in (query or {}).items()
        )
        asked = "&".join(f"{name}={value}" for name, value in pairs)
        fields = {"host": HOST, **(headers or {})}
        if who != NOBODY:
            fields["x-amz-content-sha256"] = sha256 or (
                hashlib.sha256(body).hexdigest() if body else EMPTY
            )
            fields["x-amz-date"] = self.clock.moment().strftime("%Y%m%dT%H%M%SZ")
            fields["authorization"] = self._signature(who, method, path, asked, fields)
        if body or method in ("PUT", "POST"):
            fields["content-length"] = str(len(body))
        target = f"{path}?{asked}" if asked else path
        head = Head(method, target, list(fields.items()), secure=False, peer="127.0.0.1")
        return self._loop.run_until_complete(self._answer(head, body))

    async def _answer(self, head: Head, body: bytes) -> Answer:
        response, _ = await serve(self._gateway, head, SmallBody(body))
        content = response.body
        if not isinstance(content, bytes):
            try:
                content = b"".join([bytes(piece) async for piece in content])
            finally:
                if isinstance(response.body, Outgoing):
                    response.body.close()
        fields = {name.lower(): value for name, value in response.headers}
        return Answer(response.status, fields, content)

    def _signature(
        self, who: str, method: str, path: str, query: str, fields: Mapping[str, str]
    ) -> str:
        """https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html"""
        user = self._users[who]
        stamp = fields["x-amz-date"]
        names = sorted(fields)
        lines = "".join(f"{name}:{fields[name]}\n" for name in names)
        signed = ";".join(names)
        canonical = (
            f"{method}\n{path}\n{query}\n{lines}\n{signed}\n{fields['x-amz-content-sha256']}"
        )
        scope = f"{stamp[:8]}/{REGION}/s3/aws4_request"
        digest = hashlib.sha256(canonical.encode("latin-1")).hexdigest()
        secret = _signing_key(user.secret, stamp[:8])
        told = hmac.digest(
            secret, f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{digest}".encode(), "sha256"
        )
        return (
            f"AWS4-HMAC-SHA256 Credential={user.key}/{scope},SignedHeaders={signed},"
            f"Signature={told.hex()}"
        )


def _canonical(id: str) -> str:
    return hashlib.sha256(id.encode()).hexdigest()


@lru_cache(maxsize=1024)
def _signing_key(secret: str, day: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (day, REGION, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    return key
