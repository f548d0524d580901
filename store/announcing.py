"""The verbs on messages about changes. A part of ``store.store.Store``."""

from copy import copy
from typing import Self

import apsw

from store import messages
from store.engine import Engine
from store.messages import Announce, Message


class Announcing:
    """Needs what ``Store.start`` sets."""

    _db: apsw.Connection
    _engine: Engine

    def announcing(self, announce: Announce) -> Self:
        """The same store, whose every commit also queues what ``announce`` says of its changes.

        It runs inside the transaction, on the committer's thread: it must be quick, touch nothing
        and not fail.
        """
        other = copy(self)
        other._engine = self._engine.announcing(announce)
        return other

    def messages(self, queue: str, limit: int) -> list[Message]:
        """The oldest that wait, in order."""
        return messages.waiting(self._db, queue, limit)

    async def forget_messages(self, queue: str, last: int) -> None:
        """They are delivered, up to number ``last``."""
        await self._engine.submit(messages.Forget(queue, last))
