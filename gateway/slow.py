"""Answers that take long: begun at once, with white space until the document is ready."""

import asyncio
from collections.abc import AsyncIterator

from gateway import wire
from gateway.head import Head
from gateway.operation import Call, Operation
from gateway.refusal import refusal
from gateway.request import Request
from gateway.response import Response
from gateway.trace import Trace
from gateway.wire.shape import Shape
from gateway.wire.xml_writing import PROLOG

PATIENCE_SECONDS = 5.0
"""A slow operation's answer starts with white space after this, and again each time it passes.

AWS does the same on Complete and Copy:
https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html
"""
_PROLOG = PROLOG.encode()


async def answered_slowly(operation: Operation, call: Call, ask: Shape, trace: Trace) -> Response:
    """The answer, whole if it is there soon, else begun."""
    task = asyncio.ensure_future(operation.handler(call, ask))
    await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
    if task.done():
        return wire.render(task.result(), status=operation.status)
    return Response(
        200, [("content-type", "application/xml")], _patient(operation, call.request, task, trace)
    )


async def _patient(
    operation: Operation, request: Request, task: "asyncio.Future[Shape]", trace: Trace
) -> AsyncIterator[bytes]:
    """The document of a slow operation, with white space before it while it is being made."""
    yield _PROLOG
    while not task.done():
        yield b" "
        await asyncio.wait({task}, timeout=PATIENCE_SECONDS)
    try:
        response = wire.render(task.result(), status=operation.status)
    except Exception as error:  # the status has gone out: it goes into the body
        head = Head(request.method, request.path, [], request.secure, request.peer)
        response = refusal(error, head, trace)
    assert isinstance(response.body, bytes)
    yield response.body.removeprefix(_PROLOG)
