"""Buffers: the memory that bodies come in to, lent out and taken back, never above one limit.

One event loop's, not thread-safe. Whoever asks for more than there is waits in line, so a client's
socket is read no faster than the disk and the hashes can follow.
"""

import asyncio
from collections import deque


class Buffers:
    """Byte arrays of ``size`` bytes, at most ``limit`` of them lent at a time."""

    def __init__(self, size: int, limit: int, keep: int) -> None:
        """``keep`` of those given back are kept for the next one; others are freed."""
        self.size = size
        self._limit = limit
        self._keep = keep
        self._lent = 0
        self._idle: list[bytearray] = []
        self._waiting: deque[asyncio.Future[bytearray]] = deque()

    async def take(self) -> bytearray:
        """A buffer with anything in it. First come, first served; ``give`` it back."""
        if self._lent < self._limit:
            self._lent += 1
            return self._idle.pop() if self._idle else bytearray(self.size)
        turn: asyncio.Future[bytearray] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give(turn.result())
            raise

    def give(self, buffer: bytearray) -> None:
        """Nobody may use it any more."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(buffer)
                return
        self._lent -= 1
        if len(self._idle) < self._keep:
            self._idle.append(buffer)
