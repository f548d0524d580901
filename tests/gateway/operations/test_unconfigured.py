"""What every bucket answers about configurations it cannot have yet."""

import pytest
from botocore.exceptions import ClientError


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


BY_ID = ("analytics", "intelligent_tiering", "inventory", "metrics")
MISSING = {
    "get_bucket_encryption": "ServerSideEncryptionConfigurationNotFoundError",
    "get_bucket_replication": "ReplicationConfigurationNotFoundError",
    "get_bucket_website": "NoSuchWebsiteConfiguration",
    "get_object_lock_configuration": "ObjectLockConfigurationNotFoundError",
} | {f"get_bucket_{kind}_configuration": "NoSuchConfiguration" for kind in BY_ID}
ANSWERED = {
    "get_bucket_request_payment": {"Payer": "BucketOwner"},
    "get_bucket_accelerate_configuration": {},
    "get_bucket_logging": {},
    "get_bucket_notification_configuration": {},
} | {f"list_bucket_{kind}_configurations": {"IsTruncated": False} for kind in BY_ID}


def by_id(call: str) -> dict[str, str]:
    named = [kind for kind in BY_ID if call == f"get_bucket_{kind}_configuration"]
    return {"Id": "one"} if named else {}


@pytest.mark.parametrize("call", [*MISSING, *ANSWERED])
def test_they_are_the_owners_alone(call, new_bucket, stranger, anonymous):
    bucket = new_bucket(ACL="public-read-write")
    for client in (stranger, anonymous):
        asked = {"Bucket": bucket, **by_id(call)}
        assert refusal(getattr(client, call), **asked) == (403, "AccessDenied")


@pytest.mark.parametrize(("call", "code"), MISSING.items())
def test_what_is_not_configured_is_not_there(call, code, bucket, s3):
    asked = {"Bucket": bucket, **by_id(call)}
    assert refusal(getattr(s3, call), **asked) == (404, code)
    assert refusal(getattr(s3, call), **asked | {"Bucket": "no-such"}) == (404, "NoSuchBucket")


@pytest.mark.parametrize(("call", "answer"), ANSWERED.items())
def test_what_is_so_of_every_bucket(call, answer, bucket, s3):
    said = getattr(s3, call)(Bucket=bucket)
    del said["ResponseMetadata"]
    assert said == answer


def test_no_object_has_a_torrent(bucket, s3, stranger):
    s3.put_object(Bucket=bucket, Key="key")
    for key in ("key", "missing"):
        asked = {"Bucket": bucket, "Key": key}
        assert refusal(s3.get_object_torrent, **asked) == (404, "NoSuchKey")
        assert refusal(stranger.get_object_torrent, **asked) == (403, "AccessDenied")
