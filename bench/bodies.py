"""Bodies that are random, differ from one another, and need not be kept to be checked later.

Body ``n`` is a window of one random file, moved by 61 bytes for each number: no block of one is
a block of another, so that a store which keeps equal bytes once has no advantage.
"""

import mmap
import os
from hashlib import sha256
from pathlib import Path

STEP = 61
SPAN = (1 << 20) - 3  # prime to STEP: the first million windows all differ
POOL_BYTES = (64 << 20) + SPAN


def fill(path: Path) -> None:
    """Make the random file, once for a run."""
    path.write_bytes(os.urandom(POOL_BYTES))


class Bodies:
    """The windows of the file at ``path``."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))

    @staticmethod
    def offset(number: int) -> int:
        return number * STEP % SPAN

    def body(self, number: int, size: int) -> memoryview:
        """At most 64 MiB."""
        begin = self.offset(number)
        return self._view[begin : begin + size]

    def digest(self, number: int, size: int) -> str:
        return sha256(self.body(number, size)).hexdigest()
