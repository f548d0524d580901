"""Pachyderm's S3 gateway, "Unsupported operations": 501 NotImplemented, and nothing has changed.

Of its list of 23 the gateway under test implements some (``IMPLEMENTED``), which are not judged
here.
"""

import pytest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.source(
    "Pachyderm S3 gateway 'Unsupported operations'",
    "https://github.com/pachyderm/pachyderm/blob/master/doc/docs/master/reference/s3gateway_api",
)

RULE = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": ""}}
LIFECYCLE = {"Rules": [RULE | {"Expiration": {"Days": 1}}]}
ARN = "arn:aws:s3:::somewhere"
TO_ARN = {"S3BucketDestination": {"Format": "CSV", "Bucket": ARN}}
ANALYTICS = {
    "Id": "i",
    "StorageClassAnalysis": {"DataExport": {"OutputSchemaVersion": "V_1", "Destination": TO_ARN}},
}
INVENTORY = {
    "Id": "i",
    "IsEnabled": True,
    "IncludedObjectVersions": "All",
    "Schedule": {"Frequency": "Daily"},
    "Destination": TO_ARN,
}
REPLICATION = {
    "Role": "arn:aws:iam::1:role/r",
    "Rules": [
        RULE
        | {"Priority": 1, "DeleteMarkerReplication": {"Status": "Disabled"}}
        | {"Destination": {"Bucket": ARN}}
    ],
}
LOCK = {"ObjectLockEnabled": "Enabled"}

IMPLEMENTED = {
    "CORS configuration",
    "HTML form uploads",
    "encryption",
    "multipart uploads",
    "notifications",
    "object copying",
    "payment requests",
    "policies",
    "public access blocks",
    "regions",
    "tagging",
    "torrents",
    "website configuration",
}
BUCKET_CALLS = {
    "accelerate": [
        ("put_bucket_accelerate_configuration", {"AccelerateConfiguration": {"Status": "Enabled"}}),
    ],
    "analytics": [
        ("put_bucket_analytics_configuration", {"Id": "i", "AnalyticsConfiguration": ANALYTICS}),
        ("delete_bucket_analytics_configuration", {"Id": "i"}),
    ],
    "inventory": [
        ("put_bucket_inventory_configuration", {"Id": "i", "InventoryConfiguration": INVENTORY}),
        ("delete_bucket_inventory_configuration", {"Id": "i"}),
    ],
    "lifecycles": [
        ("put_bucket_lifecycle_configuration", {"LifecycleConfiguration": LIFECYCLE}),
        ("delete_bucket_lifecycle", {}),
    ],
    "logging": [
        ("put_bucket_logging", {"BucketLoggingStatus": {}}),
    ],
    "metrics": [
        ("put_bucket_metrics_configuration", {"Id": "i", "MetricsConfiguration": {"Id": "i"}}),
        ("delete_bucket_metrics_configuration", {"Id": "i"}),
    ],
    "object locks": [
        ("put_object_lock_configuration", {"ObjectLockConfiguration": LOCK}),
    ],
    "replication": [
        ("put_bucket_replication", {"ReplicationConfiguration": REPLICATION}),
        ("delete_bucket_replication", {}),
    ],
}
UNTIL = {"Mode": "GOVERNANCE", "RetainUntilDate": "2099-01-01"}
OBJECT_CALLS = {
    "legal holds": [
        ("get_object_legal_hold", {}),
        ("put_object_legal_hold", {"LegalHold": {"Status": "ON"}}),
    ],
    "retention policies": [
        ("get_object_retention", {}),
        ("put_object_retention", {"Retention": UNTIL}),
    ],
}
CASES = [
    pytest.param(call, {"Bucket"} | extra, asked, id=f"{feature}: {call}")
    for calls, extra in ((BUCKET_CALLS, set()), (OBJECT_CALLS, {"Key"}))
    for feature, each in calls.items()
    for call, asked in each
]


def state(owner, bucket):
    """All of a bucket that a client can see."""
    return (
        owner.get_bucket_acl(Bucket=bucket)["Grants"],
        [
            (each["Key"], each["ETag"], each["LastModified"])
            for each in owner.list_objects_v2(Bucket=bucket).get("Contents", [])
        ],
        owner.get_object(Bucket=bucket, Key="k")["Body"].read(),
        owner.head_object(Bucket=bucket, Key="k")["Metadata"],
    )


@pytest.fixture
def bucket(owner, new_bucket):
    name = new_bucket(ACL="private")
    owner.put_object(Bucket=name, Key="k", Body=b"body", Metadata={"color": "blue"})
    return name


def is_not_implemented(refusal):
    said = refusal.response
    assert said["ResponseMetadata"]["HTTPStatusCode"] == 501
    assert said["Error"]["Code"] == "NotImplemented"
    assert said["Error"]["Message"]
    assert said["ResponseMetadata"]["RequestId"]
    assert said["ResponseMetadata"]["HTTPHeaders"]["content-type"] == "application/xml"


@pytest.mark.parametrize(("call", "named", "asked"), CASES)
def test_it_is_not_implemented_and_touches_nothing(owner, bucket, call, named, asked):
    before = state(owner, bucket)
    names = {"Bucket": bucket, "Key": "k"}
    with pytest.raises(ClientError) as refusal:
        getattr(owner, call)(**{name: names[name] for name in named}, **asked)
    is_not_implemented(refusal.value)
    assert state(owner, bucket) == before


@pytest.mark.parametrize(
    "asked",
    [
        {"ObjectLockMode": "GOVERNANCE", "ObjectLockRetainUntilDate": "2099-01-01"},
        {"ObjectLockLegalHoldStatus": "ON"},
    ],
    ids=lambda asked: next(iter(asked)),
)
def test_nor_is_it_silently_dropped_when_a_header_asks_for_it(owner, bucket, asked):
    before = state(owner, bucket)
    with pytest.raises(ClientError) as refusal:
        owner.put_object(Bucket=bucket, Key="k", Body=b"other", **asked)
    is_not_implemented(refusal.value)
    assert state(owner, bucket) == before


def test_the_list_of_23_is_whole():
    judged = BUCKET_CALLS.keys() | OBJECT_CALLS.keys()
    assert len(judged | IMPLEMENTED) == 23
