"""The figures of the page, against sums calculated by hand."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PLANS_URL
from tests.browser.visitor import Visitor, card

CHARTS = ["Voice Minutes", "Chat Minutes", "Calls per day", "Workflow runs per day"]


def table(page: Page, chart: str) -> list[list[str]]:
    """Switch a chart to its table and return the rows below the head."""
    page.get_by_role("button", name=f"{chart}: view as table").click()
    rows = page.get_by_role("region", name=f"{chart} as a table").get_by_role("row")
    return [row.split("\t") for row in rows.all_inner_texts()[1:]]


def test_cards_show_the_sums_of_the_events_of_the_month(month_page: Page) -> None:
    expect(card(month_page, "Voice Minutes")).to_have_text(re.compile(r"^Voice Minutes2\.51.*2 voice calls"))
    expect(card(month_page, "Chat Minutes")).to_have_text(re.compile(r"^Chat Minutes3\.83.*3 sessions"))
    expect(card(month_page, "Total Calls")).to_have_text(re.compile(r"^Total Calls5.*3 in2 outaverage 1m 35s"))
    expect(card(month_page, "Workflow Runs")).to_have_text(re.compile(r"^Workflow Runs4.*2 succeeded1 failed"))


def test_inventory_shows_current_totals_independent_of_the_range(month_page: Page) -> None:
    inventory = month_page.get_by_role("region", name="Inventory")
    expect(inventory).to_contain_text("Current totals. They do not depend on the date range.")
    expect(card(month_page, "Active Agents")).to_contain_text("Active Agents3")
    expect(card(month_page, "Phone Numbers")).to_contain_text("Phone Numbers21 on the shared pool (billable)")
    expect(card(month_page, "Chat Widgets Deployed")).to_contain_text("Chat Widgets Deployed1")
    expect(card(month_page, "Knowledge Bases")).to_contain_text("Knowledge Bases21 active")


def test_shared_pool_is_shown_only_above_zero(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, "/organization/usage?organization_id=quiet")
    expect(card(page, "Phone Numbers")).to_contain_text("Phone Numbers1")
    expect(card(page, "Phone Numbers")).not_to_contain_text("shared pool")


def test_charts_are_in_the_documented_order(month_page: Page) -> None:
    for chart in CHARTS:
        expect(month_page.get_by_role("region", name=chart, exact=True).locator("svg.recharts-surface")).to_be_visible()
    headings = month_page.locator(".charts").get_by_role("heading").all_inner_texts()
    assert headings == CHARTS


def test_workflow_runs_have_a_chart_only_if_there_were_any(visitor: Visitor) -> None:
    page = visitor.sign_in(
        visitor.keys.multi_org, "/organization/usage?organization_id=quiet&range=2025-12-24..2025-12-24"
    )
    expect(page.get_by_role("heading", name="Calls per day")).to_be_visible()
    expect(page.get_by_role("heading", name="Workflow runs per day")).to_have_count(0)
    expect(card(page, "Total Calls")).to_contain_text("average 1h 02m 03s")


def test_chart_table_is_newest_first_and_ends_with_the_card_figure(visitor: Visitor) -> None:
    page = visitor.open_usage()
    ends = {"Voice Minutes": "2.51", "Chat Minutes": "3.83", "Calls per day": "5", "Workflow runs per day": "4"}
    for chart, end in ends.items():
        rows = table(page, chart)
        assert len(rows) == 15 + 1
        assert rows[-1][:2] == ["Whole range", end]
        assert rows[0][0] == "Sun, Mar 15, 2026 (so far)"
    calls = [row[1] for row in shown_table(page, "Calls per day")]
    assert calls == ["1", *["0"] * 4, "3", *["0"] * 8, "1", "5"]
    assert shown_table(page, "Calls per day")[5] == ["Tue, Mar 10, 2026", "3", "2", "1", "0"]
    assert [row[1] for row in shown_table(page, "Voice Minutes")][5:15] == ["1.51", *["0.00"] * 8, "1.00"]


def shown_table(page: Page, chart: str) -> list[list[str]]:
    """Return the rows of a table that is already shown."""
    rows = page.get_by_role("region", name=f"{chart} as a table").get_by_role("row")
    return [row.split("\t") for row in rows.all_inner_texts()[1:]]


def test_summary_is_requested_half_open_with_its_organization(visitor: Visitor) -> None:
    visitor.open_usage()
    (url,) = visitor.requests_to("/admin/usage/summary")
    assert url.endswith(
        "?from=2026-03-01T00%3A00%3A00Z&to=2026-03-16T00%3A00%3A00Z&compare=previous&organization_id=acme"
    )


@pytest.mark.parametrize(
    ("range_", "calls", "bars"),
    [
        ("today", "1", 1),
        ("last-7-days", "4", 2),
        ("2026-02-28..2026-02-28", "1", 1),
        ("last-12-months&grain=day", "7", 5),
    ],
)
def test_each_day_with_calls_has_a_bar_in_ranges_of_any_length(
    visitor: Visitor, range_: str, calls: str, bars: int
) -> None:
    page = visitor.open_usage(f"/organization/usage?range={range_}")
    expect(card(page, "Total Calls")).to_contain_text(f"Total Calls{calls}")
    expect(page.get_by_role("region", name="Calls per day", exact=True).locator(".bar")).to_have_count(bars)


def test_today_is_hatched_and_labelled_so_far(month_page: Page, visitor: Visitor) -> None:
    chart = month_page.get_by_role("region", name="Calls per day", exact=True)
    expect(chart).to_contain_text("so far")
    expect(chart.locator(".bar.partial")).to_have_count(1)
    past = visitor.open_usage("/organization/usage?range=2026-03-01..2026-03-10")
    expect(past.get_by_role("region", name="Calls per day", exact=True).locator(".bar")).to_have_count(2)
    expect(past.locator("main")).not_to_contain_text("so far")
    expect(past.locator(".bar.partial")).to_have_count(0)


def test_hovering_a_bar_shows_the_day_and_its_value(month_page: Page) -> None:
    chart = month_page.get_by_role("region", name="Calls per day", exact=True)
    chart.locator(".bar").nth(1).hover()
    expect(chart.get_by_role("status")).to_have_text(
        re.compile(r"^Tue, Mar 10, 20263 callsInbound2Outbound1.*Click to see calls$")
    )


def test_arrow_keys_move_the_tooltip_from_day_to_day(visitor: Visitor) -> None:
    page = visitor.open_usage("/organization/usage?range=2026-03-09..2026-03-11")
    chart = page.get_by_role("region", name="Voice Minutes", exact=True)
    chart.locator("svg.recharts-surface").focus()
    page.keyboard.press("ArrowRight")
    expect(chart.get_by_role("status")).to_contain_text("Tue, Mar 10, 20261.51 minutes")
    page.keyboard.press("ArrowRight")
    expect(chart.get_by_role("status")).to_contain_text("Wed, Mar 11, 2026 (no data received)0.00 minutes")


def test_numbers_use_the_locale_of_the_browser(visitor: Visitor) -> None:
    page = visitor.open_usage("/organization/usage?range=2026-02-28..2026-02-28", languages="de-DE")
    expect(card(page, "Voice Minutes")).to_contain_text("10,00")


def test_status_line_shows_update_time_and_last_event(month_page: Page) -> None:
    line = month_page.locator(".status-line")
    expect(line).to_contain_text(re.compile(r"Updated (just now|\d min ago)"))
    expect(line.locator("time").first).to_have_attribute("title", re.compile(r"^Mar 15, 2026, 12:0\d:\d\d UTC$"))
    expect(line).to_contain_text("Last event")
    expect(line.locator("time").last).to_have_attribute("title", re.compile(r"^\w+ \d+, 20\d\d, \d\d:\d\d:\d\d UTC$"))


def test_plans_link_is_shown_if_it_is_configured(month_page: Page) -> None:
    expect(month_page.get_by_role("link", name="Plans and billing")).to_have_attribute("href", PLANS_URL)
