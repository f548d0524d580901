"""What must hold after any crash, seen through the store and, below it, through its rows.

The numbers are those of the list of invariants: 1 each acknowledged write is readable byte for
byte; 2 each key is old or new, never mixed; 3 what was not acknowledged is whole or absent; 4 the
list is the set of GETs; 5 each row resolves to bytes that match; 6 no live byte is in a segment
that is gone; 7 the restart needs nobody; 9 space comes back; 10 a deleted object stays deleted.
(8, no secret in a log, is not the store's: it knows none.)
"""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

from store import database, fsck
from store.database import every
from store.frontier import page_up
from store.prepare import prepare
from store.store import Store
from tests.store.crash.plan import (
    BUCKET,
    KEYS,
    LANES,
    PART_BYTES,
    SETTINGS,
    History,
    State,
    complete,
    key_of,
    segments,
)
from tests.store.storing import audit, content, noise, put, serving


async def violations(directory: Path, history: History, *, killed: bool = False) -> list[str]:
    """All that does not hold, in words; nothing when the store has kept its promises.

    ``killed``: the process was, but the kernel lived on, so what it had freed is free.
    """
    found = []
    try:
        prepared = prepare(directory, SETTINGS)
        try:
            async with serving(directory, SETTINGS) as store:
                found = [each async for each in _all(store, directory, history, killed)]
        finally:
            prepared.close()
    except Exception as error:
        return [*found, f"7: it does not start, or breaks: {error!r}"]
    return [*found, *_rows(directory, "when all is gone")]


async def _all(store: Store, directory: Path, history: History, killed: bool) -> AsyncIterator[str]:
    for each in _rows(directory, "after the restart"):
        yield each
    for lane in range(LANES):
        async for each in _lane(store, history, lane):
            yield each
    if killed:
        for each in _unnamed(directory):
            yield each
    async for each in _writable(store):
        yield each
    async for each in _emptied(store, directory):
        yield each


# --- names and bytes ---------------------------------------------------------------------------


async def _lane(store: Store, history: History, lane: int) -> AsyncIterator[str]:
    bucket = store.bucket(BUCKET)
    if bucket is None:
        if history.done(lane):
            yield "1: the bucket is gone"
        return
    held: State = {}
    for number in range(KEYS):
        key = key_of(lane, number)
        entry = store.entry(bucket, key)
        if entry is not None:
            try:
                held[key] = (entry.etag, await content(store, entry))
            except Exception as error:
                yield f"1, 5: {key!r} cannot be read: {error!r}"
                held[key] = (entry.etag, b"")
    listed = {e.key: e.etag for e in store.list_entries(bucket, prefix=b"%d/" % lane).entries}
    if listed != {key: etag for key, (etag, _) in held.items()}:
        yield f"4: listed are {listed}, there are {sorted(held)}"
    old, step = history.acknowledged(lane), history.next(lane)
    new = step.after(old) if step else old
    if held not in (old, new):
        yield f"1, 2, 3, 10: lane {lane} holds {_short(held)}, not {_short(old)} or {_short(new)}"
    elif step and step.verb == "multipart":
        async for each in _upload(store, bucket, history, lane, done=held == new):
            yield each


async def _upload(
    store: Store, bucket, history: History, lane: int, *, done: bool
) -> AsyncIterator[str]:
    """An upload is going on, with all its acknowledged parts, or it is completed: never both."""
    step, told = history.next(lane), history.under_way(lane)
    ids = [what[1] for what in told if what[0] == "created"]
    parts = {int(what[1]): what[2] for what in told if what[0] == "part"}
    if not ids or step is None:
        return
    upload = store.upload(bucket, step.key, ids[0])
    if upload is None:
        yield f"1: upload {ids[0]} is gone"
        return
    there = {part.number: part.etag for part in store.upload_parts(upload)}
    if upload.completed_etag is not None:
        if there or not done:
            yield f"2: upload {upload.id} is completed, its object is not there or its parts are"
    elif not parts.items() <= there.items():
        yield f"1: upload {upload.id} has the parts {there}, acknowledged were {parts}"
    elif len(there) == 1 + -(-step.size // PART_BYTES):
        entry = await complete(store, upload, step)
        if await content(store, entry) != step.data:
            yield f"2: upload {upload.id} cannot be completed any more"


def _short(state: State) -> dict[bytes, tuple[str, int]]:
    return {key: (etag, len(data)) for key, (etag, data) in sorted(state.items())}


# --- below -------------------------------------------------------------------------------------


def _rows(directory: Path, when: str) -> list[str]:
    found = [f"fsck {when}: {each.kind} {each.where}" for each in fsck.check(directory)]
    try:
        audit(directory)
    except Exception as error:
        found.append(f"5, 6: {when}: {error!r}")
    return found


def _unnamed(directory: Path) -> Iterator[str]:
    """No more is taken of the disk than has a row: what died on its way in is given back."""
    with closing(database.open_reader(directory / database.FILE)) as db:
        for path in segments(directory):
            taken = every(
                db,
                "SELECT length FROM extent WHERE segment = :number UNION ALL"
                " SELECT length FROM trash WHERE segment = :number",
                {"number": int(path.stem)},
            )
            named = sum(page_up(length) for (length,) in taken)
            if allocated(path) > named:
                yield f"9: {path} takes {allocated(path)} bytes for {named}"


async def _writable(store: Store) -> AsyncIterator[str]:
    bucket = store.bucket(BUCKET)
    if bucket is not None:
        for size in (10, 200_000):
            data = noise("written after the crash", size)
            if await content(store, await put(store, bucket, b"after", data)) != data:
                yield "7: what is written after the restart is not what is read"


async def _emptied(store: Store, directory: Path) -> AsyncIterator[str]:
    """When nothing is named any more, no byte is left on the disk, whoever left it there."""
    bucket = store.bucket(BUCKET)
    if bucket is not None:
        await store.delete(bucket, [e.key for e in store.list_entries(bucket).entries])
        for upload in store.uploads(bucket).uploads:
            await store.abort_upload(upload)
    await store.collect(now=1 << 60)
    stats = store.stats()
    left = {path.name: size for path in segments(directory) if (size := allocated(path))}
    if left or stats.trash_bytes or stats.segment_bytes or stats.inline_bytes:
        yield f"9: {left} bytes are left on the disk, {stats}"


def allocated(path: Path) -> int:
    """Bytes that a file has on the disk, its holes left out."""
    total = at = 0
    with path.open("rb") as file:
        while True:
            try:
                start = os.lseek(file.fileno(), at, os.SEEK_DATA)
            except OSError:  # ENXIO: none after this
                return total
            at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            total += at - start
