"""``s3gw backup``, as it is typed."""

import sqlite3
from contextlib import closing

import pytest

from keys.errors import MasterKeyRefused
from keys.table import Table
from store.prepare import prepare
from store.settings import Settings
from tests.commands.test_store_commands import _damage, _lines, _run, data

__all__ = ["data"]


@pytest.fixture
def key(data):
    table = Table(data)
    key = table.generate()
    table.close()
    return key


def _key_in(directory, key, **more):
    table = Table(directory, **more)
    try:
        return table.get(key.key)
    finally:
        table.close()


def test_the_backup_has_objects_and_keys_and_is_verified(data, key, tmp_path_factory):
    target = tmp_path_factory.mktemp("elsewhere") / "copy"
    (said,) = _lines(_run("backup", target, "--data-dir", data))

    assert (said["master_key"], said["findings"], said["unreadable_bytes"]) == (True, [], 0)
    assert said["bytes"] > 100_000
    assert _key_in(target, key) == key
    assert (target / "master.key").stat().st_mode & 0o777 == 0o400
    assert (target / "keys.sqlite").stat().st_mode & 0o777 == 0o600
    _run("fsck", "--data-dir", target)
    assert _lines(_run("stats", "--data-dir", target))[0]["objects"] == 2


def test_without_its_master_key_a_backup_opens_no_secret(data, key, tmp_path_factory):
    target = tmp_path_factory.mktemp("elsewhere") / "copy"
    (said,) = _lines(_run("backup", target, "--data-dir", data, "--no-master-key"))

    assert not said["master_key"]
    with pytest.raises(MasterKeyRefused):
        _key_in(target, key)
    assert _key_in(target, key, master_key_file=data / "master.key") == key


def test_a_backup_beside_a_server(data, key, tmp_path_factory):
    target = tmp_path_factory.mktemp("elsewhere") / "copy"
    prepared = prepare(data, Settings())
    with closing(sqlite3.connect(data / "keys.sqlite")) as reading:
        reading.execute("SELECT * FROM access_key").fetchone()
        _run("backup", target, "--data-dir", data, "--bytes-per-second", 100 << 20)
    prepared.close()

    assert _key_in(target, key) == key


def test_damage_that_is_copied_is_told_and_ends_with_1(data, tmp_path_factory):
    _damage(data)
    target = tmp_path_factory.mktemp("elsewhere") / "copy"
    (said,) = _lines(_run("backup", target, "--data-dir", data, code=1))

    assert [each.partition(":")[0] for each in said["findings"]] == ["leaf"]
    assert target.exists()


def test_people_are_told_in_words(data, tmp_path_factory, monkeypatch):
    monkeypatch.setattr("gateway.commands.store_backup.machine", lambda as_json: False)
    target = tmp_path_factory.mktemp("elsewhere") / "copy"
    said = _run("backup", target, "--data-dir", data).stdout

    assert "verified" in said
    assert "master.key is not in it" in said


def test_a_target_that_is_not_empty_is_refused(data):
    done = _run("backup", data, "--data-dir", data, code=1)

    assert "already" in done.stderr


def test_a_backup_of_nothing_finds_no_store(tmp_path):
    _run("backup", tmp_path / "copy", "--data-dir", tmp_path / "none", code=3)


def test_trim_tells_what_it_freed_and_leaves_a_sound_store(data):
    (said,) = _lines(_run("trim", "--data-dir", data))

    assert said["changes"] > 2
    assert said["freed_bytes"] == 0
    _run("fsck", "--data-dir", data)
    _run("trim", "--data-dir", data / "none", code=3)
