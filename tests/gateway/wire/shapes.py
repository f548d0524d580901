"""Shapes that have every kind of member, for the tests of the codec."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from gateway.errors import MalformedACLError
from gateway.wire.shape import (
    Header,
    Label,
    Payload,
    PrefixHeaders,
    Query,
    Shape,
    Status,
    Xml,
)


class Color(StrEnum):
    RED = "red"
    DEEP_BLUE = "deep-blue"


class Grantee(Shape):
    type: Annotated[str, Xml("xsi:type", attribute=True)]
    id: Annotated[str | None, Xml("ID")] = None


class Grant(Shape):
    grantee: Grantee
    permission: str


class Item(Shape):
    key: str
    last_modified: datetime
    etag: Annotated[str, Xml("ETag")]
    color: Color | None = None
    colors: Annotated[tuple[Color, ...], Xml("Color2")] = ()
    size: int
    latest: Annotated[bool | None, Xml("IsLatest")] = None
    digest: bytes | None = None
    grantee: Grantee | None = None


class Page(Shape, root="PageResult"):
    name: str
    prefix: str | None = None
    items: Annotated[tuple[Item, ...], Xml("Item")] = ()
    grants: Annotated[tuple[Grant, ...], Xml("Grants", member="Grant")] = ()
    names: Annotated[tuple[str, ...] | None, Xml("Names", member="Name")] = None


class Region(Shape, root="LocationConstraint"):
    region: Annotated[str | None, Xml("")] = None


class Policy(Shape, malformed=MalformedACLError):
    owner: str | None = None
    grants: Annotated[tuple[Grant, ...], Xml("AccessControlList", member="Grant")] = ()


class Ask(Shape):
    bucket: Annotated[str, Label("Bucket")]
    key: Annotated[str, Label("Key")]
    upload_id: Annotated[str, Query("uploadId")]
    prefix: Annotated[str | None, Query("prefix")] = None
    max_keys: Annotated[int, Query("max-keys")] = 1000
    color: Annotated[Color | None, Query("color")] = None
    encoding_type: Annotated[Color | None, Query("encoding-type")] = None
    content_type: Annotated[str | None, Query("response-content-type")] = None
    size: Annotated[int | None, Header("x-amz-size")] = None
    bypass: Annotated[bool, Header("x-amz-bypass")] = False
    since: Annotated[datetime | None, Header("x-amz-since")] = None
    modified: Annotated[datetime | None, Header("If-Modified-Since")] = None
    digest: Annotated[bytes | None, Header("x-amz-digest")] = None
    acl: Annotated[Color | None, Header("x-amz-acl")] = None
    colors: Annotated[tuple[Color, ...], Header("x-amz-colors")] = ()
    metadata: Annotated[dict[str, str], PrefixHeaders("x-amz-meta-")]


class Stream(Shape):
    bucket: Annotated[str, Label("Bucket")]
    body: Annotated[object, Payload()]


class PutPolicy(Shape):
    bucket: Annotated[str, Label("Bucket")]
    policy: Annotated[Policy | None, Payload()] = None


class PutPage(Shape):
    bucket: Annotated[str, Label("Bucket")]
    page: Annotated[Page, Payload()]


class Own(Shape, root="Own"):
    """Elements beside a label: the document's members are the input's own."""

    bucket: Annotated[str, Label("Bucket")]
    quiet: bool = False
    count: int | None = None


class Answer(Shape):
    status: Annotated[int | None, Status()] = None
    etag: Annotated[str | None, Header("ETag")] = None
    size: Annotated[int | None, Header("x-amz-size")] = None
    latest: Annotated[bool | None, Header("x-amz-latest")] = None
    modified: Annotated[datetime | None, Header("Last-Modified")] = None
    digest: Annotated[bytes | None, Header("x-amz-digest")] = None
    color: Annotated[Color | None, Header("x-amz-color")] = None
    colors: Annotated[tuple[Color, ...] | None, Header("x-amz-colors")] = None
    metadata: Annotated[dict[str, str], PrefixHeaders("x-amz-meta-")]
    body: Annotated[bytes, Payload()] = b""


class Answered(Shape):
    version: Annotated[str | None, Header("x-amz-version-id")] = None
    page: Annotated[Page, Payload()]
