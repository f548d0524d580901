"""What a process and all its descendants cost, read from /proc. Linux only."""

import os
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


def cpu_seconds(pid: int) -> float:
    return sum(each.cpu_seconds for each in tree(pid))


def rss_bytes(pid: int) -> int:
    return sum(each.rss_bytes for each in tree(pid))
