"""``s3gw serve``: from nothing to a running server, with one command and no configuration."""

import gc
import logging
import os
import sys
from collections.abc import Callable
from dataclasses import fields
from functools import partial
from pathlib import Path
from socket import socket
from typing import Any

import click

from gateway import listener, logs, tls
from gateway.commands import data_dir, first_start
from gateway.commands.options import settings
from gateway.commands.outcome import Refusal
from gateway.config import Config
from gateway.limits import Limits
from gateway.supervisor import Supervisor
from gateway.worker import NewBucket, Work, run
from keys.access_key import AccessKey
from keys.table import Table
from store.prepare import prepare

log = logging.getLogger("s3gw.gateway")

MOST_WORKERS_UNASKED = 4
ACLS = {
    "private": "private: only the key that made them gets in",
    "public-read": "public-read: everyone who reaches this address can list and read them",
    "public-read-write": "public-read-write: everyone who reaches this address can CHANGE them",
}
PROMISES = {
    "commit": "commit: what was answered 200 is on disk",
    "interval": "interval: what was answered 200 is on disk within 200 ms; a power cut may lose it",
    "none": "none: for tests; a power cut loses data",
}


def _with_rows(command: Callable[..., None]) -> Callable[..., None]:
    """One option for each row of ``Config``."""
    for each in reversed(fields(Config)):
        flag = "--" + each.name.replace("_", "-")
        options: dict[str, Any] = {"help": each.metadata["help"], "default": None}
        if isinstance(each.default, bool) and each.name != "s3_compatible_api":
            option = click.option(f"{flag}/--no-{flag[2:]}", each.name, **options)
        else:
            option = click.option(flag, each.name, metavar="VALUE", **options)
        command = option(command)
    return command


@click.command()
@click.argument("directory", metavar="[DIR]", required=False)
@click.option("--config", "file", metavar="FILE", type=click.Path(path_type=Path))
@_with_rows
def serve(directory: str | None, file: Path | None, **flags: str | bool | None) -> None:
    """Serve the data directory DIR; makes it, and a first access key, when there is none."""
    given = {name: str(v).lower() if isinstance(v, bool) else v for name, v in flags.items()}
    if directory is not None and given["data_dir"] is not None:
        raise click.UsageError("give DIR or --data-dir, not both")
    given["data_dir"] = given["data_dir"] if directory is None else directory
    chosen = settings(given, file)
    config = chosen.config()
    if not config.s3_compatible_api:
        source = chosen.sources["s3_compatible_api"]
        click.echo(f"s3gw: the S3-compatible API is disabled ({source}); nothing to serve")
        return
    sys.exit(_serve(config, first_start.root(os.environ), first_start.buckets(os.environ, config)))


def _serve(config: Config, root: first_start.Root | None, buckets: tuple[NewBucket, ...]) -> int:
    logs.setup(config.log_format, config.log_level)
    if os.geteuid() == 0:
        log.warning("running as root: a user of its own would do")
    try:
        claimed = listener.claim(config.listen)
    except OSError as error:
        raise Refusal(f"cannot listen on {config.listen}: {error.strerror}") from error
    config.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    data_dir.secure(config.data_dir)
    prepared = prepare(config.data_dir, config.store)
    try:
        with claimed:
            return _run(config, claimed, root, buckets)
    finally:
        prepared.close()


def _run(
    config: Config,
    claimed: socket,
    root: first_start.Root | None,
    buckets: tuple[NewBucket, ...],
) -> int:
    certificate = tls.files(config)
    if certificate is not None:
        tls.server_context(*certificate)  # refused here once, not in every worker
    table = Table(config.data_dir, master_key_file=config.master_key_file)
    try:
        owner, is_new = first_start.owner(table, root)
        table.kms.ensure(config.kms_keys)
    finally:
        table.close()
    _greet(config, claimed, owner, is_new, certificate)
    count = config.workers or min(len(os.sched_getaffinity(0)), MOST_WORKERS_UNASKED)
    work = Work(
        config=config,
        number=0,
        ready=partial(click.echo, f"s3gw is ready: {_endpoint(config, claimed)}"),
        buckets=buckets,
        owner=owner,
        certificate=certificate,
        limits=Limits.of(config),
    )
    gc.collect()
    gc.freeze()  # pages of what is loaded so far stay shared with the workers
    return run(work, claimed) if count == 1 else Supervisor(work, claimed, count).run()


def _endpoint(config: Config, claimed: socket) -> str:
    return listener.endpoint(claimed, secure=config.secure)


def _greet(
    config: Config,
    claimed: socket,
    owner: AccessKey,
    is_new: bool,
    certificate: tuple[Path, Path] | None,
) -> None:
    """What a stranger needs to begin. The secret is shown only when the key was made just now."""
    endpoint = _endpoint(config, claimed)
    lines = [("endpoint", endpoint), ("data", config.data_dir), ("access key", owner.key)]
    if is_new:
        lines.append(("secret", f"{owner.secret}  (shown this once)"))
    if certificate is not None:
        lines.append(("SHA-256", tls.fingerprint(certificate[0])))
    elif listener.is_public(claimed):
        lines.append(("note", "others can reach this address, and nothing is encrypted"))
    lines.append(("new buckets", ACLS[config.default_bucket_acl]))
    if config.block_public:
        lines.append(("", "block_public is on: every public ACL is ignored"))
    lines.append(("durability", PROMISES[config.durability]))
    for name, value in lines:
        click.echo(f"{name:<12} {value}")
    if is_new:
        click.echo(f"\n{_exports(config, owner, endpoint, certificate)}\n")


def _exports(
    config: Config, owner: AccessKey, endpoint: str, certificate: tuple[Path, Path] | None
) -> str:
    """A line to paste into a shell; boto3, aws-cli and the other SDKs read these."""
    variables = {
        "AWS_ACCESS_KEY_ID": owner.key,
        "AWS_SECRET_ACCESS_KEY": owner.secret,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_DEFAULT_REGION": config.region,
    }
    if certificate is not None and config.tls == "auto":
        variables["AWS_CA_BUNDLE"] = str(certificate[0].absolute())
    return "export " + " ".join(f"{name}={value}" for name, value in variables.items())
