"""How soon the page shows its numbers, in a real Chromium: cards, last chart, and a range changed to 366 days."""

import os
import shutil
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

from playwright.sync_api import Browser, Page, sync_playwright

from bench.load import LARGE
from bench.result_table import WORDS, Column, Measured
from bench.summary import load
from tests.servers import running_server

FLAGS: Final = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync")
LOADS: Final = 7
MONTH: Final = "2025-12-01..2025-12-31"
USAGE: Final = "/organization/usage"
_SHOWS_THE_YEAR: Final = """() => location.search.includes("last-12-months")
    && document.querySelector(".figures[aria-busy=false]:not(.late)") !== null"""


class Paint(NamedTuple):
    """Medians, in seconds: from the navigation to the cards and to the last chart, from a choice to the new cards."""

    cards: float
    last_chart: float
    changed_range: float


def measure_paint(conversations: int) -> Measured:
    """How soon the page shows its numbers."""
    with tempfile.TemporaryDirectory() as folder:
        measured = paint_times(Path(folder), conversations)
    names = ("cards with numbers", "last chart", "range changed to a year")
    rows = () if measured is None else tuple(zip(names, measured, (1.0, 1.5, 0.8), strict=True))
    missing = "The page was not timed: there is no Chromium (apt-get install chromium, or TALKMETER_CHROMIUM)."
    return Measured(
        name="page-load",
        title=f"The page in Chromium over {conversations:,} conversations, medians of {LOADS}, nothing in its cache",
        columns=(WORDS, Column("seconds", 2), Column("at most", 1)),
        rows=rows,
        note="" if rows else missing,
    )


def paint_times(folder: Path, conversations: int) -> Paint | None:
    """Time the page over a loaded database; None where there is no Chromium."""
    chromium = os.environ.get("TALKMETER_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        return None
    load(folder, conversations)
    with running_server(folder) as server, sync_playwright() as playwright:
        key = server.cli("keys", "add", "--org", LARGE, "--role", "admin")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        times = [_one_visit(browser, server.url, key) for _ in range(LOADS)]
        browser.close()
    return Paint(*(median(figures) for figures in zip(*times, strict=True)))


def _one_visit(browser: Browser, url: str, key: str) -> Paint:
    """Sign in, then come back with an empty cache and look at a month; then choose the whole year."""
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
    page.wait_for_function(_SHOWS_THE_YEAR)
    changed = time.perf_counter() - started
    context.close()
    return Paint(cards, last_chart, changed)


def _since_navigation(page: Page) -> float:
    milliseconds: float = page.evaluate("performance.now()")
    return milliseconds / 1000
