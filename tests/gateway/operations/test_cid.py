"""The content hash: the same for every way of uploading the same bytes, and the right one.

The vectors are those of other UnixFS implementations; see tests/vectors/unixfs.json.
"""

import hashlib
import json
from pathlib import Path

import pytest

MIB = 1024 * 1024
VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "unixfs.json").read_text())
PROFILE = "unixfs-v1-2025"
FILES = {file["size"]: file["cid"][PROFILE] for file in VECTORS["files"]}
SMALL = [size for size in FILES if size <= 10 * MIB + 1]
LARGE = [size for size in FILES if size >= 5 * MIB]
NAMES = ("cid", "btfs-hash")
"""Default of content_hash_metadata."""


def stream(size):
    """The byte stream the vectors are made of, as the file itself defines it."""
    seed = VECTORS["stream"]["seed_ascii"].encode()
    blocks = range((size + 31) // 32)
    return b"".join(hashlib.sha256(seed + number.to_bytes(8, "big")).digest() for number in blocks)[
        :size
    ]


@pytest.fixture(scope="module")
def data():
    """As many bytes of the stream as the largest upload needs."""
    return stream(max(FILES))


def shown(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]["cid"]


def by_parts(s3, bucket, body, sizes):
    made = s3.create_multipart_upload(Bucket=bucket, Key="k")
    named = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
    parts, start = [], 0
    for number, size in enumerate(sizes, 1):
        part = s3.upload_part(**named, PartNumber=number, Body=body[start : start + size])
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
        start += size
    assert start >= len(body)
    return s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})


def test_the_stream_is_the_one_the_vectors_were_made_of(data):
    assert hashlib.sha256(data[:MIB]).hexdigest() == VECTORS["stream"]["sha256_of_first_1MiB"]


@pytest.mark.parametrize("size", SMALL)
def test_a_put_answers_the_cid_other_implementations_give(s3, bucket, data, size):
    put = s3.put_object(Bucket=bucket, Key="k", Body=data[:size])
    assert shown(put) == FILES[size]
    for call in (s3.head_object, s3.get_object):
        answer = call(Bucket=bucket, Key="k")
        assert shown(answer) == FILES[size]
        assert {name: answer["Metadata"][name] for name in NAMES} == dict.fromkeys(
            NAMES, FILES[size]
        )


def aligned(size):
    return [5 * MIB] * (size // (5 * MIB)) + ([size % (5 * MIB)] if size % (5 * MIB) else [])


def misaligned(size):
    odd = 5 * MIB + 12_345
    return [odd] * (size // odd) + ([size % odd] if size % odd else [])


@pytest.mark.parametrize("cut", [aligned, misaligned])
@pytest.mark.parametrize("size", LARGE)
def test_parts_give_the_cid_of_the_whole(s3, bucket, data, size, cut):
    answer = by_parts(s3, bucket, data[:size], cut(size))
    assert shown(answer) == FILES[size]
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ContentLength"], shown(head)) == (size, FILES[size])
    assert head["Metadata"]["cid"] == FILES[size]


@pytest.mark.parametrize("cut", [aligned, misaligned])
def test_parts_read_back_as_they_were_sent(s3, bucket, data, cut):
    size = 10 * MIB
    by_parts(s3, bucket, data[:size], cut(size))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == data[:size]


@pytest.mark.parametrize("size", [0, 33, 262145, 2 * MIB + 1])
def test_a_copy_has_the_cid_of_its_source(s3, bucket, data, size):
    s3.put_object(Bucket=bucket, Key="k", Body=data[:size], Metadata={"color": "blue"})
    for directive in ("COPY", "REPLACE"):
        answer = s3.copy_object(
            Bucket=bucket,
            Key=directive,
            CopySource={"Bucket": bucket, "Key": "k"},
            MetadataDirective=directive,
        )
        assert shown(answer) == FILES[size]
        assert s3.head_object(Bucket=bucket, Key=directive)["Metadata"]["cid"] == FILES[size]


def test_names_of_the_content_hash_are_never_stored(gateway, s3, bucket):
    false = {"cid": "bafyfalse", "btfs-hash": "Qmfalse", "color": "blue"}
    s3.put_object(Bucket=bucket, Key="k", Body=b"one", Metadata=false)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["Metadata"] == {"color": "blue"} | dict.fromkeys(NAMES, shown(head))
    source = {"Bucket": bucket, "Key": "k"}
    s3.copy_object(Bucket=bucket, Key="copy", CopySource=source)
    s3.put_object(Bucket=bucket, Key="copy2", Body=b"two", Metadata=head["Metadata"])
    for key in ("k", "copy", "copy2"):
        entry = gateway.store.entry(gateway.store.bucket(bucket), key.encode())
        assert entry.attributes.metadata == {"color": "blue"}
    assert s3.head_object(Bucket=bucket, Key="copy2")["Metadata"]["cid"] != shown(head)


def test_equal_bytes_have_one_cid_and_are_kept_once(gateway, s3, new_bucket):
    body = hashlib.sha256(b"kept once").digest() * 40_000
    first = s3.put_object(Bucket=new_bucket(), Key="a", Body=body)
    before = gateway.store.stats()
    again = s3.put_object(Bucket=new_bucket(), Key="b/c", Body=body, ContentType="text/plain")
    after = gateway.store.stats()
    assert shown(first) == shown(again)
    assert after.segment_bytes == before.segment_bytes
    assert after.logical_bytes == before.logical_bytes + len(body)
