"""Large bodies over real sockets: taken straight off the wire, and the connection lives on."""

import asyncio
import gc
import hashlib
import os
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPResponse
from types import SimpleNamespace
from xml.etree import ElementTree

import pytest

from gateway import receiving, wire_body
from gateway.auth.body import GuardedBody
from tests.gateway.auth.test_on_the_wire import signed, signed_chunks
from tests.gateway.conftest import running

MIB = 1024 * 1024
HOST = b"Host: localhost\r\n"


@pytest.fixture(scope="module")
def open_bucket(gateway, s3):
    """Anybody may do anything in it, so that raw requests need no signature."""
    s3.create_bucket(Bucket="large", ACL="public-read-write")
    return gateway


@pytest.fixture
def taken(monkeypatch):
    """How many bytes were still to come of each body that was taken off aiohttp's hands."""
    real, counts = wire_body.take_over, []

    def take_over(request, *rest):
        made = real(request, *rest)
        if made is not None:
            counts.append(made._left)
        return made

    monkeypatch.setattr(wire_body, "take_over", take_over)
    return counts


def connected(to):
    connection = socket.create_connection((to.host, to.port), timeout=20)
    return closing(connection)


def put(key, body, *fields, length=None):
    head = [f"PUT /large/{key} HTTP/1.1", "Host: localhost"]
    head += [f"Content-Length: {len(body) if length is None else length}", *fields, "", ""]
    return "\r\n".join(head).encode() + body


def get(key):
    return f"GET /large/{key} HTTP/1.1\r\n".encode() + HOST + b"\r\n"


def answer(connection):
    found = HTTPResponse(connection)
    found.begin()
    found.document = found.read()
    return found


def next_document(answers):
    """What the next of several answers brings."""
    assert answers.readline() == b"HTTP/1.1 200 OK\r\n"
    fields = dict(line.split(b": ", 1) for line in iter(answers.readline, b"\r\n"))
    return answers.read(int(fields[b"Content-Length"]))


def code(found):
    return ElementTree.fromstring(found.document).findtext("Code")


def unsigned_chunks(body, step=MIB):
    pieces = [body[at : at + step] for at in range(0, len(body), step)]
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


# --- memory ---------------------------------------------------------------------------------------


def bodies_alive():
    kinds = (wire_body.WireBody, receiving.Receiving, GuardedBody)
    return {id(each) for each in gc.get_objects() if isinstance(each, kinds)}


def bodies_left(to, before):
    """Bodies that are still alive when the loop has had its time to end requests."""
    deadline = time.monotonic() + 10
    while bodies_alive() - before and time.monotonic() < deadline:
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), to.loop).result()
    return bodies_alive() - before


@pytest.fixture
def before():
    """Bodies of other tests, for which the garbage collector is off."""
    gc.collect()
    gc.disable()
    yield bodies_alive()
    gc.enable()


@pytest.mark.parametrize("size", [100_000, 400_000, 3 * MIB])
@pytest.mark.parametrize("way", ["whole", "broken off", "in chunks"])
def test_a_body_is_forgotten_with_its_request(open_bucket, before, size, way):
    """In a circle it would stay, with up to a megabyte, until the collector comes by."""
    body = os.urandom(size)
    with connected(open_bucket) as connection:
        if way == "in chunks":
            fields = ("Transfer-Encoding: chunked",)
            head = ["PUT /large/forgotten HTTP/1.1", "Host: localhost", *fields, "", ""]
            connection.sendall("\r\n".join(head).encode() + unsigned_chunks(body, 65_536))
        else:
            connection.sendall(put("forgotten", b"", length=size))
            connection.sendall(body[:16_500])
            connection.sendall(body[16_500:] if way == "whole" else body[16_500 : size // 2])
        if way == "broken off":
            connection.shutdown(socket.SHUT_WR)
            with suppress(ConnectionError):
                while connection.recv(MIB):  # to the end: then the gateway knows of all this
                    pass
        else:
            assert answer(connection).status in (200, 411)

    assert not bodies_left(open_bucket, before)


# --- the way in -----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [300_000, MIB, 5 * MIB + 1])
def test_a_large_body_comes_straight_off_the_wire(open_bucket, size, taken):
    body = os.urandom(size)
    with connected(open_bucket) as connection:
        connection.sendall(put("straight", b"", length=size))
        connection.sendall(body[:70_000])
        for at in range(70_000, size, 333_333):
            connection.sendall(body[at : at + 333_333])
        stored = answer(connection)
        assert stored.status == 200
        assert stored.headers["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
        connection.sendall(get("straight"))
        assert answer(connection).document == body
    # Of the small one too much may have come with the head.
    assert taken or size < MIB
    assert all(receiving.LEAST_BYTES <= left < size for left in taken)


def test_what_is_sent_behind_a_large_body_is_the_next_request(open_bucket, taken):
    bodies = [os.urandom(2 * MIB + n) for n in range(3)]
    sent = b"".join(put(f"behind-{n}", body) + get(f"behind-{n}") for n, body in enumerate(bodies))
    with connected(open_bucket) as connection, ThreadPoolExecutor(1) as sender:
        sending = sender.submit(connection.sendall, sent)
        answers = connection.makefile("rb")
        for body in bodies:
            assert next_document(answers) == b""
            assert next_document(answers) == body
        sending.result()
    assert len(taken) == 3


def test_leave_to_send_comes_before_a_large_body(open_bucket, taken):
    body = os.urandom(3 * MIB)
    with connected(open_bucket) as connection:
        connection.sendall(put("expected", b"", "Expect: 100-continue", length=len(body)))
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(body)
        assert answer(connection).status == 200
        connection.sendall(get("expected"))
        assert answer(connection).document == body
    assert taken


def test_a_body_of_untold_length_is_left_to_aiohttp(open_bucket, taken):
    body = os.urandom(3 * MIB)
    with connected(open_bucket) as connection:
        head = b"PUT /large/untold HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head + unsigned_chunks(body))
        assert answer(connection).status == 200
        connection.sendall(get("untold"))
        assert answer(connection).document == body
    assert not taken


def test_a_body_under_tls_is_left_to_aiohttp():
    request = SimpleNamespace(
        content=None, protocol=None, content_length=MIB, transport=object(), secure=True
    )
    assert receiving.take_over(request, 1, lambda _: False) is None


def test_a_large_body_in_unsigned_chunks_loses_its_framing(open_bucket, taken):
    body = os.urandom(3 * MIB + 5)
    fields = [
        "x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        f"x-amz-decoded-content-length: {len(body)}",
        "content-encoding: aws-chunked",
    ]
    with connected(open_bucket) as connection:
        connection.sendall(put("unsigned", unsigned_chunks(body), *fields))
        assert answer(connection).status == 200
        connection.sendall(get("unsigned"))
        assert answer(connection).document == body
    assert taken


# --- signed chunks --------------------------------------------------------------------------------


def streaming(gateway, key, body, step=65_536):
    chunks = [body[at : at + step] for at in range(0, len(body), step)]
    headers, signer = signed(
        gateway,
        "PUT",
        f"/large/{key}",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        x_amz_decoded_content_length=str(len(body)),
        content_encoding="aws-chunked",
    )
    wire = signed_chunks(signer, chunks)
    head = [f"PUT /large/{key} HTTP/1.1", f"content-length: {len(wire)}"]
    head += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*head, "", ""]).encode(), wire


def test_large_signed_chunks_are_stored_without_their_framing(open_bucket, taken):
    body = os.urandom(4 * MIB + 7)
    with connected(open_bucket) as connection:
        connection.sendall(b"".join(streaming(open_bucket, "signed", body)))
        assert answer(connection).status == 200
        connection.sendall(get("signed"))
        assert answer(connection).document == body
    assert taken


@pytest.mark.parametrize("where", [0.01, 0.5, 0.99])
def test_a_flipped_bit_in_large_signed_chunks_stores_nothing(open_bucket, where):
    body = os.urandom(4 * MIB)
    head, wire = streaming(open_bucket, "flipped", body)
    at = wire.index(body[int(len(body) * where) :][:100])
    with connected(open_bucket) as connection, ThreadPoolExecutor(1) as sender:
        wrong = wire[:at] + bytes([wire[at] ^ 1]) + wire[at + 1 :]
        sending = sender.submit(connection.sendall, head + wrong)
        refused = answer(connection)
        assert (refused.status, code(refused)) == (403, "SignatureDoesNotMatch")
        sending.result()  # the rest went to waste
        connection.sendall(get("flipped"))
        assert answer(connection).status == 404


# --- clients that break off -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def impatient(tmp_path_factory):
    """A gateway that waits for nothing."""
    limits = {"body_idle_seconds": 0.3, "body_bytes_per_second": 1_000_000}
    limits["body_grace_seconds"] = 0.1
    with running(tmp_path_factory.mktemp("impatient"), **limits) as gateway:
        gateway.client(gateway.owner).create_bucket(Bucket="large", ACL="public-read-write")
        yield gateway


def test_a_large_body_that_stalls_is_told_so_and_cut(impatient, taken):
    with connected(impatient) as connection:
        connection.sendall(put("stalled", os.urandom(MIB), length=4 * MIB))
        refused = answer(connection)
        assert (refused.status, code(refused)) == (400, "RequestTimeout")
        assert connection.recv(1) == b""
    assert taken
    assert impatient.store.entry(impatient.store.bucket("large"), b"stalled") is None


def test_a_large_body_below_the_least_rate_is_told_so_and_cut(impatient, taken):
    stop = threading.Event()

    def trickle(connection):
        while not stop.wait(0.05):
            connection.sendall(b"x")

    with connected(impatient) as connection, ThreadPoolExecutor(1) as sender:
        connection.sendall(put("slow", os.urandom(100_000), length=4 * MIB))
        sending = sender.submit(trickle, connection)
        refused = answer(connection)
        stop.set()
        assert sending.exception() is None or isinstance(sending.exception(), OSError)
        assert (refused.status, code(refused)) == (400, "RequestTimeout")
    assert taken


def test_a_client_that_goes_away_leaves_nothing(open_bucket, taken):
    store = open_bucket.store
    for _ in range(3):
        with connected(open_bucket) as connection:
            connection.sendall(put("gone", os.urandom(2 * MIB), length=9 * MIB))
    with connected(open_bucket) as connection:
        connection.sendall(get("gone"))
        assert answer(connection).status == 404
    assert store.entry(store.bucket("large"), b"gone") is None


async def test_a_buffer_is_let_go_of_when_its_body_is_cancelled():
    class Transport:
        def __init__(self):
            self.reading = True

        def pause_reading(self):
            self.reading = False

        def resume_reading(self):
            self.reading = True

        def set_protocol(self, protocol):
            self.protocol = protocol

    class Connection:
        transport = Transport()

    taking = receiving.Receiving(Connection(), None, 1000, 10, lambda _: False)
    room = memoryview(bytearray(100))
    task = asyncio.create_task(taking.fill(room))
    await asyncio.sleep(0)
    assert Connection.transport.reading
    taking.get_buffer(0)[:3] = b"abc"
    taking.buffer_updated(3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not Connection.transport.reading
    taking.release()
    assert Connection.transport.reading
    taking.get_buffer(0)[:3] = b"xyz"
    assert bytes(room[:6]) == b"abc\0\0\0"


# --- fairness -------------------------------------------------------------------------------------


def test_small_reads_are_not_kept_waiting_by_large_writes(open_bucket):
    stop = threading.Event()

    def write(key):
        bodies = [os.urandom(32 * MIB) for _ in range(2)]
        with connected(open_bucket) as connection:
            written = 0
            while not stop.is_set():
                connection.sendall(put(key, bodies[written % 2]))
                assert answer(connection).status == 200
                written += 1
        return written

    with connected(open_bucket) as connection, ThreadPoolExecutor(2) as pool:
        connection.sendall(put("small", os.urandom(4096)))
        assert answer(connection).status == 200
        writing = [pool.submit(write, f"beside-{n}") for n in range(2)]
        waits = []
        began = time.perf_counter()
        while time.perf_counter() - began < 1.5:
            asked = time.perf_counter()
            connection.sendall(get("small"))
            assert len(answer(connection).document) == 4096
            waits.append(time.perf_counter() - asked)
        stop.set()
        assert all(each.result() for each in writing)
    assert sorted(waits)[len(waits) * 99 // 100] < 0.25
