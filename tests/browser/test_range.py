"""The date range: which days it means in any zone of the world, what may be picked, and the address."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.watch import USAGE, Visitor, assert_accessible, card, hold, range_button

SUMMARY = "/admin/usage/summary"


def days_asked(visitor: Visitor) -> list[tuple[str, str]]:
    """The first day and the day after the last of every summary that was asked for."""
    found = (re.search(r"from=([\d-]+)T00%3A00%3A00Z&to=([\d-]+)T00", url) for url in visitor.asked(SUMMARY))
    return [(match[1], match[2]) for match in found if match]


def open_calendar(page: Page) -> None:
    range_button(page).click()
    expect(page.get_by_role("dialog", name="Choose a date range")).to_be_visible()


def show_month(page: Page, month: str, year: str) -> None:
    page.get_by_label("Year", exact=True).select_option(year)
    page.get_by_label("Month", exact=True).select_option(label=month)


def pick(page: Page, day: str) -> None:
    page.get_by_role("button", name=day, exact=True).click()


@pytest.mark.parametrize(
    ("timezone", "now", "local", "asked"),
    [
        ("Pacific/Auckland", "2026-03-31T11:30:00Z", "1 April", ("2026-03-01", "2026-04-01")),
        ("Pacific/Auckland", "2026-03-31T23:59:30Z", "1 April", ("2026-03-01", "2026-04-01")),
        ("America/Los_Angeles", "2026-04-01T00:00:30Z", "31 March", ("2026-04-01", "2026-04-02")),
        ("America/Los_Angeles", "2026-03-31T23:59:30Z", "31 March", ("2026-03-01", "2026-04-01")),
    ],
)
def test_the_month_to_date_is_that_of_utc_whatever_the_zone(
    visitor: Visitor, timezone: str, now: str, local: str, asked: tuple[str, str]
) -> None:
    page = visitor.report(now=now, timezone=timezone)
    assert page.evaluate("new Date().toLocaleDateString('en-GB', {day: 'numeric', month: 'long'})") == local
    assert days_asked(visitor) == [asked]
    assert "range=" not in page.url


def test_the_calendar_knows_the_day_of_utc_in_auckland(visitor: Visitor) -> None:
    page = visitor.report(now="2026-03-31T11:30:00Z", timezone="Pacific/Auckland")
    open_calendar(page)
    expect(page.get_by_role("button", name="Tue, Mar 31, 2026, today")).to_be_enabled()
    expect(page.get_by_role("button", name="Sun, Mar 1, 2026", exact=True)).to_be_visible()
    pick(page, "Sun, Mar 29, 2026")
    pick(page, "Mon, Mar 30, 2026")
    expect(page).to_have_url(re.compile(r"range=2026-03-29\.\.2026-03-30"))
    expect(range_button(page)).to_contain_text("Mar 29")
    assert days_asked(visitor)[-1] == ("2026-03-29", "2026-03-31")


def test_when_a_utc_day_begins_a_moving_range_moves_along(visitor: Visitor) -> None:
    page = visitor.report(now="2026-03-15T23:59:00Z", timezone="America/Los_Angeles")
    with page.expect_request(lambda request: "to=2026-03-17" in request.url):
        page.clock.fast_forward("01:30")
    assert days_asked(visitor) == [("2026-03-01", "2026-03-16"), ("2026-03-01", "2026-03-17")]


def test_after_the_first_pick_every_day_more_than_365_days_away_is_disabled(visitor: Visitor) -> None:
    page = visitor.report()
    open_calendar(page)
    show_month(page, "March", "2025")
    pick(page, "Sat, Mar 1, 2025")
    show_month(page, "February", "2026")
    expect(page.get_by_role("button", name="Sun, Mar 1, 2026", exact=True)).to_be_enabled()
    expect(page.get_by_role("button", name="Mon, Mar 2, 2026", exact=True)).to_be_disabled()
    show_month(page, "February", "2024")
    expect(page.get_by_role("button", name="Fri, Mar 1, 2024", exact=True)).to_be_enabled()
    expect(page.get_by_role("button", name="Thu, Feb 29, 2024", exact=True)).to_be_disabled()
    show_month(page, "February", "2026")
    pick(page, "Sun, Mar 1, 2026")
    expect(page).to_have_url(re.compile(r"range=2025-03-01\.\.2026-03-01"))
    expect(card(page, "Total Calls")).to_contain_text("Total Calls3")
    assert len(days_asked(visitor)) == 2


def test_days_after_today_cannot_be_picked(visitor: Visitor) -> None:
    page = visitor.report()
    open_calendar(page)
    expect(page.get_by_role("button", name="Sun, Mar 15, 2026, today")).to_be_enabled()
    expect(page.get_by_role("button", name="Mon, Mar 16, 2026", exact=True)).to_be_disabled()


def test_one_day_can_be_picked(visitor: Visitor) -> None:
    page = visitor.report()
    open_calendar(page)
    pick(page, "Tue, Mar 10, 2026")
    pick(page, "Tue, Mar 10, 2026")
    expect(page).to_have_url(re.compile(r"range=2026-03-10\.\.2026-03-10"))
    expect(card(page, "Total Calls")).to_contain_text("Total Calls3")


def test_escape_drops_the_draft_and_gives_the_focus_back(visitor: Visitor) -> None:
    page = visitor.report()
    before = page.url
    open_calendar(page)
    pick(page, "Tue, Mar 3, 2026")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(range_button(page)).to_be_focused()
    open_calendar(page)
    expect(page.get_by_text("Pick the first day")).to_be_visible()
    range_button(page).click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    assert page.url == before


def test_a_preset_goes_into_the_address_and_survives_reload_and_back(visitor: Visitor) -> None:
    page = visitor.report()
    open_calendar(page)
    page.get_by_role("button", name="Last 12 months").click()
    expect(page).to_have_url(re.compile(r"range=last-12-months"))
    expect(card(page, "Total Calls")).to_contain_text("Total Calls7")
    page.reload()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls7")
    expect(range_button(page)).to_contain_text(re.compile(r"Last 12 months.*Mar 16, 2025\s–\sMar 15, 2026"))
    page.go_back()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")
    expect(range_button(page)).to_contain_text("Month to date")
    page.go_forward()
    expect(range_button(page)).to_contain_text("Last 12 months")


@pytest.mark.parametrize(
    ("range_", "sentence"),
    [
        ("2026-03-10..2026-03-01", "ends before it begins"),
        ("2023-01-01..2026-01-01", "longer than 366 days"),
        ("nonsense", "could not be read"),
    ],
)
def test_an_address_edited_by_hand_falls_back_to_the_default_and_says_so(
    visitor: Visitor, range_: str, sentence: str
) -> None:
    page = visitor.report(f"{USAGE}?range={range_}")
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))
    assert days_asked(visitor) == [("2026-03-01", "2026-03-16")]
    assert_accessible(page)
    page.get_by_role("button", name="Close this message").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_while_a_changed_range_is_on_its_way_the_old_figures_are_dimmed_and_named(visitor: Visitor) -> None:
    page = visitor.report()
    held = hold(page, "**/admin/usage/summary*")
    open_calendar(page)
    page.get_by_role("button", name="Yesterday").click()
    expect(page.locator(".freshness")).to_contain_text(re.compile(r"Still showing Mar 1\s–\s15; Mar 14 is on its way"))
    expect(page.locator(".figures.late[aria-busy=true]")).to_contain_text("Total Calls5")
    assert_accessible(page)
    held[0].continue_()
    expect(page.locator(".figures")).not_to_have_class(re.compile("late"))
    expect(card(page, "Total Calls")).to_contain_text("Total Calls0")
