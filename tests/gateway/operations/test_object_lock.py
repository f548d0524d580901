"""Object lock as clients see it: buckets that lock, retention, legal hold, who may do what."""

import http.client
import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from hashlib import md5

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

GOVERNANCE, COMPLIANCE = "GOVERNANCE", "COMPLIANCE"
DENIED = (403, "AccessDenied")
NO_LOCK = (400, "InvalidRequest")
MALFORMED = (400, "MalformedXML")
WRONG = (400, "InvalidArgument")
ABSENT = (404, "NoSuchObjectLockConfiguration")
STATE = (409, "InvalidBucketState")
LATER = datetime(2140, 1, 1, tzinfo=UTC)
SOONER = datetime(2139, 1, 1, tzinfo=UTC)


def refusal(call, **asked) -> tuple[int, str]:
    with pytest.raises(ClientError) as error:
        call(**asked)
    answer = error.value.response
    return answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Code"]


def configuration(enabled="Enabled", **retention) -> dict:
    rule = {"Rule": {"DefaultRetention": retention}} if retention else {}
    return {"ObjectLockConfiguration": {"ObjectLockEnabled": enabled} | rule}


def retention(mode=GOVERNANCE, until=LATER) -> dict:
    return {"Retention": {"Mode": mode, "RetainUntilDate": until}}


def hold(status) -> dict:
    return {"LegalHold": {"Status": status}}


@pytest.fixture
def locking(new_bucket):
    return new_bucket(ObjectLockEnabledForBucket=True)


@pytest.fixture
def put(s3, locking):
    """Puts an object into the bucket that locks; the names of its version."""

    def version(key="k", **asked) -> dict:
        named = {"Bucket": locking, "Key": key}
        return named | {"VersionId": s3.put_object(**named, Body=b"body", **asked)["VersionId"]}

    return version


@pytest.fixture
def let(s3, locking):
    """Gives the bucket that locks a policy for its objects."""

    def say(*statements: dict) -> None:
        whole = {"Principal": "*", "Resource": f"arn:aws:s3:::{locking}/*"}
        policy = {"Version": "2012-10-17", "Statement": [whole | each for each in statements]}
        s3.put_bucket_policy(Bucket=locking, Policy=json.dumps(policy))

    return say


# --- buckets -------------------------------------------------------------------------------------


def test_a_bucket_made_to_lock_keeps_versions_for_good(s3, locking):
    assert s3.get_bucket_versioning(Bucket=locking)["Status"] == "Enabled"
    assert s3.get_object_lock_configuration(Bucket=locking)["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled"
    }
    suspended = {"VersioningConfiguration": {"Status": "Suspended"}}
    assert refusal(s3.put_bucket_versioning, Bucket=locking, **suspended) == STATE
    s3.put_bucket_versioning(Bucket=locking, VersioningConfiguration={"Status": "Enabled"})


def test_only_a_bucket_that_keeps_versions_can_begin_to_lock(s3, bucket):
    begin = {"Bucket": bucket, **configuration(Mode=COMPLIANCE, Years=2)}
    found = (404, "ObjectLockConfigurationNotFoundError")
    assert refusal(s3.get_object_lock_configuration, Bucket=bucket) == found
    for status in ("", "Suspended"):
        if status:
            s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})
        assert refusal(s3.put_object_lock_configuration, **begin) == STATE
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    s3.put_object_lock_configuration(**begin, Token="none is needed")

    answer = s3.get_object_lock_configuration(Bucket=bucket)
    assert answer["ObjectLockConfiguration"] == begin["ObjectLockConfiguration"]


def test_a_bucket_made_again_locks_as_before(s3, locking, bucket):
    s3.create_bucket(Bucket=locking, ObjectLockEnabledForBucket=True)
    owned = (409, "BucketAlreadyOwnedByYou")
    assert refusal(s3.create_bucket, Bucket=locking) == owned
    assert refusal(s3.create_bucket, Bucket=bucket, ObjectLockEnabledForBucket=True) == owned


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (configuration("Disabled", Mode=GOVERNANCE, Days=1), MALFORMED),
        ({"ObjectLockConfiguration": {}}, MALFORMED),
        ({}, MALFORMED),
        (configuration(Mode=GOVERNANCE), MALFORMED),
        (configuration(Days=1), MALFORMED),
        (configuration(Mode=GOVERNANCE, Days=1, Years=1), MALFORMED),
        (configuration(Mode="governance", Days=1), MALFORMED),
        (configuration(Mode=GOVERNANCE, Days=0), WRONG),
        (configuration(Mode=GOVERNANCE, Years=-1), WRONG),
        (configuration(Mode=GOVERNANCE, Days=36501), WRONG),
        (configuration(Mode=GOVERNANCE, Years=101), WRONG),
    ],
)
def test_what_is_no_configuration_changes_nothing(s3, locking, asked, expected):
    kept = configuration(Mode=GOVERNANCE, Days=36500)
    s3.put_object_lock_configuration(Bucket=locking, **kept)

    assert refusal(s3.put_object_lock_configuration, Bucket=locking, **asked) == expected
    answer = s3.get_object_lock_configuration(Bucket=locking)
    assert answer["ObjectLockConfiguration"] == kept["ObjectLockConfiguration"]


def test_the_default_is_for_new_objects_without_retention(s3, locking, put):
    before = put()
    s3.put_object_lock_configuration(Bucket=locking, **configuration(Mode=COMPLIANCE, Days=2))
    plain, held = put(), put(ObjectLockLegalHoldStatus="ON")
    own = put(ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=LATER)
    s3.put_object_lock_configuration(Bucket=locking, **configuration())
    after = put()

    assert refusal(s3.get_object_retention, **before) == ABSENT
    assert refusal(s3.get_object_retention, **after) == ABSENT
    assert s3.get_object_retention(**own)["Retention"] == retention()["Retention"]
    for made in (plain, held):
        found = s3.get_object_retention(**made)["Retention"]
        assert found["Mode"] == COMPLIANCE
        left = found["RetainUntilDate"] - datetime.now(UTC)
        assert timedelta(days=1, hours=23) < left < timedelta(days=2, minutes=1)
        assert refusal(s3.delete_object, **made, BypassGovernanceRetention=True) == DENIED


# --- retention -----------------------------------------------------------------------------------


def test_governance_can_be_shortened_and_deleted_by_bypass_alone(s3, put):
    version = put()
    s3.put_object_retention(**version, **retention())
    for weaker in (
        retention(until=SOONER),
        retention(COMPLIANCE),
        {"Retention": {}},
    ):
        assert refusal(s3.put_object_retention, **version, **weaker) == DENIED
    assert refusal(s3.delete_object, **version) == DENIED

    s3.put_object_retention(**version, **retention(until=SOONER), BypassGovernanceRetention=True)
    s3.put_object_retention(**version, **retention())
    s3.put_object_retention(**version, Retention={}, BypassGovernanceRetention=True)
    assert refusal(s3.get_object_retention, **version) == ABSENT
    s3.put_object_retention(**version, **retention())
    s3.delete_object(**version, BypassGovernanceRetention=True)
    assert refusal(s3.head_object, **version)[0] == 404


def test_compliance_can_only_be_extended(s3, put):
    version = put()
    s3.put_object_retention(**version, **retention(COMPLIANCE, SOONER))
    s3.put_object_retention(**version, **retention(COMPLIANCE))
    for weaker in (retention(COMPLIANCE, SOONER), retention(), {"Retention": {}}):
        for bypass in (False, True):
            asked = version | weaker | {"BypassGovernanceRetention": bypass}
            assert refusal(s3.put_object_retention, **asked) == DENIED
    for bypass in (False, True):
        assert refusal(s3.delete_object, **version, BypassGovernanceRetention=bypass) == DENIED
    assert s3.get_object(**version)["Body"].read() == b"body"
    assert s3.get_object_retention(**version)["Retention"]["RetainUntilDate"] == LATER


def test_a_deletion_without_version_only_hides(s3, put, locking):
    version = put(ObjectLockMode=COMPLIANCE, ObjectLockRetainUntilDate=LATER)
    marker = s3.delete_object(Bucket=locking, Key="k")
    assert marker["DeleteMarker"]
    assert refusal(s3.delete_bucket, Bucket=locking) == (409, "BucketNotEmpty")
    s3.delete_object(Bucket=locking, Key="k", VersionId=marker["VersionId"])
    assert s3.head_object(Bucket=locking, Key="k")["VersionId"] == version["VersionId"]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, MALFORMED),
        ({"Retention": {"Mode": GOVERNANCE}}, MALFORMED),
        ({"Retention": {"RetainUntilDate": LATER}}, MALFORMED),
        (retention("governance"), MALFORMED),
        (retention(until=datetime(2020, 1, 1, tzinfo=UTC)), WRONG),
        ({"Retention": {"EventHold": "ON"}}, (501, "NotImplemented")),
    ],
)
def test_what_is_no_retention_is_refused(s3, put, asked, expected):
    version = put()
    assert refusal(s3.put_object_retention, **version, **asked) == expected
    assert refusal(s3.get_object_retention, **version) == ABSENT


def test_a_date_is_never_rounded_down(s3, put):
    version = put()
    for year in (2140, 2900, 9998):
        asked = datetime(year, 1, 1, 0, 0, 0, 122456, tzinfo=UTC)
        s3.put_object_retention(**version, **retention(COMPLIANCE, asked))
        found = s3.get_object_retention(**version)["Retention"]["RetainUntilDate"]

        assert timedelta() <= found - asked < timedelta(milliseconds=1)
        for again in (asked, found):
            s3.put_object_retention(**version, **retention(COMPLIANCE, again))


@pytest.mark.parametrize("date", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "x"])
def test_a_date_that_is_none_is_refused(gateway, locking, date):
    s3 = gateway.client(gateway.owner)
    name = "x-amz-object-lock-retain-until-date"
    s3.meta.events.register(
        "before-sign.s3", lambda request, **_: request.headers.replace_header(name, date)
    )
    lock = {"ObjectLockMode": GOVERNANCE, "ObjectLockRetainUntilDate": LATER}
    assert refusal(s3.put_object, Bucket=locking, Key="k", Body=b"", **lock) == WRONG


def test_the_last_date_there_is_can_be_kept_until_and_shown(s3, put):
    version = put()
    s3.put_object_retention(
        **version, **retention(until=datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC))
    )
    answer = s3.head_object(**version)["ResponseMetadata"]["HTTPHeaders"]
    assert answer["x-amz-object-lock-retain-until-date"] == "9999-12-31T23:59:59.999Z"


# --- legal hold ----------------------------------------------------------------------------------


def test_a_hold_keeps_a_version_until_it_is_taken_off(s3, put):
    version = put()
    assert refusal(s3.get_object_legal_hold, **version) == ABSENT
    s3.put_object_legal_hold(**version, **hold("ON"))
    assert s3.get_object_legal_hold(**version)["LegalHold"] == {"Status": "ON"}
    assert refusal(s3.delete_object, **version, BypassGovernanceRetention=True) == DENIED
    s3.put_object_legal_hold(**version, **hold("OFF"))
    assert s3.get_object_legal_hold(**version)["LegalHold"] == {"Status": "OFF"}
    s3.delete_object(**version)


def test_hold_and_retention_do_not_touch_each_other(s3, put):
    version = put(ObjectLockMode=COMPLIANCE, ObjectLockRetainUntilDate=LATER)
    for status in ("ON", "OFF"):
        s3.put_object_legal_hold(**version, **hold(status))
        assert s3.get_object_retention(**version)["Retention"]["Mode"] == COMPLIANCE
    s3.put_object_retention(**version, **retention(COMPLIANCE, LATER + timedelta(days=1)))
    assert s3.get_object_legal_hold(**version)["LegalHold"] == {"Status": "OFF"}


@pytest.mark.parametrize("asked", [{}, {"LegalHold": {}}, hold("on")])
def test_what_is_no_hold_is_refused(s3, put, asked):
    assert refusal(s3.put_object_legal_hold, **put(), **asked) == MALFORMED


# --- where there is no lock ----------------------------------------------------------------------


def test_a_bucket_without_object_lock_says_so(s3, bucket):
    named = {"Bucket": bucket, "Key": "k"}
    s3.put_object(**named, Body=b"body")
    for call, more in (
        (s3.put_object_retention, retention()),
        (s3.get_object_retention, {}),
        (s3.put_object_legal_hold, hold("ON")),
        (s3.get_object_legal_hold, {}),
        (s3.put_object, {"ObjectLockLegalHoldStatus": "OFF"}),
        (s3.create_multipart_upload, {"ObjectLockLegalHoldStatus": "ON"}),
        (s3.copy_object, {"CopySource": f"{bucket}/k", "ObjectLockLegalHoldStatus": "ON"}),
    ):
        assert refusal(call, **named, **more) == NO_LOCK
    assert s3.get_object(**named)["Body"].read() == b"body"


def test_what_is_not_there_has_no_lock(s3, locking, put):
    for call, more in ((s3.put_object_legal_hold, hold("ON")), (s3.get_object_retention, {})):
        assert refusal(call, Bucket=locking, Key="none", **more) == (404, "NoSuchKey")
    put()
    marker = s3.delete_object(Bucket=locking, Key="k")["VersionId"]
    asked = {"Bucket": locking, "Key": "k", "VersionId": marker, **hold("ON")}
    assert refusal(s3.put_object_legal_hold, **asked) == (405, "MethodNotAllowed")


# --- new objects ---------------------------------------------------------------------------------


def test_every_new_object_can_be_locked(s3, locking, put):
    asked = {
        "ObjectLockMode": COMPLIANCE,
        "ObjectLockRetainUntilDate": LATER,
        "ObjectLockLegalHoldStatus": "ON",
    }
    source = put(**asked)
    copied = {"Bucket": locking, "Key": "copied", "CopySource": f"{locking}/k"}
    s3.copy_object(**copied, **asked)
    s3.copy_object(**copied | {"Key": "replaced"}, MetadataDirective="REPLACE", **asked)
    named = {"Bucket": locking, "Key": "uploaded"}
    upload = named | {"UploadId": s3.create_multipart_upload(**named, **asked)["UploadId"]}
    etag = s3.upload_part(**upload, PartNumber=1, Body=b"part")["ETag"]
    parts = {"Parts": [{"PartNumber": 1, "ETag": etag}]}
    s3.complete_multipart_upload(**upload, MultipartUpload=parts)

    for key in ("k", "copied", "replaced", "uploaded"):
        for read in (s3.head_object, s3.get_object):
            answer = read(Bucket=locking, Key=key)
            assert {name: answer[name] for name in asked} == asked
        found = {"Bucket": locking, "Key": key, "VersionId": answer["VersionId"]}
        assert refusal(s3.delete_object, **found, BypassGovernanceRetention=True) == DENIED
    s3.copy_object(**copied | {"Key": "plain"})
    assert "ObjectLockMode" not in s3.head_object(Bucket=locking, Key="plain")
    assert s3.head_object(**source)["ObjectLockMode"] == COMPLIANCE


def test_a_form_can_lock(s3, gateway, locking):
    fields = {"x-amz-object-lock-legal-hold": "ON"}
    form = s3.generate_presigned_post(locking, "form", fields, [fields])
    parts = form["fields"] | {"file": "body"}
    lines = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in parts.items()
    ]
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=20)
    sent = "".join(lines) + "--b--\r\n"
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    connection.request("POST", f"/{locking}", sent, kind)
    assert connection.getresponse().status == 204
    connection.close()

    assert s3.head_object(Bucket=locking, Key="form")["ObjectLockLegalHoldStatus"] == "ON"


@pytest.mark.parametrize(
    "asked",
    [
        {"ObjectLockMode": GOVERNANCE},
        {"ObjectLockRetainUntilDate": LATER},
        {"ObjectLockMode": "governance", "ObjectLockRetainUntilDate": LATER},
        {"ObjectLockMode": GOVERNANCE, "ObjectLockRetainUntilDate": datetime(2020, 1, 1)},
        {"ObjectLockLegalHoldStatus": "on"},
    ],
)
def test_a_lock_that_is_none_makes_no_object(s3, locking, asked):
    named = {"Bucket": locking, "Key": "none"}
    assert refusal(s3.put_object, **named, Body=b"", **asked) == WRONG
    assert refusal(s3.create_multipart_upload, **named, **asked) == WRONG
    assert refusal(s3.head_object, **named)[0] == 404


def test_what_is_locked_has_to_come_with_a_checksum(gateway, locking):
    s3 = gateway.client(gateway.owner, config=Config(request_checksum_calculation="when_required"))
    named = {"Bucket": locking, "Key": "k", "ObjectLockLegalHoldStatus": "ON"}
    assert refusal(s3.put_object, **named, Body=b"body") == NO_LOCK
    s3.put_object(**named, Body=b"body", ContentMD5=b64encode(md5(b"body").digest()).decode())
    s3.put_object(**named, Body=b"body", ChecksumAlgorithm="SHA256")


# --- many at once --------------------------------------------------------------------------------


def test_of_many_only_the_locked_ones_stay(s3, locking, put):
    governed = put("a", ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=LATER)
    held, free = put("b", ObjectLockLegalHoldStatus="ON"), put("c")

    def delete(*versions, **more):
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions]
        answer = s3.delete_objects(Bucket=locking, Delete={"Objects": objects}, **more)
        refused = {each["Key"]: each["Code"] for each in answer.get("Errors", [])}
        return [each["Key"] for each in answer.get("Deleted", [])], refused

    assert delete(governed, held, free) == (["c"], {"a": "AccessDenied", "b": "AccessDenied"})
    assert delete(governed, held, BypassGovernanceRetention=True) == (["a"], {"b": "AccessDenied"})


# --- who may -------------------------------------------------------------------------------------


def test_who_may_write_may_not_lock(new_bucket, stranger, anonymous, s3):
    bucket = new_bucket(ObjectLockEnabledForBucket=True, ACL="public-read-write")
    named = {"Bucket": bucket, "Key": "k"}
    for client in (stranger, anonymous):
        version = client.put_object(**named, Body=b"")["VersionId"]
        for asked in (
            {"ObjectLockLegalHoldStatus": "ON"},
            {"ObjectLockMode": COMPLIANCE, "ObjectLockRetainUntilDate": LATER},
        ):
            assert refusal(client.put_object, **named, Body=b"", **asked) == DENIED
            assert refusal(client.create_multipart_upload, **named, **asked) == DENIED
        assert refusal(client.put_object_retention, **named, **retention()) == DENIED
        assert refusal(client.put_object_legal_hold, **named, **hold("ON")) == DENIED
        assert refusal(client.get_object_retention, **named) == DENIED
        assert refusal(client.get_object_legal_hold, **named) == DENIED
        configure = client.put_object_lock_configuration
        assert refusal(configure, Bucket=bucket, **configuration()) == DENIED
        assert refusal(client.get_object_lock_configuration, Bucket=bucket) == DENIED
        s3.put_object_retention(**named, VersionId=version, **retention())
        asked = named | {"VersionId": version, "BypassGovernanceRetention": True}
        assert refusal(client.delete_object, **asked) == DENIED
        objects = {"Objects": [{"Key": "k", "VersionId": version}]}
        answer = client.delete_objects(
            Bucket=bucket, Delete=objects, BypassGovernanceRetention=True
        )
        assert [each["Code"] for each in answer["Errors"]] == ["AccessDenied"]
        s3.head_object(**named, VersionId=version)


def test_a_read_tells_of_locks_to_who_may_read_them(s3, stranger, put, let):
    version = put(
        ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=LATER, ObjectLockLegalHoldStatus="ON"
    )
    mode, status = "ObjectLockMode", "ObjectLockLegalHoldStatus"
    for more, shown in (
        ([], set()),
        (["s3:GetObjectRetention"], {mode}),
        (["s3:GetObjectLegalHold"], {status}),
        (["s3:GetObjectRetention", "s3:GetObjectLegalHold"], {mode, status}),
    ):
        let({"Effect": "Allow", "Action": ["s3:GetObjectVersion", *more]})
        answer = stranger.head_object(**version)
        assert {mode, status} & answer.keys() == shown
        assert ("ObjectLockRetainUntilDate" in answer) == (mode in shown)
    stranger.get_object_retention(**version)
    let({"Effect": "Deny", "Action": "s3:GetObjectRetention"})
    assert {mode, status} & s3.head_object(**version).keys() == {status}


def test_a_policy_can_forbid_the_owner_to_bypass(s3, put, let):
    version = put(ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=LATER)
    let({"Effect": "Deny", "Action": "s3:BypassGovernanceRetention"})
    bypass = {"BypassGovernanceRetention": True}
    objects = {"Objects": [{"Key": "k", "VersionId": version["VersionId"]}]}

    assert refusal(s3.delete_object, **version, **bypass) == DENIED
    answer = s3.delete_objects(Bucket=version["Bucket"], Delete=objects, **bypass)
    assert [each["Code"] for each in answer["Errors"]] == ["AccessDenied"]
    shorter = version | retention(until=SOONER)
    assert refusal(s3.put_object_retention, **shorter, **bypass) == DENIED
    assert s3.get_object_retention(**version)["Retention"] == retention()["Retention"]


def test_a_policy_can_give_the_bypass(s3, stranger, put, let):
    version = put(ObjectLockMode=GOVERNANCE, ObjectLockRetainUntilDate=LATER)
    actions = ["s3:DeleteObjectVersion", "s3:PutObjectRetention"]
    let({"Effect": "Allow", "Action": actions})
    assert refusal(stranger.delete_object, **version, BypassGovernanceRetention=True) == DENIED
    let({"Effect": "Allow", "Action": [*actions, "s3:BypassGovernanceRetention"]})
    bypass = {"BypassGovernanceRetention": True}
    stranger.put_object_retention(**version, **retention(until=SOONER), **bypass)
    stranger.delete_object(**version, **bypass)
    assert refusal(s3.head_object, **version)[0] == 404


def test_a_policy_can_limit_what_is_asked_for(s3, put, let):
    version = put()
    days = {"NumericGreaterThan": {"s3:object-lock-remaining-retention-days": "10"}}
    strict = {"StringEquals": {"s3:object-lock-mode": COMPLIANCE}}
    on = {"StringEquals": {"s3:object-lock-legal-hold": "ON"}}
    puts = ["s3:PutObject", "s3:PutObjectRetention"]
    let(
        {"Effect": "Deny", "Action": puts, "Condition": days},
        {"Effect": "Deny", "Action": puts, "Condition": strict},
        {"Effect": "Deny", "Action": ["s3:PutObject", "s3:PutObjectLegalHold"], "Condition": on},
    )
    soon, late = (datetime.now(UTC) + timedelta(days=count) for count in (10, 11))
    named = {"Bucket": version["Bucket"], "Key": "k", "Body": b""}

    for mode, until in ((GOVERNANCE, late), (COMPLIANCE, soon)):
        asked = {"ObjectLockMode": mode, "ObjectLockRetainUntilDate": until}
        assert refusal(s3.put_object, **named, **asked) == DENIED
        assert refusal(s3.put_object_retention, **version, **retention(mode, until)) == DENIED
    assert refusal(s3.put_object, **named, ObjectLockLegalHoldStatus="ON") == DENIED
    assert refusal(s3.put_object_legal_hold, **version, **hold("ON")) == DENIED
    s3.put_object_retention(**version, **retention(until=soon))
    s3.put_object_legal_hold(**version, **hold("OFF"))
    asked = {"ObjectLockMode": GOVERNANCE, "ObjectLockRetainUntilDate": soon}
    s3.put_object(**named, **asked, ObjectLockLegalHoldStatus="OFF")


def test_tags_and_acl_of_what_is_locked_still_change(s3, put):
    version = put(ObjectLockMode=COMPLIANCE, ObjectLockRetainUntilDate=LATER)
    s3.put_object_tagging(**version, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.put_object_acl(**version, ACL="public-read")

    assert s3.head_object(**version)["ObjectLockMode"] == COMPLIANCE
    assert refusal(s3.delete_object, **version) == DENIED


def test_what_is_locked_keeps_the_key_it_is_encrypted_by(s3, put):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_UpdateObjectEncryption.html"""
    version = put(ServerSideEncryption="AES256", ObjectLockLegalHoldStatus="ON")
    key = {"SSEKMS": {"KMSKeyArn": "arn:aws:kms:us-east-1:1:key/aws/s3"}}
    asked = version | {"ObjectEncryption": key}
    assert refusal(s3.update_object_encryption, **asked) == DENIED
    s3.put_object_legal_hold(**version, **hold("OFF"))
    s3.update_object_encryption(**asked)
    assert s3.get_object(**version)["Body"].read() == b"body"


def test_a_bypass_where_nothing_is_locked_is_no_error(s3, new_bucket):
    bucket = new_bucket()
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    s3.put_object(Bucket=bucket, Key="l", Body=b"")

    s3.delete_object(Bucket=bucket, Key="k", BypassGovernanceRetention=True)
    many = {"Objects": [{"Key": "l"}]}
    s3.delete_objects(Bucket=bucket, Delete=many, BypassGovernanceRetention=True)

    assert s3.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
