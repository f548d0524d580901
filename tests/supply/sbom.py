"""The bill of materials, CycloneDX 1.6 as JSON: the same lock file, the same bill.

https://cyclonedx.org/docs/1.6/json/
"""

import re
import tomllib
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

from tests.supply.lock import ROOT, Package, needed, read

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://cyclonedx.org/s3gw")
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def bill(root: Path = ROOT) -> dict[str, Any]:
    """Of what a server is installed from; what only builds it is marked ``excluded``."""
    lock = root / "requirements.lock"
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    packages = read(lock)
    wanted = [found[0] for text in project["dependencies"] if (found := _NAME.match(text))]
    at_run_time = needed(packages, wanted)
    own = f"pkg:pypi/s3gw@{project['version']}"
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, lock.read_text())}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "name": project["name"],
                "version": project["version"],
                "purl": own,
                "licenses": [{"expression": project["license"]}],
            }
        },
        "components": [_component(each, each.name in at_run_time) for each in packages],
        "dependencies": _dependencies(own, packages),
    }


def _component(package: Package, at_run_time: bool) -> dict[str, Any]:
    page = f"https://pypi.org/project/{package.name}/{package.version}/"
    hashes = [{"alg": "SHA-256", "content": each} for each in package.hashes]
    found: dict[str, Any] = {
        "type": "library",
        "bom-ref": _purl(package),
        "name": package.name,
        "version": package.version,
        "purl": _purl(package),
        "scope": "required" if at_run_time else "excluded",
        "externalReferences": [{"type": "distribution", "url": page, "hashes": hashes}],
    }
    if licence := _licence(package):
        found["licenses"] = [{"expression": licence}]
    if package.marker:
        found["properties"] = [{"name": "python:marker", "value": package.marker}]
    return found


def _licence(package: Package) -> str | None:
    """The SPDX expression of the package as it is installed here, if it has one."""
    try:
        return metadata.metadata(package.name).get("License-Expression")
    except metadata.PackageNotFoundError:
        return None


def _dependencies(own: str, packages: list[Package]) -> list[dict[str, Any]]:
    needs: dict[str, tuple[str, list[str]]] = {own: ("s3gw", [])} | {
        _purl(each): (each.name, []) for each in packages
    }
    for each in packages:
        for name, found in needs.values():
            if name in each.wanted_by:
                found.append(_purl(each))
    return [{"ref": purl, "dependsOn": found} for purl, (_, found) in needs.items()]


def _purl(package: Package) -> str:
    """https://github.com/package-url/purl-spec/blob/main/types-doc/pypi-definition.md"""
    return f"pkg:pypi/{package.name.lower().replace('_', '-')}@{package.version}"
