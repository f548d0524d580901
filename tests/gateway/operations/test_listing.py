"""ListObjects, ListObjectsV2, ListObjectVersions: pages, markers, delimiters and odd keys."""

import re
from datetime import UTC, datetime
from urllib.parse import unquote

import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

LISTINGS = ("list_objects", "list_objects_v2", "list_object_versions")
KEYS = [
    "a",
    "a b+c%d&<é>",
    "a/",
    "a/1",
    "a/2",
    "a/b/3",
    "a//4",
    "a/../5",
    "b/1",
    "b/2",
    "c",
    "foo+1/bar",
    "foo/bar",
    "\u2603",
    "\U0001f600",
]
KEYS_IN_ORDER = sorted(KEYS, key=str.encode)


def refusal(call, **arguments) -> tuple[str, int]:
    """Code and status of the error a call ends with."""
    with pytest.raises(ClientError) as refused:
        call(**arguments)
    answer = refused.value.response
    return answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture(scope="module")
def full(s3):
    """A public-read bucket that holds KEYS; for reading only."""
    s3.create_bucket(Bucket="listed", ACL="public-read")
    for key in KEYS:
        s3.put_object(Bucket="listed", Key=key, Body=key.encode())
    return "listed"


def raw_document(gateway, bucket, query) -> str:
    """The body of an anonymous listing, with just this query."""
    request = f"GET /{bucket}?{query} HTTP/1.1\r\nHost: {gateway.host}:{gateway.port}\r\n\r\n"
    return gateway.raw(request.encode()).partition(b"\r\n\r\n")[2].decode()


def found(answer) -> list[str]:
    return [each["Key"] for each in answer.get("Contents", answer.get("Versions", []))]


def rolled_up(answer) -> list[str]:
    return [each["Prefix"] for each in answer.get("CommonPrefixes", [])]


# --- refused, missing, success -------------------------------------------------------------------


@pytest.mark.parametrize("listing", LISTINGS)
def test_others_cannot_list_a_private_bucket(listing, bucket, stranger, anonymous):
    for client in (stranger, anonymous):
        assert refusal(getattr(client, listing), Bucket=bucket) == ("AccessDenied", 403)


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_bucket_that_is_not_there_is_not_listed(listing, s3, stranger, anonymous):
    for client in (s3, stranger, anonymous):
        refused = refusal(getattr(client, listing), Bucket="never-made")
        assert refused == ("NoSuchBucket", 404)


@pytest.mark.parametrize("listing", LISTINGS)
def test_everybody_lists_a_public_bucket(listing, full, s3, stranger, anonymous):
    for client in (s3, stranger, anonymous):
        assert found(getattr(client, listing)(Bucket=full)) == KEYS_IN_ORDER


@pytest.mark.parametrize("listing", LISTINGS)
def test_an_empty_bucket(listing, bucket, s3):
    answer = getattr(s3, listing)(Bucket=bucket)

    assert (found(answer), rolled_up(answer)) == ([], [])
    assert answer["IsTruncated"] is False
    assert (answer["Name"], answer["Prefix"], answer["MaxKeys"]) == (bucket, "", 1000)
    assert "Delimiter" not in answer


# --- what a row says -----------------------------------------------------------------------------


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_row_says_what_head_says(listing, bucket, s3):
    began = datetime.now(UTC)
    s3.put_object(Bucket=bucket, Key="key", Body=b"body", ChecksumAlgorithm="SHA256")

    answer = getattr(s3, listing)(Bucket=bucket)
    (row,) = answer.get("Contents", answer.get("Versions"))
    head = s3.head_object(Bucket=bucket, Key="key")
    assert row["ETag"] == head["ETag"] == '"841a2d689ad86bd1611447453c22c6fc"'
    assert row["LastModified"].replace(microsecond=0) == head["LastModified"]
    assert abs((row["LastModified"] - began).total_seconds()) < 60
    assert row["Size"] == 4
    assert row["StorageClass"] == "STANDARD"
    assert row["ChecksumAlgorithm"] == ["SHA256"]
    assert row["ChecksumType"] == "FULL_OBJECT"


def test_a_row_shows_the_storage_class_it_was_given(bucket, s3):
    s3.put_object(Bucket=bucket, Key="key", Body=b"", StorageClass="STANDARD_IA")

    (row,) = s3.list_objects_v2(Bucket=bucket)["Contents"]
    assert row["StorageClass"] == "STANDARD_IA"


def test_the_owner_is_in_v1_and_on_request_in_v2(full, s3, gateway):
    first = s3.list_objects(Bucket=full)["Contents"][0]
    asked = s3.list_objects_v2(Bucket=full, FetchOwner=True)["Contents"][0]
    not_asked = s3.list_objects_v2(Bucket=full)["Contents"][0]

    assert first["Owner"] == asked["Owner"] == s3.list_buckets()["Owner"]
    assert first["Owner"]["DisplayName"] == gateway.owner.key
    assert "Owner" not in not_asked


def test_an_anonymous_writer_is_an_owner_of_its_own(new_bucket, s3, anonymous):
    bucket = new_bucket(ACL="public-read-write")
    anonymous.put_object(Bucket=bucket, Key="key", Body=b"")

    (row,) = s3.list_objects(Bucket=bucket)["Contents"]
    assert row["Owner"] == {"ID": "65a011a29cdf8ec533ec3d1ccaae921c", "DisplayName": "anonymous"}


# --- prefix, delimiter, max-keys -----------------------------------------------------------------


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize(
    ("prefix", "delimiter", "keys", "prefixes"),
    [
        ("a/", "", ["a/", "a/../5", "a//4", "a/1", "a/2", "a/b/3"], []),
        ("a/", "/", ["a/", "a/1", "a/2"], ["a/../", "a//", "a/b/"]),
        ("b", "/", [], ["b/"]),
        ("a/b", "/", [], ["a/b/"]),
        ("foo", "/", [], ["foo+1/", "foo/"]),
        ("foo", "o/", ["foo+1/bar", "foo/bar"], []),
        ("fo", "o/", ["foo+1/bar"], ["foo/"]),
        ("", "\u2603", None, ["\u2603"]),
        ("b/", "//", ["b/1", "b/2"], []),
        ("nothing", "/", [], []),
        ("/", "", [], []),
        ("a b+", "%", [], ["a b+c%"]),
    ],
)
def test_prefix_and_delimiter(listing, prefix, delimiter, keys, prefixes, full, s3):
    answer = getattr(s3, listing)(Bucket=full, Prefix=prefix, Delimiter=delimiter)

    if keys is None:
        keys = [key for key in KEYS_IN_ORDER if not key.startswith(tuple(prefixes))]
    assert found(answer) == keys
    assert rolled_up(answer) == prefixes
    assert unquote(answer["Prefix"]) == prefix  # botocore leaves it encoded in V1
    assert answer.get("Delimiter", "") == delimiter


def test_defect_8_v2_reads_its_prefix(full, s3):
    """go-btfs: ListObjectsV2 never reads ``prefix``; a key may not start with ``/`` there."""
    answer = s3.list_objects_v2(Bucket=full, Prefix="b/")

    assert found(answer) == ["b/1", "b/2"]
    assert answer["KeyCount"] == 2


@pytest.mark.parametrize("marker", ["a/0", "a/1\x01", "zzz", " ", "\u2604", "b/"])
def test_defect_8_a_marker_need_not_be_a_key(marker, full, s3):
    """go-btfs: a start-after or marker that is not a key returns nothing."""
    rest = [key for key in KEYS_IN_ORDER if key.encode() > marker.encode()]

    assert found(s3.list_objects(Bucket=full, Marker=marker)) == rest
    assert found(s3.list_objects_v2(Bucket=full, StartAfter=marker)) == rest
    assert found(s3.list_object_versions(Bucket=full, KeyMarker=marker)) == rest


def test_defect_8_a_listing_has_no_header_per_key(full, s3):
    """go-btfs: one ``Cid`` header per listed key breaks boto3 at about 25 keys."""
    headers = s3.list_objects(Bucket=full)["ResponseMetadata"]["HTTPHeaders"]

    assert "cid" not in headers


@pytest.mark.parametrize("listing", LISTINGS)
def test_max_keys_of_none_is_an_empty_whole_page(listing, full, s3):
    answer = getattr(s3, listing)(Bucket=full, MaxKeys=0)

    assert (found(answer), answer["IsTruncated"], answer["MaxKeys"]) == ([], False, 0)
    assert not {"NextMarker", "NextContinuationToken", "NextKeyMarker"} & set(answer)


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("asked", [1000, 1001, 2147483647])
def test_more_than_1000_keys_are_never_given(listing, asked, full, s3):
    answer = getattr(s3, listing)(Bucket=full, MaxKeys=asked)

    assert answer["MaxKeys"] == 1000
    assert found(answer) == KEYS_IN_ORDER


@pytest.mark.parametrize("base", ["", "list-type=2&", "versions&"])
@pytest.mark.parametrize(
    "broken",
    [
        "max-keys=-1",
        "max-keys=",
        "max-keys=1e3",
        "max-keys=%20",
        "max-keys=x",
        "max-keys=%D9%A1",
        "max-keys=2147483648",
        "max-keys=99999999999999999999999",
        "encoding-type=xml",
        "encoding-type=URL",
        "encoding-type=",
    ],
)
def test_a_parameter_that_is_no_value_is_refused(base, broken, full, gateway):
    assert "<Code>InvalidArgument</Code>" in raw_document(gateway, full, base + broken)


# --- paging --------------------------------------------------------------------------------------


def pages_of(s3, listing, **options):
    return list(s3.get_paginator(listing).paginate(**options))


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 14, 15])
@pytest.mark.parametrize("delimiter", ["", "/", "a"])
def test_pages_put_together_are_the_whole(listing, size, delimiter, full, s3):
    whole = getattr(s3, listing)(Bucket=full, Delimiter=delimiter)
    pages = pages_of(
        s3, listing, Bucket=full, Delimiter=delimiter, PaginationConfig={"PageSize": size}
    )

    assert [key for page in pages for key in found(page)] == found(whole)
    assert [prefix for page in pages for prefix in rolled_up(page)] == rolled_up(whole)
    assert all(len(found(page)) + len(rolled_up(page)) == size for page in pages[:-1])
    assert [page["IsTruncated"] for page in pages] == [True] * (len(pages) - 1) + [False]
    total = len(found(whole)) + len(rolled_up(whole))
    assert len(pages) == -(-total // size)


def test_v1_names_its_next_marker_only_with_a_delimiter(full, s3):
    assert "NextMarker" not in s3.list_objects(Bucket=full, MaxKeys=2)
    answer = s3.list_objects(Bucket=full, MaxKeys=3, Delimiter="/")

    assert answer["NextMarker"] == rolled_up(answer)[-1] == "a/"
    assert "NextMarker" not in s3.list_objects(Bucket=full, Delimiter="/")


def test_v1_echoes_its_marker(full, s3):
    assert s3.list_objects(Bucket=full)["Marker"] == ""
    assert s3.list_objects(Bucket=full, Marker="a b+c\n")["Marker"] == "a b+c\n"


def test_v2_counts_keys_and_prefixes(full, s3):
    answer = s3.list_objects_v2(Bucket=full, Delimiter="/")

    assert answer["KeyCount"] == len(found(answer)) + len(rolled_up(answer))


def test_v2_echoes_where_it_started(full, s3):
    first = s3.list_objects_v2(Bucket=full, StartAfter="a b\n", MaxKeys=1)
    token = first["NextContinuationToken"]
    second = s3.list_objects_v2(Bucket=full, StartAfter="zzz", ContinuationToken=token, MaxKeys=1)

    assert first["StartAfter"] == "a b\n"
    assert "ContinuationToken" not in first
    assert (second["StartAfter"], second["ContinuationToken"]) == ("zzz", token)
    assert found(first) + found(second) == ["a b+c%d&<é>", "a/"]


def test_v2_has_no_token_on_the_last_page(full, s3):
    assert "NextContinuationToken" not in s3.list_objects_v2(Bucket=full)
    assert "NextContinuationToken" not in s3.list_objects_v2(Bucket=full, MaxKeys=len(KEYS))


def test_an_empty_token_is_none_and_comes_back(full, s3):
    answer = s3.list_objects_v2(Bucket=full, ContinuationToken="")

    assert answer["ContinuationToken"] == ""
    assert found(answer) == KEYS_IN_ORDER


@pytest.mark.parametrize("token", ["a", "b/1", "AAAA", "\u2603"])
def test_a_made_up_token_is_refused(token, full, s3):
    refused = refusal(s3.list_objects_v2, Bucket=full, ContinuationToken=token)

    assert refused == ("InvalidArgument", 400)


def test_a_token_is_safe_in_a_url(full, s3):
    for page in pages_of(s3, "list_objects_v2", Bucket=full, PaginationConfig={"PageSize": 1}):
        assert re.fullmatch(r"[A-Za-z0-9_-]*", page.get("NextContinuationToken", ""))


def test_a_deleted_key_is_still_a_place_to_go_on_from(bucket, s3):
    for key in "abc":
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    first = s3.list_objects_v2(Bucket=bucket, MaxKeys=1)
    s3.delete_object(Bucket=bucket, Key="a")

    token = first["NextContinuationToken"]
    assert found(s3.list_objects_v2(Bucket=bucket, ContinuationToken=token)) == ["b", "c"]


# --- encoding ------------------------------------------------------------------------------------


def test_url_encoding_reaches_every_name(full, gateway):
    query = "encoding-type=url&prefix=a%20b%2B&delimiter=%26&marker=%0A"
    document = raw_document(gateway, full, query)

    assert "<EncodingType>url</EncodingType>" in document
    assert "<Prefix>a%20b%2B</Prefix>" in document
    assert "<Delimiter>%26</Delimiter>" in document
    assert "<Marker>%0A</Marker>" in document
    assert "<CommonPrefixes><Prefix>a%20b%2Bc%25d%26</Prefix></CommonPrefixes>" in document


def test_url_encoding_in_v2_and_versions(full, gateway):
    start = "start-after=a%20b&prefix=a%20&max-keys=1"
    document = raw_document(gateway, full, f"list-type=2&encoding-type=url&{start}")
    assert "<StartAfter>a%20b</StartAfter>" in document
    assert "<Key>a%20b%2Bc%25d%26%3C%C3%A9%3E</Key>" in document

    start = "key-marker=a&max-keys=1"
    document = raw_document(gateway, full, f"versions&encoding-type=url&{start}")
    assert "<NextKeyMarker>a%20b%2Bc%25d%26%3C%C3%A9%3E</NextKeyMarker>" in document


def test_without_encoding_names_are_escaped_text(full, gateway):
    document = raw_document(gateway, full, "prefix=a%20")

    assert "<Key>a b+c%d&amp;&lt;é&gt;</Key>" in document
    assert "EncodingType" not in document


def test_quotes_of_an_etag_are_in_the_document(full, gateway):
    document = raw_document(gateway, full, "prefix=c")

    assert re.search(r'<ETag>("|&quot;)[0-9a-f]{32}("|&quot;)</ETag>', document)


def test_a_control_character_in_a_key_does_not_hide_the_others(bucket, s3):
    keys = ["a", "b\x01", "c\n", "d\x7f"]
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")

    for listing in LISTINGS:
        assert found(getattr(s3, listing)(Bucket=bucket)) == keys


# --- versions ------------------------------------------------------------------------------------


def test_every_object_is_its_null_version_and_the_latest(full, s3):
    answer = s3.list_object_versions(Bucket=full)

    assert {row["VersionId"] for row in answer["Versions"]} == {"null"}
    assert all(row["IsLatest"] for row in answer["Versions"])
    assert all(row["Owner"]["ID"] for row in answer["Versions"])
    assert "DeleteMarkers" not in answer
    assert (answer["KeyMarker"], answer["VersionIdMarker"]) == ("", "")


def test_versions_go_on_from_a_key_and_its_version(full, s3):
    first = s3.list_object_versions(Bucket=full, MaxKeys=2)
    assert (first["NextKeyMarker"], first["NextVersionIdMarker"]) == (KEYS_IN_ORDER[1], "null")

    rest = s3.list_object_versions(
        Bucket=full,
        KeyMarker=first["NextKeyMarker"],
        VersionIdMarker=first["NextVersionIdMarker"],
    )
    assert found(first) + found(rest) == KEYS_IN_ORDER
    assert (rest["KeyMarker"], rest["VersionIdMarker"]) == (KEYS_IN_ORDER[1], "null")
    assert not {"NextKeyMarker", "NextVersionIdMarker"} & set(rest)


def test_a_page_of_versions_that_ends_with_a_prefix_has_no_version_to_go_on_from(full, s3):
    answer = s3.list_object_versions(Bucket=full, Delimiter="/", MaxKeys=3)

    assert answer["NextKeyMarker"] == "a/"
    assert "NextVersionIdMarker" not in answer


@pytest.mark.parametrize(
    "markers",
    [
        {"VersionIdMarker": "null"},
        {"VersionIdMarker": "abc", "KeyMarker": "a"},
        {"VersionIdMarker": "", "KeyMarker": "a"},
    ],
)
def test_a_version_marker_alone_or_unknown_is_refused(markers, full, s3):
    assert refusal(s3.list_object_versions, Bucket=full, **markers) == ("InvalidArgument", 400)


def test_a_bucket_is_emptied_by_its_versions(bucket, s3):
    """How test suites clean up: pages of versions, each deleted by its id."""
    for number in range(5):
        s3.put_object(Bucket=bucket, Key=f"key-{number}", Body=b"")

    for page in pages_of(
        s3, "list_object_versions", Bucket=bucket, PaginationConfig={"PageSize": 2}
    ):
        doomed = [{"Key": v["Key"], "VersionId": v["VersionId"]} for v in page["Versions"]]
        s3.delete_objects(Bucket=bucket, Delete={"Objects": doomed, "Quiet": True})

    s3.delete_bucket(Bucket=bucket)


# --- against a plain model -----------------------------------------------------------------------

SMALL_KEYS = st.text("ab/+", min_size=1, max_size=5)


def model(keys: set[str], prefix: str, delimiter: str, after: str) -> list[str]:
    """What a listing is, said in the plainest way: keys and common prefixes in order."""
    rows = set()
    for key in keys:
        if key.startswith(prefix):
            at = key.find(delimiter, len(prefix)) if delimiter else -1
            row = key if at < 0 else key[: at + len(delimiter)]
            if key > after and (at < 0 or not after.startswith(row)):
                rows.add(row)
    return sorted(rows)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    keys=st.sets(SMALL_KEYS, max_size=12),
    prefix=st.text("ab/", max_size=2),
    delimiter=st.sampled_from(["", "/", "a", "//", "b/"]),
    size=st.integers(1, 5),
)
def test_a_listing_is_what_the_model_says(keys, prefix, delimiter, size, new_bucket, s3):
    bucket = new_bucket()
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    expected = model(keys, prefix, delimiter, after="")

    for listing in LISTINGS:
        pages = pages_of(
            s3,
            listing,
            Bucket=bucket,
            Prefix=prefix,
            Delimiter=delimiter,
            PaginationConfig={"PageSize": size},
        )
        rows = [row for page in pages for row in sorted(found(page) + rolled_up(page))]
        assert rows == expected
