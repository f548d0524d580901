"""Secrets: where they come from, how they are compared, and where they must not be."""

import ast
import math
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

import gateway
import keys
import store
from keys import credentials
from keys.table import Table

SOURCES = [
    path
    for package in (gateway, keys, store)
    for path in sorted(Path(package.__file__ or "").parent.rglob("*.py"))
]
SECRET = re.compile(r"signature|secret|hmac|password|\bmac\b", re.IGNORECASE)


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def names(node: ast.AST) -> list[str]:
    """Every name in an expression; one in capitals is a constant of a protocol."""
    found = [
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Name | ast.Attribute)
    ]
    return [name for name in found if not name.isupper()]


def _is(node: ast.AST) -> bool:
    """Whether something is there at all, which is no secret."""
    return isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Is | ast.IsNot)


@pytest.mark.parametrize("package", ["gateway", "keys"])
def test_012_no_secret_is_compared_by_its_first_difference(package):
    """MinIO a6318dbda, Garage 6d33e721, CVE-2023-46739, CVE-2023-20902, RustFS GHSA-3p3x"""
    for path in SOURCES:
        if package not in path.parts:
            continue
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                sides = [each for each in (node.left, *node.comparators) if not _is(each)]
                found = [name for each in sides for name in names(each) if SECRET.search(name)]
                assert not found, f"{path.name}:{node.lineno} {found}"


def test_028_no_credentials_are_built_in(tmp_path):
    """RustFS GHSA-j59h, -r5qv, -m77q; MinIO's minioadmin; a key of tokens made from a password"""
    made = []
    for number in range(2):
        table = Table(tmp_path / str(number))
        key = table.generate()
        made.append((key.key, key.secret, (tmp_path / str(number) / "master.key").read_bytes()))
        table.close()
    one, other = made
    assert not set(one) & set(other)
    for path in SOURCES:
        text = path.read_text()
        for word in ("minioadmin", "rustfsadmin", "changeme", "AKIAIOSFODNN7EXAMPLE"):
            assert word not in text, path


def test_029_secrets_come_from_the_operating_system():
    """go-btfs, CVE-2023-46740 (CubeFS), CVE-2020-28924 (rclone): from the time of day"""
    for path in SOURCES:
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                assert "random" not in {each.name for each in node.names}, path
            if isinstance(node, ast.ImportFrom):
                assert node.module != "random", path
    made = [(credentials.new_key(), credentials.new_secret()) for _ in range(2000)]
    assert min(len(key) for key, _ in made) >= 20
    assert min(len(secret) for _, secret in made) >= 40
    for texts in zip(*made, strict=True):
        assert len(set(texts)) == len(made)
        seen = Counter("".join(texts))
        total = seen.total()
        entropy = -sum(n / total * math.log2(n / total) for n in seen.values())
        assert entropy * min(map(len, texts)) > 80  # bits in one of them, if each letter is free
