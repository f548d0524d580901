"""R5: bits flip in segments, in the database and in its log; nothing wrong is served, all is found.

A store is filled once, and every flip is made in a copy of it. One that changes nothing (a page's
free space) is counted apart. Damage may be answered by any error: it is no bytes.
"""

import asyncio
import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from store import names, prepare, versions
from store.database import FILE, open_reader
from store.leaves import Expected
from store.records import ENABLED, Attributes, Bucket, Entry, Extent
from store.scrub import scrub
from store.settings import Settings
from store.store import Store
from tests.store.storing import content, dump, make_bucket, noise, opened, put, serving
from tests.torture.gate import Gate, Outcome, Run

SEGMENT_FLIPS, DATABASE_FLIPS, LOG_FLIPS = 1000, 1000, 300
_SETTINGS = Settings(
    inline_bytes=4096, segment_bytes=1 << 20, collect_seconds=3600.0, upkeep_bytes_per_second=0
)
_NEAR = 200
"""Every third flip of the database is this near to an ETag: most pages hold bodies, not rows."""

Answers = dict[tuple[bytes, str], str]
"""Key and version to a digest of all that a GET of it says."""


@dataclass(frozen=True)
class _Sound:
    """A store in which no bit has flipped."""

    directory: Path
    answers: Answers
    rows: dict[str, list[tuple[object, ...]]]
    extents: list[Extent]
    etags: list[str]


async def _fill(directory: Path, killed: Path) -> None:
    """``killed`` becomes a copy whose last changes are in the database's log only."""
    async with opened(directory, _SETTINGS) as store:
        await _write(store, await make_bucket(store), 0)
        kept = await make_bucket(store, "kept")
        await store.set_bucket_versioning(kept, ENABLED)
        for round in range(2):
            await _write(store, kept, round)
    async with opened(directory, _SETTINGS) as store:
        bucket = store.bucket("bucket")
        assert bucket is not None
        for number in range(12):
            await put(store, bucket, b"last/%d" % number, noise(number, 300 * number))
        shutil.copytree(directory, killed)


async def _write(store: Store, bucket: Bucket, round: int) -> None:
    said = Attributes(headers={"content-type": "text/plain"}, metadata={"meaning": "kept"})
    for number in range(8):
        await put(store, bucket, b"small/%d" % number, noise((round, number), 1 + 400 * number))
        body = noise((round, number), 5000 + 9000 * number)
        await put(store, bucket, b"large/%d" % number, body, attributes=said)
    await put(store, bucket, b"leaves", noise(round, 1_300_000))


async def _answers(directory: Path) -> Answers:
    """Of all that is listed, or was before a bit flipped."""
    found: Answers = {}
    async with serving(directory, _SETTINGS) as store:
        for name in ("bucket", "kept"):
            bucket = store.bucket(name)
            if bucket is not None:
                for listed in store.list_versions(bucket).versions:
                    await _answer(store, bucket, listed.key, listed.version, found)
    return found


async def _answer(store: Store, bucket: Bucket, key: bytes, version: str, into: Answers) -> None:
    try:
        entry = store.version(bucket, key, version)
        if isinstance(entry, Entry):
            said = (entry.size, entry.cid, entry.etag, entry.modified, entry.owner)
            body = await content(store, entry)
            into[(b"%d/" % bucket.id + key, version)] = hashlib.sha256(
                repr((said, entry.attributes)).encode() + body
            ).hexdigest()
    except Exception:
        return  # an error, not bytes


def _served(directory: Path) -> Answers | None:
    """What a server on it answers; ``None``: it does not start."""
    try:
        prepared = prepare.prepare(directory, _SETTINGS)
    except Exception:
        return None
    try:
        return asyncio.run(_answers(directory))
    except Exception:
        return {}
    finally:
        prepared.close()


def _dumped(directory: Path) -> object:
    try:
        return dump(directory)
    except Exception as error:
        return error


def _found(directory: Path) -> bool:
    try:
        return scrub(directory).found > 0
    except Exception:
        return True


def _flip(path: Path, at: int, bit: int) -> None:
    with path.open("r+b") as file:
        file.seek(at)
        (old,) = file.read(1)
        file.seek(at)
        file.write(bytes([old ^ 1 << bit]))


Spot = Callable[[random.Random, _Sound], tuple[str, int]]
"""Where the next bit flips: file and byte."""


def _in_segments(chance: random.Random, sound: _Sound) -> tuple[str, int]:
    extent = chance.choice(sound.extents)
    at = extent.offset + chance.randrange(extent.length)
    return f"segments/{extent.segment:08d}.seg", at


def _in_database(chance: random.Random, sound: _Sound) -> tuple[str, int]:
    data = (sound.directory / FILE).read_bytes()
    at = chance.randrange(len(data))
    if not chance.randrange(3):
        near = data.find(chance.choice(sound.etags).encode()) + chance.randrange(-_NEAR, _NEAR)
        at = min(max(near, 0), len(data) - 1)
    return FILE, at


def _at_rest(
    sound: _Sound, run: Run, spot: Spot, chance: random.Random, counts: Counter[str]
) -> list[str]:
    """One flip in a store that nobody serves; what is wrong then."""
    copy = run.directory / "copy"
    file, at = spot(chance, sound)
    bit = chance.randrange(8)
    where = f"{file} byte {at} bit {bit}"

    def flipped() -> Path:
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(sound.directory, copy)
        _flip(copy / file, at, bit)
        return copy

    rows = _dumped(flipped())
    served = _served(copy)
    counts["refused_to_start"] += served is None
    wrong = [key for key, said in (served or {}).items() if sound.answers.get(key) != said]
    violations = [f"{where}: wrong bytes of {key}" for key in wrong]
    if served == sound.answers and rows == sound.rows:
        counts["without_effect"] += 1
    elif not _found(flipped()):
        violations.append(f"{where}: not found")
    return violations


def _in_log(
    killed: Path, wanted: object, run: Run, chance: random.Random, counts: Counter[str]
) -> list[str]:
    """One flip in the log of a database whose server was killed: all its changes are there."""
    copy = run.directory / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(killed, copy)
    log = copy / f"{FILE}-wal"
    at = chance.randrange(log.stat().st_size)
    _flip(log, at, chance.randrange(8))
    if _served(copy) is None:
        counts["refused_to_start"] += 1
        return []
    return [] if _dumped(copy) == wanted else [f"log byte {at}: changes are lost"]


@contextmanager
def _rows_are_believed() -> Iterator[None]:
    def believed(found: names.Row) -> names.Row:
        return found[:-4]

    with (
        mock.patch.object(names, "sound", believed),
        mock.patch.object(versions, "sound", believed),
    ):
        yield


_MUTANTS: dict[str, Callable[[], AbstractContextManager[object]]] = {
    "": nullcontext,
    "leaves_are_not_hashed": lambda: mock.patch.object(Expected, "check"),
    "journal_is_not_replayed": lambda: mock.patch.object(prepare, "_recover"),
    "rows_are_believed": _rows_are_believed,
}


def _filled(run: Run) -> tuple[_Sound, Path]:
    directory, killed = run.directory / "sound", run.directory / "killed"
    asyncio.run(_fill(directory, killed))
    rows = dump(directory)
    with closing(open_reader(directory / FILE)) as db:
        extents = [Extent(*row) for row in db.execute(_EXTENTS)]
        etags = [etag for (etag,) in db.execute("SELECT etag FROM entry")]
    return _Sound(directory, _served(directory) or {}, rows, extents, etags), killed


_EXTENTS = 'SELECT segment, "offset", length FROM extent'


def _run(run: Run) -> Outcome:
    sound, killed = _filled(run)
    restarted = run.directory / "restarted"
    shutil.copytree(killed, restarted)
    prepare.prepare(restarted, _SETTINGS).close()
    wanted = dump(restarted)
    chance = random.Random(run.seed)
    counts: Counter[str] = Counter()
    bars = {"segment": SEGMENT_FLIPS, "database": DATABASE_FLIPS, "log": LOG_FLIPS}
    violations: list[str] = []
    with _MUTANTS[run.mutant]():
        for _ in range(run.of(bars["segment"])):
            violations += _at_rest(sound, run, _in_segments, chance, counts)
        for _ in range(run.of(bars["database"])):
            violations += _at_rest(sound, run, _in_database, chance, counts)
        for _ in range(run.of(bars["log"])):
            violations += _in_log(killed, wanted, run, chance, counts)
    figures = {f"{name}_flips": run.of(bar) for name, bar in bars.items()}
    return Outcome({**figures, "objects": len(sound.answers), **counts}, violations)


GATE = Gate(
    name="bit rot",
    bar="1,000 flips in segments, 1,000 in the database, 300 in its log: 0 wrong bytes, all found",
    run=_run,
    mutants=[name for name in _MUTANTS if name],
    short=0.005,
    mutant_scale=0.1,
)
