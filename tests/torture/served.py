"""The server that gates torture: two workers, credentials of ours, segments that roll soon."""

import asyncio
from pathlib import Path

from store import fsck
from tests.gateway.server_process import ServerProcess
from tests.torture.lanes import BUCKET, VERSIONS, Lane, Live
from tests.torture.lanes_plain import PlainLane
from tests.torture.lanes_versions import VersionedLane
from tests.torture.wire import Client, Signer

ACCESS_KEY, SECRET = "torture-key", "the-secret-that-no-log-may-have"
OPTIONS = (
    *("--workers", "2", "--log-level", "WARNING", "--scrub-days", "0"),
    *("--segment-bytes", str(8 << 20), "--journal-bytes", str(32 << 20)),
    *("--collect-seconds", "0.5", "--trash-grace-seconds", "1"),
)
VERSIONED = (
    b'<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Status>Enabled</Status></VersioningConfiguration>"
)


def started(directory: Path, *options: str, mutant: str = "", **environ: str) -> ServerProcess:
    """It need not be ready yet. Later options win."""
    environ |= {
        "S3GW_ROOT_ACCESS_KEY": ACCESS_KEY,
        "S3GW_ROOT_SECRET_KEY": SECRET,
        "S3GW_BUCKETS": f"{BUCKET}, {VERSIONS}",
    }
    return ServerProcess(directory, *OPTIONS, *options, mutant=mutant, **environ)


def signer(server: ServerProcess) -> Signer:
    return Signer(server.port, ACCESS_KEY, SECRET)


async def answers(live: Live) -> bool:
    """Whether it answers a request that reads the store with 200; keeps versions from then on."""
    client = Client()
    try:
        kept = await client.ask(live.signer, "GET", f"/{VERSIONS}", {"versioning": ""})
        if b"Enabled" not in kept.body:
            await client.ask(live.signer, "PUT", f"/{VERSIONS}", {"versioning": ""}, body=VERSIONED)
        return kept.status == 200
    finally:
        client.close()


def lanes(live: Live, seed: int, *, plain: int = 6, versioned: int = 2) -> list[Lane]:
    return [
        *(PlainLane(live, f"p{number}", str(seed)) for number in range(plain)),
        *(VersionedLane(live, f"v{number}", str(seed)) for number in range(versioned)),
    ]


def ended(server: ServerProcess, live: Live) -> None:
    """Its process group is gone when this returns, whatever state it was in. Blocks."""
    server.__exit__(None, None, None)
    said = server.out.text + server.err.text
    if SECRET in said:
        live.wrong("the secret is in the log")
    for line in said.splitlines():
        if "Traceback" in line or "unhandled" in line:
            live.wrong(f"it said: {said[-2000:]}")
            break


async def checked(directory: Path, live: Live) -> None:
    """While no server is there: everything in the store fits together, byte by byte."""
    for found in await asyncio.to_thread(lambda: list(fsck.check(directory))):
        live.wrong(f"fsck: {found.kind}: {found.where}")
