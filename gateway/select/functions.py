"""S3 Select's functions, each as the engine says it. What is not here cannot be called.

https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-select-sql-reference-sql-functions.html
"""

import re
from collections.abc import Sequence

from gateway.select.errors import BadQuery

AGGREGATES = frozenset({"AVG", "COUNT", "MAX", "MIN", "SUM"})
_ARGUMENTS = {
    "AVG": (1, 1), "COUNT": (0, 1), "MAX": (1, 1), "MIN": (1, 1), "SUM": (1, 1),
    "CHAR_LENGTH": (1, 1), "CHARACTER_LENGTH": (1, 1), "COALESCE": (1, 100), "DATE_ADD": (2, 2),
    "DATE_DIFF": (2, 2), "EXTRACT": (1, 1), "LOWER": (1, 1), "NULLIF": (2, 2),
    "SUBSTRING": (2, 3), "TO_STRING": (2, 2), "TO_TIMESTAMP": (1, 1), "TRIM": (1, 2),
    "UPPER": (1, 1), "UTCNOW": (0, 0),
}  # fmt: skip
_TEXT = {
    "CHAR_LENGTH": ("length", "int"),
    "CHARACTER_LENGTH": ("length", "int"),
    "LOWER": ("lower", "text"),
    "UPPER": ("upper", "text"),
}
_TRIMS = {"LEADING": "ltrim", "TRAILING": "rtrim", "BOTH": "trim"}
_PATTERN = re.compile(r"y+|M+|d+|a|h+|H+|m+|s+|S+|n|X+|x+|'[^']*'|.", re.DOTALL)
_STRFTIME = {
    "y": "%Y", "yy": "%y", "yyyy": "%Y", "M": "%-m", "MM": "%m", "MMM": "%b", "MMMM": "%B",
    "d": "%-d", "dd": "%d", "a": "%p", "h": "%-I", "hh": "%I", "H": "%-H", "HH": "%H",
    "m": "%-M", "mm": "%M", "s": "%-S", "ss": "%S", "SSS": "%g", "SSSSSS": "%f",
    "X": "Z", "XX": "Z", "XXX": "Z", "x": "+00", "xx": "+0000", "xxx": "+00:00",
}  # fmt: skip
"""Java's patterns of times; all times here are UTC."""


def call(name: str, keyword: str, parts: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """The call in the engine's SQL and its kind, as ``engine_sql.Sql``. Raises ``BadQuery``."""
    if name not in _ARGUMENTS:
        raise BadQuery("UnsupportedFunction", f"Encountered an unsupported SQL function: {name}.")
    least, most = _ARGUMENTS[name]
    if not least <= len(parts) <= most:
        raise BadQuery("EvaluatorInvalidArguments", f"Wrong number of arguments of {name}.")
    if name in AGGREGATES:
        return _aggregate(name, parts)
    texts = [f"CAST({text} AS VARCHAR)" if kind != "text" else text for text, kind in parts]
    if name in _TEXT:
        function, kind = _TEXT[name]
        return f"{function}({texts[0]})", kind
    if name == "TRIM":
        return f"{_TRIMS[keyword]}({', '.join(texts)})", "text"
    if name == "SUBSTRING":
        return _substring(texts[0], [_whole(part) for part in parts[1:]]), "text"
    if name in ("COALESCE", "NULLIF"):
        kinds = {kind for _, kind in parts}
        one = kinds.pop() if len(kinds) == 1 else "any"
        return f"{name}({', '.join(text for text, _ in parts)})", one
    return _time(name, keyword, parts)


def _aggregate(name: str, parts: Sequence[tuple[str, str]]) -> tuple[str, str]:
    if name == "COUNT":
        return f"count({parts[0][0] if parts else '*'})", "int"
    text, kind = parts[0]
    return f"{name}({_number(text, kind)})", "int" if kind == "int" and name != "AVG" else "float"


def _number(text: str, kind: str) -> str:
    return f"CAST({text} AS DOUBLE)" if kind == "raw" else text


def _whole(part: tuple[str, str]) -> str:
    return f"CAST({part[0]} AS BIGINT)"


def _substring(text: str, numbers: list[str]) -> str:
    """Positions before the first count, as SQL has it: what is there of them is nothing."""
    start = numbers[0]
    if len(numbers) == 1:
        return f"substring({text}, greatest({start}, 1))"
    end = f"greatest({start} + {numbers[1]} - greatest({start}, 1), 0)"
    return f"substring({text}, greatest({start}, 1), {end})"


def _time(name: str, keyword: str, parts: Sequence[tuple[str, str]]) -> tuple[str, str]:
    if name == "UTCNOW":
        return "now()", "time"
    times = [f"CAST({text} AS TIMESTAMPTZ)" if kind != "time" else text for text, kind in parts]
    if name == "TO_TIMESTAMP":
        return times[0], "time"
    if name == "DATE_ADD":
        return f"({times[1]} + to_{keyword.lower()}s({_whole(parts[0])}::INT))", "time"
    if name == "DATE_DIFF":
        return f"date_sub('{keyword.lower()}', {times[0]}, {times[1]})", "int"
    if name == "EXTRACT":
        return f"extract({keyword.lower()} FROM {times[0]})", "int"
    pattern = parts[1][0]
    if parts[1][1] != "text" or not pattern.startswith("'"):
        raise BadQuery("EvaluatorInvalidTimestampFormatPattern", "The pattern must be a literal.")
    return f"strftime({times[0]}, {_strftime(pattern)})", "text"


def _strftime(pattern: str) -> str:
    """``pattern`` is a literal of SQL, and so is the answer."""
    found = []
    for piece in _PATTERN.findall(pattern[1:-1].replace("''", "'")):
        known = _STRFTIME.get(piece)
        if known is None and piece[0] in "yMdhHmsSnXx":
            raise BadQuery(
                "EvaluatorInvalidTimestampFormatPattern",
                f"{piece!r} is not supported in a pattern.",
            )
        found.append(known or (piece.strip("'") or "'").replace("%", "%%"))
    return "'" + "".join(found).replace("'", "''") + "'"
