"""How the database is opened, and what is made of its errors."""

import errno
import sqlite3
from contextlib import closing

import apsw
import pytest

from store import database, migrations
from store.database import FILE
from store.errors import FormatTooNew, NoSpace, NoSuchBucket, Unavailable


@pytest.fixture
def path(tmp_path):
    migrations.migrate(tmp_path / FILE)
    return tmp_path / FILE


@pytest.mark.parametrize(("durability", "level"), [("commit", 2), ("interval", 1), ("none", 0)])
def test_a_writer_keeps_the_promise_it_was_asked_for(path, durability, level):
    with closing(database.open_writer(path, durability)) as db:
        assert db.pragma("synchronous") == level
        assert db.pragma("journal_mode") == "wal"
        assert db.pragma("trusted_schema") == 0
        assert db.pragma("cell_size_check") == 1
        assert db.pragma("foreign_keys") == 1


def test_a_reader_cannot_write(path):
    with closing(database.open_reader(path)) as db, pytest.raises(apsw.ReadOnlyError):
        db.execute("DELETE FROM bucket")


def test_a_database_that_is_not_there_is_not_made(tmp_path):
    for opening in (database.open_reader, lambda path: database.open_writer(path, "commit")):
        with pytest.raises(Unavailable):
            opening(tmp_path / FILE)
    assert list(tmp_path.iterdir()) == []


def test_an_old_sqlite_is_refused(path, monkeypatch):
    monkeypatch.setattr(database, "OLDEST_SQLITE", 9_999_999)

    with pytest.raises(Unavailable):
        database.open_reader(path)


def test_migrating_again_changes_nothing(path):
    before = path.read_bytes()
    migrations.migrate(path)

    assert path.read_bytes() == before


def test_a_newer_format_is_refused(path):
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(migrations.STEPS) + 1}")

    with pytest.raises(FormatTooNew):
        migrations.migrate(path)


def test_a_migration_that_dies_leaves_the_old_format(tmp_path, monkeypatch):
    def dying(db):
        db.execute("CREATE TABLE half (done)")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", (*migrations.STEPS, dying))
        with pytest.raises(KeyboardInterrupt):
            migrations.migrate(tmp_path / FILE)
    assert database.format_version(tmp_path / FILE) == 0

    migrations.migrate(tmp_path / FILE)

    assert database.format_version(tmp_path / FILE) == len(migrations.STEPS)


def test_a_database_grows_step_by_step(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "STEPS", migrations.STEPS[:4])
        migrations.migrate(tmp_path / FILE)
    monkeypatch.setattr(
        migrations, "STEPS", (*migrations.STEPS, lambda db: db.execute("CREATE TABLE more (x)"))
    )
    migrations.migrate(tmp_path / FILE)

    with closing(database.open_reader(tmp_path / FILE)) as db:
        assert database.every(db, "SELECT * FROM more") == []
        assert len(database.every(db, "SELECT store FROM state")) == 1


@pytest.mark.parametrize(
    ("error", "refusal"),
    [
        (apsw.FullError("full"), NoSpace),
        (OSError(errno.ENOSPC, "full"), NoSpace),
        (OSError(errno.EDQUOT, "quota"), NoSpace),
        (OSError(errno.EIO, "broken"), Unavailable),
        (apsw.IOError("broken"), Unavailable),
        (apsw.ReadOnlyError("read-only"), Unavailable),
        (apsw.BusyError("busy"), Unavailable),
        (NoSuchBucket("b"), NoSuchBucket),
        (ValueError("ours"), type(None)),
    ],
)
def test_what_a_failing_write_means(error, refusal):
    assert type(database.refusal(error)) is refusal
