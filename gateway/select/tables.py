"""The input as the engine reads it: where rows come from, and what their columns are called."""

import re
from collections.abc import Sequence

from gateway.select.engine_sql import Sql, literal, name
from gateway.select.errors import BadQuery
from gateway.select.expressions import Path, Step
from gateway.select.input import RECORD_BYTES
from gateway.select.job import USE, Dialect

DOCUMENT_BYTES = 16 * 1024 * 1024
"""The largest JSON document."""
_PLACE = re.compile(r"_([1-9][0-9]{0,4})")


def place(step: Step) -> int:
    """The number in ``_3``, or 0."""
    found = _PLACE.fullmatch(step) if isinstance(step, str) else None
    return int(found[1]) if found else 0


class CsvTable:
    """Columns ``c1``, ``c2`` ... of text; a header only gives them names beside ``_1``, ``_2``."""

    def __init__(self, file: str, read: Dialect, first: Sequence[str], most: int) -> None:
        """``most``: the highest place that the query names."""
        count = max(len(first), most, 1)
        self._read = read
        self._count = count
        self._names = {text.upper(): at for at, text in reversed(list(enumerate(first, 1)))}
        self.names = [f"_{at}" for at in range(1, count + 1)]
        if read.header == USE:
            self.names[: len(first)] = first
        else:
            self._names = {}
        columns = ", ".join(f"'c{at}': 'VARCHAR'" for at in range(1, count + 1))
        comment = f", comment={literal(read.comment)}" if read.comment else ""
        self.rows = (
            f"read_csv({literal(file)}, auto_detect=false, header=false, columns={{{columns}}}, "
            f"delim={literal(read.field)}, quote={literal(read.quote)}, "
            f"escape={literal(read.escape or read.quote)}, null_padding=true, strict_mode=false, "
            f"nullstr=chr(1), max_line_size={RECORD_BYTES}, parallel=false{comment})"
        )

    def path(self, path: Path) -> Sql:
        if len(path.steps) != 1:
            raise BadQuery("InvalidColumnIndex", "A column of CSV has nothing inside.")
        step = path.steps[0]
        at = self._names.get(str(step).upper(), place(step))
        if not 0 < at <= self._count:
            raise BadQuery(
                "MissingHeaders", f"Some headers in the query are missing from the file: {step}."
            )
        return Sql(self._column(at), "raw")

    def _column(self, at: int) -> str:
        if self._read.record in ("\n", "\r\n", "\r"):
            return f"c{at}"
        return f"replace(c{at}, {literal(self._read.record)}, chr(10))"

    def all(self) -> list[tuple[str, str]]:
        """Each column and its name."""
        return [(self._column(at), text) for at, text in enumerate(self.names, 1)]


class JsonTable:
    """Rows of one column ``json``."""

    def __init__(self, file: str, source: tuple[Step, ...]) -> None:
        self.rows = (
            f"read_json_objects({literal(file)}, format='unstructured', "
            f"maximum_object_size={DOCUMENT_BYTES})"
        )
        for step in source:
            inner = (
                "unnest(CASE json_type(json) WHEN 'ARRAY' THEN json::JSON[] ELSE [json] END)"
                if step == "*"
                else f"json -> {literal(_pointer((step,)))}"
            )
            self.rows = f"(SELECT {inner} AS json FROM {self.rows})"
        if source:
            self.rows = f"(SELECT json FROM {self.rows} WHERE json IS NOT NULL)"

    def path(self, path: Path) -> Sql:
        """The text of a value; an object or a list is its JSON."""
        return Sql(f"(json ->> {literal(_pointer(path.steps))})", "raw")

    def value(self, path: Path) -> str:
        """The value as JSON."""
        return f"(json -> {literal(_pointer(path.steps))})"


def _pointer(steps: Sequence[Step]) -> str:
    """A path of the engine: ``$."a"[0]``; an asterisk in a name is quoted, so it is no wildcard."""
    found = "$"
    for step in steps:
        if isinstance(step, str) and '"' in step:
            raise BadQuery("ParseInvalidPathComponent", "A name may hold no quotation mark.")
        found += f"[{step}]" if isinstance(step, int) else f'."{step}"'
    return found


class ParquetTable:
    """Typed columns."""

    def __init__(self, file: str, names: Sequence[str]) -> None:
        self.rows = f"read_parquet({literal(file)})"
        self.names = list(names)
        self._names = {text.upper(): text for text in reversed(names)}

    def path(self, path: Path) -> Sql:
        first, *inner = path.steps or ("",)
        column = self._names.get(str(first).upper())
        if column is None and 0 < (at := place(first)) <= len(self.names):
            column = self.names[at - 1]
        if column is None:
            raise BadQuery(
                "EvaluatorBindingDoesNotExist",
                f"A column name or a path provided does not exist in the SQL expression: {first}.",
            )
        found = name(column)
        for step in inner:
            found = f"{found}[{step + 1 if isinstance(step, int) else literal(step)}]"
        return Sql(found, "any")
