"""Options that commands share, and the settings they lead to."""

import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from gateway.settings import Settings, load

Command = Callable[..., None]


def with_settings(command: Command) -> Command:
    """Adds ``--data-dir`` and ``--config``; the command gets ``settings`` instead."""

    @click.option("--data-dir", metavar="DIR", help="directory that holds everything")
    @click.option("--config", "file", metavar="FILE", type=click.Path(path_type=Path))
    @wraps(command)
    def wrapped(*, data_dir: str | None, file: Path | None, **rest: Any) -> None:  # noqa: ANN401 - the command's own
        command(settings=settings({"data_dir": data_dir}, file), **rest)

    return wrapped


def settings(flags: dict[str, str | None], file: Path | None) -> Settings:
    """What flags, this process's environment and the file say. Raises ``BadSetting``."""
    return load(flags, os.environ, file)


as_json = click.option("--json", "as_json", is_flag=True, help="JSON, on a terminal too")


def machine(as_json: bool) -> bool:
    """Whether to write JSON: asked for, or nobody is looking."""
    return as_json or not sys.stdout.isatty()
