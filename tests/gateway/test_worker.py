"""What a worker does with its process."""

import subprocess
import sys

FAULTS = """
import resource
from gateway.worker import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(100):
        pieces = [bytes(300_000) for _ in range(4)]
        del pieces
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

keep_freed_memory()
faults()
print(faults())
"""


def test_memory_that_was_freed_is_used_again():
    """In a process of its own: the setting is for good, and the C library's."""
    ran = subprocess.run([sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True)

    assert int(ran.stdout) < 100  # without, 7,000
