"""What an exception becomes on its way out: an S3 error, its document, a line in the log."""

import logging

from gateway.errors import BORDER, InternalError, S3Error
from gateway.head import Head
from gateway.response import Response
from gateway.trace import Trace
from gateway.wire.error import render_error
from store.errors import StoreError

log = logging.getLogger("s3gw.gateway")

_NO_FAULTS = frozenset({"NotImplemented", "SlowDown"})


def refusal(error: Exception, head: Head, trace: Trace) -> Response:
    """The S3 error document of an exception."""
    return render_error(
        told(error, trace),
        resource=head.target.partition("?")[0],
        request_id=trace.request_id,
        host_id=trace.request_id,
        head=head.method == "HEAD",
    )


def known(error: Exception) -> S3Error:
    """An exception as clients may see it; text of our own never leaves the log."""
    if isinstance(error, StoreError) and type(error) in BORDER:
        return BORDER[type(error)](error)
    return error if isinstance(error, S3Error) else InternalError()


def told(error: Exception, trace: Trace) -> S3Error:
    """The same, once the log has it."""
    refused = known(error)
    if refused.status >= 500 and refused.code not in _NO_FAULTS:
        log.error("request_id=%s %s failed", trace.request_id, trace.operation, exc_info=error)
    trace.code = refused.code
    return refused
