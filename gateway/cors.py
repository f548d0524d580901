"""CORS from the configured headers (BTIP-25 HTTPHeaders): one rule for every bucket. Pure.

Off until an origin is configured. A browser's cookies are never asked for: requests are signed, so
``Access-Control-Allow-Credentials`` goes only to origins that are configured letter by letter, and
never together with ``*``.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
"""

from gateway.config import Config
from gateway.errors import AccessForbidden, BadRequest
from gateway.request import Request
from gateway.response import Response

VARY = ("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")


def preflight(request: Request, config: Config) -> Response:
    """The answer to OPTIONS: 200 without a body, and what the browser may send.

    Raises ``BadRequest`` when it is no preflight (no ``Origin`` or no
    ``Access-Control-Request-Method``), ``AccessForbidden`` when origin, method or a header is not
    allowed.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTOPTIONSobject.html
    """
    origin = request.headers.get("origin")
    if not origin:
        raise BadRequest("Insufficient information. Origin request header needed.")
    method = request.headers.get("access-control-request-method")
    if not method:
        raise BadRequest("Invalid Access-Control-Request-Method: null")
    asked = _list(request.headers.all("access-control-request-headers"))
    if not (_allows(origin, method, config) and _headers_allowed(asked, config)):
        raise AccessForbidden(
            headers={"vary": VARY[1]},
            Method=method,
            ResourceType="BUCKET" if request.key is None else "OBJECT",
        )
    answer = _granted(origin, config)
    if asked:
        answer.append(("access-control-allow-headers", ", ".join(asked)))
    return Response(200, [*answer, VARY])


def headers(request: Request, config: Config) -> list[tuple[str, str]]:
    """What CORS adds to the answer of any other request; nothing while CORS is off.

    ``Vary`` goes with every answer, also to requests without an origin, so that a shared cache does
    not hand one origin's answer to another. Never raises: a request that is not allowed is
    answered without the headers, and the browser keeps the answer from the script.
    """
    if not config.cors_allow_origin or request.method == "OPTIONS":
        return []
    origin = request.headers.get("origin")
    if not origin or not _allows(origin, request.method, config):
        return [VARY]
    answer = _granted(origin, config)
    if config.cors_expose_headers:
        answer.append(("access-control-expose-headers", ", ".join(config.cors_expose_headers)))
    return [*answer, VARY]


def _granted(origin: str, config: Config) -> list[tuple[str, str]]:
    methods = ("access-control-allow-methods", ", ".join(config.cors_allow_methods))
    if "*" in config.cors_allow_origin:
        return [("access-control-allow-origin", "*"), methods]
    answer = [("access-control-allow-origin", origin), methods]
    if origin in config.cors_allow_origin:
        answer.append(("access-control-allow-credentials", "true"))
    return answer


def _allows(origin: str, method: str, config: Config) -> bool:
    return method in config.cors_allow_methods and any(
        _matches(origin, pattern) for pattern in config.cors_allow_origin
    )


def _headers_allowed(asked: list[str], config: Config) -> bool:
    patterns = [pattern.lower() for pattern in config.cors_allow_headers]
    return all(any(_matches(name, pattern) for pattern in patterns) for name in asked)


def _matches(text: str, pattern: str) -> bool:
    """Equal, where one ``*`` in the pattern stands for any run: ``https://*.example.com``."""
    before, star, after = pattern.partition("*")
    if not star:
        return text == pattern
    return (
        len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)
    )


def _list(fields: list[str]) -> list[str]:
    return [name.strip().lower() for field in fields for name in field.split(",") if name.strip()]
