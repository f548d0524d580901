"""PageCache: whether what is written may stay in memory. It may where memory costs next to nothing.

A virtual machine that gives free memory back to its host pays for every page it takes up again, ten
times what copying to it costs. There, large writes go through a few pages that are freed once they
are on disk, so that the next write finds them warm; elsewhere all of it stays readable from memory.
"""

LEAST_BYTES = 1 << 20
"""Smaller writes always stay: they are what is read again soon, and tell little of the price."""

_DEAR_NS_PER_BYTE = 0.7  # CPU; 0.1 to 0.2 with pages at hand, 1.5 to 2.2 where the host is asked
_DEAR_IN_A_ROW = 2
_CHEAP_IN_A_ROW = 256
_SHORTEST, _LONGEST = 128, 8192


class PageCache:
    """Tries it, and for some time no more where it was dear: the longer the more often it was.

    What is lost when two threads meet in it is one guess, so it needs no lock.
    """

    def __init__(self) -> None:
        self._dear = 0
        self._cheap = 0
        self._pause = _SHORTEST
        self._left = 0

    def admits(self, length: int) -> bool:
        """Whether the next write, of ``length`` bytes, should stay. ``charge`` one that did."""
        if length < LEAST_BYTES or not self._left:
            return True
        self._left -= 1
        return False

    def charge(self, length: int, nanoseconds: int) -> None:
        """A write that was admitted has cost so much CPU time."""
        if length < LEAST_BYTES:
            return
        if nanoseconds <= length * _DEAR_NS_PER_BYTE:
            self._dear = 0
            self._cheap += 1
            if self._cheap == _CHEAP_IN_A_ROW:
                self._pause = _SHORTEST
            return
        self._cheap = 0
        self._dear += 1
        if self._dear >= _DEAR_IN_A_ROW:  # one alone may be a neighbour of this machine
            self._dear = 0
            self._left = self._pause
            self._pause = min(2 * self._pause, _LONGEST)
