"""``s3gw kms``: the local master keys that SSE-KMS names. Works with the server running or stopped.

They never leave the data directory, and there is no way to remove one: what it has encrypted could
not be read any more.
"""

import click

from gateway.commands import display
from gateway.commands.audited import audited
from gateway.commands.keys import key_table, table_exists
from gateway.commands.options import as_json, machine, with_settings
from gateway.settings import Settings
from keys.kms import DEFAULT, KmsKey


@click.group()
def kms() -> None:
    """Master keys for server-side encryption with KMS keys (SSE-KMS)."""


@kms.command()
@click.argument("id")
@with_settings
@as_json
def create(settings: Settings, id: str, as_json: bool) -> None:
    """Make a key that requests can name as ID; a running server knows it at once."""
    with key_table(settings) as table, audited(settings, "kms create", id):
        made = table.kms.create(id)
    if machine(as_json):
        display.document(_record(made))
    else:
        click.echo(f"{id} is created")


@kms.command("list")
@with_settings
@as_json
def list_(settings: Settings, as_json: bool) -> None:
    """All keys that were made, oldest first; beside them there is always aws/s3."""
    found: list[KmsKey] = []
    if table_exists(settings):  # asking makes nothing
        with key_table(settings) as table:
            found = table.kms.all()
    if machine(as_json):
        display.document([_record(key) for key in found])
        return
    rows = [[key.id, _record(key)["created_at"]] for key in found]
    display.table(("id", "created_at"), [[DEFAULT, "(always there)"], *rows])


def _record(key: KmsKey) -> dict[str, object]:
    return {"id": key.id, "created_at": key.created_at.strftime("%Y-%m-%d %H:%M:%S")}
