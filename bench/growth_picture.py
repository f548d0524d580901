"""Growth as an SVG: each figure relative to its first size, and the logarithm beside them."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape

from bench.picture import COLOURS

WIDTH, HEIGHT = 880, 460
LEFT, RIGHT, TOP, BOTTOM = 60, 240, 50, 40
LAW = "log n"

Curve = Sequence[tuple[int, float]]


def svg(curves: Mapping[str, Curve]) -> str:
    """A whole document; every curve has the same sizes, ascending, and no figure of 0."""
    sizes = [objects for objects, _ in next(iter(curves.values()))]
    first, last = math.log10(sizes[0]), math.log10(sizes[-1])
    law = [(n, math.log(n) / math.log(sizes[0])) for n in sizes]
    relative = {
        name: [(n, figure / curve[0][1]) for n, figure in curve] for name, curve in curves.items()
    }
    highest = max(2.0, *(y for curve in [law, *relative.values()] for _, y in curve)) * 1.05

    def at(n: int, y: float) -> tuple[float, float]:
        share = (math.log10(n) - first) / ((last - first) or 1)
        across = LEFT + share * (WIDTH - LEFT - RIGHT)
        return round(across, 1), round(HEIGHT - BOTTOM - y / highest * (HEIGHT - TOP - BOTTOM), 1)

    parts = [_grid(sizes, highest, at)]
    for n, (name, curve) in enumerate({**relative, LAW: law}.items()):
        points = [at(*point) for point in curve]
        line = " ".join(f"{x},{y}" for x, y in points)
        colour = "#222" if name == LAW else COLOURS[n % len(COLOURS)]
        dashes = ' stroke-dasharray="6 4"' if name == LAW or n >= len(COLOURS) else ""
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}"{dashes}/>')
        parts += [f'<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>' for x, y in points]
        y = TOP + 20 * n
        x = WIDTH - RIGHT + 30
        parts.append(f'<path d="M{x} {y}h24" stroke="{colour}" stroke-width="3"{dashes}/>')
        parts.append(f'<text x="{x + 32}" y="{y + 4}">{escape(name)} x{curve[-1][1]:.2f}</text>')
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" '
        f'height="{HEIGHT}" font-family="sans-serif" font-size="12" fill="#222">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="24" font-size="15">Cost by number of objects, relative to '
        f"{sizes[0]:,}</text>{''.join(parts)}</svg>\n"
    )


def _grid(
    sizes: Sequence[int], highest: float, at: Callable[[int, float], tuple[float, float]]
) -> str:
    marks = []
    for y in range(int(highest) + 1):
        (x1, top), (x2, _) = at(sizes[0], y), at(sizes[-1], y)
        marks.append(f'<path d="M{x1} {top}H{x2}" stroke="#ddd"/>')
        marks.append(f'<text x="{LEFT - 10}" y="{top + 4}" text-anchor="end">{y}</text>')
    for n in sizes:
        x, bottom = at(n, 0)
        marks.append(f'<text x="{x}" y="{bottom + 20}" text-anchor="middle">{n:,}</text>')
    return "".join(marks)
