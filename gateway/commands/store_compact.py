"""``s3gw compact``: empty segments of which little is live."""

from contextlib import ExitStack, suppress

import click
import msgspec

from gateway.commands import display
from gateway.commands.options import as_json, machine, with_settings
from gateway.commands.outcome import NOT_FOUND, Refusal
from gateway.settings import Settings


@click.command()
@with_settings
@as_json
@click.option("--below", type=click.FloatRange(0, 1), help="live share; default: compact_below")
def compact(settings: Settings, as_json: bool, below: float | None) -> None:
    """Copy what is live out of segments that are mostly trash. Beside a running server too.

    Their space comes back when the collector has taken what was left: see `s3gw gc`.
    """
    from store.compaction import compact
    from store.database import FILE
    from store.errors import DirectoryLocked
    from store.prepare import prepare

    if not (settings.data_dir / FILE).exists():
        raise Refusal(f"{settings.data_dir} holds no store; `s3gw serve` makes one", NOT_FOUND)
    chosen = settings.config().store
    with ExitStack() as held:
        with suppress(DirectoryLocked):  # it is served, so it has been made ready
            held.callback(prepare(settings.data_dir, chosen).close)
        share = chosen.compact_below if below is None else below
        hurried = msgspec.structs.replace(chosen, upkeep_bytes_per_second=0)
        done = compact(settings.data_dir, hurried, below=share)
    if machine(as_json):
        display.document(msgspec.to_builtins(done))
        return
    click.echo(f"{done.moved_bytes} bytes moved out of {done.segments} segments")
    if done.left_bytes:
        click.echo(f"{done.left_bytes} bytes stay: parts of uploads, or damaged (see `s3gw scrub`)")
