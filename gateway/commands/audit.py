"""``s3gw audit``: whether the audit log is as it was written."""

from pathlib import Path

import click

from gateway.audit import chain
from gateway.commands import display
from gateway.commands.options import as_json, machine
from gateway.commands.outcome import FAILED, NOT_FOUND, Refusal


@click.group()
def audit() -> None:
    """The audit log (setting audit_log)."""


@audit.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@as_json
@click.option("--has", metavar="HASH", help="a line's hash that was noted: it must be there")
def verify(paths: tuple[Path, ...], as_json: bool, has: str | None) -> None:
    """Check files of an audit log, or all of a directory: changed, dropped and added lines.

    Lines that are dropped from the very end leave no trace: note the last hash now and then, and
    ask for it by --has. Exit code 0: nothing found, 1: something found.
    """
    files = [file for path in paths for file in _files(path)]
    found = list(chain.verify(files))
    bad = any(each.findings for each in found)
    if has is not None and not any(has in each.hashes for each in found):
        bad = True
        click.echo(f"no line has the hash {has}", err=True)
    for each in found:
        _tell(each, as_json)
    if bad:
        click.get_current_context().exit(FAILED)


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(path.glob("*.jsonl"))
    if not path.exists():
        raise Refusal(f"{path} is not there", NOT_FOUND)
    return [path]


def _tell(found: chain.Verified, as_json: bool) -> None:
    told = {
        "file": str(found.path),
        "lines": found.lines,
        "last_hash": found.ends,
        "cut_bytes": found.cut,
        "lost_lines": found.lost,
        "findings": found.findings,
    }
    if machine(as_json):
        display.document(told)
        return
    display.line(f"{found.path}: {found.lines} lines, the last is {found.ends or '-'}")
    if found.cut:
        display.line(f"  a last line of {found.cut} bytes was cut short by a crash or a full disk")
    if found.lost:
        display.line(f"  {found.lost} lines could not be written, as later ones say")
    for each in found.findings:
        display.line(f"  {each}")
