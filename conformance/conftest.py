"""Who judges: a URL and two key pairs from the environment, and nothing of the server's code."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config

VARIABLES = (
    "S3_ENDPOINT",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "S3_ALT_ACCESS_KEY",
    "S3_ALT_SECRET_KEY",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--off", metavar="FILE", help="cases to leave out: a name and # why, a line")
    parser.addoption("--sources", action="store_true", help="list cases with their sources")


def pytest_configure(config: pytest.Config) -> None:
    missing = [name for name in VARIABLES if not os.environ.get(name)]
    if missing and not config.getoption("--sources"):
        raise pytest.UsageError(f"set {', '.join(missing)}; see conformance/README.md")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("source") is None:
            raise pytest.UsageError(f"{item.nodeid} names no source")
    off = _switched_off(config.getoption("--off"))
    left_out = [item for item in items if item.name.partition("[")[0] in off or item.name in off]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    if config.getoption("--sources"):
        for item in items:
            marker = item.get_closest_marker("source")
            assert marker is not None
            print(f"{item.nodeid}\n    {' '.join(marker.args)}")
        items.clear()


def _switched_off(file: str | None) -> set[str]:
    """Names of cases; each must come with a reason."""
    names = set()
    for line in Path(file).read_text().splitlines() if file else ():
        name, _, reason = (part.strip() for part in line.partition("#"))
        if name and not reason:
            raise pytest.UsageError(f"{file}: {name} is switched off without a reason")
        names.add(name)
    return names


@pytest.fixture(scope="session")
def endpoint() -> str:
    return os.environ["S3_ENDPOINT"]


def client(key: str | None, secret: str | None, **config: Any) -> Any:
    """boto3 with its defaults; unsigned without a key."""
    if key is None:
        config["signature_version"] = UNSIGNED
    return boto3.client(
        "s3",
        endpoint_url=os.environ["S3_ENDPOINT"],
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}, **config),
    )


@pytest.fixture(scope="session")
def owner() -> Any:
    """The client that makes buckets."""
    return client(os.environ["S3_ACCESS_KEY"], os.environ["S3_SECRET_KEY"])


@pytest.fixture(scope="session")
def other() -> Any:
    """A client with another access key."""
    return client(os.environ["S3_ALT_ACCESS_KEY"], os.environ["S3_ALT_SECRET_KEY"])


@pytest.fixture(scope="session")
def anonymous() -> Any:
    """A client without one."""
    return client(None, None)


@pytest.fixture(scope="session")
def callers(owner: Any, other: Any, anonymous: Any) -> dict[str, Any]:
    return {"owner": owner, "other": other, "anonymous": anonymous}


@pytest.fixture(scope="session")
def made(owner: Any, other: Any) -> Iterator[list[tuple[Any, str]]]:
    """The buckets that were made, with who made them; removed at the end."""
    made: list[tuple[Any, str]] = []
    yield made
    for maker, bucket in made:
        try:
            maker.put_bucket_acl(Bucket=bucket, ACL="private")
        except maker.exceptions.ClientError:
            continue  # removed by its own case
        for each in maker.list_objects_v2(Bucket=bucket).get("Contents", []):
            maker.delete_object(Bucket=bucket, Key=each["Key"])
        maker.delete_bucket(Bucket=bucket)


@pytest.fixture
def new_bucket(owner: Any, made: list[tuple[Any, str]]) -> Callable[..., str]:
    """Makes an empty bucket; keyword arguments go to CreateBucket."""

    def make(maker: Any = owner, **options: Any) -> str:
        name = f"conformance-{token_hex(8)}"
        maker.create_bucket(Bucket=name, **options)
        made.append((maker, name))
        return name

    return make
