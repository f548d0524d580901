"""Expressions of S3 Select, read by descent: what binds least is read first."""

from gateway.select.errors import BadQuery
from gateway.select.expressions import (
    Case,
    Cast,
    Expression,
    Function,
    Literal,
    Operator,
    Path,
    Step,
    Test,
)
from gateway.select.words import Word, words

MOST_DEPTH = 50
MOST_NUMBER = 2**62
_COMPARISONS = ("=", "<>", "!=", "<=", ">=", "<", ">")
_TESTS = ("BETWEEN", "IN", "LIKE")
_RESERVED = frozenset({
    "AND", "AS", "BETWEEN", "BY", "CASE", "ELSE", "END", "ESCAPE", "FROM", "IN", "IS", "LIKE",
    "LIMIT", "NOT", "OR", "SELECT", "THEN", "WHEN", "WHERE",
})  # fmt: skip
PARTS = frozenset({"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"})
_ZONES = frozenset({"TIMEZONE_HOUR", "TIMEZONE_MINUTE"})


def too_deep() -> BadQuery:
    return BadQuery("UnsupportedSyntax", "The SQL expression is nested too deeply.")


def whole(digits: str) -> int:
    """A number, or one that is too great for anything to be there."""
    digits = digits.lstrip("0") or "0"
    return int(digits) if len(digits) <= 18 else MOST_NUMBER


class Terms:
    """A position in the words of a query."""

    def __init__(self, text: str) -> None:
        self.words = words(text)
        self.at = 0
        self.aliases: set[str] = set()
        self._depth = 0

    @property
    def word(self) -> Word:
        return self.words[self.at]

    def ahead(self, count: int, key: str) -> bool:
        """There is such a word ``count`` words from here."""
        return self.at + count < len(self.words) and self.words[self.at + count].key == key

    def took(self, *keys: str) -> str:
        """The word here, if it is one of these, and goes on behind it; else nothing."""
        if self.word.key and self.word.key in keys:
            self.at += 1
            return self.words[self.at - 1].key
        return ""

    def need(self, key: str, code: str = "ParseUnexpectedToken") -> None:
        if not self.took(key):
            raise self.unexpected(code)

    def unexpected(self, code: str = "ParseUnexpectedToken") -> BadQuery:
        found = repr(self.word.text) if self.word.kind != "end" else "end"
        return BadQuery(code, f"The SQL expression contains an unexpected token: {found}.")

    def expression(self) -> Expression:
        """Raises ``BadQuery``, for nesting that is too deep too."""
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise too_deep()
        found = self._both()
        while self.took("OR"):
            found = Operator("OR", (found, self._both()))
        self._depth -= 1
        return found

    def _both(self) -> Expression:
        found = self._negated()
        while self.took("AND"):
            found = Operator("AND", (found, self._negated()))
        return found

    def _negated(self) -> Expression:
        count = 0
        while self.took("NOT"):
            count += 1
        found = self._comparison()
        return Operator("NOT", (found,)) if count % 2 else found

    def _comparison(self) -> Expression:
        found = self._sum()
        while True:
            if sign := self.took(*_COMPARISONS):
                found = Operator("<>" if sign == "!=" else sign, (found, self._sum()))
            elif self.took("IS"):
                negated = bool(self.took("NOT"))
                if not self.took("NULL", "MISSING"):
                    raise self.unexpected()
                found = Test("IS NULL", (found,), negated)
            elif self.words[self.at + (self.word.key == "NOT")].key in _TESTS:
                found = self._test(found)
            else:
                return found

    def _test(self, operand: Expression) -> Expression:
        negated = bool(self.took("NOT"))
        name = self.took(*_TESTS)
        if name == "BETWEEN":
            least = self._sum()
            self.need("AND")
            return Test(name, (operand, least, self._sum()), negated)
        if name == "IN":
            self.need("(", "ParseExpectedLeftParenAfterIn")
            items = self._list(")")
            return Test(name, (operand, *items), negated)
        pattern = self._sum()
        escape = (self._sum(),) if self.took("ESCAPE") else ()
        return Test(name, (operand, pattern, *escape), negated)

    def _list(self, end: str) -> tuple[Expression, ...]:
        items = [self.expression()]
        while self.took(","):
            items.append(self.expression())
        self.need(end)
        return tuple(items)

    def _sum(self) -> Expression:
        found = self._product()
        while sign := self.took("+", "-", "||"):
            found = Operator(sign, (found, self._product()))
        return found

    def _product(self) -> Expression:
        found = self._signed()
        while sign := self.took("*", "/", "%"):
            found = Operator(sign, (found, self._signed()))
        return found

    def _signed(self) -> Expression:
        negative = False
        while sign := self.took("-", "+"):
            negative ^= sign == "-"
        found = self._single()
        return Operator("-", (found,)) if negative else found

    def _single(self) -> Expression:
        word = self.word
        if self.took("("):
            found = self.expression()
            self.need(")")
            return found
        if word.kind in ("text", "time", "number"):
            self.at += 1
            kind = word.kind
            if kind == "number":
                kind = "int" if word.text.isdecimal() else "float"
            return Literal(kind, word.text)
        if word.key in ("TRUE", "FALSE", "NULL", "MISSING"):
            self.at += 1
            return Literal("bool" if word.key in ("TRUE", "FALSE") else "null", word.key)
        if self.took("CASE"):
            return self._case()
        if word.kind == "name" and self.ahead(1, "("):
            self.at += 2
            return self._function(word.key)
        if word.kind not in ("name", "quoted") or word.key in _RESERVED:
            raise self.unexpected()
        return self._path()

    def _path(self) -> Path:
        first = self.word
        self.at += 1
        steps = self.steps(stars=False)
        if first.text.upper() in self.aliases:
            return Path(steps)
        return Path((first.text, *steps))

    def steps(self, *, stars: bool) -> tuple[Step, ...]:
        """``.name``, ``[0]``, ``['name']``; ``stars``: ``[*]`` too."""
        found: list[Step] = []
        while sign := self.took(".", "["):
            word = self.word
            self.at += 1
            if word.kind in ("name", "quoted") and sign == ".":
                found.append(word.text)
                continue
            if sign == "." or not (
                word.kind == "text" or word.text.isdecimal() or (stars and word.key == "*")
            ):
                raise BadQuery("ParseInvalidPathComponent", f"{word.text!r} is no part of a path.")
            found.append(whole(word.text) if word.kind == "number" else word.text)
            self.need("]")
        return tuple(found)

    def _case(self) -> Case:
        operand = None if self.word.key == "WHEN" else self.expression()
        whens = []
        while self.took("WHEN"):
            condition = self.expression()
            self.need("THEN")
            whens.append((condition, self.expression()))
        if not whens:
            raise self.unexpected("ParseExpectedWhenClause")
        otherwise = self.expression() if self.took("ELSE") else None
        self.need("END")
        return Case(operand, tuple(whens), otherwise)

    def _function(self, name: str) -> Expression:
        """Behind its parenthesis."""
        if name == "CAST":
            operand = self.expression()
            self.need("AS")
            return Cast(operand, self._type())
        if name == "COUNT" and self.took("*"):
            self.need(")")
            return Function(name, ())
        if name in ("DATE_ADD", "DATE_DIFF"):
            part = self._part(PARTS)
            self.need(",")
            return Function(name, self._list(")"), part)
        if name == "EXTRACT":
            part = self._part(PARTS | _ZONES)
            self.need("FROM")
            return Function(name, self._list(")"), part)
        if name == "TRIM":
            return self._trim()
        if self.took(")"):
            return Function(name, ())
        first = self.expression()
        if name == "SUBSTRING" and self.took("FROM"):
            start = self.expression()
            rest = (self.expression(),) if self.took("FOR") else ()
            self.need(")")
            return Function(name, (first, start, *rest))
        if self.took(","):
            return Function(name, (first, *self._list(")")))
        self.need(")")
        return Function(name, (first,))

    def _part(self, known: frozenset[str]) -> str:
        part = self.took(*known)
        if not part:
            raise self.unexpected("ParseExpectedDatePart")
        return part

    def _trim(self) -> Function:
        side = self.took("LEADING", "TRAILING", "BOTH") or "BOTH"
        if self.took("FROM"):
            return Function("TRIM", self._list(")"), side)
        first = self.expression()
        if self.took("FROM"):
            return Function("TRIM", (self.expression(), first, *self._end()), side)
        self.need(")")
        return Function("TRIM", (first,), side)

    def _end(self) -> tuple[Expression, ...]:
        self.need(")")
        return ()

    def _type(self) -> str:
        """A name, with its parameters if it has some: ``DECIMAL(10, 2)``."""
        if self.word.kind != "name":
            raise self.unexpected("ParseExpectedTypeName")
        name = self.word.key
        self.at += 1
        if self.took("("):
            sizes = []
            while self.word.kind == "number" and self.word.text.isdecimal():
                sizes.append(self.word.text)
                self.at += 1
                if not self.took(","):
                    break
            self.need(")")
            name += f"({', '.join(sizes)})"
        self.need(")")
        return name
