"""CORS: what browsers may do, from configuration alone."""

from collections.abc import AsyncIterator

import pytest

from gateway import cors
from gateway.config import Config
from gateway.errors import AccessForbidden, BadRequest
from gateway.request import Headers, Query, Request
from tests.gateway.conftest import running

APP = "https://app.example.com"
CONFIG = Config(
    cors_allow_origin=(APP, "https://*.trusted.org"),
    cors_allow_methods=("GET", "PUT"),
    cors_allow_headers=("Content-Type", "x-amz-*"),
    cors_expose_headers=("ETag", "Cid"),
)
ANYBODY = Config(cors_allow_origin=("*",), cors_allow_methods=("GET",), cors_allow_headers=("*",))


class NoBody:
    async def __aiter__(self) -> AsyncIterator[bytes]:
        return
        yield b""


def request(method: str, *headers: tuple[str, str], key: str | None = None) -> Request:
    return Request(
        method=method,
        path="/bucket",
        query=Query([], []),
        headers=Headers(list(headers)),
        body=NoBody(),
        bucket="bucket",
        key=key,
        secure=False,
        peer="127.0.0.1",
    )


def ask(origin: str, method: str = "GET", *names: str, key: str | None = None) -> Request:
    headers = [("origin", origin), ("access-control-request-method", method)]
    headers += [("access-control-request-headers", name) for name in names]
    return request("OPTIONS", *headers, key=key)


def test_a_preflight_without_an_origin_is_a_bad_request():
    with pytest.raises(BadRequest):
        cors.preflight(request("OPTIONS", ("access-control-request-method", "GET")), CONFIG)


def test_a_preflight_without_a_method_is_a_bad_request():
    with pytest.raises(BadRequest):
        cors.preflight(request("OPTIONS", ("origin", APP)), CONFIG)


@pytest.mark.parametrize(
    ("config", "asked"),
    [
        (Config(), ask(APP)),
        (CONFIG, ask("https://evil.example")),
        (CONFIG, ask("https://app.example.com.evil.example")),
        (CONFIG, ask("http://app.example.com")),
        (CONFIG, ask("null")),
        (CONFIG, ask(APP, "DELETE")),
        (CONFIG, ask(APP, "get")),
        (CONFIG, ask(APP, "PUT", "authorization")),
        (CONFIG, ask(APP, "PUT", "content-type, x-other")),
        (Config(cors_allow_origin=("*",)), ask(APP)),
        (Config(cors_allow_origin=("https://a*a",), cors_allow_methods=("GET",)), ask("https://a")),
    ],
)
def test_a_preflight_is_refused(config, asked):
    with pytest.raises(AccessForbidden) as refused:
        cors.preflight(asked, config)
    assert refused.value.extras["ResourceType"] == "BUCKET"


def test_a_refusal_names_the_method_and_the_kind_of_resource():
    with pytest.raises(AccessForbidden) as refused:
        cors.preflight(ask(APP, "DELETE", key="photo.jpg"), CONFIG)
    assert refused.value.extras == {"Method": "DELETE", "ResourceType": "OBJECT"}


def test_a_preflight_of_a_named_origin():
    answer = cors.preflight(ask(APP, "PUT", "Content-Type, X-Amz-Date", "x-amz-acl"), CONFIG)

    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers == [
        ("access-control-allow-origin", APP),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-credentials", "true"),
        ("access-control-allow-headers", "content-type, x-amz-date, x-amz-acl"),
        cors.VARY,
    ]


def test_a_preflight_of_an_origin_under_a_pattern_gets_no_credentials():
    headers = dict(cors.preflight(ask("https://x.trusted.org"), CONFIG).headers)

    assert headers["access-control-allow-origin"] == "https://x.trusted.org"
    assert "access-control-allow-credentials" not in headers


NAMED_AND_ANYBODY = Config(cors_allow_origin=(APP, "*"), cors_allow_methods=("GET",))


@pytest.mark.parametrize("config", [ANYBODY, NAMED_AND_ANYBODY])
def test_a_star_is_never_given_together_with_credentials(config):
    for origin in (APP, "https://evil.example", "null"):
        answers = [
            dict(cors.preflight(ask(origin), config).headers),
            dict(cors.headers(request("GET", ("origin", origin)), config)),
        ]
        for headers in answers:
            assert headers["access-control-allow-origin"] == "*"
            assert "access-control-allow-credentials" not in headers


def test_an_answer_to_a_named_origin():
    assert cors.headers(request("GET", ("origin", APP)), CONFIG) == [
        ("access-control-allow-origin", APP),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-credentials", "true"),
        ("access-control-expose-headers", "ETag, Cid"),
        cors.VARY,
    ]


@pytest.mark.parametrize(
    "asked",
    [
        request("GET"),
        request("GET", ("origin", "https://evil.example")),
        request("DELETE", ("origin", APP)),
    ],
)
def test_an_answer_that_is_not_allowed_only_varies(asked):
    assert cors.headers(asked, CONFIG) == [cors.VARY]


def test_while_cors_is_off_answers_are_as_they_were():
    assert cors.headers(request("GET", ("origin", APP)), Config()) == []


def test_a_preflight_answer_gets_no_second_set_of_headers():
    assert cors.headers(ask(APP), CONFIG) == []


# --- through the server --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browsed(tmp_path_factory):
    """A gateway that browsers may call from one origin, with a public bucket."""
    settings = {
        "cors_allow_origin": (APP,),
        "cors_allow_methods": ("GET",),
        "cors_expose_headers": ("ETag", "Cid"),
    }
    with running(tmp_path_factory.mktemp("cors"), **settings) as gateway:
        gateway.client(gateway.owner).create_bucket(Bucket="bucket", ACL="public-read")
        yield gateway


def answer(gateway, method: str, path: str, *headers: str) -> tuple[int, str]:
    """Status, and head and body as text."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {gateway.host}:{gateway.port}", *headers, "", ""]
    text = gateway.raw("\r\n".join(lines).encode()).decode().lower()
    return int(text.split(" ")[1]), text


def test_the_server_answers_a_preflight_without_a_signature(browsed):
    asked = (f"Origin: {APP}", "Access-Control-Request-Method: GET")
    for path in ("/bucket", "/bucket/key", "/no-such-bucket/key"):
        status, text = answer(browsed, "OPTIONS", path, *asked)

        assert status == 200
        assert f"access-control-allow-origin: {APP}\r\n" in text


def test_the_server_refuses_a_preflight_with_an_error_document(browsed):
    asked = ("Origin: https://evil.example", "Access-Control-Request-Method: GET")
    status, text = answer(browsed, "OPTIONS", "/bucket", *asked)

    assert status == 403
    assert "<code>accessforbidden</code>" in text
    assert "access-control-allow-origin" not in text


def test_answers_and_refusals_are_both_shown_to_the_script(browsed):
    """A script sees a 403 or 404 only if the error, too, carries the headers."""
    for path, expected in (("/bucket", 200), ("/bucket/missing", 404), ("/no-such-bucket", 404)):
        status, text = answer(browsed, "GET", path, f"Origin: {APP}")

        assert status == expected
        assert f"access-control-allow-origin: {APP}\r\n" in text
        assert "access-control-expose-headers: etag, cid\r\n" in text
        assert "\r\nvary: origin" in text
