"""`talkmeter-client` alone: what it installs, and that it changes no version of the packages beside it."""

import json
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests_integration.recipes import ROOT

UV = Path(sys.executable).with_name("uv")
PROGRAM = """
from talkmeter_client import Client, conversation
with Client("http://127.0.0.1:1", "key", spool="calls.spool") as client:
    assert client.waiting().events == 0
    client.close(0)
"""


def run(*command: str, cwd: Path) -> str:
    """Run a command in a folder and return its output."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the client."""
    folder = tmp_path_factory.mktemp("wheel")
    options = ["--quiet", "--python", sys.executable, "--no-build-isolation", "--wheel", "--out-dir", str(folder)]
    run(str(UV), "build", *options, str(ROOT / "client"), cwd=folder)
    [built] = folder.glob("*.whl")
    return built


def resolve(folder: Path, *requirements: str) -> dict[str, str]:
    """Return the newest versions that can be installed together, by package."""
    (folder / "requirements.in").write_text("\n".join(requirements))
    options = ["--quiet", "--no-config", "--no-header", "--no-annotate", "--python-version", "3.11"]
    lines = run(str(UV), "pip", "compile", *options, "requirements.in", cwd=folder).splitlines()
    return dict(line.split("==") for line in lines if "==" in line)


def test_client_alone_needs_only_httpx_and_msgspec(wheel: Path, tmp_path: Path) -> None:
    environment = tmp_path / "environment"
    venv.create(environment)
    python = str(environment / "bin" / "python")
    run(str(UV), "pip", "install", "--quiet", "--python", python, str(wheel), cwd=tmp_path)
    listed = json.loads(run(str(UV), "pip", "list", "--python", python, "--format", "json", cwd=tmp_path))
    run(python, "-c", PROGRAM, cwd=tmp_path)
    run(str(environment / "bin" / "talkmeter-spool"), "show", "calls.spool", cwd=tmp_path)
    names = {package["name"] for package in listed} - {"pip", "setuptools", "wheel"}

    assert names <= {"talkmeter-client", *resolve(tmp_path, "httpx", "msgspec")}
    assert names >= {"talkmeter-client", "httpx", "msgspec"}


@pytest.mark.parametrize("neighbor", ["prefect", "mlflow", "litellm", "crewai"])
def test_client_changes_no_version_of_a_package_beside_it(wheel: Path, tmp_path: Path, neighbor: str) -> None:
    alone = resolve(tmp_path, neighbor)
    beside = resolve(tmp_path, neighbor, str(wheel))

    assert alone[neighbor]
    assert alone.items() <= beside.items()
    assert {"httpx", "msgspec"} <= set(beside)
