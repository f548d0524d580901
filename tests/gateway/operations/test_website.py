"""A bucket as a website: configured with boto3, read by a browser that signs nothing."""

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from itertools import count

import pytest
from botocore.exceptions import ClientError

from gateway.config import BadSetting, Config
from tests.gateway.conftest import Running, running

DOMAIN = "site.test"
SITE = {
    "IndexDocument": {"Suffix": "index.html"},
    "ErrorDocument": {"Key": "error.html"},
    "RoutingRules": [
        {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}},
        {
            "Condition": {"HttpErrorCodeReturnedEquals": "404", "KeyPrefixEquals": "app/"},
            "Redirect": {"HostName": "app.test", "HttpRedirectCode": "302"},
        },
    ],
}
_numbers = count(1)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("site"), website_domains=(DOMAIN,)) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def owner(served):
    return served.client(served.owner)


@pytest.fixture
def site(owner):
    """A public bucket with some pages."""
    name = f"site-{next(_numbers)}"
    owner.create_bucket(Bucket=name, ACL="public-read")
    owner.put_bucket_website(Bucket=name, WebsiteConfiguration=SITE)
    for key in ("index.html", "a/index.html", "error.html"):
        owner.put_object(Bucket=name, Key=key, Body=key.encode(), ContentType="text/html")
    return name


@pytest.fixture
def browse(served, site):
    def ask(path, method="GET", host=None, **headers) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(served.host, served.port, timeout=20)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers={"Host": host or f"{site}.{DOMAIN}"} | named)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer, body

    return ask


def refusal(call, **asked):
    with pytest.raises(ClientError) as refused:
        call(**asked)
    said = refused.value.response
    return said["ResponseMetadata"]["HTTPStatusCode"], said["Error"]["Code"]


# --- its configuration ---------------------------------------------------------------------------


def test_a_bucket_keeps_its_website(s3, bucket):
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=SITE)
    said = s3.get_bucket_website(Bucket=bucket)
    del said["ResponseMetadata"]
    assert said == SITE
    short = {"IndexDocument": {"Suffix": "i"}}
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration=short)
    assert "RoutingRules" not in s3.get_bucket_website(Bucket=bucket)
    for _ in range(2):
        gone = s3.delete_bucket_website(Bucket=bucket)
        assert gone["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing = (404, "NoSuchWebsiteConfiguration")
    assert refusal(s3.get_bucket_website, Bucket=bucket) == missing


@pytest.mark.parametrize(
    ("configuration", "code"),
    [
        ({}, "InvalidArgument"),
        ({"IndexDocument": {"Suffix": "a/b"}}, "InvalidArgument"),
        (SITE | {"RedirectAllRequestsTo": {"HostName": "x"}}, "InvalidRequest"),
    ],
)
def test_a_wrong_website_is_refused(configuration, code, s3, bucket):
    asked = {"Bucket": bucket, "WebsiteConfiguration": configuration}
    assert refusal(s3.put_bucket_website, **asked) == (400, code)
    missing = (404, "NoSuchWebsiteConfiguration")
    assert refusal(s3.get_bucket_website, Bucket=bucket) == missing


def test_it_is_the_owners_alone(new_bucket, stranger, anonymous):
    bucket = new_bucket(ACL="public-read-write")
    site = {"WebsiteConfiguration": SITE}
    for client in (stranger, anonymous):
        for call, asked in (("put", site), ("get", {}), ("delete", {})):
            verb = getattr(client, f"{call}_bucket_website")
            assert refusal(verb, Bucket=bucket, **asked) == (403, "AccessDenied")


def test_a_domain_is_for_websites_or_for_s3():
    with pytest.raises(BadSetting, match="website_domains"):
        Config(website_domains=("localhost",))


# --- its pages -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/", b"index.html"),
        ("/?any=query&uploads", b"index.html"),
        ("/a/", b"a/index.html"),
        ("/a/index.html", b"a/index.html"),
    ],
)
def test_a_folder_has_an_index(browse, path, body):
    answer, got = browse(path)
    assert (answer.status, got) == (200, body)
    assert answer.headers["content-type"] == "text/html"
    answer, got = browse(path, "HEAD")
    assert (answer.status, got, answer.headers["content-length"]) == (200, b"", str(len(body)))


def test_caches_and_players_get_what_they_ask_for(browse):
    answer, _ = browse("/")
    assert browse("/", If_None_Match=answer.headers["etag"])[0].status == 304
    assert browse("/", Range="bytes=0-4")[1] == b"index"


def test_a_folder_without_its_slash_is_sent_there(browse):
    answer, _ = browse("/a")
    assert (answer.status, answer.headers["location"]) == (302, "/a/")


def test_what_is_missing_gets_the_websites_own_page(browse):
    answer, body = browse("/none", If_None_Match="*", Range="bytes=0-0")
    assert (answer.status, body) == (404, b"error.html")
    assert answer.headers["x-amz-error-code"] == "NoSuchKey"
    assert browse("/none", "HEAD")[0].status == 404


def test_rules_send_elsewhere_before_and_after(browse, site):
    answer, _ = browse("/old/x")
    assert (answer.status, answer.headers["location"]) == (301, f"http://{site}.{DOMAIN}/new/x")
    answer, _ = browse("/app/x")
    assert (answer.status, answer.headers["location"]) == (302, "http://app.test/app/x")


def test_an_object_may_be_elsewhere(browse, owner, site, served):
    asked = {"Bucket": site, "Key": "moved", "Body": b"x" * 100_000}
    owner.put_object(**asked, WebsiteRedirectLocation="/a/index.html")
    answer, body = browse("/moved")
    assert (answer.status, answer.headers["location"], body) == (301, "/a/index.html", b"")
    got = owner.get_object(Bucket=site, Key="moved")
    assert (got["WebsiteRedirectLocation"], got["Body"].read()) == ("/a/index.html", b"x" * 100_000)
    assert refusal(owner.put_object, **asked, WebsiteRedirectLocation="ftp://x")[0] == 400


def test_everything_may_be_elsewhere(browse, owner, site):
    to = {"RedirectAllRequestsTo": {"HostName": "www.test", "Protocol": "https"}}
    owner.put_bucket_website(Bucket=site, WebsiteConfiguration=to)
    answer, _ = browse("/a%20b")
    assert (answer.status, answer.headers["location"]) == (301, "https://www.test/a%20b")


def test_only_what_everybody_may_read_is_there_whoever_asks(browse, owner, site, served):
    owner.put_object(Bucket=site, Key="mine", Body=b"secret", ACL="private")
    signed = owner.generate_presigned_url("get_object", {"Bucket": site, "Key": "mine"})
    for path in ("/mine", f"/mine?{signed.partition('?')[2]}"):
        answer, body = browse(path)
        assert (answer.status, body) == (403, b"error.html")
    owner.delete_object(Bucket=site, Key="error.html")
    answer, body = browse("/mine")
    assert answer.status == 403
    assert answer.headers["content-type"].startswith("text/html")
    assert b"<li>Code: AccessDenied</li>" in body
    assert b"Custom Error Document" in body
    assert b"secret" not in body


def test_a_policy_may_let_everybody_in(browse, owner, site):
    owner.put_bucket_acl(Bucket=site, ACL="private")
    assert browse("/")[0].status == 403
    owner.put_bucket_policy(
        Bucket=site,
        Policy='{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",'
        f' "Action": "s3:GetObject", "Resource": "arn:aws:s3:::{site}/*"}}]}}',
    )
    assert browse("/")[1] == b"index.html"
    assert browse("/a")[0].status == 302
    assert browse("/none")[0].status == 403  # who may not list learns nothing


def test_it_is_read_only(browse, owner, site):
    owner.put_bucket_acl(Bucket=site, ACL="public-read-write")
    for method in ("PUT", "POST", "DELETE"):
        answer, body = browse("/index.html", method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert b"<li>Code: MethodNotAllowed</li>" in body
    assert browse("/")[1] == b"index.html"


def test_what_is_no_website_is_a_page_too(browse, owner, site):
    answer, body = browse("/", host=f"no-such.{DOMAIN}")
    assert (answer.status, b"<h1>404 Not Found</h1>" in body) == (404, True)
    assert answer.headers["x-amz-error-code"] == "NoSuchBucket"
    owner.delete_bucket_website(Bucket=site)
    answer, _ = browse("/healthz")
    assert answer.headers["x-amz-error-code"] == "NoSuchWebsiteConfiguration"


def test_keys_are_escaped_in_pages(browse, owner, site):
    owner.delete_object(Bucket=site, Key="error.html")
    _, body = browse("/%3Cscript%3E")
    assert b"<li>Key: &lt;script&gt;</li>" in body
    assert b"<script>" not in body
