"""``make bench``: start a server of our own, load it, print each figure beside its limit."""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from bench import limits
from bench.client import Request, Result, run

SMALL = 4096
LARGE = 64 << 20
LISTED = 1000
BARE_GET = Request(b"GET / HTTP/1.1\r\n\r\n", LARGE)


@dataclass(frozen=True)
class Cell:
    """One line of the table. ``limit`` is in the unit of the line."""

    name: str
    result: Result
    unit: str
    value: float
    limit: float
    limit_name: str

    @property
    def ratio(self) -> float:
        return self.value / self.limit


@contextmanager
def served(directory: str, workers: int) -> Iterator[tuple[str, int, dict[str, str]]]:
    """``s3gw serve`` as a user starts it: host, port and the environment it printed."""
    command = [sys.executable, "-m", "gateway", "serve", directory, "--listen", "127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--workers", str(workers)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    printed: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        printed.update(re.findall(r"(AWS_\w+)=(\S+)", line))
        if "AWS_ENDPOINT_URL" in printed and "AWS_SECRET_ACCESS_KEY" in printed:
            break
    try:
        host, port = printed["AWS_ENDPOINT_URL"].split("//")[1].split(":")
        yield host, int(port), printed
    finally:
        process.terminate()
        process.wait()


class Presigned:
    """Ready-made requests: signing costs the client more than the server's whole answer."""

    def __init__(self, host: str, port: int, keys: dict[str, str]) -> None:
        self.host = f"{host}:{port}"
        self.s3: Any = boto3.client(
            "s3",
            endpoint_url=f"http://{self.host}",
            region_name="us-east-1",
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def wire(self, operation: str, body: bytes = b"", **params: Any) -> bytes:
        url: str = self.s3.generate_presigned_url(operation, Params={"Bucket": "bench", **params})
        method = {"put_object": "PUT", "delete_object": "DELETE", "head_object": "HEAD"}
        target = url.split(self.host, 1)[1]
        head = f"{method.get(operation, 'GET')} {target} HTTP/1.1\r\nHost: {self.host}\r\n"
        if operation == "put_object":
            head += f"Content-Length: {len(body)}\r\n"
        return head.encode() + b"\r\n"


def small_cells(requests: Presigned, echo: int, host: str, port: int) -> Iterator[Cell]:
    """Requests per second at 4 KiB, against a bare aiohttp application doing nothing."""
    keys = [f"small/{number:05}" for number in range(12_000)]
    body = os.urandom(SMALL)
    puts = [
        Request(requests.wire("put_object", body, Key=key), SMALL, body[8:] + key[-8:].encode())
        for key in keys
    ]
    gets = [Request(requests.wire("get_object", Key=key), SMALL) for key in keys[:2000]]
    heads = [Request(requests.wire("head_object", Key=key)) for key in keys[:2000]]
    deletes = [Request(requests.wire("delete_object", Key=key)) for key in keys[LISTED:]]
    listing = Request(requests.wire("list_objects_v2", MaxKeys=LISTED, EncodingType="url"))
    line = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {SMALL}\r\n\r\n"
    echo_put = run(
        "127.0.0.1", echo, lambda _: Request(line.encode(), SMALL, body), connections=32
    ).per_second
    ask = Request(f"GET /?bytes={SMALL} HTTP/1.1\r\nHost: x\r\n\r\n".encode(), SMALL)
    echo_get = run("127.0.0.1", echo, lambda _: ask, connections=32).per_second
    name = "aiohttp echo /s"

    def cell(title: str, result: Result, limit: float) -> Cell:
        return Cell(title, result, "/s", result.per_second, limit, name)

    put_one = run(host, port, lambda n: puts[n], connections=1, most=500, seconds=5)
    yield cell("PUT 4 KiB c=1", put_one, echo_put)
    put_many = run(host, port, lambda n: puts[n], connections=32, most=len(puts), seconds=60)
    yield cell("PUT 4 KiB c=32", put_many, echo_put)
    yield cell(
        "GET 4 KiB c=32", run(host, port, lambda n: gets[n % 2000], connections=32), echo_get
    )
    yield cell(
        "HEAD c=32",
        run(host, port, lambda n: heads[n % 2000], connections=32, head=True),
        echo_get,
    )
    yield cell("LIST 1000 c=4", run(host, port, lambda _: listing, connections=4), echo_get)
    yield cell(
        "DELETE c=32",
        run(host, port, lambda n: deletes[n], connections=32, most=len(deletes), seconds=60),
        echo_get,
    )


def large_cells(requests: Presigned, host: str, port: int) -> Iterator[Cell]:
    """MB/s at 64 MiB, against hashing alone (PUT) and sendfile alone (GET)."""
    body = bytearray(os.urandom(LARGE))
    for streams in (1, 4):
        count = 4 * streams
        bodies = []
        for number in range(count):
            body[:8] = number.to_bytes(4, "big") + os.urandom(4)
            bodies.append(bytes(body))
        wires = [
            requests.wire("put_object", each, Key=f"large/{n}") for n, each in enumerate(bodies)
        ]
        result = run(
            host,
            port,
            lambda n, wires=wires, bodies=bodies: Request(wires[n], LARGE, bodies[n]),  # type: ignore[misc]
            connections=streams,
            most=count,
            seconds=120,
        )
        limit = limits.hashing_bytes_per_second(streams) / 1e6
        value = result.megabytes_per_second
        yield Cell(f"PUT 64 MiB c={streams}", result, "MB/s", value, limit, "MD5+SHA-256 MB/s")
    with tempfile.NamedTemporaryFile(dir=".") as file:
        file.write(body)
        file.flush()
        for streams in (1, 4):
            wire = requests.wire("get_object", Key="large/0")
            result = run(host, port, lambda _, w=wire: Request(w, LARGE), connections=streams)  # type: ignore[misc]
            with limits.sendfile_server(Path(file.name)) as bare:
                bare_get = run("127.0.0.1", bare, lambda _: BARE_GET, connections=streams)
            yield Cell(
                f"GET 64 MiB c={streams}",
                result,
                "MB/s",
                result.megabytes_per_second,
                bare_get.megabytes_per_second,
                "sendfile MB/s",
            )


def main(arguments: list[str]) -> None:
    options = argparse.ArgumentParser(prog="bench", description=__doc__)
    options.add_argument("--workers", type=int, default=1, help="worker processes of the server")
    options.add_argument("--json", action="store_true", help="one JSON object per line")
    chosen = options.parse_args(arguments)
    echo = subprocess.Popen(limits.echo_command(), stdout=subprocess.PIPE, text=True)
    assert echo.stdout is not None
    echo_port = int(echo.stdout.readline())
    if not chosen.json:
        print(f"{'':16}{'value':>10} {'unit':5}{'p50 ms':>8}{'p99 ms':>8}{'limit':>10}  ratio")
    try:
        with (
            tempfile.TemporaryDirectory(dir=".", prefix="bench-") as directory,
            served(directory, chosen.workers) as (host, port, keys),
        ):
            requests = Presigned(host, port, keys)
            requests.s3.create_bucket(Bucket="bench")
            for cells in (
                small_cells(requests, echo_port, host, port),
                large_cells(requests, host, port),
            ):
                for cell in cells:
                    show(cell, as_json=chosen.json)
    finally:
        echo.terminate()
        echo.wait()


def show(cell: Cell, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({**asdict(cell), "ratio": cell.ratio}), flush=True)
        return
    print(
        f"{cell.name:16}{cell.value:10.0f} {cell.unit:5}{cell.result.p50_ms:8.2f}"
        f"{cell.result.p99_ms:8.2f}{cell.limit:10.0f}  {cell.ratio:.2f} of {cell.limit_name}",
        flush=True,
    )
