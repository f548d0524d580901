"""The files of the audit log: what a restart, a crash, a full disk and a second writer leave."""

import errno
import os
import stat

import pytest

from gateway.audit import log as module
from gateway.audit.chain import verify
from gateway.audit.log import AuditLog


@pytest.fixture
def opened(tmp_path):
    """AuditLogs of one directory, closed at the end."""
    made = []

    def open_(writer="0", **more):
        made.append(AuditLog(tmp_path / "audit", writer, **more))
        return made[-1]

    yield open_
    for each in made:
        each.close()


def _verified(tmp_path):
    found = list(verify(list((tmp_path / "audit").glob("*.jsonl"))))
    assert not any(each.findings for each in found), found
    return found


def test_it_is_its_owners_alone(opened, tmp_path):
    opened().append({"key": "k"})

    (path,) = (tmp_path / "audit").iterdir()
    assert path.name == "0-000001.jsonl"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_restart_goes_on_in_the_same_file(opened, tmp_path):
    for number in range(3):
        log = opened()
        log.append({"key": number})
        log.close()

    (found,) = _verified(tmp_path)
    assert found.lines == 3


def test_a_full_file_is_followed_by_another(opened, tmp_path):
    log = opened(roll_bytes=500)
    for number in range(20):
        log.append({"key": number})
    log.close()
    opened(roll_bytes=500).append({"key": "later"})

    found = _verified(tmp_path)
    assert sum(each.lines for each in found) == 21
    assert len(found) > 3


def test_a_line_that_a_crash_cut_short_stays_and_the_next_file_goes_on(opened, tmp_path):
    log = opened()
    log.append({"key": "whole"})
    os.write(log._file, b'{"key":"cut sh')
    log.close()
    opened().append({"key": "after"})

    assert [(each.lines, each.cut) for each in _verified(tmp_path)] == [(1, 14), (1, 0)]


def test_a_first_line_that_was_cut_short_breaks_no_chain(opened, tmp_path):
    opened().close()
    (tmp_path / "audit" / "0-000001.jsonl").write_bytes(b"{")
    opened().append({"key": "after"})

    # The first file never had a line: the second one is where the chain begins.
    found = list(verify(list((tmp_path / "audit").glob("*.jsonl"))))
    assert [(each.lines, each.cut) for each in found] == [(0, 1), (1, 0)]
    assert [each.findings for each in found] == [[], []]


def test_one_process_writes_for_a_writer(opened):
    log = opened()

    with pytest.raises(BlockingIOError, match="another server"):
        opened()
    log.close()
    opened()


def test_a_link_is_not_followed(opened, tmp_path):
    (tmp_path / "audit").mkdir()
    (tmp_path / "audit" / "0-000001.jsonl").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(OSError, match="symbolic links"):
        opened()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("kept", [0, 5], ids=["nothing fits", "a part fits"])
def test_a_full_disk_loses_lines_and_the_log_says_how_many(
    opened, tmp_path, monkeypatch, caplog, kept
):
    log, write, full = opened(), os.write, True

    def short(file, data):
        if not full:
            return write(file, data)
        if not kept:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data[:kept])

    log.append({"key": "before"})
    monkeypatch.setattr(module.os, "write", short)
    for _ in range(3):
        with pytest.raises(OSError, match="No space"):
            log.append({"key": "lost"})
    full = False
    log.append({"key": "after"})
    log.append({"key": "after that"})

    found = _verified(tmp_path)
    assert (sum(each.lines for each in found), sum(each.lost for each in found)) == (3, 3)
    assert len([each for each in caplog.records if "cannot be written" in each.message]) == 1


def test_what_was_appended_is_synced_with_the_name_of_its_file(opened, tmp_path, monkeypatch):
    synced = []
    fdatasync, fsync = os.fdatasync, os.fsync
    monkeypatch.setattr(
        module.os, "fdatasync", lambda file: (synced.append(_name(file)), fdatasync(file))
    )
    monkeypatch.setattr(module.os, "fsync", lambda file: (synced.append(_name(file)), fsync(file)))
    log = opened()
    log.append({"key": "k"})
    log.syncing()()
    log.append({"key": "k"})
    log.syncing()()

    assert synced == ["0-000001.jsonl", "audit", "0-000001.jsonl"]


def _name(file):
    return os.path.basename(os.readlink(f"/proc/self/fd/{file}"))
