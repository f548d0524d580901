"""The key table: its verbs, what it keeps on disk, and how soon a running server obeys."""

import hashlib
import logging
import re
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest

from keys import credentials
from keys.database import FILE_NAME
from keys.errors import (
    InvalidKey,
    KeyExists,
    MasterKeyRefused,
    NoSuchKey,
    SealBroken,
    TableTooNew,
)
from keys.snapshot import MOST_UNKNOWN
from keys.table import MASTER_KEY_NAME, STALE_SECONDS, Table


class Clock:
    """Time that moves when it is told to."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def table(tmp_path, clock):
    with closing(Table(tmp_path, clock=clock, monotonic=clock)) as table:
        yield table


@pytest.fixture
def elsewhere(table, tmp_path):
    """The same table as another process has it."""
    with closing(Table(tmp_path)) as other:
        yield other


def _sql(directory, statement, *values):
    with closing(sqlite3.connect(directory / FILE_NAME, isolation_level=None)) as connection:
        return connection.execute(statement, values).fetchall()


def test_a_generated_key_has_the_documented_form(table, clock):
    key = table.generate()

    assert re.fullmatch(r"S3GW[A-Z2-7]{16}", key.key)
    assert re.fullmatch(r"[A-Za-z0-9]{40}", key.secret)
    assert re.fullmatch(r"/[a-z2-7]{16}", key.root)
    assert key.enable
    assert key.created_at == key.updated_at == datetime.fromtimestamp(clock.now, UTC)
    assert table.get(key.key) == table.find(key.key) == key


def test_keys_are_listed_oldest_first(table):
    made = [table.generate() for _ in range(5)]

    assert table.all() == made


def test_a_root_that_is_taken_is_drawn_again(table, monkeypatch):
    first = table.generate()
    roots = iter([first.root, first.root, "/new"])
    monkeypatch.setattr(credentials, "new_root", lambda: next(roots))

    assert table.generate().root == "/new"


def test_reset_changes_the_secret_and_nothing_else(table, clock):
    before = table.generate()
    table.disable(before.key)
    clock.now += 60

    after = table.reset(before.key)

    assert after.secret != before.secret
    assert (after.key, after.root, after.enable) == (before.key, before.root, False)
    assert after.created_at == before.created_at < after.updated_at


def test_enable_and_disable_may_be_repeated(table):
    key = table.generate().key

    assert [table.disable(key).enable, table.disable(key).enable] == [False, False]
    assert [table.enable(key).enable, table.enable(key).enable] == [True, True]


@pytest.mark.parametrize("verb", ["get", "enable", "disable", "reset", "delete"])
def test_an_unknown_key_is_refused_by_every_verb(table, verb):
    with pytest.raises(NoSuchKey, match="nobody"):
        getattr(table, verb)("nobody")


def test_a_deleted_key_is_gone_and_may_be_imported_again(table):
    key = table.generate()
    table.delete(key.key)

    assert table.find(key.key) is None
    assert table.all() == []
    assert table.import_key(key.key, "another secret".replace(" ", "-")).root != key.root


def test_an_imported_key_keeps_its_id_and_secret(table):
    assert table.import_key("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPx").secret == (
        "wJalrXUtnFEMI/K7MDENG/bPx"
    )
    with pytest.raises(KeyExists):
        table.import_key("AKIAIOSFODNN7EXAMPLE", "another-secret")


@pytest.mark.parametrize(
    ("key", "secret"),
    [
        ("ab", "long-enough"),
        ("a/b/c", "long-enough"),
        ("a,b=c", "long-enough"),
        ("a b c", "long-enough"),
        ("a\nbc", "long-enough"),
        ("schlüssel", "long-enough"),
        ("k" * 129, "long-enough"),
        ("good", "short"),
        ("good", "with space"),
        ("good", "line\nend-of-it"),
        ("good", "pässword-ö"),
        ("good", "s" * 257),
    ],
)
def test_what_no_signature_can_hold_is_not_imported(table, key, secret):
    with pytest.raises(InvalidKey) as refusal:
        table.import_key(key, secret)

    assert secret not in str(refusal.value)
    assert table.all() == []


def test_a_change_elsewhere_is_obeyed_within_the_stale_time(table, elsewhere, clock):
    key = table.generate().key
    assert table.find(key).enable
    elsewhere.disable(key)

    clock.now += STALE_SECONDS * 0.9
    assert table.find(key).enable
    clock.now += STALE_SECONDS * 0.2
    assert not table.find(key).enable
    assert STALE_SECONDS <= 0.5


def test_a_key_made_deleted_or_reset_elsewhere_is_seen(table, elsewhere, clock):
    kept, gone = table.generate().key, table.generate().key
    assert table.find(gone)
    made = elsewhere.generate()
    elsewhere.delete(gone)
    secret = elsewhere.reset(kept).secret

    clock.now += STALE_SECONDS
    assert table.find(made.key) == made
    assert table.find(gone) is None
    assert table.find(kept).secret == secret


def test_a_key_made_elsewhere_works_at_once(table, elsewhere):
    assert table.find("nobody") is None
    assert not table.changed()
    made = elsewhere.generate()

    assert table.changed()
    assert table.find(made.key) == made
    assert not table.changed()


def test_a_change_of_ones_own_is_obeyed_at_once(table):
    key = table.generate().key
    assert table.find(key).enable

    table.disable(key)

    assert not table.find(key).enable


def test_finding_never_waits_for_a_writer(table, tmp_path, clock):
    key = table.generate().key
    table.find(key)
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        writer.execute("UPDATE access_key SET enable = 0")
        clock.now += STALE_SECONDS
        found = []
        finding = threading.Thread(target=lambda: found.append(table.find(key)))
        finding.start()
        finding.join(timeout=2)

        assert [each.enable for each in found] == [True]  # not committed: still so
        writer.execute("COMMIT")
    assert not table.find(key).enable  # and it looks again as soon as it may


def test_unknown_keys_cost_little_memory_and_are_nobody_s(table):
    known = table.generate()
    for number in range(3 * MOST_UNKNOWN):
        assert table.find(f"unknown-{number}") is None
        assert table.find(f"unknown-{number}") is None

    assert table.find(known.key) == known
    assert len(table._snapshot._rows) <= MOST_UNKNOWN + 1
    assert table.find_digest(hashlib.sha256(b"unknown-1").hexdigest()) is None
    assert table.find_digest(hashlib.sha256(known.key.encode()).hexdigest()) == known.key


def test_a_key_that_was_asked_for_before_it_was_made_is_found(table):
    assert table.find("LATER") is None
    table.import_key("LATER", "s" * 40)
    assert table.find("LATER").secret == "s" * 40


def test_secrets_are_sealed_on_disk_and_deleted_ones_are_overwritten(tmp_path):
    with closing(Table(tmp_path)) as table:
        kept, dropped = table.generate(), table.generate()
        (sealed,) = _sql(tmp_path, "SELECT sealed FROM access_key WHERE key = ?", dropped.key)[0]
        table.delete(dropped.key)

    on_disk = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert kept.secret.encode() not in on_disk
    assert sealed not in on_disk
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == [FILE_NAME, MASTER_KEY_NAME]


def test_swapped_rows_do_not_open(table, tmp_path, clock):
    first, second = table.generate(), table.generate()
    _sql(
        tmp_path,
        "UPDATE access_key SET sealed = (SELECT sealed FROM access_key WHERE key = ?)"
        " WHERE key = ?",
        *(first.key, second.key),
    )

    with pytest.raises(SealBroken, match=second.key):
        table.get(second.key)
    with pytest.raises(SealBroken, match=second.key):
        table.find(second.key)
    assert table.find(first.key) == first
    table.delete(second.key)  # it can still be taken away
    assert table.all() == [first]


def test_an_edited_root_does_not_open(table, tmp_path):
    key = table.generate().key
    _sql(tmp_path, "UPDATE access_key SET root = '/another' WHERE key = ?", key)

    with pytest.raises(SealBroken):
        table.get(key)


def test_a_lost_master_key_is_never_replaced(tmp_path):
    with closing(Table(tmp_path)) as table:
        table.generate()
    (tmp_path / MASTER_KEY_NAME).unlink()

    with pytest.raises(MasterKeyRefused, match="is missing"):
        Table(tmp_path)
    assert not (tmp_path / MASTER_KEY_NAME).exists()


def test_another_master_key_is_refused_before_anything_is_sealed_under_it(tmp_path):
    with closing(Table(tmp_path / "one")) as table:
        table.generate()
    with closing(Table(tmp_path / "two")):
        pass

    with pytest.raises(MasterKeyRefused, match="another master key"):
        Table(tmp_path / "one", master_key_file=tmp_path / "two" / MASTER_KEY_NAME)


def test_a_named_master_key_file_is_used_and_never_made(tmp_path):
    with pytest.raises(MasterKeyRefused):
        Table(tmp_path / "data", master_key_file=tmp_path / "my.key")
    (tmp_path / "my.key").write_text("5a" * 32)
    (tmp_path / "my.key").chmod(0o400)

    with closing(Table(tmp_path / "data", master_key_file=tmp_path / "my.key")) as table:
        assert table.get(table.generate().key)
    assert not (tmp_path / "data" / MASTER_KEY_NAME).exists()


def test_a_table_of_a_newer_s3gw_is_refused(table, tmp_path):
    _sql(tmp_path, "PRAGMA user_version = 99")

    with pytest.raises(TableTooNew):
        Table(tmp_path)


def test_many_processes_may_make_the_table_at_once(tmp_path):
    code = "import sys; from pathlib import Path; from keys.table import Table;"
    code += " Table(Path(sys.argv[1])).generate()"
    running = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "data")]) for _ in range(4)
    ]

    assert [each.wait() for each in running] == [0] * 4
    with closing(Table(tmp_path / "data")) as table:
        assert len(table.all()) == 4


def test_a_current_table_opens_without_loading_the_migrations(table, tmp_path):
    code = "import sys; from pathlib import Path; from keys.table import Table;"
    code += " Table(Path(sys.argv[1])).all(); print('sqlite_utils' in sys.modules)"
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "False"


def test_no_repr_and_no_log_shows_a_secret(table, caplog):
    with caplog.at_level(logging.DEBUG):
        key = table.generate()
        table.reset(key.key)
        table.find(key.key)

    assert key.secret not in repr(key) + repr(table) + str(vars(table)) + caplog.text


def test_a_key_is_found_by_the_digest_of_its_id(tmp_path):
    def digest(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    with closing(Table(tmp_path)) as table, closing(Table(tmp_path)) as another:
        made = table.generate()
        assert table.find_digest(digest(made.key)) == made.key
        table.disable(made.key)
        assert table.find_digest(digest(made.key)) == made.key
        later = another.generate()
        assert table.find_digest(digest(later.key)) == later.key
        table.delete(made.key)
        assert table.find_digest(digest(made.key)) is None
        assert table.find_digest(made.key) is None
