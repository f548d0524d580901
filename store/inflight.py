"""InFlight: bytes in a segment that have no name yet, so that it is not taken from under them.

A segment that is full is sealed only when all that was on its way when it filled up has been named
or given back; until then the collector must not unlink it, empty as it may look in the database.
"""

import threading
from collections.abc import Callable

from store.records import Staged


class InFlight:
    """``seal`` is called with a segment's number once nothing can be named in it any more."""

    def __init__(self, seal: Callable[[int], None]) -> None:
        self._seal = seal
        self._lock = threading.Lock()
        self._next = 0
        self._running: set[int] = set()
        self._held: dict[tuple[int, int], int] = {}
        self._full: dict[int, set[int]] = {}

    def begin(self) -> int:
        """A body begins to come in."""
        with self._lock:
            self._next += 1
            self._running.add(self._next)
            return self._next

    def hold(self, token: int, staged: Staged) -> None:
        """It is in; from now on it is known by its bytes. ``staged`` has extents."""
        with self._lock:
            self._held[_place(staged)] = token

    def release(self, staged: Staged) -> int | None:
        """Its token, once; ``None`` when it was named or given back before, or has no extents."""
        if not staged.extents:
            return None
        with self._lock:
            return self._held.pop(_place(staged), None)

    def end(self, token: int) -> None:
        """It has been submitted or given back."""
        with self._lock:
            self._running.discard(token)
            for waited_for in self._full.values():
                waited_for.discard(token)
            over = [number for number, waited_for in self._full.items() if not waited_for]
            for number in over:
                del self._full[number]
        for number in over:
            self._seal(number)

    def full(self, segment: int) -> None:
        """No byte will be reserved in it from now on."""
        with self._lock:
            if self._running:
                self._full[segment] = set(self._running)
                return
        self._seal(segment)


def _place(staged: Staged) -> tuple[int, int]:
    return staged.extents[0].segment, staged.extents[0].offset
