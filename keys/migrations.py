"""The key table's schema, step by step.

Imported only when a step is due, since sqlite-utils takes 50-240 ms to load.
"""

import sqlite3
from collections.abc import Callable

from sqlite_utils import Database
from sqlite_utils.db import Table as Relation


def migrate(connection: sqlite3.Connection) -> None:
    """Take the database to the newest schema, in one transaction; another process may race us."""
    database = Database(connection)
    connection.execute("BEGIN IMMEDIATE")
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        for number, step in enumerate(STEPS[version:], start=version + 1):
            step(database)
            connection.execute(f"PRAGMA user_version = {number}")
    except BaseException:
        connection.rollback()
        raise
    connection.execute("COMMIT")


def _first(database: Database) -> None:
    relation = database["access_key"]
    assert isinstance(relation, Relation)
    relation.create(
        {
            "id": int,
            "key": str,
            "sealed": bytes,
            "master": str,  # Seal.id of the master key the secret is sealed under
            "root": str,
            "enable": int,
            "created_at": int,  # milliseconds since the epoch
            "updated_at": int,
        },
        pk="id",
        not_null={"key", "sealed", "master", "root", "enable", "created_at", "updated_at"},
        strict=True,
    )
    relation.create_index(["key"], unique=True)
    relation.create_index(["root"], unique=True)


def _kms_keys(database: Database) -> None:
    relation = database["kms_key"]
    assert isinstance(relation, Relation)
    relation.create(
        {"id": str, "sealed": bytes, "created_at": int},  # milliseconds since the epoch
        pk="id",
        not_null={"sealed", "created_at"},
        strict=True,
    )


def _masters(database: Database) -> None:
    relation = database["kms_key"]
    assert isinstance(relation, Relation)
    # Id of the master key it is sealed under; "": the first, which made the table.
    relation.add_column("master", str, not_null_default="")
    generations = database["wrapping_key"]
    assert isinstance(generations, Relation)
    generations.create(
        {
            "purpose": str,
            "generation": int,
            "sealed": bytes,
            "master": str,
            "created_at": int,  # milliseconds since the epoch
        },
        pk=("purpose", "generation"),
        not_null={"sealed", "master", "created_at"},
        strict=True,
    )


STEPS: tuple[Callable[[Database], None], ...] = (_first, _kms_keys, _masters)
"""One per schema version; never edited once released."""
