"""The gateway and its clients, as the tests of the gateway have them; a victim and an attacker."""

from itertools import count

import pytest

from tests.gateway.conftest import (
    anonymous,
    bucket,
    gateway,
    new_bucket,
    public_bucket,
    s3,
    stranger,
)

__all__ = ["anonymous", "bucket", "gateway", "new_bucket", "public_bucket", "s3", "stranger"]

SECRET = b"only the owner may read this"
_numbers = count(1)


@pytest.fixture
def vault(s3, new_bucket):
    """A private bucket of the owner with one secret in it, under ``k``."""
    bucket = new_bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=SECRET)
    return bucket


@pytest.fixture
def lair(stranger):
    """A private bucket of the attacker."""
    name = f"lair-{next(_numbers)}"
    stranger.create_bucket(Bucket=name, ACL="private")
    return name


@pytest.fixture
def intact(s3, vault):
    """Called after an attack on the vault: nothing in it has changed, nothing was added."""

    def check() -> None:
        (only,) = s3.list_object_versions(Bucket=vault)["Versions"]
        assert only["Key"] == "k"
        assert s3.get_object(Bucket=vault, Key="k")["Body"].read() == SECRET
        assert "Uploads" not in s3.list_multipart_uploads(Bucket=vault)
        grants = s3.get_bucket_acl(Bucket=vault)["Grants"]
        assert [each["Permission"] for each in grants] == ["FULL_CONTROL"]

    return check
