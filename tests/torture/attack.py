"""R9: the attacks that have worked on other servers, row by row, against ours.

The rows and their tests are in ``tests/security/advisories.py``. pytest runs them in a process of
its own, so that a mutant is gone with it: ``python -m tests.torture.attack MUTANT REPORT TEST...``.
All of it is logged at DEBUG, and what was logged is searched for secrets (row 30).
"""

import json
import logging
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gateway import access
from gateway.auth import header, payload, verify
from gateway.policy.evaluate import Verdict
from tests.security.advisories import ADVISORIES, Advisory
from tests.torture.gate import Gate, Outcome, Run
from tests.torture.overheard import Overheard

ROOT = Path(__file__).parent.parent.parent
FIRST = (3, 8, 50, 11)
"""A short run begins with the rows that the mutants break."""
MOST_SECONDS = 1200


def _one_route_less() -> None:
    """A part in unsigned chunks is believed for its key id: row 3, as it was in MinIO."""
    whole = verify._sigv4

    def sigv4(request, claim, keys):
        if claim.payload in payload.WITH_TRAILER and "partNumber" in request.query.names:
            return keys.find(claim.scope.key_id), None
        return whole(request, claim, keys)

    verify._sigv4 = sigv4


def _unsigned_headers() -> None:
    """Headers outside of SignedHeaders are obeyed."""
    verify._check_all_signed = lambda names, signed: None


def _deny_ignored() -> None:
    """A statement that denies is one that says nothing."""
    whole = access.evaluate

    def evaluate(policy, question):
        verdict = whole(policy, question)
        return Verdict.NOTHING if verdict is Verdict.DENY else verdict

    access.evaluate = evaluate


def _no_clock() -> None:
    """A signature is good for ever."""
    header.check_skew = lambda moment, said, now: None


def _secret_logged() -> None:
    """Somebody wanted to see at DEBUG whose key it was."""
    whole = verify._find

    def find(key_id, keys):
        found = whole(key_id, keys)
        logging.getLogger("s3gw.gateway").debug("key=%s", (found.key, found.secret))
        return found

    verify._find = find


MUTANTS: dict[str, Callable[[], None]] = {
    "one-route-less": _one_route_less,
    "unsigned-headers": _unsigned_headers,
    "deny-ignored": _deny_ignored,
    "no-clock": _no_clock,
    "secret-logged": _secret_logged,
}


def _order(row: Advisory) -> tuple[bool, int]:
    return row.row not in FIRST, row.row


def _run(run: Run) -> Outcome:
    rows = sorted(ADVISORIES, key=_order)[: run.of(len(ADVISORIES))]
    tests = list(dict.fromkeys(test for row in rows for test in row.tests))
    report = run.directory / "report.xml"
    command = [sys.executable, "-m", "tests.torture.attack", run.mutant or "-", str(report)]
    done = subprocess.run(
        [*command, *tests], cwd=ROOT, capture_output=True, text=True, timeout=MOST_SECONDS
    )
    ran, failed = _counted(report)
    if not ran:
        raise RuntimeError(f"no test ran: {done.stdout}{done.stderr}")
    wrong = [
        f"row {row.row}: {test} failed"
        for row in rows
        for test in row.tests
        if failed[_named(test)]
    ]
    wrong += [
        f"row {row.row}: {test} did not run"
        for row in rows
        for test in row.tests
        if not ran[_named(test)]
    ]
    overheard = json.loads(report.with_suffix(".json").read_text())
    wrong += [f"row 30: {each}" for each in overheard["found"]]
    figures = {
        "rows": len(rows),
        "rows_with_tests": sum(bool(row.tests) for row in rows),
        "tests": len(tests),
        "cases": ran.total(),
        "cases_failed": failed.total(),
        "log_lines_searched": overheard["lines"],
        "secrets_searched_for": overheard["secrets"],
    }
    return Outcome(figures, wrong)


def _named(test: str) -> tuple[str, str]:
    """A test as pytest's report names it."""
    file, _, name = test.partition("::")
    return f"tests.{file.removesuffix('.py').replace('/', '.')}", name


def _counted(report: Path) -> tuple[Counter[tuple[str, str]], Counter[tuple[str, str]]]:
    """Cases that ran and cases that failed, by test."""
    ran: Counter[tuple[str, str]] = Counter()
    failed: Counter[tuple[str, str]] = Counter()
    for case in ElementTree.parse(report).iter("testcase"):
        test = case.get("classname", ""), case.get("name", "").partition("[")[0]
        ended = {each.tag for each in case}
        ran[test] += "skipped" not in ended
        failed[test] += not ended.isdisjoint({"failure", "error"})
    return ran, failed


GATE = Gate(
    name="R9 attack suite",
    bar="every row of the table of advisories that applies: 0 failures",
    run=_run,
    mutants=tuple(MUTANTS),
    short=len(FIRST) / len(ADVISORIES),
    mutant_scale=len(FIRST) / len(ADVISORIES),
)


def main() -> int:
    """Run tests on the product, or on a mutant of it."""
    mutant, report, *tests = sys.argv[1:]
    if mutant in MUTANTS:
        MUTANTS[mutant]()
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", f"--junitxml={report}"]
    base = Path(report).with_name("tests")
    paths = [str(ROOT / "tests" / test) for test in tests]
    overheard = Overheard()
    overheard.listen()
    code = int(pytest.main([*options, f"--basetemp={base}", *paths]))
    Path(report).with_suffix(".json").write_text(json.dumps(overheard.told()))
    return code


if __name__ == "__main__":
    sys.exit(main())
