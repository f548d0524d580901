"""Requests as the wire would bring them, and the keys they are signed with."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from unittest import mock
from urllib.parse import unquote, urlsplit

from botocore.auth import HmacV1Auth, HmacV1QueryAuth, S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gateway.auth.verify import Verified, verify
from gateway.config import Config
from gateway.request import Headers, Query, Request
from keys.access_key import AccessKey

NOW = datetime(2013, 5, 24, tzinfo=UTC)
"""The moment of all of AWS's examples."""
KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
DISABLED = "AKIADISABLEDEXAMPLE"
EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
CREDENTIALS = Credentials(KEY, SECRET)


class Table:
    """The access keys of the tests; remembers who was looked up."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._keys = {
            key: AccessKey(key, SECRET, f"/{key}", enable, NOW, NOW)
            for key, enable in ((KEY, True), (DISABLED, False))
        }

    def find(self, key: str) -> AccessKey | None:
        self.asked.append(key)
        return self._keys.get(key)

    def changed(self) -> bool:
        return False


class Wire:
    """A raw body in the given pieces; may break off with an error."""

    def __init__(self, *pieces: bytes, error: Exception | None = None) -> None:
        self.pieces = pieces
        self.error = error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece
        if self.error:
            raise self.error


def request(
    method: str,
    target: str,
    headers: dict[str, str] | list[tuple[str, str]],
    *body: bytes,
    bucket: str | None = None,
    wire: Wire | None = None,
) -> Request:
    """``bucket``: it is in the Host, not in the path."""
    path, _, query = target.partition("?")
    pairs = list(headers.items()) if isinstance(headers, dict) else headers
    raw = [(name, value) for name, _, value in (p.partition("=") for p in query.split("&"))]
    raw = [pair for pair in raw if pair != ("", "")]
    first, _, rest = unquote(path).removeprefix("/").partition("/")
    return Request(
        method=method,
        path=path,
        query=Query(raw, [(unquote(name), unquote(value)) for name, value in raw]),
        headers=Headers([(name.lower(), value.strip(" \t")) for name, value in pairs]),
        body=wire or Wire(*body),
        bucket=bucket or first or None,
        key=(unquote(path)[1:] if bucket else rest) or None,
        secure=False,
        peer="127.0.0.1",
        virtual_host=bucket is not None,
    )


def check(asked: Request, now: datetime = NOW, **settings: object) -> Verified:
    return verify(asked, Table(), Config(**settings), now)


def resend(
    aws: AWSRequest, change: Callable[[dict[str, str]], object] | None = None, *body: bytes
) -> Request:
    """What botocore signed, as it arrives; ``change`` edits the headers on the way."""
    headers = {name.lower(): value for name, value in aws.headers.items()}
    headers.setdefault("host", urlsplit(aws.url).netloc)
    if change:
        change(headers)
    split = urlsplit(aws.url)
    return request(aws.method, f"{split.path}?{split.query}", headers, *body)


def _at(now: datetime):
    return mock.patch("botocore.auth.get_current_datetime", return_value=now)


def sign(
    method: str = "GET",
    url: str = "http://gw.test:9000/b/k",
    headers: dict[str, str] | None = None,
    data: bytes = b"",
    *,
    now: datetime = NOW,
    region: str = "us-east-1",
    key: str = KEY,
    secret: str = SECRET,
    trailer: bool = False,
) -> AWSRequest:
    """A request with an Authorization header made by botocore."""
    aws = AWSRequest(method=method, url=url, headers=headers or {}, data=data)
    if trailer:
        aws.context["checksum"] = {"request_algorithm": {"in": "trailer"}}
    with _at(now):
        S3SigV4Auth(Credentials(key, secret), "s3", region).add_auth(aws)
    return aws


def presign(
    method: str = "GET",
    url: str = "http://gw.test:9000/b/k",
    headers: dict[str, str] | None = None,
    *,
    now: datetime = NOW,
    expires: int = 3600,
    region: str = "us-east-1",
    key: str = KEY,
) -> AWSRequest:
    """A SigV4 presigned URL made by botocore."""
    aws = AWSRequest(method=method, url=url, headers=headers or {})
    with _at(now):
        S3SigV4QueryAuth(Credentials(key, SECRET), "s3", region, expires=expires).add_auth(aws)
    return aws


def presign_v2(
    method: str = "GET",
    url: str = "http://gw.test:9000/b/k",
    headers: dict[str, str] | None = None,
    *,
    expires: int = 3600,
    auth_path: str | None = None,
) -> AWSRequest:
    """A SigV2 presigned URL made by botocore, boto3's default in us-east-1."""
    aws = AWSRequest(method=method, url=url, headers=headers or {}, auth_path=auth_path)
    with mock.patch("botocore.auth.time", SimpleNamespace(time=NOW.timestamp)):
        HmacV1QueryAuth(CREDENTIALS, expires=expires).add_auth(aws)
    return aws


def sign_v2(
    method: str = "GET",
    url: str = "http://gw.test:9000/b/k",
    headers: dict[str, str] | None = None,
    *,
    auth_path: str | None = None,
    key: str = KEY,
    secret: str = SECRET,
) -> AWSRequest:
    """A request with a SigV2 Authorization header made by botocore."""
    aws = AWSRequest(method=method, url=url, headers=headers or {}, auth_path=auth_path)
    stamp = "Fri, 24 May 2013 00:00:00 GMT"
    with mock.patch("botocore.auth.formatdate", return_value=stamp):
        HmacV1Auth(Credentials(key, secret)).add_auth(aws)
    return aws
