"""The date range: UTC days in every time zone, the calendar and the URL."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.visitor import USAGE, Visitor, assert_accessible, card, hold_requests, range_button

SUMMARY = "/admin/usage/summary"


def requested_days(visitor: Visitor) -> list[tuple[str, str]]:
    """Return `from` and `to` of each summary request."""
    matches = (re.search(r"from=([\d-]+)T00%3A00%3A00Z&to=([\d-]+)T00", url) for url in visitor.requests_to(SUMMARY))
    return [(match[1], match[2]) for match in matches if match]


def open_calendar(page: Page) -> None:
    range_button(page).click()
    expect(page.get_by_role("dialog", name="Choose a date range")).to_be_visible()


def show_month(page: Page, month: str, year: str) -> None:
    page.get_by_label("Year", exact=True).select_option(year)
    page.get_by_label("Month", exact=True).select_option(label=month)


def pick(page: Page, day: str) -> None:
    page.get_by_role("button", name=day, exact=True).click()


@pytest.mark.parametrize(
    ("timezone", "now", "local_day", "requested"),
    [
        ("Pacific/Auckland", "2026-03-31T11:30:00Z", "1 April", ("2026-03-01", "2026-04-01")),
        ("Pacific/Auckland", "2026-03-31T23:59:30Z", "1 April", ("2026-03-01", "2026-04-01")),
        ("America/Los_Angeles", "2026-04-01T00:00:30Z", "31 March", ("2026-04-01", "2026-04-02")),
        ("America/Los_Angeles", "2026-03-31T23:59:30Z", "31 March", ("2026-03-01", "2026-04-01")),
    ],
)
def test_month_to_date_is_in_utc_in_every_time_zone(
    visitor: Visitor, timezone: str, now: str, local_day: str, requested: tuple[str, str]
) -> None:
    page = visitor.open_usage(now=now, timezone=timezone)
    assert page.evaluate("new Date().toLocaleDateString('en-GB', {day: 'numeric', month: 'long'})") == local_day
    assert requested_days(visitor) == [requested]
    assert "range=" not in page.url


def test_calendar_marks_the_utc_day_in_auckland(visitor: Visitor) -> None:
    page = visitor.open_usage(now="2026-03-31T11:30:00Z", timezone="Pacific/Auckland")
    open_calendar(page)
    expect(page.get_by_role("button", name="Tue, Mar 31, 2026, today")).to_be_enabled()
    expect(page.get_by_role("button", name="Sun, Mar 1, 2026", exact=True)).to_be_visible()
    pick(page, "Sun, Mar 29, 2026")
    pick(page, "Mon, Mar 30, 2026")
    expect(page).to_have_url(re.compile(r"range=2026-03-29\.\.2026-03-30"))
    expect(range_button(page)).to_contain_text("Mar 29")
    assert requested_days(visitor)[-1] == ("2026-03-29", "2026-03-31")


def test_relative_range_moves_when_a_utc_day_begins(visitor: Visitor) -> None:
    page = visitor.open_usage(now="2026-03-15T23:59:00Z", timezone="America/Los_Angeles")
    with page.expect_request(lambda request: "to=2026-03-17" in request.url):
        page.clock.fast_forward("01:30")
    assert requested_days(visitor) == [("2026-03-01", "2026-03-16"), ("2026-03-01", "2026-03-17")]


def test_first_pick_disables_days_more_than_365_days_away(visitor: Visitor) -> None:
    page = visitor.open_usage()
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
    assert len(requested_days(visitor)) == 2


def test_future_days_cannot_be_picked(visitor: Visitor) -> None:
    page = visitor.open_usage()
    open_calendar(page)
    expect(page.get_by_role("button", name="Sun, Mar 15, 2026, today")).to_be_enabled()
    expect(page.get_by_role("button", name="Mon, Mar 16, 2026", exact=True)).to_be_disabled()


def test_single_day_can_be_picked(visitor: Visitor) -> None:
    page = visitor.open_usage()
    open_calendar(page)
    pick(page, "Tue, Mar 10, 2026")
    pick(page, "Tue, Mar 10, 2026")
    expect(page).to_have_url(re.compile(r"range=2026-03-10\.\.2026-03-10"))
    expect(card(page, "Total Calls")).to_contain_text("Total Calls3")


def test_escape_discards_the_draft_and_returns_the_focus(visitor: Visitor) -> None:
    page = visitor.open_usage()
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


def test_preset_is_in_the_url_and_survives_reload_and_back(visitor: Visitor) -> None:
    page = visitor.open_usage()
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
        ("2026-03-10..2026-03-01", "ends before it starts"),
        ("2023-01-01..2026-01-01", "longer than 366 days"),
        ("nonsense", "is invalid"),
    ],
)
def test_invalid_range_in_the_url_falls_back_to_the_default(visitor: Visitor, range_: str, sentence: str) -> None:
    page = visitor.open_usage(f"{USAGE}?range={range_}")
    expect(page.get_by_role("alert")).to_contain_text(sentence)
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))
    assert requested_days(visitor) == [("2026-03-01", "2026-03-16")]
    assert_accessible(page)
    page.get_by_role("button", name="Close this message").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_old_figures_are_dimmed_while_a_new_range_loads(visitor: Visitor) -> None:
    page = visitor.open_usage()
    held = hold_requests(page, "**/admin/usage/summary*")
    open_calendar(page)
    page.get_by_role("button", name="Yesterday").click()
    expect(page.locator(".status-line")).to_contain_text(re.compile(r"Still showing Mar 1\s–\s15; loading Mar 14"))
    expect(page.locator(".figures.outdated[aria-busy=true]")).to_contain_text("Total Calls5")
    assert_accessible(page)
    held[0].continue_()
    expect(page.locator(".figures")).not_to_have_class(re.compile("outdated"))
    expect(card(page, "Total Calls")).to_contain_text("Total Calls0")
