"""What a query of S3 Select consists of once it is read."""

from dataclasses import dataclass
from typing import TypeAlias

Step: TypeAlias = str | int


@dataclass(frozen=True, slots=True)
class Literal:
    """``kind``: text, int, float, time, bool, null."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Path:
    """A column, or what is inside one: names and indexes, without the alias."""

    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Operator:
    """``AND``, ``=``, ``+`` between two; ``NOT`` and ``-`` before one."""

    name: str
    operands: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Function:
    """``keyword``: DAY in EXTRACT(DAY FROM x), LEADING in TRIM; ``*`` is no argument."""

    name: str
    arguments: tuple["Expression", ...]
    keyword: str = ""


@dataclass(frozen=True, slots=True)
class Cast:
    operand: "Expression"
    type: str


@dataclass(frozen=True, slots=True)
class Case:
    """``operand``: what each ``when`` is compared with, if there is one."""

    operand: "Expression | None"
    whens: tuple[tuple["Expression", "Expression"], ...]
    otherwise: "Expression | None"


@dataclass(frozen=True, slots=True)
class Test:
    """``BETWEEN``, ``IN``, ``LIKE``, ``IS NULL``, ``IS MISSING``; the operand comes first."""

    name: str
    operands: tuple["Expression", ...]
    negated: bool


Expression: TypeAlias = Literal | Path | Operator | Function | Cast | Case | Test


@dataclass(frozen=True, slots=True)
class Column:
    """One of the answer. ``name``: after AS, else of the last step of a path, else empty."""

    value: Expression
    name: str


@dataclass(frozen=True, slots=True)
class Query:
    columns: tuple[Column, ...]
    """Empty: ``*``."""
    source: tuple[Step, ...]
    """What comes after S3Object in FROM; ``*`` is each element of a list."""
    where: Expression | None
    limit: int | None
