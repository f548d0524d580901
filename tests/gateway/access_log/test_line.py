"""Lines of access logs: AWS's fields in AWS's order, and nothing that could be another line.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/LogFormat.html
"""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.access_log.line import Logged, line
from gateway.naming import canonical_id
from gateway.trace import Trace
from store.records import Bucket
from tests.gateway.asked import asked

WHEN = datetime(2026, 2, 6, 0, 0, 38, tzinfo=UTC)
BUCKET = Bucket(1, "photos", "OWNER", "/photos", 0, "private", "us-east-1", "unixfs-v1-2025")
_FIELD = re.compile(r'\[[^\]]*\]|"[^"]*"|[^ ]+')


def fields(request, operation="GetObject", size=None, **story):
    trace = Trace("ID1", operation=operation, peer="192.0.2.3", **story)
    written = line(Logged(BUCKET, request, WHEN, size), trace)
    assert written.isascii()
    assert written.isprintable()
    return _FIELD.findall(written)


def test_a_read_fills_the_fields_in_order():
    request = asked(
        "GET /photos/a%20b.jpg?versionId=v1",
        ("authorization", "AWS4-HMAC-SHA256 Credential=..."),
        ("user-agent", "curl/8 (x)"),
        ("referer", "http://a/"),
    )
    found = fields(request, size=30, status=206, bytes_out=10, caller="KEY")
    assert len(found) == 26
    found[13] = "TIME"
    assert found == [
        canonical_id("OWNER"),
        "photos",
        "[06/Feb/2026:00:00:38 +0000]",
        "192.0.2.3",
        canonical_id("KEY"),
        "ID1",
        "REST.GET.OBJECT",
        "a%20b.jpg",
        '"GET /photos/a%20b.jpg?versionId=v1 HTTP/1.1"',
        "206",
        "-",
        "10",
        "30",
        "TIME",
        "-",
        '"http://a/"',
        '"curl/8 (x)"',
        "v1",
        "ID1",
        "SigV4",
        "-",
        "AuthHeader",
        "localhost",
        "-",
        "-",
        "-",
    ]


def test_a_refusal_of_nobody_has_its_code():
    found = fields(asked("GET /photos"), "ListObjects", status=403, code="AccessDenied")
    assert found[4] == "-"
    assert found[6:13] == [
        "REST.GET.BUCKET",
        "-",
        '"GET /photos HTTP/1.1"',
        "403",
        "AccessDenied",
        "-",
        "-",
    ]


@pytest.mark.parametrize(
    ("asking", "operation", "written"),
    [
        ("PUT /photos/k", "PutObject", "REST.PUT.OBJECT"),
        ("PUT /photos/k", "CopyObject", "REST.COPY.OBJECT"),
        ("PUT /photos/k?partNumber=1&uploadId=u", "UploadPart", "REST.PUT.PART"),
        ("POST /photos/k?uploads", "CreateMultipartUpload", "REST.POST.UPLOADS"),
        ("POST /photos?delete", "DeleteObjects", "REST.POST.MULTI_OBJECT_DELETE"),
        ("GET /photos?logging", "GetBucketLogging", "REST.GET.LOGGING_STATUS"),
        ("GET /photos?policy", "GetBucketPolicy", "REST.GET.BUCKETPOLICY"),
        ("PUT /photos?tagging", "PutBucketTagging", "REST.PUT.TAGGING"),
        ("PUT /photos/k?tagging", "PutObjectTagging", "REST.PUT.OBJECT_TAGGING"),
    ],
)
def test_operations_have_awss_names(asking, operation, written):
    assert fields(asked(asking), operation)[6] == written


def test_a_website_is_told_from_the_api():
    request = replace(asked("GET /"), website=True)
    assert fields(request, "Website")[6] == "WEBSITE.GET.OBJECT"


def test_what_is_put_has_the_size_that_came():
    assert fields(asked("PUT /photos/k"), "PutObject", bytes_in=7)[12] == "7"


def test_a_presigned_url_cannot_be_taken_from_a_log():
    target = "GET /photos/k?X-Amz-Signature=c0ffee&X-Amz-Expires=60&X-Amz-Security-Token=t0ken"
    found = fields(asked(target))
    assert found[8] == (
        '"GET /photos/k?X-Amz-Signature=-&X-Amz-Expires=60&X-Amz-Security-Token=- HTTP/1.1"'
    )
    assert (found[19], found[21]) == ("SigV4", "QueryString")


@given(agent=st.text(st.characters(max_codepoint=255)), key=st.text(min_size=1, max_size=50))
def test_nothing_that_clients_say_ends_a_field(agent, key):
    request = asked("GET /photos/k", ("user-agent", agent))
    assert len(fields(replace(request, key=key))) == 26
