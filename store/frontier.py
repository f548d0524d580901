"""Frontier: up to where a segment is handed out. Arithmetic only; the caller locks.

Ranges start on a page, so that the space of one can be freed without its neighbours.
"""

PAGE_BYTES = 4096


def page_up(length: int) -> int:
    """The bytes of the pages that ``length`` bytes take."""
    return -(-length // PAGE_BYTES) * PAGE_BYTES


class Frontier:
    """Hands out ranges in order up to ``limit``, and again those given back at the end."""

    def __init__(self, position: int, limit: int) -> None:
        self._position = page_up(position)
        self._limit = limit
        self._free: dict[int, int] = {}  # end to start of what was given back below the position

    def take(self, length: int) -> int | None:
        """The offset of ``length`` bytes, or ``None`` when they do not fit."""
        if self._position + length > self._limit:
            return None
        offset = self._position
        self._position += page_up(length)
        return offset

    def give_back(self, offset: int, length: int, used: int) -> None:
        """Of a range taken before, all but ``used`` bytes may be handed out again."""
        start, end = offset + page_up(used), offset + page_up(length)
        if start < end:
            self._free[end] = start
        while self._position in self._free:
            self._position = self._free.pop(self._position)
