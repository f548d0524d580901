"""Rows of an answer as CSV or JSON."""

import base64
import json
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import TypeAlias

from gateway.select.job import CSV, Dialect

Value: TypeAlias = object
Row: TypeAlias = Sequence[Value]
_MOST_WHOLE = 1e15


def writer(target: str, write: Dialect, names: Sequence[str], raw: Sequence[bool]) -> "Writer":
    """What writes one row. ``raw``: the columns whose text is JSON already."""
    if target == CSV:
        return lambda row: _csv(row, write, raw)
    keys = [json.dumps(name, ensure_ascii=False) for name in names]

    def one(row: Row) -> str:
        pairs = [
            f"{key}:{value if as_is else _json(value)}"
            for key, value, as_is in zip(keys, row, raw, strict=True)
            if value is not None or not as_is  # what is missing from a document has no key
        ]
        return "{" + ",".join(pairs) + "}" + write.record

    return one


Writer: TypeAlias = Callable[[Row], str]


def whole_documents(target: str, write: Dialect) -> Writer:
    """For ``SELECT *`` of JSON, whose rows are documents."""
    if target != CSV:
        return lambda row: str(row[0]) + write.record

    def one(row: Row) -> str:
        document = json.loads(str(row[0]))
        values = list(document.values()) if isinstance(document, dict) else [document]
        return _csv(values, write, [False] * len(values))

    return one


def _csv(row: Row, write: Dialect, raw: Sequence[bool]) -> str:
    fields = [
        _field(_unquoted(value) if as_is else text(value), write)
        for value, as_is in zip(row, raw, strict=True)
    ]
    return write.field.join(fields) + write.record


def _unquoted(value: Value) -> str:
    """JSON as a field: text without its quotes."""
    return "" if value is None else text(json.loads(str(value)))


def _field(value: str, write: Dialect) -> str:
    quote = write.quote
    special = (quote, write.field, write.record, "\n", "\r")
    if not quote or not (write.always or any(each and each in value for each in special)):
        return value
    escape = write.escape or quote
    if escape != quote:
        value = value.replace(escape, escape * 2)
    return quote + value.replace(quote, escape + quote) + quote


def text(value: Value) -> str:
    """A value as it stands in CSV."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        whole = math.isfinite(value) and value.is_integer() and abs(value) < _MOST_WHOLE
        return str(int(value)) if whole else repr(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, list | dict):
        return json.dumps(value, default=text, ensure_ascii=False, separators=(",", ":"))
    return str(value)


def _json(value: Value) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | float | Decimal):
        special = isinstance(value, float) and not math.isfinite(value)
        return "null" if special else text(value)
    if isinstance(value, list | dict):
        return text(value)
    return json.dumps(text(value), ensure_ascii=False)
