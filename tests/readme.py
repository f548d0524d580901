"""The tables of README.md, made from the code: ``python -m tests.readme`` writes them."""

import re
from dataclasses import fields
from pathlib import Path

from gateway.config import Config
from gateway.operations import OPERATIONS

README = Path(__file__).parent.parent / "README.md"


def operations() -> str:
    """One row per operation, in the order of the table."""
    rows = ["| operation | request | needs |", "|---|---|---|"]
    for each in OPERATIONS:
        path = {"service": "/", "bucket": "/{Bucket}", "object": "/{Bucket}/{Key}"}[each.level]
        query = "&".join(f"{name}={value}" if value else name for name, value in each.query.items())
        line = f"{each.method} {path}{'?' if query else ''}{query}"
        extra = "".join(f" + {header}" for header in sorted(each.headers))
        rows.append(f"| {each.name} | `{line}`{extra} | {each.needs} |")
    return "\n".join(rows)


def settings() -> str:
    """One row per setting."""
    rows = ["| setting | default | what it does |", "|---|---|---|"]
    for each in fields(Config):
        default = ",".join(each.default) if isinstance(each.default, tuple) else each.default
        shown = "" if default in ("", None) else f"`{default}`"
        rows.append(f"| `{each.name}` | {shown} | {each.metadata['help']} |")
    return "\n".join(rows)


def current(text: str) -> str:
    """The README with its tables as the code has them now."""
    for name, table in (("operations", operations()), ("settings", settings())):
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)"
        text = re.sub(
            pattern, lambda found, table=table: found[1] + table + "\n" + found[2], text, flags=re.S
        )
    return text


if __name__ == "__main__":
    README.write_text(current(README.read_text()))
