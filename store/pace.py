"""Pace: how fast a chore may go, so that it leaves the disk to those who wait for an answer."""

import time
from collections.abc import Callable


class Pace:
    """At most ``bytes_per_second``, on average over a second; 0 is as fast as it goes."""

    def __init__(
        self,
        bytes_per_second: int,
        *,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rate = bytes_per_second
        self._sleep = sleep
        self._clock = clock
        self._due = clock()
        """When all that was spent so far may have been spent."""

    def spent(self, count: int) -> None:
        """Sleep until this many bytes more fit."""
        if not self._rate:
            return
        now = self._clock()
        # What was not used is not saved up for longer than a second.
        self._due = max(self._due, now - 1) + count / self._rate
        if self._due > now:
            self._sleep(self._due - now)
