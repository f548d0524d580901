"""A plugin for the suite's own pytest: takes what counts, writes down what came of each item.

It runs with the packages of the suite, so it needs nothing but pytest.
"""

import json
from pathlib import Path

import pytest

from conformance.s3tests import areas


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--record", metavar="FILE", help="JSON: item to kind, area, outcome")


def pytest_configure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):  # the reports of xdist's workers come together here
        config.pluginmanager.register(_Record(Path(config.getoption("--record"))))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    kinds = {item: _about(item) for item in items}
    config.hook.pytest_deselected(items=[item for item in items if kinds[item] is None])
    items[:] = [item for item in items if kinds[item] is not None]
    for item in items:
        item.user_properties.append(("about", kinds[item]))


def _about(item: pytest.Item) -> tuple[str, str] | None:
    marks = {mark.name for mark in item.iter_markers()}
    kind = areas.kind(item.nodeid, marks)
    return kind and (kind, areas.area(item.nodeid, marks))


class _Record:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._found: dict[str, tuple[str, str, str]] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """An item passes when its set-up and its cleaning up do too."""
        item = report.nodeid.rpartition("/")[2]
        kind, area = dict(report.user_properties)["about"]
        before = self._found.get(item)
        if before is None or report.outcome != "passed":
            self._found[item] = (kind, area, report.outcome)

    def pytest_sessionfinish(self) -> None:
        self._file.write_text(json.dumps(self._found))
