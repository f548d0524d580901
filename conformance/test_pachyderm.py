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

IMPLEMENTED = {
    "CORS configuration",
    "HTML form uploads",
    "accelerate",
    "encryption",
    "legal holds",
    "lifecycles",
    "logging",
    "multipart uploads",
    "notifications",
    "object copying",
    "object locks",
    "payment requests",
    "policies",
    "public access blocks",
    "regions",
    "replication",
    "retention policies",
    "tagging",
    "torrents",
    "website configuration",
}
CALLS = {
    "analytics": [
        ("put_bucket_analytics_configuration", {"Id": "i", "AnalyticsConfiguration": ANALYTICS}),
        ("delete_bucket_analytics_configuration", {"Id": "i"}),
    ],
    "inventory": [
        ("put_bucket_inventory_configuration", {"Id": "i", "InventoryConfiguration": INVENTORY}),
        ("delete_bucket_inventory_configuration", {"Id": "i"}),
    ],
    "metrics": [
        ("put_bucket_metrics_configuration", {"Id": "i", "MetricsConfiguration": {"Id": "i"}}),
        ("delete_bucket_metrics_configuration", {"Id": "i"}),
    ],
}
CASES = [
    pytest.param(call, asked, id=f"{feature}: {call}")
    for feature, each in CALLS.items()
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


@pytest.mark.parametrize(("call", "asked"), CASES)
def test_it_is_not_implemented_and_touches_nothing(owner, bucket, call, asked):
    before = state(owner, bucket)
    with pytest.raises(ClientError) as refusal:
        getattr(owner, call)(Bucket=bucket, **asked)
    is_not_implemented(refusal.value)
    assert state(owner, bucket) == before


def test_the_list_of_23_is_whole():
    assert len(CALLS.keys() | IMPLEMENTED) == 23
