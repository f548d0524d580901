"""Event notifications: configured with boto3, received by a webhook on a real socket."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from queue import Queue

import pytest
from botocore.exceptions import ClientError

from gateway.config import BadSetting, Config
from gateway.lifecycle.sweeping import Sweep
from gateway.naming import canonical_id
from gateway.notifications import delivery
from gateway.notifications.announcing import expiring
from gateway.notifications.delivery import Delivery
from store.progress import Progress
from store.store import wall_clock
from tests.gateway.conftest import Running, running
from tests.gateway.server_process import ServerProcess

ARN = "arn:s3gw:sqs::hook:webhook"
EVERYTHING = [
    "s3:ObjectCreated:*",
    "s3:ObjectRemoved:*",
    "s3:ObjectTagging:*",
    "s3:ObjectAcl:Put",
]
_numbers = count(1)


class Receiver:
    """A webhook that keeps what it gets, and refuses as often as it is told to."""

    def __init__(self) -> None:
        self.got: Queue = Queue()
        self.refuse: list[int] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                status = receiver.refuse.pop(0) if receiver.refuse else 200
                self.send_response(status)
                self.send_header("location", "/elsewhere")
                self.send_header("content-length", "0")
                self.end_headers()
                receiver.got.put((status, self.path, json.loads(body)))

            def log_message(self, *_: object) -> None:
                """Not to the tests' output."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever)

    def next(self) -> dict:
        status, path, document = self.got.get(timeout=20)
        assert (status, path) == (200, "/hook")
        return document

    def records(self, many: int) -> list[dict]:
        found: list[dict] = []
        while len(found) < many:
            found += self.next()["Records"]
        return found


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.thread.start()
    try:
        yield receiver
    finally:
        receiver.server.shutdown()
        receiver.thread.join()
        receiver.server.server_close()


@pytest.fixture(scope="module")
def hook() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def served(tmp_path_factory, hook) -> Iterator[Running]:
    directory = tmp_path_factory.mktemp("told")
    with running(directory, webhooks=(f"hook={hook.url}", "gone=http://127.0.0.1:9/")) as gateway:
        yield gateway


@pytest.fixture
def delivering(served):
    """Delivers while the test runs."""

    async def begin() -> Delivery:
        made = Delivery(served.store, {"hook": dict(served.config.webhook_urls)["hook"]})
        made.start()
        return made

    def on_loop(work):
        return asyncio.run_coroutine_threadsafe(work, served.loop).result(20)

    made = on_loop(begin())
    yield
    on_loop(end(served, made))


async def end(served: Running, made: Delivery) -> None:
    """Once all is delivered and known to be, or the next test would get it again."""
    while served.store.messages("hook", 1):
        await asyncio.sleep(0)
    await made.stop()


@pytest.fixture(scope="module")
def owner(served):
    return served.client(served.owner)


@pytest.fixture
def told(owner):
    """A bucket whose events the hook gets."""
    name = f"told-{next(_numbers)}"
    owner.create_bucket(Bucket=name)
    tell(owner, name, EVERYTHING)
    return name


def tell(owner, bucket, events, **more):
    wish = {"Id": "mine", "QueueArn": ARN, "Events": events, **more}
    owner.put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={"QueueConfigurations": [wish]},
        SkipDestinationValidation=True,
    )


def brief(record):
    thing = record["s3"]["object"]
    return record["eventName"], thing["key"], thing.get("size"), thing.get("versionId")


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


# --- the configuration ---------------------------------------------------------------------------


def test_a_bucket_keeps_who_is_told(owner):
    owner.create_bucket(Bucket="kept")
    only = {"Key": {"FilterRules": [{"Name": "Prefix", "Value": "a/"}]}}
    wish = {"Id": "1", "QueueArn": ARN, "Events": ["s3:ObjectCreated:*"], "Filter": only}
    asked = {"Bucket": "kept", "SkipDestinationValidation": True}
    put = owner.put_bucket_notification_configuration
    put(**asked, NotificationConfiguration={"QueueConfigurations": [wish]})
    get = owner.get_bucket_notification_configuration
    assert get(Bucket="kept")["QueueConfigurations"] == [wish]
    put(**asked, NotificationConfiguration={})
    assert "QueueConfigurations" not in get(Bucket="kept")


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"QueueArn": "arn:s3gw:sqs::nobody:webhook"}, "InvalidArgument"),
        ({"QueueArn": "http://127.0.0.1:9000/"}, "InvalidArgument"),
        ({"Events": ["s3:Everything"]}, "InvalidArgument"),
    ],
)
def test_a_wrong_one_is_refused_and_nothing_changes(wish, code, owner, told):
    full = {"QueueArn": ARN, "Events": ["s3:ObjectCreated:*"]} | wish
    asked = {"Bucket": told, "NotificationConfiguration": {"QueueConfigurations": [full]}}
    assert refusal(owner.put_bucket_notification_configuration, **asked) == (400, code)
    (kept,) = owner.get_bucket_notification_configuration(Bucket=told)["QueueConfigurations"]
    assert kept["Id"] == "mine"


def test_it_is_the_owners_alone(new_bucket, stranger, anonymous):
    bucket = new_bucket(ACL="public-read-write")
    for client in (stranger, anonymous):
        for verb, asked in (("put", {"NotificationConfiguration": {}}), ("get", {})):
            call = getattr(client, f"{verb}_bucket_notification_configuration")
            assert refusal(call, Bucket=bucket, **asked) == (403, "AccessDenied")


@pytest.mark.parametrize("pair", ["hook", "hook=", "=http://x", "a b=http://x", "a=file:///x"])
def test_a_webhook_is_a_name_and_a_url(pair):
    with pytest.raises(BadSetting, match="webhooks"):
        Config(webhooks=(pair,))


# --- what is told --------------------------------------------------------------------------------


def test_a_receiver_gets_a_test_first(owner, hook, delivering):
    owner.create_bucket(Bucket="tried")
    wish = {"QueueArn": ARN, "Events": ["s3:ObjectCreated:*"]}
    owner.put_bucket_notification_configuration(
        Bucket="tried", NotificationConfiguration={"QueueConfigurations": [wish]}
    )
    said = hook.next()
    assert (said["Service"], said["Event"], said["Bucket"]) == (
        "Amazon S3",
        "s3:TestEvent",
        "tried",
    )


def test_an_event_says_what_aws_says(owner, served, told, hook, delivering):
    made = owner.put_object(Bucket=told, Key="a b/ö", Body=b"body")
    (record,) = hook.records(1)
    thing = record["s3"]["object"]
    assert thing.pop("sequencer")
    assert thing == {"key": "a+b/%C3%B6", "size": 4, "eTag": made["ETag"].strip('"')}
    assert (record["eventVersion"], record["eventSource"]) == ("2.1", "aws:s3")
    assert (record["eventName"], record["awsRegion"]) == ("ObjectCreated:Put", "us-east-1")
    assert record["userIdentity"] == {"principalId": canonical_id(served.owner.key)}
    assert record["requestParameters"] == {"sourceIPAddress": "127.0.0.1"}
    asked = made["ResponseMetadata"]["RequestId"]
    assert record["responseElements"]["x-amz-request-id"] == asked
    assert record["s3"]["bucket"]["arn"] == f"arn:aws:s3:::{told}"
    assert record["s3"]["configurationId"] == "mine"
    assert record["eventTime"].endswith("Z")


def test_each_change_has_its_event_in_order(owner, told, hook, delivering):
    named = {"Bucket": told, "Key": "k"}
    owner.put_object(**named, Body=b"1")
    owner.put_object_tagging(**named, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    owner.delete_object_tagging(**named)
    owner.put_object_acl(**named, ACL="private")
    owner.copy_object(Bucket=told, Key="copy", CopySource=named)
    upload = named | {"UploadId": owner.create_multipart_upload(**named)["UploadId"]}
    part = owner.upload_part(**upload, PartNumber=1, Body=b"123")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    owner.complete_multipart_upload(**upload, MultipartUpload=parts)
    owner.rename_object(Bucket=told, Key="new", RenameSource="copy")
    there = [{"Key": "k"}, {"Key": "none"}, {"Key": "new"}]
    owner.delete_objects(Bucket=told, Delete={"Objects": there})
    records = hook.records(10)
    assert [brief(record)[:3] for record in records] == [
        ("ObjectCreated:Put", "k", 1),
        ("ObjectTagging:Put", "k", None),
        ("ObjectTagging:Delete", "k", None),
        ("ObjectAcl:Put", "k", None),
        ("ObjectCreated:Copy", "copy", 1),
        ("ObjectCreated:CompleteMultipartUpload", "k", 3),
        ("ObjectCreated:Copy", "new", 1),
        ("ObjectRemoved:Delete", "copy", None),
        ("ObjectRemoved:Delete", "k", None),
        ("ObjectRemoved:Delete", "new", None),
    ]
    sequence = [record["s3"]["object"]["sequencer"] for record in records]
    assert sequence == sorted(set(sequence))


def test_what_a_lifecycle_rule_ends_is_told_as_that(
    owner, served, told, hook, delivering, tmp_path
):
    tell(owner, told, ["s3:LifecycleExpiration:*"])
    rule = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 1}}
    owner.put_bucket_lifecycle_configuration(Bucket=told, LifecycleConfiguration={"Rules": [rule]})
    owner.put_object(Bucket=told, Key="old")
    telling = partial(expiring, served.store, served.config)
    sweep = Sweep(served.store, Progress(tmp_path, "lifecycle"), day_ms=86_400_000, telling=telling)
    later = wall_clock() + 3 * 86_400_000
    asyncio.run_coroutine_threadsafe(sweep.round(now=later), served.loop).result(20)
    (record,) = hook.records(1)
    assert brief(record)[:2] == ("LifecycleExpiration:Delete", "old")
    assert record["requestParameters"] == {"sourceIPAddress": "s3.amazonaws.com"}


def test_versions_are_named(owner, told, hook, delivering):
    owner.put_bucket_versioning(Bucket=told, VersioningConfiguration={"Status": "Enabled"})
    version = owner.put_object(Bucket=told, Key="k", Body=b"1")["VersionId"]
    marker = owner.delete_object(Bucket=told, Key="k")["VersionId"]
    owner.delete_object(Bucket=told, Key="k", VersionId=version)
    assert [brief(record) for record in hook.records(3)] == [
        ("ObjectCreated:Put", "k", 1, version),
        ("ObjectRemoved:DeleteMarkerCreated", "k", None, marker),
        ("ObjectRemoved:Delete", "k", None, version),
    ]


def test_only_what_is_wanted_and_done_is_told(owner, served, told, hook, delivering):
    only = {"Key": {"FilterRules": [{"Name": "suffix", "Value": ".jpg"}]}}
    tell(owner, told, ["s3:ObjectCreated:Put"], Filter=only)
    owner.put_object(Bucket=told, Key="a.png")
    owner.put_object(Bucket=told, Key="a.jpg", IfNoneMatch="*")
    assert refusal(owner.put_object, Bucket=told, Key="a.jpg", IfNoneMatch="*")[0] == 412
    owner.delete_object(Bucket=told, Key="a.jpg")
    owner.put_object(Bucket=told, Key="b.jpg")
    assert [brief(record)[1] for record in hook.records(2)] == ["a.jpg", "b.jpg"]
    owner.put_bucket_notification_configuration(Bucket=told, NotificationConfiguration={})
    owner.put_object(Bucket=told, Key="c.jpg")
    assert served.store.messages("hook", 1) == []


def test_what_is_refused_comes_again_before_what_follows(
    owner, told, hook, delivering, monkeypatch
):
    monkeypatch.setattr(delivery, "FIRST_PAUSE_SECONDS", 0.01)
    hook.refuse[:] = [500, 302, 404]
    owner.put_object(Bucket=told, Key="first")
    for status in (500, 302, 404):
        refused, path, document = hook.got.get(timeout=20)
        assert (refused, path) == (status, "/hook")
        assert brief(document["Records"][0])[1] == "first"
    owner.put_object(Bucket=told, Key="second")
    assert [brief(record)[1] for record in hook.records(2)] == ["first", "second"]


def test_what_waits_goes_out_together_once_somebody_listens(owner, told, hook, request):
    for number in range(5):
        owner.put_object(Bucket=told, Key=str(number))
    assert hook.got.empty()
    request.getfixturevalue("delivering")
    assert [brief(record)[1] for record in hook.next()["Records"]] == list("01234")


def test_what_one_server_queued_the_next_delivers(tmp_path):
    with receiving() as hook:
        gone = ("--webhooks", "hook=http://127.0.0.1:9/")
        with ServerProcess(tmp_path / "data", *gone) as server:
            client = server.ready().client()
            client.create_bucket(Bucket="told")
            tell(client, "told", ["s3:ObjectCreated:*"])
            client.put_object(Bucket="told", Key="k", Body=b"1")
        with ServerProcess(tmp_path / "data", "--webhooks", f"hook={hook.url}") as server:
            server.ready()
            assert brief(hook.records(1)[0])[:2] == ("ObjectCreated:Put", "k")
