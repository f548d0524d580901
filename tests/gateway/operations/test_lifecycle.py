"""A bucket's lifecycle configuration over the wire, and what answers say of it."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from gateway.lifecycle.rules import DAY_MS
from gateway.lifecycle.sweeping import Sweep
from store.progress import Progress

RULES = [
    {"ID": "one", "Status": "Enabled", "Filter": {"Prefix": "a/"}, "Expiration": {"Days": 1}},
    {
        "ID": "two",
        "Status": "Disabled",
        "Filter": {
            "And": {
                "Prefix": "b/",
                "Tags": [{"Key": "k", "Value": "v"}],
                "ObjectSizeGreaterThan": 5,
                "ObjectSizeLessThan": 50,
            }
        },
        "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2},
    },
    {
        "ID": "three",
        "Status": "Enabled",
        "Filter": {"Prefix": "c/"},
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 2},
        "Expiration": {"Date": datetime(2040, 1, 1, tzinfo=UTC)},
        "Transitions": [
            {"Date": datetime(2039, 1, 1, tzinfo=UTC), "StorageClass": "STANDARD_IA"},
            {"Date": datetime(2039, 7, 1, tzinfo=UTC), "StorageClass": "GLACIER"},
        ],
        "NoncurrentVersionTransitions": [
            {"NoncurrentDays": 3, "StorageClass": "GLACIER", "NewerNoncurrentVersions": 2}
        ],
    },
]


def put_rules(s3, bucket, rules, **more):
    asked = {"Bucket": bucket, "LifecycleConfiguration": {"Rules": rules}}
    return s3.put_bucket_lifecycle_configuration(**asked, **more)


def refusal(call, *asked, **more):
    with pytest.raises(ClientError) as refused:
        call(*asked, **more)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


def test_rules_come_back_as_they_were_put(bucket, s3):
    put_rules(s3, bucket, RULES)

    found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)

    assert found["Rules"] == RULES
    assert found["TransitionDefaultMinimumObjectSize"] == "all_storage_classes_128K"


def test_the_older_form_is_the_same_configuration(bucket, s3):
    rules = [{"ID": "x", "Prefix": "p/", "Status": "Enabled", "Expiration": {"Days": 3}}]
    s3.put_bucket_lifecycle(Bucket=bucket, LifecycleConfiguration={"Rules": rules})

    assert s3.get_bucket_lifecycle(Bucket=bucket)["Rules"] == rules
    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == rules


def test_the_smallest_size_to_move_is_kept(bucket, s3):
    size = "varies_by_storage_class"
    said = put_rules(s3, bucket, RULES, TransitionDefaultMinimumObjectSize=size)
    assert said["TransitionDefaultMinimumObjectSize"] == size

    found = s3.get_bucket_lifecycle_configuration(Bucket=bucket)

    assert found["TransitionDefaultMinimumObjectSize"] == size


def test_a_configuration_can_be_removed_and_removed_again(bucket, s3):
    put_rules(s3, bucket, RULES)
    for _ in range(2):
        s3.delete_bucket_lifecycle(Bucket=bucket)

    missing = refusal(s3.get_bucket_lifecycle_configuration, Bucket=bucket)

    assert missing == (404, "NoSuchLifecycleConfiguration")


def test_they_are_the_owners_alone(new_bucket, stranger, anonymous):
    bucket = new_bucket(ACL="public-read-write")
    denied = (403, "AccessDenied")
    for client in (stranger, anonymous):
        assert refusal(put_rules, client, bucket, RULES) == denied
        assert refusal(client.get_bucket_lifecycle_configuration, Bucket=bucket) == denied
        assert refusal(client.delete_bucket_lifecycle, Bucket=bucket) == denied


def test_a_policy_lets_others_read_or_change_them(bucket, s3, stranger, gateway):
    def allow(action: str) -> None:
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": gateway.stranger.key},
            "Action": action,
            "Resource": f"arn:aws:s3:::{bucket}",
        }
        policy = {"Version": "2012-10-17", "Statement": [statement]}
        s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    denied = (403, "AccessDenied")
    allow("s3:PutLifecycleConfiguration")
    put_rules(stranger, bucket, RULES)
    assert refusal(stranger.get_bucket_lifecycle_configuration, Bucket=bucket) == denied
    allow("s3:GetLifecycleConfiguration")
    assert stranger.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == RULES
    assert refusal(put_rules, stranger, bucket, RULES) == denied
    assert refusal(stranger.delete_bucket_lifecycle, Bucket=bucket) == denied


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"Status": "enabled"}, "MalformedXML"),
        ({"Expiration": {"Days": 0}}, "InvalidArgument"),
        ({"Expiration": {"Date": datetime(2040, 1, 1, 5, tzinfo=UTC)}}, "InvalidArgument"),
        ({"ID": "x" * 256}, "InvalidArgument"),
        ({"Prefix": "both"}, "MalformedXML"),
        ({"Transitions": [{"Days": 1, "StorageClass": "COLD"}]}, "MalformedXML"),
    ],
)
def test_bad_rules_are_refused_and_change_nothing(changed, code, bucket, s3):
    put_rules(s3, bucket, RULES)

    assert refusal(put_rules, s3, bucket, [RULES[0] | changed])[1] == code

    assert s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"] == RULES


# --- what answers say -----------------------------------------------------------------------------


def expiry_of(answer) -> tuple[datetime, str]:
    date, rule = answer["Expiration"].split('", ')
    moment = datetime.strptime(date, 'expiry-date="%a, %d %b %Y %H:%M:%S GMT')
    return moment.replace(tzinfo=UTC), rule


def test_put_copy_head_and_get_tell_when_an_object_expires(bucket, s3):
    put_rules(s3, bucket, RULES)
    source = {"Bucket": bucket, "Key": "a/k"}
    answers = [
        s3.put_object(Bucket=bucket, Key="a/k", Body=b"x"),
        s3.copy_object(Bucket=bucket, Key="a/copy", CopySource=source),
        s3.head_object(Bucket=bucket, Key="a/k"),
        s3.get_object(Bucket=bucket, Key="a/k"),
    ]

    now = datetime.now(UTC)
    for answer in answers:
        moment, rule = expiry_of(answer)
        assert rule == 'rule-id="one"'
        assert moment.time() == datetime.min.time()
        assert timedelta(days=1) - timedelta(minutes=5) < moment - now <= timedelta(days=2)


def test_answers_tell_it_of_what_a_rule_is_about(bucket, s3):
    put_rules(s3, bucket, RULES)
    assert "Expiration" not in s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="k")
    tagged = {"Filter": {"Tag": {"Key": "k", "Value": "v"}}}
    put_rules(s3, bucket, [RULES[0] | tagged])
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="k")

    tags = {"TagSet": [{"Key": "k", "Value": "v"}]}
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tags)

    assert "Expiration" in s3.head_object(Bucket=bucket, Key="k")


def test_uploads_tell_when_they_are_aborted(bucket, s3):
    put_rules(s3, bucket, RULES)
    began = s3.create_multipart_upload(Bucket=bucket, Key="c/k")
    listed = s3.list_parts(Bucket=bucket, Key="c/k", UploadId=began["UploadId"])

    for answer in (began, listed):
        assert answer["AbortRuleId"] == "three"
        assert timedelta(days=1) < answer["AbortDate"] - datetime.now(UTC) <= timedelta(days=3)
    assert "AbortDate" not in s3.create_multipart_upload(Bucket=bucket, Key="k")


def test_what_is_due_goes(bucket, s3, gateway):
    put_rules(s3, bucket, RULES)
    for key in ("a/k", "k"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    sweep = Sweep(gateway.store, Progress(gateway.config.data_dir, "test"), day_ms=DAY_MS)
    soon = int(datetime.now(UTC).timestamp() * 1000) + 2 * DAY_MS

    asyncio.run_coroutine_threadsafe(sweep.round(now=soon), gateway.loop).result(30)

    assert [found["Key"] for found in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]
