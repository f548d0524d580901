"""What other people's signers sign we accept, and nothing that differs from it in one byte."""

from datetime import timedelta
from urllib.parse import quote, urlsplit

import pytest
from botocore.awsrequest import AWSRequest
from hypothesis import given
from hypothesis import strategies as st
from minio import signer
from minio.credentials import Credentials as MinioCredentials

from gateway.errors import S3Error
from tests.gateway.auth.signed import (
    EMPTY,
    KEY,
    NOW,
    SECRET,
    check,
    presign,
    presign_v2,
    request,
    resend,
    sign,
)

methods = st.sampled_from(["GET", "PUT", "HEAD", "DELETE", "POST"])
text = st.text(st.characters(codec="utf-8"), min_size=1, max_size=12)
keys = st.one_of(text, st.sampled_from(["a//b", "/", "..", "a/./b", "a+b", "100%", "%2F", "~"]))
token = st.from_regex(r"[a-z][a-z0-9-]{0,8}", fullmatch=True)
value = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)
queries = st.lists(st.tuples(token, text), max_size=4)
headers = st.dictionaries(token.map("x-amz-meta-{}".format), value, max_size=3)


def url(key: str, query: list[tuple[str, str]]) -> str:
    tail = "&".join(f"{quote(name, safe='')}={quote(said, safe='')}" for name, said in query)
    return f"http://gw.test:9000/bucket/{quote(key, safe='/~')}" + (f"?{tail}" if tail else "")


@given(methods, keys, queries, headers)
def test_every_header_signature_of_botocore_is_accepted(method, key, query, sent):
    assert check(resend(sign(method, url(key, query), sent))).caller.id == KEY


@given(methods, keys, queries)
def test_every_presigned_url_of_botocore_is_accepted(method, key, query):
    assert check(resend(presign(method, url(key, query)))).caller.id == KEY


@given(
    methods,
    keys,
    st.lists(st.tuples(st.sampled_from(["versionId", "partNumber", "prefix", "x-id"]), text)),
    headers,
)
def test_every_v2_presigned_url_of_botocore_is_accepted(method, key, query, sent):
    query = list(dict(query).items())
    aws = presign_v2(method, url(key, query), sent)

    assert check(resend(aws)).caller.id == KEY


@given(methods, keys, queries, headers)
def test_every_header_signature_of_minio_is_accepted(method, key, query, sent):
    # minio-py collapses only spaces and splits parameters at every "=": both as its client sends.
    said = {
        "Host": "gw.test:9000",
        "x-amz-content-sha256": EMPTY,
        "x-amz-date": "20130524T000000Z",
        **sent,
    }
    split = urlsplit(url(key, query))
    signer.sign_v4_s3(
        method=method,
        url=split,
        region="us-east-1",
        headers=said,
        credentials=MinioCredentials(KEY, SECRET),
        content_sha256=EMPTY,
        date=NOW,
    )

    assert check(request(method, f"{split.path}?{split.query}", said)).caller.id == KEY


@given(methods, keys)
def test_every_presigned_url_of_minio_is_accepted(method, key):
    split = signer.presign_v4(
        method=method,
        url=urlsplit(url(key, [])),
        region="eu-west-3",
        credentials=MinioCredentials(KEY, SECRET),
        date=NOW,
        expires=60,
    )
    asked = request(method, f"{split.path}?{split.query}", {"host": split.netloc})

    assert check(asked, NOW + timedelta(seconds=59)).caller.id == KEY


def altered(target: str, position: int, by: str) -> str:
    return target[:position] + by + target[position + 1 :]


def believed(asked) -> str | None:
    """Whom the request is taken for. A URL that lost its question mark is an anonymous one."""
    try:
        return check(asked).caller.id
    except S3Error:
        return None


signed_header = sign("PUT", "http://gw.test:9000/bucket/abc?partNumber=1", {"x-amz-meta-a": "bcd"})
presigned = presign("PUT", "http://gw.test:9000/bucket/abc?partNumber=1")
presigned_v2 = presign_v2("PUT", "http://gw.test:9000/bucket/abc?partNumber=1")


@given(st.data(), st.sampled_from("abXYZ019-_.~/"))
@pytest.mark.parametrize("aws", [signed_header, presigned, presigned_v2])
def test_one_changed_byte_of_the_target_is_refused(aws: AWSRequest, data, by):
    split = urlsplit(aws.url)
    target = f"{split.path}?{split.query}"
    position = data.draw(st.integers(1, len(target) - 1))
    changed = altered(target, position, by)
    if changed == target or "%" in target[position - 2 : position + 1]:
        return  # the same request, perhaps written in another way
    head = {"host": split.netloc, **dict(aws.headers.items())}

    assert believed(request(aws.method, changed, head)) != KEY


@given(st.data(), st.sampled_from("abXYZ019"))
def test_one_changed_byte_of_a_signed_header_is_refused(data, by):
    target = "/bucket/abc?partNumber=1"
    head = {"host": "gw.test:9000", **dict(signed_header.headers.items())}
    name = data.draw(st.sampled_from(sorted(head)))
    position = data.draw(st.integers(0, len(head[name]) - 1))
    changed = altered(head[name], position, by)
    if changed == head[name]:
        return

    with pytest.raises(S3Error):
        check(request("PUT", target, {**head, name: changed}))


@pytest.mark.parametrize("aws", [signed_header, presigned, presigned_v2])
def test_another_method_is_refused(aws):
    aws_get = resend(aws)
    split = urlsplit(aws.url)
    head = dict(aws_get.headers.pairs)

    assert check(aws_get).caller.id == KEY
    with pytest.raises(S3Error) as refused:
        check(request("DELETE", f"{split.path}?{split.query}", head))
    assert refused.value.code == "SignatureDoesNotMatch"
