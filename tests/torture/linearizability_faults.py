"""What befalls the workers of a server while clients ask it: kill -9, and pauses."""

import asyncio
import os
import signal
import time
from random import Random

from tests.gateway.server_process import ServerProcess
from tests.torture.linearizability_load import PATIENCE_SECONDS

STEADY_SECONDS = 10.5
"""A worker that lived this long and is killed starts again at once (``gateway.supervisor``)."""


class Faults:
    """One at a time, to one worker, by chance."""

    def __init__(self, server: ServerProcess, rng: Random) -> None:
        self._server = server
        self._rng = rng
        self._struck = 0
        self._born = dict.fromkeys(server.workers, -STEADY_SECONDS)
        self.kills = 0
        self.pauses = 0

    async def strike(self) -> None:
        """Returns when it is over; a worker that was killed may not be back by then."""
        self._struck += 1
        workers = self._server.workers
        now = time.monotonic()
        old = [pid for pid in workers if now - self._born.setdefault(pid, now) > STEADY_SECONDS]
        if self._struck % 7 == 3:
            await self._pause(self._rng.choice(workers), 1.3 * PATIENCE_SECONDS)
        elif old and self._server.err.text.count("accepts again") == self.kills:
            os.kill(self._rng.choice(old), signal.SIGKILL)
            self.kills += 1
        else:
            await self._pause(self._rng.choice(workers), self._rng.uniform(0.01, 0.2))

    async def _pause(self, pid: int, seconds: float) -> None:
        self.pauses += 1
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            os.kill(pid, signal.SIGCONT)
