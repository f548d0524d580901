"""Versions seen by a client: put over, deleted, suspended, named by id, listed, copied back."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError

LARGE = b"large" * 20_000
MALFORMED = "3HL4kqtJvjVBH40Nrjfkd"


def refused(call, **asked):
    with pytest.raises(ClientError) as error:
        call(**asked)
    return error.value.response


def refusal(call, **asked) -> tuple[int, str]:
    answer = refused(call, **asked)
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def headers(answer) -> dict[str, str]:
    return answer["ResponseMetadata"]["HTTPHeaders"]


def set_versioning(s3, bucket, status) -> None:
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


@pytest.fixture
def versioned(s3, bucket):
    set_versioning(s3, bucket, "Enabled")
    return bucket


def listed(s3, bucket, **more) -> list[tuple]:
    """Key, id, latest of all there is, objects before markers."""
    page = s3.list_object_versions(Bucket=bucket, **more)
    return [
        (each["Key"], each["VersionId"], each["IsLatest"])
        for kind in ("Versions", "DeleteMarkers")
        for each in page.get(kind, [])
    ]


def body(s3, bucket, key, **more) -> bytes:
    return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()


def absent_id(s3, bucket) -> str:
    """The id of a version that is gone."""
    asked = {"Bucket": bucket, "Key": "gone"}
    asked["VersionId"] = s3.put_object(**asked, Body=b"")["VersionId"]
    s3.delete_object(**asked)
    return asked["VersionId"]


# --- the bucket ----------------------------------------------------------------------------------


def test_versioning_is_enabled_and_suspended_and_never_gone(s3, bucket):
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    for status in ("Enabled", "Suspended", "Enabled"):
        set_versioning(s3, bucket, status)
        assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == status


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, (400, "IllegalVersioningConfigurationException")),
        ({"Status": "Off"}, (400, "MalformedXML")),
        ({"Status": "Enabled", "MFADelete": "Enabled"}, (501, "NotImplemented")),
    ],
)
def test_a_versioning_that_cannot_be_is_refused(s3, bucket, asked, code):
    call = s3.put_bucket_versioning
    assert refusal(call, Bucket=bucket, VersioningConfiguration=asked) == code
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)


def test_only_the_owner_sets_versioning(stranger, s3, bucket):
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    asked = {"Bucket": bucket, "VersioningConfiguration": {"Status": "Enabled"}}
    assert refusal(stranger.put_bucket_versioning, **asked) == (403, "AccessDenied")


def test_a_bucket_without_versioning_never_names_one(s3, bucket):
    for answer in (
        s3.put_object(Bucket=bucket, Key="k", Body=b"data"),
        s3.get_object(Bucket=bucket, Key="k"),
        s3.head_object(Bucket=bucket, Key="k"),
        s3.delete_object(Bucket=bucket, Key="k"),
    ):
        assert "VersionId" not in answer
        assert "DeleteMarker" not in answer


# --- reading -------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [b"small", LARGE])
def test_each_version_is_read_by_its_id(s3, versioned, data):
    ids = [
        s3.put_object(Bucket=versioned, Key="k", Body=data + tail)["VersionId"]
        for tail in (b"1", b"2", b"3")
    ]
    assert len(set(ids)) == 3
    for id, tail in zip(ids, (b"1", b"2", b"3"), strict=True):
        got = s3.get_object(Bucket=versioned, Key="k", VersionId=id)
        assert (got["Body"].read(), got["VersionId"]) == (data + tail, id)
        assert s3.head_object(Bucket=versioned, Key="k", VersionId=id)["VersionId"] == id
        last = {"Range": "bytes=-1", "VersionId": id}
        assert body(s3, versioned, "k", **last) == tail
    assert s3.get_object(Bucket=versioned, Key="k")["VersionId"] == ids[-1]


def test_a_version_that_is_not_there_is_told_from_one_that_cannot_be(s3, versioned):
    gone = absent_id(s3, versioned)
    s3.put_object(Bucket=versioned, Key="k", Body=b"data")
    tags = {"TagSet": []}
    for call, more in (
        (s3.get_object, {}),
        (s3.get_object_tagging, {}),
        (s3.put_object_tagging, {"Tagging": tags}),
        (s3.get_object_acl, {}),
        (s3.get_object_attributes, {"ObjectAttributes": ["ETag"]}),
    ):
        asked = {"Bucket": versioned, "Key": "k", **more}
        assert refusal(call, **asked, VersionId=gone) == (404, "NoSuchVersion")
        assert refusal(call, **asked, VersionId="null") == (404, "NoSuchVersion")
        assert refusal(call, **asked, VersionId=MALFORMED) == (400, "InvalidArgument")
        assert refusal(call, **asked, VersionId="") == (400, "InvalidArgument")


def test_tags_and_attributes_are_those_of_the_version(s3, versioned):
    old = s3.put_object(Bucket=versioned, Key="k", Body=b"one")["VersionId"]
    new = s3.put_object(Bucket=versioned, Key="k", Body=b"three")["VersionId"]
    tags = {"TagSet": [{"Key": "a", "Value": "b"}]}
    asked = {"Bucket": versioned, "Key": "k"}

    answer = s3.put_object_tagging(**asked, VersionId=old, Tagging=tags)

    assert answer["VersionId"] == old
    assert s3.get_object_tagging(**asked, VersionId=old)["TagSet"] == tags["TagSet"]
    found = s3.get_object_tagging(**asked)
    assert (found["TagSet"], found["VersionId"]) == ([], new)
    size = s3.get_object_attributes(**asked, VersionId=old, ObjectAttributes=["ObjectSize"])
    assert (size["ObjectSize"], size["VersionId"]) == (3, old)
    assert listed(s3, versioned) == [("k", new, True), ("k", old, False)]
    s3.delete_object_tagging(**asked, VersionId=old)
    assert s3.get_object_tagging(**asked, VersionId=old)["TagSet"] == []


# --- delete markers ------------------------------------------------------------------------------


def test_a_delete_marker_hides_and_its_deletion_restores(s3, versioned):
    asked = {"Bucket": versioned, "Key": "k"}
    id = s3.put_object(**asked, Body=b"data")["VersionId"]
    made = s3.delete_object(**asked)
    assert made["DeleteMarker"] is True

    for call in (s3.get_object, s3.head_object):
        answer = refused(call, **asked)
        assert headers(answer)["x-amz-delete-marker"] == "true"
        assert headers(answer)["x-amz-version-id"] == made["VersionId"]
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert "Contents" not in s3.list_objects_v2(Bucket=versioned)
    assert body(s3, versioned, "k", VersionId=id) == b"data"

    gone = s3.delete_object(**asked, VersionId=made["VersionId"])
    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, made["VersionId"])
    assert body(s3, versioned, "k") == b"data"


def test_a_delete_marker_cannot_be_read(s3, versioned):
    asked = {"Bucket": versioned, "Key": "k"}
    marker = s3.delete_object(**asked)["VersionId"]
    for call in (s3.get_object, s3.head_object, s3.get_object_tagging):
        answer = refused(call, **asked, VersionId=marker)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 405
        assert headers(answer)["allow"] == "DELETE"
        assert headers(answer)["x-amz-delete-marker"] == "true"
        assert headers(answer)["last-modified"].endswith(" GMT")
    assert answer["Error"]["Code"] == "MethodNotAllowed"


def test_deleting_a_version_for_good_brings_back_the_one_before(s3, versioned):
    asked = {"Bucket": versioned, "Key": "k"}
    old, new = (s3.put_object(**asked, Body=data)["VersionId"] for data in (b"old", b"new"))

    gone = s3.delete_object(**asked, VersionId=new)

    assert gone["VersionId"] == new
    assert "DeleteMarker" not in gone
    assert s3.get_object(**asked)["VersionId"] == old
    assert s3.delete_object(**asked, VersionId=new)["VersionId"] == new  # again: no error
    assert refusal(s3.delete_object, **asked, VersionId=MALFORMED) == (400, "InvalidArgument")
    assert listed(s3, versioned) == [("k", old, True)]


def test_a_bucket_is_empty_without_versions_only(s3, versioned):
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    assert refusal(s3.delete_bucket, Bucket=versioned) == (409, "BucketNotEmpty")
    s3.delete_object(Bucket=versioned, Key="k", VersionId=marker)
    s3.delete_bucket(Bucket=versioned)


def test_many_deletions_say_what_became_of_each(s3, versioned):
    asked = {"Bucket": versioned, "Key": "k"}
    old, new = (s3.put_object(**asked, Body=data)["VersionId"] for data in (b"old", b"new"))
    objects = [
        {"Key": "k", "VersionId": old},
        {"Key": "k"},
        {"Key": "k", "VersionId": MALFORMED},
    ]

    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": objects})

    first, second = answer["Deleted"]
    assert first == {"Key": "k", "VersionId": old}
    assert second == {
        "Key": "k",
        "DeleteMarker": True,
        "DeleteMarkerVersionId": marker_of(s3, versioned),
    }
    (error,) = answer["Errors"]
    assert (error["Code"], error["VersionId"]) == ("NoSuchVersion", MALFORMED)

    marker = second["DeleteMarkerVersionId"]
    objects = [{"Key": "k", "VersionId": marker}]
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": objects})
    assert answer["Deleted"] == [
        {
            "Key": "k",
            "VersionId": marker,
            "DeleteMarker": True,
            "DeleteMarkerVersionId": marker,
        }
    ]
    objects = [{"Key": "k", "VersionId": new}]
    answer = s3.delete_objects(Bucket=versioned, Delete={"Objects": objects, "Quiet": True})
    assert "Deleted" not in answer
    assert listed(s3, versioned) == []


def marker_of(s3, bucket) -> str:
    (marker,) = s3.list_object_versions(Bucket=bucket)["DeleteMarkers"]
    return marker["VersionId"]


# --- suspended -----------------------------------------------------------------------------------


def test_what_was_there_before_is_the_null_version(s3, bucket):
    asked = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**asked, Body=b"before")
    set_versioning(s3, bucket, "Enabled")
    assert s3.get_object(**asked)["VersionId"] == "null"

    id = s3.put_object(**asked, Body=b"after")["VersionId"]

    assert body(s3, bucket, "k", VersionId="null") == b"before"
    assert listed(s3, bucket) == [("k", id, True), ("k", "null", False)]


def test_while_suspended_the_null_version_is_replaced(s3, versioned):
    asked = {"Bucket": versioned, "Key": "k"}
    id = s3.put_object(**asked, Body=b"kept")["VersionId"]
    set_versioning(s3, versioned, "Suspended")
    for data in (b"one", b"two"):
        assert "VersionId" not in s3.put_object(**asked, Body=data)
    assert listed(s3, versioned) == [("k", "null", True), ("k", id, False)]
    assert body(s3, versioned, "k") == b"two"

    gone = s3.delete_object(**asked)

    assert (gone["DeleteMarker"], gone["VersionId"]) == (True, "null")
    assert listed(s3, versioned) == [("k", id, False), ("k", "null", True)]
    s3.put_object(**asked, Body=b"three")
    assert listed(s3, versioned) == [("k", "null", True), ("k", id, False)]
    s3.delete_object(**asked, VersionId="null")
    assert body(s3, versioned, "k") == b"kept"


# --- copies and uploads --------------------------------------------------------------------------


def test_an_old_version_is_copied_over_the_new_one(s3, versioned):
    asked = {"Bucket": versioned, "Key": "k"}
    old = s3.put_object(**asked, Body=b"old", Metadata={"a": "b"})["VersionId"]
    s3.put_object(**asked, Body=b"new")
    source = {"Bucket": versioned, "Key": "k", "VersionId": old}

    answer = s3.copy_object(**asked, CopySource=source)

    assert answer["CopySourceVersionId"] == old
    current = s3.get_object(**asked)
    assert current["Body"].read() == b"old"
    assert (current["VersionId"], current["Metadata"]["a"]) == (answer["VersionId"], "b")
    assert answer["VersionId"] != old


def test_a_delete_marker_is_no_source(s3, versioned):
    marker = s3.delete_object(Bucket=versioned, Key="k")["VersionId"]
    source = {"Bucket": versioned, "Key": "k"}
    target = {"Bucket": versioned, "Key": "copy"}
    assert refusal(s3.copy_object, **target, CopySource=source) == (404, "NoSuchKey")
    source["VersionId"] = marker
    assert refusal(s3.copy_object, **target, CopySource=source) == (400, "InvalidRequest")
    source["VersionId"] = MALFORMED
    assert refusal(s3.copy_object, **target, CopySource=source) == (400, "InvalidArgument")
    source["VersionId"] = absent_id(s3, versioned)
    assert refusal(s3.copy_object, **target, CopySource=source) == (404, "NoSuchVersion")


def test_a_part_is_copied_from_a_version_and_an_upload_makes_one(s3, versioned):
    asked = {"Bucket": versioned, "Key": "k"}
    old = s3.put_object(**asked, Body=LARGE)["VersionId"]
    s3.put_object(**asked, Body=b"new")
    upload = s3.create_multipart_upload(**asked)["UploadId"]
    source = {"Bucket": versioned, "Key": "k", "VersionId": old}

    part = s3.upload_part_copy(**asked, UploadId=upload, PartNumber=1, CopySource=source)

    assert part["CopySourceVersionId"] == old
    parts = {"Parts": [{"ETag": part["CopyPartResult"]["ETag"], "PartNumber": 1}]}
    done = s3.complete_multipart_upload(**asked, UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(**asked)["VersionId"] == done["VersionId"]
    s3.put_object(**asked, Body=b"newer")
    assert body(s3, versioned, "k", VersionId=done["VersionId"]) == LARGE
    found = s3.get_object(**asked, VersionId=done["VersionId"], PartNumber=1)
    assert found["PartsCount"] == 1


# --- listing -------------------------------------------------------------------------------------


def test_markers_of_pages_come_in_pairs(s3, versioned):
    made = []
    for key in ("a", "b/1", "b/2", "c%"):
        asked = {"Bucket": versioned, "Key": key}
        calls = (s3.put_object, s3.put_object, s3.delete_object)
        made += [(key, call(**asked)["VersionId"]) for call in calls]
    wanted = sorted(reversed(made), key=lambda each: each[0])  # newest first, then by key
    for size in (1, 2, 5):
        pages = s3.get_paginator("list_object_versions").paginate(
            Bucket=versioned, PaginationConfig={"PageSize": size}
        )
        found = {}
        for page in pages:
            assert (
                page["IsTruncated"] == ("NextKeyMarker" in page) == ("NextVersionIdMarker" in page)
            )
            for kind in ("Versions", "DeleteMarkers"):
                for each in page.get(kind, []):
                    found[each["Key"], each["VersionId"]] = each["IsLatest"]
        assert sorted(found) == sorted(wanted)
        assert {pair for pair, latest in found.items() if latest} == set(made[2::3])


def test_a_page_that_ends_with_a_prefix_has_no_version_marker(s3, versioned):
    for key in ("a/1", "a/2", "b"):
        s3.put_object(Bucket=versioned, Key=key, Body=b"")
    asked = {"Bucket": versioned, "Delimiter": "/", "MaxKeys": 1}

    page = s3.list_object_versions(**asked)

    assert [each["Prefix"] for each in page["CommonPrefixes"]] == ["a/"]
    assert page["NextKeyMarker"] == "a/"
    assert "NextVersionIdMarker" not in page
    page = s3.list_object_versions(**asked, KeyMarker="a/")
    assert [each["Key"] for each in page["Versions"]] == ["b"]


@pytest.mark.parametrize(
    "asked",
    [
        {"VersionIdMarker": "null"},
        {"VersionIdMarker": "", "KeyMarker": "k"},
        {"VersionIdMarker": MALFORMED, "KeyMarker": "k"},
    ],
)
def test_a_version_marker_that_marks_nothing_is_refused(s3, versioned, asked):
    call = s3.list_object_versions
    assert refusal(call, Bucket=versioned, **asked) == (400, "InvalidArgument")


# --- rights --------------------------------------------------------------------------------------


def test_a_policy_for_objects_is_not_one_for_versions(s3, stranger, versioned):
    asked = {"Bucket": versioned, "Key": "k"}
    tagged = s3.put_object(**asked, Body=b"old", Tagging="public=yes")["VersionId"]
    secret = s3.put_object(**asked, Body=b"new")["VersionId"]

    def allow(*statements) -> None:
        said = [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": action,
                "Resource": f"arn:aws:s3:::{versioned}/*",
                **more,
            }
            for action, more in statements
        ]
        policy = json.dumps({"Version": "2012-10-17", "Statement": said})
        s3.put_bucket_policy(Bucket=versioned, Policy=policy)

    allow(("s3:GetObject", {}))
    assert body(stranger, versioned, "k") == b"new"
    assert refusal(stranger.get_object, **asked, VersionId=tagged) == (403, "AccessDenied")
    condition = {"StringEquals": {"s3:ExistingObjectTag/public": "yes"}}
    allow(("s3:GetObjectVersion", {"Condition": condition}))
    assert body(stranger, versioned, "k", VersionId=tagged) == b"old"
    assert refusal(stranger.get_object, **asked, VersionId=secret) == (403, "AccessDenied")
    assert refusal(stranger.get_object, **asked) == (403, "AccessDenied")
    allow(("s3:DeleteObject", {}))
    assert refusal(stranger.delete_object, **asked, VersionId=secret) == (403, "AccessDenied")
    objects = [{"Key": "k", "VersionId": secret}, {"Key": "k"}]
    answer = stranger.delete_objects(Bucket=versioned, Delete={"Objects": objects})
    assert [each["Code"] for each in answer["Errors"]] == ["AccessDenied"]
    assert [each["DeleteMarker"] for each in answer["Deleted"]] == [True]
    assert body(s3, versioned, "k", VersionId=secret) == b"new"


def test_an_objects_own_acl_is_that_of_the_version(s3, stranger, versioned):
    asked = {"Bucket": versioned, "Key": "k"}
    private = s3.put_object(**asked, Body=b"old", ACL="private")["VersionId"]
    s3.put_object(**asked, Body=b"new", ACL="public-read")
    assert body(stranger, versioned, "k") == b"new"
    assert refusal(stranger.get_object, **asked, VersionId=private) == (403, "AccessDenied")


# --- conditions and races ------------------------------------------------------------------------


def test_conditions_are_about_the_current_version(s3, versioned):
    asked = {"Bucket": versioned, "Key": "k"}
    first = s3.put_object(**asked, Body=b"one", IfNoneMatch="*")
    assert refusal(s3.put_object, **asked, IfNoneMatch="*") == (412, "PreconditionFailed")
    s3.delete_object(**asked)
    assert refusal(s3.put_object, **asked, IfMatch=first["ETag"]) == (404, "NoSuchKey")
    second = s3.put_object(**asked, Body=b"two", IfNoneMatch="*")
    call = {**asked, "VersionId": first["VersionId"]}
    assert refusal(s3.delete_object, **call, IfMatch=second["ETag"]) == (412, "PreconditionFailed")
    s3.delete_object(**call, IfMatch=first["ETag"])


def test_racing_writers_all_get_a_version(s3, versioned):
    barrier = threading.Barrier(8)

    def one(number: int) -> str:
        barrier.wait()
        return s3.put_object(Bucket=versioned, Key="k", Body=b"%d" % number)["VersionId"]

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(one, range(8)))

    assert {id for _, id, _ in listed(s3, versioned)} == set(ids)
    assert [latest for *_, latest in listed(s3, versioned)] == [True] + [False] * 7
