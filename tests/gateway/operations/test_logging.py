"""Server access logs: configured with boto3, delivered as objects by a real server."""

import re
import time

import pytest
from botocore.exceptions import ClientError

from tests.gateway.server_process import ServerProcess

PATIENCE_SECONDS = 20


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


def logging(target, prefix="logs/", **more):
    return {"LoggingEnabled": {"TargetBucket": target, "TargetPrefix": prefix, **more}}


# --- the configuration ---------------------------------------------------------------------------


def test_a_bucket_keeps_where_it_is_logged(s3, new_bucket):
    bucket, target = new_bucket(), new_bucket()
    get, put = s3.get_bucket_logging, s3.put_bucket_logging
    for form in (
        {"SimplePrefix": {}},
        {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
    ):
        said = logging(target, TargetObjectKeyFormat=form)
        put(Bucket=bucket, BucketLoggingStatus=said)
        assert get(Bucket=bucket)["LoggingEnabled"] == said["LoggingEnabled"]
    put(Bucket=bucket, BucketLoggingStatus={})
    assert "LoggingEnabled" not in get(Bucket=bucket)


def test_the_target_is_a_bucket_of_the_same_owner(s3, stranger, bucket):
    stranger.create_bucket(Bucket="the-strangers")
    invalid = (400, "InvalidTargetBucketForLogging")
    for target in ("no-such-bucket", "the-strangers"):
        asked = {"Bucket": bucket, "BucketLoggingStatus": logging(target)}
        assert refusal(s3.put_bucket_logging, **asked) == invalid
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)


def test_grants_on_log_objects_are_refused(s3, bucket):
    grant = {"Grantee": {"Type": "CanonicalUser", "ID": "a"}, "Permission": "READ"}
    asked = {"Bucket": bucket, "BucketLoggingStatus": logging(bucket, TargetGrants=[grant])}
    assert refusal(s3.put_bucket_logging, **asked) == (501, "NotImplemented")


def test_it_is_the_owners_alone(new_bucket, stranger, anonymous):
    bucket = new_bucket(ACL="public-read-write")
    for client in (stranger, anonymous):
        denied = (403, "AccessDenied")
        assert refusal(client.get_bucket_logging, Bucket=bucket) == denied
        asked = {"Bucket": bucket, "BucketLoggingStatus": {}}
        assert refusal(client.put_bucket_logging, **asked) == denied


# --- the log -------------------------------------------------------------------------------------


def delivered(client, bucket, many):
    """Key and lines of the log objects, once there are ``many`` lines."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        listed = client.list_objects_v2(Bucket=bucket).get("Contents", [])
        found = [
            (each["Key"], line)
            for each in listed
            for line in client.get_object(Bucket=bucket, Key=each["Key"])["Body"].iter_lines()
        ]
        if len(found) >= many:
            return found
    raise AssertionError(f"{len(found)} lines of {many} were delivered: {found}")


def test_requests_become_lines_of_objects(tmp_path):
    options = ("--access-log-seconds", "0.1", "--workers", "2")
    with ServerProcess(tmp_path / "data", *options) as server:
        client = server.ready().client()
        for name in ("source", "target"):
            client.create_bucket(Bucket=name)
        client.put_bucket_encryption(
            Bucket="target",
            ServerSideEncryptionConfiguration={
                "Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
        )
        client.put_object(Bucket="source", Key="unlogged")
        client.put_bucket_logging(Bucket="source", BucketLoggingStatus=logging("target"))
        asked = {"Bucket": "source", "Key": "k"}
        client.put_object(**asked, Body=b"body")
        for _ in range(2):  # the second comes from memory when nothing is logged
            assert client.get_object(**asked)["Body"].read() == b"body"
        assert refusal(client.get_object, Bucket="source", Key="none")[0] == 404
        client.delete_object(**asked)
        found = delivered(client, "target", 5)
        key = found[0][0]
        assert re.fullmatch(r"logs/\d{4}-\d\d-\d\d-\d\d-\d\d-\d\d-[0-9A-F]{16}", key)
        said = client.head_object(Bucket="target", Key=key)
        assert (said["ContentType"], said["ServerSideEncryption"]) == ("text/plain", "AES256")
        logged = sorted(line.split(b" ")[7:9] for _, line in found)  # time has two fields
        assert logged == sorted(
            [
                [b"REST.PUT.OBJECT", b"k"],
                [b"REST.GET.OBJECT", b"k"],
                [b"REST.GET.OBJECT", b"k"],
                [b"REST.GET.OBJECT", b"none"],
                [b"REST.DELETE.OBJECT", b"k"],
            ]
        )
        (missing,) = [line for _, line in found if b" none " in line]
        assert b" 404 NoSuchKey " in missing


def test_whoever_is_turned_away_is_logged_too(tmp_path):
    with ServerProcess(tmp_path / "data", "--access-log-seconds", "0.1") as server:
        client = server.ready().client()
        for name in ("source", "target"):
            client.create_bucket(Bucket=name)
        client.put_bucket_acl(Bucket="source", ACL="private")
        client.put_bucket_logging(Bucket="source", BucketLoggingStatus=logging("target"))
        wrong = server.client(aws_secret_access_key="wrong" * 8)
        assert refusal(wrong.list_objects_v2, Bucket="source")[1] == "SignatureDoesNotMatch"
        ((_, line),) = delivered(client, "target", 1)
        assert b" REST.GET.BUCKET - " in line
        assert b" 403 SignatureDoesNotMatch " in line


def test_what_was_logged_before_a_crash_is_delivered_after_it(tmp_path):
    with ServerProcess(tmp_path / "data", "--access-log-seconds", "3600") as server:
        client = server.ready().client()
        for name in ("source", "target"):
            client.create_bucket(Bucket=name)
        client.put_bucket_logging(Bucket="source", BucketLoggingStatus=logging("target"))
        client.put_object(Bucket="source", Key="before")
        client.head_bucket(Bucket="target")  # a line is written once its answer has gone out
        secret = server.said("secret")
    with ServerProcess(tmp_path / "data", "--access-log-seconds", "3600") as server:
        client = server.ready().client(aws_secret_access_key=secret)
        ((_, line),) = delivered(client, "target", 1)
        assert b" REST.PUT.OBJECT before " in line
