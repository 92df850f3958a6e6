"""The table of the breakdown: sorting, search, all rows, long names, print and phones."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.breakdown import breakdown, head, names, open_busy, rows, tab, table
from tests.browser.data import LONG_NAME
from tests.browser.visitor import USAGE, Visitor, assert_accessible


def test_column_heads_sort_and_say_so(visitor: Visitor) -> None:
    page = visitor.open_usage()
    expect(head(page, "Calls")).to_have_attribute("aria-sort", "descending")
    head(page, "Voice minutes").get_by_role("button").click()
    expect(page).to_have_url(re.compile(r"[?&]order=voice"))
    expect(head(page, "Voice minutes")).to_have_attribute("aria-sort", "descending")
    expect(table(page).locator("tbody tr").first).to_contain_text("60.2%")
    assert names(page) == ["Sales", "Reception", "Without an agent"]
    head(page, "Voice minutes").get_by_role("button").press("Enter")
    expect(head(page, "Voice minutes")).to_have_attribute("aria-sort", "ascending")
    assert names(page) == ["Reception", "Sales", "Without an agent"]
    head(page, "Agent").get_by_role("button").click()
    expect(head(page, "Agent")).to_have_attribute("aria-sort", "ascending")
    head(page, "Average").get_by_role("button").click()
    assert names(page) == ["Reception", "Sales", "Without an agent"]
    assert_accessible(page)


def test_each_figure_of_a_row_opens_its_calls(visitor: Visitor) -> None:
    page = visitor.open_usage()
    table(page).get_by_role("link", name="Reception, Chat minutes: 3.33, show calls").click()
    expect(page).to_have_url(re.compile(r"records=conversation:agent=agent-0,modality=chat$"))
    expect(page.get_by_role("dialog", name="Chat sessions of Reception").locator("tbody tr")).to_have_count(1)
    page.keyboard.press("Escape")
    tab(page, "Workflows").click()
    table(page).get_by_role("link", name="flow-2, Failed: 1, show workflow runs").click()
    expect(page).to_have_url(re.compile(r"records=workflow_execution:workflow=flow-2,status=failed$"))


def test_name_filters_the_page(visitor: Visitor) -> None:
    page = visitor.open_usage()
    table(page).get_by_role("link", name="Sales, filter the page by this agent").click()
    expect(page).to_have_url(re.compile(r"filter=agent:agent-1$"))
    expect(tab(page, "Agents")).to_have_count(0)
    expect(tab(page, "Workflows")).to_have_count(0)
    page.go_back()
    expect(tab(page, "Agents")).to_have_attribute("aria-selected", "true")


def test_all_values_can_be_shown_and_exported(visitor: Visitor) -> None:
    page = open_busy(visitor)
    shown = rows(page)
    assert len(shown) == 11
    assert shown[-1] == "4 other agents 13 10.50 0.00 0m 57s 20.6% was 0"
    with page.expect_download() as download:
        breakdown(page).get_by_role("link", name="Export has all 14").click()
    assert len(download.value.path().read_text().splitlines()) == 1 + 14
    breakdown(page).get_by_role("button", name="Show all 14").click()
    expect(table(page).locator("tbody tr")).to_have_count(14)
    expect(breakdown(page)).not_to_contain_text("other agents")
    assert_accessible(page)


def open_crowd(visitor: Visitor, **options: str | int) -> Page:
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=crowd", **options)
    expect(table(page)).to_contain_text("221 other agents")
    return page


def show_all(page: Page) -> None:
    breakdown(page).get_by_role("button", name="Show all 231").click()
    expect(table(page)).to_have_attribute("aria-rowcount", "232")


def test_search_finds_any_value_by_name_or_id(visitor: Visitor) -> None:
    page = open_crowd(visitor)
    search = breakdown(page).get_by_role("searchbox")
    search.fill("-217")
    expect(table(page).locator("tbody tr")).to_have_count(1)
    expect(breakdown(page)).to_contain_text("1 of 231 agents")
    search.fill("NORTHERN region")
    expect(table(page).locator("tbody tr")).to_have_count(1)
    assert_accessible(page)
    search.fill("nothing like this")
    expect(breakdown(page).get_by_role("status")).to_contain_text("No agents match “nothing like this”.")
    assert_accessible(page)


def test_long_table_renders_only_rows_in_view_and_reaches_the_last(visitor: Visitor) -> None:
    page = open_crowd(visitor)
    show_all(page)
    assert table(page).locator("tbody tr").count() < 60
    box = breakdown(page).get_by_role("region", name="All agents")
    box.focus()
    page.keyboard.press("End")
    last = table(page).get_by_role("row", name="Without an agent")
    expect(last).to_have_attribute("aria-rowindex", "232")
    assert_accessible(page)
    name = names(page)[-2]
    table(page).get_by_role("link", name=name).first.focus()
    page.mouse.move(*center(box))
    page.mouse.wheel(0, -100_000)
    expect(table(page).locator('[aria-rowindex="2"]')).to_be_visible()
    expect(table(page).get_by_role("link", name=name).first).to_be_attached()
    assert page.evaluate("document.activeElement.closest('table') !== null")


def center(box: Locator) -> tuple[float, float]:
    area = box.bounding_box()
    assert area is not None
    return area["x"] + area["width"] / 2, area["y"] + area["height"] / 2


def test_print_has_all_rows(visitor: Visitor) -> None:
    page = open_crowd(visitor)
    show_all(page)
    page.emulate_media(media="print")
    expect(table(page).locator("tbody tr")).to_have_count(231)
    page.emulate_media(media="screen")
    expect(table(page).locator("tbody tr")).not_to_have_count(231)


def test_long_name_has_two_lines_and_is_shown_in_full_on_hover_and_focus(visitor: Visitor) -> None:
    page = open_crowd(visitor)
    name = table(page).get_by_role("link", name=LONG_NAME.strip()).first
    assert name.evaluate("link => link.clientHeight") < 50
    tooltip = page.get_by_role("tooltip")
    name.focus()
    expect(tooltip).to_contain_text(LONG_NAME.strip())
    expect(tooltip).to_contain_text("crowd-000")
    page.keyboard.press("Escape")
    expect(tooltip).to_have_count(0)
    name.blur()
    name.hover()
    expect(tooltip).to_be_visible()
    assert_accessible(page)


def test_phone_shows_cards_and_can_sort_them(visitor: Visitor) -> None:
    page = visitor.open_usage(width=360)
    assert rows(page)[0].startswith("Reception")
    expect(table(page).get_by_role("columnheader", name="Calls")).to_have_attribute("aria-sort", "descending")
    breakdown(page).get_by_label("Sort by").select_option("Sort by voice minutes")
    expect(table(page).locator("tbody tr").first).to_contain_text("Sales")
    assert_accessible(page)
