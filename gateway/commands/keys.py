"""``s3gw keys``: BTIP-25 "Access Keys related commands". Works with the server running or stopped.

A secret is printed when it is made (generate, reset) and where it is asked for by an option.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from gateway.commands import display
from gateway.commands.audited import audited
from gateway.commands.options import as_json, machine, with_settings
from gateway.commands.outcome import CONFLICT, NOT_FOUND, Refusal
from gateway.commands.secret_file import read_secret
from gateway.settings import Settings
from keys.access_key import AccessKey
from keys.database import FILE_NAME
from keys.errors import NoSuchKey
from keys.table import Table

COLUMNS = ("key", "root", "enable", "created_at")


@click.group()
def keys() -> None:
    """Access keys: who may call, and with which secret."""


@keys.command()
@with_settings
@as_json
def generate(settings: Settings, as_json: bool) -> None:
    """Make a key; its secret is shown this once."""
    with key_table(settings) as table, audited(settings, "keys generate") as told:
        made = table.generate()
        told["key"] = made.key
    _show(made, as_json, secret=True)


@keys.command("list")
@with_settings
@as_json
@click.option("--secrets", is_flag=True, help="show the secrets too")
def list_(settings: Settings, as_json: bool, secrets: bool) -> None:
    """All keys, oldest first."""
    found: list[AccessKey] = []
    if table_exists(settings):  # asking makes nothing
        with key_table(settings) as table:
            found = table.all()
    records = [_record(each, secret=secrets) for each in found]
    if machine(as_json):
        display.document(records)
        return
    columns = ("key", "secret", *COLUMNS[1:]) if secrets else COLUMNS
    display.table(columns, [[_cell(each[name]) for name in columns] for each in records])


@keys.command()
@click.argument("key")
@with_settings
@as_json
@click.option("--secret", is_flag=True, help="show the secret too")
def get(settings: Settings, key: str, as_json: bool, secret: bool) -> None:
    """One key."""
    with _existing(settings, key) as table:
        _show(table.get(key), as_json, secret=secret)


@keys.command()
@click.argument("key")
@with_settings
@as_json
def enable(settings: Settings, key: str, as_json: bool) -> None:
    """Let a key in again."""
    _switch(settings, key, as_json, Table.enable, "enabled")


@keys.command()
@click.argument("key")
@with_settings
@as_json
def disable(settings: Settings, key: str, as_json: bool) -> None:
    """Refuse a key, within a second in a running server."""
    _switch(settings, key, as_json, Table.disable, "disabled")


@keys.command()
@click.argument("key")
@with_settings
@as_json
@click.option("--quiet", is_flag=True, help="print nothing")
def reset(settings: Settings, key: str, as_json: bool, quiet: bool) -> None:
    """Give a key a new secret, shown this once; nothing else changes."""
    with _existing(settings, key) as table, audited(settings, "keys reset", key):
        fresh = table.reset(key)
    if not quiet:
        _show(fresh, as_json, secret=True)


@keys.command()
@click.argument("key")
@with_settings
@as_json
@click.option("--force", is_flag=True, help="even if it owns buckets, which nobody owns then")
def delete(settings: Settings, key: str, as_json: bool, force: bool) -> None:
    """Remove a key, unless it owns buckets."""
    with _existing(settings, key) as table:
        table.get(key)
        owned = [] if force else _owned(settings.data_dir, key)
        if owned:
            names = ", ".join(owned[:3]) + (", ..." if len(owned) > 3 else "")
            raise Refusal(f"{key} owns buckets ({names}); --force deletes it anyway", CONFLICT)
        with audited(settings, "keys delete", key):
            table.delete(key)
    if as_json:
        display.document({"key": key})
    elif not machine(as_json):
        click.echo(f"{key} is deleted")


@keys.command("import")
@click.argument("key")
@click.argument("secret", required=False)
@with_settings
@as_json
@click.option("--secret-file", type=click.Path(path_type=Path), help="file that holds the secret")
def import_(
    settings: Settings, key: str, secret: str | None, secret_file: Path | None, as_json: bool
) -> None:
    """Add a key made elsewhere. Without SECRET or a file it is asked for, or read from a pipe."""
    if secret is not None and secret_file is not None:
        raise click.UsageError("give SECRET or --secret-file, not both")
    if secret is None:
        secret = read_secret(secret_file) if secret_file is not None else _ask()
    with key_table(settings) as table, audited(settings, "keys import", key):
        made = table.import_key(key, secret)
    _show(made, as_json, secret=False)


@keys.command("rotate-master")
@with_settings
@as_json
def rotate_master(settings: Settings, as_json: bool) -> None:
    """Seal everything under a new master key; a running server takes it up by itself."""
    from store.failpoints import hit

    if not table_exists(settings):
        raise Refusal(f"{settings.data_dir} has no keys; `s3gw serve` makes one", NOT_FOUND)
    with key_table(settings) as table, audited(settings, "keys rotate-master") as told:
        done = table.rotate_master(hit)
        told["key"] = done.new
    if machine(as_json):
        display.document({"master": done.new, "rows": done.rows, "kept": str(done.kept)})
    else:
        click.echo(f"{done.rows} rows are sealed under the new master key {done.new}")
        click.echo(f"the old one is {done.kept}: backups made before need it")


def _ask() -> str:
    if sys.stdin.isatty():
        return str(click.prompt("secret", hide_input=True))
    return sys.stdin.readline().rstrip("\r\n")


def _switch(
    settings: Settings, key: str, as_json: bool, verb: Callable[[Table, str], AccessKey], done: str
) -> None:
    action = f"keys {done.removesuffix('d')}"
    with _existing(settings, key) as table, audited(settings, action, key):
        changed = verb(table, key)
    if as_json:
        display.document(_record(changed, secret=False))
    elif not machine(as_json):
        click.echo(f"{key} is {done}")


@contextmanager
def key_table(settings: Settings) -> Iterator[Table]:
    """The key table; makes it when there is none."""
    table = Table(settings.data_dir, master_key_file=settings.master_key_file)
    try:
        yield table
    finally:
        table.close()


@contextmanager
def _existing(settings: Settings, key: str) -> Iterator[Table]:
    """The table, if there is one: looking for a key makes no data directory."""
    if not table_exists(settings):
        raise NoSuchKey(key)
    with key_table(settings) as table:
        yield table


def table_exists(settings: Settings) -> bool:
    """There is a key table."""
    return (settings.data_dir / FILE_NAME).exists()


def _owned(directory: Path, key: str) -> list[str]:
    """Some names of the key's buckets."""
    from gateway.commands.offline import buckets

    return [each.name for each in buckets(directory, owner=key)]


def _record(key: AccessKey, *, secret: bool) -> dict[str, object]:
    """BTIP-25's record, in its order; times as it writes them, in UTC."""
    record: dict[str, object] = {"key": key.key}
    if secret:
        record["secret"] = key.secret
    created_at = key.created_at.strftime("%Y-%m-%d %H:%M:%S")
    return record | {"root": key.root, "enable": key.enable, "created_at": created_at}


def _show(key: AccessKey, as_json: bool, *, secret: bool) -> None:
    record = _record(key, secret=secret)
    if machine(as_json):
        display.document(record)
    else:
        display.table(tuple(record), [[_cell(each) for each in record.values()]])


def _cell(value: object) -> object:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value
