"""Comparisons, the breakdown and marked days."""

import re

import pytest
from playwright.sync_api import Route, expect

from tests.browser.breakdown import BREAKDOWN, breakdown, open_busy, rows, tab, table
from tests.browser.visitor import USAGE, Visitor, assert_accessible, card, hold_requests

SUMMARY = "**/admin/usage/summary*"


def test_cards_show_the_change_and_the_earlier_figure_and_the_dates_once(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=2026-03-05..2026-03-15")
    expect(card(page, "Total Calls")).to_contain_text("+100.0%was 2")
    expect(card(page, "Voice Minutes")).to_contain_text("\u221286.3%was 11.00")
    expect(card(page, "Workflow Runs")).to_contain_text("was 0")
    expect(page.get_by_text(re.compile(r"Compared with Feb 22\s–\sMar 4"))).to_have_count(1)


def test_huge_change_shows_the_earlier_figure_without_a_percentage(visitor: Visitor) -> None:
    def shrink(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        delta = {"now": 35_777, "then": 23, "change": 35_754, "change_percent": 155_452.2}
        body["comparison"]["figures"]["total_calls"] = delta
        route.fulfill(response=response, json=body)

    page = visitor.open()
    page.route(SUMMARY, shrink)
    page.get_by_label("Key or token").fill(visitor.keys.acme)
    page.get_by_role("button", name="Sign in").click()
    expect(card(page, "Total Calls").locator(".card-change")).to_have_text("from 23")


def test_comparison_can_be_chosen_and_is_in_the_url(visitor: Visitor) -> None:
    page = visitor.open_usage()
    line = page.locator(".status-line")
    expect(line).to_contain_text(re.compile(r"Compared with Feb 1\s–\s15"))
    choice = page.get_by_label("Comparison")
    choice.select_option("A year earlier")
    expect(page).to_have_url(re.compile(r"[?&]compare=year"))
    expect(line).to_contain_text(re.compile(r"Compared with Mar 1\s–\s15, 2025"))
    choice.select_option("No comparison")
    expect(page).to_have_url(re.compile(r"[?&]compare=none"))
    expect(page.locator(".card-change")).to_have_count(0)
    expect(line).not_to_contain_text("Compared")
    page.go_back()
    expect(choice).to_have_value("year")
    page.reload()
    expect(line).to_contain_text("2025")


def test_comparison_cut_at_an_hour_shows_the_hour(visitor: Visitor) -> None:
    def cut(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        body["comparison"]["then"] = {"from": "2026-02-01T00:00:00Z", "to": "2026-02-15T06:00:00Z"}
        route.fulfill(response=response, json=body)

    page = visitor.open()
    page.route(SUMMARY, cut)
    page.get_by_label("Key or token").fill(visitor.keys.acme)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator(".status-line")).to_contain_text("Compared with Feb 1 – Feb 15, 06:00 UTC")


def test_range_without_an_earlier_period_has_no_comparison(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=2025-03-15..2026-03-15&compare=year")
    expect(page.locator(".card-change")).to_have_count(0)
    expect(page.locator(".status-line")).to_contain_text("No earlier period to compare with")
    assert "compare=none" in visitor.requests_to("/admin/usage/summary")[0]


def test_agents_tab_is_first_and_calls_without_an_agent_are_last(visitor: Visitor) -> None:
    page = visitor.open_usage()
    assert rows(page) == [
        "Reception 2 1.00 3.33 2m 10s 40.0% was 0",
        "Sales 1 1.51 0.00 1m 31s 20.0% was 0",
        "Without an agent 2 0.00 0.50 0m 30s 40.0% was 0",
    ]
    expect(breakdown(page).locator("svg.sparkline path")).to_have_count(3)
    assert_accessible(page)


def test_first_breakdown_is_requested_once_in_parallel_with_the_summary(visitor: Visitor) -> None:
    page = visitor.open()
    held = hold_requests(page, SUMMARY)
    with page.expect_request(f"**{BREAKDOWN}*"):
        page.get_by_label("Key or token").fill(visitor.keys.acme)
        page.get_by_role("button", name="Sign in").click()
    held[0].continue_()
    assert len(rows(page)) == 3
    (url,) = visitor.requests_to(BREAKDOWN)
    assert "by=agent&order=calls&interval=day&compare=previous&limit=10" in url


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        (
            "number",
            [
                "+13125550111 1 1.51 0.00 1m 31s 20.0% was 0",
                "Without a number 4 1.00 3.83 1m 37s 80.0% was 0",
            ],
        ),
        (
            "widget",
            [
                "widget-1 1 0.00 3.33 3m 20s 20.0% was 0",
                "Without a widget 4 2.51 0.50 1m 00s 80.0% was 0",
            ],
        ),
        (
            "workflow",
            [
                "flow-1 2 2 0 50.0% was 0",
                "flow-2 1 0 1 25.0% was 0",
                "Without a workflow 1 0 0 25.0% was 0",
            ],
        ),
        (
            "channel",
            [
                "Telephone 2 2.51 0.00 1m 15s 40.0% was 0",
                "Email 1 0.00 0.00 0m 00s 20.0% was 0",
                "Text messages 1 0.00 0.50 0m 30s 20.0% was 0",
                "Web (WebRTC) 1 0.00 3.33 3m 20s 20.0% was 0",
            ],
        ),
    ],
)
def test_every_tab_breaks_down_the_same_range(visitor: Visitor, by: str, expected: list[str]) -> None:
    page = visitor.open_usage(f"{USAGE}?by={by}")
    assert rows(page) == expected
    assert_accessible(page)


def test_arrow_keys_move_between_tabs_and_the_tab_is_in_the_url(visitor: Visitor) -> None:
    page = visitor.open_usage()
    tab(page, "Agents").focus()
    page.keyboard.press("ArrowRight")
    expect(tab(page, "Numbers")).to_be_focused()
    expect(tab(page, "Numbers")).to_have_attribute("aria-selected", "true")
    expect(page).to_have_url(re.compile(r"[?&]by=number"))
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(tab(page, "Channels")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(tab(page, "Numbers")).to_have_attribute("aria-selected", "true")
    tab(page, "Numbers").focus()
    page.keyboard.press("Tab")
    expect(table(page).get_by_role("button").first).to_be_focused()


def test_sparklines_of_a_long_range_are_weekly(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=last-90-days")
    rows(page)
    assert "interval=week" in visitor.requests_to(BREAKDOWN)[-1]


def test_empty_breakdown_says_so(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=2026-03-15..2026-03-15&by=workflow")
    assert rows(page) == ["Without a workflow 1 0 0 100.0% was 0"]
    page = visitor.sign_in(
        visitor.keys.multi_org, f"{USAGE}?organization_id=quiet&range=2025-12-24..2025-12-24&by=workflow"
    )
    expect(breakdown(page)).to_contain_text("No workflow runs in this range.")


def test_failed_breakdown_keeps_the_page_and_can_be_retried(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open()
    page.route(f"**{BREAKDOWN}*", lambda route: route.fulfill(status=422, json={"detail": "Not now."}))
    page.get_by_label("Key or token").fill(visitor.keys.acme)
    page.get_by_role("button", name="Sign in").click()
    expect(breakdown(page).get_by_role("alert")).to_contain_text("Not now.")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")
    assert_accessible(page)
    page.unroute(f"**{BREAKDOWN}*")
    breakdown(page).get_by_role("button", name="Try again").click()
    assert len(rows(page)) == 3


def test_refresh_requests_the_breakdown_again(visitor: Visitor) -> None:
    page = visitor.open_usage()
    rows(page)
    with page.expect_request(f"**{BREAKDOWN}*"):
        page.get_by_role("button", name="Refresh").click()


def test_unfinished_days_and_days_without_data_are_marked(visitor: Visitor) -> None:
    page = open_busy(visitor)
    chart = page.get_by_role("region", name="Calls per day", exact=True)
    expect(chart).to_contain_text("may still change")
    expect(chart).to_contain_text("no data received")
    expect(chart.locator(".mark.settling")).to_have_count(1)
    expect(chart.locator(".mark.no-data")).to_have_count(10)
    assert_accessible(page)
    page.get_by_role("button", name="Calls per day: view as table").click()
    table = page.get_by_role("region", name="Calls per day as a table")
    expect(table.get_by_role("row", name="Mon, Mar 9, 2026 (may still change) 2")).to_be_visible()
    expect(table.get_by_role("row", name="Wed, Mar 11, 2026 (no data received) 0")).to_be_visible()
    expect(table.get_by_role("row", name="Sun, Mar 15, 2026 (so far) 0")).to_be_visible()
    assert_accessible(page)


def test_future_days_have_no_value(visitor: Visitor) -> None:
    def mark_future(route: Route) -> None:
        response = route.fetch()
        body = response.json()
        body["daily"][-1] = {**body["daily"][-1], "state": "future"}
        route.fulfill(response=response, json=body)

    page = visitor.open()
    page.route(SUMMARY, mark_future)
    page.get_by_label("Key or token").fill(visitor.keys.acme)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Calls per day: view as table").click()
    table = page.get_by_role("region", name="Calls per day as a table")
    expect(table.get_by_role("row", name="Sun, Mar 15, 2026 (not started)")).to_contain_text("–")


def test_calls_in_progress_and_silent_calls_are_shown_in_the_card(visitor: Visitor) -> None:
    page = open_busy(visitor)
    line = card(page, "Total Calls")
    expect(line).to_contain_text("2 in progress")
    expect(line).to_contain_text("1 silent for over 24 h")
    line.get_by_role("link", name="silent for over 24 h").click()
    expect(page).to_have_url(re.compile(r"records=conversation:stale=true$"))
    dialog = page.get_by_role("dialog", name="Silent calls")
    expect(dialog).to_contain_text("in progress, silent")
    expect(dialog).to_contain_text("showing all 1")


def test_invalid_options_in_the_url_are_corrected_with_a_message(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?by=colour&compare=yesterday&records=everything")
    expect(page.get_by_role("alert")).to_contain_text("The tab in the address is invalid.")
    expect(page.get_by_role("alert")).to_contain_text("The comparison in the address is invalid.")
    expect(page.get_by_role("alert")).to_contain_text("The list in the address is invalid and was ignored.")
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))
    assert_accessible(page)


def test_range_that_cannot_be_loaded_keeps_the_old_figures(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open_usage()
    page.route(SUMMARY, lambda route: route.fulfill(status=422, json={"detail": "Not these days."}))
    page.get_by_role("button", name="Date range").click()
    page.get_by_role("button", name="Yesterday").click()
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text(re.compile(r"Could not load the figures for Mar 14.*Not these days\."))
    expect(page.locator(".status-line")).to_contain_text(re.compile(r"Still showing Mar 1\s–\s15\s*·?"))
    expect(page.locator(".figures.outdated")).to_contain_text("Total Calls5")
    assert_accessible(page)
    page.unroute(SUMMARY)
    page.get_by_role("button", name="Try again").click()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls0")


@pytest.mark.parametrize("width", [360, 1920])
def test_breakdown_fits_any_width(visitor: Visitor, width: int) -> None:
    page = open_busy(visitor, width=width)
    rows(page)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert_accessible(page)
