"""Target: a part of the product that reads what strangers write, and what must hold of it."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from gateway.errors import S3Error

CORPUS = Path(__file__).parent.parent / "corpus"

T = TypeVar("T")


class Broken(AssertionError):
    """Something that must hold of every input does not hold of this one."""


def must(holds: object, text: str, *values: object) -> None:
    """Raises ``Broken``."""
    if not holds:
        raise Broken(f"{text}: {values!r}")


@dataclass(frozen=True)
class Target:
    """One of them."""

    name: str
    run: Callable[[bytes], object]
    """Reads one input. What it returns tells kinds of inputs apart, so there must be few of it.

    Raises ``Broken``, or one of ``refusals``; anything else is a defect.
    """
    words: tuple[bytes, ...]
    """What inputs are made of, for the mutator."""
    refusals: tuple[type[Exception], ...] = (S3Error,)
    seeds: Callable[[], Iterable[bytes]] = tuple
    """Inputs beside those of the corpus: what has to be computed, as signatures."""
    most: int = 4096
    """Bytes of the longest input."""

    def corpus(self) -> list[bytes]:
        files = sorted((CORPUS / self.name).glob("*"))
        return [*self.seeds(), *(file.read_bytes() for file in files)]


class Waits(Exception):
    """A coroutine that should have had all it needs waits for something."""


def finished(running: Coroutine[Any, Any, T]) -> T:
    """What a coroutine comes to that has nothing to wait for; without a loop."""
    try:
        running.send(None)
    except StopIteration as done:
        return done.value  # type: ignore[no-any-return]
    running.close()
    raise Waits


class Pieces:
    """A raw body in the given pieces."""

    def __init__(self, *pieces: bytes) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> Any:
        for piece in self._pieces:
            yield piece


def loop() -> asyncio.AbstractEventLoop:
    """One that never runs: for what only wants to hold it."""
    return _LOOP


_LOOP = asyncio.new_event_loop()
_LOOP.close()
