"""Tags: the rules for sets of them, and the header that gives one. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html
"""

import unicodedata
from collections.abc import Iterable
from typing import Annotated
from urllib.parse import unquote_to_bytes

from gateway.compat import AWS, Compat
from gateway.errors import BadRequest, InvalidArgument, InvalidTag
from gateway.wire.shape import Shape, Xml

MAX_OBJECT_TAGS = 10
MAX_BUCKET_TAGS = 50
MAX_KEY = 128
MAX_VALUE = 256
HEADER = "x-amz-tagging"

_MARKS = frozenset("_.:/=+-@")
_RESERVED = "aws:"


class Tag(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tag.html"""

    key: str
    value: str


class Tagging(Shape):
    """https://docs.aws.amazon.com/AmazonS3/latest/API/API_Tagging.html"""

    tag_set: Annotated[tuple[Tag, ...], Xml("TagSet", member="Tag")]


def of_object(pairs: Iterable[tuple[str, str]], differences: Compat = AWS) -> dict[str, str]:
    """Keys and values as one set of an object's tags. Raises ``InvalidTag``, ``BadRequest``."""
    return _checked(list(pairs), MAX_OBJECT_TAGS, "Object tags", differences)


def of_bucket(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Keys and values as one set of a bucket's tags. Raises ``InvalidTag``, ``BadRequest``."""
    return _checked(list(pairs), MAX_BUCKET_TAGS, "Bucket tag count", AWS)


def in_header(text: str | None, differences: Compat = AWS) -> dict[str, str]:
    """``a=1&b=x%20y`` -> a: 1, b: ``x y``; ``None`` and nothing are no tags.

    Raises ``InvalidArgument`` (not in UTF-8, or one key twice) and as ``of_object``.
    """
    if not text:
        return {}
    try:
        pairs = [(_decoded(key), _decoded(value)) for key, value in _split(text)]
    except UnicodeDecodeError as error:
        raise _bad_header(text) from error
    if len(dict(pairs)) < len(pairs):
        raise _bad_header(text)
    return of_object(pairs, differences)


def elements(tags: dict[str, str]) -> tuple[Tag, ...]:
    return tuple([Tag(key=key, value=value) for key, value in tags.items()])


def pairs(tagging: Tagging) -> list[tuple[str, str]]:
    return [(tag.key, tag.value) for tag in tagging.tag_set]


def _split(text: str) -> list[tuple[str, str]]:
    parted = [each.partition("=") for each in text.split("&") if each]
    return [(key, value) for key, _, value in parted]


def _decoded(text: str) -> str:
    return unquote_to_bytes(text.replace("+", " ").encode("latin-1")).decode()


def _bad_header(text: str) -> InvalidArgument:
    return InvalidArgument(
        f"The header '{HEADER}' shall be encoded as UTF-8 then URLEncoded URL query parameters "
        "without tag name duplicates.",
        ArgumentName=HEADER,
        ArgumentValue=text,
    )


def _checked(
    pairs: list[tuple[str, str]], most: int, what: str, differences: Compat
) -> dict[str, str]:
    if len(pairs) > most:
        refusal = InvalidTag if differences.too_many_tags_is_invalid_tag else BadRequest
        raise refusal(f"{what} cannot be greater than {most}")
    tags: dict[str, str] = {}
    for key, value in pairs:
        if key in tags:
            raise InvalidTag("Cannot provide multiple Tags with the same key", TagKey=key)
        if key.lower().startswith(_RESERVED):
            raise InvalidTag("System tags cannot be added/updated by requester", TagKey=key)
        if not 0 < len(key) <= MAX_KEY or not _is_legal(key):
            raise InvalidTag("The TagKey you have provided is invalid", TagKey=key)
        if len(value) > MAX_VALUE or not _is_legal(value):
            text = "The TagValue you have provided is invalid"
            raise InvalidTag(text, TagKey=key, TagValue=value)
        tags[key] = value
    return tags


def _is_legal(text: str) -> bool:
    """Letters, numbers, spaces, and a few marks.

    https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html#id_tags_naming_best_practices
    """
    return all(each in _MARKS or unicodedata.category(each)[0] in "LNZ" for each in text)
