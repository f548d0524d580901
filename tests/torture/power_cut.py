"""R2: the power fails under a real server, on real file systems; what was answered 2xx is there.

The file system is shut down without a flush of its log, as the machine would stop: what was not
synced is gone at the next mount. One store lives through all cuts of its image.
"""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from unittest import mock

from keys import database as keys_database
from keys.table import Table
from store import database, files, fsck, journal
from tests.gateway.server_process import ServerProcess, wait_for_end
from tests.torture.disk import Disk, impossible
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.power_cut_lanes import BUCKET, Client, Lane, Power, client

EXT4_CUTS, XFS_CUTS = 500, 100
IMAGES = 2
"""Of each file system when there are cuts enough; two run at a time."""
LANES = 6
_DISK_BYTES = 512 << 20
"""The journal keeps all that was ever put, and 32 MiB are kept free."""
_MOST_ACKNOWLEDGED = 80
"""Changes between two cuts."""
_SETTINGS = {
    "S3GW_SEGMENT_BYTES": str(1 << 20),
    "S3GW_COLLECT_SECONDS": "0.05",
    "S3GW_TRASH_GRACE_SECONDS": "0",
    "S3GW_SCRUB_DAYS": "0",
    "S3GW_COMPACT_BELOW": "0",
    "S3GW_LOG_LEVEL": "ERROR",
}


class _Store:
    """One store on one disk, and what is known of it."""

    def __init__(self, disk: Disk, run: Run, seed: int) -> None:
        self._disk = disk
        self._directory = disk.path / "data"
        self._mutant = f"tests.torture.power_cut:{run.mutant}" if run.mutant else ""
        self._chance = random.Random(seed)
        self._lanes = [Lane(number, self._chance) for number in range(LANES)]
        self._credentials = ("", "")
        self._guest = ""
        self._enabled = True
        self.counts: Counter[str] = Counter()
        self.starts: list[float] = []

    def cut(self) -> list[str]:
        """Serve, compare with what was acknowledged, write, cut the power. What is not as it must
        be; and then it is not to be called again.
        """
        if self._directory.exists():
            wrong = [f"fsck: {each.kind} {each.where}" for each in fsck.check(self._directory)]
        else:
            wrong = []
        began = time.monotonic()
        workers = str(self._chance.choice((1, 1, 1, 2)))
        with ServerProcess(
            self._directory, "--workers", workers, mutant=self._mutant, **_SETTINGS
        ) as server:
            try:
                server.ready()
            except AssertionError as error:
                return [*wrong, f"it does not start: {error}"]
            self.starts.append(time.monotonic() - began)
            pids = [*server.workers, server.process.pid]
            found = asyncio.run(self._serve(server))
        for pid in pids:
            wait_for_end(pid)
        self._disk.unmount()
        self._disk.mount()
        return [*wrong, *found]

    async def _serve(self, server: ServerProcess) -> list[str]:
        first = not self._guest
        if first:
            self._credentials = server.said("access key"), server.said("secret")
        with closing(Table(self._directory)) as table:
            async with client(server.port, self._credentials) as asking:
                found = await self._begin(asking, table) if first else []
                found += [each for lane in self._lanes async for each in lane.violations(asking)]
                found += self._guest_violations(table)
                return found or await self._write(server, asking, table)

    async def _begin(self, asking: Client, table: Table) -> list[str]:
        self._guest = table.generate().key
        status, answer = await asking.ask("PUT", BUCKET)
        return [] if status == 200 else [f"no bucket: {status} {answer!r}"]

    def _guest_violations(self, table: Table) -> list[str]:
        """A key that was revoked stays so."""
        enabled = table.get(self._guest).enable
        return [] if enabled == self._enabled else [f"a key's enabled is {enabled}, as it was once"]

    async def _write(self, server: ServerProcess, asking: Client, table: Table) -> list[str]:
        power = Power(self._chance.randrange(1, _MOST_ACKNOWLEDGED))
        lanes = [asyncio.create_task(lane.go_on(asking, power)) for lane in self._lanes]
        waiting = asyncio.create_task(power.enough.wait())
        await asyncio.wait({waiting, *lanes}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if self._chance.random() < 0.5:
            self._enabled = not self._enabled
            await asyncio.to_thread(table.enable if self._enabled else table.disable, self._guest)
        found = [f"refused with the power on: {each.result()}" for each in lanes if each.done()]
        power.off = True
        self._disk.cut_power()
        if self._chance.random() < 0.5:  # or it lives on without a disk
            os.killpg(server.process.pid, signal.SIGKILL)
        await asyncio.gather(*lanes)
        self.counts["acknowledged"] += power.count
        refused = await asyncio.gather(*(lane.insist(asking) for lane in self._lanes))
        return [*found, *("acknowledged without a disk" for each in refused if not each)]


def _image(run: Run, kind: str, number: int, cuts: int, caught: list[str]) -> _Store:
    """What is wrong comes into ``caught``; a mutant is caught once."""
    with Disk(run.directory / f"{kind}-{number}", kind, _DISK_BYTES) as disk:
        store = _Store(disk, run, run.seed * IMAGES + number)
        for cut in range(cuts + 1):  # what the last one left is seen by the start after it
            if caught and run.mutant:
                break
            found = store.cut()
            caught += [f"{kind}, after {cut} cuts: {each}" for each in found]
            if found:
                break
            store.counts[f"{kind}_cuts"] += cut < cuts
        return store


def _run(run: Run) -> Outcome:
    jobs = []
    for number in range(IMAGES):
        for kind, cuts in (("ext4", run.of(EXT4_CUTS)), ("xfs", run.of(XFS_CUTS))):
            share = cuts // IMAGES + (number < cuts % IMAGES)
            if share:
                jobs.append((run, kind, number, share))
    kept = {"synchronous": ("FULL", 2)} if run.mutant == "directories_not_synced" else {}
    with mock.patch.dict(keys_database._PRAGMAS, kept), ThreadPoolExecutor(2) as pool:
        caught: list[str] = []
        stores = list(pool.map(lambda job: _image(*job, caught), jobs))
    counts: Counter[str] = sum((store.counts for store in stores), Counter())
    starts = sorted(start for store in stores for start in store.starts) or [0.0]
    figures = {**counts, "restart_p99_seconds": round(starts[int(len(starts) * 0.99)], 2)}
    return Outcome(figures, caught)


# --- mutants, put into the server -----------------------------------------------------------------


def fsync_off() -> None:
    """Nothing ever waits for the disk."""
    os.fsync = os.fdatasync = lambda file: None
    synchronous_off()


def synchronous_off() -> None:
    database._SYNCHRONOUS["commit"] = ("OFF", 0)


def synchronous_normal() -> None:
    database._SYNCHRONOUS["commit"] = ("NORMAL", 1)


def segments_not_synced() -> None:
    files.sync = lambda file: None


def directories_not_synced() -> None:
    """Names are on disk when the file system likes it. ext4 and XFS bring the name of a new file
    to disk with the file, so what is lost is that one is gone: the key table's rollback journal.
    """
    files.sync_directory = journal._sync_directory = lambda directory: None


GATE = Gate(
    name="R2 power cut",
    bar="500 ext4 + 100 XFS cuts, all acknowledged keys re-read, 0 lost",
    run=_run,
    mutants=(
        "fsync_off",
        "synchronous_off",
        "synchronous_normal",
        "segments_not_synced",
        "directories_not_synced",
    ),
    short=0.002,
    mutant_scale=0.04,
    impossible=lambda: impossible("ext4", "xfs"),
)
