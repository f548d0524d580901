"""Every row of the API, over a socket: who reaches it, and by which of AWS's permissions.

The permissions are said here once more, in AWS's own words.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-with-s3-policy-actions.html
"""

import json
from http.client import HTTPConnection
from typing import get_type_hints

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gateway.access import Needs
from gateway.operation import Operation
from gateway.operations import OPERATIONS
from tests.gateway.rows import said

OPEN = {
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateMultipartUpload",
    "DeleteObject",
    "DeleteObjects",
    "GetBucketLocation",
    "GetBucketVersioning",
    "GetObject",
    "GetObjectAttributes",
    "GetObjectTorrent",
    "HeadBucket",
    "HeadObject",
    "ListMultipartUploads",
    "ListObjectVersions",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PostObject",
    "PutObject",
    "RenameObject",
    "SelectObjectContent",
    "UploadPart",
    "UploadPartCopy",
}
"""What a bucket does for everybody whose ACL is public-read-write."""
PERMISSIONS = {
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketTagging": "PutBucketTagging",
    "DeleteObjects": "DeleteObject",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "GetBucketAnalyticsConfiguration": "GetAnalyticsConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "GetBucketIntelligentTieringConfiguration": "GetIntelligentTieringConfiguration",
    "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketMetricsConfiguration": "GetMetricsConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListBucketAnalyticsConfigurations": "GetAnalyticsConfiguration",
    "ListBucketIntelligentTieringConfigurations": "GetIntelligentTieringConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListObjectAnnotations": "GetObjectAnnotation",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListParts": "ListMultipartUploadParts",
    "PostObject": "PutObject",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "PutBucketCors": "PutBucketCORS",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "PutBucketReplication": "PutReplicationConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "SelectObjectContent": "GetObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
}
"""Where the operation's own name is not the permission's."""
OWNERS_ALONE = {"DeleteBucketPolicy", "GetBucketPolicy", "PutBucketPolicy"}
"""No policy gives these away here."""

MORE = {
    "CopyObject": ["s3:GetObject"],
    "GetObjectAttributes": ["s3:GetObject"],
    "RenameObject": ["s3:GetObject", "s3:DeleteObject", "s3:PutObject", "s3:ListBucket"],
    "UploadPartCopy": ["s3:GetObject"],
}
"""What else it takes, on a source or for what is told."""

ROWS = [row for row in OPERATIONS if row.needs is not Needs.SIGNED]


def permission(row: Operation) -> str:
    return f"s3:{PERMISSIONS.get(row.name, row.name)}"


def answer(gateway, key, method, target, headers, body) -> tuple[int, str]:
    """Status and error code."""
    asked = AWSRequest(method, gateway.url + target, headers=headers, data=body)
    if key is not None:
        asked.headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
        S3SigV4Auth(Credentials(key.key, key.secret), "s3", "us-east-1").add_auth(asked)
    connection = HTTPConnection(gateway.host, gateway.port, timeout=20)
    connection.request(method, target, body, dict(asked.headers.items()))
    response = connection.getresponse()
    document = response.read().decode(errors="replace")
    connection.close()
    code = document.partition("<Code>")[2].partition("</Code>")[0]
    return response.status, code


def denied(gateway, key, row: Operation, bucket: str) -> bool:
    status, code = answer(gateway, key, *said(row, bucket))
    return status == 403 if row.method == "HEAD" else (status, code) == (403, "AccessDenied")


@pytest.fixture
def allow(s3, bucket):
    """Gives everybody these permissions, and no others."""

    def set_policy(**actions):
        s3.put_object(Bucket=bucket, Key="key", Body=b"data")
        resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
        statement = {"Effect": "Allow", "Principal": "*", "Resource": resources, **actions}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        s3.put_bucket_policy(Bucket=bucket, Policy=policy)

    return set_policy


def test_a_private_bucket_does_nothing_for_nobody_and_for_strangers(s3, gateway, bucket):
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    for key in (None, gateway.stranger):
        rows = [row for row in ROWS if key is None or not row.form]  # a form signs by its fields
        assert [row.name for row in rows if not denied(gateway, key, row, bucket)] == []


def test_nobody_creates_or_lists_buckets(gateway, bucket):
    rows = [row for row in OPERATIONS if row.needs is Needs.SIGNED]
    assert len(rows) == 2
    for row in rows:
        target = "/" if row.level == "service" else "/another-bucket"
        assert answer(gateway, None, row.method, target, {}, b"") == (403, "AccessDenied")


def test_what_a_bucket_does_for_everybody_that_is_public_read_write(s3, gateway, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    opened = set()
    for row in ROWS:
        s3.put_object(Bucket=bucket, Key="key", Body=b"data")
        if not denied(gateway, None, row, bucket):
            opened.add(row.name)
    assert opened == OPEN


def test_each_row_takes_the_permission_that_aws_says(gateway, bucket, allow):
    wrong = []
    for row in ROWS:
        allow(NotAction=permission(row))
        if not denied(gateway, None, row, bucket):
            wrong.append((row.name, "without"))
        allow(Action=[permission(row), *MORE.get(row.name, ())])
        if denied(gateway, None, row, bucket) is not (row.name in OWNERS_ALONE):
            wrong.append((row.name, "with"))
    assert wrong == []


SELECT = b"""<SelectObjectContentRequest><Expression>SELECT * FROM S3Object</Expression>
<ExpressionType>SQL</ExpressionType><InputSerialization><CSV/></InputSerialization>
<OutputSerialization><CSV/></OutputSerialization></SelectObjectContentRequest>"""


def test_a_version_that_may_be_read_opens_no_other(s3, gateway, bucket):
    """What is judged is what is read: an operation that knows no versions takes none."""
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    old = s3.put_object(Bucket=bucket, Key="key", Body=b"open", ACL="public-read")["VersionId"]
    s3.put_object(Bucket=bucket, Key="key", Body=b"secret")
    target = f"/{bucket}/key?select&select-type=2"
    assert answer(gateway, None, "POST", target, {}, SELECT) == (403, "AccessDenied")
    target += f"&versionId={old}"
    assert answer(gateway, None, "POST", target, {}, SELECT) == (400, "InvalidArgument")


def test_a_version_in_the_query_is_for_operations_that_know_versions(s3, gateway, bucket):
    s3.put_object(Bucket=bucket, Key="key", Body=b"data")
    for row in ROWS:
        if row.level == "object" and "version_id" not in get_type_hints(row.input):
            method, target, headers, body = said(row, bucket)
            target = target.removesuffix("?") + ("&" if row.query else "?") + "versionId=null"
            found = answer(gateway, gateway.owner, method, target, headers, body)
            assert found == (400, "InvalidArgument"), row.name
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"data"


@pytest.mark.parametrize("many", [False, True])
def test_whoever_may_write_cannot_delete_versions_for_good(s3, gateway, bucket, stranger, many):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#permissions

    WRITE gives s3:DeleteObjectVersion to nobody but the bucket's owner.
    """
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    id = s3.put_object(Bucket=bucket, Key="key", Body=b"data")["VersionId"]
    for client in (stranger, gateway.client(None)):
        if many:
            objects = [{"Key": "key", "VersionId": id}, {"Key": "other"}]
            told = client.delete_objects(Bucket=bucket, Delete={"Objects": objects})
            assert [each["Code"] for each in told["Errors"]] == ["AccessDenied"]
            assert [each["Key"] for each in told["Deleted"]] == ["other"]
        else:
            with pytest.raises(client.exceptions.ClientError, match="AccessDenied"):
                client.delete_object(Bucket=bucket, Key="key", VersionId=id)
        assert client.delete_object(Bucket=bucket, Key="key")["DeleteMarker"]
    assert s3.get_object(Bucket=bucket, Key="key", VersionId=id)["Body"].read() == b"data"
    s3.delete_object(Bucket=bucket, Key="key", VersionId=id)
