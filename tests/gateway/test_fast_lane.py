"""Both lanes give the same bytes, in the same order, whatever is sent and however it is cut."""

import asyncio
import gc
import re
import socket
from contextlib import closing, contextmanager
from dataclasses import replace
from importlib.metadata import version
from unittest.mock import Mock

import pytest
from aiohttp import StreamReader, web
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gateway import app, fast_lane
from gateway.heads import MOST_IN

HOST = "localhost:9000"
KIB = 1024
LATE = rb"(<LastModified>|<ServerTime>|<RequestId>|<HostId>|Date: |x-amz-request-id: |x-amz-id-2: )"


@pytest.fixture(scope="module")
def lanes(gateway, s3):
    """Ports of two listeners over one store: with the fast lane, and without."""
    s3.create_bucket(Bucket="lanes")
    s3.create_bucket(Bucket="lanes-open", ACL="public-read-write")
    s3.put_object(Bucket="lanes", Key="r/small", Body=b"abc" * 100, Metadata={"a": "b"})
    s3.put_object(Bucket="lanes", Key="r/segment", Body=bytes(100 * KIB), ContentType="text/plain")
    s3.put_object(Bucket="lanes", Key="r/large", Body=bytes(300 * KIB))
    s3.put_object(Bucket="lanes", Key="r/empty", Body=b"", ContentDisposition="inline")
    s3.put_object(Bucket="lanes", Key="r/a b+ü/..//x", Body=b"odd")
    s3.put_object(Bucket="lanes-open", Key="r/small", Body=b"anybody")
    sock = socket.create_server(("127.0.0.1", 0))
    starting = app.start(gateway.config, gateway.store, gateway.keys, sock, None, fast=False)
    general = asyncio.run_coroutine_threadsafe(starting, gateway.loop).result()
    yield replace(gateway, port=gateway.port), replace(gateway, port=sock.getsockname()[1])
    asyncio.run_coroutine_threadsafe(general.stop(1), gateway.loop).result()


@pytest.fixture
def taken(monkeypatch):
    """What the fast lane has answered or begun to answer, by method."""
    begun = []
    begin = fast_lane.FastLane._begin

    def noted(connection, message, payload):
        begun.append(message.method)
        begin(connection, message, payload)

    monkeypatch.setattr(fast_lane.FastLane, "_begin", noted)
    return begun


@contextmanager
def connected(to):
    with closing(socket.create_connection(("127.0.0.1", to.port), timeout=20)) as connection:
        yield connection


def warm(connection):
    """The very first request may come before aiohttp waits for one."""
    connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer(connection)[1].endswith(b"ok\n")


def answer(connection, method="GET"):
    """Status and all bytes of the next answer."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = connection.recv(1)
        assert data, head
        head += data
    status = int(head.split(b" ")[1])
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    body = b""
    if length and method != "HEAD" and status not in (204, 304):
        while len(body) < int(length[1]):
            data = connection.recv(int(length[1]) - len(body))
            assert data, head
            body += data
    elif b"chunked" in head:
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(1 << 20)
    return status, head + body


def wire(method, path, fields=(), body=b"", key=None, presign=False, damage=False):
    """A request as a client sends it; signed when there is a key."""
    request = AWSRequest(
        method=method, url=f"http://{HOST}{path}", data=None if presign else body or None
    )
    for name, value in fields:
        request.headers[name] = value
    if key is not None:
        credentials = Credentials(key.key, key.secret if not damage else "x" * 40)
        if presign:
            S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=600).add_auth(request)
        else:
            S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    target = request.url.split(HOST, 1)[1]
    lines = [f"{method} {target} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    if body or method == "PUT":
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def steady(received):
    """Without what differs from one answer to the next."""
    if b"\r\nCid-Of: ciphertext\r\n" in received:  # under a random key, so another each time
        received = re.sub(rb"\r\nCid: [^\r]*", b"\r\nCid: ", received)
    return re.sub(LATE + rb"[^\r<]*", rb"\1", received)


def both(lanes, sent, method, before=lambda: None):
    """The answers of the fast and of the general lane."""
    found = []
    for lane in lanes:
        before()
        with connected(lane) as connection:
            warm(connection)
            connection.sendall(sent)
            status, received = answer(connection, method)
            found.append((status, steady(received)))
    return found


READS = ("/lanes/r/small", "/lanes/r/segment", "/lanes/r/large", "/lanes/r/empty", "/lanes/r/no")
PLACES = (
    *READS,
    "/lanes/r/a%20b%2B%C3%BC/..//x",
    "/lanes-open/r/small",
    "/lanes-open/r/none",
    "/nobucket/k",
    "/lanes?list-type=2&prefix=r/",
    "/lanes?list-type=2&prefix=r/&delimiter=/&encoding-type=url",
    "/lanes?list-type=2&max-keys=x",
    "/lanes?location",
    "/lanes?tagging",
    "/lanes",
    "/",
    "/lanes/r/small?partNumber=1",
    "/lanes/r/small?partNumber=2",
    "/lanes/r/small?response-content-type=text/html",
    "/lanes/r/small?versionId=7",
    "/lanes/r/small?acl",
    "/lanes/bad%zz",
    "/lanes/bad%ff",
)
WRITTEN = ("/lanes/w/k", "/lanes-open/w/k", "/lanes/w/k?tagging", "/lanes/w/a%20b", "/nobucket/w")
FIELDS = (
    ("Range", "bytes=1-5"),
    ("Range", "bytes=-7"),
    ("Range", "bytes=900000-"),
    ("If-Match", "*"),
    ("If-Match", '"00000000000000000000000000000000"'),
    ("If-None-Match", "*"),
    ("If-Modified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ("If-Modified-Since", "nonsense"),
    ("If-Unmodified-Since", "Sat, 01 Jan 2000 00:00:00 GMT"),
    ("x-amz-checksum-mode", "ENABLED"),
    ("x-amz-expected-bucket-owner", "nobody"),
    ("x-amz-meta-colour", "blue  and\tred"),
    ("x-amz-server-side-encryption", "AES256"),
    ("x-amz-acl", "public-read"),
    ("x-amz-acl", "nonsense"),
    ("Content-Type", "text/plain; charset=utf-8"),
    ("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA=="),
    ("x-amz-checksum-crc32", "AAAAAA=="),
    ("Origin", "https://example.com"),
    ("User-Agent", "test/1.0"),
    ("x-amz-security-token", "t"),
    ("x-amz-copy-source", "lanes/r/small"),
)
BODIES = (b"", b"x", b"0" * 4096, *(bytes(n) for n in (17 * KIB, 64 * KIB, MOST_IN, MOST_IN + 1)))


@given(
    method=st.sampled_from(["GET", "GET", "HEAD", "PUT", "DELETE", "POST", "OPTIONS"]),
    place=st.sampled_from(PLACES),
    written=st.sampled_from(WRITTEN),
    fields=st.lists(st.sampled_from(FIELDS), max_size=3, unique_by=lambda field: field[0]),
    body=st.sampled_from(BODIES),
    auth=st.sampled_from(["anonymous", "signed", "signed", "presigned", "stranger", "damaged"]),
)
@example("PUT", "", "/lanes/w/k", [], b"x", "signed")
@example("PUT", "", "/lanes/w/k", [("If-None-Match", "*")], b"x", "signed")
@example("PUT", "", "/lanes/w/k", [("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")], b"x", "signed")
@example("PUT", "", "/lanes/w/a%20b", [("If-None-Match", "*")], b"", "presigned")
@example("DELETE", "", "/lanes/w/k", [], b"", "signed")
@example("GET", "/lanes/r/segment", "", [("Range", "bytes=1-5")], b"", "signed")
@example("HEAD", "/lanes/r/no", "", [], b"", "signed")
@example("HEAD", "/healthz", "", [], b"", "anonymous")
@example("GET", "/lanes/r/small", "", [("If-None-Match", "*")], b"", "presigned")
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_both_lanes_answer_the_same_bytes(
    gateway, s3, lanes, method, place, written, fields, body, auth
):
    reads = method in ("GET", "HEAD", "OPTIONS")
    key = {"anonymous": None, "stranger": gateway.stranger}.get(auth, gateway.owner)
    sent = wire(
        method,
        place if reads else written,
        fields,
        b"" if reads or method == "DELETE" else body,
        key=key,
        presign=auth == "presigned",
        damage=auth == "damaged",
    )

    def forget():
        if not reads:
            for bucket in ("lanes", "lanes-open"):
                for name in ("w/k", "w/a b"):
                    s3.put_object(Bucket=bucket, Key=name, Body=b"before")

    fast, general = both(lanes, sent, method, forget)
    assert fast == general
    if reads:  # the third time it may be one of gateway.repeats
        assert [both(lanes[:1], sent, method)[0] for _ in range(2)] == [general] * 2


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/lanes/r/small", b"", 200),
        ("GET", "/lanes/r/segment", b"", 200),
        ("GET", "/lanes/r/none", b"", 404),
        ("HEAD", "/lanes/r/large", b"", 200),
        ("GET", "/lanes?list-type=2", b"", 200),
        ("PUT", "/lanes/w/hot", b"z" * 4096, 200),
        ("PUT", "/lanes/w/hot", b"z" * MOST_IN, 200),
        ("PUT", "/lanes/w/hot", b"", 200),
        ("DELETE", "/lanes/w/hot", b"", 204),
    ],
)
def test_the_fast_lane_takes_what_is_hot(gateway, lanes, taken, method, path, body, status):
    with connected(lanes[0]) as connection:
        warm(connection)
        del taken[:]
        connection.sendall(wire(method, path, (), body, gateway.owner))
        assert answer(connection, method)[0] == status
    assert taken == [method]


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /healthz HTTP/1.0\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nUpgrade: tea\r\nConnection: upgrade\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n\r\n",
        b"PUT /lanes-open/w HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"PUT /lanes-open/w HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MOST_IN + 1)
        + bytes(MOST_IN + 1),
        b"PUT /lanes-open/w HTTP/1.1\r\nHost: x\r\nx-amz-copy-source: lanes-open/r/small\r\n\r\n",
        b"OPTIONS /lanes-open/w HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
)
def test_what_is_unusual_goes_the_general_lane(lanes, taken, sent):
    with connected(lanes[0]) as connection:
        warm(connection)
        del taken[:]
        connection.sendall(sent)
        fast = answer(connection)
    with connected(lanes[1]) as connection:
        warm(connection)
        connection.sendall(sent)
        general = answer(connection)
    assert taken == []
    assert steady(fast[1]) == steady(general[1])


def test_requests_sent_together_are_answered_in_order(lanes):
    def put(text):
        head = (
            f"PUT /lanes-open/w/{text} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(text)}\r\n\r\n"
        )
        return f"{head}{text}".encode()

    def get(text):
        return f"GET /lanes-open/w/{text} HTTP/1.1\r\nHost: x\r\n\r\n".encode()

    names = [f"n{number}" for number in range(20)]
    with connected(lanes[0]) as connection:
        warm(connection)
        connection.sendall(b"".join(put(name) + get(name) for name in names))
        for name in names:
            assert answer(connection)[0] == 200
            assert answer(connection)[1].endswith(b"\r\n\r\n" + name.encode())


def test_what_comes_while_a_write_is_being_committed_waits_its_turn(lanes, taken):
    with connected(lanes[0]) as connection:
        warm(connection)
        for number in range(50):
            body = str(number).encode()
            head = (
                f"PUT /lanes-open/w/turn HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            )
            connection.sendall(head.encode() + body)
            connection.sendall(b"GET /lanes-open/w/turn HTTP/1.1\r\nHost: x\r\n\r\n")
            assert answer(connection)[0] == 200
            assert answer(connection)[1].endswith(b"\r\n\r\n" + body)
    assert "PUT" in taken


def test_a_request_may_come_a_byte_at_a_time(gateway, lanes):
    sent = wire("PUT", "/lanes/w/slow", (), b"slowly", gateway.owner)
    with connected(lanes[0]) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        warm(connection)
        for cut in range(len(sent)):
            connection.sendall(sent[cut : cut + 1])
        assert answer(connection)[0] == 200


def test_a_request_may_be_cut_anywhere(gateway, lanes):
    sent = wire("PUT", "/lanes/w/cut", (), b"in two", gateway.owner)
    with connected(lanes[0]) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        warm(connection)
        for cut in range(1, len(sent), 3):
            connection.sendall(sent[:cut])
            connection.sendall(sent[cut:])
            assert answer(connection)[0] == 200


def test_a_body_that_lets_wait_is_left_to_the_general_lane(gateway, lanes, taken, monkeypatch):
    monkeypatch.setattr(fast_lane, "PATIENCE_SECONDS", 0.0)
    sent = wire("PUT", "/lanes-open/w/late", (), b"later", None)
    with connected(lanes[0]) as connection:
        warm(connection)
        del taken[:]
        connection.sendall(sent[:-5])
        with connected(lanes[0]) as other:  # by the time it has its answers the timer has fired
            for _ in range(3):
                warm(other)
        del taken[:]
        connection.sendall(sent[-5:])
        assert answer(connection)[0] == 200
    assert taken == []


def test_a_client_that_goes_away_amid_a_body_leaves_nothing(gateway, lanes, s3):
    with connected(lanes[0]) as connection:
        warm(connection)
        connection.sendall(wire("PUT", "/lanes-open/w/gone", (), b"half of it", None)[:-3])
    with connected(lanes[0]) as connection:
        warm(connection)
        connection.sendall(b"GET /lanes-open/w/gone HTTP/1.1\r\nHost: x\r\n\r\n")
        assert answer(connection)[0] == 404


def test_a_client_that_does_not_read_is_not_written_to_without_end(lanes, s3):
    body = bytes(200 * KIB)
    s3.put_object(Bucket="lanes-open", Key="r/wide", Body=body)
    with connected(lanes[0]) as connection:
        warm(connection)
        for _ in range(60):
            connection.sendall(b"GET /lanes-open/r/wide HTTP/1.1\r\nHost: x\r\n\r\n")
        for _ in range(60):
            status, received = answer(connection)
            assert (status, len(received.partition(b"\r\n\r\n")[2])) == (200, len(body))


def test_the_seam_to_aiohttp_is_where_it_was():
    assert version("aiohttp").startswith("3.14."), "look at SEAM before another version is allowed"
    there = set(dir(web.RequestHandler)) | set(web.RequestHandler.__slots__)
    assert not set(fast_lane.SEAM) - there
    assert not set(fast_lane.SEAM_OF_BODIES) - set(StreamReader.__slots__)


async def test_a_connection_lost_as_its_request_would_begin_leaves_no_error_behind():
    async def handled(request):
        raise AssertionError

    async def steps():
        for _ in range(5):
            await asyncio.sleep(0)

    failures = []
    asyncio.get_running_loop().set_exception_handler(lambda _, told: failures.append(told))
    for begun in (True, False):
        connection = fast_lane.FastLane(web.Server(handled), None, None, {})
        connection.connection_made(Mock(get_extra_info=lambda _: None))
        if begun:
            await steps()  # it waits for requests
        connection.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        connection.connection_lost(None)
        await steps()
        del connection
    gc.collect()
    assert failures == []
