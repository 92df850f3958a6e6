"""The filter of the whole page, in the address and as a chip."""

import re
from urllib.parse import quote

from playwright.sync_api import expect

from tests.browser.data import SPECIAL_ID
from tests.browser.visitor import USAGE, Visitor, assert_accessible, card


def test_filter_limits_cards_and_charts_to_one_agent(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?filter=agent:agent-0")
    chip = page.get_by_role("group", name="Filter of this page")
    expect(chip).to_contain_text("Agent Reception")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls2")
    expect(card(page, "Voice Minutes")).to_contain_text("Voice Minutes1.00")
    expect(card(page, "Workflow Runs")).to_have_count(0)
    expect(page.get_by_text("Workflow runs and the inventory are left out")).to_be_visible()
    expect(page.get_by_role("region", name="Inventory")).to_have_count(0)
    expect(page.locator(".charts").get_by_role("heading")).to_have_text(
        ["Voice Minutes", "Chat Minutes", "Calls per day"]
    )
    assert_accessible(page)
    page.get_by_role("button", name="Remove the filter Reception").click()
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")
    page.go_back()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls2")


def test_filtered_figure_opens_the_records_of_the_filter(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?filter=agent:agent-0")
    card(page, "Total Calls").get_by_role("link", name="Total Calls: 2, show calls").click()
    expect(page).to_have_url(re.compile(r"records=conversation:agent=agent-0$"))
    expect(page.get_by_role("dialog")).to_contain_text("2 rows shown")


def test_workflow_filter_shows_its_runs_only(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.acme, f"{USAGE}?filter=workflow:flow-1")
    expect(card(page, "Workflow Runs")).to_contain_text("Workflow Runs2")
    expect(card(page, "Total Calls")).to_have_count(0)
    expect(page.get_by_text("Calls and the inventory are left out")).to_be_visible()


def test_filter_of_calls_without_a_value_and_of_an_unknown_one(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?filter=agent:")
    expect(page.get_by_role("group", name="Filter of this page")).to_contain_text("Without an agent")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls2")
    unknown = visitor.open_usage(f"{USAGE}?filter=agent:nobody")
    expect(unknown.get_by_text(re.compile(r"No calls or workflow runs with this filter from Mar 1"))).to_be_visible()


def test_any_id_can_be_filtered_by(visitor: Visitor) -> None:
    page = visitor.sign_in(
        visitor.keys.multi_org, f"{USAGE}?organization_id=busy&filter=agent:{quote(SPECIAL_ID, safe='')}"
    )
    expect(card(page, "Total Calls")).to_contain_text("Total Calls1")


def test_invalid_filter_in_the_url_is_removed_with_a_message(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?filter=colour:red")
    expect(page.get_by_role("alert")).to_contain_text(
        "The filter in the address is invalid. Showing everything instead."
    )
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))


def test_switching_the_organization_drops_the_filter(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=acme&filter=agent:agent-0")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls2")
    page.get_by_label("Organization").select_option("busy")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls63")
    assert "filter=" not in page.url
