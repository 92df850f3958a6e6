"""Take the pictures of docs/images: the demo's company, a fixed month, and so the same pictures every time.

Run by `make screenshots`, which has built the page. The server is a real one with a database of its own; the browser's
clock stands still, and the one figure that tells when the events were sent is set to that time, too.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from playwright.sync_api import Browser, Route, sync_playwright  # noqa: E402  the path comes first

from talkmeter import demo  # noqa: E402
from talkmeter.period import MICROSECONDS_PER_DAY, read_instant  # noqa: E402
from tests.servers import running_server  # noqa: E402

if TYPE_CHECKING:
    from tests.servers import Server

IMAGES: Final = ROOT / "docs" / "images"
NOW: Final = "2026-10-20T14:00:00Z"
FIRST: Final = "2025-10-21T00:00:00Z"
FLAGS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync")
PICTURES: Final = (
    ("overview-light", 1280, "light", "", "window"),
    ("overview-dark", 1280, "dark", "", "window"),
    ("usage-light", 1280, "light", "", "page"),
    ("usage-dark", 1280, "dark", "", "page"),
    ("usage-year-light", 1280, "light", "last-12-months", "page"),
    ("usage-range-light", 1280, "light", "last-30-days", "calendar"),
    ("usage-phone-light", 360, "light", "last-7-days", "page"),
    ("usage-phone-dark", 360, "dark", "last-7-days", "page"),
    ("drives-light", 1280, "light", "", "drives"),
    ("records-light", 1280, "light", "", "records"),
)
"""File, width, colour scheme, range, and what is in the picture."""


def main() -> int:
    """Take every picture."""
    chromium = os.environ.get("TALKMETER_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("There is no Chromium: install it, or name one by TALKMETER_CHROMIUM.", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        key = fill(server)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for name, width, scheme, range_, shown in PICTURES:
            take(browser, server, key, IMAGES / f"{name}.png", width, scheme, range_, shown)
            print(f"docs/images/{name}.png")
        browser.close()
    return 0


def fill(server: Server) -> str:
    """A year of the demo's usage, as `talkmeter ingest` reads it; a key to look at it."""
    until, first = read_instant(NOW), read_instant(FIRST) // MICROSECONDS_PER_DAY
    file = server.folder / "events.jsonl"
    with file.open("w") as lines:
        for event in demo.inventory_events(first):
            lines.write(json.dumps(event) + "\n")
        for day in range(first, until // MICROSECONDS_PER_DAY + 1):
            for event in demo.events_of_day(day, until):
                lines.write(json.dumps(event) + "\n")
    server.cli("orgs", "add", demo.ORGANIZATION_ID, "--name", demo.ORGANIZATION_NAME)
    server.cli("ingest", str(file))
    return server.cli("keys", "add", "--org", demo.ORGANIZATION_ID, "--role", "admin")


def take(
    browser: Browser, server: Server, key: str, file: Path, width: int, scheme: str, range_: str, shown: str
) -> None:
    """One picture."""
    context = browser.new_context(
        base_url=server.url,
        viewport={"width": width, "height": 800},
        device_scale_factor=1,
        color_scheme="dark" if scheme == "dark" else "light",
        locale="en-US",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.clock.set_fixed_time(NOW)
    page.route("**/admin/usage/summary*", still)
    page.goto(f"/organization/usage{range_ and f'?range={range_}'}")
    page.get_by_label("Key or token").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.locator("svg.recharts-surface").last.wait_for()
    drives = page.get_by_role("region", name="What drives it")
    drives.get_by_role("listitem").first.wait_for()
    page.mouse.move(0, 0)
    if shown == "calendar":
        page.get_by_role("button", name="Date range").click()
        page.get_by_role("dialog").wait_for()
    elif shown == "records":
        drives.get_by_role("link").first.press("Enter")
        page.get_by_role("dialog").get_by_role("row").last.wait_for()
        page.evaluate("document.activeElement.blur()")
    if shown == "drives":
        drives.screenshot(path=file, animations="disabled", caret="hide")
    else:
        page.screenshot(path=file, full_page=shown == "page", animations="disabled", caret="hide")
    context.close()


def still(route: Route) -> None:
    """The server's answer, its newest event at the time of the picture."""
    answer = route.fetch()
    route.fulfill(response=answer, json={**answer.json(), "last_event_at": NOW})


if __name__ == "__main__":
    sys.exit(main())
