"""Spools: appended by one worker, taken over by delivery, whole after a crash."""

import os

import pytest

from gateway.access_log import spool
from gateway.access_log.spool import Spool, lines, ready


@pytest.fixture
def own(tmp_path):
    made = Spool(tmp_path / "spool", 0)
    yield made
    made.close()


def told(directory):
    return [list(lines(path)) for path in ready(directory / "spool")]


def test_lines_come_back_in_order_once_they_are_rolled(own, tmp_path):
    assert told(tmp_path) == []
    own.append("a", "1 é")
    own.append("b", "2")
    assert told(tmp_path) == []  # its worker is still at it
    own.roll()
    own.append("a", "3")
    own.roll()
    own.roll()
    assert told(tmp_path) == [[("a", "1 é"), ("b", "2")], [("a", "3")]]


def test_a_worker_that_is_gone_leaves_its_lines_to_others(own, tmp_path):
    own.append("a", "1")
    own.close()
    assert told(tmp_path) == [[("a", "1")]]
    own.append("a", "2")
    assert told(tmp_path) == [[("a", "1")]]


def test_a_worker_goes_on_in_the_file_it_left(own, tmp_path):
    own.append("a", "1")
    own.close()
    again = Spool(tmp_path / "spool", 0)
    again.append("a", "2")
    again.roll()
    assert told(tmp_path) == [[("a", "1"), ("a", "2")]]


def test_a_file_that_is_full_is_ready_at_once(own, tmp_path, monkeypatch):
    monkeypatch.setattr(spool, "ROLL_BYTES", 10)
    own.append("a", "x" * 10)
    assert told(tmp_path) == [[("a", "x" * 10)]]


def test_a_line_cut_short_is_left_out(own, tmp_path):
    own.append("a", "1")
    os.write(own._file, b"a\tcut sho")
    own.roll()
    assert told(tmp_path) == [[("a", "1")]]


def test_what_cannot_be_written_is_lost_but_keeps_nobody(tmp_path, caplog):
    (tmp_path / "spool").write_text("in the way")
    Spool(tmp_path / "spool", 0).append("a", "1")
    assert "is lost" in caplog.text
