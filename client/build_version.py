"""The version of a build: in a git checkout with the number of commits and the last one's hash, so builds differ.

Hatchling reads it for both packages. A wheel that is built from an sdist has the version of the sdist.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

BASE = "0.1.0"


def build_version() -> str:
    """Return a PEP 440 version such as 0.1.0+214.g8513e6c; .dirty follows if files were changed after the commit.

    Outside of a git checkout it is the base alone.
    """
    # An unpacked sdist may be below another project's checkout, which does not track this file.
    if _git("ls-files", "--error-unmatch", Path(__file__).name) is None:
        return BASE
    commits, commit = _git("rev-list", "--count", "HEAD"), _git("rev-parse", "--short=8", "HEAD")
    if commits is None or commit is None:
        return BASE
    changed = ".dirty" if _git("status", "--porcelain", "--untracked-files=no") else ""
    return f"{BASE}+{commits}.g{commit}{changed}"


def _git(*arguments: str) -> str | None:
    """Return the output of a git command in this folder, or None if it fails."""
    folder = str(Path(__file__).parent)
    try:
        done = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=False)  # noqa: S603, S607  the user's own git
    except FileNotFoundError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None
