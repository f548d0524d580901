"""Defects that ``soak`` must catch, each put into a server before it starts."""

import os
from typing import Any

from store.engine import Engine
from store.intake import Intake

LEAKED_BYTES = 256 << 10


def leak_staged_bytes() -> None:
    """What a client that left had sent stays in its segment."""

    async def abort(self: Intake) -> None:
        await self._pipeline.settle()
        self._give_back()

    Intake.abort = abort  # type: ignore[method-assign]


def leak_descriptors() -> None:
    """A broken upload leaves a descriptor open."""
    abort = Intake.abort

    async def leaking(self: Intake) -> None:
        os.dup(1)
        await abort(self)

    Intake.abort = leaking  # type: ignore[method-assign]


def leak_memory() -> None:
    """A commit is never forgotten, nor are its bytes."""
    kept: list[bytearray] = []
    submit = Engine.submit

    def keeping(self: Engine, *given: Any) -> Any:
        kept.append(bytearray(b"x") * LEAKED_BYTES)
        return submit(self, *given)

    Engine.submit = keeping  # type: ignore[method-assign]
