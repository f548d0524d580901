"""The runner of ceph/s3-tests, on a suite of five; and the lists it wrote about the real one."""

import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from conformance.s3tests import areas, results
from conformance.s3tests.__main__ import README, current
from conformance.s3tests.reasons import REASONS
from conformance.s3tests.results import Result
from gateway.compat import Compat

ROOT = Path(__file__).parent.parent
LISTS = ROOT / "conformance" / "s3tests"

INI = """
[pytest]
markers =
    cloud_restore
    fails_on_aws
    fails_on_rgw
"""
TESTS = """
import configparser, os
import boto3, pytest

CONF = configparser.ConfigParser()
CONF.read(os.environ["S3TEST_CONF"])

def client(name):
    return boto3.client(
        "s3",
        endpoint_url="http://{host}:{port}".format(**CONF["DEFAULT"]),
        region_name="us-east-1",
        aws_access_key_id=CONF[name]["access_key"],
        aws_secret_access_key=CONF[name]["secret_key"],
    )

def test_list_buckets_paginated():
    assert client("s3 main").list_buckets()["Buckets"] == []

@pytest.mark.fails_on_aws
def test_bucket_acl_grant_email():
    s3 = client("s3 main")
    s3.create_bucket(Bucket="granted", GrantRead="emailAddress=" + CONF["s3 alt"]["email"])
    grants = s3.get_bucket_acl(Bucket="granted")["Grants"]
    assert [each["Grantee"]["ID"] for each in grants] == [CONF["s3 alt"]["user_id"]]

@pytest.mark.fails_on_rgw
def test_100_continue_error_retry():
    pass

@pytest.mark.cloud_restore
def test_what_needs_a_cloud():
    raise AssertionError

def test_that_fails():
    assert False
"""


@pytest.fixture
def suite(tmp_path):
    functional = tmp_path / "suite" / "s3tests" / "functional"
    functional.mkdir(parents=True)
    (tmp_path / "suite" / "pytest.ini").write_text(INI)
    (functional / "test_s3.py").write_text(TESTS)
    (functional / "test_headers.py").write_text("def test_a_header(): pass\n")
    return tmp_path / "suite"


def run(suite, lists, *options):
    command = [sys.executable, "-m", "conformance.s3tests", "--suite", str(suite)]
    command += ["--python", sys.executable, "--lists", str(lists), *options]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)


def test_what_came_of_the_items_is_listed_and_checked(suite, tmp_path):
    written = run(suite, tmp_path, "--compat", "rgw")
    listed = {each.item: each for each in results.read(tmp_path / "rgw.txt")}
    tests = suite / "s3tests" / "functional" / "test_s3.py"
    tests.write_text(TESTS.replace("assert False", "pass").replace("pass\n", "assert 0\n", 1))
    checked = run(suite, tmp_path, "--compat", "rgw", "--check")

    assert "compat=rgw: 3 of 4, AWS's 2 of 3, bonus 1 of 1 passed" in written.stdout
    assert written.returncode == 0
    assert {name.partition("::")[2]: each.outcome for name, each in listed.items()} == {
        "test_list_buckets_paginated": "passed",
        "test_bucket_acl_grant_email": "passed",
        "test_100_continue_error_retry": "passed",
        "test_a_header": "passed",
        "test_that_fails": "failed",
    }
    assert listed["test_headers.py::test_a_header"].area == "Raw-header validation"
    assert checked.returncode == 1
    assert checked.stdout.splitlines()[-2:] == [
        "rgw: test_s3.py::test_100_continue_error_retry: listed as passed, now failed",
        "rgw: test_s3.py::test_that_fails: listed as failed, now passed",
    ]


def test_an_item_that_is_new_or_gone_makes_a_list_untrue():
    kept, gone = (Result(name, areas.STRICT, "CORS", "passed") for name in ("kept", "gone"))
    new = Result("new", areas.STRICT, "CORS", "passed")

    assert results.differences([kept, gone], [kept, new]) == [
        "gone: listed as passed, now not there",
        "new: listed as nothing, now passed",
    ]
    assert results.differences([kept], [kept]) == []


@pytest.mark.parametrize("compat", ["rgw", "aws"])
def test_the_lists_have_every_item_that_counts(compat):
    listed = results.read(LISTS / f"{compat}.txt")

    assert len({each.item for each in listed}) == len(listed)
    assert sum(each.kind == areas.STRICT for each in listed) == 592
    assert sum(each.kind == areas.RGW for each in listed) == 697 - 592
    assert {each.area for each in listed} == set(areas.AREAS)


def test_the_table_says_what_the_lists_say():
    text = README.read_text()

    assert current(text) == text, "run: python -m conformance.s3tests"


def test_each_item_that_fails_in_awss_way_has_its_reason():
    listed = results.read(LISTS / "aws.txt")
    counted = [each for each in listed if each.kind != areas.BONUS]
    failed = [each.item for each in counted if each.outcome == "failed"]
    explained = [f"test_s3.py::{name}" for names in REASONS.values() for name in names]

    assert sorted(explained) == sorted(failed)
    assert REASONS.keys() <= {row.name for row in fields(Compat)}
