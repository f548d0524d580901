"""The wire: what only raw sockets can send, and what a server must survive."""

import asyncio
import gzip
import hashlib
import json
import logging
import os
import re
import select
import socket
import ssl
import struct
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from queue import Queue
from urllib.parse import urlsplit
from xml.etree import ElementTree

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config as ClientConfig
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from gateway import app, tls
from gateway.config import Config
from store.errors import Damaged
from store.store import Reader, Store
from tests.gateway.conftest import running
from tests.gateway.server_process import ServerProcess

HOST = b"Host: localhost\r\n"
MIB = 1024 * 1024
HEALTHY = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"


@pytest.fixture(scope="module")
def open_bucket(s3):
    """Anybody may do anything in it, so that raw requests need no signature."""
    s3.create_bucket(Bucket="open", ACL="public-read-write")
    return "open"


@pytest.fixture
def connect(gateway):
    """Raw connections, closed at the end."""
    opened = []

    def connect(to=gateway):
        opened.append(socket.create_connection((to.host, to.port), timeout=20))
        return opened[-1]

    yield connect
    for each in opened:
        each.close()


def answer(connection, method="GET"):
    """The next answer on a connection, read to its end."""
    found = HTTPResponse(connection, method=method)
    found.begin()
    found.document = found.read()
    return found


def answers(received):
    """Status lines in what a server sent."""
    return [int(each) for each in re.findall(rb"HTTP/1\.[01] (\d{3}) ", received)]


def code(document):
    return ElementTree.fromstring(document).findtext("Code")


def everything(connection):
    """All until the server closes; its reset counts as that."""
    received = b""
    try:
        while data := connection.recv(65536):
            received += data
    except ConnectionResetError:
        pass
    return received


def put_head(path="/open/k", *fields, length=5):
    lines = [f"PUT {path} HTTP/1.1", "Host: localhost", f"Content-Length: {length}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


# --- Expect ---------------------------------------------------------------------------------------


def test_leave_to_send_is_given_only_to_those_who_may_write(connect, bucket):
    connection = connect()
    connection.sendall(put_head(f"/{bucket}/k", "Expect: 100-continue"))
    received = everything(connection)  # so it is closed, and at once

    assert answers(received) == [403]
    assert b"\r\nConnection: close\r\n" in received


@pytest.mark.usefixtures("open_bucket")
def test_leave_to_send_comes_before_the_body_is_waited_for(connect, s3):
    connection = connect()
    connection.sendall(put_head("/open/expected", "Expect: 100-continue"))
    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"hello")
    assert answer(connection).status == 200
    connection.sendall(b"GET /open/expected HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer(connection).document == b"hello"


@pytest.mark.usefixtures("open_bucket")
def test_an_expectation_nobody_knows_is_ignored(gateway):
    sent = put_head("/open/k", "Expect: rabbits") + b"hello"
    assert answers(gateway.raw(sent)) == [200]


def test_a_refused_body_without_expectation_does_not_hide_the_refusal(connect, bucket):
    connection = connect()
    connection.sendall(put_head(f"/{bucket}/k", length=MIB) + b"x" * MIB)
    refusal = answer(connection)
    assert (refusal.status, code(refusal.document)) == (403, "AccessDenied")
    connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answer(connection).status == 200


@pytest.mark.usefixtures("open_bucket")
def test_many_requests_behind_a_large_body_are_all_answered(connect):
    """aiohttp's parser counted a body it had begun to read as queued for ever, and stopped."""
    connection = connect()
    for _ in range(3):
        connection.sendall(put_head("/open/k", "Expect: 100-continue", length=100_000))
        assert connection.recv(100).startswith(b"HTTP/1.1 100")
        connection.sendall(bytes(100_000) + HEALTHY * 100)
        received = b""
        while len(answers(received)) < 101:
            received += connection.recv(65536)
        assert answers(received) == [200] * 101


# --- HTTP itself ----------------------------------------------------------------------------------


def test_requests_sent_together_are_answered_in_order(connect, open_bucket):
    connection = connect()
    one = put_head("/open/piped") + b"first"
    two = b"GET /open/piped HTTP/1.1\r\n" + HOST + b"\r\n"
    three = b"HEAD /open/piped HTTP/1.1\r\n" + HOST + b"\r\n"
    four = b"GET /open/none HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    connection.sendall(one + two + three + four)
    received = everything(connection)
    assert answers(received) == [200, 200, 200, 404]
    assert received.count(b"\r\n\r\nfirst") == 1


def test_a_connection_is_kept_for_the_next_request_unless_told_otherwise(connect):
    connection = connect()
    for _ in range(3):
        connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
        assert answer(connection).document == b"ok\n"
    connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
    assert answers(everything(connection)) == [200]


def test_http_1_0_is_answered_and_closed(connect, open_bucket, s3):
    body = os.urandom(3 * MIB)
    s3.put_object(Bucket="open", Key="old", Body=body)
    connection = connect()
    connection.sendall(b"GET /open/old HTTP/1.0\r\n" + HOST + b"\r\n")
    head, _, received = everything(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 200 ")
    assert received == body


NOT_HTTP = {
    "negative length": b"PUT /open/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
    "length in exponents": b"PUT /open/k HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: 1e3\r\n\r\n",
    "empty length": b"PUT /open/k HTTP/1.1\r\nHost: localhost\r\nContent-Length: \r\n\r\n",
    "two lengths": b"PUT /open/k HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n",
    "length and chunks": b"PUT /open/k HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two hosts": b"GET /open HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
    "no host": b"GET /open HTTP/1.1\r\n\r\n",
    "bad host": b"GET /open HTTP/1.1\r\nHost: a b\r\n\r\n",
    "absolute form": b"GET http://localhost/open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "authority form": b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "no slash": b"GET open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "unknown method": b"FROB /open HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "a TLS hello": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "folded line": b"GET /open HTTP/1.1\r\nHost: localhost\r\nx-a: b\r\n c\r\n\r\n",
    "space before colon": b"GET /open HTTP/1.1\r\nHost: localhost\r\nx-a : b\r\n\r\n",
    "NUL in a value": b"GET /open HTTP/1.1\r\nHost: localhost\r\nx-a: b\x00c\r\n\r\n",
    "bare newlines": b"GET /open HTTP/1.1\nHost: localhost\n\n",
    "bad chunk size": b"PUT /open/k HTTP/1.1\r\nHost: localhost\r\n"
    b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
}


@pytest.mark.usefixtures("open_bucket")
@pytest.mark.parametrize("sent", NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_is_not_http_gets_a_short_400_with_nothing_of_it_inside(connect, sent):
    connection = connect()
    connection.sendall(sent)
    refusal = answer(connection)
    assert refusal.status == 400
    document = ElementTree.fromstring(refusal.document)
    assert document.findtext("Code") in ("BadRequest", "InvalidURI")
    assert refusal.headers["x-amz-request-id"] == document.findtext("RequestId")
    assert b"rror parsing" not in refusal.document
    assert len(refusal.document) < 400


@pytest.mark.parametrize("version", ["HTTP/2.0", "HTTP/0.9", "HTTP/1.2"])
def test_other_versions_of_http_are_not_spoken(gateway, open_bucket, version):
    refusal = gateway.raw(f"GET /open {version}\r\nHost: localhost\r\n\r\n".encode())
    assert b" 400 " in refusal[:15]
    assert code(refusal.partition(b"\r\n\r\n")[2]) == "BadRequest"


def test_an_unknown_transfer_coding_is_not_stored_as_if_it_were_the_body(gateway, open_bucket):
    sent = b"PUT /open/te HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"
    assert answers(gateway.raw(sent + b"0\r\n\r\n")) == [501]
    assert answers(gateway.raw(b"GET /open/te HTTP/1.1\r\nHost: localhost\r\n\r\n")) == [404]


TOO_LARGE = {
    "a long line": b"GET /open/" + b"k" * 17_000 + b" HTTP/1.1\r\n" + HOST,
    "a long value": b"GET /open HTTP/1.1\r\n" + HOST + b"x-a: " + b"v" * 17_000 + b"\r\n",
    "long together": b"GET /open HTTP/1.1\r\n" + HOST + (b"x-a: " + b"v" * 1000 + b"\r\n") * 20,
    "129 fields": b"GET /open HTTP/1.1\r\n" + HOST + b"x-a: v\r\n" * 128,
}


@pytest.mark.usefixtures("open_bucket")
@pytest.mark.parametrize("sent", TOO_LARGE.values(), ids=TOO_LARGE)
def test_a_head_over_the_limit_is_refused_by_name(connect, sent):
    connection = connect()
    connection.sendall(sent + b"\r\n")
    refusal = answer(connection)
    assert (refusal.status, code(refusal.document)) == (400, "RequestHeaderSectionTooLarge")


def test_128_fields_are_not_too_many(gateway, open_bucket):
    sent = b"GET /open HTTP/1.1\r\n" + HOST + b"x-a: v\r\n" * 127 + b"\r\n"
    assert answers(gateway.raw(sent)) == [200]


@pytest.mark.usefixtures("open_bucket")
@pytest.mark.parametrize("broken", [b"zz\r\n", b"0\r\n" + b"x-a: v\r\n" * 1000 + b"\r\n"])
def test_broken_framing_inside_a_body_ends_the_request_at_once(connect, s3, broken):
    connection = connect()
    sent = b"PUT /open/broken HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n"
    connection.sendall(sent + b"Expect: 100-continue\r\n\r\n")
    assert connection.recv(100).startswith(b"HTTP/1.1 100 ")  # so the body is being read
    connection.sendall(b"5\r\nhello\r\n" + broken)
    refusal = answer(connection)
    assert (refusal.status, code(refusal.document)) == (400, "IncompleteBody")
    assert connection.recv(1) == b""
    with pytest.raises(ClientError, match="404"):
        s3.head_object(Bucket="open", Key="broken")


def test_a_gzipped_body_is_stored_as_it_was_sent(gateway, open_bucket, s3):
    body = gzip.compress(b"0" * MIB)
    sent = put_head("/open/gz", "Content-Encoding: gzip", length=len(body)) + body
    assert answers(gateway.raw(sent)) == [200]
    stored = s3.get_object(Bucket="open", Key="gz")
    assert (stored["Body"].read(), stored["ContentEncoding"]) == (body, "gzip")


# --- deadlines ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """A gateway that waits for nothing."""
    with running(
        tmp_path_factory.mktemp("impatient"),
        header_seconds=0.3,
        body_idle_seconds=0.3,
        body_grace_seconds=0.1,
        keepalive_seconds=0.3,
    ) as gateway:
        s3 = gateway.client(gateway.owner)
        s3.create_bucket(Bucket="open", ACL="public-read-write")
        yield gateway


def test_a_head_that_never_ends_is_cut(connect, impatient):
    connection = connect(impatient)
    started = time.monotonic()
    connection.sendall(b"GET /open HTTP/1.1\r\n")
    assert everything(connection) == b""
    assert 0.2 < time.monotonic() - started < 5


def test_a_head_that_comes_byte_by_byte_is_cut_all_the_same(connect, impatient):
    connection = connect(impatient)
    connection.settimeout(0.02)
    received = None
    for byte in b"GET /open HTTP/1.1\r\n" + b"x-slow: loris\r\n" * 20:
        try:
            connection.sendall(bytes([byte]))
            received = connection.recv(1)
        except TimeoutError:
            continue
        except ConnectionError:
            received = b""
        break
    assert received == b""


def test_an_idle_connection_is_closed(connect, impatient):
    connection = connect(impatient)
    connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answers(everything(connection)) == [200]


def test_a_body_that_stalls_is_told_so_and_cut(connect, impatient):
    connection = connect(impatient)
    started = time.monotonic()
    connection.sendall(put_head("/open/stalled", length=100) + b"x" * 50)
    received = everything(connection)
    assert time.monotonic() - started < 5
    assert answers(received) == [400]
    assert code(received.partition(b"\r\n\r\n")[2]) == "RequestTimeout"
    assert impatient.store.entry(impatient.store.bucket("open"), b"stalled") is None


def test_a_body_below_the_least_rate_is_told_so_and_cut(connect, impatient):
    connection = connect(impatient)
    connection.sendall(put_head("/open/slow", length=100_000))
    connection.settimeout(0.05)
    received = b""
    for _ in range(200):
        try:
            connection.sendall(b"x")
            received = connection.recv(65536)
        except TimeoutError:
            continue
        break
    assert answers(received) == [400]
    assert b"<Code>RequestTimeout</Code>" in received


def test_a_handshake_that_never_ends_is_cut(tmp_path):
    certificate, key = tls.self_signed(tmp_path / "tls")
    context = tls.server_context(certificate, key)
    with running(tmp_path / "data", context, header_seconds=0.3) as gateway:
        with socket.create_connection((gateway.host, gateway.port), timeout=20) as connection:
            assert everything(connection) == b""
        trusted = ssl.create_default_context(cafile=certificate)
        with (
            socket.create_connection((gateway.host, gateway.port), timeout=20) as plain,
            trusted.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")
            assert answer(connection).status == 200


def test_a_connection_without_a_place_is_told_so_and_places_come_back(tmp_path, caplog):
    with running(tmp_path, max_connections=2) as gateway:
        gateway.client(gateway.owner).create_bucket(Bucket="open", ACL="public-read-write")
        held = [socket.create_connection((gateway.host, gateway.port), 20) for _ in range(2)]
        for each in held:
            each.sendall(put_head("/open/busy", "Expect: 100-continue", length=4))
            assert each.recv(100).startswith(b"HTTP/1.1 100")
        for _ in range(9):
            with socket.create_connection((gateway.host, gateway.port), timeout=20) as third:
                told = everything(third)
                assert answers(told) == [503]
                assert b"<Code>SlowDown</Code>" in told
                assert b"Retry-After: 1\r\n" in told
        for each in held:
            each.sendall(b"done")
            assert answer(each).status == 200
            each.close()
        assert answers(gateway.raw(HEALTHY)) == [200]
    assert len([each for each in caplog.records if "no place" in each.message]) == 1


def test_handshakes_that_never_begin_give_their_places_to_others(tmp_path):
    certificate, key = tls.self_signed(tmp_path / "tls")
    context = tls.server_context(certificate, key)
    trusted = ssl.create_default_context(cafile=certificate)
    with running(tmp_path / "data", context, max_connections=2) as gateway:
        silent = [socket.create_connection((gateway.host, gateway.port), 20) for _ in range(9)]
        with (
            socket.create_connection((gateway.host, gateway.port), timeout=20) as plain,
            trusted.wrap_socket(plain, server_hostname="localhost") as connection,
        ):
            connection.sendall(HEALTHY)
            assert answer(connection).status == 200
            for each in silent[:8]:
                assert everything(each) == b""
        for each in silent:
            each.close()


@pytest.mark.parametrize("asked", [0, 7, 1 << 30])
@pytest.mark.parametrize("descriptors", [64, 1024, 20_000])
def test_descriptors_are_kept_from_connections(monkeypatch, asked, descriptors):
    limit = descriptors + len(os.listdir("/proc/self/fd"))
    monkeypatch.setattr(app.resource, "getrlimit", lambda which: (limit, limit))
    most, backlog = app._room(Config(max_connections=asked))
    assert most == 7 if asked == 7 else most >= descriptors // 2 - 1
    assert backlog >= 16
    assert descriptors - most - backlog >= min(descriptors // 4, 1024) - 1


def test_connections_that_idle_give_their_places_to_new_ones(tmp_path):
    with running(tmp_path, max_connections=2) as gateway:
        held = [socket.create_connection((gateway.host, gateway.port), 20) for _ in range(2)]
        for each in held:
            each.sendall(HEALTHY)
            assert answer(each).status == 200
        assert answers(gateway.raw(HEALTHY)) == [200]
        assert held[0].recv(1) == b""
        held[1].sendall(HEALTHY)
        assert answer(held[1]).status == 200
        for each in held:
            each.close()


def test_one_address_has_so_many_places_unless_it_is_a_proxy(tmp_path):
    for proxies, expected in [((), 503), (("127.0.0.0/8",), 200)]:
        directory = tmp_path / str(expected)
        settings = {"max_connections_per_address": 1, "trusted_proxies": proxies}
        with (
            running(directory, **settings) as gateway,
            socket.create_connection((gateway.host, gateway.port), timeout=20) as one,
            socket.create_connection((gateway.host, gateway.port), timeout=20) as other,
        ):
            one.sendall(HEALTHY)
            assert answer(one).status == 200
            other.sendall(HEALTHY)
            assert answer(other).status == expected
            one.close()


def is_cut(connection):
    """The kernel ends it in silence: the next thing that is sent finds nobody there."""
    gone = select.poll()
    gone.register(connection, select.POLLRDHUP)
    for _ in range(100):
        if gone.poll(100):
            return True
        connection.sendall(b"\r\n")
    return False


def test_a_client_that_reads_nothing_is_cut(connect, impatient):
    s3 = impatient.client(impatient.owner)
    s3.put_object(Bucket="open", Key="large", Body=bytes(32 * 1024 * 1024), ACL="public-read")
    connection = connect(impatient)
    connection.sendall(b"GET /open/large HTTP/1.1\r\n" + HOST + b"\r\n")
    assert is_cut(connection)


@pytest.mark.parametrize("size", [200 * 1024, 4 * 1024 * 1024])
def test_pipelined_answers_that_nobody_reads_are_cut(connect, impatient, size):
    s3 = impatient.client(impatient.owner)
    s3.put_object(Bucket="open", Key="unread", Body=bytes(size), ACL="public-read")
    connection = connect(impatient)
    connection.sendall((b"GET /open/unread HTTP/1.1\r\n" + HOST + b"\r\n") * 200)
    assert is_cut(connection)


# --- clients that go away -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def process(tmp_path_factory):
    """A server of its own, whose descriptors and log can be looked at."""
    directory = tmp_path_factory.mktemp("process") / "data"
    with ServerProcess(directory, "--workers", "1", "--durability", "none") as server:
        server.ready().client().create_bucket(Bucket="open", ACL="public-read-write")
        yield server


def descriptors(server):
    return len(os.listdir(f"/proc/{server.process.pid}/fd"))


def _aborted_upload(server, *, reset):
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    with connection:
        connection.sendall(put_head("/open/gone", "Expect: 100-continue", length=4 * MIB))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 ")
        connection.sendall(b"x" * MIB)
        if reset:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _aborted_download(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(b"GET /open/large HTTP/1.1\r\n" + HOST + b"\r\n")
        connection.recv(1000)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def test_clients_that_go_away_leave_nothing_behind(process):
    s3 = process.client()
    s3.put_object(Bucket="open", Key="large", Body=os.urandom(16 * MIB))
    _aborted_upload(process, reset=True)  # what is opened once and kept is open now
    _aborted_download(process)
    process.err.wait_for("op=PutObject caller=- peer=127.0.0.1 bucket=open status=400")
    before = descriptors(process)
    for number in range(30):
        _aborted_upload(process, reset=number % 2 == 0)
        _aborted_download(process)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        log = process.err.text
        if log.count("code=IncompleteBody") == log.count("op=GetObject") == 31:
            break
        s3.list_buckets()  # the last of them may not have been noticed yet

    assert log.count("code=IncompleteBody") == log.count("op=GetObject") == 31
    assert descriptors(process) <= before + 1
    assert [each["Key"] for each in s3.list_objects_v2(Bucket="open")["Contents"]] == ["large"]
    assert "Traceback" not in log
    assert "level=error" not in log


def test_a_stop_waits_for_a_running_upload_and_takes_no_new_one(tmp_path):
    with running(tmp_path) as gateway:
        gateway.client(gateway.owner).create_bucket(Bucket="open", ACL="public-read-write")
        idle = socket.create_connection((gateway.host, gateway.port), timeout=20)
        upload = socket.create_connection((gateway.host, gateway.port), timeout=20)
        upload.sendall(put_head("/open/late", "Expect: 100-continue", length=10))
        assert upload.recv(100).startswith(b"HTTP/1.1 100 ")
        stopping = asyncio.run_coroutine_threadsafe(gateway.listening.stop(10), gateway.loop)
        assert everything(idle) == b""
        with pytest.raises(ConnectionError), closing(socket.socket()) as late:
            late.connect((gateway.host, gateway.port))
        upload.sendall(b"0123456789")
        assert answers(everything(upload)) == [200]
        stopping.result(10)
        idle.close()
        upload.close()
    with running(tmp_path) as gateway:
        sent = b"GET /open/late HTTP/1.1\r\n" + HOST + b"\r\n"
        assert gateway.raw(sent).endswith(b"\r\n\r\n0123456789")


# --- what every answer has ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/minio/health/live", "/minio/health/ready"]
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_is_told_without_credentials(gateway, path, method):
    with closing(HTTPConnection(gateway.host, gateway.port, timeout=20)) as connection:
        connection.request(method, path)
        found = connection.getresponse()
        assert (found.status, found.read()) == (200, b"ok\n" if method == "GET" else b"")


def test_a_store_that_cannot_write_is_alive_but_not_ready(gateway, monkeypatch):
    async def broken(self):
        raise OSError("disk gone: /secret/place")

    monkeypatch.setattr(Store, "ready", broken)
    assert answers(gateway.raw(b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n")) == [200]
    refusal = gateway.raw(b"GET /readyz HTTP/1.1\r\n" + HOST + b"\r\n")
    assert answers(refusal) == [500]
    assert b"secret" not in refusal


def test_every_answer_has_an_id_that_its_document_and_the_log_repeat(gateway, bucket, heard):
    with closing(HTTPConnection(gateway.host, gateway.port, timeout=20)) as connection:
        connection.request("GET", f"/{bucket}/none")
        found = connection.getresponse()
        document = ElementTree.fromstring(found.read())
    request_id = found.headers["x-amz-request-id"]
    assert re.fullmatch("[0-9A-F]{16}", request_id)
    assert document.findtext("RequestId") == request_id
    assert document.findtext("HostId") == found.headers["x-amz-id-2"]
    assert "status=403" in heard.line(f"request_id={request_id} ")
    assert found.headers["x-content-type-options"] == "nosniff"
    assert found.headers["server"] == "s3gw"


def test_a_refused_head_has_headers_and_no_body(connect, bucket):
    connection = connect()
    for path, status in ((f"/{bucket}/k", 403), ("/no-such-bucket-here", 404)):
        connection.sendall(f"HEAD {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n")
        refusal = answer(connection, "HEAD")
        assert refusal.status == status
        assert refusal.headers["x-amz-request-id"]
        assert refusal.headers["Content-Length"] in (None, "0")
    connection.settimeout(0.1)
    with pytest.raises(TimeoutError):  # nothing more has come, and nobody has closed
        connection.recv(1)


@pytest.mark.parametrize("error", [RuntimeError, Damaged])
def test_what_goes_wrong_inside_is_told_to_the_log_only(
    gateway, s3, bucket, monkeypatch, caplog, error
):
    def broken(*_, **__):
        raise error("the secret is in /var/lib/place")

    monkeypatch.setattr(Store, "entry", broken)
    with pytest.raises(ClientError) as refusal:
        s3.get_object(Bucket=bucket, Key="k")
    said = refusal.value.response
    assert said["Error"]["Code"] == "InternalError"
    assert said["Error"]["Message"] == "We encountered an internal error. Please try again."
    assert "secret" not in str(said)
    assert "/var/lib/place" in caplog.text
    assert said["ResponseMetadata"]["RequestId"] in caplog.text


def test_bytes_that_cannot_be_read_are_an_error_and_not_half_an_answer(
    gateway, s3, bucket, monkeypatch
):
    async def broken(self):
        raise Damaged("segment 7 ends before 12")
        yield b""

    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * MIB)
    monkeypatch.setattr(Reader, "__aiter__", broken)
    with pytest.raises(ClientError, match="InternalError") as refusal:
        s3.get_object(Bucket=bucket, Key="k")
    assert "segment" not in str(refusal.value.response)


def test_bytes_that_cannot_be_read_later_on_cut_the_answer(gateway, s3, bucket, monkeypatch):
    async def broken(self):
        yield b"x" * 100
        raise Damaged("segment 7 ends before 12")

    s3.put_object(Bucket=bucket, Key="k", Body=b"x" * MIB)
    url = urlsplit(s3.generate_presigned_url("get_object", {"Bucket": bucket, "Key": "k"}))
    monkeypatch.setattr(Reader, "__aiter__", broken)
    sent = f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: {url.netloc}\r\n\r\n"
    head, _, body = gateway.raw(sent.encode(), until_close=True).partition(b"\r\n\r\n")
    assert f"Content-Length: {MIB}".lower().encode() in head.lower()
    assert len(body) < MIB


# --- the log --------------------------------------------------------------------------------------


class Heard(logging.Handler):
    """What is logged, line by line: a line may come after its answer has arrived."""

    def __init__(self):
        super().__init__(logging.DEBUG)
        self._lines = Queue()

    def emit(self, record):
        self._lines.put(record.getMessage())

    def line(self, text):
        """The next line with this text in it."""
        while text not in (line := self._lines.get(timeout=20)):
            pass
        return line


@pytest.fixture
def heard():
    log, handler = logging.getLogger("s3gw.gateway"), Heard()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield handler
    log.setLevel(level)
    log.removeHandler(handler)


LINE = re.compile(
    r"request_id=[0-9A-F]{16} op=(?P<op>\w+) caller=(?P<caller>\S+) peer=127\.0\.0\.1"
    r" bucket=(?P<bucket>\S+) status=(?P<status>\d{3}) code=(?P<code>\S+)"
    r" bytes_in=(?P<bytes_in>\d+) bytes_out=(?P<bytes_out>\d+) ms=\d+(\.\d+)?"
)


def test_each_request_leaves_one_line_that_says_what_happened(gateway, s3, bucket, heard):
    s3.put_object(Bucket=bucket, Key="k", Body=b"12345")
    s3.get_object(Bucket=bucket, Key="k")["Body"].read()
    gateway.raw(f"GET /{bucket}/k HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    gateway.raw(b"nonsense\r\n\r\n")
    said = [
        LINE.fullmatch(heard.line(op)).groupdict()
        for op in ("op=PutObject", "op=GetObject", "op=GetObject")
    ]
    owner = {"caller": gateway.owner.key, "bucket": bucket}
    assert said[0] == owner | {
        "op": "PutObject", "status": "200", "code": "-", "bytes_in": "5", "bytes_out": "0"
    }  # fmt: skip
    assert said[1] == owner | {
        "op": "GetObject", "status": "200", "code": "-", "bytes_in": "0", "bytes_out": "5"
    }  # fmt: skip
    assert (said[2]["caller"], said[2]["status"], said[2]["code"]) == ("-", "403", "AccessDenied")
    assert "bucket=- status=400" in heard.line("code=BadRequest")


def test_the_log_can_be_json(tmp_path, heard):
    with running(tmp_path, log_format="json") as gateway:
        gateway.client(gateway.owner).create_bucket(Bucket="mine")
        line = json.loads(heard.line("CreateBucket"))
    assert line.pop("ms") >= 0
    assert re.fullmatch("[0-9A-F]{16}", line.pop("request_id"))
    assert line == {
        "op": "CreateBucket",
        "caller": gateway.owner.key,
        "peer": "127.0.0.1",
        "bucket": "mine",
        "status": 200,
        "code": "-",
        "bytes_in": 0,
        "bytes_out": 0,
    }


def test_no_secret_and_no_signature_is_ever_logged(gateway, s3, bucket, caplog):
    caplog.set_level(logging.DEBUG, "s3gw")
    caplog.set_level(logging.DEBUG, "aiohttp")
    signatures = []
    for version in ("s3", "s3v4"):
        url = _presigner(gateway, version).generate_presigned_url(
            "get_object", {"Bucket": bucket, "Key": "k"}
        )
        signatures.append(re.search("Signature=([^&]+)", url)[1])
        for query in (urlsplit(url).query, urlsplit(url).query + "0"):
            gateway.raw(f"GET /{bucket}/k?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    heads = []
    s3.meta.events.register("before-send.s3", lambda request, **_: heads.append(request.headers))
    s3.put_object(Bucket=bucket, Key="k", Body=b"body of the object", Metadata={"m": "confided"})
    signatures.append(re.search("Signature=(.*)", str(heads[0]["Authorization"]))[1].rstrip("'"))
    for secret in (gateway.owner.secret, "body of the object", "confided", *signatures):
        assert secret not in caplog.text


def _presigner(gateway, version):
    return gateway.client(gateway.owner, config=ClientConfig(signature_version=version))


def test_a_log_line_cannot_be_forged_from_a_bucket_name(gateway, heard):
    forged = "x%20status=200%0Arequest_id=0"
    gateway.raw(f"GET /{forged}/k HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    line = heard.line('bucket="x status=200\\nrequest_id=0"')
    assert "\n" not in line


# --- CORS -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browsed(tmp_path_factory):
    with running(
        tmp_path_factory.mktemp("browsed"),
        cors_allow_origin=("https://app.example",),
        cors_allow_methods=("GET", "PUT"),
        cors_allow_headers=("range",),
        cors_expose_headers=("ETag", "Cid"),
    ) as gateway:
        s3 = gateway.client(gateway.owner)
        s3.create_bucket(Bucket="open", ACL="public-read")
        s3.put_object(Bucket="open", Key="k", Body=b"shown")
        yield gateway


def _ask(gateway, method, origin, **fields):
    with closing(HTTPConnection(gateway.host, gateway.port, timeout=20)) as connection:
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        connection.request(method, "/open/k", headers={"Origin": origin} | named)
        found = connection.getresponse()
        found.document = found.read()
        return found


def test_a_preflight_is_answered_without_credentials(browsed):
    found = _ask(
        browsed,
        "OPTIONS",
        "https://app.example",
        Access_Control_Request_Method="PUT",
        Access_Control_Request_Headers="Range",
    )
    assert (found.status, found.document) == (200, b"")
    assert found.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert found.headers["Access-Control-Allow-Methods"] == "GET, PUT"
    assert found.headers["Access-Control-Allow-Headers"] == "range"


def test_a_preflight_from_elsewhere_is_refused(browsed):
    found = _ask(browsed, "OPTIONS", "https://evil.example", Access_Control_Request_Method="GET")
    assert (found.status, code(found.document)) == (403, "AccessForbidden")
    assert found.headers["Access-Control-Allow-Origin"] is None


def test_an_answer_is_shown_to_the_scripts_of_an_allowed_origin_only(browsed):
    shown = _ask(browsed, "GET", "https://app.example")
    assert shown.document == b"shown"
    assert shown.headers["Access-Control-Allow-Origin"] == "https://app.example"
    assert shown.headers["Access-Control-Expose-Headers"] == "ETag, Cid"
    hidden = _ask(browsed, "GET", "https://evil.example")
    assert hidden.headers["Access-Control-Allow-Origin"] is None
    assert "Origin" in hidden.headers["Vary"]


# --- addressing -----------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["localhost", "s3.localhost", "LOCALHOST:1234", "localhost."])
def test_the_host_header_can_name_the_bucket(gateway, open_bucket, s3, base):
    s3.put_object(Bucket="open", Key="a/b c", Body=b"by host")
    sent = f"GET /a/b%20c HTTP/1.1\r\nHost: open.{base}\r\n\r\n"
    assert gateway.raw(sent.encode()).endswith(b"\r\n\r\nby host")
    listing = gateway.raw(f"GET /?list-type=2 HTTP/1.1\r\nHost: open.{base}\r\n\r\n".encode())
    assert b"<Name>open</Name>" in listing


def test_boto3_signs_for_the_host_that_names_the_bucket(gateway, bucket, s3):
    """As boto3 does with addressing_style virtual; the resolver's part is played by hand."""
    asked = AWSRequest("PUT", f"http://{bucket}.localhost:{gateway.port}/a%20b", data=b"virtual")
    asked.headers["Content-Length"] = "7"
    credentials = Credentials(gateway.owner.key, gateway.owner.secret)
    S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(asked)
    lines = "".join(f"{name}: {value}\r\n" for name, value in asked.headers.items())
    sent = f"PUT /a%20b HTTP/1.1\r\nHost: {bucket}.localhost:{gateway.port}\r\n{lines}\r\nvirtual"
    assert answers(gateway.raw(sent.encode())) == [200]
    assert s3.get_object(Bucket=bucket, Key="a b")["Body"].read() == b"virtual"
    elsewhere = sent.replace(f"Host: {bucket}.", "Host: other.")
    assert answers(gateway.raw(elsewhere.encode())) == [403]


# --- the owner a client expects -------------------------------------------------------------------


def test_the_expected_owner_may_be_named_by_key_or_canonical_id(gateway, s3, bucket):
    canonical = hashlib.sha256(gateway.owner.key.encode()).hexdigest()
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ExpectedBucketOwner=gateway.owner.key)
    s3.get_object(Bucket=bucket, Key="k", ExpectedBucketOwner=canonical)
    s3.head_bucket(Bucket=bucket, ExpectedBucketOwner=canonical)


@pytest.mark.parametrize("other", ["111122223333", "", "stranger"])
def test_a_bucket_of_another_owner_than_expected_is_not_touched(gateway, s3, bucket, other):
    s3.put_object(Bucket=bucket, Key="k", Body=b"mine")
    expected = gateway.stranger.key if other == "stranger" else other
    for call, rest in (
        (s3.put_object, {"Key": "k", "Body": b"other"}),
        (s3.get_object, {"Key": "k"}),
        (s3.delete_object, {"Key": "k"}),
        (s3.list_objects_v2, {}),
        (s3.put_bucket_acl, {"ACL": "public-read"}),
    ):
        with pytest.raises(ClientError, match="AccessDenied"):
            call(Bucket=bucket, ExpectedBucketOwner=expected, **rest)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"mine"


def test_the_owner_of_a_copys_source_can_be_expected_too(gateway, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"mine")
    copy = {"Bucket": bucket, "Key": "copy", "CopySource": {"Bucket": bucket, "Key": "k"}}
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.copy_object(**copy, ExpectedSourceBucketOwner=gateway.stranger.key)
    s3.copy_object(**copy, ExpectedSourceBucketOwner=gateway.owner.key)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="copy")
    part = copy | {"UploadId": upload["UploadId"], "PartNumber": 1}
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.upload_part_copy(**part, ExpectedSourceBucketOwner=gateway.stranger.key)
    s3.upload_part_copy(**part, ExpectedSourceBucketOwner=gateway.owner.key)


# --- many at once ---------------------------------------------------------------------------------


def test_many_connections_at_once_get_each_its_own_answer(gateway, open_bucket, s3):
    bodies = {f"many/{n}": os.urandom(1000 + n) for n in range(64)}

    def round_trip(item):
        key, body = item
        sent = put_head(f"/open/{key}", length=len(body)) + body
        assert answers(gateway.raw(sent)) == [200]
        return gateway.raw(f"GET /open/{key} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    with ThreadPoolExecutor(32) as pool:
        for body, received in zip(
            bodies.values(), pool.map(round_trip, bodies.items()), strict=True
        ):
            assert received.partition(b"\r\n\r\n")[2] == body
