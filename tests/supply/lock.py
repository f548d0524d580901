"""A lock file as pip reads it: packages, where they may come from, and who wants them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
_PACKAGE = re.compile(r"([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;\s*([^\\]+?))?\s*\\?")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_VIA = re.compile(r"#\s+(?:via\s+)?([A-Za-z0-9._-]+)(?:\s+\(.*\))?")


@dataclass
class Package:
    """One pinned version."""

    name: str
    version: str
    marker: str = ""
    """When it is installed at all; empty: always."""
    hashes: list[str] = field(default_factory=list)
    """SHA-256 of each file it may be installed from."""
    wanted_by: list[str] = field(default_factory=list)
    """Names of packages; ``s3gw`` itself among them."""


def read(path: Path) -> list[Package]:
    """In the order of the file. Raises ``ValueError`` for a line that is none of these."""
    packages: list[Package] = []
    for line in _lines(path):
        if found := _PACKAGE.fullmatch(line):
            packages.append(Package(found[1], found[2], found[3] or ""))
        elif found := _HASH.search(line):
            packages[-1].hashes.append(found[1])
        elif line.startswith("#"):
            found = _VIA.fullmatch(line) if packages else None
            if found and found[1] != "via":
                packages[-1].wanted_by.append(found[1])
        else:
            raise ValueError(f"{path}: {line!r}")
    return packages


def _lines(path: Path) -> Iterator[str]:
    for line in path.read_text().splitlines():
        if line.strip():
            yield line.strip()


def needed(packages: list[Package], wanted: list[str]) -> set[str]:
    """The names of packages that ``wanted`` ones need, themselves included."""
    names = {name.lower() for name in wanted}
    while True:
        more = {
            each.name for each in packages if names & {wants.lower() for wants in each.wanted_by}
        }
        if more <= names:
            return names
        names |= more
