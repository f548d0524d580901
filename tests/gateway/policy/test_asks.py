"""Which actions a request asks a policy for, by the ACL it gives."""

from datetime import UTC, datetime

import pytest

from gateway.naming import canonical_id
from gateway.policy.asks import asks
from gateway.policy.facts import Facts
from tests.gateway.asked import asked

WHEN = datetime(2026, 1, 1, tzinfo=UTC)
OWNERS = canonical_id("owner")
OTHERS = canonical_id("other")


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ([], False),
        ([("x-amz-acl", "bucket-owner-full-control")], False),
        ([("x-amz-acl", "bucket-owner-read")], False),
        ([("x-amz-acl", "private")], True),
        ([("x-amz-acl", "public-read")], True),
        ([("x-amz-grant-full-control", f"id={OWNERS}")], False),
        ([("x-amz-grant-full-control", f'id="{OWNERS}"')], False),
        ([("x-amz-grant-read", f"id={OTHERS}")], True),
        ([("x-amz-grant-read", f"id={OWNERS},id={OTHERS}")], True),
        ([("x-amz-grant-read", f"id={OWNERS}"), ("x-amz-grant-write", f"id={OTHERS}")], True),
        ([("x-amz-grant-read", f"id={OTHERS}"), ("x-amz-grant-read", f"id={OWNERS}")], True),
        ([("x-amz-acl", "public-read"), ("x-amz-acl", "bucket-owner-read")], True),
    ],
)
@pytest.mark.parametrize("operation", ["PutObject", "CopyObject", "CreateMultipartUpload"])
def test_rights_for_the_buckets_owner_alone_may_be_given_by_who_may_put(operation, headers, more):
    facts = Facts(asked("PUT /bucket/key", *headers), "other", WHEN)

    actions = asks(operation, facts, owner="owner", missing=False).actions
    assert actions == ("s3:PutObject", *["s3:PutObjectAcl"] * more)
