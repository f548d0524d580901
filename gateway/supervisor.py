"""Supervisor: starts the workers, restarts those that die, ends them all. Answers nothing itself.

It is one thread without an event loop, so that forking is safe at any time. A worker notices the
supervisor's death by the end of a pipe, whose other end only the supervisor holds.
"""

import logging
import os
import select
import signal
import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import NoReturn

from gateway import listener, worker
from gateway.worker import Work

log = logging.getLogger("s3gw.gateway")

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 30.0
STEADY_SECONDS = 10.0
"""A worker that lived this long starts again at once; one that did not, waits twice as long."""
CLOSING_SECONDS = 2.0
"""After the drain, for the store to finish; then the worker is killed."""


@dataclass(slots=True)
class _Place:
    """One worker's place: who is in it, or when the next one comes."""

    number: int
    pid: int = 0
    ready: int = -1
    """Read end of the pipe on which the worker says that it accepts; -1 once it has."""
    born: float = 0.0
    delay: float = 0.0
    due: float = 0.0


class Supervisor:
    """Runs ``count`` workers until it is told to stop."""

    def __init__(self, work: Work, claimed: socket.socket, count: int) -> None:
        """``work.ready`` is called when all workers accept."""
        self._work = work
        self._claimed = claimed
        self._places = [_Place(number) for number in range(count)]
        self._announced = False
        self._stopping = False
        self._failed = False
        self._kill_at = float("inf")
        self._lifeline, self._own_end = os.pipe()
        self._wake, self._wake_write = socket.socketpair()

    def run(self) -> int:
        """The exit code: 0 after an orderly stop, 1 when a worker could not start."""
        self._wake.setblocking(False)
        self._wake_write.setblocking(False)
        for number in SIGNALS:
            signal.signal(number, _noticed)
        signal.set_wakeup_fd(self._wake_write.fileno(), warn_on_full_buffer=False)
        self._fork(self._places[0])  # alone, so that what keeps workers from starting is said once
        while True:
            self._wait()
            self._reap()
            if self._stopping and not any(place.pid for place in self._places):
                return 1 if self._failed else 0
            self._act()

    def _wait(self) -> None:
        """Until a signal, a word from a worker, or the next thing that is due."""
        poll = select.poll()
        poll.register(self._wake, select.POLLIN)
        for place in self._places:
            if place.ready >= 0:
                poll.register(place.ready, select.POLLIN)
        ready = {descriptor for descriptor, _event in poll.poll(self._patience())}
        for place in self._places:
            if place.ready in ready:
                self._hear(place)
        if self._wake.fileno() in ready:
            for number in self._wake.recv(4096):
                self._told(number)

    def _patience(self) -> float | None:
        """Milliseconds until the next restart or kill; ``None``: for ever."""
        due = [self._kill_at] if self._stopping else [p.due for p in self._places if not p.pid]
        if not self._announced and not self._stopping:
            return None
        soonest = min(due, default=float("inf"))
        if soonest == float("inf"):
            return None
        return max(0.0, soonest - time.monotonic()) * 1000 + 1

    def _told(self, number: int) -> None:
        if number == signal.SIGHUP:
            self._signal_all(signal.SIGHUP)
        elif number in (signal.SIGTERM, signal.SIGINT):
            if self._stopping:
                self._failed = True
                self._signal_all(signal.SIGKILL)
            else:
                log.info("stopping within %g s", self._work.config.drain_seconds)
                self._stop()

    def _stop(self) -> None:
        self._stopping = True
        self._kill_at = time.monotonic() + self._work.config.drain_seconds + CLOSING_SECONDS
        self._signal_all(signal.SIGTERM)

    def _hear(self, place: _Place) -> None:
        said = os.read(place.ready, 1)
        os.close(place.ready)
        place.ready = -1
        if not said or self._stopping:
            return  # it died; SIGCHLD says the rest
        if not self._announced:
            waiting = [each for each in self._places if not each.pid]
            for each in waiting:
                self._fork(each)
            if not waiting and all(each.ready < 0 for each in self._places):
                self._announced = True
                self._work.ready()
        else:
            log.info("worker %d accepts again", place.number)

    def _reap(self) -> None:
        for place in self._places:
            if not place.pid or os.waitpid(place.pid, os.WNOHANG)[0] == 0:
                continue
            place.pid = 0
            if place.ready >= 0:
                os.close(place.ready)
                place.ready = -1
            if not self._stopping:
                self._lost(place)

    def _lost(self, place: _Place) -> None:
        if not self._announced:
            self._failed = True
            self._stop()
            return
        now = time.monotonic()
        if now - place.born >= STEADY_SECONDS:
            place.delay = 0.0
        place.due = now + place.delay
        log.error("worker %d died; another one starts in %g s", place.number, place.delay)
        place.delay = min(max(place.delay * 2, FIRST_DELAY_SECONDS), LONGEST_DELAY_SECONDS)

    def _act(self) -> None:
        now = time.monotonic()
        if self._stopping:
            if now >= self._kill_at:
                log.error("workers still busy after %g s are killed", self._drain)
                self._kill_at = float("inf")
                self._failed = True
                self._signal_all(signal.SIGKILL)
        elif self._announced:
            for place in self._places:
                if not place.pid and now >= place.due:
                    self._fork(place)

    @property
    def _drain(self) -> float:
        return self._work.config.drain_seconds

    def _signal_all(self, number: int) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, number)

    def _fork(self, place: _Place) -> None:
        place.ready, ready_write = os.pipe()
        place.born = time.monotonic()
        # No signal may find the child while it still has the supervisor's handlers.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
        place.pid = os.fork()
        if place.pid == 0:
            self._child(place, ready_write, blocked)
        signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
        os.close(ready_write)

    def _child(self, place: _Place, ready_write: int, blocked: Iterable[int]) -> NoReturn:
        code = 1
        try:
            signal.set_wakeup_fd(-1)
            for number in SIGNALS:
                signal.signal(number, signal.SIG_DFL)
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            self._close_inherited()
            sock = listener.share(self._claimed)
            first = not self._announced and place.number == 0
            work = replace(
                self._work,
                number=place.number,
                ready=_say_ready(ready_write),
                lifeline=self._lifeline,
                buckets=self._work.buckets if first else (),
            )
            code = worker.run(work, sock)
        except Exception:
            log.exception("worker %d could not be set up", place.number)
        finally:
            os._exit(code)  # nothing of the supervisor's may run here

    def _close_inherited(self) -> None:
        os.close(self._own_end)  # or no worker would ever see the pipe's end
        self._wake.close()
        self._wake_write.close()
        for place in self._places:
            if place.ready >= 0:
                os.close(place.ready)


def _say_ready(descriptor: int) -> Callable[[], None]:
    def say() -> None:
        os.write(descriptor, b"1")
        os.close(descriptor)

    return say


def _noticed(number: int, frame: object) -> None:
    """The wake-up descriptor tells; a handler is needed for it to be written."""
