"""Forms as browsers send them: who may, what is kept, what the browser is told."""

import base64
import hashlib
import hmac
import http.client
import json
import socket
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from lxml import etree

from tests.gateway.conftest import running

BODY = b"The quick brown fox\r\n--b jumps over the lazy dog\r\n"
FILE = ("file", BODY)


@pytest.fixture
def open_bucket(new_bucket):
    """An empty bucket anybody may write to."""
    return new_bucket(ACL="public-read-write")


def form(*parts, filename="fox.txt"):
    lines = b""
    for name, value in parts:
        extra = f'; filename="{filename}"' if name.lower() == "file" else ""
        content = value if isinstance(value, bytes) else value.encode()
        head = f'--bound\r\nContent-Disposition: form-data; name="{name}"{extra}\r\n\r\n'
        lines += head.encode() + content + b"\r\n"
    return lines + b"--bound--\r\n"


def send(gateway, bucket, body, **headers):
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=20)
    fields = {"Content-Type": "multipart/form-data; boundary=bound"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request("POST", f"/{bucket}", body, fields)
    answer = connection.getresponse()
    found = answer.status, answer.headers, answer.read()
    connection.close()
    return found


def post(gateway, bucket, *parts, filename="fox.txt", **headers):
    return send(gateway, bucket, form(*parts, filename=filename), **headers)


def refused(answer):
    status, _, body = answer
    document = etree.fromstring(body)
    return status, document.findtext("Code"), document.findtext("Message")


def signed(key, bucket, *fields, conditions=(), skip=(), seconds=60):
    """Fields with a policy that wants them all just so, signed by version 2."""
    end = datetime.now(UTC) + timedelta(seconds=seconds)
    exact = [{name: value} for name, value in fields if name not in skip]
    document = {
        "expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "conditions": [{"bucket": bucket}, *exact, *conditions],
    }
    policy = base64.b64encode(json.dumps(document).encode())
    signature = base64.b64encode(hmac.digest(key.secret.encode(), policy, hashlib.sha1))
    return [
        *fields,
        ("AWSAccessKeyId", key.key),
        ("policy", policy),
        ("signature", signature),
    ]


def keys(s3, bucket):
    return [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize("key", ["a b/ü&?.txt", "user/${filename}"])
def test_boto3_presigns_forms(gateway, s3, bucket, version, key):
    client = gateway.client(gateway.owner, config=Config(signature_version=version))
    made = client.generate_presigned_post(
        bucket,
        key,
        Fields={"acl": "public-read", "Content-Type": "text/x-fox"},
        Conditions=[{"acl": "public-read"}, ["starts-with", "$Content-Type", "text/"]],
    )
    assert ("x-amz-signature" in made["fields"]) == (version == "s3v4")

    status, headers, body = post(gateway, bucket, *made["fields"].items(), FILE)

    assert (status, body) == (204, b"")
    got = s3.get_object(Bucket=bucket, Key=key.replace("${filename}", "fox.txt"))
    assert got["Body"].read() == BODY
    assert got["ContentType"] == "text/x-fox"
    assert headers["ETag"] == got["ETag"]
    assert headers["Location"].startswith(f"{gateway.url}/{bucket}/")


@pytest.mark.parametrize("version", ["s3", "s3v4"])
@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"policy": b"e30="}, "SignatureDoesNotMatch"),
        ({"AWSAccessKeyId": "NOBODY"}, "InvalidAccessKeyId"),
        ({"x-amz-credential": "NOBODY/20260101/us-east-1/s3/aws4_request"}, "InvalidAccessKeyId"),
        ({"x-amz-credential": "nonsense"}, "InvalidArgument"),
        (
            {"x-amz-credential": f"{'A' * 999}/20260101/us-east-1/s3/aws4_request"},
            "InvalidArgument",
        ),
        ({"x-amz-algorithm": "AWS4-HMAC-SHA1"}, "InvalidArgument"),
        ({"x-amz-date": None}, "InvalidArgument"),
        ({"signature": "AAAA"}, "SignatureDoesNotMatch"),
        ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"policy": None}, "InvalidArgument"),
        ({"signature": None}, "InvalidArgument"),
        ({"AWSAccessKeyId": None}, "InvalidArgument"),
        ({"x-amz-signature": None}, "InvalidArgument"),
    ],
)
def test_a_signature_that_is_not_whole_and_right_is_refused(
    gateway, s3, open_bucket, version, change, code
):
    client = gateway.client(gateway.owner, config=Config(signature_version=version))
    fields = client.generate_presigned_post(open_bucket, "k")["fields"]
    if not change.keys() <= fields.keys():  # a field of the other version
        change, code = {"policy": None}, "InvalidArgument"
    sent = {name: value for name, value in (fields | change).items() if value is not None}

    found = refused(post(gateway, open_bucket, *sent.items(), FILE))

    assert found[:2] == (400 if code == "InvalidArgument" else 403, code)
    assert keys(s3, open_bucket) == []


def test_both_versions_in_one_form_are_refused(gateway, bucket):
    v4 = gateway.client(gateway.owner, config=Config(signature_version="s3v4"))
    fields = v4.generate_presigned_post(bucket, "k")["fields"]

    found = refused(post(gateway, bucket, *fields.items(), ("signature", "x"), FILE))
    also = refused(post(gateway, bucket, *fields.items(), FILE, Authorization="AWS a:b"))

    assert found[:2] == also[:2] == (400, "InvalidArgument")


def test_a_form_for_another_bucket_or_too_late_is_refused(gateway, s3, bucket, new_bucket):
    fields = signed(gateway.owner, new_bucket(), ("key", "k"))
    late = signed(gateway.owner, bucket, ("key", "k"), seconds=-1)

    assert refused(post(gateway, bucket, *fields, FILE))[:2] == (403, "AccessDenied")
    assert refused(post(gateway, bucket, *late, FILE)) == (
        403,
        "AccessDenied",
        "Invalid according to Policy: Policy expired.",
    )
    assert keys(s3, bucket) == []


@pytest.mark.parametrize("name", ["acl", "x-amz-meta-a", "success_action_redirect", "tagging"])
def test_a_field_the_policy_does_not_name_is_refused(gateway, s3, bucket, name):
    fields = signed(gateway.owner, bucket, ("key", "k"), (name, "private"), skip=(name,))

    assert refused(post(gateway, bucket, *fields, FILE)) == (
        403,
        "AccessDenied",
        f"Invalid according to Policy: Extra input fields: {name}",
    )
    assert keys(s3, bucket) == []


def test_fields_to_ignore_and_those_after_the_file_are_ignored(gateway, s3, bucket):
    fields = signed(gateway.owner, bucket, ("key", "k"))
    more = [("x-ignore-a", "1"), ("X-Ignore-A", "2")]

    status, _, _ = post(gateway, bucket, *more, *fields, FILE, ("acl", "nonsense"))

    assert status == 204
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == BODY


@pytest.mark.parametrize(
    ("least", "most", "code"),
    [
        (0, len(BODY) - 1, "EntityTooLarge"),
        (len(BODY) + 1, len(BODY) * 2, "EntityTooSmall"),
        (len(BODY), len(BODY), None),
    ],
)
def test_the_size_of_the_file_is_within_its_bounds(gateway, s3, bucket, least, most, code):
    condition = ["content-length-range", least, most]
    fields = signed(gateway.owner, bucket, ("key", "k"), conditions=[condition])

    answer = post(gateway, bucket, *fields, FILE)

    if code is None:
        assert answer[0] == 204
    else:
        assert refused(answer)[:2] == (400, code)
    assert keys(s3, bucket) == ([] if code else ["k"])


def test_a_large_file_beyond_its_bounds_leaves_nothing_behind(gateway, s3, bucket):
    condition = ["content-length-range", 0, 5 << 20]
    fields = signed(gateway.owner, bucket, ("key", "k"), conditions=[condition])
    before = gateway.store.stats()

    answer = post(gateway, bucket, *fields, ("file", bytes(8 << 20)))

    assert refused(answer)[:2] == (400, "EntityTooLarge")
    assert keys(s3, bucket) == []
    after = gateway.store.stats()
    assert (after.objects, after.logical_bytes) == (before.objects, before.logical_bytes)


def test_a_large_file_is_kept_whole(gateway, s3, bucket):
    body = b"\r\n--boun" * (1 << 20)

    assert post(gateway, bucket, *signed(gateway.owner, bucket, ("key", "k")), ("file", body))[0]

    got = s3.get_object(Bucket=bucket, Key="k")
    assert got["Body"].read() == body
    assert got["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'


def test_anybody_may_post_to_a_bucket_that_is_open_and_nowhere_else(
    gateway, s3, bucket, new_bucket
):
    public = new_bucket(ACL="public-read-write")

    assert post(gateway, public, ("key", "k"), FILE)[0] == 204
    assert refused(post(gateway, bucket, ("key", "k"), FILE))[:2] == (403, "AccessDenied")
    assert refused(post(gateway, "no-such-bucket-here", ("key", "k"), FILE))[1] == "NoSuchBucket"
    assert (keys(s3, public), keys(s3, bucket)) == (["k"], [])


def test_strangers_may_post_where_the_policy_of_the_bucket_lets_them(gateway, s3, bucket):
    arn = f"arn:aws:s3:::{bucket}/in/*"
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": arn}
    forms = {"StringEquals": {"s3:authType": "POST"}}
    policy = {"Version": "2012-10-17", "Statement": [{**statement, "Condition": forms}]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    def told(key, name="key"):
        fields = signed(gateway.stranger, bucket, (name, key))
        return post(gateway, bucket, *fields, FILE)

    assert told("in/k")[0] == 204
    assert refused(told("out/k"))[1] == "AccessDenied"
    put = gateway.client(gateway.stranger).put_object
    with pytest.raises(ClientError, match="AccessDenied"):
        put(Bucket=bucket, Key="in/l")


@pytest.mark.parametrize(("version", "name"), [("s3", "AWS"), ("s3v4", "AWS4-HMAC-SHA256")])
def test_the_policy_of_the_bucket_knows_how_a_form_was_signed(gateway, s3, bucket, version, name):
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{bucket}/*",
        "Condition": {"StringEquals": {"s3:signatureversion": name}},
    }
    client = gateway.client(gateway.owner, config=Config(signature_version=version))
    fields = client.generate_presigned_post(bucket, "k")["fields"]
    assert post(gateway, bucket, *fields.items(), FILE)[0] == 204

    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))

    assert refused(post(gateway, bucket, *fields.items(), FILE))[:2] == (403, "AccessDenied")


def test_what_a_form_says_is_kept_as_a_put_would_keep_it(gateway, s3, bucket):
    sha = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    tagging = "<Tagging><TagSet><Tag><Key>a b</Key><Value>ü=+</Value></Tag></TagSet></Tagging>"
    fields = [
        ("KEY", "k"),
        ("Cache-Control", "no-store"),
        ("content-disposition", "attachment; filename=${filename}"),
        ("Content-Encoding", "identity"),
        ("Expires", "Thu, 01 Dec 2030 16:00:00 GMT"),
        ("x-amz-meta-Who", "me"),
        ("x-amz-storage-class", "STANDARD_IA"),
        ("x-amz-website-redirect-location", "/there"),
        ("x-amz-checksum-sha256", sha),
        ("tagging", tagging),
    ]
    skip = ("content-disposition",)
    any_name = ["starts-with", "$Content-Disposition", "attachment; filename="]

    made = signed(gateway.owner, bucket, *fields, conditions=[any_name], skip=skip)
    assert post(gateway, bucket, *made, FILE)[0] == 204

    got = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert got["CacheControl"] == "no-store"
    assert got["ContentDisposition"] == "attachment; filename=fox.txt"
    assert got["ContentEncoding"] == "identity"
    assert got["ContentType"] == "binary/octet-stream"
    assert got["Metadata"]["who"] == "me"
    assert got["StorageClass"] == "STANDARD_IA"
    assert got["WebsiteRedirectLocation"] == "/there"
    assert got["ChecksumSHA256"] == sha
    tags = s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"]
    assert tags == [{"Key": "a b", "Value": "ü=+"}]


def test_headers_of_the_post_say_nothing_about_the_object(gateway, s3, bucket):
    fields = signed(gateway.owner, bucket, ("key", "k"))

    status, _, _ = post(
        gateway, bucket, *fields, FILE, x_amz_meta_a="1", Cache_Control="no-store", x_amz_acl="x"
    )

    assert status == 204
    got = s3.head_object(Bucket=bucket, Key="k")
    assert "a" not in got["Metadata"]
    assert "CacheControl" not in got


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("acl", "nonsense", "InvalidArgument"),
        ("Content-Type", "text/plain\r\nX-Evil: 1", "InvalidArgument"),
        ("x-amz-meta-a", "\x00", "InvalidArgument"),
        ("x-amz-meta-ü", "a", "InvalidArgument"),
        ("x-amz-meta-a: b", "a", "InvalidArgument"),
        ("x-amz-meta-a", "a" * 9000, "RequestHeaderSectionTooLarge"),
        ("x-amz-storage-class", "NONE", "InvalidStorageClass"),
        ("x-amz-checksum-sha256", "AAAA", "InvalidRequest"),
        ("Content-MD5", "1B2M2Y8AsgTpgAmY7PhCfg==", "BadDigest"),
        ("tagging", "<Tagging>", "MalformedXML"),
        ("policy", "A" * 21_000, "MaxPostPreDataLengthExceededError"),
        ("key", "a" * 1025, "KeyTooLongError"),
        ("key", "", "InvalidArgument"),
        ("key", "a\x00b", "InvalidURI"),
        ("other", "a" * 65_536, "MaxPostPreDataLengthExceededError"),
        ("x-amz-security-token", "t", "InvalidToken"),
        ("x-amz-request-route", "r", "NotImplemented"),
        ("Key", b"\xff", "MalformedPOSTRequest"),
    ],
)
def test_fields_that_cannot_be_are_refused(gateway, s3, new_bucket, field, value, code):
    public = new_bucket(ACL="public-read-write")
    fields = [] if field.lower() == "key" else [("key", "k")]

    assert refused(post(gateway, public, *fields, (field, value), FILE))[1] == code
    assert keys(s3, public) == []


@pytest.mark.parametrize(
    ("parts", "code"),
    [
        ([FILE], "InvalidArgument"),
        ([("key", "k")], "InvalidArgument"),
        ([FILE, ("key", "k")], "InvalidArgument"),
        ([("key", "k"), ("Key", "l"), FILE], "InvalidArgument"),
        ([("key", "k"), *[(f"x-ignore-{each}", "") for each in range(200)], FILE],
         "MaxPostPreDataLengthExceededError"),
    ],
)  # fmt: skip
def test_a_form_has_a_key_then_a_file_and_few_fields(gateway, s3, open_bucket, parts, code):
    assert refused(post(gateway, open_bucket, *parts))[1] == code
    assert keys(s3, open_bucket) == []


def test_a_name_of_a_file_cannot_make_a_form_larger_than_it_may_be(gateway, open_bucket):
    parts = [("key", "${filename}" * 1000), FILE]

    found = refused(post(gateway, open_bucket, *parts, filename="a" * 2000))

    assert found[1] == "MaxPostPreDataLengthExceededError"


@pytest.mark.parametrize(
    ("filename", "key"),
    [
        (r"C:\dir\fox.txt", "in/fox.txt"),
        ("/home/me/fox.txt", "in/fox.txt"),
        ("", "in/"),
        ("ü ?.txt", "in/ü ?.txt"),
        ("${filename}", "in/${filename}"),
    ],
)
def test_the_name_of_the_file_may_be_part_of_the_key(gateway, s3, new_bucket, filename, key):
    public = new_bucket(ACL="public-read-write")

    assert post(gateway, public, ("key", "in/${filename}"), FILE, filename=filename)[0] == 204
    assert keys(s3, public) == [key]


def test_what_comes_of_the_name_must_meet_the_policy(gateway, s3, bucket):
    fields = signed(
        gateway.owner,
        bucket,
        ("key", "${filename}"),
        conditions=[["starts-with", "$key", "in"]],
        skip=("key",),
    )

    assert post(gateway, bucket, *fields, FILE, filename="in.txt")[0] == 204
    assert refused(post(gateway, bucket, *fields, FILE, filename="out.txt"))[1] == "AccessDenied"
    assert keys(s3, bucket) == ["in.txt"]


@pytest.mark.parametrize(
    ("said", "status"), [("200", 200), ("201", 201), ("204", 204), ("404", 204), ("", 204)]
)
def test_the_form_chooses_its_status(gateway, s3, open_bucket, said, status):
    parts = [("key", "a<&b"), ("success_action_status", said), FILE]

    found, headers, body = post(gateway, open_bucket, *parts)

    etag = s3.head_object(Bucket=open_bucket, Key="a<&b")["ETag"]
    assert (found, headers["ETag"]) == (status, etag)
    if status != 201:
        assert body == b""
        return
    document = etree.fromstring(body)
    assert document.tag == "PostResponse"
    assert {each.tag: each.text for each in document} == {
        "Location": f"{gateway.url}/{open_bucket}/a%3C%26b",
        "Bucket": open_bucket,
        "Key": "a<&b",
        "ETag": etag,
    }


@pytest.mark.parametrize("field", ["success_action_redirect", "redirect"])
def test_the_browser_is_sent_where_the_form_says(gateway, s3, open_bucket, field):
    parts = [("key", "a b&c"), (field, "https://example.org/done?x=1#top"), FILE]

    status, headers, _ = post(gateway, open_bucket, *parts)

    split = urlsplit(headers["Location"])
    assert (status, split.netloc, split.path, split.fragment) == (
        303,
        "example.org",
        "/done",
        "top",
    )
    assert parse_qs(split.query) == {
        "x": ["1"],
        "bucket": [open_bucket],
        "key": ["a b&c"],
        "etag": [s3.head_object(Bucket=open_bucket, Key="a b&c")["ETag"]],
    }


@pytest.mark.parametrize("url", ["nowhere", "javascript:alert(1)", "//evil", "http://[", "/a", "ü"])
def test_what_is_no_url_sends_the_browser_nowhere(gateway, open_bucket, url):
    parts = [("key", "k"), ("success_action_redirect", url), FILE]

    assert post(gateway, open_bucket, *parts)[0] == 204


def test_the_owner_a_client_expects_is_asked_for_in_the_head_or_in_a_field(gateway, open_bucket):
    name = "x-amz-expected-bucket-owner"

    in_head = post(gateway, open_bucket, ("key", "k"), FILE, x_amz_expected_bucket_owner="nobody")
    in_field = post(gateway, open_bucket, ("key", "k"), (name, "nobody"), FILE)
    right = post(gateway, open_bucket, ("key", "k"), (name, gateway.owner.key), FILE)

    assert refused(in_head)[1] == refused(in_field)[1] == "AccessDenied"
    assert right[0] == 204


def test_a_post_that_is_no_form_is_told_so(gateway, bucket):
    found = refused(post(gateway, bucket, ("key", "k"), FILE, Content_Type="text/plain"))

    assert found[:2] == (412, "PreconditionFailed")


@pytest.mark.parametrize("end", [b"", b"\r", b"\r\n--boun", b"\r\n--bound", b"\r\n--bound-"])
def test_a_file_without_its_end_is_not_kept(gateway, s3, open_bucket, end):
    whole = form(("key", "k"), FILE)
    cut = whole[: whole.rindex(b"\r\n--bound--")] + end

    answer = send(gateway, open_bucket, cut)

    assert refused(answer)[:2] == (400, "MalformedPOSTRequest")
    assert keys(s3, open_bucket) == []


def test_a_client_that_goes_away_leaves_nothing_behind(gateway, s3, open_bucket):
    body = form(("key", "k"), FILE)
    head = f"POST /{open_bucket} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
    head += "Content-Type: multipart/form-data; boundary=bound\r\nConnection: close\r\n\r\n"

    for end in (60, len(body) - len(b"\r\n--bound--\r\n"), len(body) - len(b"-\r\n")):
        with socket.create_connection((gateway.host, gateway.port), timeout=20) as connection:
            connection.sendall(head.encode() + body[:end])
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    assert keys(s3, open_bucket) == []


def test_the_connection_goes_on_after_a_form(gateway, s3, open_bucket):
    connection = http.client.HTTPConnection(gateway.host, gateway.port, timeout=20)
    kind = {"Content-Type": "multipart/form-data; boundary=bound"}
    for number in range(3):
        name = "key" if number != 1 else "no-key"
        body = form((name, f"k{number}"), FILE, ("submit", "x" * 3000))
        connection.request("POST", f"/{open_bucket}", body, kind)
        answer = connection.getresponse()
        answer.read()
        assert answer.status == (400 if number == 1 else 204)
    connection.close()
    assert keys(s3, open_bucket) == ["k0", "k2"]


def test_browsers_elsewhere_are_answered_by_the_rules_of_the_bucket(gateway, s3, open_bucket):
    rule = {"AllowedMethods": ["POST"], "AllowedOrigins": ["https://app"]}
    s3.put_bucket_cors(Bucket=open_bucket, CORSConfiguration={"CORSRules": [rule]})

    _, headers, _ = post(gateway, open_bucket, ("key", "k"), FILE, Origin="https://app")

    assert headers["Access-Control-Allow-Origin"] == "https://app"


def test_forms_of_version_2_can_be_refused(tmp_path):
    with running(tmp_path, sigv2=False) as gateway:
        gateway.client(gateway.owner).create_bucket(Bucket="forms")
        fields = signed(gateway.owner, "forms", ("key", "k"))

        found = refused(post(gateway, "forms", *fields, FILE))

    assert found[:2] == (400, "InvalidRequest")
    assert found[2].endswith("Please use AWS4-HMAC-SHA256.")


@pytest.mark.parametrize("compat", ["aws", "rgw"])
def test_whether_anybody_may_tag_is_what_compat_says(tmp_path, compat):
    tagging = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    with running(tmp_path, compat=compat) as gateway:
        s3 = gateway.client(gateway.owner)
        s3.create_bucket(Bucket="forms", ACL="public-read-write")

        status, _, _ = post(gateway, "forms", ("key", "k"), ("tagging", tagging), FILE)

        assert status == (204 if compat == "rgw" else 403)
        assert keys(s3, "forms") == (["k"] if compat == "rgw" else [])
