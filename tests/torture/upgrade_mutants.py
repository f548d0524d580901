"""Migrations that are not what they should be; each is undone at its end."""

import sqlite3
from contextlib import AbstractContextManager
from typing import Any
from unittest.mock import patch

from keys import migrations as key_migrations
from store import migrations


class _Uncommitted:
    """A connection that knows no transactions: each statement counts at once."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connection, name)

    def execute(self, statement: str, *bindings: Any) -> Any:
        if statement in ("BEGIN IMMEDIATE", "COMMIT"):
            return None
        return self._connection.execute(statement, *bindings)


def store_migrates_without_a_transaction() -> AbstractContextManager[Any]:
    original = migrations._run

    def mutated(connection: sqlite3.Connection, version: int, store: Any) -> None:
        original(_Uncommitted(connection), version, store)

    return patch.object(migrations, "_run", mutated)


def keys_migrate_without_a_transaction() -> AbstractContextManager[Any]:
    original = key_migrations.migrate
    return patch.object(
        key_migrations, "migrate", lambda connection: original(_Uncommitted(connection))
    )


def version_counts_before_its_steps() -> AbstractContextManager[Any]:
    """The number of the format is written, and committed, first."""
    original = migrations._run

    def mutated(connection: sqlite3.Connection, version: int, store: Any) -> None:
        connection.execute(f"PRAGMA user_version = {len(migrations.STEPS)}")
        original(connection, version, store)

    return patch.object(migrations, "_run", mutated)


def old_rows_get_another_default() -> AbstractContextManager[Any]:
    def step(db: Any) -> None:
        migrations._quarantine(db)
        db.execute("UPDATE entry SET made = 1 WHERE made = 0")

    return patch.object(migrations, "STEPS", (*migrations.STEPS[:-1], step))


MUTANTS = {
    each.__name__: each
    for each in (
        store_migrates_without_a_transaction,
        keys_migrate_without_a_transaction,
        version_counts_before_its_steps,
        old_rows_get_another_default,
    )
}
