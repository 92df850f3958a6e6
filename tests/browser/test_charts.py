"""The charts: earlier period, stacked parts, pointer and keys, intervals, print; and the controls beside them."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.visitor import USAGE, Visitor, card, range_button

MARCH_9_TO_11 = f"{USAGE}?range=2026-03-09..2026-03-11"


def chart(page: Page, name: str) -> Locator:
    """Return the card of a chart."""
    return page.get_by_role("region", name=name, exact=True)


def position(page: Page, place: Locator, across: float) -> tuple[float, float]:
    """Return a point of a drawing: a fraction of its width, in the middle of its height."""
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box is not None
    return box["x"] + box["width"] * across, box["y"] + box["height"] / 2


def test_tooltip_has_the_weekday_both_values_and_the_parts(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=2026-03-10..2026-03-15")
    calls = chart(page, "Calls per day")
    calls.locator(".bar").first.hover()
    expect(calls.get_by_role("status")).to_contain_text("Tue, Mar 10, 20263 callsInbound2Outbound1Wed, Mar 40")


def test_pointing_at_one_chart_marks_the_day_in_all_charts_with_one_tooltip(visitor: Visitor) -> None:
    page = visitor.open_usage()
    chart(page, "Calls per day").locator(".bar").nth(1).hover()
    expect(page.locator(".tooltip")).to_have_count(1)
    expect(page.locator(".cursor-line")).to_have_count(2)
    expect(page.locator(".cursor-band")).to_have_count(2)


def test_enter_opens_the_day_that_the_arrow_keys_selected(visitor: Visitor) -> None:
    page = visitor.open_usage(MARCH_9_TO_11)
    drawing = chart(page, "Calls per day").locator("svg.recharts-surface")
    drawing.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"records=conversation:day=2026-03-10$"))
    page.keyboard.press("Escape")
    expect(drawing).to_be_focused()


def test_home_and_end_select_the_first_and_the_last_day(visitor: Visitor) -> None:
    page = visitor.open_usage()
    calls = chart(page, "Calls per day")
    calls.locator("svg.recharts-surface").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("End")
    expect(calls.get_by_role("status")).to_contain_text("Sun, Mar 15, 2026")
    page.keyboard.press("Home")
    expect(calls.get_by_role("status")).to_contain_text("Sun, Mar 1, 2026")


def test_dragging_zooms_into_the_days_and_escape_cancels(visitor: Visitor) -> None:
    page = visitor.open_usage()
    drawing = chart(page, "Calls per day").locator(".plot")
    start, end = position(page, drawing, 0.3), position(page, drawing, 0.7)
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    expect(page.locator(".selection")).to_be_visible()
    page.keyboard.press("Escape")
    page.mouse.up()
    expect(page.locator(".selection")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))
    page.mouse.move(*start)
    page.mouse.down()
    page.mouse.move(*end, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"range=2026-03-0\d\.\.2026-03-1\d$"))
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_first_tap_shows_the_value_and_the_second_opens_the_day(visitor: Visitor) -> None:
    page = visitor.open_usage(touch=True, width=360)
    calls = chart(page, "Calls per day")
    bar = calls.locator(".bar").nth(1)
    bar.scroll_into_view_if_needed()
    bar.tap()
    expect(calls.get_by_role("status")).to_contain_text("Tap again to see calls")
    expect(page.get_by_role("dialog")).to_have_count(0)
    bar.tap()
    expect(page).to_have_url(re.compile(r"records=conversation:day=2026-03-10$"))


def test_small_values_beside_a_large_one_stay_visible(visitor: Visitor) -> None:
    def spike(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        body["daily"][0] |= {"calls": 1_000_000, "inbound_calls": 1_000_000}
        route.fulfill(response=response, json=body)

    page = visitor.open()
    page.route("**/admin/usage/summary*", spike)
    page.get_by_label("Key or token").fill(visitor.keys.acme)
    page.get_by_role("button", name="Sign in").click()
    bars = chart(page, "Calls per day").locator(".bar")
    expect(bars).to_have_count(3)
    heights = [bar.bounding_box() for bar in bars.all()]
    assert all(box is not None and box["height"] >= 2 for box in heights)


@pytest.mark.parametrize(
    ("range_", "offered", "points"),
    [
        ("2026-03-10..2026-03-10", ["Hours", "Days"], 1),
        ("last-30-days", ["Days", "Weeks"], 30),
        ("last-12-months", ["Days", "Weeks", "Months"], 53),
    ],
)
def test_ranges_offer_their_intervals(visitor: Visitor, range_: str, offered: list[str], points: int) -> None:
    page = visitor.open_usage(f"{USAGE}?range={range_}")
    expect(page.get_by_role("group", name="Interval of the charts").get_by_role("button")).to_have_text(offered)
    page.get_by_role("button", name=re.compile(r"^Calls per \w+: view as table$")).click()
    table = page.get_by_role("region", name=re.compile(r"^Calls per \w+ as a table$"))
    expect(table.locator("tbody tr")).to_have_count(points)


def test_interval_is_in_the_url_and_all_charts_follow(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=last-12-months")
    expect(page.get_by_role("heading", name="Calls per week")).to_be_visible()
    page.get_by_role("button", name="Months", exact=True).click()
    expect(page).to_have_url(re.compile(r"grain=month"))
    expect(page.get_by_role("heading", name="Calls per month")).to_be_visible()
    expect(page.get_by_role("heading", name="Workflow runs per month")).to_be_visible()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls7")
    page.get_by_role("button", name="Calls per month: view as table").click()
    table = page.get_by_role("region", name="Calls per month as a table")
    expect(table.get_by_role("row").nth(1)).to_contain_text(re.compile(r"Mar 1\s–\s15, 2026 \(so far\)5"))
    page.go_back()
    expect(page.get_by_role("heading", name="Calls per week")).to_be_visible()


def test_choosing_one_day_shows_its_hours(visitor: Visitor) -> None:
    page = visitor.open_usage()
    range_button(page).click()
    page.get_by_role("button", name="Today", exact=True).click()
    expect(page).to_have_url(re.compile(r"range=today&grain=hour"))
    expect(page.get_by_role("heading", name="Calls per hour")).to_be_visible()
    page.get_by_role("button", name="Calls per hour: view as table").click()
    table = page.get_by_role("region", name="Calls per hour as a table")
    expect(table.get_by_role("row", name=re.compile(r"Sun, Mar 15, 11:00 – 12:00.*1"))).to_be_visible()
    range_button(page).click()
    page.get_by_role("button", name="Month to date").click()
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))


def test_arrows_choose_the_previous_and_the_next_period(visitor: Visitor) -> None:
    page = visitor.open_usage()
    expect(page.get_by_role("button", name="Next period")).to_be_disabled()
    page.get_by_role("button", name="Previous period: Feb 1").click()
    expect(page).to_have_url(re.compile(r"range=last-month"))
    expect(card(page, "Total Calls")).to_contain_text("Total Calls1")
    page.get_by_role("button", name="Next period: Mar 1").click()
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))


@pytest.mark.parametrize("width", [360, 768, 1280, 1920])
def test_labels_of_the_axis_are_not_cut_off(visitor: Visitor, width: int) -> None:
    page = visitor.open_usage(f"{USAGE}?range=2025-12-24..2026-03-14", width=width)
    drawing = chart(page, "Calls per day").locator("svg.recharts-surface")
    labels = drawing.locator(".recharts-xAxis-tick-labels text, .recharts-xAxis text")
    expect(labels.first).to_be_visible()
    frame = drawing.bounding_box()
    assert frame is not None
    for label in labels.all():
        box = label.bounding_box()
        assert box is not None
        assert box["x"] >= frame["x"] - 0.5
        assert box["x"] + box["width"] <= frame["x"] + frame["width"] + 0.5
    expect(labels.last).to_have_text("Mar 14")


def test_print_draws_two_charts_in_a_row_with_readable_labels(visitor: Visitor) -> None:
    page = visitor.open_usage(width=1920)
    page.set_viewport_size({"width": 717, "height": 1000})
    page.emulate_media(media="print")
    drawing = chart(page, "Calls per day").locator("svg.recharts-surface")
    expect(drawing).to_have_attribute("width", "288")
    tops = {box["y"] for name in ("Voice Minutes", "Chat Minutes") if (box := chart(page, name).bounding_box())}
    assert len(tops) == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 717
