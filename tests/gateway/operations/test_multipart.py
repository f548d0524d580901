"""Multipart uploads by boto3 over a real socket: create, parts, lists, complete, abort."""

import base64
import hashlib
import zlib

import pytest
from botocore.exceptions import ClientError

MIB = 1024 * 1024
FIRST = bytes(range(256)) * (5 * MIB // 256)
"""The smallest part that may be followed by another."""
LAST = b"the end"
NOTHING = "no-such-upload"


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    answer = refused.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def details(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    return refused.value.response["Error"]


def raw_sum(text):
    return base64.b64decode(text)


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def multipart_etag(*bodies):
    joined = b"".join(hashlib.md5(body).digest() for body in bodies)
    return f'"{hashlib.md5(joined).hexdigest()}-{len(bodies)}"'


@pytest.fixture
def begin(s3, bucket):
    """Creates an upload of ``k``; what names it in later calls."""

    def ask(**asked):
        made = s3.create_multipart_upload(Bucket=bucket, Key="k", **asked)
        return {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}

    return ask


@pytest.fixture
def send(s3):
    """Uploads parts; the list Complete wants, with every checksum the answers had."""

    def ask(upload, bodies, **asked):
        parts = []
        for number, body in bodies.items():
            answer = s3.upload_part(**upload, PartNumber=number, Body=body, **asked)
            sums = {name: answer[name] for name in answer if name.startswith("Checksum")}
            parts.append({"PartNumber": number, "ETag": answer["ETag"], **sums})
        return {"Parts": parts}

    return ask


# --- who may ---------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", ["stranger", "anonymous"])
def test_all_of_multipart_needs_the_right_to_write(request, s3, new_bucket, caller):
    client = request.getfixturevalue(caller)
    bucket = new_bucket(ACL="public-read")
    made = s3.create_multipart_upload(Bucket=bucket, Key="k")
    upload = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
    etag = s3.upload_part(**upload, PartNumber=1, Body=LAST)["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    denied = (403, "AccessDenied")
    assert refusal(client.create_multipart_upload, Bucket=bucket, Key="k") == denied
    assert refusal(client.upload_part, **upload, PartNumber=1, Body=b"x") == denied
    assert refusal(client.list_parts, **upload) == denied
    assert refusal(client.list_multipart_uploads, Bucket=bucket) == denied
    finish = client.complete_multipart_upload
    assert refusal(finish, **upload, MultipartUpload=parts) == denied
    assert refusal(client.abort_multipart_upload, **upload) == denied
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == LAST


@pytest.mark.parametrize("caller", ["stranger", "anonymous"])
def test_everybody_may_upload_where_everybody_may_write(request, new_bucket, caller):
    client = request.getfixturevalue(caller)
    bucket = new_bucket(ACL="public-read-write")
    made = client.create_multipart_upload(Bucket=bucket, Key="k")
    upload = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
    etag = client.upload_part(**upload, PartNumber=1, Body=LAST)["ETag"]
    assert len(client.list_parts(**upload)["Parts"]) == 1
    assert len(client.list_multipart_uploads(Bucket=bucket)["Uploads"]) == 1
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    client.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert client.get_object(Bucket=bucket, Key="k")["Body"].read() == LAST


def test_an_upload_belongs_to_one_key_of_one_bucket(s3, begin, new_bucket):
    upload = begin()
    etag = s3.upload_part(**upload, PartNumber=1, Body=LAST)["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    wrong = [{"Key": "other"}, {"Bucket": new_bucket()}, {"UploadId": NOTHING}]
    for change in wrong:
        asked = upload | change
        missing = (404, "NoSuchUpload")
        assert refusal(s3.upload_part, **asked, PartNumber=1, Body=b"x") == missing
        assert refusal(s3.list_parts, **asked) == missing
        assert refusal(s3.abort_multipart_upload, **asked) == missing
        assert refusal(s3.complete_multipart_upload, **asked, MultipartUpload=parts) == missing
    assert details(s3.list_parts, **upload | {"UploadId": NOTHING})["UploadId"] == NOTHING


# --- the way it goes -------------------------------------------------------------------------


def test_parts_become_an_object(gateway, s3, bucket, begin, send):
    upload = begin(
        ContentType="text/plain",
        CacheControl="no-cache",
        Metadata={"color": "blue"},
        StorageClass="STANDARD_IA",
    )
    parts = send(upload, {1: FIRST, 2: LAST})
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")
    answer = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert (answer["Bucket"], answer["Key"]) == (bucket, "k")
    assert answer["ETag"] == multipart_etag(FIRST, LAST)
    assert answer["Location"] == f"{gateway.url}/{bucket}/k"
    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == FIRST + LAST
    assert (got["ETag"], got["ContentLength"]) == (answer["ETag"], len(FIRST) + len(LAST))
    assert (got["ContentType"], got["CacheControl"]) == ("text/plain", "no-cache")
    assert (got["StorageClass"], got["Metadata"]["color"]) == ("STANDARD_IA", "blue")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)
    cid = got["ResponseMetadata"]["HTTPHeaders"]["cid"]
    assert answer["ResponseMetadata"]["HTTPHeaders"]["cid"] == cid


def test_even_one_part_makes_a_multipart_etag(s3, begin, send):
    upload = begin()
    answer = s3.complete_multipart_upload(**upload, MultipartUpload=send(upload, {1: LAST}))
    assert answer["ETag"] == multipart_etag(LAST)


def test_one_empty_part_makes_an_empty_object(s3, bucket, begin, send):
    upload = begin()
    s3.complete_multipart_upload(**upload, MultipartUpload=send(upload, {1: b""}))
    got = s3.get_object(Bucket=bucket, Key="k")
    assert (got["ContentLength"], got["Body"].read()) == (0, b"")


def test_a_part_uploaded_twice_counts_once(s3, bucket, begin, send):
    upload = begin()
    send(upload, {1: b"first try"})
    parts = send(upload, {1: b"second try"})
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"second try"


def test_numbers_may_have_gaps_and_parts_may_be_left_out(s3, bucket, begin, send):
    upload = begin()
    parts = send(upload, {10_000: LAST, 3: FIRST, 7: b"left out"})["Parts"]
    chosen = {"Parts": [parts[1], parts[0]]}
    answer = s3.complete_multipart_upload(**upload, MultipartUpload=chosen)
    assert answer["ETag"] == multipart_etag(FIRST, LAST)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == FIRST + LAST


def test_etags_are_taken_with_and_without_quotes(s3, begin, send):
    for change in (lambda etag: etag.strip('"'), lambda etag: etag):
        upload = begin()
        parts = send(upload, {1: LAST})["Parts"]
        parts[0]["ETag"] = change(parts[0]["ETag"])
        s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})


def test_a_put_during_an_upload_is_replaced_by_its_completion(s3, bucket, begin, send):
    upload = begin()
    parts = send(upload, {1: LAST})
    s3.put_object(Bucket=bucket, Key="k", Body=b"in between")
    assert len(s3.list_parts(**upload)["Parts"]) == 1
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == LAST


def test_a_repeated_complete_is_answered_alike(s3, bucket, begin, send):
    upload = begin()
    parts = send(upload, {1: LAST})
    first = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    again = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    same = ("ETag", "Location", "Bucket", "Key", "ChecksumCRC64NVME", "ChecksumType")
    assert {name: again[name] for name in same} == {name: first[name] for name in same}
    s3.put_object(Bucket=bucket, Key="k", Body=b"newer")
    assert s3.complete_multipart_upload(**upload, MultipartUpload=parts)["ETag"] == first["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"newer"


def test_a_completed_upload_takes_nothing_more(s3, begin, send):
    upload = begin()
    s3.complete_multipart_upload(**upload, MultipartUpload=send(upload, {1: LAST}))
    assert refusal(s3.upload_part, **upload, PartNumber=2, Body=b"x") == (404, "NoSuchUpload")
    assert refusal(s3.list_parts, **upload) == (404, "NoSuchUpload")
    assert refusal(s3.abort_multipart_upload, **upload) == (404, "NoSuchUpload")


def test_identical_content_completed_again_stays(s3, bucket, begin, send):
    """go-btfs loses it: the second reference is dropped with the first (its defect 2)."""
    for _ in range(2):
        upload = begin()
        s3.complete_multipart_upload(**upload, MultipartUpload=send(upload, {1: FIRST, 2: LAST}))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == FIRST + LAST


def test_an_aborted_upload_is_gone(s3, bucket, begin, send):
    upload = begin()
    parts = send(upload, {1: LAST})
    answer = s3.abort_multipart_upload(**upload)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing = (404, "NoSuchUpload")
    assert refusal(s3.abort_multipart_upload, **upload) == missing
    assert refusal(s3.complete_multipart_upload, **upload, MultipartUpload=parts) == missing
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


# --- what Complete refuses -------------------------------------------------------------------


def test_the_list_of_parts_must_be_sound(s3, bucket, begin, send):
    upload = begin()
    one, two = send(upload, {1: FIRST, 2: LAST})["Parts"]
    unknown = {"PartNumber": 3, "ETag": two["ETag"]}
    table = [
        ([], (400, "MalformedXML")),
        ([two, one], (400, "InvalidPartOrder")),
        ([one, one], (400, "InvalidPartOrder")),
        ([one, unknown], (400, "InvalidPart")),
        ([one | {"ETag": two["ETag"]}], (400, "InvalidPart")),
        ([one | {"PartNumber": 0}, two], (400, "InvalidArgument")),
        ([one, two | {"PartNumber": 10_001}], (400, "InvalidArgument")),
        ([{"PartNumber": 1}], (400, "MalformedXML")),
    ]
    for parts, answer in table:
        asked = upload | {"MultipartUpload": {"Parts": parts}}
        assert refusal(s3.complete_multipart_upload, **asked) == answer
    found = details(
        s3.complete_multipart_upload, **upload, MultipartUpload={"Parts": [one, unknown]}
    )
    assert (found["PartNumber"], found["UploadId"]) == ("3", upload["UploadId"])
    assert refusal(s3.head_object, Bucket=bucket, Key="k") == (404, "404")
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [one, two]})


def test_a_complete_without_a_document_is_malformed(s3, begin):
    assert refusal(s3.complete_multipart_upload, **begin()) == (400, "MalformedXML")


def test_only_the_last_part_may_be_small_and_only_complete_says_so(s3, begin, send):
    upload = begin()
    parts = send(upload, {1: b"small", 2: LAST})
    found = details(s3.complete_multipart_upload, **upload, MultipartUpload=parts)
    assert found["Code"] == "EntityTooSmall"
    assert (found["ProposedSize"], found["MinSizeAllowed"]) == ("5", str(5 * MIB))
    assert (found["PartNumber"], found["ETag"]) == ("1", hashlib.md5(b"small").hexdigest())
    alone = {"Parts": parts["Parts"][1:]}
    s3.complete_multipart_upload(**upload, MultipartUpload=alone)


def test_the_announced_size_must_be_right(s3, begin, send):
    upload = begin()
    asked = upload | {"MultipartUpload": send(upload, {1: LAST})}
    wrong = asked | {"MpuObjectSize": len(LAST) + 1}
    assert refusal(s3.complete_multipart_upload, **wrong) == (400, "InvalidRequest")
    s3.complete_multipart_upload(**asked, MpuObjectSize=len(LAST))


def test_an_object_above_the_limit_is_refused(gateway, s3, begin, send):
    upload = begin()
    asked = upload | {"MultipartUpload": send(upload, {1: LAST})}
    limit = gateway.config.max_object_bytes
    object.__setattr__(gateway.config, "max_object_bytes", len(LAST) - 1)
    try:
        assert refusal(s3.complete_multipart_upload, **asked) == (400, "EntityTooLarge")
    finally:
        object.__setattr__(gateway.config, "max_object_bytes", limit)
    s3.complete_multipart_upload(**asked)


def test_more_parts_than_are_read_at_once_are_all_found(s3, bucket, begin, send, monkeypatch):
    monkeypatch.setattr("gateway.operations.complete.READ_AT_ONCE", 2)
    monkeypatch.setattr("gateway.operations.complete.MIN_PART_BYTES", 1)
    upload = begin()
    bodies = {number: b"part %d;" % number for number in range(1, 8)}
    s3.complete_multipart_upload(**upload, MultipartUpload=send(upload, bodies))
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"".join(bodies.values())


@pytest.mark.parametrize("number", [0, 10_001])
def test_part_numbers_go_from_1_to_10000(s3, begin, number):
    asked = begin() | {"PartNumber": number, "Body": b"x"}
    assert refusal(s3.upload_part, **asked) == (400, "InvalidArgument")


# --- checksums -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "kind", "answer"),
    [
        (None, None, (None, None)),
        ("CRC32", None, ("CRC32", "COMPOSITE")),
        ("CRC32", "FULL_OBJECT", ("CRC32", "FULL_OBJECT")),
        ("CRC32C", "COMPOSITE", ("CRC32C", "COMPOSITE")),
        ("CRC64NVME", None, ("CRC64NVME", "FULL_OBJECT")),
        ("SHA1", None, ("SHA1", "COMPOSITE")),
        ("SHA256", "COMPOSITE", ("SHA256", "COMPOSITE")),
        ("CRC64NVME", "COMPOSITE", "InvalidRequest"),
        ("SHA256", "FULL_OBJECT", "InvalidRequest"),
        ("XXHASH3", "FULL_OBJECT", "InvalidRequest"),
        ("CRC32", "PARTIAL", "InvalidRequest"),
        ("CRC8", None, "InvalidRequest"),
        (None, "COMPOSITE", "InvalidRequest"),
    ],
)
def test_an_upload_has_a_checksum_that_can_be_combined(s3, bucket, algorithm, kind, answer):
    given = {"ChecksumAlgorithm": algorithm, "ChecksumType": kind}
    asked = {"Bucket": bucket, "Key": "k"}
    asked |= {name: value for name, value in given.items() if value}
    if isinstance(answer, str):
        assert refusal(s3.create_multipart_upload, **asked) == (400, answer)
        return
    made = s3.create_multipart_upload(**asked)
    assert (made.get("ChecksumAlgorithm"), made.get("ChecksumType")) == answer


@pytest.mark.parametrize(
    "algorithm",
    ["CRC32", "CRC32C", "SHA1", "SHA256", "SHA512", "XXHASH64", "XXHASH3", "XXHASH128"],
)
def test_a_composite_checksum_is_that_of_the_parts_checksums(s3, bucket, begin, send, algorithm):
    upload = begin(ChecksumAlgorithm=algorithm)
    parts = send(upload, {1: FIRST, 2: LAST}, ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    answer = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    joined = b"".join(raw_sum(part[name]) for part in parts["Parts"])
    s3.put_object(Bucket=bucket, Key="sums", Body=joined, ChecksumAlgorithm=algorithm)
    whole = s3.head_object(Bucket=bucket, Key="sums", ChecksumMode="ENABLED")[name]
    assert (answer[name], answer["ChecksumType"]) == (f"{whole}-2", "COMPOSITE")
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head[name], head["ChecksumType"]) == (f"{whole}-2", "COMPOSITE")


def test_parts_of_an_md5_upload_are_checked_and_joined(s3, bucket, begin):
    # boto3 computes every algorithm but this one.
    upload, lines, sums = begin(ChecksumAlgorithm="MD5"), [], b""
    for number, body in ((1, FIRST), (2, LAST)):
        raw = hashlib.md5(body).digest()
        text = base64.b64encode(raw).decode()
        part = s3.upload_part(**upload, PartNumber=number, Body=body, ChecksumMD5=text)
        assert part["ChecksumMD5"] == text
        lines.append({"PartNumber": number, "ETag": part["ETag"], "ChecksumMD5": text})
        sums += raw
    answer = s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": lines})
    whole = base64.b64encode(hashlib.md5(sums).digest()).decode()
    assert (answer["ChecksumMD5"], answer["ChecksumType"]) == (f"{whole}-2", "COMPOSITE")


@pytest.mark.parametrize("algorithm", ["CRC32", "CRC32C", "CRC64NVME"])
def test_a_full_object_checksum_is_that_of_one_put(s3, bucket, begin, send, algorithm):
    s3.put_object(Bucket=bucket, Key="whole", Body=FIRST + LAST, ChecksumAlgorithm=algorithm)
    name = f"Checksum{algorithm}"
    whole = s3.head_object(Bucket=bucket, Key="whole", ChecksumMode="ENABLED")[name]
    upload = begin(ChecksumAlgorithm=algorithm, ChecksumType="FULL_OBJECT")
    parts = send(upload, {1: FIRST, 2: LAST}, ChecksumAlgorithm=algorithm)
    asked = upload | {"MultipartUpload": parts, "ChecksumType": "FULL_OBJECT"}
    wrong = {name: base64.b64encode(bytes(len(raw_sum(whole)))).decode()}
    assert refusal(s3.complete_multipart_upload, **asked, **wrong) == (400, "BadDigest")
    answer = s3.complete_multipart_upload(**asked, **{name: whole})
    assert (answer[name], answer["ChecksumType"]) == (whole, "FULL_OBJECT")
    got = s3.get_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["Body"].read() == FIRST + LAST


def test_without_an_algorithm_the_object_has_a_full_crc64nvme(s3, bucket, begin, send):
    s3.put_object(Bucket=bucket, Key="whole", Body=FIRST + LAST, ChecksumAlgorithm="CRC64NVME")
    whole = s3.head_object(Bucket=bucket, Key="whole", ChecksumMode="ENABLED")
    upload = begin()
    parts = send(upload, {1: FIRST, 2: LAST})  # boto3 sends CRC32 with each part
    answer = s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert answer["ChecksumCRC64NVME"] == whole["ChecksumCRC64NVME"]
    assert answer["ChecksumType"] == "FULL_OBJECT"


def test_a_part_with_another_algorithm_is_refused(s3, begin):
    upload = begin(ChecksumAlgorithm="SHA256")
    asked = upload | {"PartNumber": 1, "Body": LAST, "ChecksumAlgorithm": "CRC32C"}
    assert refusal(s3.upload_part, **asked) == (400, "InvalidRequest")


def test_a_wrong_checksum_of_a_part_is_refused(s3, begin):
    upload = begin(ChecksumAlgorithm="CRC32")
    asked = upload | {"PartNumber": 1, "Body": LAST, "ChecksumCRC32": crc32(b"other")}
    assert refusal(s3.upload_part, **asked) == (400, "BadDigest")
    assert "Parts" not in s3.list_parts(**upload)


def test_a_composite_upload_is_completed_with_the_checksum_of_each_part(s3, begin, send):
    upload = begin(ChecksumAlgorithm="CRC32")
    (part,) = send(upload, {1: LAST}, ChecksumAlgorithm="CRC32")["Parts"]
    bare = {"PartNumber": 1, "ETag": part["ETag"]}
    table = [
        ({"Parts": [bare]}, {}, (400, "InvalidRequest")),
        ({"Parts": [bare | {"ChecksumCRC32": crc32(b"x")}]}, {}, (400, "InvalidPart")),
        ({"Parts": [part]}, {"ChecksumCRC32": crc32(b"x") + "-1"}, (400, "BadDigest")),
        ({"Parts": [part]}, {"ChecksumType": "FULL_OBJECT"}, (400, "InvalidRequest")),
        ({"Parts": [part]}, {"ChecksumCRC32C": crc32(b"x")}, (400, "InvalidRequest")),
    ]
    for parts, given, answer in table:
        asked = upload | given | {"MultipartUpload": parts}
        assert refusal(s3.complete_multipart_upload, **asked) == answer
    s3.complete_multipart_upload(**upload, MultipartUpload={"Parts": [part]})


# --- reading parts ---------------------------------------------------------------------------


def test_parts_of_a_finished_object_can_be_read_one_by_one(s3, bucket, begin, send):
    upload = begin(ChecksumAlgorithm="CRC32")
    parts = send(upload, {2: FIRST, 5: LAST}, ChecksumAlgorithm="CRC32")
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    size = len(FIRST) + len(LAST)
    for call in (s3.get_object, s3.head_object):
        one = call(Bucket=bucket, Key="k", PartNumber=1)
        two = call(Bucket=bucket, Key="k", PartNumber=2, ChecksumMode="ENABLED")
        assert (one["PartsCount"], two["PartsCount"]) == (2, 2)
        assert (one["ContentLength"], two["ContentLength"]) == (len(FIRST), len(LAST))
        assert one["ContentRange"] == f"bytes 0-{len(FIRST) - 1}/{size}"
        assert two["ContentRange"] == f"bytes {len(FIRST)}-{size - 1}/{size}"
        assert two["ResponseMetadata"]["HTTPStatusCode"] == 206
        assert two["ChecksumCRC32"] == crc32(LAST)
    got = s3.get_object(Bucket=bucket, Key="k", PartNumber=2, ChecksumMode="ENABLED")
    assert got["Body"].read() == LAST
    beyond = {"Bucket": bucket, "Key": "k", "PartNumber": 3}
    assert refusal(s3.get_object, **beyond) == (416, "InvalidPartNumber")
    found = details(s3.get_object, **beyond)
    assert (found["ActualPartCount"], found["PartNumberRequested"]) == ("2", "3")
    assert "PartsCount" not in s3.get_object(Bucket=bucket, Key="k")


# --- lists -----------------------------------------------------------------------------------


def test_parts_are_listed_in_pages_by_number(s3, gateway, begin, send):
    upload = begin(ChecksumAlgorithm="CRC32", StorageClass="STANDARD_IA")
    empty = s3.list_parts(**upload)
    assert (empty["IsTruncated"], empty["NextPartNumberMarker"]) == (False, 0)
    assert "Parts" not in empty
    bodies = {number: b"%d" % number for number in (9, 2, 5, 10_000, 3)}
    send(upload, bodies, ChecksumAlgorithm="CRC32")
    whole = s3.list_parts(**upload)
    assert [part["PartNumber"] for part in whole["Parts"]] == [2, 3, 5, 9, 10_000]
    assert (whole["IsTruncated"], whole["NextPartNumberMarker"]) == (False, 10_000)
    assert (whole["MaxParts"], whole["PartNumberMarker"]) == (1000, 0)
    assert (whole["StorageClass"], whole["ChecksumAlgorithm"]) == ("STANDARD_IA", "CRC32")
    assert whole["Initiator"]["DisplayName"] == gateway.owner.key
    for part in whole["Parts"]:
        body = bodies[part["PartNumber"]]
        assert part["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        assert (part["Size"], part["ChecksumCRC32"]) == (len(body), crc32(body))
    page = s3.list_parts(**upload, MaxParts=2, PartNumberMarker=2)
    assert [part["PartNumber"] for part in page["Parts"]] == [3, 5]
    assert (page["IsTruncated"], page["NextPartNumberMarker"]) == (True, 5)
    last = s3.list_parts(**upload, MaxParts=2, PartNumberMarker=5)
    assert [part["PartNumber"] for part in last["Parts"]] == [9, 10_000]
    assert last["IsTruncated"] is False
    none = s3.list_parts(**upload, MaxParts=0)
    assert ("Parts" in none, none["IsTruncated"]) == (False, False)
    assert s3.list_parts(**upload, MaxParts=5000)["MaxParts"] == 1000
    assert refusal(s3.list_parts, **upload, MaxParts=-1) == (400, "InvalidArgument")


def test_uploads_are_listed_by_key_and_then_by_age(s3, bucket):
    keys = ["b", "a/2", "a/1", "b", "c d+e", "a/1"]
    made = [(key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]) for key in keys]
    expected = sorted(made, key=lambda one: one[0].encode())
    whole = s3.list_multipart_uploads(Bucket=bucket)
    assert [(one["Key"], one["UploadId"]) for one in whole["Uploads"]] == expected
    assert (whole["IsTruncated"], whole["MaxUploads"]) == (False, 1000)
    seen, marker = [], {}
    while True:
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1, **marker)
        seen += [(one["Key"], one["UploadId"]) for one in page["Uploads"]]
        if not page["IsTruncated"]:
            break
        marker = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert seen == expected
    after = s3.list_multipart_uploads(Bucket=bucket, KeyMarker="a/1")
    assert [one["Key"] for one in after["Uploads"]] == ["a/2", "b", "b", "c d+e"]
    ignored = s3.list_multipart_uploads(Bucket=bucket, UploadIdMarker=expected[3][1])
    assert len(ignored["Uploads"]) == 6


def test_uploads_are_rolled_up_at_the_delimiter(s3, bucket):
    for key in ("a/1", "a/2", "b", "c/x", "c/y/z"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    whole = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [one["Prefix"] for one in whole["CommonPrefixes"]] == ["a/", "c/"]
    assert [one["Key"] for one in whole["Uploads"]] == ["b"]
    below = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", Prefix="c/")
    assert [one["Prefix"] for one in below["CommonPrefixes"]] == ["c/y/"]
    assert [one["Key"] for one in below["Uploads"]] == ["c/x"]
    page = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", MaxUploads=1)
    assert (page["IsTruncated"], page["NextKeyMarker"]) == (True, "a/")
    rest = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", KeyMarker="a/")
    assert [one["Key"] for one in rest["Uploads"]] == ["b"]
    assert [one["Prefix"] for one in rest["CommonPrefixes"]] == ["c/"]


def test_odd_keys_of_uploads_survive_url_encoding(s3, bucket):
    for key in ("a b+c/ü", "\u0001"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    raw = s3.list_multipart_uploads(Bucket=bucket, EncodingType="url")
    assert [one["Key"] for one in raw["Uploads"]] == ["%01", "a%20b%2Bc/%C3%BC"]
    assert raw["EncodingType"] == "url"


@pytest.mark.parametrize("key", ["\u0001", "a b+c/ü", "//", "q?x&y#z", "<&>"])
def test_objects_with_odd_keys_can_be_uploaded_by_parts(s3, bucket, key):
    made = s3.create_multipart_upload(Bucket=bucket, Key=key)
    upload = {"Bucket": bucket, "Key": key, "UploadId": made["UploadId"]}
    etag = s3.upload_part(**upload, PartNumber=1, Body=LAST)["ETag"]
    assert len(s3.list_parts(**upload)["Parts"]) == 1
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == LAST


def test_an_upload_remembers_its_checksum_and_who_began_it(s3, gateway, bucket):
    s3.create_multipart_upload(Bucket=bucket, Key="k", ChecksumAlgorithm="CRC32C")
    (upload,) = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
    assert (upload["ChecksumAlgorithm"], upload["ChecksumType"]) == ("CRC32C", "COMPOSITE")
    assert upload["Initiator"]["DisplayName"] == gateway.owner.key
    assert upload["StorageClass"] == "STANDARD"
