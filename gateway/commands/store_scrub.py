"""``s3gw scrub``: read and check everything that is stored."""

from contextlib import suppress
from datetime import UTC, datetime

import apsw
import click
import msgspec

from gateway.commands import display
from gateway.commands.options import as_json, machine, with_settings
from gateway.commands.outcome import FAILED, NOT_FOUND, Refusal
from gateway.commands.store import progress
from gateway.settings import Settings
from store.scrub import Report


@click.command()
@with_settings
@as_json
@click.option("--report", "only_report", is_flag=True, help="tell of the last pass; read nothing")
@click.option(
    "--bytes-per-second", type=click.IntRange(0), default=0, help="go no faster; 0: no limit"
)
def scrub(settings: Settings, as_json: bool, only_report: bool, bytes_per_second: int) -> None:
    """Check rows, files and journal, then hash the bytes of all objects, from disk.

    Beside a running server too. An unfinished pass is gone on with, also one of the server's. What
    is damaged is not served any more. Exit code 0: nothing found, 1: something found.
    """
    found = _last(settings) if only_report else _scrubbed(settings, bytes_per_second)
    if machine(as_json):
        display.document(msgspec.to_builtins(found))
    else:
        _tell(found)
    if found.found:
        click.get_current_context().exit(FAILED)


def _last(settings: Settings) -> Report:
    from store.scrub import report

    found = report(settings.data_dir)
    if found is None:
        raise Refusal(f"{settings.data_dir} was never scrubbed", NOT_FOUND)
    return found


def _scrubbed(settings: Settings, bytes_per_second: int) -> Report:
    from store.database import FILE
    from store.errors import DirectoryLocked
    from store.prepare import prepare
    from store.scrub import scrub

    if not (settings.data_dir / FILE).exists():
        raise Refusal(f"{settings.data_dir} holds no store; `s3gw serve` makes one", NOT_FOUND)
    try:
        with suppress(DirectoryLocked):  # it is served, so it has been made ready
            prepare(settings.data_dir, settings.config().store).close()
        shown = progress("hashed")
        return scrub(settings.data_dir, bytes_per_second=bytes_per_second, progress=shown)
    except apsw.Error as error:
        raise Refusal(f"the database is damaged ({error}): see `s3gw fsck`, `rebuild`") from error


def _tell(found: Report) -> None:
    for each in found.findings:
        display.line(f"{each.kind}: {each.where} ({each.bytes} bytes)")
    began = datetime.fromtimestamp(found.started / 1000, UTC)
    end = "done" if found.finished else f"{found.done_bytes} of {found.total_bytes} bytes hashed"
    findings = f"{found.found} findings" if found.found else "clean"
    click.echo(f"begun {began:%Y-%m-%d %H:%M}Z, {end}: {findings}")
