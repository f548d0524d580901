"""How a command ends: an exit code and one line on stderr; never a traceback for what can happen.

0 done, 1 failed, 2 wrong usage or setting, 3 not found, 4 denied, 5 in conflict with what is there.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import click

FAILED, USAGE, NOT_FOUND, DENIED, CONFLICT = 1, 2, 3, 4, 5


class Refusal(click.ClickException):
    """A command's end with this exit code; the text is for the user."""

    def __init__(self, text: str, code: int = FAILED) -> None:
        super().__init__(text)
        self.exit_code = code  # type: ignore[misc] # click reads it from the instance


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what keys, store, settings and the system refuse into ``Refusal``."""
    from gateway.config import BadSetting
    from keys import errors as keys
    from store import errors as store

    codes: dict[type[Exception], tuple[int, str]] = {
        BadSetting: (USAGE, "{}"),
        keys.NoSuchKey: (NOT_FOUND, "no access key {}"),
        keys.KeyExists: (CONFLICT, "key {} exists already"),
        keys.InvalidKey: (USAGE, "{}"),
        keys.MasterKeyRefused: (DENIED, "{}"),
        keys.KeysError: (FAILED, "{}"),
        store.DirectoryLocked: (CONFLICT, "another s3gw is using {}"),
        store.NoSuchBucket: (NOT_FOUND, "no such bucket: {}"),
        store.JournalMismatch: (
            FAILED,
            "{}. `s3gw rebuild` makes the database again from base and journal;"
            " `s3gw adopt` goes on with the database as it is, without the journal",
        ),
        store.StoreError: (FAILED, "{}"),
        PermissionError: (DENIED, "{}"),
        FileNotFoundError: (NOT_FOUND, "{}"),
        OSError: (FAILED, "{}"),
        sqlite3.Error: (FAILED, "the key table cannot be used: {}"),
    }
    try:
        yield
    except tuple(codes) as error:
        code, text = next(codes[kind] for kind in type(error).__mro__ if kind in codes)
        raise Refusal(text.format(error), code) from error
