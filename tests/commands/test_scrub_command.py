"""``s3gw scrub``, as it is typed."""

import json

from store.prepare import prepare
from store.settings import Settings
from tests.commands.test_store_commands import _damage, _lines, _run, data

__all__ = ["data"]


def test_a_sound_store_is_clean_and_ends_with_0(data):
    (said,) = _lines(_run("scrub", "--data-dir", data))

    assert (said["found"], said["done_bytes"]) == (0, 100_000)
    assert said["finished"]


def test_damage_is_told_and_ends_with_1_also_beside_a_server(data):
    _damage(data)
    prepared = prepare(data, Settings())
    try:
        words = ("scrub", "--data-dir", data, "--json", "--bytes-per-second", 1 << 30)
        (said,) = _lines(_run(*words, code=1))
    finally:
        prepared.close()

    assert [each["kind"] for each in said["findings"]] == ["leaf"]
    again = _lines(_run("scrub", "--report", "--data-dir", data, code=1))
    assert again == [said]


def test_people_are_told_in_words(data, monkeypatch):
    monkeypatch.setattr("gateway.commands.store_scrub.machine", lambda as_json: False)
    assert "done: clean" in _run("scrub", "--data-dir", data).stdout
    (data / "scrub.json").write_text(
        json.dumps({"started": 0, "lsn": 1, "total_bytes": 9, "done_bytes": 3})
    )
    said = _run("scrub", "--report", "--data-dir", data).stdout
    assert said == "begun 1970-01-01 00:00Z, 3 of 9 bytes hashed: clean\n"


def test_without_a_pass_there_is_no_report(data):
    _run("scrub", "--report", "--data-dir", data, code=3)
    _run("scrub", "--data-dir", data / "none", code=3)


def test_a_database_that_is_none_is_told_in_one_line(data):
    (data / "s3gw.sqlite").write_bytes(b"nonsense" * 1000)
    for suffix in ("-wal", "-shm"):
        (data / f"s3gw.sqlite{suffix}").unlink(missing_ok=True)

    assert "rebuild" in _run("scrub", "--data-dir", data, code=1).stderr
