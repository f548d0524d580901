"""Spare: the last bytes of a disk, kept for what gives space back.

On a disk that is full to the last block nothing can be deleted: SQLite writes a deletion to its
log, and the journal its record, before any byte is freed. So what only takes is refused earlier.
"""

import os
from pathlib import Path

from store.errors import NoSpace, Unavailable

SPARE_BYTES = 32 << 20
"""SQLite's log at its usual longest is 16 MiB; as much again for rows and journal."""


def require(directory: Path, length: int = 0) -> None:
    """That the spare bytes are still free after ``length`` more. Costs a microsecond or two.

    Raises ``NoSpace``; ``Unavailable`` when there is no such directory.
    """
    try:
        disk = os.statvfs(directory)
    except OSError as error:
        raise Unavailable(str(error)) from error
    left = disk.f_bavail * disk.f_frsize - length
    if left < SPARE_BYTES and disk.f_blocks:  # without blocks, the file system does not know
        raise NoSpace(f"{directory} would have {left} bytes left; {SPARE_BYTES} are kept")
