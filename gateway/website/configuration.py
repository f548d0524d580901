"""A bucket's website configuration: its document and what it may say. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/EnableWebsiteHosting.html
"""

import re
from typing import Annotated

from gateway.errors import InvalidArgument, InvalidRequest
from gateway.wire.shape import Shape, Xml

CONFIG = "website"
MAX_RULES = 50
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html"""
_HOST_NAME = re.compile(r"[A-Za-z0-9._-]+(:[0-9]{1,5})?")


class IndexDocument(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_IndexDocument.html"""

    suffix: str


class ErrorDocument(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_ErrorDocument.html"""

    key: str


class RedirectAllRequestsTo(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_RedirectAllRequestsTo.html"""

    host_name: str
    protocol: str | None = None


class Condition(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Condition.html"""

    http_error_code_returned_equals: str | None = None
    key_prefix_equals: str | None = None


class Redirect(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Redirect.html"""

    host_name: str | None = None
    http_redirect_code: str | None = None
    protocol: str | None = None
    replace_key_prefix_with: str | None = None
    replace_key_with: str | None = None


class RoutingRule(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_RoutingRule.html"""

    condition: Condition | None = None
    redirect: Redirect


class WebsiteConfiguration(Shape, root="WebsiteConfiguration"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_WebsiteConfiguration.html"""

    error_document: ErrorDocument | None = None
    index_document: IndexDocument | None = None
    redirect_all_requests_to: RedirectAllRequestsTo | None = None
    routing_rules: Annotated[
        tuple[RoutingRule, ...] | None, Xml("RoutingRules", member="RoutingRule")
    ] = None


def check(configuration: WebsiteConfiguration) -> None:
    """Raises ``InvalidArgument``, ``InvalidRequest`` for what AWS refuses.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketWebsite.html
    """
    everything = configuration.redirect_all_requests_to
    index, error = configuration.index_document, configuration.error_document
    rules = configuration.routing_rules or ()
    if everything is not None:
        if index is not None or error is not None or rules:
            raise InvalidRequest(
                "RedirectAllRequestsTo cannot be provided in conjunction with other Routing Rules."
            )
        _check_target(everything.host_name, everything.protocol)
        return
    if index is None:
        raise InvalidArgument(
            "A value for IndexDocument Suffix must be provided if RedirectAllRequestsTo is empty",
            ArgumentName="IndexDocument",
            ArgumentValue="null",
        )
    if not index.suffix or "/" in index.suffix:
        raise InvalidArgument(
            "The IndexDocument Suffix is not well formed",
            ArgumentName="IndexDocument",
            ArgumentValue=index.suffix,
        )
    if error is not None and not error.key:
        raise InvalidArgument(ArgumentName="ErrorDocument", ArgumentValue="")
    if len(rules) > MAX_RULES:
        raise InvalidRequest(f"The number of routing rules must not exceed {MAX_RULES}.")
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: RoutingRule) -> None:
    when, then = rule.condition, rule.redirect
    if when is not None:
        code = when.http_error_code_returned_equals
        if code is None and when.key_prefix_equals is None:
            raise InvalidRequest(
                "Condition cannot be empty. To redirect all requests without a condition, the "
                "condition element shouldn't be present."
            )
        if code is not None and not re.fullmatch("[45][0-9]{2}", code):
            raise InvalidRequest(
                f"The provided HTTP error code ({code}) is not valid. Valid codes are 4XX or 5XX."
            )
    if then == Redirect():
        raise InvalidRequest("A redirect must say where to, or how.")
    if then.replace_key_with is not None and then.replace_key_prefix_with is not None:
        raise InvalidRequest("You can only define ReplaceKeyPrefix or ReplaceKey but not both.")
    code = then.http_redirect_code
    if code is not None and (not re.fullmatch("3[0-9]{2}", code) or code == "300"):
        raise InvalidRequest(
            f"The provided HTTP redirect code ({code}) is not valid. Valid codes are 3XX except "
            "300."
        )
    _check_target(then.host_name, then.protocol)


def _check_target(host: str | None, protocol: str | None) -> None:
    """It goes into a header field of the answer."""
    if host is not None and not _HOST_NAME.fullmatch(host):
        raise InvalidRequest(f"The host name ({host}) is not valid.")
    if protocol not in (None, "http", "https"):
        raise InvalidRequest(
            "Invalid protocol, protocol can be http or https. If not defined the protocol will be "
            "selected automatically."
        )
