"""Take the screenshots in docs/images, from the demo data of a fixed month, so they are the same every time.

Run by `make screenshots`, which builds the page first. The server is real, with a temporary database. The browser's
clock is fixed, and `last_event_at` is replaced by the same time.
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

from talkmeter.billing.plan_file import write_plan  # noqa: E402
from talkmeter.demo import usage as demo  # noqa: E402
from talkmeter.demo.plan import PLAN_ID, plan_from  # noqa: E402
from talkmeter.months import format_month, month_of  # noqa: E402
from talkmeter.period import MICROSECONDS_PER_DAY, read_instant  # noqa: E402
from tests.servers import running_server  # noqa: E402

if TYPE_CHECKING:
    from tests.servers import Server

IMAGES: Final = ROOT / "docs" / "images"
NOW: Final = "2026-10-20T14:00:00Z"
FIRST: Final = "2025-10-21T00:00:00Z"
FLAGS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run", "--disable-sync")
SCREENSHOTS: Final = (
    ("overview-light", 1280, "light", "", "window"),
    ("overview-dark", 1280, "dark", "", "window"),
    ("usage-light", 1280, "light", "", "page"),
    ("usage-dark", 1280, "dark", "", "page"),
    ("usage-year-light", 1280, "light", "last-12-months", "page"),
    ("usage-range-light", 1280, "light", "last-30-days", "calendar"),
    ("usage-phone-light", 360, "light", "last-7-days", "page"),
    ("usage-phone-dark", 360, "dark", "last-7-days", "page"),
    ("breakdown-light", 1280, "light", "", "Breakdown"),
    ("costs-light", 1280, "light", "", "Cost"),
    ("records-light", 1280, "light", "", "records"),
)
"""File name, width, color scheme, range, and what to capture."""


def main() -> int:
    """Take every screenshot."""
    chromium = os.environ.get("TALKMETER_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        print("Chromium was not found. Install it, or set TALKMETER_CHROMIUM to its path.", file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        running_server(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        key = load_demo_data(server)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        for name, width, scheme, range_, content in SCREENSHOTS:
            take_screenshot(browser, server, key, IMAGES / f"{name}.png", width, scheme, range_, content)
            print(f"docs/images/{name}.png")
        browser.close()
    return 0


def load_demo_data(server: Server) -> str:
    """Ingest a year of demo usage and return an admin key."""
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
    month = month_of(first)
    plan = server.folder / "plans.toml"
    plan.write_text(write_plan(PLAN_ID, plan_from(month)))
    server.cli("plans", "apply", str(plan), "--restate")
    server.cli("plans", "assign", demo.ORGANIZATION_ID, PLAN_ID, "--from", format_month(month), "--restate")
    return server.cli("keys", "add", "--org", demo.ORGANIZATION_ID, "--role", "admin")


def take_screenshot(
    browser: Browser, server: Server, key: str, file: Path, width: int, scheme: str, range_: str, content: str
) -> None:
    """Sign in, open the range and save one screenshot."""
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
    page.route("**/admin/usage/summary*", fix_last_event)
    # A forecast is of the server's present month, not of the fixed one.
    page.route("**/admin/usage/forecast*", lambda route: route.fulfill(status=404))
    page.goto(f"/organization/usage{range_ and f'?range={range_}'}")
    page.get_by_label("Key or token").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.locator("svg.recharts-surface").last.wait_for()
    breakdown = page.get_by_role("region", name="Breakdown")
    breakdown.get_by_role("row").last.wait_for()
    page.locator(".cost-plot svg").wait_for()
    page.mouse.move(0, 0)
    if content == "calendar":
        page.get_by_role("button", name="Date range").click()
        page.get_by_role("dialog").wait_for()
    elif content == "records":
        breakdown.get_by_role("link", name="show calls").first.press("Enter")
        page.get_by_role("dialog").get_by_role("row").last.wait_for()
        page.evaluate("document.activeElement.blur()")
    if content in ("Breakdown", "Cost"):
        region = page.get_by_role("region", name=content, exact=True)
        region.screenshot(path=file, animations="disabled", caret="hide")
    else:
        page.screenshot(path=file, full_page=content == "page", animations="disabled", caret="hide")
    context.close()


def fix_last_event(route: Route) -> None:
    """Return the server's response with a fixed `last_event_at`."""
    response = route.fetch()
    route.fulfill(response=response, json={**response.json(), "last_event_at": NOW})


if __name__ == "__main__":
    sys.exit(main())
