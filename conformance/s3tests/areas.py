"""Which items of ceph/s3-tests count, and what each of them is about. Values only.

The suite's marks say what is Ceph's alone and what AWS does otherwise; where they say nothing, or
too much, items are named here.
"""

import re
from collections.abc import Collection

COMMIT = "8f0ae7b404a3a2fcf7038bf1e6bf29544fe9b6a3"
"""Of https://github.com/ceph/s3-tests: May 2026. Totals and names below are of this one."""

STRICT = "strict"
"""AWS passes it, or should: the suite has no ``fails_on_aws`` on it."""
RGW = "rgw"
"""The suite has: RGW's own behaviour, and some of AWS's that is younger than the mark."""
BONUS = "bonus"
"""Marked as failing on RGW, so nobody has to; or signed by version 2."""

NOT_COUNTED = frozenset(
    ["bucket_logging", "cloud_restore", "cloud_transition", "iam_account", "lifecycle_transition"]
)
OF_RGW_ALONE = frozenset(
    [
        "test_account_usage",
        "test_bucket_head_extended",
        "test_bucket_list_unordered",
        "test_bucket_listv2_unordered",
        "test_bucket_policy_different_tenant",
        "test_bucket_policy_tenanted_bucket",
        "test_head_bucket_usage",
    ]
)
WORTH_PASSING = frozenset(
    [
        "test_100_continue_error_retry",
        "test_atomic_dual_conditional_write_1mb",
        "test_atomic_write_bucket_gone",
        "test_bucket_policy_put_obj_request_obj_tag",
        "test_bucket_policy_set_condition_operator_end_with_IfExists",
        "test_copy_object_ifmatch_failed",
        "test_copy_object_ifnonematch_good",
        "test_cors_presigned_get_object_tenant_v2",
        "test_cors_presigned_get_object_v2",
        "test_cors_presigned_put_object_tenant_v2",
        "test_cors_presigned_put_object_v2",
        "test_encryption_sse_c_multipart_invalid_chunks_1",
        "test_encryption_sse_c_multipart_invalid_chunks_2",
        "test_multipart_copy_improper_range",
        "test_object_read_unreadable",
        "test_object_set_get_unicode_metadata",
    ]
)
"""Of those marked ``fails_on_rgw``. The others cannot pass: botocore rewrites what they send."""

WANT_NO_OTHER_BUCKETS = ("test_list_buckets_anonymous", "test_list_buckets_paginated")
"""They count all buckets of an account, so nothing runs beside them."""

AREAS = {
    "Bucket listing V1/V2/ListBuckets": r"test_bucket_list|list_buckets|basic_key_count",
    "SSE copy matrix": r"test_copy(_part)?_enc\[",
    "ACL (bucket, object, access matrix)": r"acl|access_bucket",
    "Object lock/retention/legal hold": r"object_lock",
    "POST object": r"post_object",
    "Lifecycle": r"@lifecycle",
    "Conditional write/delete": r"@conditional_write|test_put_object_ifn?o?n?match",
    "Bucket create/head/delete/naming": r"test_bucket",
    "Object put/get/head/delete/metadata": r"",
    "Copy (object + part)": r"copy",
    "SSE-KMS": r"kms",
    "Versioning + delete markers": r"::test_version(ed|ing)_|delete_marker|get_versioned",
    "Multipart": r"multipart",
    "Bucket policy": r"policy",
    "SSE-C": r"sse_c|encrypted_transfer|enc_conflict",
    "SSE-S3 + bucket encryption": r"@encryption|bucket_encryption",
    "Public access block/policy status": r"block_public|public_block|ignore_public|policy_status",
    "Raw-header validation": r"test_headers\.py",
    "Presigned/anonymous raw": r"_raw_|presigned|anon_put",
    "Tagging": r"@tagging|_tags",
    "Checksums": r"checksum|cksum",
    "CORS": r"_cors",
    "Atomicity/concurrency": r"test_atomic_(?!multipart)",
    "Object ownership": r"@object_ownership",
    "Range requests": r"ranged",
}
"""In the order of the table, which is by size; what an item is about is the first to match in
``_LOOKED_FOR``, by its name and ``@`` its marks."""

_LOOKED_FOR = (
    *("Raw-header validation", "SSE copy matrix", "Conditional write/delete", "Object ownership"),
    *("Lifecycle", "SSE-KMS", "SSE-C", "SSE-S3 + bucket encryption", "POST object", "Checksums"),
    *("CORS", "Object lock/retention/legal hold", "Public access block/policy status"),
    *("Bucket policy", "Tagging", "Atomicity/concurrency", "Range requests"),
    *("Versioning + delete markers", "Copy (object + part)", "ACL (bucket, object, access matrix)"),
    *("Presigned/anonymous raw", "Multipart", "Bucket listing V1/V2/ListBuckets"),
    *("Bucket create/head/delete/naming", "Object put/get/head/delete/metadata"),
)
_OF_THEIR_OWN = {
    "test_versioning_bucket_multipart_upload_return_version_id": "Multipart",
    "test_versioning_obj_create_overwrite_multipart": "Multipart",
    "test_versioning_copy_obj_version": "Copy (object + part)",
}


def kind(item: str, marks: Collection[str]) -> str | None:
    """``strict`` and ``rgw`` are the 697 that count (592 and 105), ``bonus`` comes on top.

    ``item``: ``test_s3.py::test_x[parameters]``. None is not run at all.
    """
    name = _name(item)
    if not NOT_COUNTED.isdisjoint(marks) or name in OF_RGW_ALONE:
        return None
    if "fails_on_rgw" in marks:
        return BONUS if name in WORTH_PASSING else None
    if "auth_aws2" in marks:
        return BONUS
    return RGW if "fails_on_aws" in marks else STRICT


def area(item: str, marks: Collection[str]) -> str:
    """A key of ``AREAS``."""
    text = " ".join([item, *(f"@{mark}" for mark in sorted(marks))])
    found = (area for area in _LOOKED_FOR if re.search(AREAS[area], text))
    return _OF_THEIR_OWN.get(_name(item)) or next(found)


def _name(item: str) -> str:
    return item.rpartition("::")[2].partition("[")[0]
