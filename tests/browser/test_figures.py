"""Every number of the page, against events whose sums were made by hand."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import PLANS_URL
from tests.browser.watch import Visitor, card

CHARTS = ["Voice Minutes", "Chat Minutes", "Calls per day", "Workflow runs per day"]


def table(page: Page, chart: str) -> list[list[str]]:
    """The rows of a chart's table, its caption and head left out."""
    page.get_by_role("button", name=f"{chart}: view as table").click()
    rows = page.get_by_role("region", name=f"{chart} as a table").get_by_role("row")
    return [row.split("\t") for row in rows.all_inner_texts()[1:]]


def test_the_cards_of_the_month_to_date_show_what_its_events_add_up_to(month: Page) -> None:
    expect(card(month, "Voice Minutes")).to_have_text(re.compile(r"Voice Minutes2\.512 voice calls"))
    expect(card(month, "Chat Minutes")).to_have_text(re.compile(r"Chat Minutes3\.833 sessions"))
    expect(card(month, "Total Calls")).to_have_text(re.compile(r"Total Calls53 in2 outaverage 1m 35s"))
    expect(card(month, "Workflow Runs")).to_have_text(re.compile(r"Workflow Runs42 succeeded1 failed"))


def test_the_inventory_shows_current_totals_and_says_that_it_ignores_the_range(month: Page) -> None:
    inventory = month.get_by_role("region", name="Inventory")
    expect(inventory).to_contain_text("Current totals. They do not depend on the date range.")
    expect(card(month, "Active Agents")).to_have_text("Active Agents3")
    expect(card(month, "Phone Numbers")).to_have_text("Phone Numbers21 on the shared pool (billable)")
    expect(card(month, "Chat Widgets Deployed")).to_have_text("Chat Widgets Deployed1")
    expect(card(month, "Knowledge Bases")).to_have_text("Knowledge Bases21 active")


def test_the_shared_pool_is_named_only_above_zero(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.several, "/organization/usage?organization_id=quiet")
    expect(card(page, "Phone Numbers")).to_have_text("Phone Numbers1")


def test_the_charts_stand_in_the_order_of_the_contract(month: Page) -> None:
    for chart in CHARTS:
        expect(month.get_by_role("region", name=chart, exact=True).locator("svg.recharts-surface")).to_be_visible()
    headings = month.locator(".charts").get_by_role("heading").all_inner_texts()
    assert headings == CHARTS


def test_workflow_runs_have_no_chart_where_there_were_none(visitor: Visitor) -> None:
    page = visitor.sign_in(
        visitor.keys.several, "/organization/usage?organization_id=quiet&range=2025-12-24..2025-12-24"
    )
    expect(page.get_by_role("heading", name="Calls per day")).to_be_visible()
    expect(page.get_by_role("heading", name="Workflow runs per day")).to_have_count(0)
    expect(card(page, "Total Calls")).to_contain_text("average 1h 02m 03s")


def test_each_chart_has_a_table_with_a_row_a_day_that_ends_with_the_card_figure(visitor: Visitor) -> None:
    page = visitor.report()
    ends = {"Voice Minutes": "2.51", "Chat Minutes": "3.83", "Calls per day": "5", "Workflow runs per day": "4"}
    for chart, end in ends.items():
        rows = table(page, chart)
        assert len(rows) == 15 + 1
        assert rows[-1] == ["Whole range", end]
        assert rows[-2][0] == "Sun, Mar 15, 2026 (so far)"
    calls = [row[1] for row in table_again(page, "Calls per day")]
    assert calls == ["1", *["0"] * 8, "3", *["0"] * 4, "1", "5"]
    assert [row[1] for row in table_again(page, "Voice Minutes")][:10] == ["1.00", *["0.00"] * 8, "1.51"]


def table_again(page: Page, chart: str) -> list[list[str]]:
    """The rows of a table that is on show."""
    rows = page.get_by_role("region", name=f"{chart} as a table").get_by_role("row")
    return [row.split("\t") for row in rows.all_inner_texts()[1:]]


def test_the_range_is_asked_for_half_open_with_its_organization(visitor: Visitor) -> None:
    visitor.report()
    (asked,) = visitor.asked("/admin/usage/summary")
    assert asked.endswith(
        "?from=2026-03-01T00%3A00%3A00Z&to=2026-03-16T00%3A00%3A00Z&compare=previous&organization_id=acme"
    )


@pytest.mark.parametrize(
    ("range_", "calls", "bars"),
    [("today", "1", 1), ("last-7-days", "4", 2), ("2026-02-28..2026-02-28", "1", 1), ("last-12-months", "7", 5)],
)
def test_a_range_of_any_length_draws_a_bar_for_every_day_that_has_calls(
    visitor: Visitor, range_: str, calls: str, bars: int
) -> None:
    page = visitor.report(f"/organization/usage?range={range_}")
    expect(card(page, "Total Calls")).to_contain_text(f"Total Calls{calls}")
    expect(page.get_by_role("region", name="Calls per day", exact=True).locator("rect.bar")).to_have_count(bars)


def test_today_is_hatched_and_named_so_far_and_a_past_range_is_not(month: Page, visitor: Visitor) -> None:
    chart = month.get_by_role("region", name="Calls per day", exact=True)
    expect(chart).to_contain_text("Mar 15 so far")
    expect(chart.locator("rect.bar[fill^=url]")).to_have_count(1)
    past = visitor.report("/organization/usage?range=2026-03-01..2026-03-10")
    expect(past.get_by_role("region", name="Calls per day", exact=True).locator("rect.bar")).to_have_count(2)
    expect(past.locator("main")).not_to_contain_text("so far")
    expect(past.locator("rect.bar[fill^=url]")).to_have_count(0)


def test_a_pointer_over_a_bar_names_the_day_and_its_value(month: Page) -> None:
    chart = month.get_by_role("region", name="Calls per day", exact=True)
    chart.locator("rect.bar").nth(1).hover()
    expect(chart.get_by_role("status")).to_have_text("Tue, Mar 10, 20263 calls")


def test_the_arrow_keys_name_one_day_after_the_other(visitor: Visitor) -> None:
    page = visitor.report("/organization/usage?range=2026-03-09..2026-03-11")
    chart = page.get_by_role("region", name="Voice Minutes", exact=True)
    chart.locator("svg.recharts-surface").focus()
    page.keyboard.press("ArrowRight")
    expect(chart.get_by_role("status")).to_have_text("Tue, Mar 10, 20261.51 minutes")
    page.keyboard.press("ArrowRight")
    expect(chart.get_by_role("status")).to_have_text("Wed, Mar 11, 2026 (no events received)0.00 minutes")


def test_numbers_follow_the_languages_of_the_browser(visitor: Visitor) -> None:
    page = visitor.report("/organization/usage?range=2026-02-28..2026-02-28", languages="de-DE")
    expect(card(page, "Voice Minutes")).to_contain_text("10,00")


def test_the_page_says_when_its_figures_were_fetched_and_when_the_newest_event_arrived(month: Page) -> None:
    line = month.locator(".freshness")
    expect(line).to_contain_text(re.compile(r"fetched at 12:00:\d\d UTC"))
    expect(line).to_contain_text(re.compile(r"newest event arrived \w+ \d+, 20\d\d, \d\d:\d\d UTC"))


def test_plans_and_billing_are_linked_where_the_operator_has_them(month: Page) -> None:
    expect(month.get_by_role("link", name="Plans and billing")).to_have_attribute("href", PLANS_URL)
