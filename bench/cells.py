"""The cells of the comparison: what is asked, of which size, by how many at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatch

KIB, MIB = 1 << 10, 1 << 20


@dataclass(frozen=True)
class Cell:
    """``operation`` is PUT, GET, HEAD, DELETE, LIST, DELIMITER (a listing by "/") or MIXED.

    MIXED is 45 % GET, 15 % PUT, 10 % DELETE, 30 % HEAD.
    """

    name: str
    operation: str
    size: int
    connections: int
    tls: bool = False
    beside: int = 0
    """So many connections send 64 MiB PUTs meanwhile; what counts then is the slowest 1 %."""
    in_header: bool = False
    """Signed as SDKs do it. Other requests are presigned URLs, and of those a few come again and
    again, which a server may make use of (ours does: ``gateway.repeats``)."""

    @property
    def unit(self) -> str:
        if self.beside:
            return "ms"
        return "MB/s" if self.size >= MIB else "/s"

    @property
    def fills_memory(self) -> bool:
        """Its bodies are more than what a page cache has at hand: see ``bench.memory``."""
        return self.beside > 0 or (self.operation == "PUT" and self.size >= MIB)

    @property
    def reads(self) -> bool:
        """Needs objects that are there already."""
        return self.operation != "PUT"

    @property
    def fixture(self) -> str:
        """The bucket it works on: shared by all that only read, else its own."""
        if self.writes or self.beside:
            return self.name
        return f"read-{self.size}"

    @property
    def writes(self) -> bool:
        return self.operation in ("PUT", "DELETE", "MIXED")

    def objects(self, most: int) -> int:
        """How many objects are laid down before it runs."""
        if not self.reads:
            return 0
        return min(most, max(4, (4 if self.beside else 40) * MIB // self.size))


def _named(
    operation: str, size_name: str, size: int, *connections: int, tls: bool = False
) -> Iterable[Cell]:
    for count in connections:
        name = f"{operation.lower()}-{size_name}-c{count}{'-tls' if tls else ''}"
        yield Cell(name, operation, size, count, tls)


CELLS: tuple[Cell, ...] = (
    *_named("PUT", "4k", 4 * KIB, 1, 32),
    *_named("GET", "4k", 4 * KIB, 1, 32),
    Cell("get-4k-c32-header", "GET", 4 * KIB, 32, in_header=True),
    *_named("HEAD", "4k", 4 * KIB, 32),
    Cell("head-4k-c32-header", "HEAD", 4 * KIB, 32, in_header=True),
    *_named("LIST", "1000", 4 * KIB, 1, 4),
    *_named("DELIMITER", "1000", 4 * KIB, 4),
    *_named("DELETE", "4k", 4 * KIB, 32),
    *_named("MIXED", "4k", 4 * KIB, 32),
    *_named("MIXED", "256k", 256 * KIB, 16),
    *_named("PUT", "1m", MIB, 8),
    *_named("GET", "1m", MIB, 8),
    *_named("PUT", "64m", 64 * MIB, 1, 4),
    *_named("GET", "64m", 64 * MIB, 1, 4),
    Cell("get-4k-p99-beside", "GET", 4 * KIB, 4, beside=2),
    *_named("PUT", "4k", 4 * KIB, 32, tls=True),
    *_named("GET", "4k", 4 * KIB, 32, tls=True),
    *_named("PUT", "64m", 64 * MIB, 1, tls=True),
    *_named("GET", "64m", 64 * MIB, 1, tls=True),
)


def chosen(patterns: str) -> tuple[Cell, ...]:
    """Cells one of the comma-separated patterns matches: ``get-*,put-4k-c1``.

    Raises ``ValueError`` for a pattern that matches none.
    """
    wanted = patterns.split(",")
    for pattern in wanted:
        if not any(fnmatch(cell.name, pattern) for cell in CELLS):
            raise ValueError(f"no cell {pattern!r}; there are {', '.join(c.name for c in CELLS)}")
    return tuple(cell for cell in CELLS if any(fnmatch(cell.name, pattern) for pattern in wanted))
