"""Check the pinned packages of Talkmeter and its page for known vulnerabilities: pip-audit and npm audit.

Exits with 0 if none is known, 1 if one is, and 2 if a package could not be checked, for example without a network.
Run by ``make audit``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SEC = 600
REQUIREMENTS = "requirements/run.txt"
LOCK = "dashboard/package-lock.json"
OFFLINE = "Check the network and the proxy, then run make audit again. Offline, nothing is checked."


class Result(NamedTuple):
    """What is known about the packages of one list: a sentence for each vulnerability and for each failure."""

    vulnerabilities: list[str]
    failures: list[str]


def main() -> int:
    """Print what was found and return the exit code."""
    pip_audit = [sys.executable, "-m", "pip_audit", "--requirement", REQUIREMENTS, "--disable-pip", "--require-hashes"]
    npm_audit = [sys.executable, "hatch_build.py", "npm", "audit", "--omit=dev", "--package-lock-only", "--json"]
    results = {
        REQUIREMENTS: read_pip_audit(_output([*pip_audit, "--format=json", "--progress-spinner=off"])),
        LOCK: read_npm_audit(_output(npm_audit)),
    }
    for name, result in results.items():
        for sentence in (*result.vulnerabilities, *result.failures):
            print(f"{name}: {sentence}", file=sys.stderr)
        if result == Result([], []):
            print(f"{name}: no vulnerability is known.")
    if any(result.failures for result in results.values()):
        print(OFFLINE, file=sys.stderr)
    if any(result.vulnerabilities for result in results.values()):
        return 1
    return 2 if any(result.failures for result in results.values()) else 0


def read_pip_audit(output: str) -> Result:
    """Read the JSON of pip-audit. A package that it skips is a failure, although pip-audit itself exits with 0."""
    try:
        packages = json.loads(output)["dependencies"]
    except (ValueError, KeyError):
        return Result([], ["not checked, because pip-audit could not read the list of vulnerabilities."])
    found = [
        f"{package['name']} {package['version']} has {flaw['id']}; fixed in: {', '.join(flaw['fix_versions'])}."
        for package in packages
        for flaw in package.get("vulns", [])
    ]
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    return Result(found, [f"not checked: {', '.join(skipped)}."] if skipped else [])


def read_npm_audit(output: str) -> Result:
    """Read the JSON of npm audit."""
    try:
        packages = json.loads(output)["vulnerabilities"]
    except (ValueError, KeyError):
        return Result([], ["not checked, because npm audit could not read the list of vulnerabilities."])
    return Result(
        [
            f"{name} {package['range']} has a vulnerability ({package['severity']})."
            for name, package in packages.items()
        ],
        [],
    )


def _output(command: list[str]) -> str:
    """Return what a command prints, also if it fails: both tools exit with 1 if there is a vulnerability."""
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SEC, check=False)
    except subprocess.TimeoutExpired:
        return ""
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
