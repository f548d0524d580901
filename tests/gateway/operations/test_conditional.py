"""Conditional reads and writes through the server; 64 racing writers have one winner."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError

BODY = b"0123456789"
OTHER = '"ffffffffffffffffffffffffffffffff"'
RACERS = 64


def outcome(call, **asked):
    """The status of a call, whether it succeeds or not, and its error code."""
    try:
        answer = call(**asked)
    except ClientError as error:
        answer = error.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer.get("Error", {}).get("Code")


@pytest.fixture
def racing(gateway):
    """A client with a connection for each racer and no retries, so that every answer is seen."""
    config = ClientConfig(max_pool_connections=RACERS, retries={"total_max_attempts": 1})
    return gateway.client(gateway.owner, config=config)


def race(call):
    """``call(number)`` from 64 threads that start together; all outcomes."""
    ready = Barrier(RACERS)

    def run(number):
        ready.wait()
        return outcome(call, number=number)

    with ThreadPoolExecutor(RACERS) as pool:
        return list(pool.map(run, range(RACERS)))


# --- reads -----------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["get_object", "head_object"])
def test_reads_obey_their_conditions(s3, bucket, verb):
    put = s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    etag, changed = put["ETag"], s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    second = timedelta(seconds=1)
    table = [
        ({"IfMatch": etag}, 200),
        ({"IfMatch": etag.strip('"')}, 200),
        ({"IfMatch": "*"}, 200),
        ({"IfMatch": f"{OTHER}, {etag}"}, 200),
        ({"IfMatch": OTHER}, 412),
        ({"IfNoneMatch": OTHER}, 200),
        ({"IfNoneMatch": etag}, 304),
        ({"IfNoneMatch": f"W/{etag}"}, 304),
        ({"IfNoneMatch": "*"}, 304),
        ({"IfModifiedSince": changed}, 304),
        ({"IfModifiedSince": changed - second}, 200),
        ({"IfModifiedSince": changed + timedelta(days=1)}, 200),
        ({"IfUnmodifiedSince": changed}, 200),
        ({"IfUnmodifiedSince": changed - second}, 412),
        ({"IfMatch": etag, "IfUnmodifiedSince": changed - second}, 200),
        ({"IfNoneMatch": etag, "IfModifiedSince": changed - second}, 304),
        ({"IfMatch": OTHER, "IfNoneMatch": etag}, 412),
        ({"IfMatch": OTHER, "Range": "bytes=99-"}, 412),
    ]
    call = getattr(s3, verb)
    seen = [outcome(call, Bucket=bucket, Key="k", **asked)[0] for asked, _ in table]
    assert seen == [status for _, status in table]


def test_not_modified_has_no_body_and_names_the_version(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=BODY)["ETag"]
    with pytest.raises(ClientError) as refused:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    answer = refused.value.response["ResponseMetadata"]["HTTPHeaders"]
    assert answer["etag"] == etag
    assert "last-modified" in answer


def test_a_missing_key_is_missing_whatever_the_condition(s3, bucket):
    for asked in ({"IfMatch": "*"}, {"IfNoneMatch": "*"}):
        assert outcome(s3.get_object, Bucket=bucket, Key="k", **asked) == (404, "NoSuchKey")


# --- writes ----------------------------------------------------------------------------------


def put(s3, bucket, **asked):
    return outcome(s3.put_object, Bucket=bucket, Key="k", Body=b"new", **asked)


def copy(s3, bucket, **asked):
    s3.put_object(Bucket=bucket, Key="source", Body=b"new")
    source = {"Bucket": bucket, "Key": "source"}
    return outcome(s3.copy_object, Bucket=bucket, Key="k", CopySource=source, **asked)


def complete(s3, bucket, **asked):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    named = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part = s3.upload_part(**named, PartNumber=1, Body=b"new")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    return outcome(s3.complete_multipart_upload, **named, MultipartUpload=parts, **asked)


WRITES = pytest.mark.parametrize("write", [put, copy, complete])


@WRITES
def test_if_none_match_writes_only_what_is_not_there(s3, bucket, write):
    assert write(s3, bucket, IfNoneMatch="*") == (200, None)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    assert write(s3, bucket, IfNoneMatch="*") == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
    s3.delete_object(Bucket=bucket, Key="k")
    assert write(s3, bucket, IfNoneMatch="*") == (200, None)


@WRITES
def test_if_match_writes_only_over_the_version_named(s3, bucket, write):
    assert write(s3, bucket, IfMatch=OTHER) == (404, "NoSuchKey")
    assert write(s3, bucket, IfMatch="*") == (404, "NoSuchKey")
    etag = s3.put_object(Bucket=bucket, Key="k", Body=BODY)["ETag"]
    assert write(s3, bucket, IfMatch=OTHER) == (412, "PreconditionFailed")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
    assert write(s3, bucket, IfMatch=etag) == (200, None)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"new"
    assert write(s3, bucket, IfMatch="*") == (200, None)


@WRITES
def test_both_conditions_at_once_are_not_implemented(s3, bucket, write):
    assert write(s3, bucket, IfMatch="*", IfNoneMatch="*") == (501, "NotImplemented")


def test_a_refused_complete_leaves_the_upload_to_try_again(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=BODY)
    complete(s3, bucket, IfNoneMatch="*")
    assert len(s3.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1


def test_if_match_deletes_only_the_version_named(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=BODY)["ETag"]
    asked = {"Bucket": bucket, "Key": "k"}
    assert outcome(s3.delete_object, **asked, IfMatch=OTHER) == (412, "PreconditionFailed")
    assert outcome(s3.delete_object, **asked, IfMatch=etag) == (204, None)
    assert outcome(s3.delete_object, **asked, IfMatch=etag) == (404, "NoSuchKey")


def test_deletes_obey_size_and_time_of_change(s3, bucket):
    asked = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**asked, Body=BODY)
    changed = s3.head_object(**asked)["LastModified"]
    early = changed - timedelta(seconds=1)
    failed = (412, "PreconditionFailed")
    assert outcome(s3.delete_object, **asked, IfMatchSize=len(BODY) + 1) == failed
    assert outcome(s3.delete_object, **asked, IfMatchLastModifiedTime=early) == failed
    both = {"IfMatchSize": len(BODY), "IfMatchLastModifiedTime": early}
    assert outcome(s3.delete_object, **asked, **both) == failed
    both["IfMatchLastModifiedTime"] = changed
    assert outcome(s3.delete_object, **asked, **both) == (204, None)
    assert outcome(s3.delete_object, **asked, IfMatchSize=0) == (404, "NoSuchKey")


def test_each_key_of_many_has_conditions_of_its_own(s3, bucket):
    etags = {key: s3.put_object(Bucket=bucket, Key=key, Body=BODY)["ETag"] for key in "abcd"}
    changed = s3.head_object(Bucket=bucket, Key="a")["LastModified"]
    wanted = [
        {"Key": "a", "ETag": etags["a"], "Size": len(BODY)},
        {"Key": "b", "ETag": OTHER},
        {"Key": "c", "Size": 0},
        {"Key": "d", "LastModifiedTime": changed - timedelta(days=1)},
        {"Key": "e", "ETag": OTHER},
    ]
    answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": wanted})
    assert [one["Key"] for one in answer["Deleted"]] == ["a"]
    codes = {one["Key"]: one["Code"] for one in answer["Errors"]}
    failed = dict.fromkeys("bcd", "PreconditionFailed")
    assert codes == failed | {"e": "NoSuchKey"}
    wanted = {"Objects": [{"Key": "d", "LastModifiedTime": changed}]}
    assert s3.delete_objects(Bucket=bucket, Delete=wanted)["Deleted"][0]["Key"] == "d"


# --- races -----------------------------------------------------------------------------------


def judged(outcomes):
    assert sorted(outcomes)[0] == (200, None)
    assert sorted(outcomes)[1:] == [(412, "PreconditionFailed")] * (RACERS - 1)
    return outcomes.index((200, None))


@pytest.mark.parametrize("size", [10, 20_000], ids=["inline", "segment"])
def test_of_racing_puts_exactly_one_wins(racing, bucket, size):
    bodies = [b"%03d" % number + b"x" * size for number in range(RACERS)]

    def write(number):
        return racing.put_object(Bucket=bucket, Key="k", Body=bodies[number], IfNoneMatch="*")

    winner = judged(race(write))
    assert racing.get_object(Bucket=bucket, Key="k")["Body"].read() == bodies[winner]


def test_of_racing_copies_exactly_one_wins(racing, bucket):
    for number in range(RACERS):
        racing.put_object(Bucket=bucket, Key=f"from/{number}", Body=b"%d" % number)

    def write(number):
        source = {"Bucket": bucket, "Key": f"from/{number}"}
        return racing.copy_object(Bucket=bucket, Key="k", CopySource=source, IfNoneMatch="*")

    winner = judged(race(write))
    assert racing.get_object(Bucket=bucket, Key="k")["Body"].read() == b"%d" % winner


def test_of_racing_completes_exactly_one_wins(racing, bucket):
    asked = []
    for number in range(RACERS):
        upload = racing.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        named = {"Bucket": bucket, "Key": "k", "UploadId": upload}
        part = racing.upload_part(**named, PartNumber=1, Body=b"%d" % number)
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        asked.append(named | {"MultipartUpload": parts})

    def write(number):
        return racing.complete_multipart_upload(**asked[number], IfNoneMatch="*")

    winner = judged(race(write))
    assert racing.get_object(Bucket=bucket, Key="k")["Body"].read() == b"%d" % winner


def test_of_racing_replacements_of_one_version_exactly_one_wins(racing, bucket):
    etag = racing.put_object(Bucket=bucket, Key="k", Body=BODY)["ETag"]

    def write(number):
        return racing.put_object(Bucket=bucket, Key="k", Body=b"%d" % number, IfMatch=etag)

    winner = judged(race(write))
    assert racing.get_object(Bucket=bucket, Key="k")["Body"].read() == b"%d" % winner


def test_of_racing_deletes_of_one_version_exactly_one_wins(racing, bucket):
    etag = racing.put_object(Bucket=bucket, Key="k", Body=BODY)["ETag"]

    def delete(number):
        return racing.delete_object(Bucket=bucket, Key="k", IfMatch=etag, IfMatchSize=len(BODY))

    outcomes = sorted(race(delete))
    assert outcomes == [(204, None)] + [(404, "NoSuchKey")] * (RACERS - 1)


def test_a_repeated_complete_of_one_upload_succeeds_for_all_who_ask(racing, bucket):
    upload = racing.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    named = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    part = racing.upload_part(**named, PartNumber=1, Body=BODY)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}

    def finish(number):
        return racing.complete_multipart_upload(**named, MultipartUpload=parts)

    assert race(finish) == [(200, None)] * RACERS
