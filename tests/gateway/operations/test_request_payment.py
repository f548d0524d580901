"""Requester pays, by boto3: who has to agree, how, and what tells them that they paid."""

import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError

DENIED = (403, "AccessDenied")


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


def pay(s3, bucket, payer):
    s3.put_bucket_request_payment(Bucket=bucket, RequestPaymentConfiguration={"Payer": payer})


@pytest.fixture
def paid(s3, new_bucket):
    """A bucket everybody may write to, if they pay."""
    bucket = new_bucket(ACL="public-read-write")
    s3.put_object(Bucket=bucket, Key="k", Body=b"body")
    pay(s3, bucket, "Requester")
    return bucket


def test_a_bucket_keeps_who_pays(s3, bucket, stranger):
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    for payer in ("Requester", "BucketOwner"):
        pay(s3, bucket, payer)
        assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == payer
    put, wrong = s3.put_bucket_request_payment, {"Payer": "Nobody"}
    malformed = (400, "MalformedXML")
    assert refusal(put, Bucket=bucket, RequestPaymentConfiguration=wrong) == malformed
    asked = {"Bucket": bucket, "RequestPaymentConfiguration": {"Payer": "Requester"}}
    assert refusal(stranger.put_bucket_request_payment, **asked) == DENIED


def test_others_pay_or_get_nothing(paid, stranger):
    asked = {"Bucket": paid, "Key": "k"}
    for call in (stranger.get_object, stranger.put_object, stranger.delete_object):
        assert refusal(call, **asked) == DENIED
        assert refusal(call, **asked, RequestPayer="somebody") == DENIED
    assert refusal(stranger.list_objects_v2, Bucket=paid) == DENIED
    got = stranger.get_object(**asked, RequestPayer="requester")
    assert (got["Body"].read(), got["RequestCharged"]) == (b"body", "requester")
    assert refusal(stranger.get_object, **asked) == DENIED  # no answer is kept for later
    listed = stranger.list_objects_v2(Bucket=paid, RequestPayer="requester")
    assert (listed["KeyCount"], listed["RequestCharged"]) == (1, "requester")


def test_the_owner_does_not_pay(paid, s3):
    assert "RequestCharged" not in s3.get_object(Bucket=paid, Key="k", RequestPayer="requester")
    assert "RequestCharged" not in s3.get_object(Bucket=paid, Key="k")


def test_nobody_cannot_pay(paid, anonymous):
    assert refusal(anonymous.get_object, Bucket=paid, Key="k", RequestPayer="requester") == DENIED


def test_a_link_says_it_in_its_query(paid, stranger):
    asked = {"Bucket": paid, "Key": "k"}
    url = stranger.generate_presigned_url("get_object", asked | {"RequestPayer": "requester"})
    with urllib.request.urlopen(url) as answer:
        assert answer.headers["x-amz-request-charged"] == "requester"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(stranger.generate_presigned_url("get_object", asked))
    assert refused.value.code == 403
    refused.value.close()


def test_the_source_of_a_copy_is_paid_for_too(paid, s3, stranger, new_bucket):
    other = new_bucket(ACL="public-read-write")
    asked = {"Bucket": other, "Key": "k", "CopySource": f"{paid}/k"}
    assert refusal(stranger.copy_object, **asked) == DENIED
    stranger.copy_object(**asked, RequestPayer="requester")
    assert s3.get_object(Bucket=other, Key="k")["Body"].read() == b"body"
