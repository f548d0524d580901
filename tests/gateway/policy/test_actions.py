"""What each operation needs, and that none is forgotten."""

import pytest

from gateway.operations import OPERATIONS
from gateway.policy.actions import ACTIONS, KNOWN, known, needed
from tests.gateway.aws_model import MODEL


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_every_row_has_its_action(row):
    assert row.name in ACTIONS


def test_every_operation_of_the_model_has_its_action():
    assert sorted(set(MODEL.operation_names) - ACTIONS.keys()) == []


@pytest.mark.parametrize(
    ("operation", "headers", "version", "actions"),
    [
        ("GetObject", {}, False, ["s3:GetObject"]),
        ("GetObject", {}, True, ["s3:GetObjectVersion"]),
        ("HeadObject", {}, True, ["s3:GetObjectVersion"]),
        ("GetObjectAttributes", {}, False, ["s3:GetObjectAttributes", "s3:GetObject"]),
        (
            "GetObjectAttributes",
            {},
            True,
            ["s3:GetObjectVersionAttributes", "s3:GetObjectVersion"],
        ),
        ("DeleteObject", {}, False, ["s3:DeleteObject"]),
        ("DeleteObject", {}, True, ["s3:DeleteObjectVersion"]),
        ("HeadBucket", {}, False, ["s3:ListBucket"]),
        ("ListObjectsV2", {}, False, ["s3:ListBucket"]),
        ("ListObjectVersions", {}, False, ["s3:ListBucketVersions"]),
        ("ListMultipartUploads", {}, False, ["s3:ListBucketMultipartUploads"]),
        ("ListParts", {}, False, ["s3:ListMultipartUploadParts"]),
        ("AbortMultipartUpload", {}, False, ["s3:AbortMultipartUpload"]),
        ("UploadPart", {"x-amz-acl": "private"}, False, ["s3:PutObject"]),
        ("PutObject", {"x-amz-meta-acl": "x"}, False, ["s3:PutObject"]),
        ("PutObject", {"x-amz-acl": "private"}, False, ["s3:PutObject", "s3:PutObjectAcl"]),
        ("PutObject", {"x-amz-grant-read": "id=x"}, False, ["s3:PutObject", "s3:PutObjectAcl"]),
        ("CopyObject", {"x-amz-tagging": "a=b"}, False, ["s3:PutObject", "s3:PutObjectTagging"]),
        (
            "CreateMultipartUpload",
            {"x-amz-object-lock-mode": "GOVERNANCE", "x-amz-object-lock-legal-hold": "ON"},
            False,
            ["s3:PutObject", "s3:PutObjectRetention", "s3:PutObjectLegalHold"],
        ),
    ],
)
def test_what_an_operation_needs(operation, headers, version, actions):
    assert list(needed(operation, headers, version)) == actions


@pytest.mark.parametrize("text", sorted(KNOWN))
def test_every_action_is_known_in_any_case(text):
    assert known(text)
    assert known(text.upper())
