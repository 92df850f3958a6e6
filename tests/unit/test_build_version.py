"""Each build of a git checkout has its own version, which increases; outside of git it is the base version."""

import subprocess
import sys
import tomllib
from pathlib import Path
from shutil import copy

from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parent.parent.parent
PROGRAM = "from build_version import build_version; print(build_version())"


def git(folder: Path, *arguments: str) -> str:
    """Run git without the settings of this machine, and return its output."""
    identity = ("-c", "user.name=Ann", "-c", "user.email=ann@example.com")
    done = subprocess.run(["git", *identity, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def version_in(folder: Path) -> str:
    """Return the version of a build in the folder."""
    program = [sys.executable, "-B", "-c", PROGRAM]
    return subprocess.run(program, cwd=folder, capture_output=True, text=True, check=True).stdout.strip()


def checkout(folder: Path) -> Path:
    """Return a folder that is a git checkout without a commit."""
    copy(ROOT / "client" / "build_version.py", folder)
    git(folder, "init", "--quiet")
    return folder


def commit(folder: Path, text: str) -> str:
    """Commit a changed file and return the short hash."""
    (folder / "file").write_text(text)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", text)
    return git(folder, "rev-parse", "--short=8", "HEAD")


def test_version_has_the_number_of_commits_and_the_hash_of_the_last_one(tmp_path: Path) -> None:
    folder = checkout(tmp_path)

    assert version_in(folder) == "0.1.0"
    first = commit(folder, "1")
    assert version_in(folder) == f"0.1.0+1.g{first}"
    second = commit(folder, "2")
    assert version_in(folder) == f"0.1.0+2.g{second}"
    assert Version(f"0.1.0+10.g{second}") > Version(f"0.1.0+2.g{second}") > Version("0.1.0")


def test_version_of_changed_files_says_so(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    first = commit(folder, "1")

    (folder / "file").write_text("2")

    assert version_in(folder) == f"0.1.0+1.g{first}.dirty"


def test_version_outside_of_git_is_the_base_version(tmp_path: Path) -> None:
    copy(ROOT / "client" / "build_version.py", tmp_path)

    assert version_in(tmp_path) == "0.1.0"


def test_unpacked_sdist_in_the_checkout_of_another_project_has_the_base_version(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    git(folder, "rm", "--quiet", "--cached", "--force", "--ignore-unmatch", "build_version.py")
    (folder / ".gitignore").write_text("build_version.py")
    commit(folder, "1")

    assert version_in(folder) == "0.1.0"


def test_server_accepts_the_client_of_the_same_build() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (client,) = [name for name in map(Requirement, project["dependencies"]) if name.name == "talkmeter-client"]

    assert client.specifier.contains(f"{version_in(ROOT / 'client').partition('+')[0]}+214.g8513e6cf")
    assert not client.specifier.contains("0.2.0")
