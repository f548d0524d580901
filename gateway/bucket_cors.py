"""The CORS rules of one bucket: their document, what it may say, which rule a request meets. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
"""

import re
from collections.abc import Sequence
from typing import Annotated

from gateway.errors import InvalidRequest, MalformedXML
from gateway.wire.shape import Shape, Xml

CONFIG = "cors"
MAX_RULES = 100
MAX_ID = 255
METHODS = frozenset({"GET", "PUT", "POST", "DELETE", "HEAD"})
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'+.^_`|~-]+")
"""A field name without a wildcard: https://www.rfc-editor.org/rfc/rfc9110#section-5.6.2"""


class CorsRule(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CORSRule.html"""

    id: Annotated[str | None, Xml("ID")] = None
    allowed_headers: Annotated[tuple[str, ...], Xml("AllowedHeader")] = ()
    allowed_methods: Annotated[tuple[str, ...], Xml("AllowedMethod")]
    allowed_origins: Annotated[tuple[str, ...], Xml("AllowedOrigin")]
    expose_headers: Annotated[tuple[str, ...], Xml("ExposeHeader")] = ()
    max_age_seconds: int | None = None


class CorsConfiguration(Shape, root="CORSConfiguration"):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_CORSConfiguration.html"""

    cors_rules: Annotated[tuple[CorsRule, ...], Xml("CORSRule")]


def check(configuration: CorsConfiguration) -> None:
    """Raises ``MalformedXML`` (too many rules), ``InvalidRequest`` (a rule that AWS refuses).

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketCors.html
    """
    if not 0 < len(configuration.cors_rules) <= MAX_RULES:
        raise MalformedXML
    for rule in configuration.cors_rules:
        _check_rule(rule)


def _check_rule(rule: CorsRule) -> None:
    if rule.id is not None and len(rule.id) > MAX_ID:
        raise InvalidRequest(f"The ID of a rule cannot be longer than {MAX_ID} characters.")
    for method in rule.allowed_methods:
        if method not in METHODS:
            raise InvalidRequest(
                f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
            )
    for element, patterns in (
        ("AllowedOrigin", rule.allowed_origins),
        ("AllowedHeader", rule.allowed_headers),
    ):
        for pattern in patterns:
            if pattern.count("*") > 1:
                raise InvalidRequest(f'{element} "{pattern}" can not have more than one wildcard.')
    for name in rule.expose_headers:
        if not _TOKEN.fullmatch(name):  # it goes into a header of every answer
            raise InvalidRequest(
                f'ExposeHeader "{name}" contains wildcard. We currently do not support wildcard '
                "in ExposeHeader"
            )


def met(
    configuration: CorsConfiguration | None,
    origin: str | None,
    method: str,
    asked: Sequence[str] = (),
) -> CorsRule | None:
    """The first rule that allows all of it; ``asked``: lower-case names of request headers."""
    if configuration is None or origin is None:
        return None
    for rule in configuration.cors_rules:
        if (
            method in rule.allowed_methods
            and any(matches(origin, pattern) for pattern in rule.allowed_origins)
            and headers_allowed(asked, rule.allowed_headers)
        ):
            return rule
    return None


def granted(rule: CorsRule, origin: str) -> list[tuple[str, str]]:
    """What a rule adds to the answer, for preflights and other requests alike."""
    answer = [("access-control-allow-origin", origin)]
    if "*" in rule.allowed_origins:
        answer = [("access-control-allow-origin", "*")]
    answer.append(("access-control-allow-methods", ", ".join(rule.allowed_methods)))
    if rule.expose_headers:
        answer.append(("access-control-expose-headers", ", ".join(rule.expose_headers)))
    if rule.max_age_seconds is not None:
        answer.append(("access-control-max-age", str(rule.max_age_seconds)))
    if "*" not in rule.allowed_origins:
        answer.append(("access-control-allow-credentials", "true"))
    return answer


def headers_allowed(asked: Sequence[str], allowed: Sequence[str]) -> bool:
    """Names are compared without case; ``asked`` is lower case already."""
    patterns = [pattern.lower() for pattern in allowed]
    return all(any(matches(name, pattern) for pattern in patterns) for name in asked)


def matches(text: str, pattern: str) -> bool:
    """Equal, where one ``*`` in the pattern stands for any run: ``https://*.example.com``."""
    before, star, after = pattern.partition("*")
    if not star:
        return text == pattern
    return (
        len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)
    )
