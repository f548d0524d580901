"""A head that comes again byte for byte is answered as if it came for the first time."""

import asyncio
import re
import socket
from contextlib import closing
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from gateway import repeats
from gateway.repeats import Repeats
from tests.gateway.conftest import running

BUCKET, OPEN = "repeated", "repeated-open"
OWN = re.compile(
    rb"(?i)(\r\nx-amz-request-id: |\r\nx-amz-id-2: |\r\ndate: |<RequestId>|<HostId>|<ServerTime>)"
    rb"[^\r<]*"
)


@pytest.fixture(autouse=True, scope="module")
def buckets(s3):
    s3.create_bucket(Bucket=BUCKET)
    s3.create_bucket(Bucket=OPEN, ACL="public-read-write")


@pytest.fixture
def again(monkeypatch):
    """What was answered without the pipeline."""
    seen = []
    answer = Repeats.answer

    def noted(self, repeat, peer):
        answered = answer(self, repeat, peer)
        seen.extend([repeat] if answered else [])
        return answered

    monkeypatch.setattr(Repeats, "answer", noted)
    return seen


class Client:
    """One connection, and whole answers without what is their own."""

    def __init__(self, gateway):
        self._socket = socket.create_connection((gateway.host, gateway.port), timeout=20)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def close(self):
        self._socket.close()

    def send(self, *pieces):
        for piece in pieces:
            self._socket.sendall(piece)

    def answer(self, *, head=False):
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        length = re.search(rb"(?i)\r\ncontent-length: (\d+)", received)
        missing = 0 if head or not length else int(length[1])
        while len(received.partition(b"\r\n\r\n")[2]) < missing:
            received += self._more()
        return OWN.sub(rb"\1", received)

    def ask(self, sent):
        self.send(sent)
        return self.answer(head=sent.startswith(b"HEAD"))

    def _more(self):
        data = self._socket.recv(1)
        assert data, "closed"
        return data


@pytest.fixture
def client(gateway):
    with closing(Client(gateway)) as one:
        one.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")  # aiohttp may not wait for the first
        yield one


def plain(gateway, method, path, *fields):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {gateway.host}:{gateway.port}", *fields]
    return "\r\n".join([*lines, "", ""]).encode()


def presigned(gateway, method, key, by=None, expires=600):
    by = by or gateway.owner
    request = AWSRequest(method, f"{gateway.url}/{BUCKET}/{key}")
    credentials = Credentials(by.key, by.secret)
    S3SigV4QueryAuth(credentials, "s3", "us-east-1", expires=expires).add_auth(request)
    return plain(gateway, method, request.url.removeprefix(gateway.url))


@pytest.fixture
def clock(gateway):
    """Sets the gateway's clock that much ahead."""
    fast = gateway.listening._server.fast
    before = fast.clock

    def ahead(by):
        object.__setattr__(fast, "clock", lambda: datetime.now(UTC) + by)

    yield ahead
    object.__setattr__(fast, "clock", before)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("how", ["presigned", "anonymous"])
def test_what_comes_again_gets_the_same_bytes(gateway, s3, client, again, method, how):
    for bucket in (BUCKET, OPEN):
        s3.put_object(Bucket=bucket, Key="same", Body=b"abc", Metadata={"a": "b"})
    sent = presigned(gateway, method, "same")
    if how == "anonymous":
        sent = plain(gateway, method, f"/{OPEN}/same", "User-Agent: x", "Accept: */*")
    first = client.ask(sent)
    assert first.startswith(b"HTTP/1.1 200 ")
    for _ in range(5):
        assert client.ask(sent) == first
    assert len(again) >= 2


def test_what_an_sdk_signs_in_a_header_is_not_kept(gateway, s3, client, again):
    s3.put_object(Bucket=BUCKET, Key="sdk", Body=b"abc")
    request = AWSRequest("GET", f"{gateway.url}/{BUCKET}/sdk")
    credentials = Credentials(gateway.owner.key, gateway.owner.secret)
    S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(request)
    fields = [f"{name}: {value}" for name, value in request.headers.items()]
    sent = plain(gateway, "GET", f"/{BUCKET}/sdk", *fields)
    for _ in range(5):
        assert client.ask(sent).startswith(b"HTTP/1.1 200 ")
    assert not again


def test_a_change_is_seen_at_once(gateway, s3, client, again):
    sent = presigned(gateway, "GET", "new")
    for number in range(20):
        s3.put_object(Bucket=BUCKET, Key="new", Body=b"%d" % number)
        for _ in range(3):
            assert client.ask(sent).endswith(b"\r\n\r\n%d" % number)
    s3.delete_object(Bucket=BUCKET, Key="new")
    assert client.ask(sent).startswith(b"HTTP/1.1 404 ")
    assert again


def test_a_presigned_url_ends_when_it_ends(gateway, s3, client, again, clock):
    s3.put_object(Bucket=BUCKET, Key="ends", Body=b"abc")
    sent = presigned(gateway, "GET", "ends", expires=1000)
    for seconds, status in (
        (0, 200),
        (0, 200),
        (0, 200),
        (0, 200),
        (990, 200),
        (1005, 403),
        (-901, 403),
    ):
        clock(timedelta(seconds=seconds))
        del again[:]
        answer = client.ask(sent)
        assert answer.startswith(b"HTTP/1.1 %d " % status), seconds
    assert not again
    assert b"Request is not valid yet" in answer
    clock(timedelta(0))
    assert client.ask(sent).startswith(b"HTTP/1.1 200 ")
    assert len(again) == 1


@pytest.mark.parametrize("change", ["disable", "reset", "delete"])
def test_a_key_that_is_no_longer_good_reads_nothing(gateway, s3, client, again, change):
    key = gateway.keys.generate()
    s3.put_object(Bucket=BUCKET, Key="keyed", Body=b"abc", ACL="public-read")
    sent = presigned(gateway, "GET", "keyed", key)
    assert [client.ask(sent)[9:12] for _ in range(5)] == [b"200"] * 5
    assert len(again) >= 2
    getattr(gateway.keys, change)(key.key)
    assert client.ask(sent)[9:12] == b"403"


def test_who_may_no_longer_read_reads_nothing(gateway, s3, client, again):
    s3.create_bucket(Bucket="closing", ACL="public-read")
    s3.put_object(Bucket="closing", Key="k", Body=b"abc")
    sent = plain(gateway, "GET", "/closing/k")
    assert [client.ask(sent)[9:12] for _ in range(5)] == [b"200"] * 5
    assert again
    s3.put_bucket_acl(Bucket="closing", ACL="private")
    assert client.ask(sent)[9:12] == b"403"


def test_a_wrong_signature_is_wrong_each_time(gateway, s3, client, again):
    s3.put_object(Bucket=BUCKET, Key="wrong", Body=b"abc")
    sound = presigned(gateway, "GET", "wrong")
    assert [client.ask(sound)[9:12] for _ in range(4)] == [b"200"] * 4
    place = sound.index(b"Signature=") + len(b"Signature=")
    digit = b"1" if sound[place : place + 1] != b"1" else b"2"
    damaged = sound[:place] + digit + sound[place + 1 :]
    assert [client.ask(damaged)[9:12] for _ in range(4)] == [b"403"] * 4


@pytest.fixture
def known(gateway, s3, client, again):
    """A head that is answered without the pipeline, and its answer."""
    s3.put_object(Bucket=OPEN, Key="known", Body=b"known")
    sent = plain(gateway, "GET", f"/{OPEN}/known")
    answers = {client.ask(sent) for _ in range(5)}
    assert again
    del again[:]
    return sent, answers.pop()


def test_it_is_a_body_where_a_body_is_due(gateway, client, known, again):
    sent, _ = known
    put = plain(gateway, "PUT", f"/{OPEN}/body", f"Content-Length: {2 * len(sent)}")
    for pieces in ((put, sent, sent), (put + sent, sent)):
        client.send(*pieces)
        assert client.answer().startswith(b"HTTP/1.1 200 ")
        assert client.ask(plain(gateway, "GET", f"/{OPEN}/body")).endswith(b"\r\n\r\n" + sent * 2)
    assert not again


def test_it_is_part_of_a_head_that_has_begun(gateway, client, known, again):
    """What may lie between a client and us must not find another end of the first head."""
    sent, answer = known
    first_line, _, rest = sent.partition(b"\r\n")
    begun = f"GET /{OPEN}/none HTTP/1.1\r\nx-odd: ".encode()
    for _ in range(5):
        client.send(begun, sent)
        assert client.answer().startswith(b"HTTP/1.1 404 ")
    client.send(first_line + b"\r\n", rest)
    assert client.answer() == answer
    assert client.ask(sent) == answer


def test_a_head_that_has_begun_lends_nothing_to_the_next(gateway, s3, client, again):
    """Of two pieces that look like heads, the second is kept as nothing of its own."""
    s3.put_object(Bucket=OPEN, Key="one", Body=b"one")
    s3.put_object(Bucket=OPEN, Key="two", Body=b"two")
    two = plain(gateway, "GET", f"/{OPEN}/two")
    for _ in range(5):
        client.send(f"GET /{OPEN}/one HTTP/1.1\r\nuser-agent: ".encode(), two)
        assert client.answer().endswith(b"one")
    assert client.ask(two).endswith(b"two")
    assert not [each for each in again if each.asked.key == "two"]


def test_two_at_once_are_two(client, known):
    sent, answer = known
    for _ in range(3):
        client.send(sent + sent)
        assert [client.answer(), client.answer()] == [answer, answer]
        client.send(sent, sent, sent)
        assert [client.answer() for _ in range(3)] == [answer] * 3


def test_it_does_not_overtake_one_that_is_held(gateway, known):
    """Of a connection whose first request came before aiohttp waited for one."""
    sent, _ = known
    written: list[bytes] = []
    to = Mock(write=written.append, writelines=written.extend)
    to.get_extra_info = to.is_closing = lambda *_: None

    def answered():
        return re.findall(rb"HTTP/1.1 (\d+)", b"".join(written))

    async def talk():
        connection = gateway.listening._server()
        connection.connection_made(to)
        loop = asyncio.get_running_loop()
        loop.call_soon(connection.data_received, sent)  # once aiohttp waits, before all else
        connection.data_received(plain(gateway, "GET", f"/{OPEN}/none"))
        async with asyncio.timeout(10):
            while len(answered()) < 2:
                await asyncio.sleep(0)
        connection.connection_lost(None)

    asyncio.run_coroutine_threadsafe(talk(), gateway.loop).result()
    assert answered() == [b"404", b"200"]


def test_it_may_come_in_between(gateway, client, known):
    sent, answer = known
    for number in range(30):
        body = b"%d" % number
        put = plain(gateway, "PUT", f"/{OPEN}/between", f"Content-Length: {len(body)}") + body
        client.send(put, sent, plain(gateway, "GET", f"/{OPEN}/between"))
        assert client.answer().startswith(b"HTTP/1.1 200 ")
        assert client.answer() == answer
        assert client.answer().endswith(b"\r\n\r\n" + body)


def test_limits_count_it(tmp_path):
    with running(tmp_path, default_bucket_acl="public-read", rate_per_stranger=4.0) as gateway:
        s3 = gateway.client(gateway.owner)
        s3.create_bucket(Bucket=OPEN)
        s3.put_object(Bucket=OPEN, Key="k", Body=b"abc")
        sent = plain(gateway, "GET", f"/{OPEN}/k")
        with closing(Client(gateway)) as client:
            answers = [client.ask(sent) for _ in range(20)]
        statuses = [answer[9:12] for answer in answers]
        assert statuses[:8] == [b"200"] * 8
        assert b"503" in statuses[8:]
        slow = answers[statuses.index(b"503")]
        assert b"<Code>SlowDown</Code>" in slow
        assert b"\r\nretry-after: " in slow.lower()


def test_a_log_has_it(gateway, client, known, again, caplog):
    sent, _ = known
    with caplog.at_level("INFO", "s3gw.gateway"):
        client.ask(sent)
    assert len(again) == 1
    assert f"op=GetObject caller=- peer=127.0.0.1 bucket={OPEN} status=200" in caplog.text
    assert "bytes_out=5" in caplog.text


def test_what_is_kept_is_bounded(gateway, s3, client, again, monkeypatch):
    monkeypatch.setattr(repeats, "MOST_BYTES", 20_000)
    heads = []
    for number in range(40):
        s3.put_object(Bucket=OPEN, Key=f"many{number}", Body=b"abc")
        heads.append(plain(gateway, "GET", f"/{OPEN}/many{number}"))
        for _ in range(3):
            client.ask(heads[-1])
    kept = gateway.listening._server.repeats
    assert kept.find(heads[-1]) is not None
    assert kept.find(heads[0]) is None
    assert kept._bytes <= 20_000
    assert client.ask(heads[0]).startswith(b"HTTP/1.1 200 ")


def test_a_long_head_is_not_kept(gateway, s3, client, again):
    """Nor held by the connection it came on, of which there may be thousands."""
    s3.put_object(Bucket=OPEN, Key="long", Body=b"abc")
    sent = plain(gateway, "GET", f"/{OPEN}/long", f"User-Agent: {'x' * repeats.MOST_HEAD}")
    for _ in range(5):
        assert client.ask(sent).startswith(b"HTTP/1.1 200 ")
    assert not again
    connections = gateway.listening._server.connections
    assert max(len(each._alone) for each in connections) <= repeats.MOST_HEAD
