"""A file system in a file, mounted through a loop device, whose power can be cut. Wants root."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

_SHUTDOWN = 0x8004587D
"""``EXT4_IOC_SHUTDOWN`` and ``XFS_IOC_GOINGDOWN``."""
_NO_LOG_FLUSH = (2).to_bytes(4, "little")
_SYS_ADMIN = 1 << 21
"""https://man7.org/linux/man-pages/man7/capabilities.7.html"""

MAKE = {"ext4": ("mkfs.ext4", "-q", "-F", "-m", "0"), "xfs": ("mkfs.xfs", "-q", "-f")}
LEAST_BYTES = {"ext4": 64 << 20, "xfs": 320 << 20}
"""Smaller ones are refused, or have no journal to speak of. The image is sparse."""


def impossible(*kinds: str) -> str | None:
    """What is missing to mount such file systems, by name."""
    status = Path("/proc/self/status").read_text()
    capabilities = int(status.partition("CapEff:")[2].split()[0], 16)
    if os.geteuid() != 0 or not capabilities & _SYS_ADMIN:
        return "needs root (CAP_SYS_ADMIN), to mount file systems"
    if not Path("/dev/loop-control").exists():
        return "needs loop devices (/dev/loop-control)"
    for tool in ("mount", "umount", *(MAKE[kind][0] for kind in kinds)):
        if shutil.which(tool) is None:
            return f"needs {tool}"
    return None


class Disk:
    """``with Disk(...) as disk``: mounted at ``disk.path``; unmounted at the end, come what may."""

    def __init__(self, directory: Path, kind: str, size: int = 0) -> None:
        """``directory`` is the disk's own; ``size`` in bytes."""
        directory.mkdir()
        self.path = directory / "mounted"
        self.path.mkdir()
        self._image = directory / "image"
        with self._image.open("wb") as image:
            image.truncate(max(size, LEAST_BYTES[kind]))
        _run(*MAKE[kind], str(self._image))
        self._kind = kind

    def __enter__(self) -> Self:
        self.mount()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if os.path.ismount(self.path):
            _run("umount", "--lazy", str(self.path))

    def mount(self) -> None:
        """As after a start of the machine: the file system recovers first."""
        _run("mount", "-t", self._kind, "-o", "loop", str(self._image), str(self.path))

    def unmount(self) -> None:
        """Nobody may have a file open."""
        _run("umount", str(self.path))

    def cut_power(self) -> None:
        """From now on nothing reaches the disk, not even what its own log has not written yet."""
        directory = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(directory, _SHUTDOWN, _NO_LOG_FLUSH)
        finally:
            os.close(directory)

    def turn_read_only(self) -> None:
        """As after a fault that ext4 has found in itself, while files are open for writing.

        https://docs.kernel.org/admin-guide/abi-testing-files.html (trigger_fs_error)
        """
        _run("mount", "-o", "remount,errors=remount-ro", str(self.path))
        mounts = (line.split() for line in Path("/proc/mounts").read_text().splitlines())
        (device,) = (source for source, at, *_ in mounts if at == str(self.path))
        Path("/sys/fs/ext4", Path(device).name, "trigger_fs_error").write_text("a test")


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
