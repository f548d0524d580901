"""From the typed output of an operation to a response: every member to its place on the wire."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from gateway.memo import Memo
from gateway.response import Response
from gateway.wire.shape import (
    Header,
    Member,
    Payload,
    PrefixHeaders,
    Shape,
    Status,
    Xml,
    marked,
)
from gateway.wire.text import http_form, iso_form
from gateway.wire.xml_reading import root_name
from gateway.wire.xml_writing import document

XML_TYPE = ("content-type", "application/xml")

_UNSENDABLE = re.compile("[\x00-\x08\x0a-\x1f\x7f\u0100-\U0010ffff]")


_Field = tuple[str, str, Callable[[Any], str] | None, Any]
"""Name of a header field, its member, its value as text (``None``: it is text), its default."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the members of one shape go in a response."""

    headers: Memo[tuple[str, ...], list[_Field]]
    """Those there may be when these members are given."""
    prefixes: list[tuple[str, str]]
    """Member, prefix."""
    status: str | None
    payload: str | None
    root: str | None
    """The document's root element, when the members are a document."""


def render(output: Shape, *, status: int) -> Response:
    """The response for ``output``; ``status`` holds where the output has none of its own.

    Members that are ``None`` are not sent. Raises ``ValueError`` when a header value holds what
    no header may (line breaks, NUL) or can (beyond latin-1); inputs refuse such values earlier.
    """
    plan = _plan[type(output)]
    given = vars(output)
    headers = [
        (name, write(value) if write else value)
        for name, member, write, default in plan.headers[tuple(given)]
        if (value := given.get(member, default)) is not None
    ]
    for member, prefix in plan.prefixes:
        for name, text in getattr(output, member).items():
            headers.append((prefix + sendable(name), metadata_text(text)))
    sendable("".join([text for _, text in headers]))
    body: Any = b""
    if plan.root is not None:
        headers.append(XML_TYPE)
        body = document(output, plan.root)
    elif plan.payload is not None and (content := getattr(output, plan.payload)) is not None:
        body = content
        if isinstance(content, Shape):
            headers.append(XML_TYPE)
            body = document(content, root_name(type(content)))
    own = getattr(output, plan.status) if plan.status else None
    return Response(status if own is None else own, headers, body)


def sendable(value: str) -> str:
    """``value``, which may go into header lines. Raises ``ValueError`` if it may not."""
    plain = value.isascii() and value.isprintable()  # ten times as fast, and nearly always true
    if not plain and _UNSENDABLE.search(value):
        raise ValueError("not a header value")
    return value


def metadata_text(value: str) -> str:
    """A user metadata value; beyond ASCII as an encoded word, as AWS sends it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html#UserMetadata
    https://www.rfc-editor.org/rfc/rfc2047#section-2
    """
    if value.isascii():
        return value
    encoded = base64.b64encode(value.encode("utf-8", "surrogateescape")).decode("ascii")
    return f"=?UTF-8?B?{encoded}?="


@Memo
def _plan(shape: type[Shape]) -> _Plan:
    has_document = shape.root is not None or bool(marked(shape, Xml))
    return _Plan(
        headers=Memo(partial(_headers, shape)),
        prefixes=[(member.name, mark.prefix) for mark, member in marked(shape, PrefixHeaders)],
        status=next((member.name for _, member in marked(shape, Status)), None),
        payload=next((member.name for _, member in marked(shape, Payload)), None),
        root=root_name(shape) if has_document else None,
    )


def _headers(shape: type[Shape], given: tuple[str, ...]) -> list[_Field]:
    unknown = set(given).difference([member.name for member in shape.wire_members])
    missing = {m.name for m in shape.wire_members if m.required}.difference(given)
    if unknown or missing:
        raise TypeError(f"{shape.__name__} has no {unknown}, and needs {missing}")
    return [
        (mark.name, member.name, _write(mark, member), default)
        for mark, member in marked(shape, Header)
        if (default := getattr(shape, member.name, None)) is not None or member.name in given
    ]


def _write(mark: Header, member: Member) -> Callable[[Any], str] | None:
    _, write = iso_form(member.type) if mark.iso else http_form(member.type)
    if member.many:
        return lambda values: ",".join(map(write, values))
    return None if member.type is str else write
