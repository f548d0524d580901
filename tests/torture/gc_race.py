"""R14: does the collector ever take bytes that somebody has just named again?

Two workers put, read and delete a few shared contents as fast as they can, so that each loses its
last reference and gets a new first one all the time; meanwhile the collector, compaction and
checkpoints of the write-ahead log never rest. All in processes of their own, as in the product.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from store import fsck
from store.prepare import prepare
from store.records import Deletion
from store.settings import Settings
from store.store import Store
from tests.store.storing import make_bucket
from tests.torture.gate import Gate, Outcome, Run

WORKERS = 2
BUCKETS = 8
GRACE_SECONDS = 0.4
SETTINGS = Settings(
    segment_bytes=4 << 20,
    collect_seconds=0.01,
    trash_grace_seconds=GRACE_SECONDS,
    compact_below=0,
    scrub_days=0,
    upkeep_bytes_per_second=0,
)
MUTANTS = ("no-fence", "frees-under-readers")


async def _make_buckets(directory: Path) -> None:
    store = Store(directory, SETTINGS)
    await store.start()
    for number in range(BUCKETS):
        await make_bucket(store, f"bucket-{number}")
    await store.close()


@contextmanager
def _process(role: str, *words: object) -> Any:
    """Killed at the end, if it has not ended."""
    command = [sys.executable, "-m", f"tests.torture.gc_race_{role}", *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def _race(asked: Run, directory: Path, operations: int) -> tuple[Counter[str], list[str]]:
    figures: Counter[str] = Counter()
    violations = []
    with _process("upkeep", directory) as upkeep:
        share = operations // WORKERS
        words = [(directory, n, asked.seed, share, asked.mutant) for n in range(WORKERS)]
        with _process("worker", *words[0]) as first, _process("worker", *words[1]) as second:
            for number, each in enumerate((first, second)):
                said, _ = each.communicate(timeout=60 + operations / 50)
                if each.returncode != 0:
                    violations.append(f"worker {number} ended with {each.returncode}")
                else:
                    told = json.loads(said)
                    violations += told.pop("violations")
                    figures.update(told)
        upkeep.kill()
        for line in upkeep.communicate()[0].splitlines():
            figures.update(json.loads(line))
    return figures, violations


async def _left(directory: Path) -> list[str]:
    """What is still there when every object is gone and all trash is due."""
    settings = msgspec.structs.replace(SETTINGS, trash_grace_seconds=0.0, collect_seconds=3600.0)
    store = Store(directory, settings)
    await store.start()
    try:
        for number in range(BUCKETS):
            bucket = store.bucket(f"bucket-{number}")
            assert bucket is not None
            while entries := store.list_entries(bucket).entries:
                await store.delete(bucket, [Deletion(entry.key) for entry in entries])
        await store.collect(now=1 << 60)
        stats = store.stats()
    finally:
        await store.close()
    if stats.segment_bytes or stats.trash_bytes:
        return [f"{stats.segment_bytes} bytes and {stats.trash_bytes} of trash are never freed"]
    return []


def run(asked: Run) -> Outcome:
    directory = asked.directory / "data"
    operations = asked.of(100_000)
    prepared = prepare(directory, SETTINGS)
    try:
        asyncio.run(_make_buckets(directory))
        figures, violations = _race(asked, directory, operations)
        violations += [f"fsck: {each.kind} {each.where}" for each in fsck.check(directory)]
        if not violations:
            violations += asyncio.run(_left(directory))
    finally:
        prepared.close()
    for name in ("puts", "gets", "deletes", "rounds", "frees"):
        if not figures[name]:
            violations.append(f"no {name}")
    return Outcome(figures, violations)


GATE = Gate(
    name="collector and deduplication",
    bar="100,000 puts, gets and deletes of 200 shared contents in 8 buckets beside a collector,"
    " compaction and checkpoints that never rest: 0 dangling rows, 0 early frees",
    run=run,
    mutants=MUTANTS,
    short=0.015,
)
