"""What the clients of ``linearizability`` do and see: keys of registers, and sets of keys.

Every answer is looked at when it comes: its bytes must be all those of one PUT. What it says about
time and order is written down, and judged when the run is over.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import md5, shake_128
from random import Random

from bench.signing import Presigner
from tests.torture import wire
from tests.torture.register import Answer, Op, Verb

BUCKETS = ("plain", "versioned", "encrypted")
"""What keeps versions and what encrypts answers by other ways, and the same."""
PATIENCE_SECONDS = 1.0
"""After this a client gives up: what it asked is unknown, and it goes on."""
PRESIGNED = 0.5
"""So many GETs are by a presigned URL, the same for all clients: byte for byte the same heads."""
_LISTED = re.compile(rb"<Key>([^<]*)</Key>.*?<ETag>&quot;([^<]*)&quot;</ETag>")
_STATUSES = {404: Answer.MISSING, 412: Answer.FAILED}
_VERBS = ([Verb.GET] * 8 + [Verb.PUT] * 5 + [Verb.PUT_IF_ABSENT] * 3 + [Verb.PUT_IF_MATCH] * 2) + [
    Verb.DELETE
] * 2


class Values:
    """Bodies by number, no two alike; most are inline, some are in segments."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._numbers: dict[str, int] = {}

    def new(self) -> tuple[int, bytes]:
        number = len(self._numbers) + 1
        body = self._body(number)
        self._numbers[md5(body).hexdigest()] = number
        return number, body

    def etag(self, number: int) -> str:
        return md5(self._body(number)).hexdigest()

    def number(self, etag: str) -> int:
        """0, which nobody wrote, when there is no such body."""
        return self._numbers.get(etag, 0)

    def is_body(self, number: int, body: bytes) -> bool:
        return number > 0 and body == self._body(number)

    def _body(self, number: int) -> bytes:
        size = Random(number).choice([40, 400, 2_000, 4_000, 9_000, 40_000])
        return shake_128(f"{self._seed}/{number}".encode()).digest(size)


@dataclass
class Seen:
    """What came of a run, beside the histories."""

    asked: int = 0
    unknown: int = 0
    violations: list[str] = field(default_factory=list)


@dataclass
class Register:
    """One key under test."""

    bucket: str
    key: str
    history: list[Op] = field(default_factory=list)
    last: int | None = None
    """A value that some client saw a moment ago: what If-Match is tried with."""


class Client:
    """Asks one thing after the other, each on one of two connections, as a pool would."""

    def __init__(
        self,
        signer: wire.Signer,
        presigner: Presigner,
        values: Values,
        seen: Seen,
        rng: Random,
        asked: Callable[[], None],
    ) -> None:
        """``asked`` is called after each answer."""
        self._signer = signer
        self._presigner = presigner
        self._values = values
        self._seen = seen
        self._rng = rng
        self._asked = asked
        self._connections = [wire.Client(), wire.Client()]

    def close(self) -> None:
        for each in self._connections:
            each.close()

    async def work(self, register: Register, count: int) -> None:
        for _ in range(count):
            verb = self._rng.choice(_VERBS)
            await (self.read(register) if verb is Verb.GET else self._write(register, verb))

    async def _ask(self, head: bytes, body: bytes = b"") -> wire.Answer | None:
        """``None``: unknown."""
        self._seen.asked += 1
        try:
            connection = self._rng.choice(self._connections)
            reply = await connection.send(self._signer, head, body, seconds=PATIENCE_SECONDS)
        except (wire.Lost, TimeoutError):
            reply = None
        if reply is None or reply.status >= 500:
            self._seen.unknown += 1
            reply = None
        self._asked()
        return reply

    # --- registers -----------------------------------------------------------------------------

    async def read(self, register: Register) -> None:
        """By GET, HEAD or a listing, which all must tell the same."""
        how = self._rng.choice(["GET", "GET", "GET", "HEAD", "LIST"])
        presigned = how == "GET" and self._rng.random() < PRESIGNED
        path, query = f"/{register.bucket}/{register.key}", {}
        if how == "LIST":
            path, query = f"/{register.bucket}", {"list-type": "2", "prefix": register.key}
        if presigned:
            head = self._presigner.wire(how, path)
        else:
            head = self._signer.head("HEAD" if how == "HEAD" else "GET", path, query, {}, 0)
        invoked = time.monotonic_ns()
        reply = await self._ask(head)
        if reply is None:
            return
        returned = time.monotonic_ns()
        value = self._value(how, reply)
        register.last = value
        register.history.append(Op(Verb.GET, invoked, returned, value=value))
        if how == "GET" and value is not None and not self._values.is_body(value, reply.body):
            self._seen.violations.append(f"{register.key}: the bytes of {value} are others")

    def _value(self, how: str, reply: wire.Answer) -> int | None:
        if how == "LIST":
            listed = _LISTED.findall(reply.body)
            return self._values.number(listed[0][1].decode()) if listed else None
        return None if reply.status == 404 else self._values.number(reply.header("etag").strip('"'))

    async def _write(self, register: Register, verb: Verb) -> None:
        path = f"/{register.bucket}/{register.key}"
        value, body, match = None, b"", None
        if verb is Verb.DELETE:
            head = self._signer.head("DELETE", path, {}, {}, 0)
        else:
            value, body = self._values.new()
            conditions: dict[str, str] = {}
            if verb is Verb.PUT_IF_ABSENT:
                conditions["if-none-match"] = "*"
            elif verb is Verb.PUT_IF_MATCH:
                match = register.last or value
                conditions["if-match"] = f'"{self._values.etag(match)}"'
            head = self._signer.head("PUT", path, {}, conditions, len(body))
        invoked = time.monotonic_ns()
        reply = await self._ask(head, body)
        returned = time.monotonic_ns()
        if reply is None:
            register.history.append(
                Op(verb, invoked, answer=Answer.UNKNOWN, value=value, match=match)
            )
        elif reply.status != 409:
            answer = _STATUSES.get(reply.status, Answer.DONE)
            register.history.append(Op(verb, invoked, returned, answer, value, match))
            if answer is Answer.DONE:
                register.last = value
            if reply.status not in (200, 204, 404, 412):
                self._seen.violations.append(f"{register.key}: {verb} answered {reply.status}")

    # --- a set of keys -------------------------------------------------------------------------

    async def fill(self, keys: "Keys", count: int) -> None:
        for _ in range(count):
            await self._rng.choice([self._add, self._add, self._remove, self.list])(keys)

    async def _add(self, keys: "Keys") -> None:
        key = keys.new()
        _, body = self._values.new()
        head = self._signer.head("PUT", f"/{keys.bucket}/{key}", {}, {}, len(body))
        at = keys.added[key] = _Time(time.monotonic_ns())
        if await self._ask(head, body) is not None:
            at.returned = time.monotonic_ns()

    async def _remove(self, keys: "Keys") -> None:
        left = [key for key in keys.added if key not in keys.removed]
        if not left:
            return
        key = self._rng.choice(left)
        head = self._signer.head("DELETE", f"/{keys.bucket}/{key}", {}, {}, 0)
        at = keys.removed[key] = _Time(time.monotonic_ns())
        if await self._ask(head) is not None:
            at.returned = time.monotonic_ns()

    async def list(self, keys: "Keys") -> None:
        query = {"list-type": "2", "prefix": keys.prefix}
        head = self._signer.head("GET", f"/{keys.bucket}", query, {}, 0)
        at = _Time(time.monotonic_ns())
        reply = await self._ask(head)
        if reply is not None:
            at.returned = time.monotonic_ns()
            found = [key.decode() for key, _ in _LISTED.findall(reply.body)]
            self._seen.violations += keys.wrong(at, found)


@dataclass
class _Time:
    invoked: int
    returned: int | None = None
    """``None``: not yet, or never."""


@dataclass
class Keys:
    """A set of keys, each added once and removed at most once."""

    bucket: str
    prefix: str
    added: dict[str, _Time] = field(default_factory=dict)
    removed: dict[str, _Time] = field(default_factory=dict)

    def new(self) -> str:
        return f"{self.prefix}{len(self.added):06d}"

    def wrong(self, at: _Time, found: list[str]) -> list[str]:
        """Of a listing that has just been answered; what is asked later cannot be in it."""
        there = set(found)
        wrong = [f"{key} is listed and was never put" for key in there - self.added.keys()]
        if found != sorted(there):
            wrong.append(f"{self.prefix} is not listed in order, each key once")
        for key, added in self.added.items():
            removed = self.removed.get(key)
            if key not in there and removed is None and _over(added, at):
                wrong.append(f"{key} is not listed, after its PUT")
            if (
                key in there
                and removed is not None
                and _over(removed, at)
                and _over(added, removed)
            ):
                wrong.append(f"{key} is listed, after its DELETE")
        return wrong


def _over(before: _Time, after: _Time) -> bool:
    return before.returned is not None and before.returned < after.invoked
