"""``s3gw fsck`` and ``s3gw rebuild``, as they are typed."""

import asyncio
import json

import pytest
from click.testing import CliRunner

from gateway.__main__ import cli
from store.prepare import prepare
from store.records import Attributes
from store.store import Settings, Store


class _Body:
    digests = frozenset()

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.size = len(data)

    async def __aiter__(self):
        yield self._data

    def verify(self, digests) -> None:
        pass


@pytest.fixture
def data(tmp_path):
    """A data directory with an inline object and a larger one."""
    settings = Settings(durability="none")
    prepared = prepare(tmp_path, settings)

    async def fill():
        store = Store(tmp_path, settings)
        await store.start()
        bucket = await store.create_bucket(
            "b", owner="me", path="/r/b", acl="private", region="eu", profile="unixfs-v1-2025"
        )
        for key, body in ((b"small", b"small"), (b"l\x1b[1marge", b"large" * 20_000)):
            staged = await store.stage(_Body(body), profile=bucket.profile)
            await store.put(bucket, key, staged, owner="me", attributes=Attributes())
        await store.close()

    asyncio.run(fill())
    prepared.close()
    return tmp_path


def _run(*words, code=0):
    done = CliRunner().invoke(cli, [str(each) for each in words])
    assert done.exit_code == code, done.output
    return done


def _lines(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def _damage(data):
    (segment,) = (data / "segments").iterdir()
    with segment.open("r+b") as file:
        file.seek(100)
        file.write(b"?")


def test_fsck_of_a_sound_store_ends_with_0(data):
    assert _lines(_run("fsck", "--data-dir", data)) == [{"findings": 0, "bytes_read": True}]


def test_fsck_says_what_where_and_how_much_and_ends_with_1(data):
    _damage(data)
    found, end = _lines(_run("fsck", "--data-dir", data, "--json", "--repair=no", code=1))

    assert (found["kind"], found["bytes"]) == ("leaf", 100_000)
    assert found["where"].endswith("bytes 0 to 99999")
    assert end == {"findings": 1, "bytes_read": True}


def test_fsck_fast_reads_no_object(data):
    _damage(data)

    assert _lines(_run("fsck", "--fast", "--data-dir", data))[-1]["findings"] == 0


def test_fsck_repairs_nothing(data):
    _run("fsck", "--repair=yes", "--data-dir", data, code=2)


def test_fsck_works_beside_a_server(data):
    prepared = prepare(data, Settings())
    try:
        _run("fsck", "--data-dir", data)
    finally:
        prepared.close()


def test_fsck_on_a_terminal_sends_no_control_characters(data, monkeypatch):
    monkeypatch.setattr("gateway.commands.store.machine", lambda as_json: False)
    (data / "segments" / "\x1b[2J").touch()

    assert "\x1b" not in _run("fsck", "--data-dir", data, code=1).stdout


def test_fsck_of_nothing_finds_no_store(tmp_path):
    _run("fsck", "--data-dir", tmp_path, code=3)
    assert list(tmp_path.iterdir()) == []


def test_fsck_finds_that_the_database_is_gone(data):
    for path in data.glob("s3gw.sqlite*"):
        path.unlink()

    found, _ = _lines(_run("fsck", "--data-dir", data, code=1))
    assert found["kind"] == "database"


@pytest.mark.parametrize("how", ["argument", "option"])
def test_rebuild_makes_a_database_that_is_gone(data, how):
    for path in data.glob("s3gw.sqlite*"):
        path.unlink()
    done = _run("rebuild", *([data] if how == "argument" else ["--data-dir", data]))

    (said,) = _lines(done)
    assert said["changes"] > 2
    assert said["kept"] is None
    assert "lost" in done.stderr
    _run("fsck", "--data-dir", data)


def test_rebuild_keeps_the_old_database(data):
    (said,) = _lines(_run("rebuild", data))

    assert said["kept"] == str(data / "s3gw.sqlite.before-rebuild")
    assert said["old_database_was_read"]
    _run("fsck", "--data-dir", data)


def test_rebuild_beside_a_server_is_a_conflict(data):
    prepared = prepare(data, Settings())
    try:
        done = _run("rebuild", data, code=5)
    finally:
        prepared.close()
    assert "another s3gw is using" in done.stderr


def test_rebuild_without_a_journal_says_so(tmp_path):
    assert "no change journal" in _run("rebuild", tmp_path, code=1).stderr
    _run("rebuild", tmp_path / "nowhere", code=3)
