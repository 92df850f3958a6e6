"""For everyone: the keyboard alone, narrow and wide, light and dark, paper, and nothing that jumps."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.watch import SHIFT, USAGE, Visitor, assert_accessible, card, range_button

MAX_TABS = 25
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def tab_to(page: Page, text: str) -> None:
    """Press Tab until an element with this text has the focus."""
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        if text in page.evaluate("document.activeElement.matches('button') ? document.activeElement.textContent : ''"):
            return
    raise AssertionError(f"the focus never came to {text}")


def test_the_keyboard_alone_goes_from_signing_in_to_a_changed_range(visitor: Visitor) -> None:
    page = visitor.open()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the page")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.get_by_label("Key or token")).to_be_focused()
    page.keyboard.type(visitor.keys.acme)
    page.keyboard.press("Enter")
    expect(card(page, "Total Calls")).to_be_visible()
    tab_to(page, "Date range")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog", name="Choose a date range")).to_be_visible()
    tab_to(page, "Last 7 days")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(range_button(page)).to_be_focused()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls4")


def test_days_are_picked_with_the_arrow_keys_and_the_focus_stays_in_the_dialog(visitor: Visitor) -> None:
    page = visitor.report()
    range_button(page).press("Enter")
    day = page.get_by_role("button", name="Tue, Mar 10, 2026", exact=True)
    day.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowUp")
    expect(page.get_by_role("button", name="Mon, Mar 2, 2026", exact=True)).to_be_focused()
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('[role=dialog]') !== null")
    page.get_by_role("button", name="Mon, Mar 2, 2026", exact=True).press("Enter")
    expect(page).to_have_url(f"{visitor.server.url}{USAGE}?organization_id=acme&range=2026-03-02..2026-03-10")


@pytest.mark.parametrize("range_", ["today", "last-12-months"])
def test_the_page_fits_any_width(visitor: Visitor, range_: str) -> None:
    page = visitor.report(f"{USAGE}?range={range_}", width=2560)
    for width in (2560, 1920, 1280, 1000, 768, 600, 360):
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.locator("svg.recharts-surface")).to_have_count(4)
        assert page.evaluate(_OVERFLOW) == 0, width


@pytest.mark.parametrize("width", [360, 1280])
def test_the_month_is_accessible(visitor: Visitor, width: int) -> None:
    page = visitor.report(width=width)
    expect(page.locator("svg.recharts-surface")).to_have_count(4)
    assert_accessible(page)


def test_a_year_on_a_phone_scrolls_inside_its_card_with_the_newest_days_in_view(visitor: Visitor) -> None:
    page = visitor.report(f"{USAGE}?range=last-12-months", width=360)
    scroller = page.get_by_role("region", name="Calls per day, scrolls sideways")
    expect(scroller).to_be_visible()
    assert scroller.evaluate("box => box.scrollWidth >= 365 * 3")
    assert scroller.evaluate("box => Math.abs(box.scrollLeft + box.clientWidth - box.scrollWidth) <= 1")
    scroller.focus()
    expect(scroller).to_be_focused()


def test_tables_of_every_chart_are_accessible(visitor: Visitor) -> None:
    page = visitor.report()
    for chart in ("Voice Minutes", "Chat Minutes", "Calls per day", "Workflow runs per day"):
        page.get_by_role("button", name=f"{chart}: view as table").click()
    assert_accessible(page)


def test_dark_follows_the_system(visitor: Visitor) -> None:
    page = visitor.report(scheme="dark")
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert page.evaluate(lightness) < 60
    page.emulate_media(color_scheme="light")
    # The page allows no eval, by which Playwright waits for a function.
    expect(page.locator("body")).to_have_css("background-color", re.compile(r"^rgb\(2[0-5]\d, "))


def test_on_paper_there_are_the_figures_and_no_buttons(visitor: Visitor) -> None:
    page = visitor.report(scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    expect(card(page, "Total Calls")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    colour = "getComputedStyle(document.querySelector('.card-figure')).color.match(/\\d+/g).map(Number)[0]"
    assert page.evaluate(colour) < 60
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_nothing_jumps_while_the_page_loads(visitor: Visitor, width: int) -> None:
    page = visitor.report(width=width)
    page.reload()
    expect(page.locator("svg.recharts-surface").last).to_be_attached()
    assert page.evaluate(SHIFT) < 0.01
