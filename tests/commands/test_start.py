"""How a process of ``s3gw`` begins."""

import json
import subprocess
import sys

_COUNTING = """
import gc, json, sys
collections = []
gc.callbacks.append(lambda phase, told: phase == "start" and collections.append(told))
from gateway.__main__ import main
before = len(collections)
try:
    main()
except SystemExit:
    pass
print(json.dumps([len(collections) - before, gc.get_freeze_count(), gc.isenabled()]))
"""


def test_modules_are_loaded_without_looking_for_garbage_among_them():
    begun = subprocess.run(
        [sys.executable, "-c", _COUNTING, "serve", "--help"], capture_output=True, check=True
    )
    collections, frozen, enabled = json.loads(begun.stdout.splitlines()[-1])

    assert enabled
    assert collections < 10
    assert frozen > 50_000
