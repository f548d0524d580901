"""minio-py, a second family of clients: its own signer, its own XML, its own ideas of defaults."""

import hashlib
import io
import os
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
import urllib3
from minio import Minio
from minio.commonconfig import ComposeSource, CopySource
from minio.deleteobjects import DeleteObject
from minio.error import S3Error

MIB = 1024 * 1024


@pytest.fixture
def http(server):
    """What minio-py talks through; closed at the end so that no socket is left over."""
    trust = {"ca_certs": server.ca_bundle} if server.ca_bundle else {}
    with urllib3.PoolManager(retries=False, timeout=20, **trust) as pool:
        yield pool


@pytest.fixture
def minio(server, http):
    parts = urlsplit(server.url)
    key, secret = server.owner
    return Minio(
        endpoint=parts.netloc,
        access_key=key,
        secret_key=secret,
        secure=parts.scheme == "https",
        http_client=http,
    )


def read(minio, bucket, key, **options):
    answer = minio.get_object(bucket_name=bucket, object_name=key, **options)
    try:
        return answer.read()
    finally:
        answer.close()
        answer.release_conn()


def put(minio, bucket, key, body, **options):
    return minio.put_object(
        bucket_name=bucket, object_name=key, data=io.BytesIO(body), length=len(body), **options
    )


def test_buckets_are_made_found_listed_and_removed(minio, bucket):
    name = f"{bucket}-minio"
    minio.make_bucket(bucket_name=name)
    assert minio.bucket_exists(bucket_name=name)
    assert name in [each.name for each in minio.list_buckets()]
    minio.remove_bucket(bucket_name=name)
    assert not minio.bucket_exists(bucket_name=name)


@pytest.mark.parametrize("size", [0, 33, 100_000, 3 * MIB])
def test_an_object_comes_back_as_it_was_put(minio, bucket, size):
    body = os.urandom(size)
    put(minio, bucket, "a b+c%/ü", body, content_type="text/x-fox")
    said = minio.stat_object(bucket_name=bucket, object_name="a b+c%/ü")
    assert (said.size, said.content_type) == (size, "text/x-fox")
    assert said.etag == hashlib.md5(body).hexdigest()
    assert read(minio, bucket, "a b+c%/ü") == body


def test_metadata_comes_back_with_the_content_hash(minio, bucket):
    put(minio, bucket, "k", b"body", metadata={"x-amz-meta-color": "blue"})
    said = minio.stat_object(bucket_name=bucket, object_name="k").metadata
    assert said["x-amz-meta-color"] == "blue"
    assert said["x-amz-meta-btfs-hash"] == said["Cid"]


def test_a_stream_of_unknown_length_goes_in_parts(minio, bucket):
    body = os.urandom(11 * MIB)
    put(minio, bucket, "whole", body)
    made = minio.put_object(
        bucket_name=bucket,
        object_name="parts",
        data=io.BytesIO(body),
        length=-1,
        part_size=5 * MIB,
    )
    assert made.etag.endswith("-3")
    assert read(minio, bucket, "parts") == body
    cids = {
        minio.stat_object(bucket_name=bucket, object_name=key).metadata["Cid"]
        for key in ("whole", "parts")
    }
    assert len(cids) == 1


def test_a_range_is_read_alone(minio, bucket):
    put(minio, bucket, "k", b"0123456789")
    assert read(minio, bucket, "k", offset=3, length=4) == b"3456"


def test_a_listing_folds_what_is_below_a_slash(minio, bucket):
    for key in ("a/1", "a/2", "b+c d", "漢"):
        put(minio, bucket, key, b"x")
    flat = minio.list_objects(bucket_name=bucket, recursive=True)
    assert [each.object_name for each in flat] == ["a/1", "a/2", "b+c d", "漢"]
    folded = minio.list_objects(bucket_name=bucket)
    assert sorted(each.object_name for each in folded) == ["a/", "b+c d", "漢"]
    below = minio.list_objects(bucket_name=bucket, prefix="a/", start_after="a/1")
    assert [each.object_name for each in below] == ["a/2"]


def test_objects_are_removed_one_by_one_and_many_at_once(minio, bucket):
    keys = [f"key {number} & <more>" for number in range(5)]
    for key in keys:
        put(minio, bucket, key, b"x")
    minio.remove_object(bucket_name=bucket, object_name=keys[0])
    rest = [DeleteObject(key) for key in keys]
    errors = list(minio.remove_objects(bucket_name=bucket, delete_object_list=rest))
    assert errors == []
    assert list(minio.list_objects(bucket_name=bucket, recursive=True)) == []


def test_copies_and_compositions_hold_the_bytes_of_their_sources(minio, bucket):
    body = os.urandom(5 * MIB)
    put(minio, bucket, "a b+c%/ü", body)
    put(minio, bucket, "tail", b"tail")
    one, two = (
        kind(bucket_name=bucket, object_name=key)
        for kind, key in ((ComposeSource, "a b+c%/ü"), (ComposeSource, "tail"))
    )
    source = CopySource(bucket_name=bucket, object_name="a b+c%/ü")
    minio.copy_object(bucket_name=bucket, object_name="copy", source=source)
    minio.compose_object(bucket_name=bucket, object_name="both", sources=[one, two])
    assert read(minio, bucket, "copy") == body
    assert read(minio, bucket, "both") == body + b"tail"


def test_presigned_urls_put_and_get_without_credentials(minio, http, bucket):
    named = {"bucket_name": bucket, "object_name": "a b+c%/ü"}
    soon = timedelta(minutes=1)
    up = http.request("PUT", minio.presigned_put_object(**named, expires=soon), body=b"body")
    assert up.status == 200
    down = http.request("GET", minio.presigned_get_object(**named, expires=soon))
    assert (down.status, down.data) == (200, b"body")


@pytest.mark.parametrize(
    ("bucket_name", "code"), [("no-such-bucket-at-all", "NoSuchBucket"), (None, "NoSuchKey")]
)
def test_errors_are_read_by_their_code(minio, bucket, bucket_name, code):
    with pytest.raises(S3Error) as refusal:
        read(minio, bucket_name or bucket, "none")
    refusal.value.response.close()
    assert refusal.value.code == code
    assert refusal.value.request_id


def test_an_object_on_legal_hold_stays(minio, bucket):
    minio.make_bucket(bucket_name=f"{bucket}-locked", object_lock=True)
    held = {"bucket_name": f"{bucket}-locked", "object_name": "k"}
    kept = minio.put_object(**held, data=io.BytesIO(b"body"), length=4).version_id

    minio.enable_object_legal_hold(**held)
    assert minio.is_object_legal_hold_enabled(**held)
    with pytest.raises(S3Error) as refusal:
        minio.remove_object(**held, version_id=kept)
    assert refusal.value.code == "AccessDenied"

    minio.disable_object_legal_hold(**held)
    minio.remove_object(**held, version_id=kept)
    minio.remove_bucket(bucket_name=f"{bucket}-locked")
