"""Scalars as text and back: what one value looks like in a query, a header or an XML element.

Knows no shape and no S3 error: a text that is no value of its type is a ``ValueError``.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Any

Read = Callable[[str], Any]
Write = Callable[[Any], str]

_MAX_DIGITS = 18  # every length and size of S3 fits; a longer number costs time quadratic in it
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HTTP_DATES = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %d %H:%M:%S %Y")
"""IMF-fixdate and the two obsolete forms a recipient must still read."""


def read_int(text: str) -> int:
    """ASCII digits only: no sign, no blank, no ``1e3``, no digits of other scripts."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS):
        raise ValueError(text)
    return int(text)


def read_signed(text: str) -> int:
    """``read_int``, with a minus sign: a number too small has an error of its own."""
    return -read_int(text[1:]) if text[:1] == "-" else read_int(text)


def read_bool(text: str) -> bool:
    lower = text.lower()
    if lower not in ("true", "false"):
        raise ValueError(text)
    return lower == "true"


def read_http_date(text: str) -> datetime:
    """https://www.rfc-editor.org/rfc/rfc9110#section-5.6.7"""
    for form in _HTTP_DATES:
        try:
            return datetime.strptime(text, form).replace(tzinfo=UTC)
        except ValueError:
            continue
    raise ValueError(text)


def read_iso_date(text: str) -> datetime:
    """ISO 8601; without an offset it is UTC."""
    moment = datetime.fromisoformat(text)
    try:
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except OverflowError as error:  # 0001-01-01T00:00+14:00
        raise ValueError(text) from error


def read_date(text: str) -> datetime:
    """ISO 8601, or the form of header fields, which DeleteObjects has in its document."""
    return read_iso_date(text) if text[:1].isdecimal() else read_http_date(text)


def read_base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError(text) from error


def write_bool(value: bool) -> str:
    return "true" if value else "false"


@lru_cache(maxsize=4096)
def write_http_date(moment: datetime) -> str:
    """RFC 7231, by hand: strftime would follow the process's locale."""
    utc = moment.astimezone(UTC)
    day, month = _DAYS[utc.weekday()], _MONTHS[utc.month - 1]
    time = f"{utc.hour:02}:{utc.minute:02}:{utc.second:02}"
    return f"{day}, {utc.day:02} {month} {utc.year:04} {time} GMT"


def write_iso_date(moment: datetime) -> str:
    """``2009-10-12T17:50:30.000Z``: always with milliseconds, which some clients insist on."""
    utc = moment if moment.tzinfo is UTC else moment.astimezone(UTC)
    return f"{utc.date().isoformat()}T{utc.time().isoformat('milliseconds')}Z"


def write_base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


_HTTP: dict[Any, tuple[Read, Write]] = {
    str: (str, str),
    int: (read_int, str),
    bool: (read_bool, write_bool),
    datetime: (read_http_date, write_http_date),
    bytes: (read_base64, write_base64),
}
_ISO: dict[Any, tuple[Read, Write]] = _HTTP | {datetime: (read_iso_date, write_iso_date)}
_XML: dict[Any, tuple[Read, Write]] = _HTTP | {
    datetime: (read_date, write_iso_date),
    int: (read_signed, str),
}


def http_form(kind: type) -> tuple[Read, Write]:
    """How a value of ``kind`` is read from and written to a header or query parameter."""
    return (kind, str) if issubclass(kind, StrEnum) else _HTTP[kind]


def iso_form(kind: type) -> tuple[Read, Write]:
    """The same where dates are in ISO 8601."""
    return (kind, str) if issubclass(kind, StrEnum) else _ISO[kind]


def xml_form(kind: type) -> tuple[Read, Write]:
    """How a value of ``kind`` is read from and written to an XML element or attribute."""
    return (kind, str) if issubclass(kind, StrEnum) else _XML[kind]
