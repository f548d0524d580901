"""One store in which all of the API was used: checked, rebuilt and backed up, it says the same."""

import os
import shutil
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import md5

import pytest
from botocore.exceptions import ClientError

from keys import backup as keys
from store import fsck
from store.backup import backup
from store.database import FILE
from store.rebuild import rebuild
from tests.gateway.conftest import running

BIG, OTHER = (os.urandom(5 << 20) for _ in range(2))
SECRET = b"0123456789abcdef" * 2
CUSTOMER = {
    "SSECustomerAlgorithm": "AES256",
    "SSECustomerKey": b64encode(SECRET).decode(),
    "SSECustomerKeyMD5": b64encode(md5(SECRET).digest()).decode(),
}
LATER = datetime(2140, 1, 1, tzinfo=UTC)
WEBHOOK = "arn:s3gw:sqs::hook:webhook"
SETTINGS = {"webhooks": ("hook=http://127.0.0.1:9/",)}
BUCKETS = ("plain", "kept", "locked", "paused")
CONFIGURATIONS = [
    "accelerate_configuration",
    "acl",
    "cors",
    "encryption",
    "lifecycle_configuration",
    "location",
    "logging",
    "notification_configuration",
    "ownership_controls",
    "policy",
    "request_payment",
    "tagging",
    "versioning",
    "website",
]


def enable(s3, bucket, status="Enabled"):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})


def annotate(s3, bucket, key, name, text=b"text", **more):
    s3.put_object_annotation(
        Bucket=bucket, Key=key, AnnotationName=name, AnnotationPayload=text, **more
    )


def upload(s3, bucket, key, *parts, complete=True, **more):
    asked = {"Bucket": bucket, "Key": key}
    asked["UploadId"] = s3.create_multipart_upload(**asked, **more)["UploadId"]
    said = [
        {"PartNumber": n, "ETag": s3.upload_part(**asked, PartNumber=n, Body=data)["ETag"]}
        for n, data in enumerate(parts, 1)
    ]
    if complete:
        s3.complete_multipart_upload(**asked, MultipartUpload={"Parts": said})
    return asked


def plain(s3):
    at = {"Bucket": "plain"}
    s3.create_bucket(**at)
    s3.put_object(**at, Key="small", Body=b"small", Metadata={"a": "b c"}, Tagging="k=v")
    s3.put_object(**at, Key="big", Body=BIG, ContentType="text/x")
    s3.put_object(**at, Key="twin", Body=BIG, StorageClass="STANDARD_IA")
    s3.put_object(**at, Key="sse-c", Body=BIG, **CUSTOMER)
    s3.put_object(**at, Key="kms", Body=OTHER, ServerSideEncryption="aws:kms", SSEKMSKeyId="photos")
    s3.copy_object(**at, Key="opened", CopySource="plain/kms")
    s3.copy_object(**at, Key="sealed", CopySource="plain/big", ServerSideEncryption="AES256")
    upload(s3, "plain", "parts", BIG, OTHER, b"end", Tagging="p=q")
    upload(s3, "plain", "sealed-parts", BIG, b"end", ServerSideEncryption="AES256")
    upload(s3, "plain", "going", OTHER, complete=False)
    s3.abort_multipart_upload(**upload(s3, "plain", "gone", BIG, complete=False))
    for key in ("big", "kms", "small"):
        annotate(s3, "plain", key, "small text")
        annotate(s3, "plain", key, "large", b"annotation" * 20_000)
    s3.copy_object(**at, Key="annotated", CopySource="plain/big")
    s3.rename_object(**at, Key="renamed", RenameSource="small")
    s3.put_object(**at, Key="small", Body=b"again")
    annotate(s3, "plain", "small", "gone with it")
    s3.rename_object(**at, Key="small", RenameSource="twin")
    s3.delete_object_annotation(**at, Key="kms", AnnotationName="large")
    s3.update_object_encryption(
        **at, Key="kms", ObjectEncryption={"SSEKMS": {"KMSKeyArn": "arn:aws:kms:::key/photos"}}
    )
    s3.delete_objects(**at, Delete={"Objects": [{"Key": "opened"}, {"Key": "never"}]})
    s3.put_object_acl(**at, Key="renamed", ACL="public-read")
    s3.put_bucket_acl(**at, ACL="public-read")


def kept(s3):
    at = {"Bucket": "kept"}
    s3.create_bucket(**at)
    s3.put_object(**at, Key="before", Body=b"null version")
    enable(s3, "kept")
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    s3.put_bucket_encryption(**at, ServerSideEncryptionConfiguration={"Rules": [rule]})
    ids = []
    for body in (BIG, b"small", OTHER, BIG):
        ids.append(s3.put_object(**at, Key="k", Body=body, Tagging=f"n={len(ids)}")["VersionId"])
        annotate(s3, "kept", "k", f"of {len(ids)}", b"x" * 50_000)
    s3.put_object_tagging(
        **at, Key="k", VersionId=ids[0], Tagging={"TagSet": [{"Key": "old", "Value": "one"}]}
    )
    source = {**at, "Key": "k", "VersionId": ids[0]}
    s3.copy_object(**at, Key="k", CopySource=source, AnnotationDirective="EXCLUDE")
    s3.copy_object(
        Bucket="plain", Key="from-kept", CopySource=source, AnnotationDirective="EXCLUDE"
    )
    s3.delete_object(**at, Key="k", VersionId=ids[1])
    s3.delete_object(**at, Key="k", VersionId=ids[3])
    s3.delete_object(**at, Key="before")
    marker = s3.delete_object(**at, Key="k")["VersionId"]
    s3.delete_object(**at, Key="k")
    s3.delete_object(**at, Key="k", VersionId=marker)
    upload(s3, "kept", "parts", BIG, b"end")


def locked(s3):
    at = {"Bucket": "locked"}
    s3.create_bucket(**at, ObjectLockEnabledForBucket=True)
    default = {"DefaultRetention": {"Mode": "GOVERNANCE", "Days": 1}}
    s3.put_object_lock_configuration(
        **at, ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": default}
    )
    for key in ("a", "b", "c"):
        s3.put_object(**at, Key=key, Body=BIG)
    until = {"Mode": "COMPLIANCE", "RetainUntilDate": LATER}
    s3.put_object_retention(**at, Key="a", Retention=until, BypassGovernanceRetention=True)
    s3.put_object_legal_hold(**at, Key="b", LegalHold={"Status": "ON"})
    annotate(s3, "locked", "a", "locked with it")
    id = s3.put_object(**at, Key="c", Body=b"bypassed")["VersionId"]
    s3.delete_object(**at, Key="c", VersionId=id, BypassGovernanceRetention=True)
    upload(s3, "locked", "held", BIG, ObjectLockLegalHoldStatus="ON")
    s3.delete_object(**at, Key="a")


def paused(s3):
    at = {"Bucket": "paused"}
    s3.create_bucket(**at)
    enable(s3, "paused")
    s3.put_object(**at, Key="k", Body=b"first")
    enable(s3, "paused", "Suspended")
    for body in (BIG, OTHER):
        s3.put_object(**at, Key="k", Body=body)
        annotate(s3, "paused", "k", "of null", b"y" * 50_000)
    s3.delete_object(**at, Key="k")
    s3.put_object(**at, Key="k", Body=b"last")


def configured(s3):
    at = {"Bucket": "kept"}
    told = [{"QueueArn": WEBHOOK, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
    s3.put_bucket_notification_configuration(
        **at, NotificationConfiguration={"QueueConfigurations": told}
    )
    logging = {"LoggingEnabled": {"TargetBucket": "plain", "TargetPrefix": "log/"}}
    s3.put_bucket_logging(**at, BucketLoggingStatus=logging)
    rule = {"ID": "r", "Status": "Enabled", "Filter": {"Prefix": "x/"}, "Expiration": {"Days": 9}}
    s3.put_bucket_lifecycle_configuration(**at, LifecycleConfiguration={"Rules": [rule]})
    s3.put_bucket_website(**at, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    cors = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"]}
    s3.put_bucket_cors(**at, CORSConfiguration={"CORSRules": [cors]})
    s3.put_bucket_tagging(**at, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.put_bucket_request_payment(**at, RequestPaymentConfiguration={"Payer": "Requester"})
    rule = {"ObjectOwnership": "BucketOwnerPreferred"}
    s3.put_bucket_ownership_controls(**at, OwnershipControls={"Rules": [rule]})
    s3.put_object(**at, Key="told", Body=b"of")
    s3.delete_object(**at, Key="told")


def answered(call, **asked):
    """What it says, or its error."""
    try:
        found = call(**asked)
    except ClientError as error:
        return error.response["Error"]["Code"]
    found.pop("ResponseMetadata")
    for name in ("Body", "AnnotationPayload"):
        if name in found:
            found[name] = md5(found[name].read()).hexdigest()
    return found


def version(s3, bucket, found) -> dict:
    at = {"Bucket": bucket, "Key": found["Key"], "VersionId": found["VersionId"]}
    customer = CUSTOMER if found["Key"] == "sse-c" else {}
    said = {"get": answered(s3.get_object, **at, **customer, ChecksumMode="ENABLED")}
    for verb in ("tagging", "acl", "retention", "legal_hold"):
        said[verb] = answered(getattr(s3, f"get_object_{verb}"), **at)
    listed = s3.list_object_annotations(**at).get("Annotations", [])
    for each in listed:
        name = each["AnnotationName"]
        said[name] = each | answered(s3.get_object_annotation, **at, AnnotationName=name)
    return said


def everything(s3) -> dict:
    """All that a client can be told."""
    told = {}
    for bucket in BUCKETS:
        at = {"Bucket": bucket}
        told[bucket] = [answered(getattr(s3, f"get_bucket_{one}"), **at) for one in CONFIGURATIONS]
        told[bucket].append(answered(s3.get_object_lock_configuration, **at))
        told[bucket].append(answered(s3.list_multipart_uploads, **at))
        page = answered(s3.list_object_versions, **at)
        told[bucket].append(page)
        for each in page["Versions"]:
            told[bucket, each["Key"], each["VersionId"]] = version(s3, bucket, each)
    return told


@pytest.fixture(scope="module")
def used(tmp_path_factory):
    """A stopped store that was used, its owner, and all that it said."""
    directory = tmp_path_factory.mktemp("used")
    with running(directory, **SETTINGS) as gateway:
        gateway.keys.kms.ensure(["photos"])
        s3 = gateway.client(gateway.owner)
        for use in (plain, kept, locked, paused, configured):
            use(s3)
        assert len(gateway.store.messages("hook", 99)) == 3  # a test, a put, a deletion
        return directory, gateway.owner, everything(s3)


def said(directory, owner) -> dict:
    with running(directory, **SETTINGS) as gateway:
        assert len(gateway.store.messages("hook", 99)) == 3
        return everything(gateway.client(owner))


def test_nothing_is_wrong_with_it(used):
    directory, _, told = used
    assert sum(isinstance(place, tuple) for place in told) == 22  # versions
    assert list(fsck.check(directory)) == []


def test_it_says_the_same_when_it_was_rebuilt(used, tmp_path):
    directory, owner, told = used
    copy = tmp_path / "copy"
    shutil.copytree(directory, copy)
    for path in copy.glob(f"{FILE}*"):
        path.unlink()
    rebuild(copy)
    assert list(fsck.check(copy)) == []
    assert said(copy, owner) == told


def test_its_backup_says_the_same(used, tmp_path):
    directory, owner, told = used
    copy = tmp_path / "backup"

    def beside(made):
        keys.backup(directory, made)
        shutil.copy(directory / "master.key", made)

    assert backup(directory, copy, beside=beside).unreadable_bytes == 0
    assert list(fsck.check(copy)) == []
    assert said(copy, owner) == told
