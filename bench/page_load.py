"""Page load time in a real Chromium, also after a change of the range and on a slow network."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from bench.load import LARGE
from bench.result_table import LABEL, ResultColumn, ResultTable
from bench.summary import load
from tests.servers import running_server

FLAGS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync")
LOADS: Final = 7
MONTH: Final = "2025-12-01..2025-12-31"
USAGE: Final = "/organization/usage"
LATENCY_MS: Final = 2_000
_YEAR_IS_SHOWN: Final = """() => location.search.includes("last-12-months")
    && document.querySelector(".figures[aria-busy=false]:not(.late)") !== null"""


class PageLoad(NamedTuple):
    """Seconds from the navigation to the cards and to the last chart, and from a range change to the new cards.

    `slow_cards`: from the navigation to the cards with a latency of `LATENCY_MS` for each request.
    """

    cards: float
    last_chart: float
    changed_range: float
    slow_cards: float


def measure_page_load(conversations: int) -> ResultTable:
    """Measure the page; the table is empty if Chromium is not installed."""
    with tempfile.TemporaryDirectory() as folder:
        times = page_load_times(Path(folder), conversations)
    names = (
        "summary cards shown",
        "last chart shown",
        "range changed to a year",
        f"summary cards shown, {LATENCY_MS / 1000:.0f} s latency of each request",
    )
    rows = () if times is None else tuple(zip(names, times, (0.6, 1.0, 0.8, 5.0), strict=True))
    missing = "Not measured: Chromium was not found. Install it (apt-get install chromium) or set TALKMETER_CHROMIUM."
    return ResultTable(
        name="page-load",
        title=f"Page load in Chromium with an empty cache, {conversations:,} conversations, medians of {LOADS} loads",
        columns=(LABEL, ResultColumn("seconds", 2), ResultColumn("target", 1)),
        rows=rows,
        note="" if rows else missing,
    )


def page_load_times(folder: Path, conversations: int) -> PageLoad | None:
    """Return the median times over a loaded database, or None if Chromium is not installed."""
    chromium = os.environ.get("TALKMETER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return None
    load(folder, conversations)
    with running_server(folder) as server, sync_playwright() as playwright:
        key = server.cli("keys", "add", "--org", LARGE, "--role", "admin")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        times = [_visit(browser, server.url, key) for _ in range(LOADS)]
        browser.close()
    return PageLoad(*(median(values) for values in zip(*times, strict=True)))


def _visit(browser: Browser, url: str, key: str) -> PageLoad:
    """Sign in, open a month in a new tab, then choose the last 12 months."""
    context = browser.new_context(base_url=url, locale="en-US", viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(USAGE)
    page.get_by_label("Key or token").fill(key)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("group", name="Total Calls", exact=True).wait_for()
    page.close()
    page = context.new_page()
    page.goto(f"{USAGE}?range={MONTH}", wait_until="commit")
    page.get_by_role("group", name="Total Calls", exact=True).wait_for()
    cards = _since_navigation(page)
    page.locator("svg.recharts-surface").nth(2).wait_for()
    last_chart = _since_navigation(page)
    page.get_by_role("button", name="Date range").click()
    preset = page.get_by_role("button", name="Last 12 months")
    preset.wait_for()
    started = time.perf_counter()
    preset.click()
    page.wait_for_function(_YEAR_IS_SHOWN)
    changed = time.perf_counter() - started
    page.close()
    slow_cards = _visit_slowly(context)
    context.close()
    return PageLoad(cards, last_chart, changed, slow_cards)


def _visit_slowly(context: BrowserContext) -> float:
    """Open the month in a new tab with an empty cache on a slow network."""
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    network.send("Network.clearBrowserCache")
    conditions = {"offline": False, "latency": LATENCY_MS, "downloadThroughput": -1, "uploadThroughput": -1}
    network.send("Network.emulateNetworkConditions", conditions)
    page.goto(f"{USAGE}?organization_id={LARGE}&range={MONTH}", wait_until="commit")
    page.get_by_role("group", name="Total Calls", exact=True).wait_for()
    return _since_navigation(page)


def _since_navigation(page: Page) -> float:
    milliseconds: float = page.evaluate("performance.now()")
    return milliseconds / 1000
