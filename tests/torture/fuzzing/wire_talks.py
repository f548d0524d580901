"""Talks: connections on which requests are sent, some in a row, and what comes back is judged."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.torture.fuzzing.wire_requests import Asked, Requests

PATIENCE_SECONDS = 2.0
BROKEN_SECONDS = 0.03
"""What is not HTTP may have no answer: so long one is waited for."""
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CODE = re.compile(rb"<Code>(\w+)</Code>")
DECLARED = frozenset({(501, b"NotImplemented"), (503, b"SlowDown")})
"""Answers of the 5xx kind that are meant."""


class Incomplete(Exception):
    """There is more to come."""


class NoHttp(Exception):
    """What came is no answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    head: bytes
    body: bytes
    closes: bool


def answer(data: bytes, method: str) -> tuple[Answer, bytes]:
    """The first answer in ``data`` and what is behind it. Raises ``Incomplete``."""
    head, found, rest = data.partition(b"\r\n\r\n")
    if not found:
        raise Incomplete
    if not head.startswith(b"HTTP/"):
        raise NoHttp(data[:200])
    status = int(head[9:12])
    if status < 200:
        return answer(rest, method)
    low = head.lower()
    closes = b"\r\nconnection: close" in low
    if method == "HEAD" or status in (204, 304):
        return Answer(status, head, b"", closes), rest
    if b"\r\ntransfer-encoding: chunked" in low:
        end = rest.find(b"0\r\n\r\n")  # of documents, which have no such line
        if end < 0:
            raise Incomplete
        return Answer(status, head, rest[:end], closes), rest[end + 5 :]
    length = _LENGTH.search(head)
    size = int(length[1]) if length else 0
    if len(rest) < size:
        raise Incomplete
    return Answer(status, head, rest[:size], closes), rest[size:]


@dataclass
class Heard:
    """What came of many talks."""

    statuses: Counter[int] = field(default_factory=Counter)
    sent: int = 0
    violations: list[str] = field(default_factory=list)
    late: list[Sequence[Asked]] = field(default_factory=list)
    """Talks without all answers in time; it may have been the machine."""

    learn: Callable[[bytes], object] = lambda _: None
    """Is told what came back, for requests to come."""

    def judge(self, asked: Asked, found: Answer) -> None:
        self.statuses[found.status] += 1
        self.learn(found.head + found.body)
        if found.status < 500:
            return
        code = _CODE.search(found.body)
        declared = (found.status, code[1] if code else b"") in DECLARED
        if not declared and not (found.status == 501 and asked.method == "HEAD"):
            self.violate(f"{found.status} {code and code[1]!r}", asked)

    def violate(self, text: str, asked: Asked) -> None:
        if len(self.violations) < 50:
            self.violations.append(f"{text} for {asked.wire[:1500]!r}")


async def talk(host: str, port: int, asked: Sequence[Asked], heard: Heard) -> list[Answer]:
    """Send all of them at once; read as many answers, or until the server closes."""
    answers: list[Answer] = []
    try:
        reader, writer = await asyncio.open_connection(host, port, limit=1 << 24)
    except OSError as error:
        heard.violate(f"no connection: {error}", asked[0])
        return answers
    try:
        writer.write(b"".join([each.wire for each in asked]))
        whole = all(each.whole for each in asked)
        async with asyncio.timeout(PATIENCE_SECONDS if whole else BROKEN_SECONDS):
            await _answers(reader, asked, answers, heard)
    except TimeoutError:
        if whole:
            heard.late.append(asked)
    except NoHttp as error:
        heard.violate(f"no answer of HTTP: {error}", asked[0])
    except ConnectionError:
        pass  # it had enough, and we were still sending
    finally:
        writer.transport.abort()
    return answers


async def _answers(
    reader: asyncio.StreamReader, asked: Sequence[Asked], answers: list[Answer], heard: Heard
) -> None:
    data = b""
    for each in asked:
        while True:
            try:
                found, data = answer(data, each.method)
            except Incomplete:
                more = await reader.read(1 << 16)
                if not more:
                    if each.whole and not answers:
                        heard.violate("no answer", each)
                    return
                data += more
                continue
            break
        answers.append(found)
        heard.judge(each, found)
        if found.closes:
            return
        if not each.whole:
            return


async def storm(host: str, port: int, requests: Requests, inputs: int, connections: int) -> Heard:
    """``inputs`` requests over so many connections at a time, up to four on each."""
    heard = Heard(learn=requests.learn)
    following = requests.next

    async def one() -> None:
        while heard.sent < inputs and len(heard.violations) < 20:
            asked = [following()]
            while asked[-1].whole and len(asked) < 1 + heard.sent % 4:
                asked.append(following())
            heard.sent += len(asked)
            await talk(host, port, asked, heard)

    await asyncio.gather(*(one() for _ in range(connections)))
    return heard


async def again(host: str, port: int, heard: Heard) -> None:
    """What was late is sent once more, with the machine to itself: now it must be in time."""
    late, heard.late = heard.late[:20], []
    for asked in late:
        for each in asked:
            await talk(host, port, [each], heard)
            if heard.late:
                heard.late.clear()
                heard.violate(f"no answer in {PATIENCE_SECONDS} s", each)


_DIFFERENT = re.compile(
    rb"(<LastModified>|<ServerTime>|<RequestId>|<HostId>|\r\nDate: |\r\nx-amz-request-id: "
    rb"|\r\nx-amz-id-2: |RequestId: |HostId: )[^\r<]*"
)


async def lanes(host: str, port: int, requests: Requests, inputs: int) -> Heard:
    """Reads, alone (the fast lane takes them) and before another (the general lane does)."""
    heard = Heard()
    while heard.sent < inputs and len(heard.violations) < 20:
        asked = requests.next()
        if asked.method not in ("GET", "HEAD") or not asked.whole:
            continue
        heard.sent += 1
        alone = await talk(host, port, [asked], heard)
        pair = await talk(host, port, [asked, asked], heard)
        if alone and pair and _steady(alone[0]) != _steady(pair[0]):
            heard.violate(f"two answers: {alone[0]} {pair[0]}"[:2000], asked)
    return heard


def _steady(found: Answer) -> tuple[int, bytes, bytes]:
    return (
        found.status,
        _DIFFERENT.sub(rb"\1", found.head + b"\r\n"),
        _DIFFERENT.sub(rb"\1", found.body),
    )
