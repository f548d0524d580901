"""The table of advisories is whole: no row, and no test of one, gets lost."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from tests.security.advisories import ADVISORIES

TESTS = Path(__file__).parent.parent
ROWS = 92
LEAST_WITH_TESTS = 90
LEAST_TESTS = 205
"""Neither may fall: a test that is renamed has to be renamed in the table."""
NUMBERED = {"security": re.compile(r"test_(\d{3})_"), "gateway": re.compile(r"test_row_(\d+)_")}


@cache
def functions(path: Path) -> frozenset[str]:
    """The names of the tests of a file."""
    return frozenset(
        node.name
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )


def test_every_row_is_there_once():
    assert [each.row for each in ADVISORIES] == list(range(1, ROWS + 1))


@pytest.mark.parametrize("row", ADVISORIES, ids=lambda each: f"{each.row:03}")
def test_a_row_has_tests_that_are_there_or_says_why_not(row):
    assert bool(row.tests) != bool(row.absent)
    for test in row.tests:
        file, _, name = test.partition("::")
        assert name in functions(TESTS / file), test


def test_there_are_no_fewer_than_there_were():
    assert sum(bool(each.tests) for each in ADVISORIES) >= LEAST_WITH_TESTS
    assert sum(len(each.tests) for each in ADVISORIES) >= LEAST_TESTS


def test_every_test_that_is_numbered_is_in_its_row():
    numbered = {
        (int(found[1]), f"{path.relative_to(TESTS)}::{name}")
        for folder, form in NUMBERED.items()
        for path in (TESTS / folder).rglob("test_*.py")
        for name in functions(path)
        if (found := form.match(name))
    }
    assert len(numbered) > 80
    known = {(each.row, test) for each in ADVISORIES for test in each.tests}
    assert numbered - known == set()
