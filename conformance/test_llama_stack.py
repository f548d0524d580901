"""Llama Stack's S3 files provider: the five calls it makes and the three codes it tells apart."""

from secrets import token_hex

import boto3
import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.source(
    "Llama Stack S3 files provider",
    "https://github.com/llamastack/llama-stack/tree/main/llama_stack/providers/remote/files/s3",
)


def code(call, **asked):
    with pytest.raises(ClientError) as refusal:
        call(**asked)
    return refusal.value.response["Error"]["Code"]


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "not-a-region"])
def test_the_provider_starts_stores_and_reads(owner, endpoint, made, region):
    """As its client is made: the region always, the keys from the configuration."""
    credentials = owner._request_signer._credentials
    s3 = boto3.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
    )
    bucket, key = f"conformance-{token_hex(8)}", f"file-{token_hex(16)}"
    assert code(s3.head_bucket, Bucket=bucket) == "404"  # so it makes the bucket
    there = {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket, **({} if region == "us-east-1" else there))
    made.append((owner, bucket))
    s3.head_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=b"\x00 any bytes \xff")
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == b"\x00 any bytes \xff"
    s3.delete_object(Bucket=bucket, Key=key)
    assert code(s3.get_object, Bucket=bucket, Key=key) == "NoSuchKey"  # so it drops its row
    assert code(s3.head_object, Bucket=bucket, Key=key) == "404"
    s3.delete_object(Bucket=bucket, Key=key)


def test_two_servers_that_start_together_both_find_their_bucket(owner, new_bucket):
    """Its create_bucket takes any error for a failed start."""
    bucket = new_bucket()
    owner.create_bucket(Bucket=bucket)


def test_a_bucket_of_somebody_else_is_access_denied(owner, other, new_bucket):
    bucket = new_bucket(ACL="private")
    assert code(other.head_bucket, Bucket=bucket) == "403"
    assert code(other.put_object, Bucket=bucket, Key="k", Body=b"x") == "AccessDenied"
    assert code(other.get_object, Bucket=bucket, Key="k") == "AccessDenied"


def test_a_stored_checksum_comes_back_to_the_client_that_compares_it(owner, new_bucket):
    """boto3 sends CRC32 and asks for it on GET, unasked."""
    bucket = new_bucket()
    put = owner.put_object(Bucket=bucket, Key="k", Body=b"body")
    got = owner.get_object(Bucket=bucket, Key="k")
    assert got["ChecksumCRC32"] == put["ChecksumCRC32"]
    assert got["Body"].read() == b"body"
