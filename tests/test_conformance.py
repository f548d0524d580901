"""The judge from outside, run against servers of our own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from tests.gateway.server_process import ServerProcess

ROOT = Path(__file__).parent.parent
MOST_SECONDS = 100


def judge(server, *options):
    """Runs the cases as somebody who has nothing but pytest and boto3."""
    command = [sys.executable, "-m", "gateway", "keys", "generate", "--json"]
    made = subprocess.run(
        [*command, "--data-dir", str(server.directory)], check=True, capture_output=True
    )
    other = json.loads(made.stdout)
    return _pytest(
        *("-W", "error", *options),
        S3_ENDPOINT=server.url,
        S3_ACCESS_KEY=server.said("access key"),
        S3_SECRET_KEY=server.said("secret"),
        S3_ALT_ACCESS_KEY=other["key"],
        S3_ALT_SECRET_KEY=other["secret"],
    )


def _pytest(*options, **environ):
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "conformance", *options],
        cwd=ROOT,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", **environ},
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
    )


def test_a_server_with_its_defaults_passes_every_case(tmp_path):
    with ServerProcess(tmp_path / "data", "--workers", "2") as server:
        done = judge(server.ready())
        left = server.client().list_buckets()["Buckets"]

    assert done.returncode == 0, done.stdout
    assert re.match(r"\d{3} passed in", done.stdout.splitlines()[-1])
    assert left == []


def test_a_server_that_does_otherwise_fails_unless_it_says_why(tmp_path):
    (tmp_path / "off").write_text("test_the_default_permission_is_public_read  # private here\n")
    options = ("--default-bucket-acl", "private", "--durability", "none")
    with ServerProcess(tmp_path / "data", *options) as server:
        server.ready()
        failed = judge(server, "-k", "default_permission or predefined")
        passed = judge(
            server, "-k", "default_permission or predefined", "--off", str(tmp_path / "off")
        )

    assert "1 failed, 3 passed" in failed.stdout.splitlines()[-1]
    assert passed.returncode == 0, passed.stdout


def test_the_judge_knows_nothing_of_us():
    for path in sorted((ROOT / "conformance").rglob("*.py")):
        imported = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.M)
        assert not {"gateway", "keys", "store", "tests", "aiohttp"} & set(imported), path


def test_every_case_names_its_source():
    listed = _pytest("--sources").stdout
    cases = re.findall(r"^\S*test_\w+\.py::.*\n    (.*)$", listed, re.M)
    assert len(cases) > 200
    assert all("https://" in case for case in cases)
