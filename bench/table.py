"""The comparison as text: a table of figures for each class, what each cost, what was checked."""

from collections.abc import Iterable, Mapping, Sequence

from bench.cells import MIB, Cell
from bench.leg import Leg
from bench.summary import OURS, Figure, Table, geometric_mean, of_best, ratio

MEANING = {"D": "a 200 is on disk", "B": "a 200 is buffered"}


def value(cell: Cell, figure: Figure) -> float:
    """In the unit of the cell."""
    if cell.beside:
        return figure.p99_ms
    return figure.megabytes_per_second if cell.size >= MIB else figure.per_second


def figures(table: Table, cells: Sequence[Cell]) -> str:
    """Ours, each peer with ours over its, and ours over the best; ``*`` client-bound."""
    heads = [f"{name}{'~' if name in table.unsteady else ''}" for name in table.peers]
    lines = [
        f"Class {table.durability}: {MEANING[table.durability]}",
        f"{'cell':20}{'unit':>5}{OURS:>10}"
        + "".join(f"{head:>13}{'ratio':>7}" for head in heads)
        + f"{'of best':>9}",
    ]
    for cell in cells:
        line = f"{cell.name:20}{cell.unit:>5}{_shown(table, OURS, cell):>10}"
        for peer in table.peers:
            line += f"{_shown(table, peer, cell):>13}{_times(ratio(table, peer, cell.name)):>7}"
        lines.append(line + f"{_times(of_best(table, cell.name)):>9}")
    means = [geometric_mean(ratio(table, p, c.name) for c in cells) for p in table.peers]
    best = geometric_mean(of_best(table, c.name) for c in cells)
    lines.append(
        f"{'geometric mean':35}"
        + "".join(f"{_times(mean):>20}" for mean in means)
        + f"{_times(best):>9}"
    )
    return "\n".join(lines)


def _shown(table: Table, server: str, cell: Cell) -> str:
    figure = table.figures.get(server, {}).get(cell.name)
    if figure is None:
        return "void" if cell.name in table.void.get(server, {}) else "-"
    shown = f"{value(cell, figure):,.{1 if cell.beside else 0}f}"
    return shown + ("*" if figure.client_bound else "")


def _times(number: float | None) -> str:
    return "-" if number is None else f"{number:.2f}"


def costs(table: Table, cells: Sequence[Cell]) -> str:
    """A line for each cell of each server, by operation but for the memory."""
    lines = [
        f"Class {table.durability}: what an operation costs",
        f"{'cell':20}{'server':12}{'server us':>11}{'client us':>11}{'p50 ms':>9}{'p99 ms':>9}"
        f"{'peak MB':>9}{'written KiB':>13}",
    ]
    for cell in cells:
        for name, measured in table.figures.items():
            if cell.name in measured:
                lines.append(f"{cell.name:20}{name:12}{_cost(measured[cell.name])}")
    return "\n".join(lines)


def _cost(figure: Figure) -> str:
    beside = figure.beside_megabytes_per_second
    return (
        f"{figure.server_us:>11,.0f}{figure.client_us:>11,.0f}"
        f"{figure.p50_ms:>9.2f}{figure.p99_ms:>9.2f}"
        f"{figure.peak_rss_bytes / 1e6:>9,.0f}{figure.written_bytes / 1024:>13,.1f}"
        + (f"  beside PUTs of {beside:,.0f} MB/s, whose cost is in these" if beside else "")
    )


def checks(table: Table, versions: Mapping[str, str], settings: Mapping[str, str]) -> str:
    """One line for each server: version, setting, syncs, memory, kill -9, legs, what is void."""
    lines = [f"Class {table.durability}: what was checked"]
    for name, legs in table.legs.items():
        facts = [versions.get(name, ""), settings.get(name, ""), *_facts(legs)]
        if name in table.unsteady:
            facts.append("~ no steady leg: the machine was busy")
        lines.append(f"  {name}: " + "; ".join(filter(None, facts)))
        lines += [
            f"    void {what}: {' '.join(why.split())[:200]}"
            for what, why in table.void[name].items()
        ]
    lines.append(f"  legs dropped for their calibration: {table.dropped}")
    return "\n".join(lines)


def _facts(legs: Sequence[Leg]) -> Iterable[str]:
    syncs = next((leg.syncs for leg in legs if leg.syncs is not None), None)
    yield (
        f"syncs not counted: {next((leg.uncounted for leg in legs if leg.uncounted), 'not asked')}"
        if syncs is None
        else f"syncs in 100 PUTs {syncs.calls}, files opened for synced writes {syncs.synced_opens}"
    )
    survived = [leg.survived for leg in legs if leg.survived is not None]
    if survived:
        yield f"kill -9: {sum(survived)} acknowledged, all there"
    fresh = [leg.fresh_reads for leg in legs if leg.fresh_reads is not None]
    if fresh:
        yield f"{sum(fresh)} reads right after a write, none stale"
    yield f"RSS {max(leg.rss_bytes for leg in legs) / 1e6:.0f} MB"
    yield f"{sum(sum(leg.read_back.values()) for leg in legs)} bodies read back"
    yield f"{len(legs)} legs"
