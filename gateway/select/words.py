"""From the text of a query to its words."""

import re
from typing import NamedTuple

from gateway.select.errors import BadQuery

_WORD = re.compile(
    r"""\s*(?:
    (?P<number>(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)
  | (?P<text>'(?:[^']|'')*')
  | (?P<time>`[^`]*`)
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<name>[A-Za-z_][A-Za-z0-9_$]*)
  | (?P<sign><>|!=|<=|>=|\|\||[-+*/%=<>(),.\[\]])
    )""",
    re.VERBOSE,
)
_SPACE = re.compile(r"[\s;]*")


class Word(NamedTuple):
    """``kind``: number, text, time, quoted, name, sign, end. Quotes are taken off."""

    kind: str
    text: str

    @property
    def key(self) -> str:
        """A key word or sign, in capitals; nothing for text, numbers and quoted names."""
        return self.text.upper() if self.kind in ("name", "sign") else ""


def words(text: str) -> list[Word]:
    """The last is of kind ``end``. Raises ``BadQuery``."""
    found = []
    at = 0
    while _SPACE.fullmatch(text, at) is None:
        match = _WORD.match(text, at)
        if match is None:
            code = "LexerInvalidLiteral" if text[at:].lstrip()[:1] in "'\"`" else "LexerInvalidChar"
            raise BadQuery(code, f"The SQL expression cannot be read after {text[:at][-20:]!r}.")
        at = match.end()
        found.append(_word(match.lastgroup or "", match[match.lastgroup or 0]))
    return [*found, Word("end", "")]


def _word(kind: str, text: str) -> Word:
    if kind in ("text", "time", "quoted"):
        return Word(kind, text[1:-1].replace(text[0] * 2, text[0]))
    return Word(kind, text)
