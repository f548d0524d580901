"""``python -m conformance.s3tests --suite DIR``: run ceph/s3-tests, write or check what came of it.

Without ``--check`` the lists beside this file and the table in ``conformance/README.md`` are
written; with it they are compared, and any difference is a failure.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from conformance.s3tests import results, server
from conformance.s3tests.areas import WANT_NO_OTHER_BUCKETS
from conformance.s3tests.results import Result

HERE = Path(__file__).parent
README = HERE.parent / "README.md"
FILES = ("s3tests/functional/test_s3.py", "s3tests/functional/test_headers.py")
ITEM_SECONDS = 180
COMPATS = ("rgw", "aws")


def main(arguments: list[str] | None = None) -> int:
    """0, or 1 when something is not as listed."""
    asked = _arguments().parse_args(arguments)
    differences = []
    for compat in asked.compat or COMPATS:
        found = _run(asked, compat)
        file = asked.lists / f"{compat}.txt"
        if asked.check:
            listed = results.read(file)
            if asked.only:
                now = {each.item for each in found}
                listed = [each for each in listed if each.item in now]
            differences += [f"{compat}: {each}" for each in results.differences(listed, found)]
        elif not asked.only:
            results.write(file, found, compat)
        print(f"compat={compat}: {results.summary(found)} passed", flush=True)
    if not asked.check and not asked.only and asked.lists == HERE:
        README.write_text(current(README.read_text()))
    print("\n".join(differences or ["as listed"] if asked.check else []))
    return 1 if differences else 0


def current(readme: str) -> str:
    """The text with the table of the committed lists in its place."""
    head, start, rest = readme.partition("<!-- s3-tests -->\n")
    _, end, tail = rest.partition("<!-- /s3-tests -->\n")
    rgw, aws = (results.read(HERE / f"{compat}.txt") for compat in COMPATS)
    return f"{head}{start}{results.table(rgw, aws)}\n{end}{tail}"


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m conformance.s3tests", description=__doc__)
    parser.add_argument("--suite", type=Path, required=True, help="a clone of ceph/s3-tests")
    parser.add_argument("--python", default="python3", help="with the packages the suite needs")
    parser.add_argument("--compat", choices=COMPATS, action="append", help="default: both")
    parser.add_argument("--check", action="store_true", help="compare with the lists")
    parser.add_argument("-k", dest="only", metavar="EXPR", help="these items only; writes nothing")
    parser.add_argument("--jobs", type=int, default=1, help="items at a time (needs pytest-xdist)")
    parser.add_argument("--lists", type=Path, default=HERE, help="where rgw.txt and aws.txt are")
    return parser


def _run(asked: argparse.Namespace, compat: str) -> list[Result]:
    """All items: first those that want no others beside them."""
    alone = " or ".join(WANT_NO_OTHER_BUCKETS)
    only = asked.only or ""
    both = f"({only}) and " if only else ""
    with (
        TemporaryDirectory(prefix="s3tests-") as directory,
        server.gateway(Path(directory), compat) as configuration,
    ):
        found = _pytest(asked, configuration, f"{both}({alone})", 1)
        return found + _pytest(asked, configuration, f"{both}not ({alone})", asked.jobs)


def _pytest(asked: argparse.Namespace, configuration: Path, only: str, jobs: int) -> list[Result]:
    record = configuration.with_name("record.json")
    options = ["-p", "conformance.s3tests.recorder", "--record", str(record), "-k", only]
    options += ["-p", "no:cacheprovider", "-q", "--tb=short", f"--timeout={ITEM_SECONDS}"]
    if jobs > 1:
        options += ["-n", str(jobs), "--dist", "worksteal"]  # some items wait for minutes
    environ = {**os.environ, "S3TEST_CONF": str(configuration), "PYTHONPATH": str(server.ROOT)}
    done = subprocess.run(
        [asked.python, "-m", "pytest", *options, *FILES],
        cwd=asked.suite,
        env={**environ, "AWS_DEFAULT_REGION": "us-east-1"},
    )
    if done.returncode not in (0, 1, 5):  # passed, failed, nothing chosen
        raise SystemExit(f"pytest ended with {done.returncode}")
    found = json.loads(record.read_text())
    return [Result(item, kind, area, outcome) for item, (kind, area, outcome) in found.items()]


if __name__ == "__main__":
    sys.exit(main())
