"""Documents kept in a bucket's configuration: in S3's own XML, as a shape writes and reads it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar, cast

from gateway.wire.shape import Shape
from gateway.wire.xml_reading import read_own, root_name
from gateway.wire.xml_writing import document

AnyShape = TypeVar("AnyShape", bound=Shape)


def keep(shape: Shape) -> bytes:
    """What ``kept`` reads back. Of members that are XML elements only."""
    return document(shape, root_name(type(shape)))


def kept(shape: type[AnyShape], documents: Mapping[str, bytes], name: str) -> AnyShape | None:
    """The configuration called ``name``, ``None`` when there is none. Cheap: read once."""
    written = documents.get(name)
    return None if written is None else cast("AnyShape", _read(cast("Any", shape), written))


@lru_cache(maxsize=256)
def _read(shape: type[Shape], written: bytes) -> Shape:
    return shape(**read_own(shape, written))
