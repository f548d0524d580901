"""``s3gw kms``: keys for SSE-KMS, made and listed offline."""

import json

import pytest
from click.testing import CliRunner

from gateway.__main__ import cli


@pytest.fixture
def run(tmp_path):
    def run(*words, code=0):
        done = CliRunner(env={"S3GW_DATA_DIR": str(tmp_path / "data")}).invoke(cli, ["kms", *words])
        assert done.exit_code == code, done.output
        return done.stdout

    return run


def test_keys_are_made_and_listed(run):
    assert json.loads(run("create", "photos"))["id"] == "photos"
    run("create", "alerts/2026")

    listed = json.loads(run("list", "--json"))
    assert [set(key) for key in listed] == [{"id", "created_at"}] * 2
    assert {key["id"] for key in listed} == {"photos", "alerts/2026"}


def test_asking_makes_nothing(run, tmp_path):
    assert json.loads(run("list", "--json")) == []
    assert not (tmp_path / "data").exists()


def test_what_cannot_be_is_refused(run):
    run("create", "photos")
    run("create", "photos", code=5)
    run("create", "aws/s3", code=2)
