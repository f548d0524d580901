"""Filling: the bytes of a body put where they are wanted, instead of handed over in pieces.

A body that can do it saves a copy or two of every byte; one that cannot is poured.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, runtime_checkable

from store.digests import Buffer, Hasher

Fill = Callable[[memoryview], Awaitable[int]]
"""Puts the next bytes of a body into the view and says how many: fewer than fit only at the end,
none after it. Raises as iterating over the body does. Cancelled, it has let go of the view."""

TakeWhole = Callable[[int], bytes | None]
"""``whole`` of a body that may be there already: all of it, instead of iterating over it. ``None``:
it is not all there, or more than so many bytes, and must be iterated over."""

_PEEK_BYTES = 4096


@runtime_checkable
class Filling(Protocol):
    """A ``Body`` that can be iterated over for its first pieces and then asked to ``fill``."""

    @property
    def witness(self) -> Hasher | None:
        """Must see all bytes that ``fill`` gave, in order, in any thread, before ``verify``.

        Its ``update`` raises when they are not what they should be.
        """

    async def fill(self, into: memoryview) -> int: ...


class After:
    """A hasher that is not told the first bytes."""

    def __init__(self, hasher: Hasher, skip: int) -> None:
        self._hasher = hasher
        self._skip = skip

    def update(self, data: Buffer, /) -> None:
        skipped = min(self._skip, len(data))
        self._skip -= skipped
        with memoryview(data) as view:
            self._hasher.update(view[skipped:])

    def digest(self) -> bytes:
        return self._hasher.digest()


class Source:
    """What has come of a body already, then what is still to come."""

    def __init__(self, head: Buffer, fill: Fill, witness: Hasher | None = None) -> None:
        """``witness`` is that of what is still to come."""
        self.witness = After(witness, len(head)) if witness is not None else None
        self._head = memoryview(head)
        self._fill = fill

    async def fill(self, into: memoryview) -> int:
        """A ``Fill``."""
        count = min(len(self._head), len(into))
        into[:count] = self._head[:count]
        self._head = self._head[count:]
        return count if count == len(into) else count + await self._fill(into[count:])

    async def ended(self) -> bool:
        """Whether ``fill`` would give nothing; waits for the next bytes to know."""
        if not self._head:
            peek = memoryview(bytearray(_PEEK_BYTES))
            self._head = peek[: await self._fill(peek)]
        return not self._head


def poured(pieces: AsyncIterator[Buffer]) -> Fill:
    """The rest of any body, piece by piece."""
    left = memoryview(b"")

    async def fill(into: memoryview) -> int:
        nonlocal left
        filled = 0
        while filled < len(into):
            if not left:
                piece = await anext(pieces, None)
                if piece is None:
                    break
                left = memoryview(piece)
            count = min(len(left), len(into) - filled)
            into[filled : filled + count] = left[:count]
            left = left[count:]
            filled += count
        return filled

    return fill
