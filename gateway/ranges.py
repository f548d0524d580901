"""Range and x-amz-copy-source-range: text and size in, a span of bytes out. Pure.

Knows one range of bytes, as S3 does. Conditions (If-Range included) are not looked at here.
"""

import re
from typing import NamedTuple

from gateway.compat import AWS, Compat
from gateway.errors import InvalidArgument, InvalidRange, InvalidRequest

# 40 digits hold any size; int() refuses texts of thousands of digits.
_RANGE = re.compile(r"bytes=[ \t]*([0-9]{0,40})-([0-9]{0,40})[ \t]*", re.IGNORECASE)
_CLOSED = re.compile(r"bytes=([0-9]{1,40})-([0-9]{1,40})")


class Span(NamedTuple):
    """The bytes ``[start, start + length)`` of an object."""

    start: int
    length: int

    def content_range(self, size: int) -> str:
        """``Span(0, 5)`` of 10 -> ``bytes 0-4/10``. Not for an empty span."""
        return f"bytes {self.start}-{self.start + self.length - 1}/{size}"


def requested(text: str | None, size: int) -> Span | None:
    """The bytes a Range header asks for, or ``None``: answer the whole object with 200.

    ``bytes=0-4`` of 10 -> 0..4; ``bytes=7-`` -> 7..9; ``bytes=-3`` -> 7..9; ``bytes=-99`` -> 0..9.
    Several ranges, another unit and what does not parse are ignored, not refused.
    https://www.rfc-editor.org/rfc/rfc9110#section-14.2

    Raises ``InvalidRange`` when no byte of the object is in it; so every range of an empty one.
    """
    match = _RANGE.fullmatch(text) if text else None
    if match is None:
        return None
    first, last = match.groups()
    if not first and not last:
        return None
    if not first:
        start, end = max(0, size - int(last)), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return None
    if start >= size or start == end:
        raise InvalidRange(
            headers={"Content-Range": f"bytes */{size}"},
            RangeRequested=text,
            ActualObjectSize=size,
        )
    return Span(start, end - start)


def copied(text: str | None, size: int, differences: Compat = AWS) -> Span:
    """The bytes of a copy source that become a part: all, or a closed range, never clamped.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_UploadPartCopy.html

    Raises ``InvalidArgument`` (malformed, or it ends behind the source), ``InvalidRequest`` (it
    starts behind the source).
    """
    if text is None:
        return Span(0, size)
    match = _CLOSED.fullmatch(text)
    first, last = (int(match[1]), int(match[2])) if match else (1, 0)
    if last < first:
        raise InvalidArgument(
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first "
            "and last are the zero-based offsets of the first and last bytes to copy",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=text,
        )
    if last >= size and differences.copy_range_beyond_is_invalid_range:
        raise InvalidRange(RangeRequested=text, ActualObjectSize=size)
    if first >= size:
        raise InvalidRequest("The specified copy range is invalid for the source object size")
    if last >= size:
        raise InvalidArgument(
            f"Range specified is not valid for source object of size: {size}",
            ArgumentName="x-amz-copy-source-range",
            ArgumentValue=text,
        )
    return Span(first, last + 1 - first)
