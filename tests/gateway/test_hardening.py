"""What browsers are told about answers: to guess no types, run no objects and keep no errors."""

import urllib.request

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.sandbox import FIELDS, is_active
from tests.gateway.conftest import running

POLICY = dict(FIELDS)["content-security-policy"]
ACTIVE = [
    "text/html",
    "TEXT/HTML; charset=utf-8",
    "application/xhtml+xml",
    "image/svg+xml",
    "text/xml",
    "application/xml",
    "application/rss+xml",
    "text/xsl",
    "multipart/x-mixed-replace;boundary=x",
    "text/plain, text/html",
]
STILL = ["image/png", "text/plain", "video/mp4", "application/octet-stream", "application/pdf", ""]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    domains = {"base_domains": ("localhost",), "website_domains": ("site.localhost",)}
    with running(tmp_path_factory.mktemp("hardened"), **domains) as it:
        yield it


@pytest.fixture(scope="module")
def s3(gateway):
    client = gateway.client(gateway.owner)
    client.create_bucket(Bucket="open", ACL="public-read")
    for number, kind in enumerate([*ACTIVE, *STILL]):
        client.put_object(Bucket="open", Key=str(number), Body=b"<b>", ContentType=kind)
    client.put_object(Bucket="open", Key="large", Body=b"<b>" * (1 << 20), ContentType="text/html")
    return client


def _fields(answer):
    return answer["ResponseMetadata"]["HTTPHeaders"]


def _asked(gateway, path, host="", method="GET", **headers):
    """Anonymous, by a raw socket; header fields of the answer."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host or gateway.host}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    answer = gateway.raw("\r\n".join([*lines, "", ""]).encode(), until_close=True)
    head = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    return int(head[0].split()[1]), dict(
        (name.lower(), value) for name, _, value in (line.partition(": ") for line in head[1:])
    )


@pytest.mark.parametrize("kind", ACTIVE)
def test_what_a_browser_could_run_is_sandboxed(kind):
    assert is_active(kind)


@pytest.mark.parametrize("kind", STILL)
def test_what_it_only_shows_is_not(kind):
    assert not is_active(kind)


@settings(deadline=None)
@given(st.text(alphabet="abc/ ,;=\t", max_size=20), st.sampled_from(ACTIVE), st.text(max_size=9))
def test_nothing_around_an_active_type_hides_it(before, kind, after):
    assert is_active(before + kind + after)


def test_every_way_to_read_such_an_object_says_so(gateway, s3):
    """Signed, anonymous, presigned; GET, HEAD, ranges; answered anew and from memory."""
    for number, kind in enumerate([*ACTIVE, *STILL]):
        told = [_fields(s3.get_object(Bucket="open", Key=str(number))) for _ in range(2)]
        told.append(_fields(s3.head_object(Bucket="open", Key=str(number))))
        told.append(_fields(s3.get_object(Bucket="open", Key=str(number), Range="bytes=0-0")))
        told += [_asked(gateway, f"/open/{number}", method=each)[1] for each in ("GET", "HEAD")]
        url = s3.generate_presigned_url("get_object", {"Bucket": "open", "Key": str(number)})
        with urllib.request.urlopen(url) as answer:
            told.append({name.lower(): value for name, value in answer.headers.items()})
        wanted = (POLICY, "no-referrer") if kind in ACTIVE else (None, None)
        names = ("content-security-policy", "referrer-policy")
        assert {tuple(map(each.get, names)) for each in told} == {wanted}
        assert {each["x-content-type-options"] for each in told} == {"nosniff"}
    _, large = _asked(gateway, "/open/large")
    assert large["content-security-policy"] == POLICY


def test_a_type_of_the_request_counts(gateway, s3):
    number = len(ACTIVE)  # an image
    asked = {"Bucket": "open", "Key": str(number), "ResponseContentType": "text/html"}
    assert _fields(s3.get_object(**asked))["content-security-policy"] == POLICY


def test_who_does_not_sign_cannot_choose_a_type(gateway, s3):
    assert _asked(gateway, "/open/0?response-content-type=text/plain")[0] == 400


def test_both_lanes_say_the_same(gateway, s3):
    """``Expect`` is for the general lane."""
    for path in ("/open/0", "/open/nothing", "/open?list-type=2"):
        fast, slow = _asked(gateway, path)[1], _asked(gateway, path, Expect="100-continue")[1]
        own = {"date", "x-amz-request-id", "x-amz-id-2", "connection"}
        assert {k: v for k, v in fast.items() if k not in own} == {
            k: v for k, v in slow.items() if k not in own
        }


def test_a_website_runs_its_pages(gateway, s3):
    index = {"IndexDocument": {"Suffix": "0"}}
    s3.put_bucket_website(Bucket="open", WebsiteConfiguration=index)
    status, told = _asked(gateway, "/", host="open.site.localhost")

    assert (status, told["content-type"]) == (200, "text/html")
    assert "content-security-policy" not in told
    assert told["x-content-type-options"] == "nosniff"


def test_it_can_be_turned_off(tmp_path):
    with running(tmp_path, sandbox_objects=False) as gateway:
        s3 = gateway.client(gateway.owner)
        s3.create_bucket(Bucket="open")
        s3.put_object(Bucket="open", Key="k", Body=b"", ContentType="text/html")
        assert "content-security-policy" not in _fields(s3.get_object(Bucket="open", Key="k"))


@pytest.mark.parametrize("path", ["/open/none", "/closed", "/closed?acl", "/open/0?versionId=x"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_errors_are_not_kept_and_tell_no_version(gateway, s3, path, method):
    status, told = _asked(gateway, path, method=method)

    assert status >= 400
    assert told["cache-control"] == "no-store"
    assert told["x-content-type-options"] == "nosniff"
    assert told["server"] == "s3gw"


def test_what_has_not_changed_may_still_be_kept(gateway, s3):
    etag = _asked(gateway, "/open/0")[1]["etag"]
    status, told = _asked(gateway, "/open/0", If_None_Match=etag)

    assert status == 304
    assert "cache-control" not in told


def test_what_is_no_http_is_answered_alike(gateway):
    answer = gateway.raw(b"GET / HTTP/1.1\r\nbroken header\r\n\r\n", until_close=True).lower()

    for line in (b"cache-control: no-store", b"x-content-type-options: nosniff", b"server: s3gw\r"):
        assert line in answer
