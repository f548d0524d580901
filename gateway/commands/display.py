"""What commands print: JSON for programs, plain tables for people."""

import json
from collections.abc import Sequence

import click


def document(value: object) -> None:
    """One line of JSON, as BTIP-25 shows it: no spaces."""
    click.echo(json.dumps(value, separators=(",", ":"), ensure_ascii=False))


def line(text: str) -> None:
    """One line for people. Control characters are shown, not sent."""
    click.echo(_visible(text))


def table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Columns as wide as they need to be. Control characters are shown, not sent."""
    texts = [[_visible(str(cell)) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(heads, *texts, strict=True)]
    for row in (heads, *texts):
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())


def _visible(text: str) -> str:
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
