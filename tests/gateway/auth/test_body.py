"""GuardedBody: everything a client announces about its bytes must be true."""

import asyncio
import base64
import hashlib
import zlib

import pytest

from gateway.auth.body import GuardedBody, guard
from gateway.auth.declared import content_encoding_without_chunked
from gateway.errors import S3Error
from store import digests
from tests.gateway.auth.signed import EMPTY, Wire, check, request, resend, sign

DATA = b"The quick brown fox jumps over the lazy dog"


def b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def digest(name: str, data: bytes = DATA) -> bytes:
    running = digests.new(name)
    running.update(data)
    return running.digest()


MD5 = b64(hashlib.md5(DATA).digest())
CRC32 = b64(zlib.crc32(DATA).to_bytes(4, "big"))
ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]


def put(
    *pieces: bytes, method="PUT", target="/b/k", wire=None, token=None, **headers
) -> GuardedBody:
    """An anonymous request's body; header names with underscores."""
    head = {"host": "gw.test"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return guard(request(method, target, head, *(pieces or (DATA,)), wire=wire), token)


async def collect(body: GuardedBody) -> bytes:
    return b"".join([piece async for piece in body])


async def refused(body: GuardedBody) -> S3Error:
    with pytest.raises(S3Error) as caught:
        await body.read(1000)
    return caught.value


def refused_at_once(**headers) -> S3Error:
    with pytest.raises(S3Error) as caught:
        put(**headers)
    return caught.value


async def test_a_body_flows_through_in_its_pieces():
    body = put(b"one", b"two", content_length="6")

    assert [piece async for piece in body] == [b"one", b"two"]
    assert body.size == 6
    assert body.digests == frozenset()
    assert not body.declared_digest


def test_a_body_of_unknown_length_is_refused_where_one_is_needed():
    body = put()

    assert body.size is None
    with pytest.raises(S3Error) as caught:
        body.limit(1000)
    assert (caught.value.code, caught.value.status) == ("MissingContentLength", 411)


async def test_a_body_that_http_itself_delimits_needs_no_length_but_keeps_to_the_limit():
    body = put(b"one", b"two", transfer_encoding="chunked")
    body.limit(5)

    with pytest.raises(S3Error) as caught:
        await collect(body)
    assert caught.value.code == "EntityTooLarge"


@pytest.mark.parametrize("length", ["-1", "1e3", "", "abc", "\u0663", "9" * 30])
def test_a_length_is_a_number(length):
    assert refused_at_once(content_length=length).code == "InvalidArgument"


@pytest.mark.parametrize("length", ["42", "44", "0"])
async def test_a_body_shorter_or_longer_than_declared_is_incomplete(length):
    with pytest.raises(S3Error) as caught:
        await collect(put(content_length=length))
    assert (caught.value.code, caught.value.status) == ("IncompleteBody", 400)


async def test_more_than_declared_is_never_handed_on():
    seen = []

    async def take():
        async for piece in put(b"12345", b"6", content_length="5"):
            seen.append(piece)  # noqa: PERF401 - what came before the error is the point

    with pytest.raises(S3Error):
        await take()
    assert seen == [b"12345"]


@pytest.mark.parametrize(
    "error", [ConnectionResetError(), BrokenPipeError(), asyncio.IncompleteReadError(b"", 5)]
)
async def test_a_client_that_goes_away_leaves_an_incomplete_body(error):
    with pytest.raises(S3Error) as caught:
        await collect(put(wire=Wire(b"half", error=error), content_length="8"))
    assert caught.value.code == "IncompleteBody"
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("md5", ["", "YWJj", "not base64!", MD5[:-1], "00" * 16, f"{MD5},{MD5}"])
def test_a_content_md5_that_is_none_is_invalid(md5):
    error = refused_at_once(content_md5=md5)

    assert (error.code, error.status) == ("InvalidDigest", 400)


async def test_a_content_md5_is_compared():
    body = put(content_md5=MD5)

    assert body.declared_digest
    assert await body.read(100) == DATA
    error = await refused(put(b"other", content_md5=MD5))
    assert (error.code, error.status) == ("BadDigest", 400)
    assert error.text == "The Content-MD5 you specified did not match what we received."
    assert error.extras == {
        "ExpectedDigest": MD5,
        "CalculatedDigest": b64(hashlib.md5(b"other").digest()),
    }


@pytest.mark.parametrize("name", ALGORITHMS)
async def test_a_checksum_header_is_compared(name):
    said = {f"x_amz_checksum_{name.lower()}": b64(digest(name.lower()))}
    body = put(**said, x_amz_sdk_checksum_algorithm=name)

    assert body.checksum_algorithm == name
    assert body.digests == {name.lower()}
    assert body.declared_digest
    assert await body.read(100) == DATA
    error = await refused(put(b"other", **said))
    assert (error.code, error.status) == ("BadDigest", 400)
    assert error.text == f"The {name} you specified did not match the calculated checksum."


@pytest.mark.parametrize("name", ALGORITHMS)
@pytest.mark.parametrize("value", ["", "abc", "AAAA", b64(b"x" * 33), "ÿÿÿÿ", "QUJDRA==\n-2"])
def test_a_checksum_that_is_none_is_invalid(name, value):
    error = refused_at_once(**{f"x_amz_checksum_{name.lower()}": value})

    assert (error.code, error.status) == ("InvalidRequest", 400)
    assert error.text == f"Value for x-amz-checksum-{name.lower()} header is invalid."


async def test_a_sha256_checksum_is_base64_not_hex():
    body = put(x_amz_checksum_sha256=b64(hashlib.sha256(DATA).digest()))

    assert await body.read(100) == DATA
    error = refused_at_once(x_amz_checksum_sha256=hashlib.sha256(DATA).hexdigest())
    assert error.code == "InvalidRequest"


def test_two_checksums_are_refused():
    error = refused_at_once(
        x_amz_checksum_crc32=CRC32, x_amz_checksum_sha1=b64(hashlib.sha1(DATA).digest())
    )

    assert error.code == "InvalidRequest"
    assert error.text.startswith("Expecting a single x-amz-checksum- header")


@pytest.mark.parametrize("header", ["x_amz_sdk_checksum_algorithm", "x_amz_checksum_algorithm"])
def test_the_algorithm_that_is_named_is_that_of_the_value(header):
    assert put(x_amz_checksum_crc32=CRC32, **{header: "crc32"}).checksum_algorithm == "CRC32"
    error = refused_at_once(x_amz_checksum_crc32=CRC32, **{header: "SHA256"})
    assert error.code == "InvalidRequest"


def test_an_algorithm_without_a_value_says_nothing_about_the_body():
    # CreateMultipartUpload and CopyObject name what they want computed.
    body = put(x_amz_checksum_algorithm="SHA256", x_amz_checksum_mode="ENABLED")

    assert body.checksum_algorithm is None


def test_a_checksum_nobody_knows_is_refused():
    assert refused_at_once(x_amz_checksum_rot13="AAAA").code == "InvalidRequest"


@pytest.mark.parametrize("value", ["AAAA==-3", b64(digest("crc32c")), CRC32])
async def test_on_complete_a_checksum_is_that_of_the_object(value):
    body = put(b"<xml/>", method="POST", target="/b/k?uploadId=u", x_amz_checksum_crc32c=value)

    assert body.checksum_algorithm is None
    assert await body.read(100) == b"<xml/>"


async def test_the_payload_hash_is_compared():
    token = hashlib.sha256(DATA).hexdigest()
    assert await put(token=token).read(100) == DATA
    assert await put(token=token.upper()).read(100) == DATA

    error = await refused(put(b"tampered", token=token))
    assert (error.code, error.status) == ("XAmzContentSHA256Mismatch", 400)
    assert error.extras == {
        "ClientComputedContentSHA256": token,
        "S3ComputedContentSHA256": hashlib.sha256(b"tampered").hexdigest(),
    }


async def test_a_tampered_signed_body_is_refused():
    aws = sign("PUT", data=DATA)

    assert await check(resend(aws, None, DATA)).body.read(100) == DATA
    error = await refused(check(resend(aws, None, DATA + b"!")).body)
    assert error.code == "XAmzContentSHA256Mismatch"


async def test_an_anonymous_payload_hash_is_honoured_too():
    error = await refused(put(x_amz_content_sha256=EMPTY))

    assert error.code == "XAmzContentSHA256Mismatch"


def test_an_unknown_payload_token_is_refused_without_a_signature_too():
    assert refused_at_once(x_amz_content_sha256="STREAMING-WHATEVER").code == "InvalidRequest"


def test_signed_chunks_need_a_signer():
    error = refused_at_once(x_amz_content_sha256="STREAMING-AWS4-HMAC-SHA256-PAYLOAD")

    assert error.code == "InvalidRequest"


def test_more_digests_can_be_asked_for_by_either_name():
    body = put(x_amz_checksum_crc32=CRC32)
    body.also("CRC64NVME")
    body.also("sha1")

    assert body.digests == {"crc32", "crc64nvme", "sha1"}


async def test_a_document_over_the_limit_is_refused_before_it_is_kept():
    announced = put(content_length="101")
    with pytest.raises(S3Error) as caught:
        await announced.read(100)
    assert (caught.value.code, caught.value.status) == ("MaxMessageLengthExceeded", 400)

    endless = put(*[b"x" * 60] * 3)
    with pytest.raises(S3Error) as caught:
        await endless.read(100)
    assert caught.value.code == "MaxMessageLengthExceeded"


async def test_a_large_document_is_checked_like_a_small_one():
    data = b"x" * 300_000
    headers = {"x_amz_checksum_crc64nvme": b64(digest("crc64nvme", data))}

    assert await put(data, **headers).read(1 << 20) == data
    with pytest.raises(S3Error) as caught:
        await put(data[1:], **headers).read(1 << 20)
    assert caught.value.code == "BadDigest"


TRAILING = {
    "x_amz_content_sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    "x_amz_trailer": "x-amz-checksum-crc32",
    "x_amz_decoded_content_length": str(len(DATA)),
    "content_encoding": "aws-chunked",
}


def chunked(checksum: str, data: bytes = DATA) -> bytes:
    return b"%x\r\n%s\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n" % (
        len(data),
        data,
        checksum.encode("latin-1"),
    )


async def test_row_7_a_wrong_trailing_checksum_is_refused():
    body = put(chunked(CRC32), content_length="999", **TRAILING)

    assert body.checksum_algorithm == "CRC32"
    assert body.declared_digest
    assert body.size == len(DATA)  # the length on the wire counts the framing
    assert await body.read(100) == DATA
    assert (await refused(put(chunked("AAAAAA=="), **TRAILING))).code == "BadDigest"


@pytest.mark.parametrize("value", ["", "AAAA", "nonsense"])
async def test_a_trailing_checksum_that_is_none_is_invalid(value):
    error = await refused(put(chunked(value), **TRAILING))

    assert error.code == "InvalidRequest"
    assert error.text == "Value for x-amz-checksum-crc32 trailing header is invalid."


async def test_content_md5_is_that_of_the_data_not_of_the_framing():
    assert await put(chunked(CRC32), **TRAILING, content_md5=MD5).read(100) == DATA


async def test_framing_is_recognized_without_a_payload_token():
    # botocore without credentials sends no x-amz-content-sha256 with its trailers.
    headers = {name: value for name, value in TRAILING.items() if name != "x_amz_content_sha256"}

    assert await put(chunked(CRC32), **headers).read(100) == DATA


async def test_a_content_encoding_alone_is_no_framing():
    assert await put(content_encoding="aws-chunked").read(100) == DATA


def test_a_framed_body_without_its_decoded_length_has_no_length():
    headers = {n: v for n, v in TRAILING.items() if n != "x_amz_decoded_content_length"}
    body = put(content_length="100", **headers)

    with pytest.raises(S3Error) as caught:
        body.limit(1000)
    assert caught.value.code == "MissingContentLength"


@pytest.mark.parametrize(
    "changes",
    [
        {"x_amz_trailer": "x-amz-meta-a"},
        {"x_amz_trailer": "x-amz-checksum-crc32,x-amz-checksum-sha1"},
        {"x_amz_trailer": "x-amz-checksum-algorithm"},
        {"x_amz_checksum_crc32": CRC32},
        {"x_amz_sdk_checksum_algorithm": "SHA1"},
        {"x_amz_content_sha256": EMPTY},
        {"x_amz_content_sha256": "UNSIGNED-PAYLOAD", "content_encoding": "gzip"},
    ],
)
def test_a_trailer_is_one_checksum_of_a_framed_body(changes):
    assert refused_at_once(**TRAILING | changes).code == "InvalidRequest"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("aws-chunked", None),
        ("aws-chunked,gzip", "gzip"),
        ("gzip, aws-chunked", "gzip"),
        ("AWS-Chunked , aws-chunked", None),
        ("gzip", "gzip"),
        ("gzip, br", "gzip, br"),
        ("", None),
    ],
)
def test_the_framing_is_no_encoding_of_the_object(sent, kept):
    assert content_encoding_without_chunked(sent) == kept
