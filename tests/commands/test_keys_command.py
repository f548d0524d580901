"""``s3gw keys`` as BTIP-25 "Access Keys related commands" shows it, offline."""

import json
import os
import pty
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.__main__ import cli
from gateway.commands import offline
from keys.table import Table
from store.records import Bucket


@pytest.fixture
def run(tmp_path):
    """Runs ``s3gw keys ...`` on a directory of its own; CliRunner's stdout is no terminal."""

    def run(*words, code=0, input=None):
        done = CliRunner(env={"S3GW_DATA_DIR": str(tmp_path)}).invoke(
            cli, ["keys", *words], input=input
        )
        assert done.exit_code == code, done.output
        assert done.exception is None or isinstance(done.exception, SystemExit)
        return done

    return run


@pytest.fixture
def generated(run):
    return json.loads(run("generate").stdout)


def _buckets(monkeypatch, *names):
    found = [Bucket(i, name, "", "", 0, "", "", "") for i, name in enumerate(names)]
    monkeypatch.setattr(offline, "buckets", lambda directory, *, owner: found)


def test_generate_prints_the_documents_record(run):
    said = run("generate").stdout
    record = json.loads(said)

    assert list(record) == ["key", "secret", "root", "enable", "created_at"]
    assert record["enable"] is True
    assert record["root"].startswith("/")
    assert len(record["created_at"]) == len("2023-07-06 00:00:00")
    assert said == json.dumps(record, separators=(",", ":")) + "\n"


def test_list_is_an_array_and_empty_when_there_is_nothing(run, tmp_path):
    assert run("list").stdout == "[]\n"
    assert list(tmp_path.iterdir()) == []  # asking makes nothing


def test_list_and_get_leave_secrets_out_unless_asked(run, generated):
    secret = generated.pop("secret")

    assert json.loads(run("list").stdout) == [generated]
    assert json.loads(run("get", generated["key"]).stdout) == generated
    assert json.loads(run("list", "--secrets").stdout)[0]["secret"] == secret
    assert json.loads(run("get", generated["key"], "--secret").stdout)["secret"] == secret


def test_disable_and_enable_say_nothing_to_a_program(run, generated):
    key = generated["key"]

    assert run("disable", key).output == ""
    assert json.loads(run("get", key).stdout)["enable"] is False
    assert json.loads(run("enable", key, "--json").stdout)["enable"] is True


def test_reset_prints_the_record_with_the_new_secret_only(run, generated):
    again = json.loads(run("reset", generated["key"]).stdout)

    assert again.pop("secret") != generated.pop("secret")
    assert again == generated


def test_a_quiet_reset_prints_nothing(run, generated):
    assert run("reset", generated["key"], "--quiet").output == ""
    assert json.loads(run("get", generated["key"], "--secret").stdout) != generated


@pytest.mark.parametrize("verb", ["get", "enable", "disable", "reset", "delete"])
def test_an_unknown_key_is_not_found(run, verb, generated):
    assert "no access key nobody" in run(verb, "nobody", code=3).output


@pytest.mark.parametrize("verb", ["get", "enable", "disable", "reset", "delete"])
def test_looking_for_a_key_makes_no_directory(verb, tmp_path):
    words = ["keys", verb, "nobody", "--data-dir", str(tmp_path / "typo")]

    assert CliRunner().invoke(cli, words).exit_code == 3
    assert not (tmp_path / "typo").exists()


def test_a_key_that_owns_buckets_is_not_deleted(run, generated, monkeypatch):
    _buckets(monkeypatch, "a", "b", "c", "d")

    said = run("delete", generated["key"], code=5).output
    assert "(a, b, c, ...)" in said
    assert "--force" in said
    assert run("get", generated["key"])
    assert run("delete", generated["key"], "--force").output == ""
    assert run("list").stdout == "[]\n"


def test_a_key_without_buckets_is_deleted(run, generated):
    run("delete", generated["key"])

    assert run("list").stdout == "[]\n"


@pytest.mark.parametrize("way", ["argument", "pipe", "file"])
def test_a_secret_is_imported_by_argument_pipe_or_file(run, tmp_path, way):
    file = tmp_path / "secret"
    file.write_text("secret-of-mine\n")
    file.chmod(0o600)
    words = {"argument": ["secret-of-mine"], "pipe": [], "file": ["--secret-file", str(file)]}

    said = run("import", "my-key", *words[way], input="secret-of-mine\n").output

    assert "secret" not in said
    assert json.loads(run("get", "my-key", "--secret").stdout)["secret"] == "secret-of-mine"


def test_an_import_that_cannot_be_is_refused(run, tmp_path):
    file = tmp_path / "secret"
    file.write_text("secret-of-mine")
    file.chmod(0o604)
    run("import", "my-key", "secret-of-mine")

    run("import", "my-key", "secret-of-mine", code=5)
    run("import", "my/key", "secret-of-mine", code=2)
    run("import", "other", "short", code=2)
    run("import", "other", "x" * 40, "--secret-file", str(file), code=2)
    run("import", "other", "--secret-file", str(file), code=4)
    run("import", "other", "--secret-file", str(tmp_path / "none"), code=3)


def test_a_refused_master_key_is_denied_without_a_traceback(run, generated, tmp_path):
    (tmp_path / "master.key").chmod(0o644)

    assert "open to others" in run("list", code=4).output


def test_a_damaged_table_is_an_error_and_no_traceback(run, generated, tmp_path):
    (tmp_path / "keys.sqlite").write_bytes(b"not a database at all" * 100)

    assert "cannot be used" in run("list", code=1).output


@pytest.mark.parametrize("words", [["keys"], ["keys", "nothing"], ["keys", "get"], ["nothing"]])
def test_wrong_usage_is_two(words):
    assert CliRunner().invoke(cli, words).exit_code == 2


def test_a_terminal_gets_a_table_and_json_when_it_asks(tmp_path):
    with closing(Table(tmp_path)) as table:
        key = table.generate()

    said = _on_a_terminal("keys", "list", "--data-dir", str(tmp_path))
    assert said.split()[:4] == ["key", "root", "enable", "created_at"]
    assert said.split()[4:7] == [key.key, key.root, "yes"]
    assert json.loads(_on_a_terminal("keys", "list", "--json", "--data-dir", str(tmp_path)))


def _on_a_terminal(*words):
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-m", "gateway", *words], stdout=theirs)
    os.close(theirs)
    said = b""
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        try:
            while data := terminal.read(4096):
                said += data
        except OSError:  # EIO: the other end is closed
            pass
    assert process.wait() == 0
    return said.decode()


def test_a_command_about_keys_loads_no_server():
    code = (
        "import sys; from gateway.__main__ import cli\n"
        "try: cli.main(['keys', 'list', '--data-dir', '/nonexistent'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('aiohttp', 'uvloop', 'lxml', 'sqlite_utils') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert said.stdout.splitlines() == ["[]", "[]"]


def test_what_a_command_makes_is_its_users_alone(tmp_path):
    directory = tmp_path / "data"
    words = ["keys", "generate", "--data-dir", str(directory)]
    subprocess.run([sys.executable, "-m", "gateway", *words], check=True, stdout=subprocess.DEVNULL)

    modes = {each.name: each.stat().st_mode & 0o777 for each in [directory, *directory.iterdir()]}
    assert modes == {"data": 0o700, "keys.sqlite": 0o600, "master.key": 0o400}
    assert Path(directory).is_dir()
