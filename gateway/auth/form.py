"""A browser's form: its fields, then its file as a stream that is never held.

The fields become what a PutObject request would say in its head, so that everything behind has one
way to put. Header fields of the POST itself say nothing about the object: no policy covers them.
https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html
"""

import re
from collections.abc import AsyncIterator
from typing import Never

from msgspec import Struct

from gateway.addressing import checked_key
from gateway.errors import (
    EntityTooLarge,
    EntityTooSmall,
    InvalidArgument,
    MalformedPOSTRequest,
    MaxPostPreDataLengthExceededError,
    PreconditionFailed,
    RequestHeaderSectionTooLarge,
)
from gateway.request import Headers, Request
from gateway.wire.form_data import FormData, boundary

FIELDS_BYTES = 64 * 1024
"""Of everything before the file."""
POLICY_BYTES = 20 * 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/API/RESTObjectPOST.html: what AWS takes of a form."""
HEADER_BYTES = 8 * 1024
"""Of all that is kept with the object and given back in a head.

https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html (request headers: 8 KB)
"""
MAX_FIELDS = 128
MAX_FILENAME = 1024

SIGV4_FIELDS = frozenset({"x-amz-algorithm", "x-amz-credential", "x-amz-date", "x-amz-signature"})
SIGV2_FIELDS = frozenset({"awsaccesskeyid", "signature"})

_NO_HEADERS = frozenset(
    {
        "x-amz-content-sha256",  # These are about a body on the wire, which a form's file is not.
        "x-amz-decoded-content-length",
        "x-amz-trailer",
        "x-amz-credential",
        "x-amz-signature",
    }
)
_PLAIN_HEADERS = frozenset(
    {
        "cache-control",
        "content-disposition",
        "content-encoding",
        "content-language",
        "content-md5",
        "content-type",
        "expires",
        "redirect",
        "success_action_redirect",
        "success_action_status",
    }
)
_OF_THE_POST = frozenset(
    {
        "host",
        "origin",
        "referer",
        "user-agent",
        "x-amz-expected-bucket-owner",
        "x-amz-request-payer",
    }
)
"""Header fields of the POST that are kept: about the request, not about the object."""
_header_name = re.compile(r"[!#$%&'*+\-.^_`|~0-9a-z]+", re.ASCII).fullmatch
_NO_HEADER_VALUE = re.compile("[\x00-\x08\x0a-\x1f\x7f]")


class File:
    """A ``RawBody``: the file, of a size within bounds."""

    def __init__(self, data: FormData, least: int = 0, most: int | None = None) -> None:
        self._data = data
        self._least = least
        self._most = most

    def within(self, least: int, most: int | None) -> "File":
        """The same stream. Iterating raises ``EntityTooSmall``, ``EntityTooLarge``."""
        return File(self._data, least, most)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for piece in self._data.content():
            size += len(piece)
            if self._most is not None and size > self._most:
                raise EntityTooLarge(ProposedSize=size, MaxSizeAllowed=self._most)
            yield piece
        if size < self._least:
            raise EntityTooSmall(ProposedSize=size, MinSizeAllowed=self._least)


class Form(Struct, frozen=True):
    """All that comes before the file's bytes."""

    fields: dict[str, str]
    """Lower-case names; ``${filename}`` replaced."""
    key: str
    headers: Headers
    """What a PutObject would say in its head, tags aside."""
    file: File


async def read(request: Request) -> Form:
    """The fields of a form, each once; what comes after its file is ignored.

    Raises ``PreconditionFailed`` (no form), ``MalformedPOSTRequest``, ``InvalidArgument`` (no
    file, no key, one field twice), ``MaxPostPreDataLengthExceededError``,
    ``RequestHeaderSectionTooLarge``, ``KeyTooLongError``, ``InvalidURI`` (the key), and as the
    body of ``request``.
    """
    mark = boundary(request.headers.get("content-type") or "")
    if mark is None:
        condition = "Bucket POST must be of the enclosure-type multipart/form-data"
        raise PreconditionFailed(Condition=condition)
    data = FormData(aiter(request.body), mark)
    fields, filename = await _fields(data)
    if any("${filename}" in value for value in fields.values()):
        name = re.split(r"[/\\]", filename)[-1]
        if len(name) > MAX_FILENAME:
            raise MaxPostPreDataLengthExceededError
        fields = {each: value.replace("${filename}", name) for each, value in fields.items()}
    key = checked_key(fields["key"]) if "key" in fields else missing("key")
    if key is None:
        raise InvalidArgument(
            "User key must have a length greater than 0.", ArgumentName="key", ArgumentValue=""
        )
    return Form(fields, key, _headers(request, fields), File(data))


def missing(name: str) -> Never:
    """Raises ``InvalidArgument`` for a field that must be there."""
    raise InvalidArgument(
        f"Bucket POST must contain a field named '{name}'.  If it is specified, please check the"
        " order of the fields.",
        ArgumentName=name,
        ArgumentValue="",
    )


async def _fields(data: FormData) -> tuple[dict[str, str], str]:
    """All before the file, and the file's name."""
    left = FIELDS_BYTES
    fields: dict[str, str] = {}
    for _ in range(MAX_FIELDS):
        try:
            part, used = await data.next(left)
        except OverflowError as error:
            raise MaxPostPreDataLengthExceededError from error
        if part is None:
            raise InvalidArgument(
                "POST requires exactly one file upload per request.",
                ArgumentName="file",
                ArgumentValue=0,
            )
        name = part.name.lower()
        if name == "file":
            return fields, part.filename or ""
        left -= used
        value = await _value(data, min(left, POLICY_BYTES) if name == "policy" else left)
        left -= len(value)
        if name.startswith("x-ignore-"):
            continue
        if name in fields:
            raise InvalidArgument(f"The field '{name}' was given twice.", ArgumentName=name)
        fields[name] = _text(value)
    raise MaxPostPreDataLengthExceededError


async def _value(data: FormData, most: int) -> bytearray:
    value = bytearray()
    async for piece in data.content():
        value += piece
        if len(value) > most:
            raise MaxPostPreDataLengthExceededError
    return value


def _text(value: bytearray) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise MalformedPOSTRequest from error


def _headers(request: Request, fields: dict[str, str]) -> Headers:
    """As they would have come in the head of a PUT: in bytes of UTF-8, white space stripped."""
    pairs = [pair for pair in request.headers.pairs if pair[0] in _OF_THE_POST]
    size = 0
    for name, value in fields.items():
        header = "x-amz-acl" if name == "acl" else name
        if header in _NO_HEADERS or not (header in _PLAIN_HEADERS or header.startswith("x-amz-")):
            continue
        if not _header_name(name) or _NO_HEADER_VALUE.search(value):
            raise InvalidArgument(ArgumentName=name, ArgumentValue=value)
        size += len(header) + len(raw := value.encode())
        if size > HEADER_BYTES:
            raise RequestHeaderSectionTooLarge(MaxSizeAllowed=HEADER_BYTES)
        pairs.append((header, raw.decode("latin-1").strip(" \t")))
    return Headers(pairs)
