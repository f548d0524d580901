"""Packeton's S3 storage: Flysystem's adapter over AsyncAws, call by call and on the wire."""

import gzip
import hashlib
import hmac
import http.client
import os
from base64 import b64encode
from contextlib import closing
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

pytestmark = pytest.mark.source(
    "Packeton S3 storage, over Flysystem's AsyncAws adapter",
    "https://github.com/vtsykun/packeton/blob/master/docs/installation-docker.md",
)

KEYS = {
    "dist": "packeton/vendor/pkg/1.0.0.0-0123456789abcdef.zip",
    "artifact": "artifact/0a4d55a8d778e5022fab701977c5d840bbc486d0.zip",
    "mirror-dist": "mirror-dist/ab/cd/alias/vendor/pkg/1.0.0.0-0123456789.zip",
    "mirror-meta": "mirror-meta/alias/vendor/pkg__0123456789abcdef.json.gz",
}
BODY = gzip.compress(b'{"packages": {}}' * 1000)


@pytest.fixture
def bucket(new_bucket):
    """Made by hand in its documentation, so with the default ACL."""
    return new_bucket()


def exists(s3, bucket, key):
    """Flysystem's fileExists: 404 is no, anything else is an error."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as refusal:
        if refusal.response["Error"]["Code"] != "404":
            raise
        return False
    return True


@pytest.mark.parametrize("key", KEYS.values(), ids=KEYS)
def test_an_archive_is_stored_found_read_and_removed(owner, bucket, key):
    assert not exists(owner, bucket, key)
    before = datetime.now(UTC).replace(microsecond=0)
    owner.put_object(
        Bucket=bucket, Key=key, Body=BODY, ACL="private", ContentType="application/zip"
    )
    assert exists(owner, bucket, key)
    answer = owner.get_object(Bucket=bucket, Key=key)
    assert answer["Body"].read() == BODY
    assert "ContentEncoding" not in answer  # gzip files, not a gzip encoding
    assert owner.head_object(Bucket=bucket, Key=key)["LastModified"] >= before
    owner.delete_object(Bucket=bucket, Key=key)
    owner.delete_object(Bucket=bucket, Key=key)
    assert not exists(owner, bucket, key)
    with pytest.raises(ClientError, match="NoSuchKey"):
        owner.get_object(Bucket=bucket, Key=key)


def test_an_object_stored_as_private_is_private_in_a_public_bucket(owner, anonymous, new_bucket):
    """It sends x-amz-acl: private with each object and believes it."""
    bucket = new_bucket(ACL="public-read")
    owner.put_object(Bucket=bucket, Key=KEYS["dist"], Body=BODY, ACL="private")
    owner.put_object(Bucket=bucket, Key="neighbour", Body=BODY)
    with pytest.raises(ClientError, match="AccessDenied"):
        anonymous.get_object(Bucket=bucket, Key=KEYS["dist"])
    assert anonymous.get_object(Bucket=bucket, Key="neighbour")["Body"].read() == BODY
    (grant,) = owner.get_object_acl(Bucket=bucket, Key=KEYS["dist"])["Grants"]
    assert grant["Permission"] == "FULL_CONTROL"


def test_the_rest_of_flysystem_finds_what_it_needs(owner, bucket):
    owner.put_object(Bucket=bucket, Key="dir/", Body=b"")  # createDirectory
    for name in ("a", "b c", "ü"):
        owner.put_object(Bucket=bucket, Key=f"dir/{name}", Body=BODY)
    there = owner.list_objects_v2(Bucket=bucket, Prefix="dir/", MaxKeys=1)  # directoryExists
    assert there["KeyCount"] == 1
    none = owner.list_objects_v2(Bucket=bucket, Prefix="none/", MaxKeys=1)
    assert none["KeyCount"] == 0
    listed = owner.list_objects_v2(Bucket=bucket, Prefix="dir/")["Contents"]  # listContents
    assert [each["Key"] for each in listed] == ["dir/", "dir/a", "dir/b c", "dir/ü"]
    owner.get_object_acl(Bucket=bucket, Key="dir/a")  # copy asks for the visibility first
    source = {"Bucket": bucket, "Key": "dir/a"}
    owner.copy_object(Bucket=bucket, Key="copy", CopySource=source, ACL="private")
    etag = owner.head_object(Bucket=bucket, Key="copy")["ETag"]  # checksum
    assert etag == f'"{hashlib.md5(BODY).hexdigest()}"'
    objects = [{"Key": each["Key"]} for each in listed]  # deleteDirectory
    owner.delete_objects(Bucket=bucket, Delete={"Objects": objects})
    assert owner.list_objects_v2(Bucket=bucket)["KeyCount"] == 1
    owner.delete_object(Bucket=bucket, Key="copy")


# --- as AsyncAws puts it on the wire --------------------------------------------------------------


class Signer(S3SigV4Auth):
    """SigV4 that says of the payload what it is told to."""

    def __init__(self, credentials, payload):
        super().__init__(credentials, "s3", "us-east-1")
        self._payload = payload

    def payload(self, request):
        return self._payload


def send(endpoint, owner, method, target, body, payload=None, **fields):
    """Status and body of one request signed as a header; returns its signature too."""
    credentials = owner._request_signer._credentials
    asked = AWSRequest(method, endpoint + target)
    for name, value in fields.items():
        asked.headers[name.replace("_", "-")] = value
    Signer(credentials, payload or hashlib.sha256(body).hexdigest()).add_auth(asked)
    if callable(body):
        body = body(asked.headers["Authorization"].rpartition("=")[2], asked.context["timestamp"])
    parts = urlsplit(endpoint)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with closing(kind(parts.netloc, timeout=20)) as connection:
        connection.request(method, target, body, dict(asked.headers.items()))
        answer = connection.getresponse()
        return answer.status, answer.read()


def read(owner, bucket, key):
    return owner.get_object(Bucket=bucket, Key=key)["Body"].read()


def test_a_body_of_unknown_type_is_a_body_and_not_a_form(owner, endpoint, bucket):
    """curl adds this Content-Type; a server that parses it as a form stores nothing."""
    form = {"Content_Type": "application/x-www-form-urlencoded", "x_amz_acl": "private"}
    status, _ = send(endpoint, owner, "PUT", f"/{bucket}/k", b"a=b&c=d%20e", **form)
    assert status == 200
    assert read(owner, bucket, "k") == b"a=b&c=d%20e"


def test_a_get_may_announce_an_empty_xml_body(owner, endpoint, bucket):
    owner.put_object(Bucket=bucket, Key="k", Body=BODY)
    said = {"Content_Type": "application/xml", "Content_Length": "0", "Accept_Encoding": "gzip"}
    assert send(endpoint, owner, "GET", f"/{bucket}/k", b"", **said) == (200, BODY)


def test_a_subresource_may_be_written_with_an_equals_sign(owner, endpoint, bucket):
    owner.put_object(Bucket=bucket, Key="k", Body=BODY)
    status, document = send(endpoint, owner, "GET", f"/{bucket}/k?acl=", b"")
    assert status == 200
    assert b"<AccessControlPolicy" in document
    delete = b"<Delete><Object><Key>k</Key></Object></Delete>"
    digest = b64encode(hashlib.md5(delete).digest()).decode()
    status, document = send(
        endpoint, owner, "POST", f"/{bucket}?delete=", delete, Content_MD5=digest
    )
    assert status == 200
    assert b"<Key>k</Key>" in document
    assert not exists(owner, bucket, "k")


CHUNK = 64 * 1024
TOKEN = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"


@pytest.mark.parametrize("size", [0, 1, CHUNK, 3 * CHUNK + 7])
def test_a_body_in_signed_chunks_is_stored_without_its_framing(owner, endpoint, bucket, size):
    """Its option sendChunkedBody."""
    body = os.urandom(size)
    framed = _framed(owner, body)
    said = {"Content_Encoding": "aws-chunked", "X_Amz_Decoded_Content_Length": str(size)}
    target = f"/{bucket}/{quote('a b.zip')}"
    status, _ = send(endpoint, owner, "PUT", target, framed, TOKEN, **said)
    assert status == 200
    answer = owner.get_object(Bucket=bucket, Key="a b.zip")
    assert answer["Body"].read() == body
    assert answer.get("ContentEncoding", "") == ""


def test_a_chunk_that_was_changed_on_the_way_is_refused(owner, endpoint, bucket):
    framed = _framed(owner, b"x" * (2 * CHUNK))

    def changed(signature, timestamp):
        return framed(signature, timestamp).replace(b"xxxx\r\n", b"xxxy\r\n", 1)

    said = {"Content_Encoding": "aws-chunked", "X_Amz_Decoded_Content_Length": str(2 * CHUNK)}
    status, document = send(endpoint, owner, "PUT", f"/{bucket}/k", changed, TOKEN, **said)
    assert status == 403
    assert b"<Code>SignatureDoesNotMatch</Code>" in document
    assert not exists(owner, bucket, "k")


def _framed(owner, body):
    """Makes the aws-chunked form of ``body`` once the signature of the head is known.

    https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
    """
    secret = owner._request_signer._credentials.secret_key

    def digest(key, text):
        return hmac.new(key, text.encode(), "sha256").digest()

    def frame(signature, timestamp):
        day = timestamp[:8]
        key = f"AWS4{secret}".encode()
        for text in (day, "us-east-1", "s3", "aws4_request"):
            key = digest(key, text)
        empty = hashlib.sha256(b"").hexdigest()
        framed = b""
        for piece in [*(body[at : at + CHUNK] for at in range(0, len(body), CHUNK)), b""]:
            scope = f"{day}/us-east-1/s3/aws4_request"
            digests = f"{signature}\n{empty}\n{hashlib.sha256(piece).hexdigest()}"
            text = f"AWS4-HMAC-SHA256-PAYLOAD\n{timestamp}\n{scope}\n{digests}"
            signature = digest(key, text).hex()
            head = f"{len(piece):x};chunk-signature={signature}\r\n".encode()
            framed += head + piece + b"\r\n"
        return framed

    return frame


def test_a_request_without_credentials_is_refused_where_all_is_private(anonymous, new_bucket):
    """AsyncAws sends unsigned requests when it finds no credentials."""
    bucket = new_bucket(ACL="private")
    for call in (anonymous.get_object, anonymous.delete_object):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(Bucket=bucket, Key=KEYS["dist"])
    with pytest.raises(ClientError, match="AccessDenied"):
        anonymous.put_object(Bucket=bucket, Key=KEYS["dist"], Body=BODY)
