"""What runs beside the workers of ``gc_race`` until it is killed: compaction and checkpoints.

A line of JSON after each compaction.
"""

import json
import sys
import threading
from collections import Counter
from contextlib import closing, suppress
from itertools import cycle
from pathlib import Path

import apsw

from store.compaction import compact
from store.database import FILE, open_writer
from tests.torture.gc_race import SETTINGS

PAUSE_SECONDS = 0.01
MODES = [apsw.SQLITE_CHECKPOINT_PASSIVE] * 7 + [apsw.SQLITE_CHECKPOINT_TRUNCATE]


def checkpoints(directory: Path, figures: Counter[str]) -> None:
    stop = threading.Event()
    with closing(open_writer(directory / FILE, "commit")) as db:
        for mode in cycle(MODES):
            with suppress(apsw.BusyError):
                db.wal_checkpoint(mode=mode)
                figures["checkpoints"] += 1
            stop.wait(PAUSE_SECONDS)


def main() -> None:
    directory = Path(sys.argv[1])
    figures: Counter[str] = Counter()
    thread = threading.Thread(target=checkpoints, args=(directory, figures), daemon=True)
    thread.start()
    while True:
        done = compact(directory, SETTINGS, below=0.9)
        if done.moved_bytes:
            figures.update(compactions=1, moved_bytes=done.moved_bytes)
            print(json.dumps(figures), flush=True)
            figures.clear()


if __name__ == "__main__":
    main()
