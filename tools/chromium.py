"""Print the path of a Chromium for the tests in a real browser, installing one where that can be done unasked.

In this order: TALKMETER_CHROMIUM, chromium or google-chrome in PATH, Playwright's own, apt-get as root on Debian.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_SEC = 900
WHAT_TO_DO = (
    "The tests of the page need Chromium, and there is none. Install it (Debian: apt-get install chromium; anywhere: "
    "python -m playwright install chromium), name one by TALKMETER_CHROMIUM, or leave them out: make test BROWSER=no"
)


def main() -> int:
    """Print the path; 1 with a sentence where there is none."""
    named = os.environ.get("TALKMETER_CHROMIUM")
    if named and not shutil.which(named):
        print(f"TALKMETER_CHROMIUM names {named}, which cannot be run.", file=sys.stderr)
        return 1
    found = named or in_path() or of_playwright() or by_apt()
    if not found:
        print(WHAT_TO_DO, file=sys.stderr)
        return 1
    print(found)
    return 0


def in_path() -> str | None:
    """A Chromium or Chrome that the machine has."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def of_playwright() -> str | None:
    """The Chromium that `playwright install chromium` has put into the home of whoever runs this."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  slow, and needed only where PATH has none

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def by_apt() -> str | None:
    """Debian's Chromium, installed now; only root may do that."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").is_file() or not shutil.which("apt-get"):
        return None
    print("Installing Chromium with apt-get, for the tests of the page.", file=sys.stderr)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", "chromium"]):
        done = subprocess.run(
            ["apt-get", "--quiet", *arguments],  # noqa: S607  root's own PATH decides which apt-get it is
            env=environ,
            stdout=sys.stderr,
            timeout=INSTALL_SEC,
            check=False,
        )
        if done.returncode != 0:
            return None
    return in_path()


if __name__ == "__main__":
    sys.exit(main())
