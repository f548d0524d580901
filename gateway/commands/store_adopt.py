"""``s3gw adopt``: what to do when database and journal will not agree again."""

import click

from gateway.commands import display
from gateway.commands.options import as_json, machine, with_settings
from gateway.commands.outcome import NOT_FOUND, Refusal
from gateway.settings import Settings


@click.command()
@with_settings
@as_json
@click.option("--yes", is_flag=True, help="it is known that changes only the journal has are lost")
def adopt(settings: Settings, as_json: bool, yes: bool) -> None:
    """Go on with the database as it is, without the change journal. The server must be stopped.

    When a start refuses because they do not belong together, and `s3gw rebuild` cannot help or
    would bring back what is not wanted. The journal is put aside, not deleted.
    """
    from store.adopt import adopt
    from store.database import FILE

    if not (settings.data_dir / FILE).exists():
        raise Refusal(f"{settings.data_dir} has no database; `s3gw rebuild` makes one", NOT_FOUND)
    if not yes:
        raise click.UsageError("changes that only the journal has would be lost: say --yes")
    done = adopt(settings.data_dir)
    kept = str(done.kept) if done.kept else None
    if machine(as_json):
        display.document({"database_ended_at": done.was, "goes_on_after": done.lsn, "kept": kept})
    else:
        display.line(f"the database as of change {done.was} goes on; the old journal is {kept}")
