"""POST of a browser's form: PutObject with its words in fields, and answers for browsers.

The fields are read by ``gateway.auth.form``, since they also say who sends them.
"""

from typing import Annotated
from urllib.parse import SplitResult, quote, urlencode, urlsplit, urlunsplit

from gateway.addressing import uri
from gateway.auth.form import Form
from gateway.naming import key_bytes
from gateway.operation import Call
from gateway.operations import tags
from gateway.operations.members import xml_key
from gateway.operations.object import PutObjectInput, PutObjectOutput, put_object
from gateway.operations.tags import Tagging
from gateway.request import Headers, Request
from gateway.wire.shape import Header, Payload, Shape, Status, Xml
from gateway.wire.xml_reading import read_document


class PostObjectInput(PutObjectInput):
    """Fields of the form stand among the headers of a put."""

    success_action_status: Annotated[str, Header("success_action_status")] = "204"
    success_action_redirect: Annotated[str | None, Header("success_action_redirect")] = None
    redirect: Annotated[str | None, Header("redirect")] = None
    """The old name of ``success_action_redirect``."""


class PostResponse(Shape, namespace=False):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html (status 201)"""

    location: str
    bucket: str
    key: str | None
    etag: Annotated[str, Xml("ETag")]


class PostObjectOutput(PutObjectOutput):
    status: Annotated[int, Status()]
    location: Annotated[str, Header("Location")]
    document: Annotated[PostResponse | None, Payload()] = None


def as_put(request: Request, form: Form) -> Request:
    """A form's request as the PutObject it stands for, for all that judge or obey it.

    Raises ``MalformedXML`` (the field ``tagging``).
    """
    pairs = form.headers.pairs
    if "tagging" in form.fields:
        written = Tagging(**read_document(Tagging, form.fields["tagging"].encode()))
        pairs = [*pairs, (tags.HEADER, urlencode(tags.pairs(written), quote_via=quote))]
    return Request(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=Headers(pairs),
        body=form.file,
        bucket=request.bucket,
        key=form.key,
        secure=request.secure,
        peer=request.peer,
        virtual_host=request.virtual_host,
    )


async def post_object(call: Call, ask: PostObjectInput) -> PostObjectOutput:
    """Put the file of a form under the key it names; answer 204, 201 or 200, or send away.

    https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html

    Raises as ``put_object``, ``EntityTooSmall`` and ``EntityTooLarge`` (by the form's policy).
    """
    put = await put_object(call, ask)
    away = _away(ask.success_action_redirect or ask.redirect)
    if away is not None:
        query = urlencode({"bucket": ask.bucket, "key": key_bytes(ask.key), "etag": put.etag})
        query = f"{away.query}&{query}" if away.query else query
        location = urlunsplit(away._replace(query=query))
        return PostObjectOutput(**vars(put), status=303, location=location)
    location = uri(call.request, ask.key)
    if ask.success_action_status != "201":
        status = 200 if ask.success_action_status == "200" else 204
        return PostObjectOutput(**vars(put), status=status, location=location)
    document = PostResponse(
        location=location, bucket=ask.bucket, key=xml_key(ask.key), etag=put.etag
    )
    return PostObjectOutput(**vars(put), status=201, location=location, document=document)


def _away(url: str | None) -> SplitResult | None:
    """Where to send the browser; ``None`` for what is no URL, which AWS ignores."""
    if url is None or not url.isascii():
        return None
    try:
        split = urlsplit(url)
    except ValueError:
        return None
    return split if split.scheme in ("http", "https") and split.netloc else None
