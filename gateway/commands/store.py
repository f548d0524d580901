"""Commands about bytes and names: cid, stats, status, gc, fsck, rebuild."""

import asyncio
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

import click
import msgspec

from gateway.commands import display
from gateway.commands.options import as_json, machine, with_settings
from gateway.commands.outcome import FAILED, NOT_FOUND, Refusal
from gateway.settings import Settings
from store.records import Bucket


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@with_settings
@as_json
@click.option("--profile", help="UnixFS profile; default: that of new buckets (import_profile)")
def cid(settings: Settings, files: tuple[Path, ...], as_json: bool, profile: str | None) -> None:
    """The CID each FILE would get; - reads standard input. Stores nothing."""
    from gateway.config import BadSetting
    from store.unixfs import PROFILES

    name = profile or settings.values["import_profile"]
    if name not in PROFILES:
        raise BadSetting(f"profile {name!r} is not one of {', '.join(PROFILES)}")
    for path in files:
        with click.open_file(str(path), "rb") as file:
            found = _cid(file, name)
        if as_json:
            display.document({"file": str(path), "cid": found})
        else:
            click.echo(found if len(files) == 1 else f"{found}  {path}")


def _cid(file: IO[bytes], profile_name: str) -> str:
    """Streams: one chunk and 32 bytes for each leaf in memory."""
    from store import cid as cids
    from store.unixfs import PROFILES, leaf_digest, root

    profile = PROFILES[profile_name]
    leaves, size, buffer = bytearray(), 0, bytearray(profile.chunk)
    while True:
        filled = _fill(file, buffer)
        if filled or not leaves:  # an empty file has one leaf, empty
            leaves += leaf_digest(profile, memoryview(buffer)[:filled])
        size += filled
        if filled < len(buffer):
            return cids.text(root(profile, bytes(leaves), size))


def _fill(file: IO[bytes], buffer: bytearray) -> int:
    """Pipes give less than asked; a leaf is full unless the file has ended."""
    filled = 0
    while filled < len(buffer):
        data = file.read(len(buffer) - filled)
        if not data:
            break
        buffer[filled : filled + len(data)] = data
        filled += len(data)
    return filled


@click.command()
@with_settings
@as_json
def stats(settings: Settings, as_json: bool) -> None:
    """What is stored, what it takes on disk, and how much was stored once instead of twice."""
    from gateway.commands.offline import counted

    found = counted(settings.data_dir)
    held = found.inline_bytes + found.segment_bytes
    ratio = round((found.logical_bytes + found.version_bytes) / held, 3) if held else 1.0
    rows = msgspec.to_builtins(found) | {"physical_bytes": held, "dedup_ratio": ratio}
    if machine(as_json):
        display.document(rows)
    else:
        display.table(("what", "count"), list(rows.items()))


@click.command()
@with_settings
@as_json
def status(settings: Settings, as_json: bool) -> None:
    """Which buckets others can read or change, and why."""
    from gateway.commands.offline import all_buckets

    config = settings.config()
    rows = [
        {"bucket": each.name, "owner": each.owner, "acl": _acl(each), "why": "; ".join(why)}
        for each in all_buckets(settings.data_dir)
        if not config.block_public and (why := reasons(each))
    ]
    if machine(as_json):
        display.document(
            {
                "new_buckets": config.default_bucket_acl,
                "block_public": config.block_public,
                "public_buckets": rows,
            }
        )
        return
    click.echo(f"new buckets: {config.default_bucket_acl}")
    if config.block_public:
        click.echo("block_public is on: every public ACL and policy is ignored")
    elif rows:
        display.table(tuple(rows[0]), [list(each.values()) for each in rows])
    else:
        click.echo("no bucket is public")


def _acl(bucket: Bucket) -> str:
    from gateway.policy.grants import of_bucket

    acl = of_bucket(bucket)
    return acl.canned if acl.grants is None else "grants"


def reasons(bucket: Bucket) -> list[str]:
    """Why others than the owner get in; empty when they do not."""
    from gateway.policy.blocks import blocks
    from gateway.policy.document import CONFIG, parse
    from gateway.policy.grants import PUBLIC, of_bucket
    from gateway.policy.ownership import enforced
    from gateway.policy.public import is_public

    blocked, found = blocks(bucket.config), []
    acl = of_bucket(bucket)
    if acl.public and not enforced(bucket.config) and not blocked.ignore_public_acls:
        found += [
            f"its ACL gives {each.permission} to {each.group.rpartition('/')[2]}"
            for each in acl.all(bucket.owner, bucket.owner)
            if each.group in PUBLIC
        ]
    document = None if blocked.restrict_public_buckets else bucket.config.get(CONFIG)
    if document is not None and is_public(parse(document, bucket.name)):
        found.append("its policy is public")
    return found


@click.command()
@with_settings
@as_json
def gc(settings: Settings, as_json: bool) -> None:
    """Give freed bytes back now. Beside a running server only those its readers are done with."""
    from gateway.commands.offline import collected

    freed = asyncio.run(collected(settings.config()))
    if machine(as_json):
        display.document({"freed_bytes": freed})
    else:
        click.echo(f"{freed} bytes given back")


@click.command()
@with_settings
@as_json
@click.option("--repair", type=click.Choice(["no"]), default="no", help="only: no")
@click.option("--fast", is_flag=True, help="read no objects: check rows, files and journal only")
def fsck(settings: Settings, as_json: bool, repair: str, fast: bool) -> None:
    """Check names, contents, segments and journal against each other. Changes nothing.

    Beside a running server too. Exit code 0: nothing found, 1: something found.
    """
    from store import fsck
    from store.database import FILE

    if not (settings.data_dir / FILE).exists() and not (settings.data_dir / "segments").exists():
        raise Refusal(f"{settings.data_dir} holds no store; `s3gw serve` makes one", NOT_FOUND)
    json_lines = machine(as_json)
    count = 0
    for found in fsck.check(settings.data_dir, fast=fast, progress=progress("hashed")):
        count += 1
        if json_lines:
            display.document(msgspec.to_builtins(found))
        else:
            display.line(f"{found.kind}: {found.where} ({found.bytes} bytes)")
    if json_lines:
        display.document({"findings": count, "bytes_read": not fast})
    else:
        click.echo(f"{count} findings" if count else "clean")
    if count:
        click.get_current_context().exit(FAILED)


@click.command()
@click.argument("directory", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@with_settings
@as_json
def rebuild(settings: Settings, as_json: bool, directory: Path | None) -> None:
    """Make the database of DIR again from the change journal. The server must be stopped.

    The old database is kept as s3gw.sqlite.before-rebuild.
    """
    from store import rebuild

    data_dir = directory or settings.data_dir
    done = rebuild.rebuild(data_dir, progress("replayed"))
    if machine(as_json):
        display.document(
            {
                "changes": done.lsn,
                "kept": str(done.kept) if done.kept else None,
                "old_database_was_read": done.was_read,
                "unreadable_journal_bytes": done.unreadable_bytes,
            }
        )
    else:
        click.echo(f"made of {done.lsn} changes; the old one is {done.kept or 'gone'}")
    if done.unreadable_bytes:
        click.echo(
            f"the last {done.unreadable_bytes} bytes of the journal are unreadable", err=True
        )
    if not done.was_read:
        click.echo(
            "there was no database to read: what only it had, if anything, is lost", err=True
        )


def progress(done: str) -> Callable[[int, int], None]:
    """How far it is, on stderr, five times a second; nothing when nobody looks."""
    shown = 0.0

    def show(count: int, total: int) -> None:
        nonlocal shown
        if time.monotonic() - shown > 0.2 or count == total:
            shown = time.monotonic()
            end = "\n" if count == total else ""
            click.echo(f"\r{done} {count >> 20} of {total >> 20} MiB{end}", err=True, nl=False)

    return show if sys.stderr.isatty() else lambda count, total: None
