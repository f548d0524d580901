"""The audit log of a real gateway: every request has its line, and no change goes without one."""

import errno
import json
import os
import time
import urllib.request

import boto3
import pytest
from botocore.config import Config as ClientConfig
from botocore.exceptions import ClientError
from click.testing import CliRunner

from gateway.__main__ import cli
from gateway.audit import log as module
from gateway.audit.auditing import CHANGES
from gateway.audit.chain import verify
from gateway.operations import OPERATIONS
from tests.gateway.conftest import running
from tests.gateway.encryption.conftest import customer

PATIENCE_SECONDS = 20
POLICY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": "*",
                "Action": "s3:GetObject",
                "Resource": "arn:aws:s3:::audited/*",
            }
        ],
    }
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    directory = tmp_path_factory.mktemp("audited")
    with running(directory / "data", audit_log=directory / "audit") as it:
        it.client(it.owner).create_bucket(Bucket="audited")
        yield it


@pytest.fixture
def s3(gateway):
    once = ClientConfig(retries={"total_max_attempts": 1}, signature_version="s3v4")
    return gateway.client(gateway.owner, config=once)


def _lines(gateway):
    paths = sorted(gateway.config.audit_log.glob("0-*.jsonl"))
    found = list(verify(paths))
    assert not any(each.findings for each in found)
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


@pytest.fixture
def told(gateway):
    """The lines of what happens in a test, once there are as many as are asked for."""
    before = len(_lines(gateway))

    def told(count):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            lines = [each for each in _lines(gateway)[before:] if each["action"] != "Health"]
            if len(lines) >= count:
                break
            urllib.request.urlopen(f"{gateway.url}/healthz").read()  # a line comes after its answer
        return lines

    return told


def _picked(lines, *names):
    return [tuple(each[name] for name in names) for each in lines]


def test_a_request_has_a_line_with_who_what_and_what_came_of_it(gateway, s3, told):
    s3.put_object(Bucket="audited", Key="a/ü", Body=b"12345")
    s3.get_object(Bucket="audited", Key="a/ü")["Body"].read()
    s3.get_object(Bucket="audited", Key="a/ü")["Body"].read()  # from memory
    put, *read = told(3)

    names = ("event", "key_id", "source", "action", "bucket", "key", "decision", "reason")
    owner = gateway.owner.key
    same = ("audited", "a/ü", "allow", "owner")
    assert _picked([put], *names) == [("request", owner, "127.0.0.1", "PutObject", *same)]
    assert _picked(read, *names) == [("request", owner, "127.0.0.1", "GetObject", *same)] * 2
    assert (put["status"], put["code"], put["bytes_in"] > 4) == (200, "", True)
    assert [each["bytes_out"] for each in read] == [5, 5]
    assert len({each["request_id"] for each in (put, *read)}) == 3


def test_both_lanes_tell_the_same(gateway, s3, told):
    """What is large goes the general lane."""
    for key, size in (("small", 100), ("large", 3 << 20)):
        s3.put_object(Bucket="audited", Key=key, Body=bytes(size))
        s3.get_object(Bucket="audited", Key=key)["Body"].read()
    told_of = _picked(told(4), "action", "key", "status", "bytes_out", "reason")

    assert told_of[1] == ("GetObject", "small", 200, 100, "owner")
    assert told_of[3] == ("GetObject", "large", 200, 3 << 20, "owner")
    assert [each[0] for each in told_of] == ["PutObject", "GetObject"] * 2


def test_who_is_refused_is_told_with_the_reason(gateway, s3, told):
    s3.put_object(Bucket="audited", Key="mine", Body=b"")
    stranger, forger = (
        gateway.client(gateway.stranger),
        boto3.client(
            "s3",
            endpoint_url=gateway.url,
            region_name="us-east-1",
            aws_access_key_id=gateway.owner.key,
            aws_secret_access_key="not the secret",
        ),
    )
    for client in (stranger, forger, gateway.client(None)):
        with pytest.raises(ClientError):
            client.get_object(Bucket="audited", Key="mine")
    with pytest.raises(ClientError):
        s3.get_object(Bucket="audited", Key="nothing")

    assert _picked(told(5)[1:], "key_id", "decision", "reason", "status") == [
        (gateway.stranger.key, "deny", "AccessDenied", 403),
        ("", "deny", "SignatureDoesNotMatch", 403),
        ("", "deny", "AccessDenied", 403),
        (gateway.owner.key, "allow", "owner", 404),
    ]


def test_a_grant_and_an_open_door_are_told_apart(gateway, s3, told):
    s3.put_object(Bucket="audited", Key="open", Body=b"", ACL="public-read")
    gateway.client(gateway.stranger).get_object(Bucket="audited", Key="open")
    gateway.client(None).get_object(Bucket="audited", Key="open")

    assert _picked(told(3)[1:], "decision", "reason") == [
        ("allow", "granted"),
        ("allow", "anonymous"),
    ]


def test_a_change_of_rights_is_told_before_and_after(gateway, s3, told):
    s3.put_bucket_policy(Bucket="audited", Policy=POLICY)
    with pytest.raises(ClientError):
        s3.put_bucket_policy(Bucket="audited", Policy="{}")
    with pytest.raises(ClientError):
        gateway.client(gateway.stranger).delete_bucket_policy(Bucket="audited")
    s3.delete_bucket_policy(Bucket="audited")

    put, delete = "PutBucketPolicy", "DeleteBucketPolicy"
    lines = told(7)
    assert _picked(lines, "event", "action", "decision", "status") == [
        ("asked", put, "allow", 0),
        ("done", put, "allow", 204),
        ("asked", put, "allow", 0),
        ("done", put, "allow", 400),
        ("request", delete, "deny", 403),
        ("asked", delete, "allow", 0),
        ("done", delete, "allow", 204),
    ]
    assert lines[0]["request_id"] == lines[1]["request_id"]


def test_a_bypass_of_retention_is_a_change(gateway, s3, told):
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True)
    s3.put_object(Bucket="locked", Key="k", Body=b"")
    s3.delete_object(Bucket="locked", Key="k", BypassGovernanceRetention=True)

    assert _picked(told(5)[-2:], "event", "action") == [
        ("asked", "DeleteObject"),
        ("done", "DeleteObject"),
    ]


def test_a_bucket_that_is_public_unasked_is_noted(tmp_path):
    settings = {"audit_log": tmp_path / "audit", "default_bucket_acl": "public-read"}
    with running(tmp_path / "data", **settings) as gateway:
        s3 = gateway.client(gateway.owner)
        s3.create_bucket(Bucket="unasked")
        s3.create_bucket(Bucket="asked", ACL="private")
        asked = [each for each in _lines(gateway) if each["event"] == "asked"]

    assert [each.get("note") for each in asked] == ["public_by_default", None]


@pytest.fixture
def synced(monkeypatch):
    """What is in the file when it is synced."""
    found, fdatasync = [], os.fdatasync

    def seen(file):
        path = os.readlink(f"/proc/self/fd/{file}")
        if path.endswith(".jsonl"):
            with open(path, "rb") as lines:
                found.append(json.loads(lines.readlines()[-1]))
        fdatasync(file)

    monkeypatch.setattr(module.os, "fdatasync", seen)
    return found


def test_both_lines_of_a_change_are_on_disk_before_its_answer(s3, synced, told):
    s3.put_bucket_acl(Bucket="audited", ACL="private")

    assert _picked(synced, "event", "action") == [
        ("asked", "PutBucketAcl"),
        ("done", "PutBucketAcl"),
    ]
    s3.put_object(Bucket="audited", Key="k", Body=b"")
    assert (len(told(3)), len(synced)) == (3, 2)


@pytest.fixture
def full(monkeypatch):
    """The disk of the audit log, not that of the data, is full while ``full[0]``."""
    state, write = [True], os.write

    def written(file, data):
        if state[0] and os.readlink(f"/proc/self/fd/{file}").endswith(".jsonl"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(file, data)

    monkeypatch.setattr(module.os, "write", written)
    return state


def test_row_f47_with_a_full_disk_nothing_changes_and_data_goes_on(gateway, s3, full, told):
    """reliability-security F47."""
    s3.put_object(Bucket="audited", Key="goes on", Body=b"data")
    assert s3.get_object(Bucket="audited", Key="goes on")["Body"].read() == b"data"
    for change in (
        lambda: s3.put_bucket_policy(Bucket="audited", Policy=POLICY),
        lambda: s3.put_bucket_acl(Bucket="audited", ACL="public-read"),
        lambda: s3.create_bucket(Bucket="another"),
        lambda: s3.put_object_acl(Bucket="audited", Key="goes on", ACL="public-read"),
    ):
        with pytest.raises(ClientError, match="audit log cannot be written") as refused:
            change()
        assert refused.value.response["Error"]["Code"] == "ServiceUnavailable"
    full[0] = False

    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        s3.get_bucket_policy(Bucket="audited")
    with pytest.raises(ClientError, match="404"):
        s3.head_bucket(Bucket="another")
    with pytest.raises(ClientError, match="403"):
        gateway.client(None).head_object(Bucket="audited", Key="goes on")
    s3.put_bucket_acl(Bucket="audited", ACL="private")
    assert sum(each.get("lost", 0) for each in told(5)) >= 6


def test_an_end_that_cannot_be_told_is_answered_as_unknown(s3, full, told):
    """The disk is full once the change has been made: the client hears no success."""
    full[0] = False
    append = module.AuditLog.append

    def appended(self, fields):
        full[0] = fields["event"] == "done"
        append(self, fields)

    module.AuditLog.append = appended
    try:
        with pytest.raises(ClientError, match="ServiceUnavailable"):
            s3.put_bucket_acl(Bucket="audited", ACL="private")
    finally:
        module.AuditLog.append, full[0] = append, False
    assert _picked(told(1), "event", "action") == [("asked", "PutBucketAcl")]


def test_nothing_that_proves_who_asks_is_in_it(gateway, s3, told):
    s3.put_object(Bucket="audited", Key="secret", Body=b"the body", **customer())
    with pytest.raises(ClientError):
        s3.get_object(Bucket="audited", Key="secret")
    url = s3.generate_presigned_url("head_bucket", {"Bucket": "audited"})
    urllib.request.urlopen(urllib.request.Request(url, method="HEAD"))
    told(3)

    text = "".join(path.read_text() for path in gateway.config.audit_log.iterdir())
    key = customer()
    for secret in (
        gateway.owner.secret,
        url.partition("X-Amz-Signature=")[2],
        "AWS4-HMAC",
        "the body",
        key["SSECustomerKey"],
        key["SSECustomerKeyMD5"],
    ):
        assert secret not in text


def test_what_counts_as_a_change_are_operations():
    assert {row.name for row in OPERATIONS} >= CHANGES
    reads = {row.name for row in OPERATIONS if row.method in {"GET", "HEAD"}}
    assert not CHANGES & reads
    rights = [row.name for row in OPERATIONS if "Acl" in row.name or "Polic" in row.name]
    assert set(rights) - reads <= CHANGES


def _run(*words, code=0, **environ):
    done = CliRunner(env=environ).invoke(cli, [str(word) for word in words])
    assert done.exit_code == code, done.output
    return done


def test_commands_that_change_keys_are_in_it(tmp_path):
    settings = {"S3GW_DATA_DIR": str(tmp_path / "data"), "S3GW_AUDIT_LOG": str(tmp_path / "audit")}
    made = json.loads(_run("keys", "generate", **settings).stdout)
    _run("keys", "disable", made["key"], **settings)
    _run("keys", "reset", made["key"], **settings)
    _run("kms", "create", "photos", **settings)
    _run("keys", "rotate-master", **settings)
    _run("keys", "list", **settings)

    (path,) = (tmp_path / "audit").iterdir()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    actions = ["keys generate", "keys disable", "keys reset", "kms create", "keys rotate-master"]
    assert [each["action"] for each in lines if each["event"] == "done"] == actions
    assert {each["key"] for each in lines[2:6]} == {made["key"]} == {lines[1]["key"]}
    assert made["secret"] not in path.read_text()
    assert json.loads(_run("audit", "verify", tmp_path / "audit").stdout)["lines"] == 10


def test_a_command_changes_nothing_when_it_cannot_be_told(tmp_path):
    (tmp_path / "audit").write_text("no directory")
    settings = {"S3GW_DATA_DIR": str(tmp_path / "data"), "S3GW_AUDIT_LOG": str(tmp_path / "audit")}
    said = _run("keys", "generate", code=1, **settings)

    assert "nothing is changed" in said.stderr
    assert json.loads(_run("keys", "list", S3GW_DATA_DIR=str(tmp_path / "data")).stdout) == []


def test_verify_tells_what_was_changed_and_ends_with_1(gateway, s3, tmp_path):
    s3.list_buckets()
    for path in gateway.config.audit_log.glob("*.jsonl"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = (tmp_path / path.name).read_bytes().splitlines(keepends=True)
    last = json.loads(lines[-1])["hash"]
    assert json.loads(_run("audit", "verify", tmp_path, "--has", last).stdout)["findings"] == []

    (tmp_path / path.name).write_bytes(b"".join([*lines[:1], *lines[2:]]))
    said = json.loads(_run("audit", "verify", tmp_path, code=1).stdout)
    assert said["findings"] == ["line 2 does not follow line 1"]
    (tmp_path / path.name).write_bytes(b"".join(lines[:-1]))
    assert "no line has" in _run("audit", "verify", tmp_path, "--has", last, code=1).stderr
    _run("audit", "verify", tmp_path / "nothing", code=3)


def test_without_the_setting_there_is_none(tmp_path):
    with running(tmp_path) as gateway:
        gateway.client(gateway.owner).create_bucket(Bucket="plain")
        assert not list(tmp_path.rglob("*.jsonl"))
