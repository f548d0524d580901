"""A data directory is its owner's alone, and nothing in it leads out of it."""

import os
import stat
from contextlib import closing

import pytest

from gateway.commands import data_dir
from gateway.commands.data_dir import examine, secure
from gateway.commands.outcome import DENIED, Refusal
from keys.table import Table
from store.errors import StoreError
from store.prepare import prepare
from store.settings import Settings
from tests.gateway.server_process import ServerProcess

ANOTHER = 54321


def _modes(directory):
    every = [directory, *directory.rglob("*")]
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in every}


def test_what_a_server_makes_is_closed_to_others(made):
    assert list(examine(made)) == []
    assert all(not mode & 0o077 for mode in _modes(made).values())


def test_what_was_open_to_others_is_closed(made):
    before = _modes(made)
    for path in (made, made / "segments", made / "keys.sqlite", made / "s3gw.sqlite"):
        path.chmod(0o777 if path.is_dir() else 0o664)

    secure(made)

    assert _modes(made) == before


def test_a_sticky_directory_is_left_as_it_is(made):
    """A container's volume: whoever runs may write, nobody may touch others' names."""
    made.chmod(0o1777)

    secure(made)

    assert stat.S_IMODE(made.stat().st_mode) == 0o1777


def test_what_is_not_ours_by_name_is_left_as_it_is(made):
    (made / "notes.txt").write_text("mine")
    (made / "notes.txt").chmod(0o644)
    (made / "link").symlink_to("/")

    secure(made)

    assert stat.S_IMODE((made / "notes.txt").stat().st_mode) == 0o644


@pytest.mark.parametrize(
    "name",
    ["s3gw.sqlite", "s3gw.sqlite-wal", "keys.sqlite", "master.key", "server.lock", "segments",
     "journal", "base", "tls", "access-log", "segments/00000009.seg", "journal/9.log"],
)  # fmt: skip
def test_row_f48_a_symbolic_link_is_refused(made, name, tmp_path):
    """reliability-security F48: a link planted in the data directory."""
    path = made / name
    target = tmp_path / "elsewhere"
    if path.exists():
        path.rename(target)
    path.symlink_to(target)

    with pytest.raises(Refusal, match="symbolic link") as refusal:
        secure(made)
    assert refusal.value.exit_code == DENIED
    assert path.is_symlink()


def test_row_f48_a_link_planted_later_is_not_followed(made, tmp_path):
    """As it is opened, without the look at start."""
    for name in ("s3gw.sqlite", "keys.sqlite"):
        (made / name).rename(tmp_path / name)
        (made / name).symlink_to(tmp_path / name)

    with pytest.raises((StoreError, OSError)):
        prepare(made, Settings())
    with pytest.raises(Exception, match="symbolic link"):
        Table(made)


def test_another_users_file_is_refused_but_by_root(made, monkeypatch, caplog):
    monkeypatch.setattr(os, "geteuid", lambda: ANOTHER)
    if made.stat().st_uid == 0:  # root's own files are trusted by everybody
        os.chown(made / "keys.sqlite", ANOTHER + 1, -1)

    with pytest.raises(Refusal, match="belongs to another user"):
        secure(made)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    secure(made)


def test_an_open_master_key_is_refused_not_closed(made, monkeypatch):
    monkeypatch.setattr(data_dir.os, "geteuid", lambda: made.stat().st_uid)
    (made / "master.key").chmod(0o440)

    with ServerProcess(made) as server:
        assert server.ended() == DENIED
        assert "open to others" in server.err.text
    assert stat.S_IMODE((made / "master.key").stat().st_mode) == 0o440


def test_a_server_refuses_a_directory_that_leads_elsewhere(made, tmp_path):
    (made / "segments").rename(tmp_path / "segments")
    (made / "segments").symlink_to(tmp_path / "segments")

    with ServerProcess(made) as server:
        assert server.ended() == DENIED
        assert "segments is a symbolic link" in server.err.text


def test_the_directory_itself_may_be_named_by_a_link(made, tmp_path):
    (tmp_path / "named").symlink_to(made)

    with ServerProcess(tmp_path / "named") as server:
        client = server.ready().client(
            aws_access_key_id=server.said("access key"),
            aws_secret_access_key=_secret(made),
        )
        client.create_bucket(Bucket="here")


def _secret(directory):
    with closing(Table(directory)) as table:
        return table.all()[0].secret
