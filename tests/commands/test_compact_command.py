"""``s3gw compact``, as it is typed."""

from store.prepare import prepare
from store.settings import Settings
from tests.commands.test_store_commands import _lines, _run, data

__all__ = ["data"]


def test_it_tells_what_it_moved_with_and_without_a_server(data, monkeypatch):
    nothing = [{"segments": 0, "moved_bytes": 0, "left_bytes": 0}]
    assert _lines(_run("compact", "--data-dir", data, "--below", "0.9")) == nothing
    prepared = prepare(data, Settings())
    assert _lines(_run("compact", "--data-dir", data)) == nothing
    prepared.close()
    monkeypatch.setattr("gateway.commands.store_compact.machine", lambda as_json: False)
    assert "0 bytes moved" in _run("compact", "--data-dir", data).stdout
    _run("fsck", "--data-dir", data)


def test_a_share_is_between_0_and_1_and_there_must_be_a_store(data):
    _run("compact", "--data-dir", data, "--below", "25", code=2)
    _run("compact", "--data-dir", data / "none", code=3)
