"""CORS: a bucket's own rules, then the configured headers (BTIP-25 HTTPHeaders). Pure.

Off until an origin is configured, there or here. A browser's cookies are never asked for: requests
are signed, so ``Access-Control-Allow-Credentials`` goes only to origins that are configured letter
by letter, and never together with ``*``.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/ManageCorsUsing.html
"""

from gateway import bucket_cors
from gateway.bucket_cors import CorsConfiguration, headers_allowed, matches
from gateway.config import Config
from gateway.errors import AccessForbidden, BadRequest
from gateway.request import Request
from gateway.response import Response

VARY = ("vary", "Origin, Access-Control-Request-Headers, Access-Control-Request-Method")


def preflight(request: Request, config: Config, rules: CorsConfiguration | None = None) -> Response:
    """The answer to OPTIONS: 200 without a body, and what the browser may send.

    ``rules`` are the bucket's: the first that allows all of it answers, else the configuration.

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
    rule = bucket_cors.met(rules, origin, method, asked)
    if rule is not None:
        answer = bucket_cors.granted(rule, origin)
    elif _allows(origin, method, config) and headers_allowed(asked, config.cors_allow_headers):
        answer = _granted(origin, config)
    else:
        raise AccessForbidden(
            headers={"vary": VARY[1]},
            Method=method,
            ResourceType="BUCKET" if request.key is None else "OBJECT",
        )
    if asked:
        answer.append(("access-control-allow-headers", ", ".join(asked)))
    return Response(200, [*answer, VARY])


def headers(
    request: Request, config: Config, rules: CorsConfiguration | None = None
) -> list[tuple[str, str]]:
    """What CORS adds to the answer of any other request; nothing while CORS is off.

    ``Vary`` goes with every answer, also to requests without an origin, so that a shared cache does
    not hand one origin's answer to another. Never raises: a request that is not allowed is
    answered without the headers, and the browser keeps the answer from the script.
    """
    if (not config.cors_allow_origin and rules is None) or request.method == "OPTIONS":
        return []
    origin = request.headers.get("origin")
    # AWS judges by the method a preflight would ask for, where the header is there.
    method = request.headers.get("access-control-request-method") or request.method
    rule = bucket_cors.met(rules, origin, method)
    if rule is not None and origin is not None:
        return [*bucket_cors.granted(rule, origin), VARY]
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
        matches(origin, pattern) for pattern in config.cors_allow_origin
    )


def _list(fields: list[str]) -> list[str]:
    return [name.strip().lower() for field in fields for name in field.split(",") if name.strip()]
