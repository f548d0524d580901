"""What s3gw is made of is told from its lock files, and asked about; not to be reached is said."""

import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.supply import advisories
from tests.supply.__main__ import LOCKS, audit
from tests.supply.lock import ROOT, needed, read
from tests.supply.sbom import bill


@pytest.fixture(scope="module")
def made():
    return bill()


def test_every_package_of_the_lock_file_is_in_the_bill_with_its_hashes(made):
    pinned = re.findall(r"^([a-z0-9-]+)==(\S+)", (ROOT / "requirements.lock").read_text(), re.M)
    hashes = re.findall(r"--hash=sha256:(\w+)", (ROOT / "requirements.lock").read_text())

    assert [(each["name"], each["version"]) for each in made["components"]] == pinned
    assert hashes == [
        one["content"]
        for each in made["components"]
        for reference in each["externalReferences"]
        for one in reference["hashes"]
    ]


def test_the_bill_is_cyclonedx(made):
    """By what the schema demands of each part: https://cyclonedx.org/docs/1.6/json/"""
    assert (made["bomFormat"], made["specVersion"], made["version"]) == ("CycloneDX", "1.6", 1)
    assert re.fullmatch(r"urn:uuid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", made["serialNumber"])
    parts = [made["metadata"]["component"], *made["components"]]
    for each in parts:
        assert each["type"] in {"application", "library"}
        assert each["purl"] == each["bom-ref"] == f"pkg:pypi/{each['name']}@{each['version']}"
        assert each.get("scope", "required") in {"required", "excluded"}
    known = {each["bom-ref"] for each in parts}
    assert len(known) == len(parts) == len(made["dependencies"])
    for each in made["dependencies"]:
        assert {each["ref"], *each["dependsOn"]} <= known


def test_what_only_builds_is_told_from_what_runs(made):
    scopes = {each["name"]: each["scope"] for each in made["components"]}

    assert {scopes[name] for name in ("aiohttp", "apsw", "multidict", "cffi")} == {"required"}
    assert {scopes[name] for name in ("hatchling", "editables")} == {"excluded"}


def test_the_same_lock_file_gives_the_same_bill(made):
    assert json.dumps(bill()) == json.dumps(made)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pinned_package_is_wanted_by_another_or_by_s3gw(lock):
    packages = read(ROOT / lock)

    assert all(each.wanted_by and each.hashes for each in packages)
    assert needed(packages, ["s3gw"]) >= {each.name for each in packages}


@contextmanager
def _database(answer):
    """An advisory database that answers each request with what ``answer`` makes of it."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = answer(asked[-1])
            self.send_response_only(200 if body is not None else 500)
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *words):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/", asked
        finally:
            server.shutdown()
            thread.join()


def _results(found):
    """Of a question, with advisories for the packages in ``found``."""

    def answer(question):
        names = [each["package"]["name"] for each in question["queries"]]
        return json.dumps(
            {"results": [{"vulns": [{"id": found[n]}]} if n in found else {} for n in names]}
        ).encode()

    return answer


def test_all_pinned_versions_are_asked_about_in_one_request(capsys):
    with _database(_results({})) as (url, asked):
        assert audit(url) == 0

    (question,) = asked
    versions = {each["package"]["name"]: each["version"] for each in question["queries"]}
    assert {"aiohttp", "lxml", "boto3"} <= set(versions)
    assert all(each["package"]["ecosystem"] == "PyPI" for each in question["queries"])
    assert f"{len(question['queries'])} packages, 0 with known" in capsys.readouterr().out


def test_a_known_vulnerability_fails_the_check_by_its_name(capsys):
    with _database(_results({"aiohttp": "GHSA-xxxx"})) as (url, _):
        assert audit(url) == 1

    assert re.search(r"aiohttp==\S+ has GHSA-xxxx", capsys.readouterr().out)


@pytest.mark.parametrize(
    "answer",
    [None, b"", b"{}", b"[]", b'{"results": []}', b'{"results": [1]}', b"<html>a proxy</html>"],
)
def test_what_was_not_answered_is_not_done(answer, capsys):
    with _database(lambda question: answer) as (url, _):
        assert audit(url) == 0
    assert "dependency audit: NOT DONE, " in capsys.readouterr().out


def test_without_a_network_it_is_not_done(capsys):
    with _database(lambda question: b"") as (url, _):
        pass
    assert audit(url) == 0
    said = capsys.readouterr().out
    assert "NOT DONE" in said
    assert "known vulnerabilities" not in said
    with pytest.raises(advisories.NotAsked):
        advisories.known([], url)


def test_bandits_rules_are_among_those_that_are_checked():
    text = (ROOT / "pyproject.toml").read_text()

    (selected,) = re.findall(r"^select = \[(.*)\]", text, re.M)
    assert '"S"' in selected.split(", ")
