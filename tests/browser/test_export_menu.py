"""The export menu."""

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import USAGE, Visitor, assert_accessible


def open_menu(page: Page) -> None:
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("menu", name="Export")).to_be_visible()


@pytest.mark.parametrize(
    ("item", "file", "rows"),
    [
        ("Daily totals, CSV", "daily.csv", 1 + 15),
        ("Daily totals, JSON lines", "daily.jsonl", 15),
        ("Breakdown: Agents, CSV", ".csv", 1 + 3),
        ("Calls, CSV", ".csv", 1 + 5),
        ("Workflow runs, CSV", ".csv", 1 + 4),
    ],
)
def test_each_menu_item_downloads_the_range(visitor: Visitor, item: str, file: str, rows: int) -> None:
    page = visitor.open_usage()
    open_menu(page)
    with page.expect_download() as download:
        page.get_by_role("menuitem", name=item).click()
    name = download.value.suggested_filename
    assert name.startswith("talkmeter-acme-2026-03-01-to-2026-03-15")
    assert name.endswith(file)
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()
    assert len(lines) == rows
    if file.endswith("jsonl"):
        assert json.loads(lines[0])["day"] == "2026-03-01"
    expect(page.get_by_role("menu")).to_have_count(0)


def test_breakdown_export_is_of_the_open_tab(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?by=workflow")
    open_menu(page)
    item = page.get_by_role("menuitem", name="Breakdown: Workflows, CSV")
    expect(item).to_have_attribute("href", re.compile(r"of=breakdown.*by=workflow&order=runs&organization_id=acme$"))


def test_arrow_keys_move_in_the_menu_and_escape_returns_the_focus(visitor: Visitor) -> None:
    page = visitor.open_usage()
    button = page.get_by_role("button", name="Export")
    button.press("Enter")
    expect(page.get_by_role("menuitem").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("menuitem").last).to_be_focused()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("menuitem", name="JSON lines")).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Escape")
    expect(page.get_by_role("menu")).to_have_count(0)
    expect(button).to_be_focused()


def test_click_outside_closes_the_menu(visitor: Visitor) -> None:
    page = visitor.open_usage(width=360)
    open_menu(page)
    assert_accessible(page)
    page.get_by_role("heading", name="Over time").click()
    expect(page.get_by_role("menu")).to_have_count(0)
