"""Mutation: new inputs from known ones, changed where their structure is. Seeded, and fast.

It knows bytes, words and numbers, and the words a target gives it; no grammar. Hypothesis makes one
input in the time in which this makes a hundred, and is kept for properties of single functions.
"""

import re
from collections.abc import Callable, Sequence
from random import Random

_FIELDS = re.compile(rb"\w+|\W", re.DOTALL)
_NUMBER = re.compile(rb"\d+")
MOST_FIELDS = 600
RECENT = 24
"""What told something new lately is taken half of the time."""

NUMBERS = (
    *(str(number).encode() for number in (0, 1, -1, 2, 7, 255, 256, 999, 1000, 1001, 10000, 10001)),
    *(str(2**bits + off).encode() for bits in (15, 16, 31, 32, 53, 63, 64) for off in (-1, 0, 1)),
    *(b"9" * count for count in (9, 12, 18, 19, 20, 40, 400, 4400)),
    *(b"00", b"+1", b"-0", b" 1", b"1 ", b"1_0", b"1e3", b"1e400", b"1.5", b"0x10", b"NaN", b"inf"),
    *("٣".encode(), "²".encode(), b"\xb2", b"", b"-9223372036854775808", b"1" * 16, b"f" * 16),
)
_SPECIAL = (
    b"\0\r\n\t \"'<>&%;:,=/?#*$\\{}[]()|~`@!^_-+.\x7f\x80\xff\xc3\xa9\xed\xa0\xef\xbf\xbe\x85"
)
PLACES = (
    *(
        b"%00",
        b"%",
        b"%2",
        b"%zz",
        b"%2F",
        b"%25",
        b"%C3%A9",
        b"%D9%A3",
        b"%FF",
        b"+",
        b"..",
        b"/../",
        b"//",
    ),
    *(b"\r\n", b"\n\n", b"\xef\xbb\xbf", "é".encode(), "\U0001f600".encode(), b"\xed\xa0\x80"),
    *(b"\\ud800", b"\\u0000", b"&#0;", b"&#xD800;", b"&amp;", b"]]>", b"<!--", b"${a}", b"null"),
    *(b"0001-01-01T00:00:00+14:00", b"9999-12-31T23:59:59-14:00", b"9999-12-31T23:59:59Z"),
    *(b"Fri, 31 Dec 9999 23:59:59 GMT", b"Mon, 01 Jan 0001 00:00:00 +1400", b"99991231T235959Z"),
)


class Mutation:
    """A pool of inputs, and new ones from them."""

    def __init__(self, random: Random, words: Sequence[bytes], most: int) -> None:
        self._random = random.random
        self._words = (*words, *words, *PLACES)  # those of the target twice as often
        self._most = most
        self._pool: list[tuple[bytes, list[tuple[int, int]]]] = []
        self._by_bytes: tuple[Callable[[bytes], bytes], ...] = (
            self._flip, self._flip, self._set, self._set, self._cut_out, self._double, self._insert,
            self._truncate, self._splice, self._repeat, self._noise, self._number, self._number,
        )  # fmt: skip
        self._by_fields: tuple[Callable[[bytes, list[tuple[int, int]]], bytes], ...] = (
            self._word, self._word, self._word, self._other, self._drop, self._again, self._swap,
            self._count, self._count, self._case,
        )  # fmt: skip

    def add(self, data: bytes) -> None:
        fields = [found.span() for found in _FIELDS.finditer(data)]
        if len(fields) > MOST_FIELDS:
            fields = fields[:: len(fields) // MOST_FIELDS + 1]
        self._pool.append((data, fields))

    def next(self) -> bytes:
        """One more input, of at most ``most`` bytes."""
        random = self._random
        pool = self._pool
        at = int(random() * len(pool))
        if random() < 0.5 and len(pool) > RECENT:
            at = len(pool) - 1 - int(random() * RECENT)
        data, fields = pool[at]
        if fields and random() < 0.7:
            data = self._by_fields[int(random() * len(self._by_fields))](data, fields)
        else:
            data = self._by_bytes[int(random() * len(self._by_bytes))](data)
        for _ in range(int(random() ** 3 * 5)):
            data = self._by_bytes[int(random() * len(self._by_bytes))](data)
        return data[: self._most]

    def _at(self, data: bytes) -> int:
        return int(self._random() * len(data))

    def _length(self, data: bytes) -> int:
        """Mostly short."""
        return 1 + int(self._random() ** 4 * len(data))

    def _any(self) -> bytes:
        if self._random() < 0.25:
            return NUMBERS[int(self._random() * len(NUMBERS))]
        return self._words[int(self._random() * len(self._words))]

    def _flip(self, data: bytes) -> bytes:
        if not data:
            return b"\0"
        at = self._at(data)
        return b"%b%c%b" % (data[:at], data[at] ^ 1 << int(self._random() * 8), data[at + 1 :])

    def _set(self, data: bytes) -> bytes:
        at = self._at(data)
        return b"%b%c%b" % (
            data[:at], _SPECIAL[int(self._random() * len(_SPECIAL))], data[at + 1 :]
        )  # fmt: skip

    def _cut_out(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + data[at + self._length(data) :]

    def _double(self, data: bytes) -> bytes:
        at = self._at(data)
        end = at + self._length(data)
        return data[:end] + data[at:]

    def _insert(self, data: bytes) -> bytes:
        at = self._at(data)
        return data[:at] + self._any() + data[at:]

    def _truncate(self, data: bytes) -> bytes:
        return data[: self._at(data)]

    def _splice(self, data: bytes) -> bytes:
        other = self._pool[int(self._random() * len(self._pool))][0]
        return data[: self._at(data)] + other[self._at(other) :]

    def _repeat(self, data: bytes) -> bytes:
        at = self._at(data)
        piece = data[at : at + 1 + int(self._random() * 12)] or b"["
        times = 1 << int(self._random() * 12)
        return data[:at] + (piece * times)[: self._most] + data[at:]

    def _noise(self, data: bytes) -> bytes:
        at = self._at(data)
        count = 1 + int(self._random() * 6)
        noise = bytes([int(self._random() * 256) for _ in range(count)])
        return data[:at] + noise + data[at + (count if self._random() < 0.5 else 0) :]

    def _number(self, data: bytes) -> bytes:
        found = _NUMBER.search(data, self._at(data))
        if found is None:
            return self._insert(data)
        number = NUMBERS[int(self._random() * len(NUMBERS))]
        return data[: found.start()] + number + data[found.end() :]

    def _field(self, fields: list[tuple[int, int]]) -> tuple[int, int]:
        return fields[int(self._random() * len(fields))]

    def _word(self, data: bytes, fields: list[tuple[int, int]]) -> bytes:
        start, end = self._field(fields)
        return data[:start] + self._any() + data[end:]

    def _other(self, data: bytes, fields: list[tuple[int, int]]) -> bytes:
        """A field, or some in a row, of another input in the place of one."""
        start, end = self._field(fields)
        other, theirs = self._pool[int(self._random() * len(self._pool))]
        if not theirs:
            return data[:start] + data[end:]
        first = int(self._random() * len(theirs))
        last = min(first + int(self._random() ** 2 * 8), len(theirs) - 1)
        return data[:start] + other[theirs[first][0] : theirs[last][1]] + data[end:]

    def _drop(self, data: bytes, fields: list[tuple[int, int]]) -> bytes:
        first = int(self._random() * len(fields))
        last = min(first + int(self._random() ** 3 * 8), len(fields) - 1)
        return data[: fields[first][0]] + data[fields[last][1] :]

    def _again(self, data: bytes, fields: list[tuple[int, int]]) -> bytes:
        first = int(self._random() * len(fields))
        last = min(first + int(self._random() ** 2 * 16), len(fields) - 1)
        return data[: fields[last][1]] + data[fields[first][0] :]

    def _swap(self, data: bytes, fields: list[tuple[int, int]]) -> bytes:
        one, other = sorted((self._field(fields), self._field(fields)))
        if one == other:
            return data
        return b"".join(
            (data[: one[0]], data[slice(*other)], data[one[1] : other[0]], data[slice(*one)],
             data[other[1] :])
        )  # fmt: skip

    def _count(self, data: bytes, fields: list[tuple[int, int]]) -> bytes:
        """A number where one was, else anywhere."""
        for _ in range(8):
            start, end = self._field(fields)
            if data[start:end].isdigit():
                break
        return data[:start] + NUMBERS[int(self._random() * len(NUMBERS))] + data[end:]

    def _case(self, data: bytes, fields: list[tuple[int, int]]) -> bytes:
        start, end = self._field(fields)
        return data[:start] + data[start:end].swapcase() + data[end:]
