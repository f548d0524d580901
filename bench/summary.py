"""From legs to figures: medians of the legs that count, ratios, geometric means. Pure."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.calibration import steady
from bench.leg import Leg

OURS = "s3gw"
CLIENT_BOUND = 0.6
"""More of a core than this for a client process, and the cell may measure the client."""


@dataclass(frozen=True)
class Figure:
    """One cell of one server: medians over its legs. Times are of CPU, by operation."""

    per_second: float
    megabytes_per_second: float
    p50_ms: float
    p90_ms: float
    p99_ms: float
    server_us: float
    client_us: float
    client_bound: bool
    client: str
    legs: int
    written_bytes: float
    """By operation: what the server made dirty, or wrote past the page cache."""
    peak_rss_bytes: float
    beside_megabytes_per_second: float
    """Of the large PUTs meanwhile; 0 where there were none."""

    @property
    def score(self) -> float:
        """What ratios compare, more is better: requests, or beside PUTs how soon 99 % are done."""
        return 1e3 / self.p99_ms if self.beside_megabytes_per_second else self.per_second


@dataclass(frozen=True)
class Table:
    """One durability class. ``figures``: server -> cell -> figure; a void cell is missing."""

    durability: str
    figures: Mapping[str, Mapping[str, Figure]]
    void: Mapping[str, Mapping[str, str]]
    legs: Mapping[str, Sequence[Leg]]
    unsteady: frozenset[str]
    """Servers none of whose legs was steady: shown all the same, and said."""
    dropped: int

    @property
    def peers(self) -> list[str]:
        return [name for name in self.figures if name != OURS]


def counted(legs: Sequence[Leg], everyone: Sequence[Leg]) -> tuple[list[Leg], bool]:
    """The steady ones of a server's legs, or all of them and ``False`` when none is."""
    calibrations = [each.calibration for each in everyone]
    kept = [leg for leg in legs if steady(calibrations, leg.calibration)]
    return (kept, True) if kept else (list(legs), False)


def tabulate(durability: str, legs: Sequence[Leg]) -> Table:
    """``legs`` of one class, in the order they ran."""
    names = list(dict.fromkeys(leg.server for leg in legs))
    kept: dict[str, list[Leg]] = {}
    unsteady = set()
    for name in names:
        kept[name], is_steady = counted([leg for leg in legs if leg.server == name], legs)
        if not is_steady:
            unsteady.add(name)
    void = {name: {c: why for leg in legs if leg.server == name for c, why in leg.void.items()}
            for name in names}  # fmt: skip
    figures = {
        name: {
            cell: _figure([leg for leg in kept[name] if cell in leg.figures], cell)
            for cell in dict.fromkeys(cell for leg in kept[name] for cell in leg.figures)
            if cell not in void[name]
        }
        for name in names
    }
    dropped = len(legs) - sum(map(len, kept.values()))
    return Table(durability, figures, void, kept, frozenset(unsteady), dropped)


def _figure(legs: Sequence[Leg], cell: str) -> Figure:
    runs = [leg.figures[cell] for leg in legs]
    lanes = 2 if runs[0].client in ("wrk", "own x2") else 1
    return Figure(
        per_second=median(run.per_second for run in runs),
        megabytes_per_second=median(run.bytes_moved / run.seconds / 1e6 for run in runs),
        p50_ms=median(run.p50_ms for run in runs),
        p90_ms=median(run.p90_ms for run in runs),
        p99_ms=median(run.p99_ms for run in runs),
        server_us=median(run.server.cpu_seconds / run.requests * 1e6 for run in runs),
        client_us=median(run.client_cpu_seconds / run.requests * 1e6 for run in runs),
        client_bound=median(run.client_cpu_seconds / run.seconds for run in runs)
        > CLIENT_BOUND * lanes,
        client=runs[0].client,
        legs=len(runs),
        written_bytes=median(run.server.bytes_written / run.requests for run in runs),
        peak_rss_bytes=median(run.server.peak_rss_bytes for run in runs),
        beside_megabytes_per_second=median(run.beside_bytes_per_second / 1e6 for run in runs),
    )


def ratio(table: Table, peer: str, cell: str) -> float | None:
    """Ours over theirs, by their scores: above 1 is a win. ``None``: not both valid."""
    ours, theirs = table.figures.get(OURS, {}).get(cell), table.figures[peer].get(cell)
    if ours is None or theirs is None:
        return None
    return ours.score / theirs.score


def of_best(table: Table, cell: str) -> float | None:
    """Ours over the best peer's."""
    return min(filter(None, (ratio(table, peer, cell) for peer in table.peers)), default=None)


def geometric_mean(ratios: Iterable[float | None]) -> float | None:
    """Of those that are there."""
    logs = [math.log(each) for each in ratios if each]
    return math.exp(sum(logs) / len(logs)) if logs else None
