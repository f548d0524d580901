"""Compat: where AWS and ceph/s3-tests want different answers, one row for each. Values only.

s3-tests is written against Ceph's RGW. Where one answer suits both (Owner has a DisplayName, writes
may be conditional on any ETag, deletes on time and size), it is always given, and is no row here.
"""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class Compat:
    """What is done RGW's way. The links say what AWS does; the test is that of s3-tests."""

    part_beyond_count_is_invalid_part: bool = False
    """InvalidPart (400), not InvalidPartNumber (416). test_multipart_get_part,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html"""

    own_bucket_again_exists: bool = False
    """BucketAlreadyExists for the owner too. test_bucket_recreate_new_acl,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CreateBucket.html"""

    bad_expires_is_denied: bool = False
    """AccessDenied (403), not AuthorizationQueryParametersError (400).
    test_object_raw_get_x_amz_expires_out_max_range,
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html"""

    absent_is_deleted: bool = False
    """A conditional delete of what is not there succeeds. test_delete_object_if_match,
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-deletes.html"""

    too_many_tags_is_invalid_tag: bool = False
    """InvalidTag, not BadRequest. test_put_excess_tags,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectTagging.html"""

    object_tags_are_sorted: bool = False
    """By key, not as they were given. test_put_obj_with_tags,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectTagging.html"""

    unreadable_checksum_is_bad_digest: bool = False
    """BadDigest, not InvalidRequest. test_object_checksum_sha256,
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html"""

    parts_need_no_checksums: bool = False
    """Complete of a COMPOSITE upload may leave them out.
    test_get_multipart_checksum_object_attributes,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html"""

    part_named_twice_counts_once: bool = False
    """The later line counts; AWS: InvalidPartOrder. test_multipart_resend_first_finishes_last,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html"""

    all_parts_are_listed: bool = False
    """GetObjectAttributes lists parts without checksums of their own.
    test_get_paginated_multipart_object_attributes,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObjectAttributes.html"""

    copy_range_beyond_is_invalid_range: bool = False
    """InvalidRange (416), not InvalidArgument. test_multipart_copy_invalid_range,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html"""

    prefix_of_v1_is_not_encoded: bool = False
    """ListObjects shows Prefix as it is. test_bucket_list_prefix_unreadable,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjects.html"""

    absence_tells_delete_marker: bool = False
    """HEAD of what is not there says x-amz-delete-marker: false. test_delete_marker_nonversioned,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html"""

    anonymous_has_no_buckets: bool = False
    """ListBuckets without a signature is an empty list. test_list_buckets_anonymous,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListBuckets.html"""

    who_may_put_may_tag: bool = False
    """x-amz-tagging and the tags of a form need no right of their own where an ACL opens a bucket.
    test_post_object_tags_anonymous_request,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""

    grants_to_groups_come_first: bool = False
    """An ACL is shown with them before those to keys, the owner's too. test_bucket_acl_canned,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketAcl.html"""

    acl_counts_for_policy_status: bool = False
    """A bucket is public by its ACL too, not by its policy alone.
    test_get_public_acl_bucket_policy_status,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetBucketPolicyStatus.html"""

    absent_field_is_empty: bool = False
    """A form meets ``starts-with`` of nothing without the field.
    test_sse_s3_default_post_object_authenticated_request,
    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-HTTPPOSTConstructPolicy.html"""

    wrong_customer_key_is_invalid_request: bool = False
    """InvalidRequest (400) to a read with another key (SSE-C), not AccessDenied.
    test_encryption_sse_c_other_key,
    https://docs.aws.amazon.com/AmazonS3/latest/userguide/ServerSideEncryptionCustomerKeys.html"""

    filters_may_say_several_things: bool = False
    """The filter of a lifecycle rule need not put them under And; all hold.
    test_lifecycle_expiration_tags1,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_LifecycleRuleFilter.html"""

    kms_needs_a_key_id: bool = False
    """aws:kms without one is refused; AWS takes the key aws/s3. test_sse_kms_no_key,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html"""

    bad_period_is_invalid_retention_period: bool = False
    """InvalidRetentionPeriod, not InvalidArgument. test_object_lock_put_obj_lock_invalid_days,
    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObjectLockConfiguration.html"""


AWS = Compat()
NAMED = {"aws": AWS, "rgw": Compat(**{row.name: True for row in fields(Compat)})}
"""By the value of the setting ``compat``."""
