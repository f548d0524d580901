"""Pages of listings in the model: sort, filter, roll up, cut. Nothing is clever here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Row = TypeVar("Row")


@dataclass
class Page(Generic[Row]):
    """What one answer shows."""

    rows: list[Row] = field(default_factory=list)
    prefixes: list[str] = field(default_factory=list)
    last: Row | str | None = None
    """The last of both: a row, or a common prefix."""
    more: bool = False


def rolled(key: str, prefix: str, delimiter: str) -> str | None:
    """The common prefix that a key with ``prefix`` is shown as.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-prefixes.html
    """
    at = key.find(delimiter, len(prefix)) if delimiter else -1
    return None if at < 0 else key[: at + len(delimiter)]


def page(
    rows: Sequence[Row],
    key_of: Callable[[Row], str],
    beyond: Callable[[Row], bool],
    after: str,
    *,
    prefix: str,
    delimiter: str,
    most: int,
) -> Page[Row]:
    """Of ``rows``, which are in order, those ``beyond`` a marker.

    When the marker ``after`` is a common prefix, nothing under that is shown again.
    """
    items: list[Row | str] = []
    for row in rows:
        key = key_of(row)
        if not key.startswith(prefix) or not beyond(row):
            continue
        common = rolled(key, prefix, delimiter)
        if common is None:
            items.append(row)
        elif common != after and (not items or items[-1] != common):
            items.append(common)
    if most == 0:
        return Page()
    shown = items[:most]
    return Page(
        rows=[each for each in shown if not isinstance(each, str)],
        prefixes=[each for each in shown if isinstance(each, str)],
        last=shown[-1] if shown else None,
        more=len(items) > most,
    )


def is_after(key: str, marker: str) -> bool:
    """In UTF-8 bytes."""
    return key.encode() > marker.encode()
