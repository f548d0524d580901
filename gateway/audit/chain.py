"""The chain: lines of JSON, each with the hash of the one before it and one of its own. Pure.

    {"time": …, "action": "PutBucketPolicy", …, "prev": "3f…", "hash": "a1…"}

``hash`` is the SHA-256 of the line up to it. A line that is changed, dropped, added or moved is
found; lines dropped at the very end are not, unless their hash was noted elsewhere.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

FIRST = "0" * 64
"""What the first line of all follows."""
_HASH = b',"hash":"'


class Link(NamedTuple):
    """A line that is as it was written."""

    prev: str
    hash: str
    fields: dict[str, Any]


@dataclass
class Verified:
    """What was found of one file."""

    path: Path
    lines: int = 0
    begins: str = ""
    """The hash that its first line follows; empty when it is not known."""
    ends: str = ""
    cut: int = 0
    """Bytes of a last line that has no end: a crash, or a full disk."""
    lost: int = 0
    """Lines that could not be written, as later ones say."""
    hashes: set[str] = field(default_factory=set, repr=False)
    findings: list[str] = field(default_factory=list)


def link(fields: Mapping[str, object], prev: str) -> tuple[bytes, str]:
    """A line with its end, and its hash."""
    body = json.dumps({**fields, "prev": prev}, separators=(",", ":"))[:-1].encode()
    digest = sha256(body).hexdigest()
    return body + _HASH + digest.encode() + b'"}\n', digest


def read(line: bytes) -> Link | None:
    """A line without its end; ``None``: it is not as it was written."""
    body, _, rest = line.rpartition(_HASH)
    digest = sha256(body).hexdigest()
    if rest != digest.encode() + b'"}':
        return None
    try:
        fields = json.loads(body + b"}")
        return Link(fields["prev"], digest, fields)
    except (ValueError, KeyError, TypeError):
        return None


def verify(paths: Sequence[Path]) -> Iterator[Verified]:
    """Each file, in order, and that those of one writer in one directory follow each other.

    A file may be missing before the first one of a writer: old ones are put away.
    """
    before: dict[tuple[Path, str], tuple[int, str]] = {}
    for path in sorted(set(paths), key=lambda path: (str(path.parent), place(path))):
        found = _verify(path)
        writer, number = place(path)
        earlier, expected = before.get((path.parent, writer), (0 if number == 1 else None, FIRST))
        if earlier is None:
            expected = ""
            if found.begins == FIRST:
                found.findings.append("line 1 was the first line of another file")
        elif number != earlier + 1:
            found.findings.append(f"{number - earlier - 1} files before it are missing")
        elif expected and found.begins not in ("", expected):
            found.findings.append("line 1 does not follow what was written before it")
        if not found.lines:
            found.ends = expected
        before[path.parent, writer] = number, found.ends
        yield found


def place(path: Path) -> tuple[str, int]:
    """``3-000012.jsonl``: writer 3's 12th file. Names of others count as a writer's only one."""
    writer, _, number = path.stem.rpartition("-")
    return (writer, int(number)) if writer and number.isdecimal() else (path.name, 1)


def _verify(path: Path) -> Verified:
    found = Verified(path)
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                found.cut = len(line)
                break
            found.lines = number
            known = read(line[:-1])
            if known is None:
                found.findings.append(f"line {number} was changed")
                found.ends = ""
                continue
            if number == 1:
                found.begins = known.prev
            elif found.ends and known.prev != found.ends:
                found.findings.append(f"line {number} does not follow line {number - 1}")
            found.ends = known.hash
            found.hashes.add(known.hash)
            found.lost += int(known.fields.get("lost", 0))
    return found
