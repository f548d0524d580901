"""Keys that are hard to order, to write and to route. From a seed, so that a failure repeats."""

import random

KNOWN = (
    *("a", "a/", "a/b", "a/b/c", "a//b", "a0", "a.", "a-b", "A", "ab", "abc", "b", "b/a"),
    *("/", "//", "/a", "/../a", "..", ".", "a/./c", "a/..", "./a"),
    *(" ", " a", "a ", "a b", "+", "a+b", "%", "%41", "%2F", "%00", "a%2fb"),
    *("?", "a?b=c", "#", "&", "a&b", "=", ";", "'", '"', "<", ">", "<a>", "]]>", "\\", "*", "~"),
    *("\x01", "a\x01", "a\tb", "a\nb", "a\r\nb", "\x7f", "\x80", "\x9f", "a\x1f"),
    *("\u00fc", "u\u0308", "\u00e9", "\u07ff", "\u0800", "\ud7ff", "\ue000", "\uffff", "\ufffe"),
    *("\U00010000", "\U0001f600", "\U0010ffff", "\u202e", "\u200d", "\ufeff", "\u2028"),
    *("a/\U0010ffff", "a/\uffff", "a0\U00010000", "z" * 1024, "z" * 1023, "\u00fc" * 512),
    *("a/" * 512, "\U0001f600" * 256, "null", "?acl", "versions", "favicon.ico"),
)
"""U+FFFF sorts above U+10000 in UTF-16 and below it in UTF-8."""
ALPHABET = "ab/.-_ %+\u00fc\u4e2d\U0001f600\x02A0"
DELIMITERS = ("", "/", "a", "/a", "\u00fc", "%")


def some(seed: int) -> list[str]:
    """A handful of keys that have much to do with one another."""
    source = random.Random(seed)
    chosen = source.sample(KNOWN, 5)
    roots = [*chosen, "a/", "b"]
    for _ in range(5):
        tail = "".join(source.choices(ALPHABET, k=source.randint(1, 4)))
        chosen.append((source.choice(roots) + tail)[:200])
    return list(dict.fromkeys(chosen))


def prefix(key: str, cut: int) -> str:
    """Some beginning of a key, which may be all of it or none."""
    return key[: cut % (min(len(key), 6) + 1)]
