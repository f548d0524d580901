"""The error document: the one answer that has no namespace and no shape."""

import re

from gateway.errors import S3Error
from gateway.response import Response
from gateway.wire.rendering import XML_TYPE, sendable
from gateway.wire.xml_writing import PROLOG, escape

_ILLEGIBLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def render_error(
    error: S3Error, *, resource: str, request_id: str, host_id: str, head: bool
) -> Response:
    """The response for ``error``; without a body for HEAD and 304, where HTTP allows none.

    https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    """
    headers = [(name, sendable(value)) for name, value in error.headers.items()]
    if error.status >= 400:
        headers.append(("cache-control", "no-store"))
    if head or error.status == 304:
        return Response(error.status, headers)
    elements = {
        "Code": error.code,
        "Message": error.text,
        **error.extras,
        "Resource": resource,
        "RequestId": request_id,
        "HostId": host_id,
    }
    inner = "".join(f"<{name}>{escape(legible(text))}</{name}>" for name, text in elements.items())
    return Response(error.status, [*headers, XML_TYPE], f"{PROLOG}<Error>{inner}</Error>".encode())


def is_legible(text: str) -> bool:
    """XML 1.0 can hold it."""
    return _ILLEGIBLE.search(text) is None


def legible(text: str) -> str:
    """``text`` with U+FFFD for what XML 1.0 cannot hold.

    A strict reader refuses a whole document for one such character, and then its client never
    learns the code of the error.
    """
    return _ILLEGIBLE.sub("\N{REPLACEMENT CHARACTER}", text)
