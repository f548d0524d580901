"""The master key file is made once, whole, for its owner only; anything else is refused."""

import os

import pytest

from keys import master_key
from keys.errors import MasterKeyRefused


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "master.key"
    master_key.create(path)
    return path


def test_a_new_key_is_for_its_owner_to_read_and_nobody_else(path):
    assert path.stat().st_mode & 0o777 == 0o400
    assert len(master_key.read(path)) == 32
    assert [each.name for each in path.parent.iterdir()] == ["master.key"]


def test_creating_leaves_an_existing_key_alone(path):
    before = path.read_bytes()

    master_key.create(path)

    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["master.key"]


def test_two_new_keys_differ(path, tmp_path):
    master_key.create(tmp_path / "other.key")

    assert master_key.read(path) != master_key.read(tmp_path / "other.key")


@pytest.mark.parametrize("mode", [0o440, 0o404, 0o640, 0o604, 0o666, 0o420, 0o401])
def test_a_key_open_to_others_is_refused(path, mode):
    path.chmod(mode)

    with pytest.raises(MasterKeyRefused, match="open to others"):
        master_key.read(path)


@pytest.mark.parametrize(
    "text", ["", "\n", "ab" * 31, "ab" * 33, "zz" * 32, "é" * 32, "ab" * 32 + "\nab", "ab" * 4000]
)
def test_a_malformed_key_is_refused_and_not_repeated(path, text):
    path.chmod(0o600)
    path.write_text(text)

    with pytest.raises(MasterKeyRefused, match="malformed") as refusal:
        master_key.read(path)
    assert not text.strip() or text.strip() not in str(refusal.value)


def test_a_missing_key_is_refused(tmp_path):
    with pytest.raises(MasterKeyRefused, match="No such file"):
        master_key.read(tmp_path / "none")


def test_a_directory_and_a_pipe_are_refused(tmp_path):
    os.mkfifo(tmp_path / "pipe", 0o400)

    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(MasterKeyRefused):
            master_key.read(path)


def test_another_users_key_is_refused(path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)

    with pytest.raises(MasterKeyRefused, match="another user"):
        master_key.read(path)
