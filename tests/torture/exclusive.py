"""R17: a directory has one server; a second one ends at once and has changed nothing.

Beside a server at work, beside a worker whose supervisor was killed, and when both start together.
The first is stopped meanwhile, so that whatever changes was changed by the second.
"""

import os
import select
import signal
import subprocess
from contextlib import ExitStack, suppress
from hashlib import sha256
from pathlib import Path
from time import monotonic

import uvloop

from tests.gateway.server_process import PATIENCE_SECONDS, ServerProcess
from tests.torture import served
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.lanes import BUCKET
from tests.torture.measured import allowed, percentile
from tests.torture.wire import Client

ROUNDS = 25
BESIDE = 2
"""Of a round; with one beside an orphan and one pair that makes four double starts."""
LIMIT_SECONDS = 2.0


class _Rounds:
    def __init__(self, run: Run) -> None:
        self._directory = run.directory / "data"
        self._mutant = f"tests.torture.exclusive:{run.mutant}" if run.mutant else ""
        self._limit = allowed(run, LIMIT_SECONDS)
        self.seconds: list[float] = []
        self.violations: list[str] = []

    def all(self, count: int) -> None:
        """Each round ends with a server that has won; the next begins with killing it."""
        first = self._started().ready()
        try:
            for number in range(count):
                self._answers(first, number)
                for _ in range(BESIDE):
                    self._beside(first)
                self._orphaned(first)
                if self.violations:
                    return
                first.__exit__(None, None, None)  # SIGKILL to what is left of it
                first = self._together()
            self._answers(first, count)
        finally:
            first.__exit__(None, None, None)

    def _started(self) -> ServerProcess:
        return served.started(self._directory, mutant=self._mutant)

    def _answers(self, server: ServerProcess, number: int) -> None:
        """It has what the round before wrote, and takes what the next one reads."""
        told = uvloop.run(_answers(server, number))
        if told:
            self.violations.append(told)

    def _beside(self, first: ServerProcess) -> None:
        if self.violations:
            return
        everyone = [first.process.pid, *first.workers]
        os.killpg(first.process.pid, signal.SIGSTOP)
        while not all(map(_stands_still, everyone)):  # the signal is sent, not yet obeyed
            os.sched_yield()
        try:
            before = contents(self._directory)
            self._refused()
            if contents(self._directory) != before:
                self.violations.append("the second server changed data of the first")
        finally:
            os.killpg(first.process.pid, signal.SIGCONT)

    def _orphaned(self, first: ServerProcess) -> None:
        survivor = first.workers[0]
        os.kill(survivor, signal.SIGSTOP)  # it cannot notice that its supervisor dies
        first.process.kill()
        first.process.wait()
        self._refused()

    def _refused(self) -> None:
        began = monotonic()
        with self._started() as second:
            self._judge(second, began)

    def _judge(self, second: ServerProcess, began: float) -> None:
        code = _code(second)
        self.seconds.append(monotonic() - began)
        if code is None:
            self.violations.append("the second server stays")
        elif code == 0:
            self.violations.append("the second server ended with 0")
        if self.seconds[-1] > self._limit:
            self.violations.append(f"the second server took {self.seconds[-1]:.2f} s to end")

    def _together(self) -> ServerProcess:
        """The one that has won."""
        began = monotonic()
        with ExitStack() as started:
            pair = [started.enter_context(self._started()) for _ in range(2)]
            ended = wait_for_one(pair)
            loser, winner = (pair[0], pair[1]) if ended is pair[0] else (pair[1], pair[0])
            self._judge(loser, began)
            if _code(winner) is not None:
                self.violations.append("of two servers none serves")
            started.pop_all()
        loser.__exit__(None, None, None)
        return winner


def _stands_still(process: int) -> bool:
    """All its threads do. https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html"""
    threads = Path(f"/proc/{process}/task").glob("*/stat")
    return all(each.read_text().rpartition(")")[2].split()[0] == "T" for each in threads)


def _code(server: ServerProcess) -> int | None:
    """Its exit code, or nothing: it serves, or waits for what the first one holds."""
    with suppress(subprocess.TimeoutExpired):
        try:
            server.ready()
        except AssertionError:
            return server.ended()
    return None


def wait_for_one(servers: list[ServerProcess]) -> ServerProcess | None:
    """The first of them to end; nothing when none does in time."""
    with ExitStack() as opened:
        poll = select.poll()
        by_descriptor = {}
        for each in servers:
            descriptor = os.pidfd_open(each.process.pid)
            opened.callback(os.close, descriptor)
            poll.register(descriptor, select.POLLIN)
            by_descriptor[descriptor] = each
        ended = poll.poll(PATIENCE_SECONDS * 1000)
        return by_descriptor[ended[0][0]] if ended else None


async def _answers(server: ServerProcess, number: int) -> str:
    client, signer = Client(), served.signer(server)
    try:
        got = await client.ask(signer, "GET", f"/{BUCKET}/{number - 1}")
        if number and got.body != b"%d" % (number - 1):
            return f"round {number - 1} was acknowledged, but is {got}"
        put = await client.ask(signer, "PUT", f"/{BUCKET}/{number}", body=b"%d" % number)
        return "" if put.done else f"put: {put}"
    finally:
        client.close()


def contents(directory: Path) -> dict[str, tuple[int, int, int, bytes]]:
    """Every file by name: inode, length, time of its last change, digest."""
    found = {}
    for path in directory.rglob("*"):
        if path.is_file():
            status, digest = path.stat(), sha256(path.read_bytes()).digest()
            found[str(path)] = (status.st_ino, status.st_size, status.st_mtime_ns, digest)
    return found


def _run(run: Run) -> Outcome:
    rounds = _Rounds(run)
    rounds.all(run.of(ROUNDS))
    seconds = rounds.seconds or [0.0]
    figures = {
        "double_starts": len(rounds.seconds),
        "refused_p50_seconds": round(percentile(seconds, 0.5), 3),
        "refused_max_seconds": round(max(seconds), 3),
    }
    return Outcome(figures, rounds.violations)


# --- defects --------------------------------------------------------------------------------------


def no_lock() -> None:
    """The lock's file is opened, and that is all."""
    from store import lock

    def opened(self: lock.DirectoryLock, directory: Path) -> None:
        self._file = os.open(directory / "server.lock", lock._FLAGS, 0o600)

    lock.DirectoryLock.__init__ = opened  # type: ignore[method-assign]


def lock_by_pid() -> None:
    """Whoever finds the number of a dead process in the file takes the directory."""
    from store import lock
    from store.errors import DirectoryLocked

    def opened(self: lock.DirectoryLock, directory: Path) -> None:
        path = directory / "server.pid"
        if path.exists() and Path(f"/proc/{path.read_text()}").exists():
            raise DirectoryLocked(str(directory))
        path.write_text(str(os.getpid()))
        self._file = os.open(directory / "server.lock", lock._FLAGS, 0o600)

    lock.DirectoryLock.__init__ = opened  # type: ignore[method-assign]


GATE = Gate(
    name="R17 exclusive",
    bar="100 double starts: the second always exits within 2 s, data unchanged",
    run=_run,
    mutants=("no_lock", "lock_by_pid"),
    short=1 / ROUNDS,
)
