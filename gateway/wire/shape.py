"""Shape: a typed request or response, declared member by member with the place it has on the wire.

    class ListObjectsV2Input(Shape):
        bucket: Annotated[str, Label("Bucket")]
        prefix: Annotated[str, Query("prefix")] = ""
        max_keys: Annotated[int, Query("max-keys")] = 1000

A member without a mark is an XML element in PascalCase, in declared order. A member without a
default is required. The marks are Smithy's http bindings
(https://smithy.io/2.0/spec/http-bindings.html).

Types: ``str int bool datetime bytes`` (base64 in XML and headers), a ``StrEnum``, another
``Shape``, ``X | None`` (absent), ``tuple[X, ...]`` (a flattened list of repeated elements, or with
``Xml("Buckets", member="Bucket")`` a wrapped one), ``dict[str, str]`` with ``PrefixHeaders``,
``Body`` or ``bytes | Reader`` with ``Payload``.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, dataclass_transform


@dataclass(frozen=True, slots=True)
class Label:
    """A part of the path: ``Bucket`` or ``Key``."""

    name: str


@dataclass(frozen=True, slots=True)
class Query:
    """A query parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Header:
    """A header field; datetimes in RFC 7231 form."""

    name: str


@dataclass(frozen=True, slots=True)
class PrefixHeaders:
    """All header fields whose name starts so, as a dict without the prefix."""

    prefix: str


@dataclass(frozen=True, slots=True)
class Payload:
    """The body itself: a stream when the type is a stream, else an XML document of that shape."""


@dataclass(frozen=True, slots=True)
class Status:
    """The response status, where it is not always the operation's own."""


@dataclass(frozen=True, slots=True)
class Xml:
    """An XML element with another name than the member's, a wrapped list, or an attribute."""

    name: str
    member: str | None = None
    attribute: bool = False


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Shape:
    """Base of all requests and responses: subclasses become frozen, keyword-only dataclasses.

    ``root``: the XML root element, where the body is an XML document made of several members.
    """

    root: ClassVar[str | None] = None

    def __init_subclass__(cls, root: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if root is not None:
            cls.root = root
        dataclass(frozen=True, kw_only=True)(cls)
