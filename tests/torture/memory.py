"""R11 and F32: a server in 256 MiB of memory, given the largest of everything; and one that is
killed for want of memory in the middle of a PUT."""

import hashlib
import os
import random
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

import apsw

from bench.signing import Presigner, Target
from gateway import app, wire_body
from gateway.operations import complete
from store.database import FILE
from tests.gateway.server_process import ServerProcess
from tests.torture import memory_cgroup, resident
from tests.torture.gate import Gate, Outcome, Run

CGROUP_BYTES = 256 << 20
MOST_BYTES = 64 << 20
"""That resident memory may grow by."""
OBJECT_BYTES = 5 << 30
LEAST_OBJECT_BYTES = 160 << 20
"""So that a short form too sees a body that is held."""
PARTS = 10_000
PART_BYTES = 16 << 10
KEYS = 1_000_000
PAGE = 1000
DELETES = 1000
DELETED = 1000
"""Keys of each of them."""
KEY_BYTES = 1024
UPLOADERS = 8
KILLED_FROM = 0.01
"""The scale from which a server is killed too; a shorter form leaves that to its mutant."""
ACKNOWLEDGED = 40
"""Objects that are there before the server is killed."""
MIB = 1 << 20
PATIENCE_SECONDS = 60.0
BUCKET = "bucket"


class _Wrong(Exception):
    """An answer that is not what it ought to be."""


class _Client:
    """One connection with presigned requests."""

    def __init__(self, port: int, signer: Presigner) -> None:
        self.signer = signer
        self._http = HTTPConnection("127.0.0.1", port, timeout=PATIENCE_SECONDS)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Iterator[bytes] = b"",
        query: dict[str, str] | None = None,
        **headers: str,
    ) -> HTTPResponse:
        """The answer, not read yet. Raises ``_Wrong`` unless it is 2xx."""
        url = self.signer.url_path(method, f"/{BUCKET}{path}", query)
        self._http.request(method, url, body=body, headers=headers)
        answer = self._http.getresponse()
        if not 200 <= answer.status < 300:
            raise _Wrong(f"{method} {path[:60]} {query}: {answer.status} {answer.read()[:300]!r}")
        return answer

    def close(self) -> None:
        self._http.close()


class _Server:
    """A server in the cgroup, and how its memory grows."""

    def __init__(self, process: ServerProcess, signer: Presigner) -> None:
        self.process = process
        self.signer = signer
        self.pid = process.process.pid
        with closing(self.client()) as client:
            client.ask("PUT", "/warm", b"x" * 100).read()
            client.ask("GET", "/warm").read()
        self.base = resident.resident_bytes(self.pid)

    def client(self) -> _Client:
        return _Client(self.process.port, self.signer)

    def grown(self) -> int:
        return resident.peak_bytes(self.pid) - self.base


def _blocks(size: int) -> Iterator[bytes]:
    """No two alike, the last one odd."""
    block = random.Random(size).randbytes(MIB)
    for number in range(-(-size // MIB)):
        yield (number.to_bytes(8, "big") + block[8:])[: size - number * MIB]


def _large_object(run: Run, server: _Server) -> None:
    size = run.of(OBJECT_BYTES, LEAST_OBJECT_BYTES) - 1
    with closing(server.client()) as client:
        length = str(size)
        client.ask("PUT", "/large", _blocks(size), **{"Content-Length": length}).read()
        answer = client.ask("GET", "/large")
        for number, block in enumerate(_blocks(size)):
            if answer.read(len(block)) != block:
                raise _Wrong(f"other bytes in MiB {number} of {size} bytes")


def _many_parts(run: Run, server: _Server) -> None:
    count = run.of(PARTS, 10)
    with closing(server.client()) as client:
        text = client.ask("POST", "/parts", query={"uploads": ""}).read().decode()
        found = re.search("<UploadId>([^<]+)<", text)
        assert found
        upload = {"uploadId": found[1]}

        def some(first: int) -> None:
            with closing(server.client()) as own:
                for number in range(first, count + 1, UPLOADERS):
                    body = number.to_bytes(8, "big") * (PART_BYTES // 8)
                    own.ask("PUT", "/parts", body, {"partNumber": str(number)} | upload).read()

        with ThreadPoolExecutor(UPLOADERS) as pool:
            list(pool.map(some, range(1, UPLOADERS + 1)))
        parts = "".join(
            f"<Part><PartNumber>{number}</PartNumber><ETag>{_part_etag(number)}</ETag></Part>"
            for number in range(1, count + 1)
        )
        document = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
        text = client.ask("POST", "/parts", document, upload).read().decode()
        length = client.ask("HEAD", "/parts").getheader("content-length")
        if f"-{count}" not in text or length != str(count * PART_BYTES):
            raise _Wrong(f"{count} parts became {length} bytes: {text[:300]}")


def _part_etag(number: int) -> str:
    body = number.to_bytes(8, "big") * (PART_BYTES // 8)
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


def _long_listing(run: Run, server: _Server) -> None:
    query = {"list-type": "2", "max-keys": str(PAGE), "prefix": "listed/"}
    last, count = b"", 0
    with closing(server.client()) as client:
        while True:
            page = client.ask("GET", "", query=dict(sorted(query.items()))).read()
            keys = re.findall(rb"<Key>([^<]+)</Key>", page)
            if keys != sorted(keys) or keys[:1] <= [last]:
                raise _Wrong(f"the page after {last!r} is not in order")
            last, count = keys[-1], count + len(keys)
            more = re.search(rb"<NextContinuationToken>([^<]+)<", page)
            if more is None:
                break
            query["continuation-token"] = more[1].decode()
    if count != run.of(KEYS, PAGE):
        raise _Wrong(f"{count} keys listed")


def _many_deletes(run: Run, server: _Server) -> None:
    with closing(server.client()) as client:
        for request in range(run.of(DELETES)):
            keys = (f"{request:06}/{number:04}/".ljust(KEY_BYTES, "k") for number in range(DELETED))
            inner = "".join(f"<Object><Key>{key}</Key></Object>" for key in keys)
            body = f"<Delete>{inner}</Delete>".encode()
            digest = b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
            answer = client.ask("POST", "", body, {"delete": ""}, **{"Content-MD5": digest})
            if answer.read().count(b"<Deleted>") != DELETED:
                raise _Wrong(f"request {request} has not deleted {DELETED} keys")


_PHASES: dict[str, Callable[[Run, _Server], None]] = {
    "object": _large_object,
    "parts": _many_parts,
    "listing": _long_listing,
    "deletes": _many_deletes,
}


def _lay_down(run: Run, server: ServerProcess) -> None:
    """All that is to be listed: one object by the server, and its row under other keys."""
    s3 = server.client()
    s3.create_bucket(Bucket=BUCKET)
    s3.put_object(Bucket=BUCKET, Key="listed/", Body=b"x" * 100)
    with closing(apsw.Connection(str(server.directory / FILE))) as db:
        columns = [name for _, name, *_ in db.execute("PRAGMA table_info(entry)")]
        others = ", ".join(f'"{name}"' for name in columns if name != "key")
        db.execute(
            f"""WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            INSERT INTO entry (key, {others})
            SELECT CAST('listed/' || printf('%010d', i) AS BLOB), {others} FROM n, entry
            WHERE key = CAST('listed/' AS BLOB)""",
            (run.of(KEYS, PAGE) - 1,),
        )


def _start(data: Path, cgroup: Path, mutant: str) -> ServerProcess:
    environ = {memory_cgroup.VARIABLE: str(cgroup), "S3GW_WORKERS": "1"}
    return ServerProcess(data, mutant=f"{__name__}:{mutant}", **environ)


def _signer(server: ServerProcess, key: tuple[str, str]) -> Presigner:
    return Presigner(Target("127.0.0.1", server.port, *key))


def run(run: Run) -> Outcome:
    """All phases in one server; then one that holds bodies is killed and started again."""
    data = run.directory / "data"
    figures: dict[str, float] = {}
    violations: list[str] = []
    with (
        memory_cgroup.cgroup(CGROUP_BYTES) as cgroup,
        _start(data, cgroup, run.mutant or "confined").ready() as process,
    ):
        _lay_down(run, process)
        key = process.said("access key"), process.said("secret")
        server = _Server(process, _signer(process, key))
        figures["base_mib"] = server.base // MIB
        for name, phase in _PHASES.items():
            resident.forget_peak(server.pid)
            try:
                phase(run, server)
            except (OSError, HTTPException, _Wrong) as error:
                violations.append(f"{name}: {error!r}")
            if (killed := memory_cgroup.killed(cgroup)) or process.process.poll() is not None:
                violations.append(f"{name}: killed {killed}")
                break
            figures[f"{name}_grown_mib"] = server.grown() // MIB
            if server.grown() > MOST_BYTES:
                violations.append(f"{name}: memory grew by {server.grown()} bytes")
    if not violations and run.scale >= KILLED_FROM:
        violations += _killed(data, key, figures)
    return Outcome(figures, violations)


def _killed(data: Path, key: tuple[str, str], figures: dict[str, float]) -> list[str]:
    """What is amiss after a server was killed for want of memory."""
    bodies = {f"/kept{number}": os.urandom(50_000) for number in range(ACKNOWLEDGED)}
    with (
        memory_cgroup.cgroup(CGROUP_BYTES) as cgroup,
        _start(data, cgroup, "reads_bodies_whole").ready() as process,
    ):
        with closing(_Client(process.port, _signer(process, key))) as client:
            for path, body in bodies.items():
                client.ask("PUT", path, body).read()
            with suppress(OSError, HTTPException):
                length = str(2 * CGROUP_BYTES)
                client.ask("PUT", "/never", _blocks(2 * CGROUP_BYTES), **{"Content-Length": length})
        process.ended()
        figures["killed"] = memory_cgroup.killed(cgroup)
    if not figures["killed"]:
        return ["the server that holds bodies was not killed"]
    wrong = []
    with (
        ServerProcess(data, S3GW_WORKERS="1").ready() as server,
        closing(_Client(server.port, _signer(server, key))) as client,
    ):
        for path, body in bodies.items():
            if client.ask("GET", path).read() != body:
                wrong.append(f"{path} was acknowledged and has other bytes")
        with suppress(_Wrong):
            client.ask("HEAD", "/never")
            wrong.append("half an object is there")
        client.ask("PUT", "/after", b"again").read()
    return wrong


def confined() -> None:
    """In the cgroup, and with small parts allowed: 10,000 of 5 MiB would be 50 GB."""
    memory_cgroup.enter()
    complete.MIN_PART_BYTES = 1


def reads_bodies_whole() -> None:
    """A body is taken in before anything is done with it: ``await request.read()``."""
    confined()

    class Whole(wire_body.WireBody):
        async def _piece(self) -> bytes:
            if self._started is not None:
                return b""
            self._started = 0.0
            self._request._client_max_size = 0
            data: bytes = await self._request.read()
            self.received = len(data)
            return data

        def _take_over(self) -> None:
            return None

    app.WireBody = Whole


GATE = Gate(
    name="R11 memory",
    bar="5 GiB PUT and GET, 10,000 parts, 10^6 keys listed, 1,000 x 1,000 deletes: base + 64 MiB",
    run=run,
    mutants=["reads_bodies_whole"],
    short=0.005,
    mutant_scale=0.005,
    impossible=memory_cgroup.impossible,
)
