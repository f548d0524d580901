"""Patterns of the policy language: ``*`` any run of characters, ``?`` exactly one; ``${...}``.

A value taken from the request never brings wildcards of its own: a user named ``*`` is matched as
a star. No pattern makes matching slower than the product of both lengths, whoever wrote it.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

Values = tuple[str, ...]
Keys = Callable[[str], Values | None]
"""The values of a condition key, by its lower-case name; ``None`` when the request has none."""

_VARIABLE = re.compile(r"\$\{(?P<name>[^{}',]+)(?:,\s*'(?P<default>[^']*)'\s*)?\}")
_ESCAPED = {"*": "*", "?": "?", "$": "$"}
"""``${*}`` is a star that stands for itself."""


@dataclass(frozen=True)
class Piece:
    """A part of a pattern: text as it was written, or a variable."""

    text: str
    """Literal text when ``exact``, else text with wildcards; the name of a variable."""
    exact: bool = False
    variable: bool = False
    default: str | None = None


@dataclass(frozen=True)
class Pattern:
    """One value of Action, Resource or a condition, ready to be matched."""

    text: str
    pieces: tuple[Piece, ...]
    wild: bool = True
    """``*`` and ``?`` are wildcards."""
    ignore_case: bool = False

    @property
    def variable(self) -> bool:
        return any(piece.variable for piece in self.pieces)

    @property
    def fixed(self) -> bool:
        """It is one value: without wildcards and variables."""
        return all(
            piece.exact or not (piece.variable or _is_wild(piece.text)) for piece in self.pieces
        )

    @cached_property
    def _constant(self) -> re.Pattern[str]:
        return _compiled(tuple((p.text, p.exact) for p in self.pieces), self.wild, self.ignore_case)

    def matches(self, text: str, keys: Keys) -> bool:
        """Whether all of ``text`` is such a value. A variable without a value matches nothing."""
        if not self.variable:
            return self._constant.fullmatch(text) is not None
        parts = []
        for piece in self.pieces:
            value = _value(piece, keys) if piece.variable else piece.text
            if value is None:
                return False
            parts.append((value, piece.exact or piece.variable))
        return _compiled(tuple(parts), self.wild, self.ignore_case).fullmatch(text) is not None

    def resolved(self, keys: Keys) -> str | None:
        """The text with its variables replaced; ``None`` when one has no value."""
        parts = [_value(p, keys) if p.variable else p.text for p in self.pieces]
        return None if None in parts else "".join(part or "" for part in parts)


def pattern(text: str, *, variables: bool, wild: bool = True, ignore_case: bool = False) -> Pattern:
    """``variables``: ``${...}`` has its meaning (Version 2012-10-17), else it is plain text."""
    pieces = _pieces(text) if variables else (Piece(text),)
    return Pattern(text, pieces, wild, ignore_case)


def _pieces(text: str) -> tuple[Piece, ...]:
    found: list[Piece] = []
    end = 0
    for match in _VARIABLE.finditer(text):
        if match.start() > end:
            found.append(Piece(text[end : match.start()]))
        name = match["name"].strip()
        if name in _ESCAPED:
            found.append(Piece(_ESCAPED[name], exact=True))
        else:
            found.append(Piece(name.lower(), variable=True, default=match["default"]))
        end = match.end()
    if end < len(text) or not found:
        found.append(Piece(text[end:]))
    return tuple(found)


def _value(piece: Piece, keys: Keys) -> str | None:
    values = keys(piece.text)
    return values[0] if values and len(values) == 1 else piece.default


def _is_wild(text: str) -> bool:
    return "*" in text or "?" in text


@lru_cache(maxsize=4096)
def _compiled(
    parts: tuple[tuple[str, bool], ...], wild: bool, ignore_case: bool
) -> re.Pattern[str]:
    """Between two stars the first place that fits is as good as any other: never come back."""
    runs = [""]
    for text, exact in parts:
        if exact or not wild:
            runs[-1] += re.escape(text)
            continue
        for index, run in enumerate(text.split("*")):
            if index:
                runs.append("")
            runs[-1] += "".join("." if c == "?" else re.escape(c) for c in run)
    flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
    if len(runs) == 1:
        return re.compile(runs[0], flags)
    first, *middle, last = runs
    inside = "".join(f"(?>.*?{run})" for run in middle if run)
    return re.compile(f"{first}{inside}.*{last}", flags)
