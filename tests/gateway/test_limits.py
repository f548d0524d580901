"""How many requests a second are let through, by real sockets and by the meter alone."""

import os
import re
import socket
import time
from collections.abc import Callable
from dataclasses import replace

import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError

from gateway import limits
from gateway.config import Config
from gateway.limits import Limits, Meter
from tests.gateway.conftest import running
from tests.gateway.server_process import ServerProcess

SLOW = 0.01
"""A second: a burst of one, and then nothing for the time of a test."""
ONCE = {"retries": {"total_max_attempts": 1}}


@pytest.fixture
def clock(monkeypatch):
    """What the meters take for the time; ``clock(n)`` lets n seconds pass."""
    now = [1000.0]
    monkeypatch.setattr(limits, "monotonic", lambda: now[0])

    def passing(seconds: float) -> None:
        now[0] += seconds

    return passing


def let_through(meter: Meter, name: str, times: int) -> int:
    return sum(meter.take(name) == 0 for _ in range(times))


def test_a_burst_is_let_through_then_the_rate(clock: Callable[[float], None]):
    meter = Meter(10)
    assert let_through(meter, "one", 100) == 20
    assert meter.take("one") == pytest.approx(0.1, abs=1e-4)
    assert let_through(meter, "other", 100) == 20
    clock(0.5)
    assert let_through(meter, "one", 100) == 5
    clock(3600)
    assert let_through(meter, "one", 100) == 20


def test_a_rate_below_one_a_burst_lets_one_through(clock: Callable[[float], None]):
    meter = Meter(0.1)
    assert let_through(meter, "one", 3) == 1
    assert meter.take("one") == pytest.approx(10, abs=1e-4)
    clock(10.001)
    assert let_through(meter, "one", 3) == 1


def test_a_flood_of_names_holds_nobody_up():
    meter = Meter(1)
    for number in range(2000):
        for _ in range(3):
            meter.take(f"198.51.{number}")
    assert sum(meter.take(f"203.0.113.{n}") == 0 for n in range(100)) >= 98


def test_all_processes_that_are_forked_have_one_meter():
    meter = Meter(SLOW)
    pid = os.fork()
    if pid == 0:
        os._exit(0 if meter.take("one") == 0 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert meter.take("one") > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::2:3:4:5", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
    ],
)
def test_an_address_is_what_one_sender_has(one, other, same):
    limited = Limits(Config(rate_per_address=SLOW))
    limited.request(one)
    if same:
        with pytest.raises(limits.SlowDown):
            limited.request(other)
    else:
        limited.request(other)


def test_nothing_is_limited_unless_it_is_said():
    assert Limits.of(Config()) is None
    Limits(Config()).caller("", "192.0.2.1")


def refused(call: Callable[..., object], **asked: object) -> dict:
    with pytest.raises(ClientError) as caught:
        call(**asked)
    return caught.value.response


def check_slow_down(response: dict) -> None:
    assert response["Error"]["Code"] == "SlowDown"
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert int(response["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) in range(1, 101)


def test_a_key_that_asks_too_often_is_told_to_slow_down(tmp_path):
    with running(tmp_path, rate_per_key=SLOW) as gateway:
        s3 = gateway.client(gateway.owner, config=ClientConfig(**ONCE))
        s3.create_bucket(Bucket="limited")
        for call, asked in [
            (s3.list_objects_v2, {}),
            (s3.put_object, {"Key": "small", "Body": b"x"}),
            (s3.put_object, {"Key": "large", "Body": bytes(1 << 20)}),
            (s3.get_object, {"Key": "small"}),
            (s3.create_multipart_upload, {"Key": "parts"}),
        ]:
            check_slow_down(refused(call, Bucket="limited", **asked))
        other = gateway.client(gateway.stranger, config=ClientConfig(**ONCE))
        assert other.list_buckets()["Buckets"] == []
        anonymous = gateway.raw(b"GET /limited HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert anonymous.startswith(b"HTTP/1.1 403")


def test_an_address_that_asks_too_often_is_told_so_but_not_by_health_checks(tmp_path):
    with running(tmp_path, rate_per_address=SLOW) as gateway:
        assert gateway.raw(b"GET /b HTTP/1.1\r\nHost: localhost\r\n\r\n")[9:12] == b"404"
        told = gateway.raw(b"GET /b HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 503 ")
        assert b"<Code>SlowDown</Code>" in told
        assert re.search(rb"\r\nRetry-After: (100|99)\r\n", told)
        for _ in range(3):
            assert gateway.raw(b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n")[9:12] == b"200"


def asking(*forwarded: str) -> bytes:
    fields = "".join(f"X-Forwarded-For: {each}\r\n" for each in forwarded)
    return f"GET /b HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()


@pytest.mark.parametrize(("trusted", "expected"), [("127.0.0.0/8", b"404"), ("::1", b"503")])
def test_what_a_proxy_says_of_its_clients_counts_if_it_is_trusted(tmp_path, trusted, expected):
    settings = {"rate_per_address": SLOW, "trusted_proxies": (trusted,)}
    with running(tmp_path, **settings) as gateway:
        assert gateway.raw(asking("198.51.100.1"))[9:12] == b"404"
        assert gateway.raw(asking("198.51.100.2"))[9:12] == expected
        assert gateway.raw(asking("198.51.100.9, 198.51.100.1"))[9:12] == b"503"


def test_strangers_are_limited_and_hold_up_nobody_who_signs(tmp_path):
    with running(tmp_path, rate_per_stranger=SLOW) as gateway:
        s3 = gateway.client(gateway.owner, config=ClientConfig(**ONCE))
        s3.create_bucket(Bucket="limited", ACL="public-read")
        wrong = gateway.client(replace(gateway.owner, secret="0" * 40), config=ClientConfig(**ONCE))
        assert refused(wrong.list_buckets)["Error"]["Code"] == "SignatureDoesNotMatch"
        check_slow_down(refused(wrong.list_buckets))
        told = gateway.raw(b"GET /limited HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert told.startswith(b"HTTP/1.1 503 ")
        for _ in range(3):
            s3.list_objects_v2(Bucket="limited")


def test_workers_have_one_limit_between_them(tmp_path):
    settings = {"S3GW_RATE_PER_ADDRESS": "5", "S3GW_WORKERS": "2"}
    with ServerProcess(tmp_path, **settings).ready() as server:

        def asked() -> bytes:
            with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
                connection.sendall(b"GET /b HTTP/1.1\r\nHost: localhost\r\n\r\n")
                return connection.recv(100)[9:12]

        began = time.monotonic()
        said = [asked() for _ in range(60)]
        most = 10 + 5 * (time.monotonic() - began) + 2
        assert 10 <= said.count(b"404") <= most
        assert said.count(b"404") + said.count(b"503") == 60
