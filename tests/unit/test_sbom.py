"""The bill of materials of the wheel is valid CycloneDX and lists every pinned package."""

import json
import re
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from jsonschema_rs import Registry, validator_for

from tests.unit.prose import ROOT

VERSION = "0.1.0+7.gabc12345"


def write_bill(folder: Path) -> str:
    """Run the tool on a folder with two wheels and return the file that it writes."""
    folder.mkdir()
    (folder / f"talkmeter-{VERSION}-py3-none-any.whl").write_bytes(b"a wheel")
    (folder / f"talkmeter_client-{VERSION}-py3-none-any.whl").write_bytes(b"another")
    subprocess.run([sys.executable, ROOT / "tools" / "sbom.py", folder], check=True)
    return (folder / f"talkmeter-{VERSION}.cdx.json").read_text()


@pytest.fixture(scope="module")
def bill(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return json.loads(write_bill(tmp_path_factory.mktemp("wheels") / "dist"))


def schema(name: str) -> dict[str, Any]:
    """Return one of the schemas that CycloneDX's library ships."""
    found: dict[str, Any] = json.loads(
        (files("cyclonedx.schema") / "_res" / f"{name}.SNAPSHOT.schema.json").read_text()
    )
    return found


def test_bill_of_materials_is_valid_cyclonedx(bill: Any) -> None:
    version = SchemaVersion.V1_6.to_version()
    others = [
        (f"http://cyclonedx.org/schema/{name}.SNAPSHOT.schema.json", schema(name)) for name in ("spdx", "jsf-0.82")
    ]
    validator = validator_for(schema(f"bom-{version}"), registry=Registry(others), validate_formats=True)

    assert bill["specVersion"] == version
    assert [error.message for error in validator.iter_errors(bill)] == []
    assert not validator.is_valid({**bill, "components": [{"type": "library"}]})


def test_bill_of_materials_has_each_pinned_package_with_all_its_hashes(bill: Any) -> None:
    listed = {
        (part["name"], part["version"]): part for part in bill["components"] if part["purl"].startswith("pkg:pypi")
    }
    text = (ROOT / "requirements" / "run.txt").read_text()
    pinned = re.findall(r"^(\w\S*)==(\S+)", text, re.MULTILINE)
    hashes = [entry["content"] for part in pinned for entry in listed[part]["hashes"]]

    assert len(pinned) > 30
    assert set(listed) == {*pinned, ("talkmeter-client", VERSION)}
    assert hashes == re.findall(r"--hash=sha256:(\w+)", text)


def test_bill_of_materials_has_what_the_page_consists_of_and_no_tools(bill: Any) -> None:
    listed = {part["name"]: part for part in bill["components"] if part["purl"].startswith("pkg:npm/")}
    package = json.loads((ROOT / "dashboard" / "package.json").read_text())

    assert package["dependencies"].items() <= {name: part["version"] for name, part in listed.items()}.items()
    assert package["devDependencies"].keys().isdisjoint(listed)
    assert listed["@mantine/core"]["purl"].startswith("pkg:npm/%40mantine/core@")
    assert {len(part["hashes"][0]["content"]) for part in listed.values()} == {128}
    assert all(part["licenses"] for part in listed.values())


def test_bill_of_materials_has_the_license_of_each_installed_package(bill: Any) -> None:
    without = {part["name"] for part in bill["components"] if "licenses" not in part}

    assert without <= {"colorama", "tzdata"}  # for Windows


def test_same_wheels_give_the_same_bill_of_materials_without_a_path(tmp_path: Path) -> None:
    first, second = write_bill(tmp_path / "first"), write_bill(tmp_path / "second")

    assert first == second
    assert str(tmp_path) not in first
    assert str(ROOT) not in first


def test_folder_without_the_wheels_is_an_error(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "sbom.py", tmp_path], capture_output=True, text=True, check=False
    )

    assert done.returncode == 1
    assert done.stderr == f"{tmp_path} must contain a wheel of Talkmeter and one of its client. Run: make wheel\n"
