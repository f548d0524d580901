"""From a request to the typed input of its operation: every member from its place on the wire."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from gateway.errors import InvalidArgument, InvalidRequest
from gateway.memo import Memo
from gateway.request import Headers, Request
from gateway.wire.shape import (
    Header,
    Label,
    Member,
    Payload,
    PrefixHeaders,
    Query,
    Shape,
    Xml,
    is_shape,
    marked,
)
from gateway.wire.text import http_form, iso_form
from gateway.wire.xml_reading import read_document

AnyShape = TypeVar("AnyShape", bound=Shape)
Read = Callable[[str], Any]
_Field = tuple[str, str, Read]
"""Name of a header field, its member, what reads its text."""

_MAX_QUERY_INT = 2**31 - 1
"""Numbers in queries are 32 bit in AWS's model; AWS refuses larger ones too."""
_NO_HEADER_VALUE = re.compile("[\x00-\x1f\x7f\u0100-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class _Fields:
    """The header fields that a shape reads."""

    single: list[_Field]
    lists: list[_Field]
    """Those that hold a comma-separated list."""
    prefixes: list[tuple[str, Member]]

    def among(self, names: frozenset[str]) -> "_Fields":
        """Those of a request that has fields of these names."""
        return _Fields(
            [field for field in self.single if field[0] in names],
            [field for field in self.lists if field[0] in names],
            [
                (prefix, member)
                for prefix, member in self.prefixes
                if member.required or any(name.startswith(prefix) for name in names)
            ],
        )


@dataclass(frozen=True, slots=True)
class _Plan:
    """Where the members of one shape are in a request, by wire name."""

    labels: list[tuple[str, str]]
    queries: dict[str, tuple[str, Read]]
    fields: Memo[frozenset[str], _Fields]
    """``_Fields.among``, which is the same for all requests of a client."""
    stream: str | None
    """The member that is the body itself."""
    payload: Member | None
    """The one that is a document."""
    document: bool
    """The shape has XML members of its own."""
    required: dict[str, str]
    """Member -> its name on the wire."""


def reads_document(shape: type[Shape]) -> bool:
    """Whether ``parse`` wants the whole body, as the XML document it then is."""
    plan = _plan[shape]
    return plan.document or plan.payload is not None


def parse(
    shape: type[AnyShape], request: Request, *, document: bytes = b"", stream: object = None
) -> AnyShape:
    """The typed input in ``request``; ``stream`` becomes the member that is the body itself.

    A parameter that is sent empty is not the same as one that is absent: text stays ``""``, and
    any other type refuses it. Of a repeated parameter or field the first counts, everywhere.

    Raises ``InvalidArgument`` (with ArgumentName and ArgumentValue), ``InvalidRequest`` (a
    required parameter is missing), the ``malformed`` error of the document's shape.
    """
    plan = _plan[shape]
    values: dict[str, Any] = {member: getattr(request, part) for part, member in plan.labels}
    query, headers = request.query, request.headers
    if plan.queries and query.pairs:
        _collect(values, plan.queries, query.pairs)
    fields = plan.fields[headers.names]
    for name, member, read in fields.single:
        values[member] = read(headers[name])
    for name, member, read in fields.lists:
        values[member] = _list(read, headers.all(name))
    for prefix, prefixed in fields.prefixes:
        values[prefixed.name] = _prefixed(prefix, headers)
    if plan.stream is not None:
        values[plan.stream] = stream
    if plan.payload is not None:
        values[plan.payload.name] = _payload(plan.payload, document)
    if plan.document:
        values |= read_document(shape, document)
    for member, name in plan.required.items():
        if values.get(member) is None:
            raise InvalidRequest(f"Missing required parameter for this request: {name}")
    return shape.of(values)


def _collect(
    values: dict[str, Any], readers: dict[str, tuple[str, Read]], pairs: Iterable[tuple[str, str]]
) -> None:
    for name, text in pairs:
        known = readers.get(name)
        if known is not None and known[0] not in values:
            values[known[0]] = known[1](text)


def _list(read: Read, lines: list[str]) -> tuple[Any, ...]:
    items = [item.strip(" \t") for line in lines for item in line.split(",")]
    return tuple([read(item) for item in items if item])


def _prefixed(prefix: str, headers: Headers) -> dict[str, str]:
    """Lines of one name are one value: https://www.rfc-editor.org/rfc/rfc9110#section-5.2"""
    found: dict[str, str] = {}
    for name, text in headers.pairs:
        if name.startswith(prefix):
            rest = name[len(prefix) :]
            found[rest] = f"{found[rest]},{text}" if rest in found else text
    return found


def _payload(member: Member, document: bytes) -> object:
    if not document and not member.required:
        return None
    return member.type(**read_document(member.type, document))


@Memo
def _plan(shape: type[Shape]) -> _Plan:
    labels, queries = marked(shape, Label), marked(shape, Query)
    headers = marked(shape, Header)
    bodies = [member for _, member in marked(shape, Payload)]
    named = [(mark.name, m) for mark, m in labels] + [(mark.name, m) for mark, m in queries]
    named += [(mark.name, m) for mark, m in headers]
    fields = _Fields(
        [(mark.name.lower(), *_reader(mark, m)) for mark, m in headers if not m.many],
        [(mark.name.lower(), *_reader(mark, m)) for mark, m in headers if m.many],
        [(mark.prefix, member) for mark, member in marked(shape, PrefixHeaders)],
    )
    return _Plan(
        labels=[(mark.name.lower(), member.name) for mark, member in labels],
        queries={mark.name: _reader(mark, member) for mark, member in queries},
        fields=Memo(fields.among, most=64),
        stream=next((member.name for member in bodies if not is_shape(member.type)), None),
        payload=next((member for member in bodies if is_shape(member.type)), None),
        document=bool(marked(shape, Xml)),
        required={member.name: name for name, member in named if member.required},
    )


def _reader(mark: Query | Header, member: Member) -> tuple[str, Read]:
    """The member a parameter belongs to, and what reads its text or raises InvalidArgument."""
    name, kind, query = mark.name, member.type, isinstance(mark, Query)
    if kind is str and not (query and name.startswith("response-")):
        return member.name, str
    iso = isinstance(mark, Header) and mark.iso
    form = iso_form(kind) if iso else http_form(kind)
    read: Read = _header_value if kind is str else form[0]
    limit = _MAX_QUERY_INT if kind is int and query else None
    # https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3: a date that is none MUST be ignored
    standard_date = kind is datetime and not name.startswith("x-amz-")
    message = _message(name, kind)

    def checked(text: str) -> Any:
        try:
            value = read(text)
        except ValueError:
            value = None
        if value is None and standard_date:
            return None
        if value is None or (limit is not None and value > limit):
            raise InvalidArgument(message, ArgumentName=name, ArgumentValue=text)
        return value

    return member.name, checked


def _message(name: str, kind: type) -> str | None:
    """What AWS says of a value that is none; ``None``: just that it is invalid."""
    if kind is int:
        return f"Provided {name} not an integer or within integer range"
    if kind is str:
        return "Header value cannot be represented using ISO-8859-1."
    return "Invalid Encoding Method specified in Request" if name == "encoding-type" else None


def _header_value(text: str) -> str:
    """A parameter that the answer repeats in a header (``response-content-type``)."""
    if _NO_HEADER_VALUE.search(text):
        raise ValueError(text)
    return text
