"""Resident memory of a process, from the kernel's books."""

import re
from pathlib import Path


def resident_bytes(pid: int) -> int:
    """What it has now."""
    return _field(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """The most that it has had since it began, or since ``forget_peak``."""
    return _field(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html"""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _field(pid: int, name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text(), re.M)
    assert found, name
    return int(found[1]) * 1024
