"""A process is killed at each named point of its work; what it had acknowledged is there after.

SIGKILL shows wrong order, never a missing sync: that is ``test_power_cut``.
"""

import asyncio
import shutil
from contextlib import suppress

import pytest
from storing import dump

from store import fsck
from store.database import FILE
from store.prepare import prepare
from tests.store.crash import versions
from tests.store.crash.check import violations
from tests.store.crash.killing import POINTS, STEPS, NotKilledError, child, crashed
from tests.store.crash.plan import MIXED, SETTINGS, History, plan


@pytest.mark.parametrize("point", POINTS)
def test_nothing_acknowledged_is_lost_and_nothing_is_half_done(tmp_path, point):
    verbs, counts = POINTS[point]
    for count in counts:
        directory = tmp_path / str(count)
        history = crashed(directory, count, verbs, f"{point}:{count}")

        assert list(fsck.check(directory)) == []
        assert asyncio.run(violations(directory, history, killed=True)) == []


@pytest.mark.parametrize(
    "point", ["P2:9", "P3:4", "P3:17", "P4:11", "J1:12", "J1:30", "D1:8", "D2:5"]
)
def test_each_version_is_there_or_not_there_after_a_crash(tmp_path, point):
    acks = child("keep", tmp_path, 1, 40, killed_at=point)

    steps = versions.plan(1, 40)
    assert asyncio.run(versions.violations(tmp_path, steps, len(acks))) == []


def test_all_versions_are_there_after_a_run_to_the_end(tmp_path):
    acks = child("keep", tmp_path, 1, 40, killed_at=None)

    steps = versions.plan(1, 40)
    assert len(acks) == len(steps)
    assert asyncio.run(versions.violations(tmp_path, steps, len(acks))) == []
    assert asyncio.run(versions.violations(tmp_path, steps, 10)) != []


def test_a_run_to_the_end_has_done_it_all(tmp_path):
    acks = child("serve", tmp_path, 1, STEPS, 0, *MIXED, killed_at=None)
    history = History(plan(1, STEPS), acks)

    assert [history.next(lane) for lane in range(4)] == [None] * 4
    assert asyncio.run(violations(tmp_path, history)) == []


@pytest.mark.parametrize("point", ["P3:5", "P4:5", "M5:1"])
def test_a_store_that_answers_too_early_is_caught(tmp_path, point):
    acks = child("lie", tmp_path, 1, STEPS, 0, *MIXED, killed_at=point)

    found = asyncio.run(violations(tmp_path, History(plan(1, STEPS), acks)))

    assert any(each.startswith("1, ") for each in found)


# --- crashes on the way back -------------------------------------------------------------------


@pytest.mark.parametrize("point", ["S1", "S2", "S3"])
@pytest.mark.parametrize("before", ["P1:20", "J1:20"])
def test_a_start_that_is_killed_again_and_again_comes_to_the_same(tmp_path, before, point):
    directory, once = tmp_path / "data", tmp_path / "once"
    history = crashed(directory, 1, MIXED, before)
    shutil.copytree(directory, once)
    prepare(once, SETTINGS).close()

    for _ in range(3):
        child("recover", directory, killed_at=point)
    prepare(directory, SETTINGS).close()

    assert dump(directory) == dump(once)
    assert asyncio.run(violations(directory, history, killed=True)) == []


@pytest.mark.parametrize("point", ["S1:1", "S2:1", "S4:1", "S4:2", "S3:1"])
def test_lost_commits_are_replayed_however_often_the_start_is_killed(tmp_path, point):
    """An old copy of the database was put back: the journal has what it lacks."""
    directory, half = tmp_path / "data", STEPS // 2
    acks = child("serve", directory, 1, half, 0, *MIXED, killed_at=None)
    old = (directory / FILE).read_bytes()
    # The same seed draws other steps when more are asked for, so the rest is a plan of its own.
    more = child("serve", directory, 2, STEPS, half, *MIXED, killed_at="P4:20")
    steps = [first + rest[half:] for first, rest in zip(plan(1, half), plan(2, STEPS), strict=True)]
    newest = dump(directory)
    for path in directory.glob(f"{FILE}*"):
        path.unlink()
    (directory / FILE).write_bytes(old)
    assert [found.kind for found in fsck.check(directory, fast=True)].count("database-behind") == 1

    killed = 0
    with suppress(NotKilledError):
        while killed < 3:
            child("recover", directory, killed_at=point)
            killed += 1
    prepare(directory, SETTINGS).close()

    assert killed >= 2  # what was replayed before it was killed stays so
    assert dump(directory) == newest
    assert asyncio.run(violations(directory, History(steps, acks + more))) == []


@pytest.mark.parametrize("point", ["R1", "R2"])
def test_a_rebuild_that_is_killed_is_repeated(tmp_path, point):
    history = crashed(tmp_path, 1, MIXED, "P4:30")
    before = dump(tmp_path)

    for _ in range(2):
        child("rebuild", tmp_path, killed_at=point)
    child("rebuild", tmp_path, killed_at=None)

    assert dump(tmp_path) == before
    assert asyncio.run(violations(tmp_path, history)) == []
