"""Write a bill of materials next to the wheels in a folder: talkmeter-<version>.cdx.json (CycloneDX 1.6).

It lists the client, the packages of requirements/run.txt, and the npm packages of dashboard/package-lock.json that are
in the page. It has no date and no path, so the same wheels give the same file. Licenses of Python
packages are read from the installed ones, so a package that only another platform needs has none.

Run by ``make wheel``.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
OWN_LICENSE = [{"expression": "Apache-2.0"}]
_REQUIREMENT = re.compile(r"^([a-z0-9._-]+)==([^\s;]+)((?:.*\\\n)*.*)", re.MULTILINE)


def main() -> int:
    """Write the file into the folder that is the only argument. Returns 1 if it does not contain the two wheels."""
    folder = Path(sys.argv[1])
    wheels = [wheel for name in ("talkmeter", "talkmeter_client") for wheel in folder.glob(f"{name}-*.whl")]
    if len(wheels) != 2:
        print(f"{folder} must contain a wheel of Talkmeter and one of its client. Run: make wheel", file=sys.stderr)
        return 1
    document = json.dumps(bill_of_materials(*wheels), indent=1)
    (folder / f"talkmeter-{_version(wheels[0])}.cdx.json").write_text(document + "\n")
    return 0


def bill_of_materials(wheel: Path, client: Path) -> dict[str, Any]:
    """Return the CycloneDX document of a wheel of Talkmeter and one of its client."""
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": _own_component("application", "talkmeter", wheel)},
        "components": [_own_component("library", "talkmeter-client", client), *_python_packages(), *_npm_packages()],
    }


def _own_component(kind: str, name: str, wheel: Path) -> dict[str, Any]:
    hashes = {"SHA-256": [hashlib.sha256(wheel.read_bytes()).hexdigest()]}
    return _component("pypi", name, _version(wheel), hashes, OWN_LICENSE) | {"type": kind}


def _version(wheel: Path) -> str:
    return wheel.name.split("-")[1]


def _python_packages() -> list[dict[str, Any]]:
    """Return the packages of requirements/run.txt, each with the hashes of all files that pip may install."""
    requirements = _REQUIREMENT.findall((ROOT / "requirements" / "run.txt").read_text())
    return [
        _component("pypi", name, version, {"SHA-256": re.findall(r"sha256:(\w+)", rest)}, _installed_license(name))
        for name, version, rest in requirements
    ]


def _installed_license(name: str) -> list[dict[str, Any]]:
    """Return the license in the metadata of an installed package; empty if it is not installed or states none."""
    try:
        fields = metadata(name)
    except PackageNotFoundError:
        return []
    if "License-Expression" in fields:
        return [{"expression": fields["License-Expression"]}]
    classified = [
        text.split(" :: ")[-1] for text in fields.get_all("Classifier") or [] if text.startswith("License ::")
    ]
    # The field can contain the text of the license; the name is its first line.
    stated = (fields["License"] or "").partition("\n")[0] if "License" in fields else ""
    return [{"license": {"name": text}} for text in ([stated] if stated else classified)]


def _npm_packages() -> list[dict[str, Any]]:
    """Return the packages that the page needs; those marked dev or devOptional are only for its build and tests."""
    packages = json.loads((ROOT / "dashboard" / "package-lock.json").read_text())["packages"]
    return [
        _component(
            "npm",
            path.rpartition("node_modules/")[2],
            package["version"],
            _integrity_hashes(package["integrity"]),
            [{"expression": package["license"]}],
        )
        for path, package in packages.items()
        if path and not package.get("dev") and not package.get("devOptional")
    ]


def _integrity_hashes(integrity: str) -> dict[str, list[str]]:
    """Return the hash of a file in package-lock.json, such as sha512-<base64>."""
    algorithm, _, digest = integrity.partition("-")
    return {algorithm.upper().replace("SHA", "SHA-"): [base64.b64decode(digest).hex()]}


def _component(
    registry: str, name: str, version: str, hashes: dict[str, list[str]], licenses: list[dict[str, Any]]
) -> dict[str, Any]:
    """Return a library; `hashes` maps algorithms to hexadecimal digests."""
    purl = f"pkg:{registry}/{quote(name)}@{quote(version)}"
    contents = [{"alg": algorithm, "content": content} for algorithm in hashes for content in hashes[algorithm]]
    found = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "hashes": contents}
    return found | ({"licenses": licenses} if licenses else {})


if __name__ == "__main__":
    sys.exit(main())
