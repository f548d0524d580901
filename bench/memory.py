"""Memory this machine has touched before: a fresh page may cost its host more than the server.

In a virtual machine the first use of a page is a fault for the host to serve, up to three times
what the write itself costs. Whoever runs first would pay for all; so before a cell that fills the
page cache the same amount is touched and freed, for every server alike.
"""

import mmap
import os
from pathlib import Path

MOST_BYTES = 3 << 30
SHARE = 0.6
"""Of what is available: the servers and the client need the rest."""
_STEP = 1 << 20


def recycle(most: int = MOST_BYTES) -> int:
    """Write back what is dirty, touch and free up to ``most`` bytes; how many those were."""
    os.sync()
    size = min(most, int(available_bytes() * SHARE)) // _STEP * _STEP
    if not size:
        return 0
    block = b"\x01" * _STEP
    with mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        for at in range(0, size, _STEP):
            memory[at : at + _STEP] = block
    return size


def available_bytes() -> int:
    """MemAvailable: free, or given up by the page cache without a swap."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0
