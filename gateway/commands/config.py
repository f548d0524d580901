"""``s3gw config``: what the settings are and who said so."""

from pathlib import Path

import click

from gateway.commands import display
from gateway.commands.options import as_json, machine, with_settings
from gateway.settings import Settings


@click.group()
def config() -> None:
    """Settings: flag over environment over file over default."""


@config.command()
@with_settings
@as_json
@click.option("--effective", is_flag=True, help="all settings, not only those that were set")
def show(settings: Settings, as_json: bool, effective: bool) -> None:
    """Each value with where it came from. Settings hold no secrets."""
    checked = settings.config()
    rows = [
        (name, getattr(checked, name), source)
        for name, source in settings.sources.items()
        if effective or source != "default"
    ]
    if machine(as_json):
        display.document({name: {"value": _plain(v), "source": source} for name, v, source in rows})
    else:
        display.table(
            ("setting", "value", "source"), [(name, _text(v), source) for name, v, source in rows]
        )


def _plain(value: object) -> object:
    return str(value) if isinstance(value, Path) else value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)
