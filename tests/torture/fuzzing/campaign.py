"""Campaign: a target run on a great many inputs, in a process of its own, with limits.

An input may take two seconds of CPU time (not of the clock: machines are shared), all of them
together 50 MB. Inputs that end in a way not seen before are mutated further: that leads inwards
without tracing every line, which would cost nine tenths of the inputs.
"""

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from random import Random
from time import monotonic, process_time

from tests.torture.fuzzing.mutation import Mutation
from tests.torture.fuzzing.target import Target

HANG_SECONDS = 2
GROWTH_BYTES = 50_000_000
SETTLED = 0.1
"""After this share of the inputs caches are full: memory is compared with what it is then."""
MOST_FINDINGS = 10
MOST_KEPT_BYTES = 4096
"""Longer inputs are tried, but too slow to go on from."""
SILENCE_SECONDS = 120
"""A process that gets no further for so long is stuck where Python cannot interrupt it."""
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass
class Report:
    """What came of one target."""

    target: str
    inputs: int = 0
    kinds: int = 0
    """Ways of ending that were seen."""
    seconds: float = 0.0
    slowest_ms: float = 0.0
    growth_bytes: int = 0
    violations: list[str] = field(default_factory=list)
    found: list[tuple[str, bytes]] = field(default_factory=list)
    """The first input of each way of ending, by a name for it."""


class Hang(BaseException):
    """An input takes too long."""


def resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def ending(error: BaseException) -> tuple[object, ...]:
    """Where an error was raised, and what kind of error it is."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return type(error), trace and trace.tb_lineno


class Campaign:
    """One run. ``progress`` is told the number of inputs now and then."""

    def __init__(
        self, target: Target, seed: int, progress: Callable[[int], None] = lambda _: None
    ) -> None:
        self._target = target
        self._progress = progress
        self._mutation = Mutation(Random(f"{target.name} {seed}"), target.words, target.most)
        self._seen: set[object] = set()
        self._violated: set[object] = set()
        self.report = Report(target.name)
        self._patience = MOST_FINDINGS
        self._ticks = 0
        self._last = -1

    def run(self, inputs: int) -> Report:
        """The corpus as it is, then ``inputs`` in all."""
        report = self.report
        began = process_time()
        with self._watched():
            for data in self._target.corpus():
                self._try(data)
                self._mutation.add(data)
            base = None
            settled = int(inputs * SETTLED)
            while report.inputs < inputs and self._patience > 0:
                self._try(self._mutation.next())
                if report.inputs & 1023 == 0:
                    self._progress(report.inputs)
                    if report.inputs >= settled:
                        now = resident_bytes()
                        base = base or now
                        report.growth_bytes = max(report.growth_bytes, now - base)
        report.seconds = process_time() - began
        report.kinds = len(self._seen)
        if report.growth_bytes > GROWTH_BYTES:
            report.violations.append(f"{report.target}: grew by {report.growth_bytes} bytes")
        return report

    def _try(self, data: bytes) -> None:
        target, report = self._target, self.report
        report.inputs += 1
        try:
            kind: object = target.run(data)
        except target.refusals as error:
            kind = ending(error)
        except Exception as error:
            self._violation(ending(error), error, data)
            return
        except Hang as error:
            self._violation(("hang", error.args), error, data)
            self._patience = 0
            return
        if kind not in self._seen:
            self._seen.add(kind)
            if len(data) <= MOST_KEPT_BYTES:
                self._mutation.add(data)
            report.found.append((_name(kind), data))

    def _violation(self, kind: object, error: BaseException, data: bytes) -> None:
        if kind in self._violated:
            return
        self._violated.add(kind)
        self._patience -= 1
        places = traceback.extract_tb(error.__traceback__)[-3:]
        told = " < ".join(f"{Path(p.filename).name}:{p.lineno}" for p in reversed(places))
        self.report.violations.append(
            f"{self.report.target}: {type(error).__name__}: {str(error)[:200]} at {told} of"
            f" {data[:1000]!r}"
        )
        self.report.found.append((f"violation-{type(error).__name__}", data))

    @contextmanager
    def _watched(self) -> Iterator[None]:
        before = signal.signal(signal.SIGPROF, self._tick)
        signal.setitimer(signal.ITIMER_PROF, HANG_SECONDS / 4, HANG_SECONDS / 4)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)

    def _tick(self, *_: object) -> None:
        if self.report.inputs != self._last:
            self._last, self._ticks = self.report.inputs, 0
            return
        self._ticks += 1
        self.report.slowest_ms = max(self.report.slowest_ms, self._ticks * HANG_SECONDS * 250.0)
        if self._ticks >= 4:
            self._ticks = 0
            raise Hang(f"more than {HANG_SECONDS} s")


def _name(kind: object) -> str:
    if isinstance(kind, tuple) and kind and isinstance(kind[0], type):
        return kind[0].__name__
    return "accepted"


def _child(
    target: Target, seed: int, inputs: int, prepare: Callable[[], object], told: Connection
) -> None:
    prepare()
    try:
        told.send(Campaign(target, seed, told.send).run(inputs))
    except BaseException:
        told.send(Report(target.name, violations=[f"{target.name}: {traceback.format_exc()}"]))


def campaigns(
    targets: Sequence[Target],
    seed: int,
    inputs: int,
    prepare: Callable[[], object] = lambda: None,
    processes: int | None = None,
) -> Iterator[Report]:
    """As they end: all of them, some at a time, each in a process of its own after ``prepare``."""
    fork = multiprocessing.get_context("fork")
    waiting = list(targets)
    running: dict[Connection, tuple[Target, multiprocessing.process.BaseProcess, list[float]]] = {}
    while waiting or running:
        while waiting and len(running) < (processes or os.cpu_count() or 1):
            target = waiting.pop(0)
            ours, theirs = fork.Pipe(duplex=False)
            child = fork.Process(target=_child, args=(target, seed, inputs, prepare, theirs))
            child.start()
            theirs.close()
            running[ours] = target, child, [monotonic(), 0]
        for told in wait(list(running), timeout=1):
            assert isinstance(told, Connection)
            target, child, heard = running[told]
            heard[0] = monotonic()
            try:
                said = told.recv()
            except EOFError:
                said = Report(target.name, violations=[f"{target.name}: the process died"])
            if isinstance(said, int):
                heard[1] = said
                continue
            del running[told]
            _end(told, child)
            yield said
        for told, (target, child, heard) in list(running.items()):
            if monotonic() - heard[0] > SILENCE_SECONDS and not told.poll():
                text = f"{target.name}: stuck after input {heard[1]:.0f} of seed {seed}"
                child.kill()
                del running[told]
                _end(told, child)
                yield Report(target.name, violations=[text])


def _end(told: Connection, child: multiprocessing.process.BaseProcess) -> None:
    told.close()
    child.join()
