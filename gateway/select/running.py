"""A query in a process of its own: started with nothing, fed, listened to, and ended."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO

import gateway
from gateway.errors import SELECT_ERRORS, InternalError, RequestTimeout, S3Error, SlowDown
from gateway.select import events
from gateway.select.job import COUNTS, DONE, FAILED, LENGTH, MESSAGE, RECORDS, STATS, Job
from store.store import Outgoing

KEEP_ALIVE_SECONDS = 5.0
"""After this without records a client is told that the query goes on."""
_ROOT = str(Path(gateway.__file__).parent.parent)
_START = "import sys; sys.path.insert(0, sys.argv[1]); import gateway.select.child as c; c.main()"

_slots: set[int] = set()
"""Those taken by the queries of this worker."""


class Query:
    """One query. Whoever has one must ``close`` it."""

    def __init__(
        self, slot: int, process: asyncio.subprocess.Process, feeding: "asyncio.Task[None]"
    ) -> None:
        self._slot = slot
        self._process = process
        self._feeding = feeding
        self._next: asyncio.Task[tuple[bytes, bytes]] | None = None
        self._returned = 0

    async def begun(self) -> None:
        """Waits a little for the first message. Raises the ``S3Error`` that it is, if it is one."""
        self._next = asyncio.ensure_future(self._message())
        await asyncio.wait({self._next}, timeout=KEEP_ALIVE_SECONDS)
        if self._next.done():
            kind, payload = self._next.result()
            if kind == FAILED:
                raise _error(payload)

    async def stream(self, *, progress: bool) -> AsyncIterator[bytes]:
        """The events, to the end. Closes the query."""
        try:
            while True:
                waiting = self._next or asyncio.ensure_future(self._message())
                self._next = waiting
                await asyncio.wait({waiting}, timeout=KEEP_ALIVE_SECONDS)
                if not waiting.done():
                    yield events.event("Cont")
                    continue
                self._next = None
                kind, payload = waiting.result()
                yield self._event(kind, payload, progress=progress)
                if kind in (DONE, FAILED):
                    break
        except S3Error as error:
            yield events.failure(error.code, error.text)
        finally:
            await self.close()

    def _event(self, kind: bytes, payload: bytes, *, progress: bool) -> bytes:
        if kind == RECORDS:
            self._returned += len(payload)
            return events.event("Records", payload, "application/octet-stream")
        if kind == FAILED:
            error = _error(payload)
            return events.failure(error.code, error.text)
        scanned, processed = COUNTS.unpack(payload)
        if kind == STATS:
            return events.counts("Progress", scanned, processed, self._returned)
        last = events.counts("Stats", scanned, processed, self._returned)
        if progress:
            last = events.counts("Progress", scanned, processed, self._returned) + last
        return last + events.event("End")

    async def _message(self) -> tuple[bytes, bytes]:
        """Raises ``S3Error`` when the process is gone, or what it is fed with is damaged."""
        stdout = self._process.stdout
        assert stdout is not None
        try:
            kind, length = MESSAGE.unpack(await stdout.readexactly(MESSAGE.size))
            return kind, await stdout.readexactly(length)
        except asyncio.IncompleteReadError as error:
            if self._feeding.done() and self._feeding.exception() is not None:
                raise InternalError from self._feeding.exception()
            status = await self._process.wait()
            if status < 0:
                raise RequestTimeout("The query takes more time than it may use.") from error
            raise InternalError from error

    async def close(self) -> None:
        """Ends the process, if it has not ended itself."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        waiting = [self._feeding, *([self._next] if self._next else [])]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.close()
        while await stdout.read(1 << 16):  # a pipe that is not read to its end stays open
            pass
        await self._process.wait()
        _slots.discard(self._slot)


async def start(job: Job, content: bytes | Outgoing, spool: BinaryIO | None, most: int) -> Query:
    """``most``: queries at a time in this worker. Takes the content and the spool file over.

    Raises ``SlowDown``.
    """
    slot = -1
    try:
        slot = _slot(most)
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-I",
            "-c",
            _START,
            _ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            cwd="/",
            env={},
            pass_fds=() if spool is None else (spool.fileno(),),
            start_new_session=True,
        )
    except BaseException:
        _slots.discard(slot)
        if isinstance(content, Outgoing):
            content.close()
        raise
    finally:
        if spool is not None:
            spool.close()
    return Query(slot, process, asyncio.ensure_future(_feed(process, job, content)))


def _slot(most: int) -> int:
    """One that is free, taken. Raises ``SlowDown``."""
    found = next((each for each in range(most) if each not in _slots), None)
    if found is None:
        raise SlowDown
    _slots.add(found)
    return found


async def _feed(process: asyncio.subprocess.Process, job: Job, content: bytes | Outgoing) -> None:
    """The job, then the object. A process that has seen enough is no error."""
    stdin = process.stdin
    assert stdin is not None
    text = json.dumps(asdict(job)).encode()
    try:
        stdin.write(LENGTH.pack(len(text)) + text)
        if isinstance(content, bytes):
            stdin.write(content)
        else:
            async for piece in content:
                stdin.write(piece)
                await stdin.drain()
        await stdin.drain()
        stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        pass
    except Exception:
        process.kill()  # what it has is not the whole object
        raise
    finally:
        if isinstance(content, Outgoing):
            content.close()


def _error(payload: bytes) -> S3Error:
    code, _, text = payload.decode().partition("\n")
    return SELECT_ERRORS[code](text)
