"""Runs of extents as one run of bytes: where a piece of it is, and how few extents it needs."""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from store.records import Extent


def merged(extents: Iterable[Extent]) -> tuple[Extent, ...]:
    """The same bytes in the same order, neighbours in one: fewer rows, longer reads."""
    out: list[Extent] = []
    for extent in extents:
        last = out[-1] if out else None
        if last and last.segment == extent.segment and last.offset + last.length == extent.offset:
            out[-1] = msgspec.structs.replace(last, length=last.length + extent.length)
        else:
            out.append(extent)
    return tuple(out)


def within(extents: Sequence[Extent], start: int, length: int) -> Iterator[Extent]:
    """The pieces of ``extents``, one run of bytes, that hold ``[start, start + length)``."""
    at = 0
    for extent in extents:
        begin, end = max(start, at), min(start + length, at + extent.length)
        if begin < end:
            yield Extent(extent.segment, extent.offset + begin - at, end - begin)
        at += extent.length
        if at >= start + length:
            return
