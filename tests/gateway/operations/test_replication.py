"""Replication by boto3, between two gateways over real sockets."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from gateway.access_log.spool import Spool
from gateway.config import BadSetting, Config
from gateway.log_delivery import DIRECTORY, LogDelivery
from gateway.replication.replicator import Replicator, credentials
from store.fsck import check
from tests.gateway.conftest import Running, running

ARN = "arn:aws:s3:::mirror"
BIG = os.urandom(1_500_000)


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


@pytest.fixture(scope="module")
def far(tmp_path_factory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("far")) as gateway:
        client = gateway.client(gateway.owner)
        client.create_bucket(Bucket="mirror")
        enable(client, "mirror")
        yield gateway


@pytest.fixture(scope="module")
def near(tmp_path_factory, far) -> Iterator[Running]:
    file = tmp_path_factory.mktemp("secrets") / "credentials"
    lines = [f"mirror {far.owner.key} {far.owner.secret}", "gone x y", "wrong nobody secret"]
    file.write_text("\n".join(lines))
    file.chmod(0o600)
    targets = (f"mirror={far.url}", "gone=http://127.0.0.1:9", f"wrong={far.url}")
    settings = {"replication_targets": targets, "replication_credentials": file}
    with running(tmp_path_factory.mktemp("near"), **settings) as gateway:
        yield gateway


def enable(client, bucket):
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})


def rule(bucket="mirror", **more):
    return {
        "Priority": 1,
        "Filter": {},
        "Status": "Enabled",
        "Destination": {"Bucket": f"arn:aws:s3:::{bucket}"},
        "DeleteMarkerReplication": {"Status": "Disabled"},
        **more,
    }


def configured(client, bucket, *rules):
    client.create_bucket(Bucket=bucket)
    enable(client, bucket)
    said = {"Role": "", "Rules": list(rules)}
    client.put_bucket_replication(Bucket=bucket, ReplicationConfiguration=said)


@pytest.fixture
def s3(near):
    return near.client(near.owner)


@pytest.fixture
def there(far):
    return far.client(far.owner)


@pytest.fixture
def copying(near):
    """Runs the copying until the queues are empty."""

    async def work() -> None:
        replicator = Replicator(near.store, near.keys, near.config)
        replicator.start()
        while near.store.messages("replication:mirror", 1) or near.store.messages(
            "replication:wrong", 1
        ):
            await asyncio.sleep(0.01)
        await replicator.stop()

    return lambda: asyncio.run_coroutine_threadsafe(work(), near.loop).result(30)


def test_objects_are_copied_with_all_that_is_said_of_them(s3, there, copying):
    configured(s3, "source-all", rule())
    said = {"Metadata": {"a": "b", "c-d": "x y"}, "ContentType": "text/x", "Tagging": "k=v%20w&l="}
    s3.put_object(Bucket="source-all", Key="a/ä +~", Body=b"small", **said)
    s3.put_object(Bucket="source-all", Key="big", Body=BIG)
    s3.put_object(Bucket="source-all", Key="sealed", Body=BIG, ServerSideEncryption="AES256")
    s3.copy_object(Bucket="source-all", Key="copied", CopySource="source-all/big")
    upload = {"Bucket": "source-all", "Key": "parts"}
    upload["UploadId"] = s3.create_multipart_upload(**upload)["UploadId"]
    part = s3.upload_part(**upload, PartNumber=1, Body=BIG)
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    s3.put_object(Bucket="source-all", Key="empty", Body=b"")
    keys = ("a/ä +~", "big", "sealed", "copied", "parts", "empty")
    for key in keys:
        pending = s3.head_object(Bucket="source-all", Key=key)
        assert pending["ReplicationStatus"] == "PENDING"
    copying()
    for key in keys:
        here = s3.get_object(Bucket="source-all", Key=key)
        replica = there.get_object(Bucket="mirror", Key=key)
        assert here["ReplicationStatus"] == "COMPLETED"
        assert replica["ReplicationStatus"] == "REPLICA"
        assert replica["Body"].read() == here["Body"].read()
        for same in ("ContentType", "Metadata", "ServerSideEncryption"):
            if same != "Metadata" or key != "sealed":  # the CID is that of the ciphertext
                assert replica.get(same) == here.get(same)
    tags = there.get_object_tagging(Bucket="mirror", Key="a/ä +~")["TagSet"]
    assert tags == [{"Key": "k", "Value": "v w"}, {"Key": "l", "Value": ""}]


def test_a_rule_says_which_objects_and_whether_delete_markers(s3, there, copying):
    wanted = {"And": {"Prefix": "logs/", "Tags": [{"Key": "keep", "Value": "yes"}]}}
    marked = {"DeleteMarkerReplication": {"Status": "Enabled"}, "Filter": {"Prefix": "gone/"}}
    first = rule(Filter=wanted, Destination={"Bucket": ARN, "StorageClass": "GLACIER"})
    configured(s3, "source-some", first, rule(Priority=2, **marked))
    s3.put_object(Bucket="source-some", Key="logs/1", Body=b"1", Tagging="keep=yes")
    s3.put_object(Bucket="source-some", Key="logs/2", Body=b"2")
    s3.put_object(Bucket="source-some", Key="gone/3", Body=b"3")
    for key in ("logs/1", "gone/3"):
        s3.delete_object(Bucket="source-some", Key=key)
    copying()
    assert there.head_object(Bucket="mirror", Key="logs/1")["StorageClass"] == "GLACIER"
    for key in ("logs/2", "gone/3"):
        assert refusal(there.head_object, Bucket="mirror", Key=key) == (404, "404")
    found = there.list_object_versions(Bucket="mirror", Prefix="gone/")
    assert len(found["DeleteMarkers"]) == len(found["Versions"]) == 1
    assert "ReplicationStatus" not in s3.head_object(Bucket="source-some", Key="logs/2")


def test_what_the_other_end_refuses_has_failed(s3, copying, near):
    configured(s3, "source-wrong", rule("wrong"))
    s3.put_object(Bucket="source-wrong", Key="x", Body=b"x")
    copying()
    assert s3.head_object(Bucket="source-wrong", Key="x")["ReplicationStatus"] == "FAILED"
    assert list(check(near.config.data_dir)) == []


def test_what_is_damaged_here_has_failed_and_holds_up_nothing(s3, there, copying, near):
    configured(s3, "source-damaged", rule())
    s3.put_object(Bucket="source-damaged", Key="x", Body=BIG, ServerSideEncryption="AES256")
    bucket = near.store.bucket("source-damaged")
    (extent,) = near.store.entry(bucket, b"x").extents
    (segment,) = near.config.data_dir.glob(f"segments/*{extent.segment}*")
    with segment.open("r+b") as file:
        file.seek(extent.offset + 1_000_000)
        file.write(b"damage")
    s3.put_object(Bucket="source-damaged", Key="y", Body=b"y")
    copying()
    assert s3.head_object(Bucket="source-damaged", Key="x")["ReplicationStatus"] == "FAILED"
    assert there.get_object(Bucket="mirror", Key="y")["Body"].read() == b"y"
    assert refusal(there.head_object, Bucket="mirror", Key="x") == (404, "404")


def test_what_cannot_be_reached_stays_queued(s3, near, caplog):
    configured(s3, "source-gone", rule("gone"))
    s3.put_object(Bucket="source-gone", Key="x", Body=b"x")

    async def work() -> None:
        replicator = Replicator(near.store, near.keys, near.config)
        replicator.start()
        while not any("replication:gone" in each.getMessage() for each in caplog.records):
            await asyncio.sleep(0.01)
        await replicator.stop()

    asyncio.run_coroutine_threadsafe(work(), near.loop).result(30)
    assert len(near.store.messages("replication:gone", 9)) == 1
    assert s3.head_object(Bucket="source-gone", Key="x")["ReplicationStatus"] == "PENDING"


def test_a_replica_is_not_copied_again_and_nobody_may_pretend_one(s3, near):
    configured(s3, "source-again", rule("gone"))
    before = len(near.store.messages("replication:gone", 9))

    def pretend(request, **_):
        request.headers["x-amz-replication-status"] = "REPLICA"

    s3.meta.events.register("before-sign.s3", pretend)
    s3.put_object(Bucket="source-again", Key="x", Body=b"x")
    s3.delete_object(Bucket="source-again", Key="x")
    assert len(near.store.messages("replication:gone", 9)) == before
    s3.put_bucket_acl(Bucket="source-again", ACL="public-read-write")
    stranger = near.client(near.stranger)
    stranger.put_object(Bucket="source-again", Key="y", Body=b"y")
    stranger.meta.events.register("before-sign.s3", pretend)
    asked = {"Bucket": "source-again", "Key": "y", "Body": b"y"}
    assert refusal(stranger.put_object, **asked) == (403, "AccessDenied")


def test_only_who_may_replicate_deletes_without_the_other_end(s3, near):
    configured(s3, "source-gone", rule("gone", DeleteMarkerReplication={"Status": "Enabled"}))
    s3.put_bucket_acl(Bucket="source-gone", ACL="public-read-write")
    before = len(near.store.messages("replication:gone", 99))
    stranger = near.client(near.stranger)
    for client in (s3, stranger):
        client.meta.events.register("before-sign.s3", as_replica)
    asked = {"Bucket": "source-gone", "Key": "k"}
    assert refusal(stranger.delete_object, **asked) == (403, "AccessDenied")
    s3.delete_object(**asked)
    assert len(near.store.messages("replication:gone", 99)) == before
    stranger.delete_objects(Bucket="source-gone", Delete={"Objects": [{"Key": "k"}]})
    assert len(near.store.messages("replication:gone", 99)) == before + 1  # is no replica


def test_objects_of_a_log_are_copied_like_others(s3, near):
    configured(s3, "source-logs", rule("gone"))
    s3.create_bucket(Bucket="logged")
    enabled = {"TargetBucket": "source-logs", "TargetPrefix": ""}
    s3.put_bucket_logging(Bucket="logged", BucketLoggingStatus={"LoggingEnabled": enabled})
    before = len(near.store.messages("replication:gone", 99))
    own = Spool(near.config.data_dir / DIRECTORY, 0)
    own.append("logged", "a line")
    own.roll()
    delivery = LogDelivery(near.config, near.store, near.keys, own, delivers=True)
    asyncio.run_coroutine_threadsafe(delivery.deliver(), near.loop).result(20)
    assert len(near.store.messages("replication:gone", 99)) == before + 1


def as_replica(request, **_):
    request.headers["x-amz-replication-status"] = "REPLICA"


def test_a_configuration_is_kept_and_deleted(s3):
    configured(s3, "source-kept", rule(ID="one"))
    found = s3.get_bucket_replication(Bucket="source-kept")["ReplicationConfiguration"]
    assert found["Rules"] == [rule(ID="one")]
    suspended = {"VersioningConfiguration": {"Status": "Suspended"}}
    asked = {"Bucket": "source-kept", **suspended}
    assert refusal(s3.put_bucket_versioning, **asked) == (409, "InvalidBucketState")
    for _ in range(2):
        s3.delete_bucket_replication(Bucket="source-kept")
    s3.put_bucket_versioning(**asked)
    missing = (404, "ReplicationConfigurationNotFoundError")
    assert refusal(s3.get_bucket_replication, Bucket="source-kept") == missing


@pytest.mark.parametrize(
    ("rules", "answer"),
    [
        ([rule("elsewhere")], (400, "InvalidRequest")),
        ([rule(), rule()], (400, "InvalidArgument")),
        ([rule(), rule("gone", Priority=2)], (501, "NotImplemented")),
        ([rule(ExistingObjectReplication={"Status": "Enabled"})], (501, "NotImplemented")),
        ([rule(Prefix="x")], (400, "MalformedXML")),
        ([], (400, "MalformedXML")),
    ],
)
def test_a_configuration_that_cannot_be_is_refused(s3, rules, answer):
    s3.create_bucket(Bucket="source-bad")
    enable(s3, "source-bad")
    said = {"Role": "", "Rules": rules}
    asked = {"Bucket": "source-bad", "ReplicationConfiguration": said}
    assert refusal(s3.put_bucket_replication, **asked) == answer


def test_a_bucket_without_versions_cannot_be_replicated(s3):
    s3.create_bucket(Bucket="source-plain")
    asked = {"Bucket": "source-plain", "ReplicationConfiguration": {"Role": "", "Rules": [rule()]}}
    assert refusal(s3.put_bucket_replication, **asked) == (400, "InvalidRequest")


def test_credentials_that_others_can_read_are_refused(tmp_path):
    file = tmp_path / "credentials"
    file.write_text("b key secret")
    file.chmod(0o644)
    settings = {"replication_targets": ("bbb=http://far",), "replication_credentials": file}
    with pytest.raises(BadSetting, match="chmod 600"):
        credentials(Config(**settings))
    file.chmod(0o600)
    with pytest.raises(BadSetting, match="no line for bbb"):
        credentials(Config(**settings))
    with pytest.raises(BadSetting, match="replication_credentials"):
        Config(replication_targets=("bbb=http://far",))
