"""House rules that a machine can check."""

import ast
import inspect
import subprocess
from pathlib import Path

import pytest

from gateway.errors import BORDER, S3Error
from gateway.operations import OPERATIONS
from store import errors as store_errors
from tests import readme

ROOT = Path(__file__).parent.parent
SOURCES = [
    path
    for package in ("gateway", "keys", "store")
    for path in sorted((ROOT / package).rglob("*.py"))
]
MOST_LINES = 400
MOST_FUNCTION_LINES = 60
RAISED_BEFORE_SERVING = {
    store_errors.Damaged,
    store_errors.DirectoryLocked,
    store_errors.FormatTooNew,
    store_errors.JournalMismatch,
}
"""At start, or where InternalError is the right answer (a damaged block)."""


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short(path: Path):
    text = path.read_text()

    assert text.count("\n") <= MOST_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MOST_FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_module_says_what_it_is_for(path: Path):
    assert ast.get_docstring(ast.parse(path.read_text()))


@pytest.mark.parametrize("row", OPERATIONS, ids=lambda row: row.name)
def test_every_handler_links_its_page(row):
    assert "https://docs.aws.amazon.com/" in (inspect.getdoc(row.handler) or "")


def test_every_store_error_has_an_s3_answer():
    known = {
        each
        for each in vars(store_errors).values()
        if isinstance(each, type) and issubclass(each, store_errors.StoreError)
    } - {store_errors.StoreError}

    assert known == set(BORDER) | RAISED_BEFORE_SERVING


def test_error_codes_are_unique():
    codes = [each.code for each in S3Error.__subclasses__()]

    assert len(codes) == len(set(codes))


def test_the_readme_tables_are_current():
    text = readme.README.read_text()

    assert readme.current(text) == text, "run: python -m tests.readme"


def test_nothing_committed_names_a_machine():
    named = subprocess.run(
        ["git", "grep", "-nE", r"(/work/|/root/)"], cwd=ROOT, capture_output=True, text=True
    ).stdout
    assert [line for line in named.splitlines() if "tests/test_house.py" not in line] == []
