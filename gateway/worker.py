"""Worker: one process that answers, from its socket and settings to its orderly end.

The supervisor forks workers; a server with one worker runs it in its own process.
"""

import asyncio
import ctypes
import gc
import logging
import os
import resource
import signal
import ssl
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from socket import socket

import uvloop

from gateway import app, logs, tls
from gateway.access_log.spool import Spool
from gateway.audit.log import AuditLog
from gateway.config import BadSetting, Config
from gateway.lifecycle.sweeping import Sweep
from gateway.limits import Limits
from gateway.log_delivery import DIRECTORY, LogDelivery
from gateway.notifications.announcing import expiring
from gateway.notifications.delivery import Delivery
from gateway.replication.replicator import Replicator
from keys.access_key import AccessKey
from keys.errors import KeysError
from keys.table import Table
from store.errors import BucketExists, StoreError
from store.progress import Progress
from store.store import Store

log = logging.getLogger("s3gw.gateway")

EXPECTED = (BadSetting, KeysError, StoreError, OSError)
"""What can keep a worker from starting; told in one line, without a traceback."""

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h
KEPT_BYTES = 16 << 20
"""Freed memory that is kept at most where it can be given back: in each arena of the C library, of
which threads have their own."""
MAPPED_BYTES = 4 << 20
"""Allocations from this on are given back at once, as glibc does by default from 128 KiB on."""
GC_THRESHOLD = 5000
"""Objects that are made before the youngest are looked through. With Python's 700 that is done
every ten requests, whose objects are in no circle: it took 6 % of the time of a PUT."""


@dataclass(frozen=True, slots=True)
class NewBucket:
    """A bucket that must be there before the server is ready. One that exists is left as it is."""

    name: str
    acl: str


@dataclass(frozen=True, slots=True)
class Work:
    """What one worker is to do."""

    config: Config
    number: int
    """From 0; worker 0 also collects garbage and obeys lifecycle rules."""
    ready: Callable[[], None]
    """Called once, when connections are accepted."""
    lifeline: int | None = None
    """A pipe whose end is the supervisor's end; ``None`` without a supervisor."""
    buckets: Sequence[NewBucket] = ()
    owner: AccessKey | None = None
    """Who gets ``buckets``."""
    certificate: tuple[Path, Path] | None = None
    limits: Limits | None = None
    """Shared by all workers."""


def run(work: Work, sock: socket) -> int:
    """Answer on a bound socket until told to stop; the exit code of this process."""
    os.umask(0o077)
    _raise_descriptor_limit()
    keep_freed_memory()
    logs.setup(work.config.log_format, work.config.log_level)
    try:
        uvloop.run(_serve(work, sock))
    except EXPECTED as error:
        log.error("worker %d cannot run: %s", work.number, error or type(error).__name__)  # noqa: TRY400 - no traceback
        return 1
    except Exception:
        log.exception("worker %d failed", work.number)
        return 1
    return 0


async def _serve(work: Work, sock: socket) -> None:
    stop = _watch(work)
    config = work.config
    store = Store(config.data_dir, config.store, worker=work.number)
    await store.start()  # first: where no store is, no keys are made either
    try:
        with closing(Table(config.data_dir, master_key_file=config.master_key_file)) as keys:
            keys.find("")  # reads the table now, not in the first request
            await _answer(work, sock, stop, store, keys)
    finally:
        await store.close()


async def _answer(work: Work, sock: socket, stop: asyncio.Event, store: Store, keys: Table) -> None:
    config = work.config
    await _make_buckets(work, store)
    context = tls.server_context(*work.certificate) if work.certificate else None
    _reload_on_hangup(work, context)
    spool = Spool(config.data_dir / DIRECTORY, work.number)
    audit = AuditLog(config.audit_log, str(work.number)) if config.audit_log else None
    running = await app.start(
        config, store, keys, sock, context, spool=spool, audit=audit, limits=work.limits
    )
    logs_out = LogDelivery(config, store, keys, spool, delivers=work.number == 0)
    delivering = asyncio.create_task(logs_out.run())
    delivery = Delivery(store, dict(config.webhook_urls) if work.number == 0 else {})
    delivery.start()
    replicator = Replicator(store, keys, config) if work.number == 0 else None
    if replicator is not None:
        replicator.start()
    gc.collect()
    gc.set_threshold(GC_THRESHOLD)
    gc.freeze()  # what start-up made stays: no collection walks it, no page of it is copied
    sweeping = _sweep(work, store)
    work.ready()
    await stop.wait()
    if sweeping is not None:
        sweeping.cancel()
    await running.stop(config.drain_seconds)
    await delivery.stop()
    if replicator is not None:
        await replicator.stop()
    delivering.cancel()
    await asyncio.wait({delivering})
    spool.close()
    if audit is not None:
        audit.close()


def _sweep(work: Work, store: Store) -> asyncio.Task[None] | None:
    """Lifecycle rules are one worker's work."""
    if work.number != 0:
        return None
    config = work.config
    progress = Progress(config.data_dir, "lifecycle")
    sweep = Sweep(
        store,
        progress,
        day_ms=int(config.lifecycle_day * 1000),
        telling=partial(expiring, store, config),
    )
    return asyncio.create_task(sweep.run(config.lifecycle_seconds))


def _watch(work: Work) -> asyncio.Event:
    """An event that SIGTERM, SIGINT or the supervisor's death sets. A second signal kills."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def told(number: int) -> None:
        # Ctrl-C reaches the whole process group: under a supervisor, killing is left to it.
        if stop.is_set() and work.lifeline is None:
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told, number)
    if work.lifeline is not None:
        lifeline = work.lifeline

        def orphaned() -> None:
            loop.remove_reader(lifeline)
            log.error("the supervisor is gone: worker %d stops", work.number)
            stop.set()

        loop.add_reader(lifeline, orphaned)
    return stop


def _reload_on_hangup(work: Work, context: ssl.SSLContext | None) -> None:
    def reload() -> None:
        if context is None or work.certificate is None:
            return
        try:
            tls.reload(context, *work.certificate)
        except BadSetting as error:
            log.error("the certificate stays as it was: %s", error)  # noqa: TRY400 - no traceback
        else:
            log.info("worker %d has reloaded its certificate", work.number)

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)


async def _make_buckets(work: Work, store: Store) -> None:
    if work.owner is None:
        return
    for bucket in work.buckets:
        try:
            await store.create_bucket(
                bucket.name,
                owner=work.owner.key,
                path=f"{work.owner.root}/{bucket.name}",
                acl=bucket.acl,
                region=work.config.region,
                profile=work.config.import_profile,
            )
        except BucketExists:
            continue


def keep_freed_memory() -> None:
    """Have the C library use freed memory again before it gives it back to the system.

    A page of a listing is a few allocations of 300 KB; given back and taken anew each time, the
    kernel clears 160 pages of memory for it, a third of what the request costs. Does nothing where
    the C library is not glibc.

    https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, MAPPED_BYTES)


def _raise_descriptor_limit() -> None:
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
