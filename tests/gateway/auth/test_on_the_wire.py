"""Authentication and body guards through the real server: refused means nothing was stored."""

import http.client
import zlib
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlsplit

import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError

from gateway.auth import canonical
from gateway.auth.aws_chunked import ChunkSigner

CHUNKS = [b"a" * 8192, b"b" * 8192, b"c"]
DATA = b"".join(CHUNKS)
CRC32 = b64encode(zlib.crc32(DATA).to_bytes(4, "big")).decode()


def send(gateway, method, target, headers, body=b""):
    """Status, S3 code and body of one exchange, with only the headers given."""
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=20)
    try:
        connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.putheader("content-length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        text = answer.read()
    finally:
        connection.close()
    code = text.partition(b"<Code>")[2].partition(b"</Code>")[0].decode()
    return answer.status, code, text


def signed(gateway, method, target, token, **more):
    """Signed headers for a request made now, and the signer of its chunks."""
    now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": f"{gateway.host}:{gateway.port}", "x-amz-date": now}
    headers |= {"x-amz-content-sha256": token}
    headers |= {name.replace("_", "-"): value for name, value in more.items()}
    path, _, query = target.partition("?")
    pairs = [tuple(pair.partition("=")[::2]) for pair in query.split("&") if pair]
    text = canonical.canonical_request(
        method,
        canonical.canonical_uri(path),
        canonical.canonical_query(pairs),
        headers,
        sorted(headers),
        token,
    )
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    key = canonical.signing_key(gateway.owner.key, gateway.owner.secret, now[:8], "us-east-1")
    signature = key.sign(canonical.string_to_sign(now, scope, text))
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={gateway.owner.key}/{scope},"
        f"SignedHeaders={';'.join(sorted(headers))},Signature={signature}"
    )
    return headers, ChunkSigner(key, now, scope, signature)


def signed_chunks(signer: ChunkSigner, chunks) -> bytes:
    out = b""
    for chunk in [*chunks, b""]:
        signature = signer.chunk(sha256(chunk).hexdigest())
        out += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(chunk), signature.encode(), chunk)
    return out


def streaming(gateway, bucket):
    headers, signer = signed(
        gateway,
        "PUT",
        f"/{bucket}/k",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        x_amz_decoded_content_length=str(len(DATA)),
        content_encoding="aws-chunked,gzip",
    )
    return headers, signed_chunks(signer, CHUNKS)


def stored(s3, bucket) -> bytes:
    return s3.get_object(Bucket=bucket, Key="k")["Body"].read()


def test_signed_chunks_are_stored_without_their_framing(gateway, s3, bucket):
    headers, body = streaming(gateway, bucket)

    assert send(gateway, "PUT", f"/{bucket}/k", headers, body)[0] == 200
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert answer["Body"].read() == DATA
    assert answer["ContentLength"] == len(DATA)
    assert answer["ContentEncoding"] == "gzip"


def flipped(body: bytes) -> bytes:
    position = body.index(b"bbbb")
    return body[:position] + b"x" + body[position + 1 :]


def wrong_last_signature(body: bytes) -> bytes:
    position = body.rindex(b"=") + 1
    return body[:position] + b"0" * 64 + body[position + 64 :]


def without_zero_chunk(body: bytes) -> bytes:
    return body[: body.rindex(b"0;chunk-signature=")]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (wrong_last_signature, 403, "SignatureDoesNotMatch"),
        (flipped, 403, "SignatureDoesNotMatch"),
        (without_zero_chunk, 400, "IncompleteBody"),
    ],
    ids=["row 4", "row 5", "row 6"],
)
def test_a_bad_chunked_body_stores_nothing(gateway, s3, bucket, change, status, code):
    headers, body = streaming(gateway, bucket)
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")

    assert send(gateway, "PUT", f"/{bucket}/k", headers, change(body))[:2] == (status, code)
    assert stored(s3, bucket) == b"before"


def test_row_4_a_bad_chunked_part_is_no_part(gateway, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    target = f"/{bucket}/k?partNumber=1&uploadId={upload}"
    headers, signer = signed(
        gateway,
        "PUT",
        target,
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        x_amz_decoded_content_length=str(len(DATA)),
    )
    body = wrong_last_signature(signed_chunks(signer, CHUNKS))

    assert send(gateway, "PUT", target, headers, body)[:2] == (403, "SignatureDoesNotMatch")
    assert "Parts" not in s3.list_parts(Bucket=bucket, Key="k", UploadId=upload)


@pytest.mark.parametrize(
    ("trailer", "code"),
    [
        (f"x-amz-checksum-crc32:{CRC32}", ""),
        ("x-amz-checksum-crc32:AAAAAA==", "BadDigest"),
        ("x-amz-checksum-sha1:AAAAAA==", "MalformedTrailerError"),
    ],
)
def test_row_7_a_trailer_is_the_declared_one_and_right(gateway, s3, bucket, trailer, code):
    headers, _ = signed(
        gateway,
        "PUT",
        f"/{bucket}/k",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        x_amz_decoded_content_length=str(len(DATA)),
        x_amz_trailer="x-amz-checksum-crc32",
    )
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")
    body = b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(DATA), DATA, trailer.encode())

    status, said, _ = send(gateway, "PUT", f"/{bucket}/k", headers, body)
    assert (status, said) == (400 if code else 200, code)
    assert stored(s3, bucket) == (b"before" if code else DATA)


def test_a_tampered_body_stores_nothing(gateway, s3, bucket):
    headers, _ = signed(gateway, "PUT", f"/{bucket}/k", sha256(b"genuine").hexdigest())
    s3.put_object(Bucket=bucket, Key="k", Body=b"before")

    status, code, _ = send(gateway, "PUT", f"/{bucket}/k", headers, b"tampered")
    assert (status, code) == (400, "XAmzContentSHA256Mismatch")
    assert stored(s3, bucket) == b"before"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("key", ["plain", "a//b/../c d+é%2F"])
def test_presigned_urls_of_boto3_put_and_get(gateway, bucket, version, key):
    client = gateway.client(gateway.owner, config=ClientConfig(signature_version=version))
    host = {"host": f"{gateway.host}:{gateway.port}"}

    for method, verb in (("PUT", "put_object"), ("GET", "get_object")):
        url = urlsplit(client.generate_presigned_url(verb, Params={"Bucket": bucket, "Key": key}))
        assert ("X-Amz-Signature" in url.query) == (version == "s3v4")
        body = DATA if method == "PUT" else b""
        status, _, text = send(gateway, method, f"{url.path}?{url.query}", host, body)
        assert status == 200
    assert text == DATA


def test_what_aws_says_about_a_wrong_secret_reaches_the_client(gateway):
    headers, _ = signed(gateway, "GET", "/", "UNSIGNED-PAYLOAD")
    headers["authorization"] = headers["authorization"][:-1] + "g"

    status, code, text = send(gateway, "GET", "/", headers)
    assert (status, code) == (403, "SignatureDoesNotMatch")
    for name in ("AWSAccessKeyId", "StringToSign", "CanonicalRequest", "CanonicalRequestBytes"):
        assert f"<{name}>".encode() in text
    assert gateway.owner.secret.encode() not in text


def test_a_disabled_key_is_refused_at_once(gateway):
    key = gateway.keys.generate()
    client = gateway.client(key)
    client.list_buckets()

    gateway.keys.disable(key.key)
    with pytest.raises(ClientError) as refused:
        client.list_buckets()
    assert refused.value.response["Error"]["Code"] == "InvalidAccessKeyId"
