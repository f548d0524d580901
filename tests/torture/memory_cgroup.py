"""A memory cgroup of a gate's own, below the one it runs in; version 1 or 2."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

VARIABLE = "TORTURE_CGROUP"
_ROOT = Path("/sys/fs/cgroup")


def _own() -> tuple[Path, str]:
    """Where our own one is, and the name of its file with the limit. Raises ``LookupError``."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return _ROOT / "memory" / path.lstrip("/"), "memory.limit_in_bytes"
        if number == "0" and not controllers:
            here = _ROOT / path.lstrip("/")
            known = here / "cgroup.subtree_control"
            if known.exists() and "memory" in known.read_text().split():
                return here, "memory.max"
    raise LookupError("no cgroup with a memory controller")


def impossible() -> str | None:
    """Why none can be made here."""
    try:
        here, limit = _own()
    except (LookupError, OSError) as error:
        return str(error)
    if not os.access(here, os.W_OK):
        return "needs a memory cgroup that may be written (root)"
    return None if (here / limit).exists() else f"{here} has no {limit}"


@contextlib.contextmanager
def cgroup(most_bytes: int) -> Iterator[Path]:
    """An empty one. What is in it at the end must have ended."""
    parent, limit = _own()
    made = parent / f"s3gw-torture-{os.getpid()}"
    made.mkdir()
    try:
        (made / limit).write_text(str(most_bytes))
        yield made
    finally:
        made.rmdir()


def killed(cgroup: Path) -> int:
    """How many of its processes were killed for want of memory."""
    for name in ("memory.events", "memory.oom_control"):
        with contextlib.suppress(OSError):
            for line in (cgroup / name).read_text().splitlines():
                word, _, count = line.partition(" ")
                if word == "oom_kill":
                    return int(count)
    return 0


def enter() -> None:
    """This process, and those it will start, into the cgroup that the environment names."""
    (Path(os.environ[VARIABLE]) / "cgroup.procs").write_text(str(os.getpid()))
