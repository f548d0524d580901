"""Known vulnerabilities of what is pinned, asked of the OSV database in one request.

https://google.github.io/osv.dev/post-v1-querybatch/
"""

import json
from collections.abc import Sequence
from urllib.request import Request, urlopen

from tests.supply.lock import Package

OSV = "https://api.osv.dev/v1/querybatch"
PATIENCE_SECONDS = 10


class NotAsked(Exception):
    """The database could not be reached, or did not answer the question."""


def known(packages: Sequence[Package], url: str = OSV) -> dict[str, list[str]]:
    """Ids of advisories by ``name==version``; empty: none is known. Raises ``NotAsked``."""
    queries = [
        {"package": {"name": each.name, "ecosystem": "PyPI"}, "version": each.version}
        for each in packages
    ]
    question = Request(
        url,
        json.dumps({"queries": queries}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urlopen(question, timeout=PATIENCE_SECONDS) as answer:
            results = json.load(answer)["results"]
        found = [[each["id"] for each in result.get("vulns", ())] for result in results]
        by_package = dict(zip(_names(packages), found, strict=True))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise NotAsked(str(error)) from error
    return {name: ids for name, ids in by_package.items() if ids}


def _names(packages: Sequence[Package]) -> list[str]:
    return [f"{each.name}=={each.version}" for each in packages]
