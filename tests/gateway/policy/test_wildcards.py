"""Patterns: against a matcher too simple to be wrong, and what a hostile one costs."""

import time
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.wildcards import pattern

LETTERS = "aAb*?/.\n"


@cache
def matches(wanted: str, text: str) -> bool:
    """By the definition: a star is nothing, or one character and a star."""
    if not wanted:
        return not text
    if wanted[0] == "*":
        return matches(wanted[1:], text) or (bool(text) and matches(wanted, text[1:]))
    return bool(text) and wanted[0] in ("?", text[0]) and matches(wanted[1:], text[1:])


def match(wanted: str, text: str, **options: bool) -> bool:
    values = {"aws:username": ("ann",), "star": ("*",), "two": ("a", "b")}
    return pattern(wanted, **{"variables": True, **options}).matches(text, values.get)


@given(st.text(LETTERS, max_size=10), st.text(LETTERS, max_size=12))
def test_wildcards_match_what_their_definition_says(wanted: str, text: str):
    assert match(wanted, text) is matches(wanted, text)


@given(st.text(LETTERS, max_size=10), st.text(LETTERS, max_size=12))
def test_without_wildcards_only_the_text_itself_matches(wanted: str, text: str):
    assert match(wanted, text, wild=False) is (wanted == text)


@given(st.text("aAb*?", max_size=8), st.text("aAb*?", max_size=8))
def test_case_matters_unless_told_otherwise(wanted: str, text: str):
    expected = matches(wanted.lower(), text.lower())
    assert match(wanted, text, ignore_case=True) is expected


@pytest.mark.parametrize(
    ("wanted", "text", "expected"),
    [
        ("home/${aws:username}/*", "home/ann/x", True),
        ("home/${aws:username}/*", "home/anna/x", False),
        ("home/${aws:username}", "home/ann", True),
        ("home/${AWS:UserName}", "home/ann", True),
        ("${star}", "anything", False),
        ("${star}", "*", True),
        ("${*}", "*", True),
        ("${*}", "x", False),
        ("a${?}b", "a?b", True),
        ("a${?}b", "axb", False),
        ("${$}{x}", "${x}", True),
        ("x${missing}", "x", False),
        ("*${missing}", "anything", False),
        ("x${missing, 'other'}", "xother", True),
        ("x${aws:username, 'other'}", "xother", False),
        ("${two}", "a", False),
        ("${unclosed", "${unclosed", True),
    ],
)
def test_a_variable_stands_for_its_value_and_brings_no_wildcards(wanted, text, expected):
    assert match(wanted, text) is expected


def test_the_old_version_has_no_variables():
    assert match("${aws:username}", "${aws:username}", variables=False)
    assert not match("${aws:username}", "ann", variables=False)


def test_a_hostile_pattern_does_not_come_back():
    wanted = "*a" * 300 + "b"
    started = time.perf_counter()

    assert not match(wanted, "a" * 1024)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize(
    "text", ["${" + " " * 19_000, "${a" + " " * 19_000 + ", '", "${a,'" * 4000]
)
def test_reading_a_hostile_variable_takes_no_time(text: str):
    began = time.process_time()
    assert pattern(text, variables=True).text == text
    assert time.process_time() - began < 0.2
