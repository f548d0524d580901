"""Transfer acceleration by boto3: kept as AWS keeps it."""

import pytest
from botocore.exceptions import ClientError


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


def test_a_bucket_keeps_whether_it_is_accelerated(s3, bucket):
    get, put = s3.get_bucket_accelerate_configuration, s3.put_bucket_accelerate_configuration
    assert "Status" not in get(Bucket=bucket)
    for status in ("Enabled", "Suspended"):
        put(Bucket=bucket, AccelerateConfiguration={"Status": status})
        assert get(Bucket=bucket)["Status"] == status
    for wrong in ({"Status": "On"}, {}):
        asked = {"Bucket": bucket, "AccelerateConfiguration": wrong}
        assert refusal(put, **asked) == (400, "MalformedXML")
    assert get(Bucket=bucket)["Status"] == "Suspended"


def test_a_name_with_periods_cannot_be(s3):
    s3.create_bucket(Bucket="with.periods")
    asked = {"Bucket": "with.periods", "AccelerateConfiguration": {"Status": "Enabled"}}
    assert refusal(s3.put_bucket_accelerate_configuration, **asked) == (400, "InvalidRequest")


def test_it_is_the_owners_alone(new_bucket, stranger):
    asked = {"Bucket": new_bucket(ACL="public-read-write")}
    denied = (403, "AccessDenied")
    assert refusal(stranger.get_bucket_accelerate_configuration, **asked) == denied
    asked["AccelerateConfiguration"] = {"Status": "Enabled"}
    assert refusal(stranger.put_bucket_accelerate_configuration, **asked) == denied
