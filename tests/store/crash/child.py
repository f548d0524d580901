"""The process that is killed: ``python -m tests.store.crash.child VERB DIRECTORY ...``.

Writes one line of JSON to its output after each answer of the store, and nothing else.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from store import recovery
from store.adopt import adopt
from store.backup import backup
from store.compaction import compact
from store.prepare import prepare
from store.rebuild import rebuild
from store.scrub import scrub
from store.store import Store
from store.trimming import trim
from tests.store.crash import versions
from tests.store.crash.plan import SETTINGS, plan, run


def _ack(ack) -> None:
    os.write(1, json.dumps(ack).encode() + b"\n")


def _serve(directory: Path, seed: str, steps: str, first: str, *verbs: str) -> None:
    prepared = prepare(directory, SETTINGS)

    async def serve() -> None:
        store = Store(directory, SETTINGS)
        await store.start()
        await run(store, plan(int(seed), int(steps), verbs), _ack, int(first))
        await store.close()

    asyncio.run(serve())
    prepared.close()


def _lie(directory: Path, seed: str, steps: str, first: str, *verbs: str) -> None:
    """Acknowledges everything before it is done: what a check that is worth its name finds."""
    for lane, mine in enumerate(plan(int(seed), int(steps), verbs)):
        for number in range(len(mine)):
            _ack((lane, number, ()))
    _serve(directory, seed, steps, first, *verbs)


def _keep(directory: Path, seed: str, steps: str) -> None:
    prepared = prepare(directory, SETTINGS)

    async def serve() -> None:
        store = Store(directory, SETTINGS)
        await store.start()
        await versions.run(
            store, versions.plan(int(seed), int(steps)), lambda step: _ack((0, step, ()))
        )
        await store.close()

    asyncio.run(serve())
    prepared.close()


def _recover(directory: Path) -> None:
    recovery._RECORDS_PER_TRANSACTION = 5
    prepare(directory, SETTINGS).close()


def _rebuild(directory: Path) -> None:
    rebuild(directory)


def _backup(directory: Path, target: str) -> None:
    backup(directory, Path(target))


def _scrub(directory: Path) -> None:
    scrub(directory)


def _adopt(directory: Path) -> None:
    adopt(directory)


def _compact(directory: Path) -> None:
    compact(directory, SETTINGS, below=0.9)


def _trim(directory: Path) -> None:
    trim(directory)


if __name__ == "__main__":
    _, verb, directory, *rest = sys.argv
    verbs = {
        "serve": _serve,
        "lie": _lie,
        "keep": _keep,
        "recover": _recover,
        "rebuild": _rebuild,
        "backup": _backup,
        "trim": _trim,
        "compact": _compact,
        "adopt": _adopt,
        "scrub": _scrub,
    }
    verbs[verb](Path(directory), *rest)
