"""A website's answer: index documents, redirects, error documents. Knows no signature.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/WebsiteEndpoints.html
"""

from collections.abc import Awaitable, Callable

from msgspec.structs import replace

from gateway.errors import (
    MethodNotAllowed,
    NoSuchBucket,
    NoSuchWebsiteConfiguration,
    NotModified,
    S3Error,
)
from gateway.request import Headers, Query, Request
from gateway.response import Response
from gateway.website.configuration import CONFIG, WebsiteConfiguration
from gateway.website.page import page
from gateway.website.routing import folder, redirected
from gateway.wire.kept import kept
from store.records import Bucket
from store.store import Outgoing

_REDIRECT = "x-amz-website-redirect-location"
_CONDITIONS = ("if-match", "if-modified-since", "if-none-match", "if-unmodified-since", "range")

Read = Callable[[Request], Awaitable[Response]]
"""The answer to a plain GET or HEAD of an object by anybody. Raises ``S3Error``."""


async def website_answer(
    bucket: Bucket | None, request: Request, read: Read, request_id: str
) -> Response:
    """What a browser gets for ``request``, whose query and signature say nothing here.

    Raises ``S3Error`` for what has no page of the website's own, ``NotModified`` among it.
    """
    if bucket is None:
        raise NoSuchBucket(BucketName=request.bucket)
    configuration = kept(WebsiteConfiguration, bucket.config, CONFIG)
    if configuration is None:
        raise NoSuchWebsiteConfiguration(BucketName=bucket.name)
    sent_on = _sent_on(configuration, request, None)
    if sent_on is not None:
        return sent_on
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(
            headers={"allow": "GET, HEAD"}, Method=request.method, ResourceType="OBJECT"
        )
    try:
        return await _object(configuration, request, read)
    except NotModified:
        raise
    except S3Error as error:
        return await _failed(configuration, request, read, error, request_id)


async def _object(configuration: WebsiteConfiguration, request: Request, read: Read) -> Response:
    assert configuration.index_document is not None
    key, suffix = request.key or "", configuration.index_document.suffix
    if not key or key.endswith("/"):
        return _found(await read(_plain(request, key + suffix)))
    try:
        return _found(await read(_plain(request, key)))
    except S3Error as error:
        if error.status not in (403, 404):
            raise
        try:
            await read(replace(_plain(request, f"{key}/{suffix}", bare=True), method="HEAD"))
        except S3Error:
            raise error from None
        return Response(302, [("location", folder(key))])


def _found(response: Response) -> Response:
    """It, unless the object says that it is elsewhere."""
    for name, value in response.headers:
        if name.lower() == _REDIRECT:
            if isinstance(response.body, Outgoing):
                response.body.close()
            return Response(301, [("location", value)])
    return response


async def _failed(
    configuration: WebsiteConfiguration,
    request: Request,
    read: Read,
    error: S3Error,
    request_id: str,
) -> Response:
    """A redirect, the website's own page, or ours. AWS has own pages for 4XX alone."""
    sent_on = _sent_on(configuration, request, error.status)
    if sent_on is not None:
        return sent_on
    if configuration.error_document is None or error.status >= 500:
        raise error
    try:
        own = await read(_plain(request, configuration.error_document.key, bare=True))
    except S3Error as second:
        return page(error, request_id, head=request.method == "HEAD", second=second)
    told = [(name, value) for name, value in own.headers if name.lower() != _REDIRECT]
    told += [("x-amz-error-code", error.code), ("x-amz-error-message", error.text)]
    return Response(error.status, told, own.body)


def _sent_on(
    configuration: WebsiteConfiguration, request: Request, error: int | None
) -> Response | None:
    to = redirected(
        configuration,
        request.key or "",
        error,
        secure=request.secure,
        host=request.headers["host"],
    )
    return None if to is None else Response(to[0], [("location", to[1])])


def _plain(request: Request, key: str, *, bare: bool = False) -> Request:
    """A request for ``key`` that says nothing but what browsers and caches need.

    ``bare``: not even that, for a page that was not asked for.
    """
    pairs = request.headers.pairs
    kept_names = ("host", "referer", "user-agent", *(() if bare else _CONDITIONS))
    headers = Headers([pair for pair in pairs if pair[0] in kept_names])
    return replace(request, key=key, query=Query([], []), headers=headers)
