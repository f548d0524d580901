"""What the machine can do at most, measured in the same run: echo, hashing, sendfile."""

import hashlib
import os
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

BLOCK = 1 << 20


def hashing_bytes_per_second(streams: int) -> float:
    """MD5 and SHA-256 of the same bytes, each in a thread of its own, ``streams`` times at once."""
    data = os.urandom(BLOCK)
    rounds = 64

    def work(name: str) -> None:
        digest = hashlib.new(name)
        for _ in range(rounds):
            digest.update(data)

    with ThreadPoolExecutor(2 * streams) as pool:
        began = perf_counter()
        list(pool.map(work, ["md5", "sha256"] * streams))
        return streams * rounds * BLOCK / (perf_counter() - began)


@contextmanager
def sendfile_server(path: Path) -> Iterator[int]:
    """A server that answers anything with ``path``, by sendfile and nothing else; its port."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    size = path.stat().st_size
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode()

    def answer(connection: socket.socket) -> None:
        with connection, path.open("rb") as file:
            while connection.recv(65536):
                connection.sendall(head)
                offset = 0
                while offset < size:
                    offset += os.sendfile(connection.fileno(), file.fileno(), offset, size - offset)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    child = os.fork()
    if child == 0:
        accept()
        os._exit(0)
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        os.kill(child, 9)
        os.waitpid(child, 0)


ECHO = """
import uvloop
from aiohttp import web
async def answer(request):
    return web.Response(body=await request.read() or b"x" * int(request.query.get("bytes", "1")))
async def main():
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(site._server.sockets[0].getsockname()[1], flush=True)
    import asyncio
    await asyncio.Event().wait()
uvloop.run(main())
"""
"""A bare aiohttp application: one worker, no signature, no store."""


def echo_command() -> list[str]:
    return [sys.executable, "-c", ECHO]
