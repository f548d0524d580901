"""Requests that ended other servers, or that they read without end."""

import time
from http.client import HTTPConnection
from xml.etree import ElementTree

import pytest

from tests.gateway.rows import FORM_TYPE
from tests.gateway.sent import raw
from tests.gateway.server_process import ServerProcess

MALFORMED = {
    "form without a type": ("POST /{open}", "", b"x"),
    "form without a boundary": ("POST /{open}", "multipart/form-data", b"--\r\n\r\n"),
    "form of nothing": ("POST /{open}", FORM_TYPE, b"--x--\r\n"),
    "form of one half header": ("POST /{open}", FORM_TYPE, b"--x\r\nContent-Disposition"),
    "form of a header without a name": ("POST /{open}", FORM_TYPE, b"--x\r\n: a\r\n\r\nb\r\n--x--"),
    "tags cut short": ("PUT /{open}/k?tagging", "", b"<Tagging><TagSet><Tag><Key>a"),
    "tags without a value": (
        "PUT /{open}/k?tagging",
        "",
        b"<Tagging><TagSet><Tag><Key>a</Key></Tag></TagSet></Tagging>",
    ),
    "tags within tags": ("PUT /{open}/k?tagging", "", b"<Tagging>" * 20_000),
    "tags of nothing": ("PUT /{open}/k?tagging", "", b""),
    "deletion of nothing": ("POST /{open}?delete", "", b"<Delete><Object/></Delete>"),
    "an ACL of nobody": (
        "PUT /{open}?acl",
        "",
        b"<AccessControlPolicy><AccessControlList><Grant/></AccessControlList>"
        b"</AccessControlPolicy>",
    ),
    "rules of nothing": ("PUT /{open}?lifecycle", "", b"<LifecycleConfiguration/>"),
    "a filter of nothing": (
        "PUT /{open}?lifecycle",
        "",
        b"<LifecycleConfiguration><Rule><Filter><And/></Filter><Status/></Rule>"
        b"</LifecycleConfiguration>",
    ),
    "a copy of nothing": ("PUT /{open}/k|x-amz-copy-source: /", "", b""),
    "a copy of a host": ("PUT /{open}/k|x-amz-copy-source: //host/k", "", b""),
    "a range of ranges": ("GET /{open}/k|range: bytes=" + "0-0," * 1000, "", b""),
    "a date of no time": ("GET /{open}/k|if-modified-since: Sat, 99 Foo 0000 99:99:99", "", b""),
    "marks without end": ("GET /{open}?" + "&".join(["a"] * 3000), "", b""),
    "a policy of lists": ("PUT /{open}?policy", "", b"[" * 20_000),
    "a policy of numbers": ("PUT /{open}?policy", "", b'{"Statement":' + b"9" * 5000 + b"}"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_071_what_is_malformed_ends_with_its_refusal(gateway, s3, new_bucket, name):
    """CVE-2020-12059, -2016-8626, -2022-3854, -2019-10222, -2019-19337, -2018-7262 (Ceph)"""
    bucket = new_bucket(ACL="public-read-write")
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept", ACL="public-read")
    line, kind, body = MALFORMED[name]
    line, _, field = line.format(open=bucket).partition("|")
    headers = dict([field.split(": ", 1)]) if field else {}
    if kind:
        headers["Content-Type"] = kind
    method, target = line.split(" ")
    fields = {each.replace("-", "_"): value for each, value in headers.items()}
    answer = raw(gateway, method, target, body, gateway.owner, **fields)
    fine = name in {"a range of ranges", "a date of no time", "marks without end"}
    assert 400 <= answer.status < 500 or (fine and answer.status == 200)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"


@pytest.mark.parametrize("sent", [b"GET  HTTP/1.1", b"GET", b"\x00", b"GET \x00 HTTP/1.1", b": "])
def test_071_nor_does_a_head_that_is_none(gateway, sent):
    answer = gateway.raw(sent + b"\r\nHost: localhost\r\n\r\n")
    assert answer[9:12] == b"400"
    assert gateway.raw(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")[9:12] == b"200"


def test_073_what_ended_versitygw_is_refused(gateway, s3, bucket):
    """GHSA-v2ch, 422b5a70, 4ef090db: chunks without a length, no source, no rules"""
    s3.put_object(Bucket=bucket, Key="k", Body=b"kept")
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    for length, code in (("", "MissingContentLength"), ("x-amz-decoded-content-length: \r\n", "")):
        head = (
            f"PUT /{bucket}/k HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n{length}"
        )
        head += "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n\r\n"
        answer = gateway.raw(head.encode() + b"6\r\n1\r\na\r\n\r\n0\r\n\r\n")
        assert int(answer[9:12]) in (400, 411)
        assert f"<Code>{code}".encode() in answer
    copied = raw(gateway, "PUT", f"/{bucket}/k", b"", gateway.owner, x_amz_copy_source="")
    assert (copied.status, copied.code) == (400, "InvalidArgument")
    for name, root in (
        ("cors", "CORS"),
        ("lifecycle", "Lifecycle"),
        ("replication", "Replication"),
    ):
        document = f"<{root}Configuration></{root}Configuration>".encode()
        ruled = raw(gateway, "PUT", f"/{bucket}?{name}", document, gateway.owner)
        assert ruled.status == 400
        assert ElementTree.fromstring(ruled.body).findtext("Code") in (
            "MalformedXML",
            "InvalidRequest",
        )
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"kept"


def test_078_forms_are_refused_without_assertions_too(tmp_path):
    """CVE-2025-69227, -69228, CVE-2026-34517 (aiohttp): with ``-O`` a bad form never ended"""
    part = b'--x\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n'
    forms = (b"", b"--x", part, part * 50_000, part.replace(b"\r\n\r\n", b"\r\nx: y" * 20_000))
    options = ("--workers", "1", "--durability", "none")
    with ServerProcess(tmp_path / "data", *options, PYTHONOPTIMIZE="1") as server:
        server.ready().client().create_bucket(Bucket="open", ACL="public-read-write")
        started = time.monotonic()
        for body in forms:
            asking = HTTPConnection("127.0.0.1", server.port, timeout=20)
            asking.request("POST", "/open", body, {"Content-Type": FORM_TYPE})
            assert asking.getresponse().status == 400
            asking.close()
        assert time.monotonic() - started < 3
        assert "Contents" not in server.client().list_objects_v2(Bucket="open")
