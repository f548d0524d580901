"""What a website configuration may say."""

import pytest

from gateway.errors import InvalidArgument, InvalidRequest
from gateway.website.configuration import (
    Condition,
    ErrorDocument,
    IndexDocument,
    Redirect,
    RedirectAllRequestsTo,
    RoutingRule,
    WebsiteConfiguration,
    check,
)
from gateway.wire.kept import keep, kept

INDEX = IndexDocument(suffix="index.html")
HOME = Redirect(host_name="example.com")


def rules(*each: RoutingRule) -> WebsiteConfiguration:
    return WebsiteConfiguration(index_document=INDEX, routing_rules=each)


def when(redirect: Redirect = HOME, **condition: str) -> RoutingRule:
    return RoutingRule(condition=Condition(**condition), redirect=redirect)


def everything(**to: str) -> WebsiteConfiguration:
    return WebsiteConfiguration(redirect_all_requests_to=RedirectAllRequestsTo(**to))


@pytest.mark.parametrize(
    "configuration",
    [
        WebsiteConfiguration(index_document=INDEX, error_document=ErrorDocument(key="a/e.html")),
        everything(host_name="example.com:8080", protocol="https"),
        rules(RoutingRule(redirect=HOME)),
        rules(when(http_error_code_returned_equals="404", key_prefix_equals="a/")),
        rules(*[when(Redirect(http_redirect_code="307"), key_prefix_equals="")] * 50),
    ],
)
def test_what_aws_takes_is_taken_and_kept(configuration):
    check(configuration)
    assert kept(WebsiteConfiguration, {"website": keep(configuration)}, "website") == configuration


@pytest.mark.parametrize(
    ("configuration", "error"),
    [
        (WebsiteConfiguration(), InvalidArgument),
        (WebsiteConfiguration(error_document=ErrorDocument(key="e")), InvalidArgument),
        (WebsiteConfiguration(index_document=IndexDocument(suffix="")), InvalidArgument),
        (WebsiteConfiguration(index_document=IndexDocument(suffix="a/b")), InvalidArgument),
        (
            WebsiteConfiguration(index_document=INDEX, error_document=ErrorDocument(key="")),
            InvalidArgument,
        ),
        (
            WebsiteConfiguration(
                index_document=INDEX,
                redirect_all_requests_to=RedirectAllRequestsTo(host_name="example.com"),
            ),
            InvalidRequest,
        ),
        (everything(host_name="a\r\nset-cookie: b"), InvalidRequest),
        (everything(host_name="example.com/path"), InvalidRequest),
        (everything(host_name="example.com", protocol="javascript"), InvalidRequest),
        (rules(*[RoutingRule(redirect=HOME)] * 51), InvalidRequest),
        (rules(RoutingRule(redirect=Redirect())), InvalidRequest),
        (rules(RoutingRule(condition=Condition(), redirect=HOME)), InvalidRequest),
        (rules(when(http_error_code_returned_equals="302")), InvalidRequest),
        (rules(when(http_error_code_returned_equals="4x4")), InvalidRequest),
        (rules(RoutingRule(redirect=Redirect(http_redirect_code="200"))), InvalidRequest),
        (rules(RoutingRule(redirect=Redirect(http_redirect_code="300"))), InvalidRequest),
        (
            rules(
                RoutingRule(redirect=Redirect(replace_key_with="a", replace_key_prefix_with="b"))
            ),
            InvalidRequest,
        ),
    ],
)
def test_what_aws_refuses_is_refused(configuration, error):
    with pytest.raises(error):
        check(configuration)
