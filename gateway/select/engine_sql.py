"""From a query of S3 Select to the SQL of the engine (DuckDB)."""

from typing import NamedTuple, Protocol

from gateway.select.errors import BadQuery
from gateway.select.expressions import (
    Case,
    Cast,
    Expression,
    Function,
    Literal,
    Operator,
    Path,
    Test,
)
from gateway.select.functions import AGGREGATES, call

EXACT = "DECIMAL(38, 9)"
_TYPES = {
    "BOOL": "BOOLEAN", "BOOLEAN": "BOOLEAN", "INT": "BIGINT", "INTEGER": "BIGINT",
    "BIGINT": "BIGINT", "STRING": "VARCHAR", "VARCHAR": "VARCHAR", "CHAR": "VARCHAR",
    "FLOAT": "DOUBLE", "DOUBLE": "DOUBLE", "REAL": "DOUBLE", "DECIMAL": EXACT, "NUMERIC": EXACT,
    "TIMESTAMP": "TIMESTAMPTZ",
}  # fmt: skip
_KINDS = {"BIGINT": "int", "DOUBLE": "float", "VARCHAR": "text", "TIMESTAMPTZ": "time"}
_NUMBERS = ("int", "float")
_COMPARES = frozenset({"=", "<>", "<", "<=", ">", ">="})


class Sql(NamedTuple):
    """``kind``: raw (text of no known type), text, int, float, time, any (the engine knows)."""

    text: str
    kind: str


class Columns(Protocol):
    """The columns of an input, by the steps of a path. Raises ``BadQuery``."""

    def path(self, path: Path, /) -> Sql: ...


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def has_aggregate(expression: Expression) -> bool:
    if isinstance(expression, Function) and expression.name in AGGREGATES:
        return True
    return any(has_aggregate(each) for each in _inside(expression))


def _inside(expression: Expression) -> tuple[Expression, ...]:
    if isinstance(expression, Operator | Test):
        return expression.operands
    if isinstance(expression, Function):
        return expression.arguments
    if isinstance(expression, Cast):
        return (expression.operand,)
    if isinstance(expression, Case):
        pairs = [each for when in expression.whens for each in when]
        return tuple(each for each in (expression.operand, *pairs, expression.otherwise) if each)
    return ()


def paths(expression: Expression) -> list[Path]:
    """All that it names of the input."""
    if isinstance(expression, Path):
        return [expression]
    return [path for each in _inside(expression) for path in paths(each)]


def sql(expression: Expression, columns: Columns) -> Sql:
    """Raises ``BadQuery``."""
    if isinstance(expression, Literal):
        return _literal(expression)
    if isinstance(expression, Path):
        return columns.path(expression)
    if isinstance(expression, Cast):
        return _cast(expression, columns)
    parts = [sql(each, columns) for each in _inside(expression)]
    if isinstance(expression, Operator):
        return _operator(expression.name, parts)
    if isinstance(expression, Test):
        return _test(expression, parts)
    if isinstance(expression, Case):
        return _case(expression, parts)
    found = call(expression.name, expression.keyword, [(part.text, part.kind) for part in parts])
    return Sql(*found)


def _literal(literal_: Literal) -> Sql:
    if literal_.kind == "text":
        return Sql(literal(literal_.value), "text")
    if literal_.kind == "time":
        text = literal_.value.removesuffix("T")
        text += {4: "-01-01", 7: "-01"}.get(len(text), "")
        return Sql(f"CAST({literal(text)} AS TIMESTAMPTZ)", "time")
    if literal_.kind == "null":
        return Sql("NULL", "any")
    return Sql(literal_.value, literal_.kind if literal_.kind in _NUMBERS else "any")


def _cast(cast: Cast, columns: Columns) -> Sql:
    word, bracket, sizes = cast.type.partition("(")
    if word not in _TYPES:
        raise BadQuery("InvalidDataType", f"The SQL expression contains an unknown type: {word}.")
    kind = _TYPES[word]
    if bracket and kind == EXACT:
        kind = f"DECIMAL({sizes}"
    operand = sql(cast.operand, columns)
    return Sql(f"CAST({operand.text} AS {kind})", _KINDS.get(kind, "any"))


def number(part: Sql) -> str:
    """For arithmetic: what has no type is a number, or the query fails."""
    return f"CAST({part.text} AS DOUBLE)" if part.kind == "raw" else part.text


def _operator(sign: str, parts: list[Sql]) -> Sql:
    if sign == "NOT":
        return Sql(f"(NOT {parts[0].text})", "any")
    if len(parts) == 1:
        return Sql(f"(-{number(parts[0])})", "float" if parts[0].kind == "raw" else parts[0].kind)
    if sign in _COMPARES:
        left, right = alike(parts)
        return Sql(f"({left} {sign} {right})", "any")
    if sign in ("AND", "OR"):
        left, right = (part.text for part in parts)
        return Sql(f"({left} {sign} {right})", "any")
    if sign == "||":
        left, right = (f"CAST({part.text} AS VARCHAR)" for part in parts)
        return Sql(f"({left} || {right})", "text")
    whole = sign != "/" and all(part.kind == "int" for part in parts)
    left, right = (number(part) for part in parts)
    return Sql(f"({left} {sign} {right})", "int" if whole else "float")


def alike(parts: list[Sql]) -> list[str]:
    """For a comparison: what has no type is taken for what it is compared with, if it is that."""
    kinds = {part.kind for part in parts}
    kind = ""
    if kinds & {"int", "float"}:
        kind = "DOUBLE" if "float" in kinds else EXACT
    elif "time" in kinds:
        kind = "TIMESTAMPTZ"
    if not kind:
        return [part.text for part in parts]
    return [
        f"TRY_CAST({part.text} AS {kind})" if part.kind == "raw" else part.text for part in parts
    ]


def _test(test: Test, parts: list[Sql]) -> Sql:
    negation = "NOT " if test.negated else ""
    if test.name == "IS NULL":
        return Sql(f"({parts[0].text} IS {negation}NULL)", "any")
    if test.name == "LIKE":
        texts = [f"CAST({part.text} AS VARCHAR)" for part in parts]
        escape = f" ESCAPE {texts[2]}" if len(texts) > 2 else ""
        return Sql(f"({texts[0]} {negation}LIKE {texts[1]}{escape})", "any")
    operand, *others = alike(parts)
    if test.name == "BETWEEN":
        return Sql(f"({operand} {negation}BETWEEN {others[0]} AND {others[1]})", "any")
    return Sql(f"({operand} {negation}IN ({', '.join(others)}))", "any")


def _case(case: Case, parts: list[Sql]) -> Sql:
    texts = [part.text for part in parts]
    operand = texts.pop(0) if case.operand else ""
    whens = [f"WHEN {texts[at]} THEN {texts[at + 1]}" for at in range(0, 2 * len(case.whens), 2)]
    otherwise = f" ELSE {texts[-1]}" if case.otherwise else ""
    return Sql(f"(CASE {operand} {' '.join(whens)}{otherwise} END)", "any")
