"""What this machine does right now, measured before each leg: it decides which legs count."""

import hashlib
import os
import platform
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

APPENDS = 200
TOLERANCE = 0.15


@dataclass(frozen=True)
class Calibration:
    """MD5 of 1 MiB blocks, one thread; p50 of fdatasync after an append of 4 KiB."""

    md5_ns_per_byte: float
    fdatasync_ms: float


def calibrate(directory: Path) -> Calibration:
    """Takes some 0.2 s. ``directory`` is on the file system the servers use."""
    block = os.urandom(1 << 20)
    began = perf_counter()
    digest = hashlib.md5(usedforsecurity=False)
    for _ in range(64):
        digest.update(block)
    md5 = (perf_counter() - began) / 64 / len(block) * 1e9
    path = directory / "calibration"
    took = []
    with path.open("wb", buffering=0) as file:
        for _ in range(APPENDS):
            file.write(block[:4096])
            began = perf_counter()
            os.fdatasync(file.fileno())
            took.append(perf_counter() - began)
    path.unlink()
    return Calibration(md5, median(took) * 1e3)


def steady(all_of_them: Iterable[Calibration], one: Calibration) -> bool:
    """Neither figure of ``one`` is further than 15 % from the median of all."""
    them = list(all_of_them)
    md5 = median(each.md5_ns_per_byte for each in them)
    sync = median(each.fdatasync_ms for each in them)
    return (
        abs(one.md5_ns_per_byte / md5 - 1) <= TOLERANCE
        and abs(one.fdatasync_ms / sync - 1) <= TOLERANCE
    )


def machine() -> dict[str, str]:
    """What a reader must know to compare the figures with others."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "cpu": f"{os.cpu_count()} x {models[0] if models else platform.machine()}",
        "kernel": platform.release(),
        "python": platform.python_version(),
    }
