"""``s3gw doctor``: is this a good place for what will be stored here?"""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click

from gateway.commands import display
from gateway.commands import doctor_machine as of_machine
from gateway.commands import doctor_setup as of_setup
from gateway.commands.doctor_machine import BAD, RISK, Check
from gateway.commands.options import as_json, machine, with_settings
from gateway.commands.outcome import FAILED, NOT_FOUND, Refusal
from gateway.config import Config
from gateway.settings import Settings


@click.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@with_settings
@as_json
@click.option("--ask", metavar="URL", help="compare the clock with an HTTP server's, too")
def doctor(settings: Settings, directory: Path | None, as_json: bool, ask: str | None) -> None:
    """Look at the machine, DIR and the settings, and say what is wrong or risky.

    Changes nothing that is stored; beside a running server too. Exit code 1 when something is bad;
    a risk alone is 0.
    """
    config = settings.config()
    if directory is not None:
        config = replace(config, data_dir=directory)
    if not config.data_dir.is_dir():
        raise Refusal(f"{config.data_dir} is not there; `s3gw serve` makes it", NOT_FOUND)
    found: list[Check] = list(_checks(config, ask))
    if machine(as_json):
        display.document({"checks": [each._asdict() for each in found]})
    else:
        display.table(("what", "state", "found"), found)
        bad, risks = (sum(each.state == state for each in found) for state in (BAD, RISK))
        click.echo(f"{bad} bad, {risks} at risk")
    if any(each.state == BAD for each in found):
        click.get_current_context().exit(FAILED)


def _checks(config: Config, ask: str | None) -> Iterator[Check]:
    yield from of_machine.clock(config.data_dir, ask)
    yield from of_machine.space(config.data_dir)
    yield from of_machine.file_system(config.data_dir)
    yield from of_machine.syncs(config.data_dir)
    yield from of_machine.limits()
    yield from of_machine.versions()
    yield from of_setup.permissions(config)
    yield from of_setup.master_key(config)
    yield from of_setup.encryption(config)
    yield from of_setup.public(config)
    yield from of_setup.settings(config)
