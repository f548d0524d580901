"""Addressing: a raw target and a Host are read in exactly one way, or refused."""

from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway import addressing
from gateway.errors import BadRequest, InvalidBucketName, InvalidURI, KeyTooLongError
from tests.gateway.asked import NoBody, asked


@pytest.mark.parametrize(
    ("target", "bucket", "key"),
    [
        ("/", None, None),
        ("/bucket", "bucket", None),
        ("/bucket/", "bucket", None),
        ("/bucket?acl", "bucket", None),
        ("/bucket/key", "bucket", "key"),
        ("/bucket/a/b/", "bucket", "a/b/"),
        ("/bucket//", "bucket", "/"),
        ("/bucket//a//b", "bucket", "/a//b"),
        ("/bucket/../other/x", "bucket", "../other/x"),
        ("/bucket/./a", "bucket", "./a"),
        ("/bucket/a%2Fb", "bucket", "a/b"),
        ("/bucket/a%2fb", "bucket", "a/b"),
        ("/bucket/a+b%20c", "bucket", "a+b c"),
        ("/bucket/%E2%82%AC", "bucket", "€"),
        ("/bucket/\xe2\x82\xac", "bucket", "€"),
        ("/bucket/%2541", "bucket", "%41"),
        ("/bucket/a%0Ab%01", "bucket", "a\nb\x01"),
        ("/bucket/%3Facl", "bucket", "?acl"),
        ("/b%75cket/key", "bucket", "key"),
    ],
)
def test_path_style(target: str, bucket: str | None, key: str | None):
    request = asked(f"GET {target}")

    assert (request.bucket, request.key) == (bucket, key)
    assert not request.virtual_host
    assert request.path == target.partition("?")[0]


@pytest.mark.parametrize(
    ("host", "bucket"),
    [
        ("photos.localhost", "photos"),
        ("photos.localhost:9000", "photos"),
        ("PHOTOS.LocalHost:9000", "photos"),
        ("photos.localhost.:9000", "photos"),
        ("my.photos.2024.localhost", "my.photos.2024"),
        ("photos.s3.localhost", "photos"),
        ("photos.gateway.example.com", "photos"),
        ("192.168.0.1.localhost", "192.168.0.1"),
    ],
)
def test_virtual_host_style(host: str, bucket: str):
    request = asked("GET /bucket/a%20b?acl", host=host)

    assert (request.bucket, request.key, request.virtual_host) == (bucket, "bucket/a b", True)
    assert asked("GET /", host=host).key is None
    assert asked("GET //a", host=host).key == "/a"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:9000",
        "s3.localhost",
        "gateway.example.com",
        "other.example.com",
        "127.0.0.1:9000",
        "10.0.0.1",
        "[::1]:9000",
        "[2001:db8::1]",
        "notlocalhost",
        ".localhost",
    ],
)
def test_a_host_that_names_no_bucket_is_path_style(host: str):
    request = asked("GET /bucket/key", host=host)

    assert (request.bucket, request.key, request.virtual_host) == ("bucket", "key", False)


@pytest.mark.parametrize(
    "target",
    [
        "/bucket/%",
        "/bucket/%2",
        "/bucket/%zz",
        "/bucket/%u0041",
        "/bucket/%ff",
        "/bucket/%c0%af",
        "/bucket/%ed%a0%80",
        "/bucket/\xff",
        "/bucket/a%00b",
        "/bucket/a b",
        "/bucket/a#b",
        "/bucket/a\tb",
        "/bucket?prefix=%",
        "/bucket?prefix=%ff",
        "/bucket?%zz",
        "http://localhost/bucket/key",
        "localhost:9000",
        "bucket/key",
        "*",
        "",
    ],
)
def test_a_target_that_has_no_one_reading_is_refused(target: str):
    with pytest.raises(InvalidURI):
        asked(f"GET {target}")


def test_options_may_ask_about_the_server_itself():
    assert asked("OPTIONS *").bucket is None


def test_a_key_without_a_bucket_is_refused():
    with pytest.raises(InvalidBucketName):
        asked("GET //key")


@pytest.mark.parametrize(
    "hosts",
    [
        [],
        ["localhost", "localhost"],
        ["localhost", "other"],
        [""],
        ["local host"],
        ["localhost/x"],
        ["user@localhost"],
        ["localhost:port"],
        ["localhost, other"],
        ["[::1"],
    ],
)
def test_a_request_without_exactly_one_host_is_refused(hosts: list[str]):
    with pytest.raises(BadRequest):
        addressing.parse(
            "GET",
            "/",
            [("host", host) for host in hosts],
            body=NoBody(),
            secure=False,
            peer="",
            base_domains=(),
        )


@pytest.mark.parametrize("letter", ["k", "é", "€", "\U0001f600"])
def test_a_key_may_have_1024_bytes_and_no_more(letter: str):
    size = len(letter.encode())
    longest = letter * (1024 // size) + "x" * (1024 % size)

    assert asked(f"PUT /bucket/{quote(longest)}").key == longest
    with pytest.raises(KeyTooLongError) as refused:
        asked(f"PUT /bucket/{quote(longest)}x")
    assert refused.value.extras == {"Size": "1025", "MaxSizeAllowed": "1024"}


def test_a_query_is_split_at_ampersands_only():
    query = asked("GET /bucket?a=1;b=2&c&d=&e=x=y&&a=3&plus=a+b&%61cl=%26").query

    assert query.pairs == [
        ("a", "1;b=2"),
        ("c", ""),
        ("d", ""),
        ("e", "x=y"),
        ("a", "3"),
        ("plus", "a+b"),
        ("acl", "&"),
    ]
    assert query.raw[-1] == ("%61cl", "%26")
    assert query["a"] == "1;b=2"
    assert query.all("a") == ["1;b=2", "3"]


@given(key=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=64))
def test_every_key_is_read_back_as_it_was_quoted(key: str):
    quoted = quote(key, safe="/")

    assert asked(f"GET /bucket/{quoted}").key == (key or None)
    assert asked(f"GET /{quoted}", host="bucket.localhost").key == (key or None)
    assert asked(f"GET /bucket?prefix={quoted}").query["prefix"] == key


@pytest.mark.parametrize(
    ("host", "target", "uri"),
    [
        ("localhost:9000", "/bucket", "http://localhost:9000/bucket/a/b%20%C3%A9%3F"),
        ("photos.localhost", "/?delete", "http://photos.localhost/a/b%20%C3%A9%3F"),
    ],
)
def test_an_objects_uri_is_in_the_style_of_the_request(host: str, target: str, uri: str):
    request = asked(f"POST {target}", host=host)

    assert addressing.uri(request, "a/b é?") == uri
    assert addressing.uri(replace(request, secure=True), "a/b é?") == uri.replace("http", "https")


@given(
    key=st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=64
    ),
    host=st.sampled_from(["localhost", "bucket.localhost"]),
)
def test_an_objects_uri_leads_to_it(key: str, host: str):
    at = urlsplit(addressing.uri(asked("POST /bucket/k", host=host), key))

    assert at.hostname == host
    found = asked(f"GET {at.path}", host=host)
    assert (found.bucket, found.key) == ("bucket", key)


@given(st.text(st.characters(max_codepoint=0xFF), max_size=40))
def test_any_target_is_read_or_refused_with_an_s3_error(target: str):
    try:
        request = asked(f"GET /bucket/{target}")
    except (InvalidURI, KeyTooLongError):
        return
    assert request.bucket == "bucket"


def test_a_target_that_comes_again_is_read_by_its_own_host_and_method():
    for _ in range(2):
        assert (asked("GET /a/b").bucket, asked("GET /a/b").key) == ("a", "b")
        virtual = asked("GET /a/b", host="photos.localhost")
        assert (virtual.bucket, virtual.key, virtual.virtual_host) == ("photos", "a/b", True)
        assert asked("PUT /a/b").method == "PUT"
        with pytest.raises(InvalidURI):
            asked("GET *")
        assert asked("OPTIONS *").path == "*"


_PARTS = st.sampled_from(
    ["acl", "a=1", "a=x%20y", "b=+", "", "X-Amz-Date=1", "X-Amz-Signature=f0", "X-Amz-Signature"]
)


@given(st.lists(_PARTS, max_size=5))
def test_a_signature_at_the_end_changes_nothing_about_how_a_query_is_read(parts):
    query = "&".join([*parts, "X-Amz-Signature=%41"])
    read = asked(f"GET /bucket/key?{query}").query
    plain = asked(f"GET /bucket/key?{query}&").query
    assert plain.unsigned is None
    for name in ("raw", "pairs", "names"):
        assert getattr(read, name) == getattr(plain, name)
    assert read.get("X-Amz-Signature") == plain.get("X-Amz-Signature")
    assert read.unsigned is not None
    assert read.unsigned.raw == plain.raw[:-1]


def test_what_presigned_urls_of_one_second_share_is_read_once():
    one, other = (asked(f"PUT /b/{n}?X-Amz-Date=1&X-Amz-Signature={n}").query for n in "12")
    assert one.unsigned is other.unsigned
    assert one["X-Amz-Signature"] == "1"
    with pytest.raises(InvalidURI):
        asked("PUT /b/k?X-Amz-Date=1&X-Amz-Signature=%zz")
