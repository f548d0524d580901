"""An answer given twice is the same twice, and none outlives what it was made from."""

import http.client
import re
from contextlib import ExitStack, closing

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest

from gateway import remembered
from gateway.operation import INERT
from gateway.operations import OPERATIONS
from gateway.remembered import INDIFFERENT, Remembered, question
from gateway.response import Response
from gateway.serve import Gateway
from gateway.wire.shape import Header, PrefixHeaders, Query, marked
from tests.gateway.asked import asked
from tests.gateway.server_process import ServerProcess

BUCKET = "remembered"
OWN = re.compile(rb"(?i)^(x-amz-request-id|x-amz-id-2|date): [^\r]*", re.M)


@pytest.fixture(autouse=True, scope="module")
def bucket(s3):
    s3.create_bucket(Bucket=BUCKET)


@pytest.fixture
def found(monkeypatch):
    """How many answers came from memory."""
    hits = []
    find = Remembered.find

    def noted(self, *asked):
        answer = find(self, *asked)
        hits.extend([answer] if answer else [])
        return answer

    monkeypatch.setattr(Remembered, "find", noted)
    return hits


def signed(gateway, method, key, key_id=None, **fields):
    request = AWSRequest(method, f"{gateway.url}/{BUCKET}/{key}", headers=fields)
    S3SigV4Auth(key_id or gateway.owner, "s3", "us-east-1").add_auth(request)
    host = f"{gateway.host}:{gateway.port}"
    lines = [f"{method} /{BUCKET}/{key} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.fixture
def ask(gateway):
    class Credentials:
        def __init__(self, key):
            self.access_key, self.secret_key, self.token = key.key, key.secret, None

    def send(method, key, by=None, **fields):
        """Bytes of the answer, without what is its own."""
        sent = signed(gateway, method, key, Credentials(by or gateway.owner), **fields)
        received = gateway.raw(sent) if method == "GET" else head(gateway, sent)
        return OWN.sub(b"", received)

    return send


def head(gateway, sent):
    return gateway.raw(
        sent.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), until_close=True
    )


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("mode", [{}, {"x-amz-checksum-mode": "ENABLED"}])
def test_an_answer_from_memory_is_the_answer(gateway, s3, ask, found, method, mode):
    s3.put_object(Bucket=BUCKET, Key="same", Body=b"abc", Metadata={"a": "b"}, Tagging="t=1")
    first = ask(method, "same", **mode)
    assert b" 200 " in first[:20]
    assert not found
    assert ask(method, "same", **mode) == first
    assert len(found) == 1


def test_a_change_is_seen_at_once_by_who_has_just_asked(gateway, s3, ask):
    for number in range(40):
        s3.put_object(Bucket=BUCKET, Key="new", Body=b"%d" % number)
        assert ask("GET", "new").endswith(b"\r\n\r\n%d" % number)
        assert ask("GET", "new").endswith(b"\r\n\r\n%d" % number)
    s3.delete_object(Bucket=BUCKET, Key="new")
    assert b" 404 " in ask("GET", "new")[:20]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_change_elsewhere_leaves_an_answer_as_it_is(gateway, s3, ask, found, method):
    s3.put_object(Bucket=BUCKET, Key="stays", Body=b"abc")
    first = ask(method, "stays")
    for number in range(3):
        s3.put_object(Bucket=BUCKET, Key=f"elsewhere{number}", Body=b"x")
        assert ask(method, "stays") == first
        assert len(found) == number + 1


@pytest.mark.parametrize(
    "change",
    [
        lambda s3: s3.put_object(Bucket=BUCKET, Key="mine", Body=b"abd", Metadata={"a": "b"}),
        lambda s3: s3.put_object(Bucket=BUCKET, Key="mine", Body=b"abc", ContentType="a/b"),
        lambda s3: s3.delete_object(Bucket=BUCKET, Key="mine"),
        lambda s3: s3.put_object_tagging(
            Bucket=BUCKET, Key="mine", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]}
        ),
        lambda s3: s3.copy_object(
            Bucket=BUCKET,
            Key="mine",
            CopySource=f"{BUCKET}/mine",
            MetadataDirective="REPLACE",
            Metadata={"c": "d"},
        ),
        lambda s3: s3.put_bucket_versioning(
            Bucket=BUCKET, VersioningConfiguration={"Status": "Suspended"}
        ),
        lambda s3: s3.put_bucket_lifecycle_configuration(
            Bucket=BUCKET,
            LifecycleConfiguration={
                "Rules": [
                    {
                        "ID": "r",
                        "Status": "Enabled",
                        "Filter": {"Prefix": "mine"},
                        "Expiration": {"Days": 9},
                    }
                ]
            },
        ),
    ],
)
def test_what_changes_about_an_object_changes_its_answers(gateway, s3, ask, found, change):
    s3.put_object(Bucket=BUCKET, Key="mine", Body=b"abc")
    before = [ask(method, "mine") for method in ("GET", "HEAD")]
    change(s3)
    asked_anew = [ask(method, "mine", **{"x-amz-new-thing": "1"}) for method in ("GET", "HEAD")]
    assert not found
    told = [ask(method, "mine") for method in ("GET", "HEAD")]
    ids = re.compile(rb"<(RequestId|HostId)>[^<]*")
    assert [ids.sub(b"", each) for each in told] == [ids.sub(b"", each) for each in asked_anew]
    assert told != before


def test_an_encrypted_object_is_asked_for_again_after_any_change(gateway, s3, ask, found):
    s3.put_object(Bucket=BUCKET, Key="sealed", Body=b"abc", ServerSideEncryption="AES256")
    first = ask("GET", "sealed")
    s3.put_object(Bucket=BUCKET, Key="elsewhere", Body=b"x")
    assert ask("GET", "sealed") == first
    assert not found


def test_who_may_no_longer_read_gets_nothing_from_memory(gateway, s3, ask, found):
    s3.put_object(Bucket=BUCKET, Key="shared", Body=b"abc")
    s3.put_bucket_acl(Bucket=BUCKET, ACL="public-read")
    assert [ask("GET", "shared", gateway.stranger)[9:12] for _ in range(3)] == [b"200"] * 3
    assert len(found) == 2
    s3.put_bucket_acl(Bucket=BUCKET, ACL="private")
    assert ask("GET", "shared")[9:12] == b"200"
    assert ask("GET", "shared", gateway.stranger)[9:12] == b"403"


def test_a_wrong_signature_gets_nothing_from_memory(gateway, s3, ask):
    s3.put_object(Bucket=BUCKET, Key="signed", Body=b"abc")
    assert ask("GET", "signed")[9:12] == b"200"

    class Wrong:
        access_key, secret_key, token = gateway.owner.key, "x" * 40, None

    refused = gateway.raw(signed(gateway, "GET", "signed", Wrong()))
    assert refused[9:12] == b"403"


@pytest.mark.parametrize(
    "fields",
    [
        {"range": "bytes=0-0"},
        {"if-match": "*"},
        {"x-amz-expected-bucket-owner": "000000000000"},
        {"origin": "http://example.com"},
        {"x-amz-new-thing": "1"},
    ],
)
def test_who_says_more_is_not_answered_from_memory(gateway, s3, ask, found, fields):
    s3.put_object(Bucket=BUCKET, Key="more", Body=b"abc")
    ask("GET", "more")
    ask("GET", "more", **fields)
    assert not found


def test_a_policy_is_asked_each_time(gateway, s3, ask, found):
    s3.create_bucket(Bucket="judged")
    s3.put_bucket_policy(
        Bucket="judged",
        Policy='{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",'
        '"Action":"s3:GetObject","Resource":"arn:aws:s3:::judged/*"}]}',
    )
    s3.put_object(Bucket="judged", Key="k", Body=b"abc")
    for _ in range(3):
        assert s3.get_object(Bucket="judged", Key="k")["Body"].read() == b"abc"
    assert not found


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(remembered, "MOST_BYTES", 10_000)
    kept = Remembered()
    names = [f"GET /bucket/{number}" for number in range(50)]
    for name in names:
        answer = Response(200, [("Content-Length", "900"), ("Content-Type", "a/b")], bytes(900))
        kept.keep(question("GetObject", "me", asked(name)), b"state", answer, None, None)
    known = [kept.find(question("GetObject", "me", asked(name)), b"state", None) for name in names]
    assert known[-1] is not None
    assert known[0] is None
    assert sum(len(each.body) for each in known if each) <= 10_000


def test_each_gateway_has_a_memory_of_its_own():
    one, other = (Gateway(None, None, None, None) for _ in range(2))
    assert one.remembered is not other.remembered


def test_no_worker_answers_with_what_another_has_replaced(tmp_path):
    """Eight connections, in all likelihood on both workers; each reads what each has written."""
    options = (
        "--workers",
        "2",
        "--durability",
        "none",
        "--default-bucket-acl",
        "public-read-write",
    )
    with ServerProcess(tmp_path, *options) as server, ExitStack() as stack:
        server.ready().client().create_bucket(Bucket=BUCKET)
        every = [
            stack.enter_context(closing(http.client.HTTPConnection("127.0.0.1", server.port)))
            for _ in range(8)
        ]

        def send(connection, method, body=None):
            connection.request(method, f"/{BUCKET}/key", body)
            answer = connection.getresponse()
            return answer.status, answer.read()

        for number in range(120):
            body = b"%d" % number
            writer = every[number % 8]
            if number % 10 == 9:
                assert send(writer, "DELETE")[0] == 204
                assert {send(each, "GET")[0] for each in every} == {404}
            assert send(writer, "PUT", body)[0] == 200
            assert {send(each, "GET") for each in every} == {(200, body)}
            assert {send(each, "GET") for each in every} == {(200, body)}


@pytest.mark.parametrize(
    "row", [row for row in OPERATIONS if row.repeats], ids=lambda row: row.name
)
def test_nothing_an_operation_reads_is_indifferent(row):
    """Whatever its input gains, a request that has it is asked of the store."""
    fields = {mark.name.lower() for mark, _ in marked(row.input, Header)}
    prefixes = tuple(mark.prefix for mark, _ in marked(row.input, PrefixHeaders))
    assert fields & INDIFFERENT == {"x-amz-checksum-mode"}  # a part of the question
    assert not [name for name in INDIFFERENT if name.startswith(prefixes)]
    assert not {mark.name for mark, _ in marked(row.input, Query)} & INERT
