"""What a process and all its descendants cost, read from /proc. Linux only."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
PAGE_BYTES = os.sysconf("SC_PAGESIZE")


@dataclass(frozen=True)
class Status:
    """One line of /proc/PID/stat. The CPU seconds hold ended threads and reaped children too."""

    pid: int
    parent: int
    cpu_seconds: float
    rss_bytes: int


def parse(line: str) -> Status:
    """``12 (a) b) S 1 ...``: the name may hold spaces and brackets, so count from its end.

    https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
    """
    begin, _, rest = line.rpartition(")")
    fields = rest.split()
    return Status(
        pid=int(begin.partition(" ")[0]),
        parent=int(fields[1]),
        cpu_seconds=sum(map(int, fields[11:15])) / TICKS_PER_SECOND,
        rss_bytes=int(fields[21]) * PAGE_BYTES,
    )


def tree(pid: int) -> list[Status]:
    """The process and its living descendants; empty when it is gone."""
    everyone: dict[int, Status] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                everyone[int(entry.name)] = parse((entry / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue  # ended between the two lines
    found = [everyone[pid]] if pid in everyone else []
    for each in found:  # grows while it is walked
        found += [other for other in everyone.values() if other.parent == each.pid]
    return found


def rss_bytes(pid: int) -> int:
    return sum(each.rss_bytes for each in tree(pid))


@dataclass(frozen=True)
class Used:
    """What a family of processes used between two moments."""

    cpu_seconds: float = 0.0
    bytes_written: int = 0
    """Made dirty in the page cache or written past it: what must reach the disk in the end."""
    peak_rss_bytes: int = 0
    """The sum of each process's own peak; a page that two share counts twice."""


class Meter:
    """From ``start`` to ``stop``, for a process and its descendants; pid 0 costs nothing."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def start(self) -> None:
        for each in self._family():
            with suppress(OSError):  # a peak then is that of the process's whole life
                Path(f"/proc/{each.pid}/clear_refs").write_text("5")
        self._cpu, self._written = self._cpu_seconds(), self._bytes_written()

    def stop(self) -> Used:
        return Used(
            cpu_seconds=self._cpu_seconds() - self._cpu,
            bytes_written=self._bytes_written() - self._written,
            peak_rss_bytes=sum(
                _number(each.pid, "status", "VmHWM") * 1024 for each in self._family()
            ),
        )

    def _family(self) -> list[Status]:
        return tree(self._pid) if self._pid else []

    def _cpu_seconds(self) -> float:
        return sum(each.cpu_seconds for each in self._family())

    def _bytes_written(self) -> int:
        """Ended threads and reaped children are in it.

        https://man7.org/linux/man-pages/man5/proc_pid_io.5.html
        """
        return sum(_number(each.pid, "io", "write_bytes") for each in self._family())


def _number(pid: int, file: str, name: str) -> int:
    """The number behind ``name:`` in /proc/PID/``file``; 0 when it is not there (any more)."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1])
    return 0


NOTHING = Meter(0)
