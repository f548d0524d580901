"""``s3gw backup`` and ``trim``: a copy of everything; one of the database, for its journal."""

import resource
from pathlib import Path

import click

from gateway.commands import display
from gateway.commands.options import as_json, machine, with_settings
from gateway.commands.outcome import FAILED, NOT_FOUND, Refusal
from gateway.commands.store import progress
from gateway.settings import Settings


@click.command()
@click.argument("target", metavar="DIR", type=click.Path(path_type=Path))
@with_settings
@as_json
@click.option(
    "--master-key/--no-master-key",
    default=True,
    help="copy DATA_DIR/master.key too (default); without it the backup alone opens nothing",
)
@click.option("--verify/--no-verify", default=True, help="hash all bytes of the backup (default)")
@click.option(
    "--bytes-per-second", type=click.IntRange(0), default=0, help="go no faster; 0: no limit"
)
def backup(
    settings: Settings,
    target: Path,
    as_json: bool,
    master_key: bool,
    verify: bool,
    bytes_per_second: int,
) -> None:
    """Copy everything to DIR, as it is at one moment, beside a running server or without one.

    To restore: `s3gw serve DIR`, or make a backup of the backup (--data-dir DIR) elsewhere.
    """
    from keys import backup as keys
    from store import backup as store
    from store.database import FILE

    data_dir = settings.data_dir
    if not (data_dir / FILE).exists():
        raise Refusal(f"{data_dir} holds no store; `s3gw serve` makes one", NOT_FOUND)
    _raise_descriptor_limit()
    copied_key = False

    def beside(made: Path) -> None:
        nonlocal copied_key
        copied_key = keys.backup(data_dir, made, with_master_key=master_key)

    done = store.backup(
        data_dir,
        target,
        bytes_per_second=bytes_per_second,
        beside=beside,
        progress=progress("copied"),
    )
    findings = _verified(target) if verify else []
    said = {
        "directory": str(target),
        "changes": done.lsn,
        "bytes": done.bytes,
        "unreadable_bytes": done.unreadable_bytes,
        "master_key": copied_key,
        "findings": findings if verify else None,
    }
    if machine(as_json):
        display.document(said)
    else:
        _tell(said)
    if findings or done.unreadable_bytes:
        click.get_current_context().exit(FAILED)


def _tell(said: dict[str, object]) -> None:
    findings = said["findings"]
    display.line(f"{said['directory']}: {said['bytes']} bytes, as of change {said['changes']}")
    if said["unreadable_bytes"]:
        display.line(f"{said['unreadable_bytes']} bytes of objects could not be read")
    if not said["master_key"]:
        click.echo("master.key is not in it: the secrets in it are opened by the original's only")
    if isinstance(findings, list):
        for each in findings:
            display.line(each)
        click.echo("verified" if not findings else f"{len(findings)} findings")


def _verified(target: Path) -> list[str]:
    from store import fsck

    found = fsck.check(target, progress=progress("hashed"))
    return [f"{each.kind}: {each.where} ({each.bytes} bytes)" for each in found]


def _raise_descriptor_limit() -> None:
    # One descriptor is open for each segment, so that its bytes stay while they are copied.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


@click.command()
@with_settings
@as_json
def trim(settings: Settings, as_json: bool) -> None:
    """Make a base of the database now, and forget the change journal before it.

    A server does so by itself when the journal is longer than journal_bytes and the database.
    """
    from store import trimming
    from store.database import FILE

    if not (settings.data_dir / FILE).exists():
        raise Refusal(f"{settings.data_dir} holds no store; `s3gw serve` makes one", NOT_FOUND)
    done = trimming.trim(settings.data_dir, progress=progress("copied"))
    if machine(as_json):
        display.document({"changes": done.lsn, "freed_bytes": done.freed_bytes})
    else:
        click.echo(f"change {done.lsn} is in a base; {done.freed_bytes} bytes of journal freed")
