"""s3gw: the command line. Each command is imported when it is called, so that all start fast."""

import gc
from importlib import import_module

import click

from gateway.commands.outcome import refusals

COMMANDS = {
    "serve": "serve",
    "keys": "keys",
    "kms": "kms",
    "audit": "audit",
    "config": "config",
    "doctor": "doctor",
    "cid": "store",
    "stats": "store",
    "status": "store",
    "gc": "store",
    "fsck": "store",
    "rebuild": "store",
    "adopt": "store_adopt",
    "scrub": "store_scrub",
    "compact": "store_compact",
    "backup": "store_backup",
    "trim": "store_backup",
}
"""Command to the module of ``gateway.commands`` that has it under the same name."""


class Commands(click.Group):
    """The top level: names from ``COMMANDS``, code on demand, refusals instead of tracebacks."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name in COMMANDS if self.get_command(ctx, name) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        found = getattr(import_module(f"gateway.commands.{module}"), cmd_name, None)
        if not gc.isenabled():  # as main() left it
            gc.freeze()  # what modules make stays: no collection walks it, no worker copies it
            gc.enable()
        return found if isinstance(found, click.Command) else None

    def invoke(self, ctx: click.Context) -> object:
        with refusals():
            return super().invoke(ctx)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="s3gw")
def cli() -> None:
    """An S3 server where every object has a CID and equal bytes are stored once."""


def main() -> None:
    """The console script; see ``gateway.commands.outcome`` for the exit codes."""
    import os

    os.umask(0o077)  # whatever a command makes is this user's alone
    gc.disable()  # until a command is loaded: its modules are no garbage
    cli.main(prog_name="s3gw")


if __name__ == "__main__":
    main()
