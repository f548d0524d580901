"""The power fails at any moment; what was acknowledged is there after. And the test can fail.

A disk is modelled that keeps what was synced and, if it likes, any part of the rest
(``crash.power``). The last tests leave out one sync each and must find that something is lost.
"""

import asyncio
import errno
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest
from storing import make_bucket, opened

from store import files, fsck, journal
from store.journal import Journal
from store.prepare import prepare
from store.store import Store
from store.trimming import trim
from tests.store.crash.check import violations
from tests.store.crash.plan import BUCKET, MIXED, SETTINGS, History, plan, run
from tests.store.crash.power import Platter, under

STEPS = 12
CUTS = 12


async def cuts(
    tmp_path: Path, seed: int, settings=SETTINGS, *, torn: bool
) -> list[tuple[Path, History]]:
    """Run a plan to its end; what the power left at moments of it, and what was acknowledged."""
    directory = tmp_path / "data"
    async with opened(directory, SETTINGS) as store:
        await make_bucket(store, BUCKET)
    chance = random.Random(seed)
    platter = Platter(directory)
    history = History(plan(seed, STEPS, MIXED))
    made: list[tuple[Path, History]] = []

    def cut() -> None:
        # A lane starts a step when the one before is acknowledged, so while the disk stands still
        # it has all that was acknowledged, and of each lane one step more at most.
        with platter.still():
            if chance.random() < 0.1 and len(made) < CUTS:
                made.append((tmp_path / f"cut-{len(made)}", History(history.plan, [*history.acks])))
                platter.cut(made[-1][0], chance if torn else None)

    def ack(what) -> None:
        history.acks.append(what)
        cut()

    platter.before_sync = cut
    quick = msgspec.structs.replace(settings, collect_seconds=0.02)
    with under(platter):
        prepared = prepare(directory, quick)
        store = Store(directory, quick)
        await store.start()
        await run(store, history.plan, ack)
        await store.close()
        prepared.close()
    assert history.next(0) is None
    assert len(made) >= CUTS // 3
    return made


async def lost(made: list[tuple[Path, History]]) -> list[str]:
    return [each for target, history in made for each in await violations(target, history)]


@pytest.mark.parametrize("torn", [False, True], ids=["nothing unsynced is left", "some of it is"])
@pytest.mark.parametrize("seed", range(6))
async def test_nothing_acknowledged_is_lost(tmp_path, seed, torn):
    assert await lost(await cuts(tmp_path, seed, torn=torn)) == []


@pytest.mark.parametrize("seed", range(2))
async def test_nothing_is_lost_when_the_power_fails_again_during_the_start(tmp_path, seed):
    chance = random.Random(seed)
    again = []
    for target, history in (await cuts(tmp_path, seed, torn=True))[::3]:
        platter = Platter(target)

        def cut(platter=platter, history=history) -> None:
            again.append((tmp_path / f"again-{len(again)}", history))
            platter.cut(again[-1][0], chance)

        platter.before_sync = cut
        with under(platter):
            prepare(target, SETTINGS).close()

    assert len(again) > 10
    assert await lost(again) == []


# --- syncs that fail ---------------------------------------------------------------------------


class Failing(Platter):
    """Forgets what one sync of the journal was to write."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._journal = directory / "journal"
        self._syncs_journal = False
        self.fails = False

    def synced(self, inode: int, call: str = "fdatasync") -> None:
        self._syncs_journal = inode in [each.stat().st_ino for each in self._journal.iterdir()]
        super().synced(inode, call)

    def admits(self, call: str, size: int = 0) -> int:
        if self.fails and self._syncs_journal and call == "fdatasync":
            self.fails = False
            raise OSError(errno.EIO, "bad disk")
        return size


@asynccontextmanager
async def failing(
    tmp_path: Path, steps: int = STEPS
) -> AsyncIterator[tuple[Path, Failing, History]]:
    """A directory with a bucket, on a disk that can fail. At the end the power is cut: all that
    was acknowledged is there."""
    directory, target = tmp_path / "data", tmp_path / "cut"
    async with opened(directory, SETTINGS) as store:
        await make_bucket(store, BUCKET)
    platter, history = Failing(directory), History(plan(1, steps, MIXED))
    with under(platter):
        yield directory, platter, history
    platter.cut(target, None)
    assert list(fsck.check(target)) == []
    assert await violations(target, history) == []


async def served(directory: Path, platter: Failing, history: History) -> None:
    """Run a plan to its end; then the journal is synced, in vain, and once more."""
    prepared = prepare(directory, SETTINGS)
    store = Store(directory, SETTINGS)
    await store.start()
    await run(store, history.plan, history.acks.append)
    collector = store._engine.collector
    platter.fails = True
    with pytest.raises(OSError, match="bad disk"):
        await asyncio.to_thread(collector.sync_journal)
    await asyncio.to_thread(collector.sync_journal)
    await store.close()
    prepared.close()


async def test_a_journal_that_could_not_be_synced_is_written_again(tmp_path):
    async with failing(tmp_path) as (directory, platter, history):
        await served(directory, platter, history)


async def test_a_journal_that_trimming_could_not_sync_is_written_again(tmp_path):
    async with (
        failing(tmp_path) as (directory, platter, history),
        opened(directory, SETTINGS) as store,
    ):
        await run(store, history.plan, history.acks.append)
        platter.fails = True
        with pytest.raises(OSError, match="bad disk"):
            trim(directory)
        await asyncio.to_thread(store._engine.collector.sync_journal)


async def test_a_journal_file_that_could_not_be_synced_when_full_is_written_again(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(journal, "FILE_BYTES", 64 << 10)
    async with (
        failing(tmp_path, 3 * STEPS) as (directory, platter, history),
        opened(directory, SETTINGS) as store,
    ):
        platter.fails = True
        await run(store, history.plan, history.acks.append)
        assert not platter.fails
        await asyncio.to_thread(store._engine.collector.sync_journal)


async def test_a_journal_that_could_not_be_synced_before_is_written_again_at_the_start(tmp_path):
    async with failing(tmp_path) as (directory, platter, history):
        async with opened(directory, SETTINGS) as store:
            await run(store, history.plan, history.acks.append)
        platter.fails = True
        with pytest.raises(OSError, match="bad disk"):
            prepare(directory, SETTINGS)
        prepare(directory, SETTINGS).close()


# --- and the test can fail ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("durability", "seen"), [("none", ("1, 2, 3, 10:", "7:")), ("interval", ("1, 2, 3, 10:",))]
)
async def test_less_durability_is_caught(tmp_path, durability, seen):
    settings = msgspec.structs.replace(SETTINGS, durability=durability)

    found = await lost(await cuts(tmp_path, 1, settings, torn=False))

    assert any(each.startswith(seen) for each in found)


@pytest.mark.parametrize(
    ("where", "sync", "seen"),
    [
        (files, "sync", "has none of the"),
        (files, "sync_directory", "has none of the"),
        (Journal, "sync", "JournalMismatch"),
    ],
    ids=["of segments", "of names", "of the journal"],
)
async def test_a_missing_sync_is_caught(tmp_path, monkeypatch, where, sync, seen):
    with monkeypatch.context() as patch:
        patch.setattr(where, sync, lambda *args: None)
        made = await cuts(tmp_path, 1, torn=False)

    assert any(seen in each for each in await lost(made))
