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
``Xml("Buckets", member="Bucket")`` a wrapped one; in a header a comma-separated list; ``| Written``
when it may be given as XML),
``dict[str, str]`` with ``PrefixHeaders``, ``Body`` or ``bytes | Outgoing`` with ``Payload``.
"""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from types import NoneType, UnionType
from typing import (
    Any,
    ClassVar,
    Self,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from gateway.errors import MalformedXML, S3Error


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
    """A header field; datetimes in RFC 7231 form, or ``iso``: in ISO 8601."""

    name: str
    iso: bool = False


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
    """An XML element with another name than the member's, a wrapped list, or an attribute.

    An empty name is the text of the parent element itself, as in GetBucketLocation's
    ``<LocationConstraint>eu-west-1</LocationConstraint>``.
    """

    name: str
    member: str | None = None
    attribute: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """Stands for the tuple of a document's own list member: its elements, written already.

    ``pieces`` are XML in UTF-8, back to back what the tuple would have been rendered as.
    """

    pieces: Sequence[bytes]


T = TypeVar("T")

Mark = Label | Query | Header | PrefixHeaders | Payload | Status | Xml


@dataclass(frozen=True, slots=True)
class Member:
    """One member of a shape, its annotation taken apart."""

    name: str
    """The Python attribute."""
    mark: Mark
    type: Any
    """What one value is: a scalar type or a ``Shape``; ``object`` for a stream."""
    many: bool
    """It is a tuple of such values."""
    required: bool


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Shape:
    """Base of all requests and responses: subclasses become frozen, keyword-only dataclasses.

    An instance holds what it was given (``vars``); the defaults of the rest are in its class, since
    of the dozens of members that an object's shapes have, a request has three.

    ``root``: the XML root element, where the body is an XML document made of several members.
    ``malformed``: the error for a document of this shape that cannot be read.
    ``namespace``: a document of this shape is in that of S3.
    """

    root: ClassVar[str | None] = None
    malformed: ClassVar[type[S3Error]] = MalformedXML
    namespace: ClassVar[bool] = True
    wire_members: ClassVar[tuple[Member, ...]] = ()

    def __init__(self, **given: Any) -> None:
        """Of members that exist, those without a default among them: for the type checker to say,
        and for ``wire.render``."""
        self.__dict__ = given

    @classmethod
    def of(cls, given: dict[str, Any]) -> Self:
        """``cls(**given)``, which three dictionaries cost more. The one that is given is kept."""
        made = object.__new__(cls)
        made.__dict__ = given
        return made

    def __init_subclass__(
        cls,
        root: str | None = None,
        malformed: type[S3Error] | None = None,
        namespace: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        if root is not None:
            cls.root = root
        if malformed is not None:
            cls.malformed = malformed
        cls.namespace = namespace
        # Frozen for the type checker only: assigning through the run-time check makes each of the
        # 1,000 items of a page three times as dear.
        dataclass(kw_only=True, unsafe_hash=True, init=False)(cls)
        cls.wire_members = tuple(_members(cls))
        for member in dataclasses.fields(cast("Any", cls)):
            if member.default_factory is not MISSING:
                setattr(cls, member.name, member.default_factory())  # shared: never change it


def is_shape(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Shape)


def marked(shape: type[Shape], mark: type[T]) -> list[tuple[T, Member]]:
    """The members of ``shape`` that have this kind of mark, in declared order."""
    members = shape.wire_members
    return [(member.mark, member) for member in members if isinstance(member.mark, mark)]


def per_shape(compiled: Callable[[type[Shape]], T]) -> Callable[[type[Shape]], T]:
    """Compile what is derived from a shape when it is first needed, never per request."""
    return cast("Callable[[type[Shape]], T]", cache(cast("Any", compiled)))


_SCALARS = (str, int, bool, datetime, bytes)


def _members(cls: type[Any]) -> list[Member]:
    hints = get_type_hints(cls, include_extras=True)
    members = []
    for field in dataclasses.fields(cls):
        mark, kind, many = _annotation(field.name, hints[field.name])
        required = field.default is MISSING and field.default_factory is MISSING
        members.append(Member(field.name, mark, kind, many, required))
    return members


def _annotation(name: str, hint: Any) -> tuple[Mark, Any, bool]:
    """The mark, the type of one value, and whether there are many."""
    marks = [mark for mark in getattr(hint, "__metadata__", ()) if isinstance(mark, Mark)]
    mark: Mark = marks[0] if marks else Xml("".join(map(str.capitalize, name.split("_"))))
    kind = getattr(hint, "__origin__", hint) if marks else hint
    if get_origin(kind) in (Union, UnionType):
        kinds = [arg for arg in get_args(kind) if arg not in (NoneType, Written)]
        kind = kinds[0] if len(kinds) == 1 else object
    if many := get_origin(kind) is tuple:
        kind = get_args(kind)[0]
    if isinstance(mark, PrefixHeaders):
        return mark, dict, False
    if isinstance(mark, Payload):
        return mark, kind if is_shape(kind) else object, False
    known = kind in _SCALARS or (isinstance(kind, type) and issubclass(kind, StrEnum))
    if not known and not (is_shape(kind) and isinstance(mark, Xml)):
        raise TypeError(f"{name}: {hint} has no form on the wire as {mark}")
    return mark, kind, many
