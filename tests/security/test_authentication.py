"""Signatures that were believed without being right. The numbers are rows of ``advisories.py``."""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from botocore.config import Config as ClientConfig

from gateway.access import Needs
from gateway.operations import OPERATIONS
from tests.gateway.auth.signed import sign
from tests.gateway.rows import FORM_TYPE, said
from tests.gateway.sent import exchange, raw
from tests.security import claims
from tests.security.claims import CLAIMS

TRAILING = b"4\r\nmine\r\n0\r\nx-amz-checksum-crc32:vbf/uA==\r\n\r\n"


def host(gateway) -> dict[str, str]:
    return {"Host": f"{gateway.host}:{gateway.port}"}


def part_of(s3, bucket: str) -> str:
    """A target that uploads a part of an upload of the owner's."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    return f"/{bucket}/k?partNumber=1&uploadId={upload}"


def parts(s3, target: str) -> list[object]:
    bucket, upload = target[1:].partition("/")[0], target.rpartition("=")[2]
    found = s3.list_parts(Bucket=bucket, Key="k", UploadId=upload).get("Parts", [])
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)
    return found


@pytest.mark.parametrize("signature", [claims.JUNK, "0", "f" * 63, "A" * 64, "%00"])
def test_001_a_trailer_makes_up_for_no_signature(gateway, s3, vault, intact, signature):
    """CVE-2025-31489 (MinIO)"""
    claim = CLAIMS["unsigned chunks with a trailer"]
    for target in (f"/{vault}/k", part := part_of(s3, vault)):
        sent = claim(gateway.owner.key, target, {"x-amz-decoded-content-length": "4"}, TRAILING)
        headers = host(gateway) | sent.headers | {"x-amz-decoded-content-length": "4"}
        headers["Authorization"] = headers["Authorization"].replace(claims.JUNK, signature)
        answer = exchange(gateway, "PUT", target, headers, TRAILING)
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert parts(s3, part) == []
    intact()


@pytest.mark.parametrize("more", ["", "&X-Amz-Algorithm=AWS4-HMAC-SHA256", "&X-Amz-Signature="])
def test_002_a_credential_in_the_query_is_no_signature(gateway, s3, vault, intact, more):
    """CVE-2026-41145 (MinIO)"""
    credential = claims.scope(gateway.owner.key).replace("/", "%2F")
    headers = host(gateway) | {
        "x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "x-amz-decoded-content-length": "4",
        "x-amz-trailer": "x-amz-checksum-crc32",
    }
    for target in (f"/{vault}/k?x-id=PutObject", part := part_of(s3, vault)):
        whole = f"{target}&X-Amz-Credential={credential}{more}"
        answer = exchange(gateway, "PUT", whole, headers, TRAILING)
        assert (answer.status, answer.code) == (400, "AuthorizationQueryParametersError")
    assert parts(s3, part) == []
    intact()


@pytest.mark.parametrize("kind", CLAIMS)
def test_003_no_route_believes_a_junk_signature_of_any_kind(gateway, s3, new_bucket, kind):
    """CVE-2026-40344 (MinIO): every row of the API x every way to claim to be somebody.

    In a bucket that is open to all, so that who is taken for nobody is found out too.
    """
    bucket = new_bucket(ACL="public-read-write")
    s3.put_object(Bucket=bucket, Key="key", Body=b"before")
    wrong = []
    for row in OPERATIONS:
        method, target, needed, body = said(row, bucket)
        sent = CLAIMS[kind](gateway.owner.key, target, needed, body)
        if row.form:  # its signature is in its fields, and this is one too many
            codes = frozenset({"InvalidArgument", "InvalidToken"})
            sent = sent._replace(codes=codes)
        if row.needs is Needs.SIGNED:
            sent = sent._replace(target=sent.target.replace(f"/{bucket}", f"/{bucket}-new"))
        answer = exchange(gateway, method, sent.target, host(gateway) | sent.headers, sent.body)
        if answer.status not in (400, 403) or (method != "HEAD" and answer.code not in sent.codes):
            wrong.append((row.name, answer.status, answer.code))
    assert wrong == []
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"before"
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1


@pytest.mark.parametrize("version", ["version 4", "version 2"])
def test_003_nor_does_a_form(gateway, s3, new_bucket, version):
    bucket = new_bucket(ACL="public-read-write")
    body = claims.forms(gateway.owner.key, bucket)[version]
    headers = host(gateway) | {"Content-Type": FORM_TYPE}
    answer = exchange(gateway, "POST", f"/{bucket}", headers, body)
    assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)


ADDED = {
    "x-amz-acl": "public-read",
    "x-amz-grant-full-control": "uri=http://acs.amazonaws.com/groups/global/AllUsers",
    "x-amz-tagging": "a=b",
    "x-amz-copy-source": "/{vault}/k",
    "x-amz-meta-a": "b",
    "x-amz-website-redirect-location": "https://evil.example",
    "x-amz-object-lock-legal-hold": "ON",
    "x-amz-server-side-encryption": "AES256",
    "x-amz-storage-class": "GLACIER",
    "x-amz-bypass-governance-retention": "true",
}


@pytest.mark.parametrize("name", ADDED)
@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_008_a_header_that_was_not_signed_is_not_obeyed(gateway, s3, vault, intact, version, name):
    """SeaweedFS 88ac2d043, versitygw 57747021: added to a URL that the owner had signed."""
    client = gateway.client(gateway.owner, config=ClientConfig(signature_version=version))
    upload = s3.create_multipart_upload(Bucket=vault, Key="k")["UploadId"]
    of_part = {"Bucket": vault, "Key": "k", "PartNumber": 1, "UploadId": upload}
    for call, asked in (("put_object", {"Bucket": vault, "Key": "k"}), ("upload_part", of_part)):
        url = urlsplit(client.generate_presigned_url(call, Params=asked))
        headers = host(gateway) | {name: ADDED[name].format(vault=vault)}
        answer = exchange(gateway, "PUT", f"{url.path}?{url.query}", headers, b"mine")
        assert (answer.status, answer.code) in (
            (403, "AccessDenied"),
            (403, "SignatureDoesNotMatch"),
            (501, "NotImplemented"),  # parts have no locks, whoever asks for one
        )
    assert "Parts" not in s3.list_parts(Bucket=vault, Key="k", UploadId=upload)
    s3.abort_multipart_upload(Bucket=vault, Key="k", UploadId=upload)
    intact()


@pytest.mark.parametrize("minutes", [-16, 16, -60 * 24, 60 * 24 * 365])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_011_a_signature_ends_with_its_quarter_of_an_hour(gateway, vault, intact, method, minutes):
    """CVE-2025-68671 (lakeFS): replayed for ever"""
    then = datetime.now(UTC) + timedelta(minutes=minutes)
    url = f"{gateway.url}/{vault}/k"
    aws = sign(method, url, now=then, key=gateway.owner.key, secret=gateway.owner.secret)
    answer = exchange(gateway, method, f"/{vault}/k", host(gateway) | dict(aws.headers.items()))
    assert (answer.status, answer.code) == (403, "RequestTimeTooSkewed")
    intact()


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_034_a_signature_is_good_for_one_method_and_one_place(gateway, vault, intact, version):
    """MinIO 9a740736a, RustFS GHSA-c667: what was given for one purpose served for others"""
    client = gateway.client(gateway.owner, config=ClientConfig(signature_version=version))
    made = client.generate_presigned_url("get_object", Params={"Bucket": vault, "Key": "k"})
    url = urlsplit(made)
    good = f"{url.path}?{url.query}"
    assert exchange(gateway, "GET", good, host(gateway)).status == 200
    for method, target in (
        ("PUT", good),
        ("DELETE", good),
        ("POST", good),
        ("HEAD", good),
        ("GET", f"/{vault}/other?{url.query}"),
        ("GET", f"/{vault}?{url.query}"),
        ("GET", f"/?{url.query}"),
        ("GET", f"{good}&acl"),
        ("GET", f"{good}&versionId=null"),
    ):
        answer = exchange(gateway, method, target, host(gateway))
        assert answer.status in (400, 403, 405, 412), (method, target)
    intact()


def test_027_a_key_made_again_does_not_bring_its_old_secret_back(gateway):
    """CVE-2024-43784 (lakeFS)"""
    old = gateway.keys.generate()
    client = gateway.client(old)
    client.create_bucket(Bucket=f"of-{old.key.lower()}")
    url = urlsplit(client.generate_presigned_url("list_buckets"))
    target = f"{url.path}?{url.query}"
    assert raw(gateway, "GET", "/", key=old).status == 200
    assert exchange(gateway, "GET", target, host(gateway)).status == 200

    gateway.keys.delete(old.key)
    for answer in (
        raw(gateway, "GET", "/", key=old),
        exchange(gateway, "GET", target, host(gateway)),
    ):
        assert (answer.status, answer.code) == (403, "InvalidAccessKeyId")
    new = gateway.keys.import_key(old.key, "another-secret-that-is-long-enough-for-all")
    for answer in (
        raw(gateway, "GET", "/", key=old),
        exchange(gateway, "GET", target, host(gateway)),
    ):
        assert (answer.status, answer.code) == (403, "SignatureDoesNotMatch")
    assert raw(gateway, "GET", "/", key=new).status == 200
    assert new.root != old.root
