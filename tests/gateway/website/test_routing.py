"""Where a website sends a request on to, by AWS's own examples and by what could go wrong.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html
"""

from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.website.configuration import RedirectAllRequestsTo, WebsiteConfiguration
from gateway.website.routing import folder, redirected
from tests.gateway.website.test_configuration import HOME, Redirect, RoutingRule, rules, when

HOST = "bucket.site.test:9000"
REPORT = Redirect(host_name="app.test", replace_key_prefix_with="report-404/")


def sent(configuration, key, error=None, secure=False):
    return redirected(configuration, key, error, secure=secure, host=HOST)


@pytest.mark.parametrize(
    ("rule", "key", "to"),
    [
        (when(Redirect(replace_key_prefix_with="documents/"), key_prefix_equals="docs/"),
         "docs/a b.html", f"http://{HOST}/documents/a%20b.html"),
        (when(Redirect(replace_key_with="gone.html"), key_prefix_equals="images/"),
         "images/1.png", f"http://{HOST}/gone.html"),
        (when(Redirect(replace_key_prefix_with="#!/")), "about", f"http://{HOST}/#!/about"),
        (when(Redirect(replace_key_with="s?q=a b\r\n")), "x", f"http://{HOST}/s?q=a%20b%0D%0A"),
        (RoutingRule(redirect=HOME), "a\r\nb", "http://example.com/a%0D%0Ab"),
        (RoutingRule(redirect=Redirect(protocol="https")), "é", f"https://{HOST}/%C3%A9"),
    ],
)  # fmt: skip
def test_a_rule_without_an_error_holds_at_once(rule, key, to):
    assert sent(rules(rule), key) == (301, to)
    assert sent(rules(rule), key, 404) is None


def test_a_rule_with_an_error_waits_for_it():
    rule = when(REPORT, http_error_code_returned_equals="404", key_prefix_equals="up/")
    assert sent(rules(rule), "up/x") is None
    assert sent(rules(rule), "up/x", 403) is None
    assert sent(rules(rule), "down/x", 404) is None
    assert sent(rules(rule), "up/x", 404) == (301, "http://app.test/report-404/x")


def test_the_first_rule_that_holds_counts():
    first = when(Redirect(http_redirect_code="307"), key_prefix_equals="a/")
    both = rules(first, RoutingRule(redirect=HOME))
    assert sent(both, "a/x", secure=True) == (307, f"https://{HOST}/a/x")
    assert sent(both, "b") == (301, "http://example.com/b")


def test_everything_goes_elsewhere():
    to = RedirectAllRequestsTo(host_name="www.example.com", protocol="https")
    configuration = WebsiteConfiguration(redirect_all_requests_to=to)
    assert sent(configuration, "a b") == (301, "https://www.example.com/a%20b")
    assert sent(configuration, "") == (301, "https://www.example.com/")


@given(st.text(min_size=1).filter(lambda key: key.isprintable()))
def test_a_folder_is_never_on_another_host(key):
    read = urlsplit(folder(key))
    assert (read.scheme, read.netloc) == ("", "")
    assert unquote(read.path) == f"/{key}/"
