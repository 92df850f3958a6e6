"""Accessibility: keyboard, narrow and wide screens, light and dark, print, layout shift."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import LAYOUT_SHIFT, USAGE, Visitor, assert_accessible, card, range_button

MAX_TABS = 25
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def tab_to(page: Page, text: str) -> None:
    """Press Tab until a button with this text has the focus."""
    for _ in range(MAX_TABS):
        page.keyboard.press("Tab")
        if text in page.evaluate("document.activeElement.matches('button') ? document.activeElement.textContent : ''"):
            return
    raise AssertionError(f"Tab never reached the button {text!r}")


def test_keyboard_alone_can_sign_in_and_change_the_range(visitor: Visitor) -> None:
    page = visitor.open()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
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


def test_arrow_keys_pick_days_and_focus_stays_in_the_dialog(visitor: Visitor) -> None:
    page = visitor.open_usage()
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
def test_page_has_no_horizontal_scrollbar_at_any_width(visitor: Visitor, range_: str) -> None:
    page = visitor.open_usage(f"{USAGE}?range={range_}", width=2560)
    for width in (2560, 1920, 1280, 1000, 768, 600, 360):
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.locator("svg.recharts-surface")).to_have_count(4)
        assert page.evaluate(_OVERFLOW) == 0, width


@pytest.mark.parametrize("width", [360, 1280])
def test_usage_page_has_no_axe_violations(visitor: Visitor, width: int) -> None:
    page = visitor.open_usage(width=width)
    expect(page.locator("svg.recharts-surface")).to_have_count(4)
    assert_accessible(page)


def test_year_chart_on_a_phone_scrolls_to_the_newest_days(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=last-12-months&grain=day", width=360)
    scroller = page.get_by_role("region", name="Calls per day, scrolls sideways")
    expect(scroller).to_be_visible()
    assert scroller.evaluate("box => box.scrollWidth >= 365 * 3")
    assert scroller.evaluate("box => Math.abs(box.scrollLeft + box.clientWidth - box.scrollWidth) <= 1")
    scroller.focus()
    expect(scroller).to_be_focused()


def test_chart_tables_have_no_axe_violations(visitor: Visitor) -> None:
    page = visitor.open_usage()
    for chart in ("Voice Minutes", "Chat Minutes", "Calls per day", "Workflow runs per day"):
        page.get_by_role("button", name=f"{chart}: view as table").click()
    assert_accessible(page)


def test_color_scheme_follows_the_system(visitor: Visitor) -> None:
    page = visitor.open_usage(scheme="dark")
    lightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    assert page.evaluate(lightness) < 60
    page.emulate_media(color_scheme="light")
    # The content security policy forbids eval, which Playwright's wait_for_function uses.
    expect(page.locator("body")).to_have_css("background-color", re.compile(r"^rgb\(2[0-5]\d, "))


def test_print_shows_figures_without_buttons(visitor: Visitor) -> None:
    page = visitor.open_usage(scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    expect(card(page, "Total Calls")).to_be_visible()
    expect(page.get_by_role("columnheader", name="Agent")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    colour = "getComputedStyle(document.querySelector('.card-figure')).color.match(/\\d+/g).map(Number)[0]"
    assert page.evaluate(colour) < 60
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("width", [360, 1280, 1920])
def test_loading_causes_no_layout_shift(visitor: Visitor, width: int) -> None:
    page = visitor.open_usage(width=width)
    page.reload()
    expect(page.locator("svg.recharts-surface").last).to_be_attached()
    assert page.evaluate(LAYOUT_SHIFT) < 0.01
