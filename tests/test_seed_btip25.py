"""BTIP-25 through the real process: what an operator sees, and go-btfs's defects as regressions.

What a client sees of the document is judged by ``conformance/test_btip25.py``.
https://github.com/bittorrent/BTIPs/blob/main/BTIPs/btip-25.md (draft)
"""

import hashlib
import json
import re
import subprocess
import sys
import time
import urllib.request
from base64 import b64encode
from contextlib import closing
from datetime import UTC, datetime
from http.client import HTTPConnection
from unittest import mock

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from gateway.commands import offline
from tests.gateway.server_process import ServerProcess

QUICK = ("--workers", "1", "--durability", "none")
DOCUMENT = {
    "S3CompatibleAPI": {
        "Enable": False,
        "Address": "127.0.0.1:5201",
        "HTTPHeaders": {
            "Access-Control-Allow-Headers": ["X-Requested-With", "Range", "User-Agent"],
            "Access-Control-Allow-Methods": ["GET"],
            "Access-Control-Allow-Origin": ["*"],
        },
    }
}
"""The block of the document, letter by letter."""


def s3gw(directory, *words):
    """What a command prints, as JSON if it is."""
    command = [sys.executable, "-m", "gateway", *words, "--data-dir", str(directory)]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(said) if said[:1] in ("{", "[") else said


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


@pytest.fixture
def configured(tmp_path):
    """A configuration file with the document's block, ``Enable`` as given."""

    def write(enable):
        file = tmp_path / "config.json"
        block = DOCUMENT["S3CompatibleAPI"] | {"Enable": enable}
        file.write_text(json.dumps({"Identity": {}, "S3CompatibleAPI": block}))
        return str(file)

    return write


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    directory = tmp_path_factory.mktemp("btip") / "data"
    freed_at_once = ("--trash-grace-seconds", "0")
    with ServerProcess(directory, *QUICK, *freed_at_once) as server:
        yield server.ready()


@pytest.fixture(scope="module")
def s3(server):
    return server.client()


@pytest.fixture
def bucket(s3, request):
    name = "b-" + hashlib.sha256(request.node.name.encode()).hexdigest()[:16]
    s3.create_bucket(Bucket=name)
    return name


# --- Configuration and start command options ------------------------------------------------------


@pytest.mark.parametrize("enable", [True, False])
@pytest.mark.parametrize("option", ["enable", "disable", ""])
def test_the_option_goes_before_enable_and_the_empty_one_after(
    tmp_path, configured, option, enable
):
    flags = ("--config", configured(enable), f"--s3-compatible-api={option}")
    with ServerProcess(tmp_path / "data", *QUICK, *flags) as server:
        if option == "enable" or (option == "" and enable):
            server.ready()
            with urllib.request.urlopen(f"{server.url}/healthz", timeout=20) as answer:
                assert answer.status == 200
        else:
            assert server.ended() == 0
            assert "disabled" in server.out.text


def test_any_other_option_is_a_mistake(tmp_path):
    with ServerProcess(tmp_path / "data", *QUICK, "--s3-compatible-api=enalbe") as server:
        assert server.ended() == 2


def test_address_is_where_it_answers_unless_told_otherwise(tmp_path, configured):
    shown = s3gw(tmp_path, "config", "show", "--json", "--config", configured(True))
    assert shown["listen"]["value"] == "127.0.0.1:5201"
    assert shown["listen"]["source"].startswith("file ")


def test_http_headers_are_the_cross_domain_rules(tmp_path, configured):
    def ask(server, method, **fields):
        with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
            named = {name.replace("_", "-"): value for name, value in fields.items()}
            connection.request(method, "/", headers={"Origin": "https://any.example"} | named)
            answer = connection.getresponse()
            answer.read()
            return answer

    with ServerProcess(tmp_path / "data", *QUICK, "--config", configured(True)) as server:
        server.ready()
        plain = ask(server, "GET")
        allowed = ask(
            server,
            "OPTIONS",
            Access_Control_Request_Method="GET",
            Access_Control_Request_Headers="range, x-requested-with",
        )
        refused = ask(server, "OPTIONS", Access_Control_Request_Method="PUT")
    for answer in (plain, allowed):
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Allow-Credentials"] is None
    assert (allowed.status, refused.status) == (200, 403)


# --- Access Keys related commands -----------------------------------------------------------------

RECORD = ["key", "secret", "root", "enable", "created_at"]


def test_keys_live_and_die_by_the_commands_while_the_server_runs(server, s3):
    directory = server.directory
    made = s3gw(directory, "keys", "generate")
    assert list(made) == RECORD
    assert made["enable"] is True
    assert re.fullmatch(r"/[^/]+", made["root"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", made["created_at"])

    def client(secret=made["secret"]):
        return server.client(aws_access_key_id=made["key"], aws_secret_access_key=secret)

    client().create_bucket(Bucket="of-the-made-key")  # at once
    assert made["key"] in [each["key"] for each in s3gw(directory, "keys", "list")]

    s3gw(directory, "keys", "disable", made["key"])
    time.sleep(1)  # the promise itself
    assert refusal(client().list_buckets) == (403, "InvalidAccessKeyId")
    s3gw(directory, "keys", "enable", made["key"])
    time.sleep(1)
    assert [each["Name"] for each in client().list_buckets()["Buckets"]] == ["of-the-made-key"]

    reset = s3gw(directory, "keys", "reset", made["key"])
    assert {name: reset[name] for name in RECORD if name != "secret"} == {
        name: made[name] for name in RECORD if name != "secret"
    }
    time.sleep(1)
    assert refusal(client().list_buckets) == (403, "SignatureDoesNotMatch")
    client(reset["secret"]).delete_bucket(Bucket="of-the-made-key")

    s3gw(directory, "keys", "delete", made["key"])
    time.sleep(1)
    assert refusal(client(reset["secret"]).list_buckets) == (403, "InvalidAccessKeyId")
    assert made["key"] not in [each["key"] for each in s3gw(directory, "keys", "list")]


def test_a_bucket_is_made_under_the_root_of_its_key(server, s3, bucket):
    key = server.said("access key")
    (record,) = [each for each in s3gw(server.directory, "keys", "list") if each["key"] == key]
    paths = {each.name: each.path for each in offline.buckets(server.directory, owner=key)}
    assert paths[bucket] == f"{record['root']}/{bucket}"


# --- what go-btfs gets wrong ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        ("delete_bucket_analytics_configuration", {"Id": "i"}),
        ("delete_bucket_inventory_configuration", {"Id": "i"}),
        ("delete_bucket_metrics_configuration", {"Id": "i"}),
        ("put_bucket_metrics_configuration", {"Id": "i", "MetricsConfiguration": {"Id": "i"}}),
    ],
)
def test_defect_1_a_subresource_never_becomes_the_plain_verb(s3, bucket, call, asked):
    s3.put_object(Bucket=bucket, Key="k", Body=b"body")
    assert refusal(getattr(s3, call), Bucket=bucket, **asked) == (501, "NotImplemented")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"body"
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket)


@pytest.mark.parametrize("again", ["put", "copy", "complete"])
def test_defect_2_writing_the_same_bytes_again_keeps_them(server, s3, bucket, again):
    body = hashlib.sha256(again.encode()).digest() * 10_000
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for _ in range(3):
        if again == "put":
            s3.put_object(Bucket=bucket, Key="k", Body=body)
        elif again == "copy":
            source = {"Bucket": bucket, "Key": "k"}
            s3.copy_object(Bucket=bucket, Key="k", CopySource=source, MetadataDirective="REPLACE")
        else:
            made = s3.create_multipart_upload(Bucket=bucket, Key="k")
            upload = {"Bucket": bucket, "Key": "k", "UploadId": made["UploadId"]}
            part = s3.upload_part(**upload, PartNumber=1, Body=body)
            parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
            s3.complete_multipart_upload(**upload, MultipartUpload=parts)
    s3gw(server.directory, "gc")
    s3.put_object(Bucket=bucket, Key="other", Body=b"z" * len(body))  # takes what was freed
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


def signed(server, method, target, body=b"", **fields):
    """A request signed by botocore; ``fields`` are headers, signed with it."""
    asked = AWSRequest(method, server.url + target, data=body)
    for name, value in fields.items():
        asked.headers[name.replace("_", "-")] = value
    credentials = Credentials(server.said("access key"), server.said("secret"))
    S3SigV4Auth(credentials, "s3", "us-east-1").add_auth(asked)
    return dict(asked.headers.items())


def send(server, method, target, body, headers):
    with closing(HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request(method, target, body, headers)
        answer = connection.getresponse()
        found = re.search(rb"<Code>(\w+)</Code>", answer.read())
        return answer.status, found and found[1].decode()


def test_defect_3_a_body_that_was_tampered_with_is_refused(server, s3, bucket):
    target = f"/{bucket}/k"
    headers = signed(server, "PUT", target, b"genuine")
    assert send(server, "PUT", target, b"genuinf", headers) == (400, "XAmzContentSHA256Mismatch")
    assert refusal(s3.get_object, Bucket=bucket, Key="k") == (404, "NoSuchKey")
    assert send(server, "PUT", target, b"genuine", headers) == (200, None)


def test_defect_4_a_signature_of_years_ago_is_refused(server, bucket):
    past = datetime(2020, 1, 1, tzinfo=UTC)
    with mock.patch("botocore.auth.get_current_datetime", return_value=past):
        headers = signed(server, "GET", f"/{bucket}")
    assert send(server, "GET", f"/{bucket}", None, headers) == (403, "RequestTimeTooSkewed")


def test_defect_5_anonymous_is_who_sends_no_authorization_and_nobody_else(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"body")
    assert send(server, "GET", f"/{bucket}/k", None, {}) == (200, None)
    status, code = send(server, "GET", f"/{bucket}/k", None, {"Authorization": "Basic eDp5"})
    assert status == 400
    assert code in ("InvalidArgument", "InvalidRequest", "AuthorizationHeaderMalformed")


def test_defect_6_a_mechanism_that_is_not_served_is_a_clean_refusal(server, s3, bucket):
    url = s3.generate_presigned_url("put_object", {"Bucket": bucket, "Key": "k"})
    target = url.removeprefix(server.url)
    assert send(server, "PUT", target, b"presigned", {}) == (200, None)
    asymmetric = {
        "Authorization": "AWS4-ECDSA-P256-SHA256 Credential=a/20200101/s3/aws4_request,"
        " SignedHeaders=host, Signature=00",
        "X-Amz-Date": "20200101T000000Z",
        "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD",
    }
    status, code = send(server, "PUT", f"/{bucket}/k", b"other", asymmetric)
    assert status in (400, 403)
    assert code
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"presigned"


def test_defect_7_a_sha256_checksum_is_base64_and_not_hexadecimal(server, s3, bucket):
    digest = hashlib.sha256(b"body")
    base64 = b64encode(digest.digest()).decode()
    s3.put_object(Bucket=bucket, Key="k", Body=b"body", ChecksumSHA256=base64)
    headers = signed(
        server, "PUT", f"/{bucket}/hex", b"body", x_amz_checksum_sha256=digest.hexdigest()
    )
    assert send(server, "PUT", f"/{bucket}/hex", b"body", headers)[0] == 400


def test_defect_8_listings_know_prefixes_and_positions_and_stay_small(s3, bucket):
    wanted = [f"p/{number:03}" for number in range(150)]
    for key in [*wanted, "other"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    answer = s3.list_objects_v2(Bucket=bucket, Prefix="p/")
    assert [each["Key"] for each in answer["Contents"]] == wanted
    assert len(answer["ResponseMetadata"]["HTTPHeaders"]) < 20  # 100 are too many for Python
    after = s3.list_objects_v2(Bucket=bucket, Prefix="p/", StartAfter="p/147-no-such-key")
    assert [each["Key"] for each in after["Contents"]] == wanted[148:]
    marked = s3.list_objects(Bucket=bucket, Prefix="p/", Marker="p/147-no-such-key")
    assert [each["Key"] for each in marked["Contents"]] == wanted[148:]


def test_defect_9_reads_are_what_clients_expect_of_them(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789", Metadata={"a": "b"})["ETag"]
    answer = s3.get_object(Bucket=bucket, Key="k")
    assert (answer["ETag"], answer["ContentLength"]) == (etag, 10)
    assert answer["Metadata"]["a"] == "b"
    part = s3.get_object(Bucket=bucket, Key="k", Range="bytes=2-4")
    assert (part["Body"].read(), part["ContentRange"]) == (b"234", "bytes 2-4/10")
    assert refusal(s3.get_object, Bucket=bucket, Key="k", IfNoneMatch=etag) == (304, "304")
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="empty")["Body"].read() == b""


def test_defect_10_a_document_of_grants_means_what_it_says(s3, bucket):
    owner = s3.get_bucket_acl(Bucket=bucket)["Owner"]
    full = {"Grantee": owner | {"Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
    s3.put_bucket_acl(Bucket=bucket, AccessControlPolicy={"Owner": owner, "Grants": [full]})
    assert len(s3.get_bucket_acl(Bucket=bucket)["Grants"]) == 1
    someone = {"Grantee": {"ID": "0" * 64, "Type": "CanonicalUser"}, "Permission": "READ"}
    status, _ = refusal(
        s3.put_bucket_acl,
        Bucket=bucket,
        AccessControlPolicy={"Owner": owner, "Grants": [full, someone]},
    )
    assert status in (400, 501)
    assert len(s3.get_bucket_acl(Bucket=bucket)["Grants"]) == 1


def test_defect_11_secrets_are_long_and_never_alike(tmp_path):
    made = [s3gw(tmp_path, "keys", "generate") for _ in range(3)]
    assert all(len(each["key"]) >= 20 and len(each["secret"]) >= 40 for each in made)
    for name in ("key", "secret", "root"):
        assert len({each[name][-12:] for each in made}) == 3
