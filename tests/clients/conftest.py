"""The server as its users start it, one process a module, and clients with their defaults."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config as ClientConfig

from tests.gateway.server_process import ServerProcess

_numbers = count(1)


@dataclass(frozen=True)
class Served:
    """A running server, its data directory and two keys of it."""

    process: ServerProcess
    owner: tuple[str, str]
    """Access key id and secret."""
    stranger: tuple[str, str]

    @property
    def url(self) -> str:
        return self.process.url

    @property
    def directory(self) -> Path:
        return self.process.directory

    @property
    def ca_bundle(self) -> str | None:
        """What clients need to trust a certificate the server made itself."""
        found = re.search(r"AWS_CA_BUNDLE=(\S+)", self.process.out.text)
        return found[1] if found else None

    def boto3(self, key: tuple[str, str] | None, *, host: str = "127.0.0.1", **config: Any) -> Any:
        """A client with boto3's defaults but for ``config``; anonymous without a key."""
        if key is None:
            config["signature_version"] = UNSIGNED
        return boto3.client(
            "s3",
            endpoint_url=self.url.replace("127.0.0.1", host),
            region_name="us-east-1",
            aws_access_key_id=key[0] if key else None,
            aws_secret_access_key=key[1] if key else None,
            verify=self.ca_bundle,
            config=ClientConfig(**config),
        )


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Served]]:
    """Starts a server with the default settings but for ``options``."""
    with ExitStack() as running:

        def start(*options: str) -> Served:
            directory = tmp_path_factory.mktemp("served") / "data"
            process = ServerProcess(directory, "--workers", "1", *options)
            running.enter_context(process).ready()
            s3gw = [sys.executable, "-m", "gateway"]
            made = subprocess.run(
                [*s3gw, "keys", "generate", "--json", "--data-dir", str(directory)],
                check=True,
                capture_output=True,
            )
            second = json.loads(made.stdout)
            return Served(
                process=process,
                owner=(process.said("access key"), process.said("secret")),
                stranger=(second["key"], second["secret"]),
            )

        yield start


@pytest.fixture(scope="module", params=["http", "https"])
def server(request: pytest.FixtureRequest, serve: Callable[..., Served]) -> Served:
    """The same over either scheme."""
    return serve(*(["--tls", "auto"] if request.param == "https" else []))


@pytest.fixture(scope="module")
def s3(server: Served) -> Any:
    """boto3 with all its defaults and the key of the greeting."""
    return server.boto3(server.owner)


@pytest.fixture
def bucket(s3: Any) -> str:
    """An empty bucket that only ``s3`` may use."""
    name = f"bucket-{next(_numbers)}"
    s3.create_bucket(Bucket=name, ACL="private")
    return name
