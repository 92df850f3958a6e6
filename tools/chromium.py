"""Print the path of a Chromium for the browser tests, and install one with apt-get if running as root on Debian.

Search order: TALKMETER_CHROMIUM, chromium-headless-shell, chromium or google-chrome in PATH, Playwright's own Chromium,
apt-get. The headless shell has no processes for the windows of a browser, which take as long as the page.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
INSTALL_TIMEOUT_SEC = 900
NOT_FOUND = (
    "The browser tests need Chromium, which was not found. Install it (Debian: apt-get install chromium; elsewhere: "
    "python -m playwright install chromium), set TALKMETER_CHROMIUM to its path, or skip these tests: "
    "make test BROWSER=no"
)


def main() -> int:
    """Print the path and return 0, or print an error and return 1."""
    configured = os.environ.get("TALKMETER_CHROMIUM")
    if configured and not shutil.which(configured):
        print(f"TALKMETER_CHROMIUM is {configured}, which is not an executable.", file=sys.stderr)
        return 1
    path = configured or find_in_path() or find_playwright_chromium() or install_with_apt()
    if not path:
        print(NOT_FOUND, file=sys.stderr)
        return 1
    print(path)
    return 0


def find_in_path() -> str | None:
    """Return the path of an installed Chromium or Chrome."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def find_playwright_chromium() -> str | None:
    """Return the path of the Chromium that `playwright install chromium` installed for this user."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  slow, and needed only if PATH has no Chromium

    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).is_file() else None


def install_with_apt() -> str | None:
    """Install Debian's Chromium, which only root can do, and return its path."""
    if os.geteuid() != 0 or not Path("/etc/debian_version").is_file() or not shutil.which("apt-get"):
        return None
    print("Installing Chromium with apt-get for the browser tests.", file=sys.stderr)
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["install", "--yes", "--no-install-recommends"]
    for arguments in (["update"], [*install, "chromium-headless-shell"], [*install, "chromium"]):
        subprocess.run(
            ["apt-get", "--quiet", *arguments],  # noqa: S607  apt-get is looked up in root's PATH
            env=environ,
            stdout=sys.stderr,
            timeout=INSTALL_TIMEOUT_SEC,
            check=False,
        )
        # Older releases have no package with the headless shell.
        if path := find_in_path():
            return path
    return None


if __name__ == "__main__":
    sys.exit(main())
