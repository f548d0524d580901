"""What a client wrote, in answers to others: never a header, a script or a line of ours."""

from base64 import b64encode
from hashlib import md5
from urllib.parse import quote

import pytest

from tests.gateway.sent import exchange, raw

BREAKS = ("\r\nX-Evil: yes", "\nX-Evil: yes", "\rX-Evil: yes", "\x00", "\x0b", "\x7f")
ENCODED = (
    "=?UTF-8?B?YQ0KWC1FdmlsOiB5ZXM=?=",
    "=?UTF-8?Q?a=0D=0AX-Evil:_yes?=",
    "%0d%0aX-Evil: yes",
)


def evil(head: bytes) -> bool:
    lines = head.replace(b"\r", b"\n").lower().split(b"\n")
    return any(line.startswith(b"x-evil") for line in lines) or b"\x00" in head


def protected(body: bytes) -> dict[str, str]:
    return {"Content_MD5": b64encode(md5(body, usedforsecurity=False).digest()).decode()}


@pytest.mark.parametrize("text", BREAKS[:3], ids=["CR LF", "LF", "CR"])
@pytest.mark.parametrize("name", ["ExposeHeader", "AllowedHeader", "AllowedOrigin", "ID"])
def test_064_a_rule_for_browsers_cannot_add_a_header(gateway, s3, bucket, name, text):
    """CVE-2021-3524, CVE-2020-10753 (Ceph)"""
    said = text.replace("\r", "&#13;").replace("\n", "&#10;")
    parts = {"ID": "a", "AllowedOrigin": "https://app", "AllowedHeader": "*", "ExposeHeader": "x"}
    parts[name] += said
    inner = "".join(f"<{each}>{value}</{each}>" for each, value in parts.items())
    rule = f"<CORSRule>{inner}<AllowedMethod>GET</AllowedMethod></CORSRule>"
    body = f"<CORSConfiguration>{rule}</CORSConfiguration>".encode()
    put = raw(gateway, "PUT", f"/{bucket}?cors", body, gateway.owner, **protected(body))
    assert put.status in (200, 400)
    for origin in ("https://app", "https://app X-Evil: yes"):
        for method in ("GET", "OPTIONS"):
            answer = raw(
                gateway,
                method,
                f"/{bucket}",
                key=gateway.owner,
                Origin=origin,
                Access_Control_Request_Method="GET",
            )
            assert not evil(answer.head)


KEPT = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
    "x-amz-website-redirect-location",
    "x-amz-meta-a",
    "x-amz-storage-class",
    "x-amz-tagging",
)


@pytest.mark.parametrize("name", KEPT)
def test_064_what_is_kept_with_an_object_is_one_header_or_refused(gateway, s3, new_bucket, name):
    """Raw control characters, and those that some servers decode"""
    bucket = new_bucket(ACL="public-read-write")
    for text in (*BREAKS, *ENCODED):
        head = f"PUT /{bucket}/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
        put = gateway.raw(f"{head}{name}: /a{text}\r\n\r\n".encode())
        assert not evil(put.partition(b"\r\n\r\n")[0])
        answer = raw(gateway, "GET", f"/{bucket}/k", key=gateway.owner)
        assert answer.status in (200, 404)
        assert not evil(answer.head)


def test_064_nor_does_a_website_send_a_browser_to_a_second_header(gateway, s3, bucket):
    target = "<RedirectAllRequestsTo><HostName>a{}</HostName></RedirectAllRequestsTo>"
    for text in BREAKS[:3]:
        said = text.replace("\r", "&#13;").replace("\n", "&#10;")
        body = f"<WebsiteConfiguration>{target.format(said)}</WebsiteConfiguration>".encode()
        put = raw(gateway, "PUT", f"/{bucket}?website", body, gateway.owner, **protected(body))
        assert put.status == 400


INTERNAL = {
    "x-minio-replication-server-side-encryption-sealed-key": "AAAA",
    "x-minio-replication-server-side-encryption-iv": "AAAA",
    "x-minio-internal-server-side-encryption-seal-algorithm": "DAREv2-HMAC-SHA256",
    "x-amz-meta-x-amz-key": "AAAA",
    "x-amz-meta-x-amz-unencrypted-content-length": "1",
    "x-amz-meta-x-amz-server-side-encryption": "AES256",
    "x-amz-meta-content-length": "1",
    "x-amz-meta-etag": '"forged"',
    "x-amz-meta-cid": "bafyforged",
    "x-amz-meta-btfs-hash": "Qmforged",
    "x-s3gw-encryption": "AES256",
    "s3gw-size": "1",
    "cid": "bafyforged",
}


def test_062_nothing_a_client_says_becomes_metadata_of_ours(gateway, s3, bucket):
    """CVE-2026-34204 (MinIO): made-up headers of replication made objects unreadable"""
    body = b"genuine" * 10_000
    fields = {name.replace("-", "_"): value for name, value in INTERNAL.items()}
    assert raw(gateway, "PUT", f"/{bucket}/forged", body, gateway.owner, **fields).status == 200
    s3.put_object(Bucket=bucket, Key="plain", Body=body)
    forged, plain = (s3.get_object(Bucket=bucket, Key=key) for key in ("forged", "plain"))
    assert forged["Body"].read() == body
    for name in ("ETag", "ContentLength", "ServerSideEncryption", "ReplicationStatus"):
        assert forged.get(name) == plain.get(name)
    of_ours = {"cid", "btfs-hash"}
    for name in of_ours:
        assert forged["Metadata"].get(name) == plain["Metadata"].get(name)
    for headers in (each["ResponseMetadata"]["HTTPHeaders"] for each in (forged, plain)):
        assert headers["cid"] != "bafyforged"
        assert not {"x-s3gw-encryption", "s3gw-size"} & headers.keys()


PAGES = {
    "text/html": b"<script>alert(document.domain)</script>",
    "image/svg+xml": b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>',
    "application/xhtml+xml": b'<html xmlns="http://www.w3.org/1999/xhtml"/>',
    "text/xml": b'<?xml-stylesheet href="/evil.xsl"?><a/>',
}


@pytest.mark.parametrize("kind", PAGES)
def test_065_no_browser_takes_an_object_for_another_kind(gateway, s3, public_bucket, kind):
    """lakeFS GHSA-9phh, RustFS GHSA-v9fg, CVE-2026-49245 (SFTPGo), CVE-2025-27088, CVE-2016-9579"""
    s3.put_object(Bucket=public_bucket, Key="k", Body=PAGES[kind], ContentType=kind)
    for key in (None, gateway.owner):
        answer = raw(gateway, "GET", f"/{public_bucket}/k", key=key)
        assert answer.body == PAGES[kind]
        assert b"\r\nx-content-type-options: nosniff" in answer.head.lower()
        policy = answer.head.lower().partition(b"\r\ncontent-security-policy:")[2]
        assert b"; sandbox" in policy.partition(b"\r\n")[0]


def test_065_no_answer_of_ours_repeats_a_script(gateway, s3, bucket):
    script = "<script>alert(1)</script>"
    for target in (
        f"/{quote(script)}",
        f"/{bucket}/{quote(script)}",
        f"/{bucket}?prefix={quote(script)}",
        f"/{bucket}?max-keys={quote(script)}",
        f"/{script.replace(' ', '')}",
    ):
        for key in (None, gateway.owner):
            answer = raw(gateway, "GET", target, key=key)
            assert script.encode() not in answer.body
            assert b"text/html" not in answer.head.lower()


@pytest.mark.parametrize("method", ["GET", "OPTIONS", "PUT"])
@pytest.mark.parametrize("origin", ["https://evil.example", "null", "*", "http://localhost"])
def test_066_no_origin_is_allowed_unless_it_was_configured(gateway, s3, vault, method, origin):
    """RustFS GHSA-x5xv, go-btfs: any origin, with credentials"""
    asked = {"Origin": origin, "Access_Control_Request_Method": "GET"}
    for key in (None, gateway.owner):
        answer = raw(gateway, method, f"/{vault}/k", key=key, **asked)
        assert b"access-control-allow" not in answer.head.lower()
    star = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET", "PUT"], "AllowedHeaders": ["*"]}
    s3.put_bucket_cors(Bucket=vault, CORSConfiguration={"CORSRules": [star]})
    headers = {"Host": "localhost", "Origin": origin, "Access-Control-Request-Method": "GET"}
    head = exchange(gateway, method, f"/{vault}/k", headers).head.lower()
    assert b"access-control-allow-origin: *\r\n" in head + b"\r\n"
    assert b"access-control-allow-credentials" not in head
