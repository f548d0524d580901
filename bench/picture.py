"""The ratios as an SVG: a panel for each class, a row for each cell, a mark for each peer.

The scale is logarithmic and 1 is in the middle of the eye: right of it we are faster.
"""

import math
from collections.abc import Sequence
from html import escape

from bench.cells import Cell
from bench.summary import OURS, Table, geometric_mean, ratio

WIDTH, LEFT, RIGHT = 880, 160, 30
ROW, TOP, GAP = 22, 64, 40
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#999999", "#000000")
"""Okabe and Ito's, which colour-blind readers can tell apart."""


def _scale(tables: Sequence[Table], cells: Sequence[Cell]) -> float:
    """The furthest power of two on either side."""
    every = (ratio(t, p, c.name) for t in tables for p in t.peers for c in cells)
    furthest = max((abs(math.log2(each)) for each in every if each), default=1.0)
    return max(1.0, math.ceil(furthest))


def svg(tables: Sequence[Table], cells: Sequence[Cell]) -> str:
    """A whole document."""
    furthest = _scale(tables, cells)
    peers = list(dict.fromkeys(peer for table in tables for peer in table.peers))
    colours = {peer: COLOURS[n % len(COLOURS)] for n, peer in enumerate(peers)}
    parts: list[str] = []
    y = TOP
    for table in tables:
        parts += _panel(table, cells, y, furthest, colours)
        y += (len(cells) + 2) * ROW + GAP
    apart = min(100, (WIDTH - LEFT) // max(1, len(peers)))
    legend = "".join(
        f'<circle cx="{LEFT + n * apart}" cy="42" r="5" fill="{colours[peer]}"/>'
        f'<text x="{LEFT + n * apart + 10}" y="46">{escape(peer)}</text>'
        for n, peer in enumerate(peers)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y}" width="{WIDTH}" '
        f'height="{y}" font-family="sans-serif" font-size="12" fill="#222">'
        f'<rect width="{WIDTH}" height="{y}" fill="#fff"/>'
        f'<text x="{LEFT}" y="22" font-size="15">{OURS} / peer, requests per second'
        f" (right of 1: {OURS} is faster)</text>{legend}{''.join(parts)}</svg>\n"
    )


def _panel(
    table: Table, cells: Sequence[Cell], y: int, furthest: float, colours: dict[str, str]
) -> list[str]:
    def x(number: float) -> float:
        share = (math.log2(number) + furthest) / (2 * furthest)
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 1)

    bottom = y + (len(cells) + 2) * ROW
    parts = [f'<text x="8" y="{y + 15}" font-weight="bold">Class {table.durability}</text>']
    step = max(1, math.ceil(furthest / 5))
    for power in range(-int(furthest), int(furthest) + 1):
        if power % step:
            continue
        colour = "#222" if power == 0 else "#ddd"
        label = f"{2**power}" if power >= 0 else f"1/{2**-power}"
        at = x(2.0**power)
        parts.append(f'<path d="M{at} {y + 20}V{bottom}" stroke="{colour}"/>')
        parts.append(f'<text x="{at}" y="{y + 15}" text-anchor="middle">{label}</text>')
    rows: list[tuple[str, dict[str, float | None]]] = [
        (cell.name, {peer: ratio(table, peer, cell.name) for peer in table.peers}) for cell in cells
    ]
    means = {p: geometric_mean(ratio(table, p, c.name) for c in cells) for p in table.peers}
    rows.append(("geometric mean", means))
    for n, (name, ratios) in enumerate(rows, 1):
        middle = y + n * ROW + 12
        weight = ' font-weight="bold"' if n == len(rows) else ""
        parts.append(f'<text x="8" y="{middle + 4}"{weight}>{escape(name)}</text>')
        for peer, number in ratios.items():
            if number:
                radius = 7 if n == len(rows) else 5
                parts.append(
                    f'<circle cx="{x(number)}" cy="{middle}" r="{radius}" fill="{colours[peer]}">'
                    f"<title>{escape(peer)} {number:.2f}</title></circle>"
                )
    return parts
