"""Why an item fails with ``compat=aws``: by the row of ``gateway/compat.py`` that has RGW's answer.

Each was found by running the item with that row alone taken from RGW: then it passes.
"""

REASONS: dict[str, tuple[str, ...]] = {
    "absence_tells_delete_marker": (
        "test_delete_marker_expiration",
        "test_delete_marker_nonversioned",
    ),
    "absent_field_is_empty": (
        "test_sse_kms_default_post_object_authenticated_request",
        "test_sse_s3_default_post_object_authenticated_request",
    ),
    "absent_is_deleted": (
        "test_delete_object_current_if_match",
        "test_delete_object_if_match",
        "test_delete_object_if_match_last_modified_time",
        "test_delete_object_if_match_size",
        "test_delete_object_version_if_match",
        "test_delete_object_version_if_match_last_modified_time",
        "test_delete_object_version_if_match_size",
    ),
    "acl_counts_for_policy_status": (
        "test_get_authpublic_acl_bucket_policy_status",
        "test_get_public_acl_bucket_policy_status",
    ),
    "all_parts_are_listed": (
        "test_get_multipart_object_attributes",
        "test_get_paginated_multipart_object_attributes",
        "test_get_single_multipart_object_attributes",
    ),
    "anonymous_has_no_buckets": ("test_list_buckets_anonymous",),
    "bad_expires_is_denied": (
        "test_object_raw_get_x_amz_expires_out_max_range",
        "test_object_raw_get_x_amz_expires_out_positive_range",
        "test_object_raw_put_authenticated_expired",
    ),
    "bad_period_is_invalid_retention_period": (
        "test_object_lock_put_obj_lock_invalid_days",
        "test_object_lock_put_obj_lock_invalid_years",
    ),
    "copy_range_beyond_is_invalid_range": ("test_multipart_copy_invalid_range",),
    "filters_may_say_several_things": (
        "test_lifecycle_expiration_noncur_tags1",
        "test_lifecycle_expiration_size_gt",
        "test_lifecycle_expiration_size_lt",
        "test_lifecycle_expiration_tags1",
        "test_lifecycle_expiration_tags2",
        "test_lifecycle_expiration_versioned_tags2",
    ),
    "grants_to_groups_come_first": (
        "test_bucket_acl_canned",
        "test_bucket_acl_canned_authenticatedread",
        "test_bucket_acl_canned_during_create",
        "test_bucket_acl_canned_publicreadwrite",
        "test_object_acl_canned",
        "test_object_acl_canned_authenticatedread",
        "test_object_acl_canned_bucketownerfullcontrol",
        "test_object_acl_canned_bucketownerread",
        "test_object_acl_canned_during_create",
        "test_object_acl_canned_publicreadwrite",
        "test_put_bucket_acl_grant_group_read",
        "test_versioned_object_acl",
        "test_versioned_object_acl_no_version_specified",
    ),
    "kms_needs_a_key_id": ("test_sse_kms_no_key",),
    "object_tags_are_sorted": ("test_put_obj_with_tags",),
    "own_bucket_again_exists": (
        "test_bucket_recreate_new_acl",
        "test_bucket_recreate_overwrite_acl",
    ),
    "part_beyond_count_is_invalid_part": (
        "test_multipart_get_part",
        "test_multipart_single_get_part",
        "test_multipart_sse_c_get_part",
        "test_non_multipart_get_part",
        "test_non_multipart_sse_c_get_part",
    ),
    "part_named_twice_counts_once": ("test_multipart_resend_first_finishes_last",),
    "parts_need_no_checksums": (
        "test_get_multipart_checksum_object_attributes",
        "test_multipart_checksum_sha256",
    ),
    "prefix_of_v1_is_not_encoded": ("test_bucket_list_prefix_unreadable",),
    "too_many_tags_is_invalid_tag": ("test_put_excess_tags",),
    "unreadable_checksum_is_bad_digest": (
        "test_object_checksum_crc64nvme",
        "test_object_checksum_sha256",
    ),
    "who_may_put_may_tag": ("test_post_object_tags_anonymous_request",),
    "wrong_customer_key_is_invalid_request": (
        "test_encryption_sse_c_multipart_bad_download",
        "test_encryption_sse_c_other_key",
    ),
}
