"""Policies: of buckets, and of the forms of browsers, with the forms they are in."""

import hmac
import json
from base64 import b64encode
from collections.abc import Iterable

from gateway.auth import post_policy
from gateway.auth.form import Form, read
from gateway.auth.verify_form import verify_form
from gateway.errors import S3Error
from gateway.operations.post import as_put
from gateway.policy.asks import asks
from gateway.policy.document import parse
from gateway.policy.errors import Malformed
from gateway.policy.evaluate import evaluate, might_allow
from gateway.policy.facts import Facts
from gateway.policy.public import is_public
from gateway.request import Request
from tests.gateway.asked import asked
from tests.gateway.auth.signed import KEY, NOW, SECRET, Table
from tests.torture.fuzzing import signing
from tests.torture.fuzzing.signatures import SCOPE, STAMP
from tests.torture.fuzzing.target import Pieces, Target, finished, must
from tests.torture.fuzzing.wire_heads import CONFIG

_REQUESTS = (
    ("GetObject", asked("GET /bucket/home/ann/a?versionId=x")),
    ("GetObject", asked("GET /bucket/home/ann/a", ("referer", "http://x/"), ("user-agent", "a" * 60))),
    ("PutObject", asked("PUT /bucket/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
     ("x-amz-tagging", "Team=a&x=%zz"), ("x-amz-acl", "private"), ("x-amz-copy-source", "/b/%C3%A9?x"),
     ("x-amz-object-lock-retain-until-date", "9999-12-31T23:59:59-14:00"))),
    ("ListObjectsV2", asked("GET /bucket?list-type=2&prefix=home/&max-keys=1e3&delimiter=/")),
)  # fmt: skip


def policy(data: bytes) -> str:
    found = parse.__wrapped__(data, "bucket")
    answers = [is_public(found)]
    for operation, request in _REQUESTS:
        for caller in ("", "ann"):
            facts = Facts(request, caller, NOW, lambda: {"Team": "a"})
            for question in asks(operation, facts, owner="bob", missing=True).questions("bucket"):
                verdict = evaluate(found, question)
                answers.append(verdict.value)
                allowed = might_allow(found, caller, question.action)
                must(allowed or verdict.value != "allow", "allowed what it cannot allow", question)
    return str(answers)


def _statements() -> Iterable[dict[str, object]]:
    base = {
        "Effect": "Allow",
        "Principal": "*",
        "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::bucket/*",
    }
    yield base
    yield base | {
        "Effect": "Deny",
        "Principal": {"AWS": ["arn:aws:iam::1:user/ann", KEY]},
        "Sid": "x",
    }
    for operator, key, value in (
        ("StringLike", "aws:UserAgent", "*a*a*a*a*a*a*a*a*a*a*a*b"),
        ("StringEquals", "s3:prefix", "home/${aws:username}/"),
        ("StringEqualsIgnoreCase", "s3:RequestObjectTag/team", ["A", "${aws:username, 'x'}"]),
        ("NumericLessThan", "s3:max-keys", "1e3"),
        ("DateGreaterThan", "aws:CurrentTime", "0001-01-01T00:00:00+14:00"),
        ("DateLessThan", "s3:object-lock-retain-until-date", "9999-12-31T23:59:59Z"),
        ("NumericLessThanEquals", "s3:object-lock-remaining-retention-days", 10),
        ("IpAddress", "aws:SourceIp", "127.0.0.0/8"), ("NotIpAddress", "aws:SourceIp", "::ffff:127.0.0.1/104"),
        ("Bool", "aws:SecureTransport", False), ("Null", "s3:x-amz-acl", "true"),
        ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:user/*"),
        ("ForAllValues:StringLike", "s3:RequestObjectTagKeys", ["T*", "?"]),
        ("BinaryEquals", "aws:Referer", "AAAA"), ("StringNotLikeIfExists", "s3:ExistingObjectTag/Team", "*"),
    ):  # fmt: skip
        yield base | {"Condition": {operator: {key: value}}}
    yield {"Effect": "Deny", "NotPrincipal": {"CanonicalUser": "a" * 64}, "NotAction": "s3:*",
           "NotResource": ["arn:aws:s3:::bucket", "*"]}  # fmt: skip


def policy_seeds() -> Iterable[bytes]:
    for version in ("2012-10-17", "2008-10-17"):
        for each in _statements():
            yield json.dumps({"Version": version, "Id": "i", "Statement": [each]}).encode()
    yield b"[" * 4000


_JSON = (b'"', b"{", b"}", b"[", b"]", b",", b":", b"null", b"true", b'"*"', b"${aws:username}", b"${",
         b"NaN", b"Infinity", b"1e400", b"*", b"?", b"\\u0000", b"\\ud800")  # fmt: skip
_POLICY = tuple(
    b'"%b"' % word
    for word in b"""Version Id Statement Sid Effect Allow Deny Principal NotPrincipal AWS
    CanonicalUser Federated Service Action NotAction s3:* s3:GetObject s3:Put* s3:ListBucket
    Resource NotResource arn:aws:s3:::bucket arn:aws:s3:::bucket/* arn:aws:s3:::* Condition
    StringLike StringEquals StringNotLike NumericEquals NumericLessThan DateEquals Bool Null
    BinaryEquals IpAddress NotIpAddress ArnLike ForAllValues:StringEquals ForAnyValue:StringLike
    StringEqualsIfExists s3:prefix s3:max-keys aws:SourceIp aws:CurrentTime aws:EpochTime
    aws:UserAgent aws:Referer s3:ExistingObjectTag/Team s3:RequestObjectTagKeys 2012-10-17
    2008-10-17 10.0.0.0/8 ::1/128 arn:aws:iam::1:root""".split()
)

BOUNDARY = b"bound"
_TABLE = Table()


def _post(*body: bytes) -> Request:
    request = asked(
        "POST /b", ("content-type", f"multipart/form-data; boundary={BOUNDARY.decode()}")
    )
    return Request(
        method="POST", path="/b", query=request.query, headers=request.headers, body=Pieces(*body),
        bucket="b", key=None, secure=False, peer="192.0.2.1",
    )  # fmt: skip


async def _form(request: Request) -> tuple[Form, bytes]:
    """What is believed of it, and its file."""
    form = await read(request)
    verified = verify_form(request, form, _TABLE, CONFIG, NOW)
    as_put(request, form)
    body = verified.body
    file = b"".join([piece async for piece in body])
    return form, file + verified.caller.id.encode()


def form(data: bytes) -> str:
    """First byte: where the wire cuts; then the body of a POST."""
    cut, wire = data[:1] or b"\0", data[1:]
    step = 1 + cut[0] * len(wire) // 255
    pieces = [wire[at : at + step] for at in range(0, len(wire), step)]
    if len(pieces) > 64:
        pieces = [*pieces[:64], wire[64 * step :]]
    one = _tried([wire])
    other = _tried(pieces)
    must(type(one) is type(other), "a cut makes a difference", one, other)
    if isinstance(one, Exception):
        raise one
    assert not isinstance(other, Exception)
    must(one == other, "a cut makes another form", one, other)
    signed = one[1].endswith(KEY.encode())
    return f"{min(len(one[0]), 4)} {'tagging' in one[0]} {signed}"


def _tried(pieces: list[bytes]) -> tuple[dict[str, str], bytes] | S3Error:
    try:
        found, file = finished(_form(_post(*pieces)))
    except S3Error as error:
        return error
    return found.fields, file


def form_policy(data: bytes) -> str:
    """A form's policy as it is before base64."""
    found = post_policy.read(b64encode(data).decode())
    must(found.expiration.tzinfo is not None, "no time zone", found.expiration)
    fields = {"key": "user/a", "acl": "private", "content-type": "image/gif,text/html"}
    for absent in (None, ""):
        found.check(fields, "b", NOW, absent=absent)
    return f"{len(found.conditions)} {found.most is not None}"


_CONDITIONS: tuple[list[object], ...] = (
    [{"bucket": "b"}, ["starts-with", "$key", "user/"], {"acl": "private"}, ["starts-with", "$Content-Type", "image/"]],
    [{"bucket": "b"}, ["starts-with", "$key", ""], ["eq", "$acl", "private"], ["content-length-range", 0, 10],
     ["starts-with", "$x-amz-credential", ""], ["starts-with", "$x-amz-algorithm", ""],
     ["starts-with", "$x-amz-date", ""], ["starts-with", "$content-type", ""]],
)  # fmt: skip


def _policies() -> Iterable[bytes]:
    for conditions in _CONDITIONS:
        for end in ("2013-06-01T12:00:00.000Z", "2013-05-01T12:00:00Z"):
            yield json.dumps({"expiration": end, "conditions": conditions}).encode()


def form_seeds() -> Iterable[bytes]:
    plain = {"key": "user/${filename}", "acl": "public-read", "x-amz-meta-a": "ü"}
    yield b"\x10" + _body(plain)
    xml = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>"
    yield b"\0" + _body(plain | {"tagging": xml, "success_action_status": "201", "Expires": "x"})
    for text in _policies():
        policy64 = b64encode(text).decode()
        v2 = {"AWSAccessKeyId": KEY, "signature": signing.v2(SECRET, policy64)}
        key = signing.key_of(SECRET, SCOPE)
        v4 = {
            "x-amz-algorithm": signing.ALGORITHM, "x-amz-credential": f"{KEY}/{SCOPE}",
            "x-amz-date": STAMP,
            "x-amz-signature": hmac.digest(key, policy64.encode(), "sha256").hex(),
        }  # fmt: skip
        for signed in (v2, v4):
            fields = {"key": "user/a", "acl": "private", "Content-Type": "image/gif"}
            yield b"\x40" + _body(fields | {"policy": policy64} | signed)


def _body(fields: dict[str, str]) -> bytes:
    lines = b""
    for name, value in fields.items():
        lines += b'--%b\r\nContent-Disposition: form-data; name="%b"\r\n\r\n' % (
            BOUNDARY,
            name.encode(),
        )
        lines += value.encode() + b"\r\n"
    lines += (
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="C:\\a\\b.gif"\r\n'
        % BOUNDARY
    )
    return lines + b"Content-Type: image/gif\r\n\r\nGIF89a\r\n--%b--\r\n" % BOUNDARY


_FORM = (
    b"--bound", b"--bound--", b"\r\n--bound\r\n", b"\r\n", b"\r\n\r\n", b"Content-Disposition: form-data;",
    *(b' name="%b"' % name for name in b"""key acl file policy signature AWSAccessKeyId tagging bucket
     success_action_redirect success_action_status Content-Type content-md5 x-amz-meta-b x-ignore-a
     x-amz-algorithm x-amz-credential x-amz-date x-amz-signature x-amz-security-token
     x-amz-checksum-crc32 x-amz-checksum-algorithm x-amz-server-side-encryption""".split()),
    b' filename="', b"${filename}", b'"', b";", b"=", b"\\",
)  # fmt: skip

TARGETS = (
    Target("policy", policy, _JSON + _POLICY, (Malformed,), policy_seeds, most=20_480),
    Target("post_form", form, _FORM, (S3Error,), form_seeds, most=65_536),
    Target(
        "post_policy", form_policy,
        (*_JSON, b'"expiration"', b'"conditions"', b'"eq"', b'"starts-with"', b'"content-length-range"',
         b'"$key"', b'"$acl"', b'"bucket"', b"$", b"\\$", b"2013-06-01T12:00:00.000Z"),
        (S3Error,), _policies,
    ),
)  # fmt: skip
