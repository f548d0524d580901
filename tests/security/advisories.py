"""The table: what went wrong in other servers, and the tests that hold it off here.

Sources are advisories (CVE, GHSA) and commits of the project named. A test is named by its file
below ``tests`` and its function; a row without any says why it cannot happen here.
``test_advisories.py`` holds the table to what is there; the gate ``attack`` runs it.
"""

from typing import NamedTuple


class Advisory(NamedTuple):
    """One row. ``tests`` or ``absent`` is empty."""

    row: int
    source: str
    what: str
    tests: tuple[str, ...]
    absent: str = ""


def _row(row: int, source: str, what: str, *tests: str, absent: str = "") -> Advisory:
    return Advisory(row, source, what, tests, absent)


AUTH = "gateway/auth/test_verify.py::"
WIRE = "gateway/auth/test_on_the_wire.py::"
CHUNKS = "gateway/auth/test_aws_chunked.py::"
BODY = "gateway/auth/test_body.py::"
ATTACKS = "gateway/test_attacks.py::"
REACH = "gateway/test_reach.py::"
POLICY = "gateway/operations/test_policy.py::"
POST = "gateway/operations/test_post.py::"
LOCK = "gateway/operations/test_object_lock.py::"
APP = "gateway/test_app.py::"
OURS = "security/test_authentication.py::"
RIGHTS = "security/test_authorisation.py::"
ABSENT = "security/test_absent_services.py::"
PARSING = "security/test_parsing.py::"
RENDERING = "security/test_rendering.py::"
SECRETS = "security/test_secrets.py::"

ADVISORIES = (
    _row(
        1,
        "MinIO CVE-2025-31489",
        "unsigned-trailer PUT: signature not fully verified",
        f"{OURS}test_001_a_trailer_makes_up_for_no_signature",
        f"{AUTH}test_row_1_an_unsigned_trailer_body_needs_a_good_signature",
    ),
    _row(
        2,
        "MinIO CVE-2026-41145",
        "credentials in the query: signature skipped, key id still trusted",
        f"{OURS}test_002_a_credential_in_the_query_is_no_signature",
        f"{AUTH}test_row_2_a_credential_in_the_query_alone_is_no_signature",
    ),
    _row(
        3,
        "MinIO CVE-2026-40344",
        "a second write handler lacked the new way of signing",
        f"{OURS}test_003_no_route_believes_a_junk_signature_of_any_kind",
        f"{OURS}test_003_nor_does_a_form",
        f"{AUTH}test_row_3_a_junk_signature_is_refused_on_every_write_route",
    ),
    _row(
        4,
        "MinIO CVE-2021-21390",
        "chunk data passed on before its signature was checked",
        f"{WIRE}test_a_bad_chunked_body_stores_nothing",
        f"{WIRE}test_row_4_a_bad_chunked_part_is_no_part",
        f"{CHUNKS}test_row_4_a_wrong_last_signature_is_refused",
    ),
    _row(
        5,
        "s3proxy c3e9bd5b",
        "chunk signatures never verified",
        f"{WIRE}test_a_bad_chunked_body_stores_nothing",
        f"{CHUNKS}test_row_5_a_flipped_byte_in_the_second_of_three_chunks_is_refused",
    ),
    _row(
        6,
        "s3proxy 5f34b480",
        "an aws-chunked body that stops early stored as whole",
        f"{WIRE}test_a_bad_chunked_body_stores_nothing",
        f"{CHUNKS}test_row_6_a_body_without_its_zero_chunk_is_incomplete",
    ),
    _row(
        7,
        "s3proxy a6023082; Garage f8b0817d",
        "trailers unread or misread",
        f"{WIRE}test_row_7_a_trailer_is_the_declared_one_and_right",
        f"{CHUNKS}test_row_7_an_undeclared_trailer_is_refused",
        f"{BODY}test_row_7_a_wrong_trailing_checksum_is_refused",
    ),
    _row(
        8,
        "SeaweedFS 88ac2d043; versitygw 57747021",
        "x-amz-* headers outside SignedHeaders obeyed",
        f"{OURS}test_008_a_header_that_was_not_signed_is_not_obeyed",
        f"{AUTH}test_row_8_an_unsigned_amz_header_is_refused_by_name",
        f"{AUTH}test_row_8_an_added_amz_header_spoils_a_v2_url",
    ),
    _row(
        9,
        "SeaweedFS 689b5b61b; s3proxy c817269d",
        "empty or missing SignedHeaders accepted",
        f"{AUTH}test_row_9_a_list_of_signed_headers_is_sound_and_has_the_host",
        f"{AUTH}test_row_9_it_is_no_other_in_a_presigned_url",
        f"{AUTH}test_row_9_a_missing_list_of_signed_headers_is_refused",
    ),
    _row(
        10,
        "s3proxy fe12c467; Garage 2efa9c5a",
        "the name of the algorithm not checked",
        f"{AUTH}test_row_10_only_one_algorithm_is_known",
        f"{AUTH}test_a_broken_or_unknown_authorization_is_never_anonymous",
        f"{POST}test_a_signature_that_is_not_whole_and_right_is_refused",
    ),
    _row(
        11,
        "lakeFS CVE-2025-68671; go-btfs",
        "no check of the time: replay for ever",
        f"{OURS}test_011_a_signature_ends_with_its_quarter_of_an_hour",
        f"{AUTH}test_row_11_a_clock_may_not_be_off_by_more_than_a_quarter_of_an_hour",
        f"{AUTH}test_row_11_a_quarter_of_an_hour_is_allowed",
        "gateway/auth/test_sigv2_header.py::test_a_date_that_is_none_or_far_away_is_refused",
        "gateway/auth/test_presigned.py::test_a_url_is_good_until_its_last_second_and_not_after",
    ),
    _row(
        12,
        "MinIO a6318dbda; Garage 6d33e721; CubeFS CVE-2023-46739; Harbor CVE-2023-20902;"
        " RustFS GHSA-3p3x",
        "secrets or signatures compared in variable time (see the gate timing)",
        f"{SECRETS}test_012_no_secret_is_compared_by_its_first_difference",
        f"{AUTH}test_row_12_secrets_and_signatures_are_compared_in_constant_time",
    ),
    _row(
        13,
        "versitygw 9f6bf183",
        "the list of headers that signers leave out differs from the client's",
        f"{AUTH}test_row_13_headers_that_some_signers_leave_out_may_be_signed",
    ),
    _row(
        14,
        "SeaweedFS 98d89ffad, 5ecee9e64, 7d26c8838",
        "port and case of Host; X-Forwarded-Host trusted",
        f"{AUTH}test_row_14_the_host_is_signed_with_its_port_and_nobody_speaks_for_it",
        f"{AUTH}test_row_14_the_same_host_in_another_spelling_is_the_same_host",
        f"{AUTH}test_row_14_another_port_or_name_is_another_host",
    ),
    _row(
        15,
        "SeaweedFS cce98fcec",
        "a client could send the header that names the principal",
        f"{AUTH}test_row_15_no_header_names_the_caller",
        f"{AUTH}test_row_15_an_internal_looking_amz_header_must_be_signed",
    ),
    _row(
        16,
        "RustFS GHSA-6r96",
        "request headers became condition keys",
        f"{RIGHTS}test_016_no_header_becomes_a_condition",
        "gateway/policy/test_facts.py::test_no_header_becomes_a_key_by_its_name",
    ),
    _row(
        17,
        "RustFS GHSA-fc6g",
        "aws:SourceIp from X-Forwarded-For",
        f"{POLICY}test_a_header_does_not_change_where_a_request_comes_from",
        "gateway/test_limits.py::test_what_a_proxy_says_of_its_clients_counts_if_it_is_trusted",
    ),
    _row(
        18,
        "Ceph CVE-2024-48916; MinIO CVE-2026-33322; distribution CVE-2025-24976; RustFS GHSA-ccrv",
        "web tokens with alg:none, signed by the client, or for ever (no STS here: all refused)",
        f"{ABSENT}test_018_no_token_is_exchanged_for_credentials",
    ),
    _row(
        19,
        "RustFS GHSA-5qfg, GHSA-jxrr",
        "STS open to all, with refusals that can be told apart",
        f"{ABSENT}test_019_nobody_learns_from_a_refusal_what_was_wrong_with_a_token",
    ),
    _row(
        20,
        "MinIO CVE-2026-33419",
        "login by STS: names of users found out, no limit",
        f"{ABSENT}test_020_bad_logins_learn_nothing_however_many_they_are",
        "gateway/test_limits.py::test_strangers_are_limited_and_hold_up_nobody_who_signs",
    ),
    _row(
        21,
        "MinIO CVE-2025-62506",
        "a session's policy skipped for the own account (no sessions here: their tokens refused)",
        f"{AUTH}test_a_session_token_is_refused_while_there_are_no_sessions",
        f"{OURS}test_003_no_route_believes_a_junk_signature_of_any_kind",
    ),
    _row(
        22,
        "MinIO CVE-2021-43858, CVE-2022-24842, CVE-2024-24747, CVE-2024-55949; RustFS GHSA-5354,"
        " -mm2q, -vcwh, -566f, -xgr5",
        "the admin API let a low user change rights (none over the network here)",
        f"{ABSENT}test_022_nobody_administers_keys_over_the_network",
    ),
    _row(
        23,
        "MinIO 586614c73; SeaweedFS e8020910d",
        "temporary credentials could manage users",
        absent="no temporary credentials (row 21) and no management over the network (row 22)",
    ),
    _row(
        24,
        "MinIO 99bf4d0c4",
        "${aws:username} matched by its beginning",
        f"{RIGHTS}test_024_a_home_is_not_that_of_whose_name_begins_alike",
        f"{POLICY}test_a_home_is_the_callers_own",
    ),
    _row(
        25,
        "SeaweedFS 66d9b89cd",
        "who has no policy may do everything",
        f"{REACH}test_a_private_bucket_does_nothing_for_nobody_and_for_strangers",
    ),
    _row(
        26,
        "SeaweedFS CVE-2026-55873",
        "identities without an account shared one owner id",
        f"{RIGHTS}test_026_nobody_is_not_the_owner_of_what_nobody_wrote",
        "gateway/test_access.py::test_who_wrote_anonymously_is_nobody",
        "gateway/test_naming.py::test_the_anonymous_owner_is_no_key",
    ),
    _row(
        27,
        "lakeFS CVE-2024-43784",
        "a user made again had its old credentials back",
        f"{OURS}test_027_a_key_made_again_does_not_bring_its_old_secret_back",
        "keys/test_table.py::test_a_deleted_key_is_gone_and_may_be_imported_again",
    ),
    _row(
        28,
        "RustFS GHSA-j59h (+5), GHSA-r5qv, GHSA-m77q; MinIO's default keys",
        "built-in credentials; tokens' key derived from a password",
        f"{SECRETS}test_028_no_credentials_are_built_in",
        "gateway/test_supervisor.py::test_the_secret_is_printed_once_and_never_logged",
    ),
    _row(
        29,
        "go-btfs; CubeFS CVE-2023-46740; rclone CVE-2020-28924",
        "secrets from a generator seeded with the time",
        f"{SECRETS}test_029_secrets_come_from_the_operating_system",
        "keys/test_table.py::test_a_generated_key_has_the_documented_form",
    ),
    _row(
        30,
        "Ceph CVE-2018-16889; lakeFS GHSA-4rgc; CubeFS CVE-2023-46742; RustFS GHSA-r54g, -8cm2,"
        " -333v; s3proxy af17405d; Harbor GHSA-prh4",
        "secrets, customers' keys, tokens, signatures in logs (see the gate secrets)",
        f"{APP}test_no_secret_and_no_signature_is_ever_logged",
        "gateway/auth/test_sigv2_header.py::test_the_signature_is_not_in_logs",
        "gateway/test_supervisor.py::test_the_secret_is_printed_once_and_never_logged",
        "gateway/encryption/test_objects.py::test_a_customers_key_is_nowhere",
        "keys/test_table.py::test_no_repr_and_no_log_shows_a_secret",
        f"{AUTH}test_no_secret_is_in_a_claim_or_a_refusal",
    ),
    _row(
        31,
        "MinIO CVE-2023-28432",
        "an endpoint for bootstrap answered with the environment",
        f"{ATTACKS}test_row_31_no_path_tells_configuration_or_versions",
        "gateway/test_hardening.py::test_errors_are_not_kept_and_tell_no_version",
    ),
    _row(
        32,
        "RustFS GHSA-jqmc, -f5cv, -796f; lakeFS CVE-2025-64179",
        "profiles and metrics open to all or to any user",
        f"{ABSENT}test_032_whoever_has_a_key_sees_no_more_of_the_server",
        f"{ATTACKS}test_row_31_no_path_tells_configuration_or_versions",
    ),
    _row(
        33,
        "MinIO CVE-2020-11012, 3f09c17bf",
        "the admin API took a key id without its secret",
        f"{ABSENT}test_033_nor_with_a_key_id_alone",
    ),
    _row(
        34,
        "MinIO 9a740736a; RustFS GHSA-c667",
        "what was signed for one purpose or method served for another",
        f"{OURS}test_034_a_signature_is_good_for_one_method_and_one_place",
        "gateway/auth/test_oracles.py::test_another_method_is_refused",
    ),
    _row(
        35,
        "SeaweedFS CVE-2026-54917",
        "dots in a path crossed buckets",
        f"{ATTACKS}test_row_35_dots_in_a_path_never_lead_to_another_bucket",
    ),
    _row(
        36,
        "SeaweedFS CVE-2026-55874",
        "dots in a copy source read another bucket",
        f"{ATTACKS}test_row_36_dots_in_a_copy_source_never_lead_to_another_bucket",
    ),
    _row(
        37,
        "versitygw 67aaa80d",
        "a copy source decoded twice",
        f"{ATTACKS}test_row_37_a_copy_source_is_decoded_once",
        "gateway/operations/test_copy.py::test_a_copy_source_is_decoded_once",
    ),
    _row(
        38,
        "versitygw cd0b4e6d; SFTPGo CVE-2026-30914; Zenko 53da779d6",
        "policy saw one path, storage another; Resource not checked at all",
        f"{ATTACKS}test_row_38_rights_are_those_of_the_key_that_is_opened",
        f"{POLICY}test_everybody_reads_what_a_policy_opens_and_nothing_else",
    ),
    _row(
        39,
        "oxyno s3-proxy CVE-2026-42882",
        "rights by the encoded path, bytes by the decoded one",
        f"{ATTACKS}test_row_39_one_key_has_one_decision_however_it_is_spelled",
        f"{POLICY}test_a_key_is_the_same_however_it_is_spelled",
    ),
    _row(
        40,
        "s3proxy 86b6ee47, bd2c2294",
        "names of keys and buckets resolved outside of the root",
        f"{ATTACKS}test_row_40_no_bucket_name_is_a_place_on_the_disk",
        f"{ATTACKS}test_row_40_a_key_is_a_name_and_nothing_else",
    ),
    _row(
        41,
        "lakeFS CVE-2026-26187",
        "a root checked by its first letters: the sibling's was open",
        f"{ATTACKS}test_row_41_names_that_begin_alike_have_nothing_in_common",
    ),
    _row(
        42,
        "rclone GHSA-8v25, CVE-2026-71309; MinIO CVE-2026-42600, CVE-2023-28433",
        "traversal on less used routes, or by a backslash",
        f"{ATTACKS}test_row_42_less_used_routes_do_not_climb_either",
    ),
    _row(
        43,
        "versitygw eecc1a77; RustFS GHSA-f4vq",
        "traversal by the key of a form; by entries of an archive",
        "security/test_traversal.py::test_043_the_key_of_a_form_stays_in_its_bucket",
        "security/test_traversal.py::test_043_no_archive_is_unpacked",
    ),
    _row(
        44,
        "MinIO c90999df9; s3proxy a74ef08e; SeaweedFS 35ab67fa8",
        "internal buckets and keys of uploads could be read and written",
        f"{ATTACKS}test_row_44_internal_names_are_refused_or_inert",
        f"{ATTACKS}test_row_44_an_unfinished_upload_is_no_key",
    ),
    _row(
        45,
        "aiohttp CVE-2024-23334",
        "a route of files followed links out",
        "security/test_traversal.py::test_045_no_path_is_a_file",
        "store/test_files.py::test_a_symbolic_link_is_not_followed",
        "commands/test_data_dir.py::test_row_f48_a_link_planted_later_is_not_followed",
    ),
    _row(
        46,
        "RustFS GHSA-mx42, -wfxj; lakeFS GHSA-fvv5",
        "copies without the right to their source",
        f"{RIGHTS}test_046_a_copy_tells_nothing_of_what_may_not_be_read",
        f"{RIGHTS}test_046_a_rename_takes_the_right_to_its_source",
        f"{POLICY}test_a_copy_needs_the_right_to_read_its_source",
    ),
    _row(
        47,
        "RustFS GHSA-3ppv",
        "a version read by the right to the current object",
        f"{RIGHTS}test_047_a_version_takes_the_right_to_versions",
        "gateway/operations/test_versioning.py::test_a_policy_for_objects_is_not_one_for_versions",
    ),
    _row(
        48,
        "RustFS GHSA-x298; Ceph CVE-2016-7031",
        "listings open to all by default or fallback",
        f"{REACH}test_a_private_bucket_does_nothing_for_nobody_and_for_strangers",
        f"{REACH}test_nobody_creates_or_lists_buckets",
    ),
    _row(
        49,
        "RustFS GHSA-v9cp",
        "ForAllValues and ForAnyValue confused when negated",
        "gateway/policy/test_conditions.py::test_sets_of_values",
    ),
    _row(
        50,
        "versitygw ed1ad6b6",
        "a Deny for everybody ignored where the ACL was public",
        f"{RIGHTS}test_050_a_deny_holds_whatever_the_acl_opens",
        "gateway/test_access_policy.py::test_the_order_of_the_decision",
    ),
    _row(
        51,
        "versitygw 8d5b2be0; MinIO ffcfa36b1",
        "tags, holds and retention on a PUT took no right of their own",
        f"{RIGHTS}test_051_what_rides_along_with_a_put_takes_a_right_of_its_own",
        f"{LOCK}test_who_may_write_may_not_lock",
    ),
    _row(
        52,
        "SeaweedFS 8e4022d5c, 5469b7c58; lakeFS GHSA-28q9",
        "DeleteObjects not judged key by key",
        f"{POLICY}test_keys_are_deleted_one_by_one_as_the_policy_says",
    ),
    _row(
        53,
        "SeaweedFS a7f4b88a6",
        "a bucket's policy written with the right to write objects",
        f"{REACH}test_what_a_bucket_does_for_everybody_that_is_public_read_write",
        "gateway/operations/test_grants.py::test_a_grant_on_a_bucket_gives_one_key_just_that",
        f"{POLICY}test_only_the_owner_has_to_do_with_the_policy_even_where_it_allows_everything",
    ),
    _row(
        54,
        "s3proxy 9dea6c27; Zenko 030c121e2",
        "an unknown subresource fell through to DeleteBucket",
        f"{ATTACKS}test_row_54_no_subresource_deletes_or_replaces_what_it_belongs_to",
    ),
    _row(
        55,
        "versitygw f6225aa9",
        "public buckets skipped the read-only mode",
        absent="the server has no read-only mode",
    ),
    _row(
        56,
        "MinIO CVE-2024-36107",
        "conditions answered before rights were asked about",
        f"{ATTACKS}test_row_56_conditions_tell_nothing_to_those_who_may_not_read",
    ),
    _row(
        57,
        "s3proxy 0a6709ce; Ceph CVE-2020-1760",
        "response-* overrides on reads by anybody",
        f"{ATTACKS}test_row_57_strangers_cannot_choose_headers_of_what_everyone_reads",
    ),
    _row(
        58,
        "MinIO CVE-2023-28434, CVE-2021-21362, fa18589d1; RustFS GHSA-w5fh; LocalStack",
        "a form's policy not enforced",
        f"{POST}test_a_signature_that_is_not_whole_and_right_is_refused",
        f"{POST}test_a_form_for_another_bucket_or_too_late_is_refused",
        f"{POST}test_a_field_the_policy_does_not_name_is_refused",
        f"{POST}test_the_size_of_the_file_is_within_its_bounds",
        f"{POST}test_what_comes_of_the_name_must_meet_the_policy",
        "gateway/auth/test_post_policy.py::test_what_does_not_meet_its_policy",
    ),
    _row(
        59,
        "Ceph CVE-2023-43040",
        "a form's field `bucket` stood for the bucket",
        f"{POST}test_a_form_for_another_bucket_or_too_late_is_refused",
        "gateway/auth/test_post_policy.py::test_a_field_called_bucket_does_not_stand_for_the_bucket",
    ),
    _row(
        60,
        "SeaweedFS bfea14320",
        "unknown conditions and extra fields of a form passed",
        f"{POST}test_a_field_the_policy_does_not_name_is_refused",
        "gateway/auth/test_post_policy.py::test_what_is_no_condition",
        "gateway/auth/test_post_policy.py::test_what_does_not_meet_its_policy",
    ),
    _row(
        61,
        "MinIO CVE-2023-25812, f931fc7bf; Ceph; Zenko fcd2aa821; RustFS GHSA-j548;"
        " s3proxy a35fc559",
        "object lock bypassed, weakened, or open when it could not be read",
        "security/test_state.py::test_061_a_lock_that_cannot_be_read_is_not_open",
        f"{LOCK}test_governance_can_be_shortened_and_deleted_by_bypass_alone",
        f"{LOCK}test_compliance_can_only_be_extended",
        f"{LOCK}test_of_many_only_the_locked_ones_stay",
        f"{LOCK}test_a_hold_keeps_a_version_until_it_is_taken_off",
        "store/test_expiry.py::test_what_is_locked_never_goes",
        "store/test_retention.py::test_a_bucket_that_locks_keeps_versions_for_good",
    ),
    _row(
        62,
        "MinIO CVE-2026-34204",
        "made-up internal headers became metadata of encryption",
        f"{RENDERING}test_062_nothing_a_client_says_becomes_metadata_of_ours",
        "gateway/operations/test_cid.py::test_names_of_the_content_hash_are_never_stored",
        "gateway/operations/test_replication.py::"
        "test_a_replica_is_not_copied_again_and_nobody_may_pretend_one",
    ),
    _row(
        63,
        "distribution CVE-2026-35172",
        "what one deleted came back when another used the same bytes",
        f"{ATTACKS}test_row_63_what_one_owner_deletes_is_gone_whoever_else_has_the_same_bytes",
    ),
    _row(
        64,
        "Ceph CVE-2015-5245, CVE-2020-10753, CVE-2021-3524; aiohttp CVE-2026-34519",
        "line ends from names and rules in headers",
        f"{RENDERING}test_064_a_rule_for_browsers_cannot_add_a_header",
        f"{RENDERING}test_064_what_is_kept_with_an_object_is_one_header_or_refused",
        f"{RENDERING}test_064_nor_does_a_website_send_a_browser_to_a_second_header",
        f"{ATTACKS}test_row_64_a_response_override_cannot_add_a_header",
        f"{ATTACKS}test_row_64_nor_can_a_region_or_a_bucket_name",
        f"{ATTACKS}test_row_64_metadata_comes_back_as_one_header_or_is_refused",
    ),
    _row(
        65,
        "lakeFS GHSA-9phh; RustFS GHSA-v9fg; SFTPGo CVE-2026-49245; s3-proxy CVE-2025-27088;"
        " Ceph CVE-2016-9579",
        "users' pages shown in the origin of the service",
        f"{RENDERING}test_065_no_browser_takes_an_object_for_another_kind",
        f"{RENDERING}test_065_no_answer_of_ours_repeats_a_script",
        "gateway/test_hardening.py::test_every_way_to_read_such_an_object_says_so",
        "gateway/test_hardening.py::test_who_does_not_sign_cannot_choose_a_type",
    ),
    _row(
        66,
        "RustFS GHSA-x5xv; go-btfs",
        "any origin, with credentials",
        f"{RENDERING}test_066_no_origin_is_allowed_unless_it_was_configured",
        "gateway/test_cors.py::test_a_star_is_never_given_together_with_credentials",
        "gateway/test_bucket_cors.py::test_a_star_is_never_given_together_with_credentials",
        "gateway/test_settings.py::test_every_origin_never_goes_with_credentials",
    ),
    _row(
        67,
        "SeaweedFS CVE-2024-40120; versitygw 9ac52cd5; LocalStack CVE-2021-32090",
        "SQL, LDAP and shell injected by names",
        f"{ATTACKS}test_row_67_names_are_only_ever_text",
    ),
    _row(
        68,
        "SeaweedFS CVE-2026-73080; MinIO CVE-2021-21287; RustFS GHSA-m479, 183c1d8cb;"
        " rclone GHSA-gx4c",
        "the server asked URLs of clients, or followed redirects with credentials",
        "security/test_outgoing.py::test_068_no_url_of_a_client_is_asked",
        "security/test_outgoing.py::test_068_no_redirect_is_followed",
        "gateway/operations/test_notification.py::test_what_is_refused_comes_again_before_what_follows",
    ),
    _row(
        69,
        "MinIO 9c8b7306f, c5a00e513, f6d0645a3, 9f4c12073; s3proxy de49b827, 879e2082",
        "bodies kept before anybody was verified",
        f"{ATTACKS}test_row_69_a_body_nobody_asked_for_is_refused_early_and_not_kept",
    ),
    _row(
        70,
        "Ceph CVE-2018-16846; distribution CVE-2023-2253",
        "max-keys made the server allocate",
        f"{ATTACKS}test_row_70_more_keys_than_a_page_holds_are_a_page",
        f"{ATTACKS}test_row_70_a_number_is_a_number",
    ),
    _row(
        71,
        "Ceph CVE-2020-12059, -2016-8626, -2022-3854, -2019-10222, -2019-19337, -2018-7262",
        "malformed forms, documents, URLs and headers ended the server (see the gate fuzz)",
        f"{PARSING}test_071_what_is_malformed_ends_with_its_refusal",
        f"{PARSING}test_071_nor_does_a_head_that_is_none",
        "gateway/test_addressing.py::test_any_target_is_read_or_refused_with_an_s3_error",
        "gateway/wire/test_xml_reading.py::test_any_bytes_are_read_or_malformed",
    ),
    _row(
        72,
        "Ceph CVE-2019-3821, CVE-2020-1700; versitygw 927d1d66",
        "descriptors lost with each client that goes away (see the gate descriptors)",
        f"{APP}test_clients_that_go_away_leave_nothing_behind",
        f"{APP}test_a_connection_without_a_place_is_told_so_and_places_come_back",
    ),
    _row(
        73,
        "versitygw GHSA-v2ch, 422b5a70, 4ef090db",
        "chunks without a length, an empty copy source, an empty list of rules ended the server",
        f"{PARSING}test_073_what_ended_versitygw_is_refused",
    ),
    _row(
        74,
        "SeaweedFS e1d5e3899; CubeFS CVE-2023-46738",
        "stored metadata believed",
        "store/test_scrub.py::test_a_flip_in_any_value_of_the_database_is_found",
        "store/test_scrub.py::test_what_is_damaged_is_not_served_and_the_rest_is",
        "gateway/encryption/test_objects.py::test_a_byte_that_was_changed_on_the_disk_is_never_served",
        "keys/test_seal.py::test_a_cut_value_is_broken_and_nothing_else",
    ),
    _row(
        75,
        "MinIO CVE-2026-39414; lakeFS CVE-2025-27100",
        "reading without end: records of a query, large requests",
        "gateway/operations/test_select.py::test_a_query_that_takes_too_long_is_ended",
        "gateway/operations/test_select.py::test_only_so_many_queries_run_at_a_time",
        "gateway/operations/test_select.py::test_a_long_row_comes_in_pieces",
        f"{BODY}test_a_document_over_the_limit_is_refused_before_it_is_kept",
        f"{POLICY}test_a_body_beyond_all_measure_is_not_read",
    ),
    _row(
        76,
        "MinIO CVE-2022-31028",
        "no limit on how long a head may take (see the gate slow_clients)",
        f"{APP}test_a_head_that_never_ends_is_cut",
        f"{APP}test_a_head_that_comes_byte_by_byte_is_cut_all_the_same",
        f"{APP}test_a_body_that_stalls_is_told_so_and_cut",
    ),
    _row(
        77,
        "aiohttp CVE-2023-37276, -47627, -47641, CVE-2024-23829, -52304, CVE-2025-53643, -69224",
        "a second request smuggled in a body",
        f"{ATTACKS}test_row_77_the_gateway_does_not_run_on_the_pure_python_parser",
        f"{ATTACKS}test_row_77_no_framing_hides_a_second_request",
    ),
    _row(
        78,
        "aiohttp CVE-2024-30251, CVE-2025-69227, -69228, CVE-2026-34517, -34516",
        "forms read without end or held in memory; checks that -O takes away",
        f"{PARSING}test_078_forms_are_refused_without_assertions_too",
        f"{ATTACKS}test_row_78_a_form_is_refused_without_being_held",
        f"{ATTACKS}test_row_78_the_file_of_a_form_is_not_held",
    ),
    _row(
        79,
        "aiohttp CVE-2026-22815, -54273, -54277, CVE-2025-69229",
        "pipelines without end, trailers in memory, tiny chunks",
        f"{ATTACKS}test_row_79_the_http_library_is_one_without_known_holes",
        f"{ATTACKS}test_row_79_a_flood_of_pipelined_requests_is_answered_without_being_queued",
        f"{ATTACKS}test_row_79_one_byte_chunks_do_not_hold_others_up",
        f"{ATTACKS}test_row_79_trailers_without_end_are_not_held",
    ),
    _row(
        80,
        "aiohttp 3.13.3",
        "bodies unpacked unasked",
        f"{ATTACKS}test_row_80_a_compressed_body_is_kept_as_it_is",
    ),
    _row(
        81,
        "aiohttp CVE-2026-34525",
        "two Hosts",
        f"{ATTACKS}test_row_81_two_hosts_are_none",
    ),
    _row(
        82,
        "lxml CVE-2026-41066, CVE-2022-2309; s3proxy 7d8d1327",
        "entities and document types",
        f"{ATTACKS}test_row_82_the_xml_library_is_one_without_known_holes",
        f"{ATTACKS}test_row_82_no_document_brings_entities",
    ),
    _row(
        83,
        "s3gw",
        "a control character in a key spoiled the listing",
        f"{ATTACKS}test_row_83_an_odd_key_does_not_spoil_the_listing",
    ),
    _row(
        84,
        "Garage 158dc17a",
        "an empty token ended the server",
        f"{ATTACKS}test_row_84_a_forged_token_is_refused",
        f"{ATTACKS}test_row_84_an_empty_token_is_the_first_page",
    ),
    _row(
        85,
        "RustFS GHSA-xrrf",
        "encryption told, plain text on the disk",
        "gateway/encryption/test_objects.py::test_no_plaintext_is_on_the_disk",
    ),
    _row(
        86,
        "SeaweedFS 28fe92065",
        "parts taken after the end of their upload",
        f"{ATTACKS}test_row_86_an_upload_that_has_ended_takes_no_parts",
    ),
    _row(
        87,
        "versitygw 13b3dc52, 62e8cddb",
        "of racing Completes one broke the other",
        "gateway/operations/test_conditional.py::"
        "test_a_repeated_complete_of_one_upload_succeeds_for_all_who_ask",
        "store/test_uploads.py::test_of_two_completes_at_once_one_wins",
    ),
    _row(
        88,
        "SeaweedFS 0adb78bc6; s3proxy 33d18638; MinIO 07c3a429b",
        "a condition judged before the write, not with it",
        f"{ATTACKS}test_row_88_of_many_first_writers_one_wins",
        f"{ATTACKS}test_row_88_of_many_completes_and_copies_one_wins",
        f"{ATTACKS}test_row_88_of_many_who_replace_one_version_one_wins",
    ),
    _row(
        89,
        "Garage c82d91c6, 45b0453d",
        "order by the clock: writes lost when it jumps",
        "security/test_state.py::test_089_the_last_write_wins_whatever_the_clock_says",
    ),
    _row(
        90,
        "boxo CVE-2023-25568; go-car GHSA-9x4h; go-codec-dagpb CVE-2022-2584;"
        " go-unixfs CVE-2023-23625",
        "hostile blocks and CARs (none are read here; of foreign data only CIDs)",
        "store/test_cid.py::test_parse_never_fails_otherwise",
        "store/test_cid.py::test_what_is_no_cid_is_a_value_error",
    ),
    _row(
        91,
        "go-ipfs GHSA-fx5p, CVE-2020-26279, CVE-2020-26283",
        "an open RPC port; control characters on the console (there is no RPC port here)",
        "commands/test_store_commands.py::test_fsck_on_a_terminal_sends_no_control_characters",
        "gateway/test_logs.py::test_no_message_breaks_out_of_its_line",
    ),
    _row(
        92,
        "SQLite's WAL-reset bug",
        "checkpoints at once corrupt a database",
        "security/test_state.py::test_092_sqlite_is_one_that_two_may_checkpoint",
        "store/test_database.py::test_an_old_sqlite_is_refused",
    ),
)
