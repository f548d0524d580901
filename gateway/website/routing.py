"""Where a website sends a request on to. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/how-to-page-redirect.html
"""

from string import punctuation
from urllib.parse import quote

from gateway.website.configuration import Redirect, RedirectAllRequestsTo, WebsiteConfiguration


def redirected(
    configuration: WebsiteConfiguration, key: str, error: int | None, *, secure: bool, host: str
) -> tuple[int, str] | None:
    """The status and Location of the first rule that holds for ``key``, ``None`` when none does.

    ``error`` is the status of the answer that the request would get; rules that do not speak of
    one hold before there is an answer (``None``), the others only then. ``host`` is the Host
    field of the request, which is where a rule leads that names no other.
    """
    everything = configuration.redirect_all_requests_to
    if everything is not None:
        return 301, _location(everything, quote(key, safe="/"), secure=secure, host=host)
    for rule in configuration.routing_rules or ():
        prefix, code = "", None
        if rule.condition is not None:
            prefix = rule.condition.key_prefix_equals or ""
            code = rule.condition.http_error_code_returned_equals
        if key.startswith(prefix) and code == (None if error is None else str(error)):
            path = _path(rule.redirect, key, prefix)
            status = int(rule.redirect.http_redirect_code or 301)
            return status, _location(rule.redirect, path, secure=secure, host=host)
    return None


def folder(key: str) -> str:
    """The Location of a key with a slash added: ``photos`` -> ``/photos/``."""
    escaped = quote(key, safe="/")
    if escaped.startswith("/"):  # as it is, browsers would take //example.com for another host
        escaped = f"%2F{escaped[1:]}"
    return f"/{escaped}/"


def _path(redirect: Redirect, key: str, prefix: str) -> str:
    """The new key, escaped; what a rule says itself may hold a query or a fragment (``#!/``)."""
    if redirect.replace_key_with is not None:
        return quote(redirect.replace_key_with, safe=punctuation)
    if redirect.replace_key_prefix_with is not None:
        rest = quote(key.removeprefix(prefix), safe="/")
        return quote(redirect.replace_key_prefix_with, safe=punctuation) + rest
    return quote(key, safe="/")


def _location(to: Redirect | RedirectAllRequestsTo, path: str, *, secure: bool, host: str) -> str:
    protocol = to.protocol or ("https" if secure else "http")
    return f"{protocol}://{to.host_name or host}/{path}"
