"""R19, upgrade: data of every earlier release opens, whole, also after a migration that died.

A directory as an earlier release left it (``upgrade_past``) is opened by today's code: every row,
byte and answer must be as it was, before and after a rebuild. Then migrations die, by SIGKILL or
by an error, before one statement after the other; the next start must find nothing amiss.
"""

import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple

from keys.access_key import AccessKey
from store import fsck, migrations
from store.prepare import prepare
from store.rebuild import rebuild
from tests.store.storing import dump
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.model_door import Door, text
from tests.torture.upgrade_death import SETTINGS, start
from tests.torture.upgrade_mutants import MUTANTS
from tests.torture.upgrade_past import FIRST, WEBHOOKS, age, fill

ROOT = Path(__file__).parents[2]
MOST_SECONDS = 60
TOLD = 20
"""Violations, and no more."""


class Release(NamedTuple):
    """What one that is gone has left behind, and what it must still be."""

    steps: int
    past: Path
    rows: dict[str, list[tuple[Any, ...]]]
    answers: dict[str, tuple[int, bytes]]
    users: dict[str, AccessKey]
    deaths: list[int]
    """Statements of a start, by number, that change something in a migration, or end it."""


class Death(NamedTuple):
    """Of one migration, before a statement."""

    release: Release
    statement: int
    killed: bool
    """By SIGKILL; else by an error."""


def run(run: Run) -> Outcome:
    """Let migrations die before each statement, in both ways; then open the data as it is."""
    releases = [_release(run.directory, steps) for steps in range(FIRST, len(migrations.STEPS))]
    deaths = [
        Death(release, statement, killed)
        for release in releases
        for statement in release.deaths
        for killed in (True, False)
    ]
    chosen = random.Random(run.seed).sample(deaths, run.of(len(deaths)))
    with MUTANTS[run.mutant]() if run.mutant else nullcontext():
        found = chain(
            chain.from_iterable(map(partial(_after, run.mutant), chosen)),
            chain.from_iterable(map(_upgraded, releases)),
        )
        violations = list(islice(found, 1 if run.mutant else TOLD))
    return Outcome({"releases": len(releases), "deaths": len(chosen)}, violations)


def _after(mutant: str, death: Death) -> list[str]:
    with _copy(death.release.past) as there:
        if death.killed:
            _kill(there, death.statement, mutant)
        else:
            start(there, death.statement)
        found = _violations(death.release, there)
    how = "killed" if death.killed else "failed"
    return [f"{how} before statement {death.statement}: {each}" for each in found]


def _kill(there: Path, statement: int, mutant: str) -> None:
    command = [sys.executable, "-m", "tests.torture.upgrade_death", str(there), str(statement)]
    command += [mutant] if mutant else []
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=MOST_SECONDS)
    if done.returncode != -signal.SIGKILL and not mutant:  # which may have fewer statements
        raise RuntimeError(f"statement {statement} was not reached: {done.stderr}")


def _upgraded(release: Release) -> list[str]:
    with _copy(release.past) as there:
        return _violations(release, there, rebuilt=True)


@contextmanager
def _copy(past: Path) -> Iterator[Path]:
    there = past.with_suffix(".copy")
    shutil.copytree(past, there)
    try:
        yield there
    finally:
        shutil.rmtree(there)


def _release(directory: Path, steps: int) -> Release:
    today, past = directory / f"{steps}.today", directory / f"{steps}.past"
    door = Door(today, settings=SETTINGS, webhooks=WEBHOOKS)
    try:
        fill(door, steps)
        answers = dict(_answers(door))
    finally:
        door.close()
    age(today, past, steps)
    with _copy(past) as there:
        deaths = start(there)
    return Release(steps, past, dump(today), answers, door.users, deaths)


def _answers(door: Door) -> Iterator[tuple[str, tuple[int, bytes]]]:
    """All that the owner can be told of what is there."""
    for path, query in _questions(door):
        answer = door.ask("A", "GET", path, query)
        said = sorted((k, v) for k, v in answer.headers.items() if k not in _CHANGING)
        yield f"{path} {query}", (answer.status, repr(said).encode() + answer.body)


_CHANGING = ("x-amz-request-id", "x-amz-id-2")


def _questions(door: Door) -> Iterator[tuple[str, dict[str, str]]]:
    for name in door.ask("A", "GET", "/").document.iter("{*}Name"):
        bucket = f"/{name.text}"
        for query in ("versions", "uploads", "acl", "versioning", "notification"):
            yield bucket, {query: ""}
        for each in door.ask("A", "GET", bucket, {"versions": ""}).all("Version"):
            path, query = f"{bucket}/{text(each, 'Key')}", {"versionId": text(each, "VersionId")}
            yield path, query
            for more in ("tagging", "acl"):
                yield path, query | {more: ""}
        for each in door.ask("A", "GET", bucket, {"uploads": ""}).all("Upload"):
            yield f"{bucket}/{text(each, 'Key')}", {"uploadId": text(each, "UploadId")}


def _violations(release: Release, there: Path, *, rebuilt: bool = False) -> list[str]:
    try:
        found = [*_differences(release, there)]
        if rebuilt:
            rebuild(there)
            found += [f"after a rebuild: {each}" for each in _differences(release, there)]
    except Exception as error:
        found = [f"it does not open: {error!r}"]
    return [f"release {release.steps}: {each}" for each in found]


def _differences(release: Release, there: Path) -> Iterator[str]:
    prepare(there, SETTINGS).close()
    rows = dump(there)
    yield from (f"rows of {table}" for table in rows if rows[table] != release.rows[table])
    yield from (f"fsck: {each.kind} {each.where}" for each in fsck.check(there))
    door = Door(there, release.users, settings=SETTINGS, webhooks=WEBHOOKS)
    try:
        answers = dict(_answers(door))
    finally:
        door.close()
    asked = release.answers.keys() | answers.keys()
    yield from (each for each in sorted(asked) if answers.get(each) != release.answers.get(each))


GATE = Gate(
    name="upgrade",
    bar="data of 4 earlier formats open whole, also after 116 migrations that died",
    run=run,
    mutants=tuple(MUTANTS),
    short=0.03,
    mutant_scale=0.3,
)
