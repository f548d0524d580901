"""What the tests of encryption share."""

import base64
import hashlib

import pytest

from tests.gateway.conftest import running

KIB, MIB = 1 << 10, 1 << 20


def customer(letter: str = "k", prefix: str = "") -> dict[str, str]:
    """A customer's key as boto3 takes it."""
    key = letter.encode() * 32
    return {
        f"{prefix}SSECustomerAlgorithm": "AES256",
        f"{prefix}SSECustomerKey": base64.b64encode(key).decode(),
        f"{prefix}SSECustomerKeyMD5": base64.b64encode(hashlib.md5(key).digest()).decode(),
    }


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    directory = tmp_path_factory.mktemp("encrypted")
    with running(directory, segment_bytes=64 * MIB) as it:
        it.keys.kms.ensure(["one", "two"])
        yield it


@pytest.fixture(scope="module")
def s3(gateway):
    return gateway.client(gateway.owner)


@pytest.fixture(scope="module")
def bucket(s3):
    s3.create_bucket(Bucket="sealed")
    return "sealed"
