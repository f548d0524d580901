"""Requests that a server was made to send. Ours sends to nobody a client names."""

import ast
import json
import socket
from base64 import b64encode
from hashlib import md5

import pytest

from tests.gateway.rows import FORM_TYPE
from tests.gateway.sent import raw
from tests.security.test_secrets import SOURCES


@pytest.fixture
def lure():
    """A port of this machine that nobody must knock at; its URL, and whether somebody did."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/lure"
        with pytest.raises(BlockingIOError):
            listening.accept()


def documents(url: str) -> list[tuple[str, str]]:
    """Bodies that name the URL, by the subresource that they are put to."""
    rule = (
        "<Rule><ID>a</ID><Priority>1</Priority><Status>Enabled</Status><Filter/>"
        "<DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>"
        f"<Destination><Bucket>{url}</Bucket></Destination></Rule>"
    )
    return [
        (
            "notification",
            "<NotificationConfiguration><QueueConfiguration>"
            f"<Queue>{url}</Queue><Event>s3:ObjectCreated:*</Event>"
            "</QueueConfiguration></NotificationConfiguration>",
        ),
        (
            "notification",
            "<NotificationConfiguration><QueueConfiguration>"
            f"<Queue>arn:s3gw:sqs::{url}:webhook</Queue><Event>s3:ObjectCreated:*</Event>"
            "</QueueConfiguration></NotificationConfiguration>",
        ),
        (
            "replication",
            f"<ReplicationConfiguration><Role>{url}</Role>{rule}</ReplicationConfiguration>",
        ),
        (
            "logging",
            f"<BucketLoggingStatus><LoggingEnabled><TargetBucket>{url}</TargetBucket>"
            "<TargetPrefix/></LoggingEnabled></BucketLoggingStatus>",
        ),
        (
            "website",
            f"<WebsiteConfiguration><IndexDocument><Suffix>{url}</Suffix></IndexDocument>"
            "</WebsiteConfiguration>",
        ),
        (
            "tagging",
            f'<!DOCTYPE t SYSTEM "{url}"><Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag>'
            "</TagSet></Tagging>",
        ),
        (
            "acl",
            f'<AccessControlPolicy xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
            f' xsi:schemaLocation="{url} {url}"/>',
        ),
        ("policy", json.dumps({"Version": "2012-10-17", "Statement": url})),
    ]


def test_068_no_url_of_a_client_is_asked(gateway, s3, bucket, lure):
    """CVE-2026-73080 (SeaweedFS), CVE-2021-21287 (MinIO), RustFS GHSA-m479, rclone GHSA-gx4c"""
    for name, text in documents(lure):
        body = text.encode()
        digest = b64encode(md5(body, usedforsecurity=False).digest()).decode()
        put = raw(gateway, "PUT", f"/{bucket}?{name}", body, gateway.owner, Content_MD5=digest)
        assert 400 <= put.status < 500, name
    for source in (lure, f"/{lure}", f"//{lure.partition('//')[2]}"):
        copied = raw(gateway, "PUT", f"/{bucket}/k", key=gateway.owner, x_amz_copy_source=source)
        assert copied.status in (400, 403, 404)
    named = {"Referer": lure, "Origin": lure, "X_Forwarded_Host": lure, "X_Forwarded_For": lure}
    put = raw(
        gateway,
        "PUT",
        f"/{bucket}/k",
        b"x",
        gateway.owner,
        x_amz_website_redirect_location=lure,
        **named,
    )
    assert put.status == 200
    assert raw(gateway, "GET", f"/{bucket}/k", key=gateway.owner, **named).body == b"x"
    s3.put_bucket_acl(Bucket=bucket, ACL="public-read-write")
    form = "".join(
        f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in (("key", "f"), ("success_action_redirect", lure), ("redirect", lure))
    )
    form += '--x\r\nContent-Disposition: form-data; name="file"\r\n\r\ndata\r\n--x--\r\n'
    posted = raw(gateway, "POST", f"/{bucket}", form.encode(), Content_Type=FORM_TYPE)
    assert posted.status == 303  # the browser is sent there; we do not go


def test_068_no_redirect_is_followed():
    """Whatever is sent to a URL of the settings stays there: credentials never follow."""
    asking = []
    for path in SOURCES:
        text = path.read_text()
        if "ClientSession" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                verbs = {"get", "post", "put", "head", "request"}
                if node.func.attr in verbs and getattr(node.func.value, "id", "") == "session":
                    asking.append(path.name)
                    said = {each.arg: each.value for each in node.keywords}
                    followed = said.get("allow_redirects")
                    assert isinstance(followed, ast.Constant), path
                    assert followed.value is False, path
    assert len(asking) >= 2
