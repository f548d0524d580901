"""``python -m tests.supply sbom`` prints the bill of materials, ``audit`` asks for advisories."""

import json
import sys

from tests.supply import advisories, sbom
from tests.supply.lock import ROOT, read

LOCKS = ("requirements.lock", "requirements-dev.lock")


def audit(url: str = advisories.OSV) -> int:
    """One line; 1 when something is known. Not to be reached is told by name and is no success."""
    pinned = {(each.name, each.version): each for lock in LOCKS for each in read(ROOT / lock)}
    packages = [pinned[each] for each in sorted(pinned)]
    try:
        found = advisories.known(packages, url)
    except advisories.NotAsked as error:
        print(f"dependency audit: NOT DONE, {len(packages)} packages were not looked at: {error}")
        return 0
    for package, ids in found.items():
        print(f"dependency audit: {package} has {', '.join(ids)}")
    print(f"dependency audit: {len(packages)} packages, {len(found)} with known vulnerabilities")
    return 1 if found else 0


def main() -> int:
    """Do what was asked for."""
    match sys.argv[1:]:
        case ["sbom"]:
            print(json.dumps(sbom.bill(), indent=1))
            return 0
        case ["audit"]:
            return audit()
        case _:
            print(__doc__, file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
