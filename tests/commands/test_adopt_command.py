"""``s3gw adopt``, as it is typed, and what leads to it."""

import shutil

from tests.commands.test_store_commands import _lines, _run, data

__all__ = ["data"]


def test_a_start_that_is_refused_names_the_way_on(data):
    _run("gc", "--data-dir", data)  # makes it ready, so that the journal has all
    shutil.rmtree(data / "journal")
    refused = _run("serve", data, "--listen", "127.0.0.1:0", code=1)

    assert "s3gw adopt" in refused.stderr
    (said,) = _lines(_run("adopt", "--data-dir", data, "--yes"))
    assert said["kept"] is None
    assert said["goes_on_after"] == said["database_ended_at"] > 2
    assert _lines(_run("fsck", "--data-dir", data))[-1]["findings"] == 0


def test_it_asks_whether_that_is_meant(data):
    assert "--yes" in _run("adopt", "--data-dir", data, code=2).stderr
    _run("adopt", "--data-dir", data / "none", "--yes", code=3)


def test_people_are_told_in_words(data, monkeypatch):
    monkeypatch.setattr("gateway.commands.store_adopt.machine", lambda as_json: False)

    assert "before-adopt" in _run("adopt", "--data-dir", data, "--yes").stdout
