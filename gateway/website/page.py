"""Errors as a website shows them: HTML for people, with the code in header fields for the rest.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/CustomErrorDocSupport.html
"""

from html import escape
from http import HTTPStatus

from gateway.errors import S3Error
from gateway.response import Response
from gateway.wire.rendering import sendable

HTML = ("content-type", "text/html; charset=utf-8")


def page(error: S3Error, request_id: str, *, head: bool, second: S3Error | None = None) -> Response:
    """``second``: what went wrong with the website's own page for the first."""
    title = f"{error.status} {HTTPStatus(error.status).phrase}"
    ids = {"RequestId": request_id, "HostId": request_id}
    body = f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n"
    body += _listed(_told(error) | ids)
    if second is not None:
        body += "<h3>An Error Occurred While Attempting to Retrieve a Custom Error Document</h3>\n"
        body += _listed(_told(second))
    body += "<hr/>\n</body>\n</html>\n"
    headers = [(name, sendable(value)) for name, value in error.headers.items()]
    headers += [
        ("x-amz-error-code", error.code),
        ("x-amz-error-message", sendable(error.text)),
        HTML,
    ]
    return Response(error.status, headers, b"" if head else body.encode())


def _told(error: S3Error) -> dict[str, str]:
    return {"Code": error.code, "Message": error.text, **error.extras}


def _listed(told: dict[str, str]) -> str:
    items = [f"<li>{name}: {escape(text)}</li>\n" for name, text in told.items()]
    return f"<ul>\n{''.join(items)}</ul>\n"
