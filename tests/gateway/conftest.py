"""A real gateway on loopback, in a thread of its own, and the clients that talk to it."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
import uvloop
from botocore import UNSIGNED
from botocore.config import Config as ClientConfig

from gateway import app
from gateway.audit.log import AuditLog
from gateway.config import Config
from keys.access_key import AccessKey
from keys.table import Table
from store.prepare import prepare
from store.store import Settings, Store

_numbers = count(1)


@dataclass(frozen=True)
class Running:
    """One gateway under test."""

    host: str
    port: int
    scheme: str
    store: Store
    keys: Table
    config: Config
    owner: AccessKey
    stranger: AccessKey
    loop: asyncio.AbstractEventLoop
    listening: app.Running

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.host}:{self.port}"

    def client(self, key: AccessKey | None, **options: Any) -> Any:
        """A boto3 client with the defaults a user has; anonymous without a key."""
        options.setdefault("config", ClientConfig(signature_version=UNSIGNED) if not key else None)
        return boto3.client(
            "s3",
            endpoint_url=self.url,
            region_name=options.pop("region_name", "us-east-1"),
            aws_access_key_id=key.key if key else None,
            aws_secret_access_key=key.secret if key else None,
            **options,
        )

    def raw(self, sent: bytes, *, until_close: bool = False) -> bytes:
        """Send bytes as they are; the answer up to the end of its body, or until it is closed."""
        with socket.create_connection((self.host, self.port), timeout=20) as connection:
            connection.sendall(sent)
            received = b""
            while data := connection.recv(65536):
                received += data
                if not until_close and _complete(received):
                    break
            return received


def _complete(received: bytes) -> bool:
    head, found, body = received.partition(b"\r\n\r\n")
    if not found:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.split(b":")[1])
    return b"chunked" in head.lower() and body.endswith(b"0\r\n\r\n")


@contextmanager
def running(
    directory: Path, ssl_context: ssl.SSLContext | None = None, **settings: Any
) -> Iterator[Running]:
    """A gateway over ``directory``; settings are rows of Config."""
    settings.setdefault("default_bucket_acl", "private")
    settings.setdefault("durability", "none")
    config = Config(data_dir=directory, **settings)
    store_settings = Settings(
        durability=config.durability,
        inline_bytes=config.inline_bytes,
        segment_bytes=config.segment_bytes,
        trash_grace_seconds=config.trash_grace_seconds,
    )
    prepared = prepare(directory, store_settings)
    keys = Table(directory)
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    loop = uvloop.new_event_loop()
    ready: dict[str, Any] = {}
    began = threading.Event()

    async def begin() -> None:
        store = Store(directory, store_settings)
        await store.start()
        ready["store"] = store
        ready["audit"] = audit = AuditLog(config.audit_log, "0") if config.audit_log else None
        ready["app"] = await app.start(config, store, keys, sock, ssl_context, audit=audit)

    async def end() -> None:
        await ready["app"].stop(5)
        await ready["store"].close()
        if ready["audit"] is not None:
            ready["audit"].close()

    def run() -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_until_complete(begin())
        finally:
            began.set()
        loop.run_forever()
        loop.run_until_complete(end())
        loop.close()

    thread = threading.Thread(target=run, name="gateway under test")
    thread.start()
    began.wait()
    assert "app" in ready, "the gateway did not start"
    host, port = sock.getsockname()
    try:
        yield Running(
            host=host,
            port=port,
            scheme="https" if ssl_context else "http",
            store=ready["store"],
            keys=keys,
            config=config,
            owner=keys.generate(),
            stranger=keys.generate(),
            loop=loop,
            listening=ready["app"],
        )
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        keys.close()
        prepared.close()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The gateway most tests share; each makes its own buckets."""
    with running(tmp_path_factory.mktemp("gateway")) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def s3(gateway: Running) -> Any:
    """boto3 with the key that owns the buckets."""
    return gateway.client(gateway.owner)


@pytest.fixture(scope="session")
def stranger(gateway: Running) -> Any:
    """boto3 with another key."""
    return gateway.client(gateway.stranger)


@pytest.fixture(scope="session")
def anonymous(gateway: Running) -> Any:
    """boto3 that signs nothing."""
    return gateway.client(None)


@pytest.fixture
def new_bucket(s3: Any) -> Callable[..., str]:
    """Makes an empty bucket of ``s3``; keyword arguments go to CreateBucket."""

    def make(**options: Any) -> str:
        name = f"bucket-{next(_numbers)}"
        s3.create_bucket(Bucket=name, **options)
        return name

    return make


@pytest.fixture
def bucket(new_bucket: Callable[..., str]) -> str:
    """An empty private bucket of ``s3``."""
    return new_bucket()


@pytest.fixture
def public_bucket(new_bucket: Callable[..., str]) -> str:
    """An empty public-read bucket of ``s3``."""
    return new_bucket(ACL="public-read")
