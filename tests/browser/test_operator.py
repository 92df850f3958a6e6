"""The operator's page of all organizations: order, search, months, pages, the file, and viewing an organization."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import run_command
from tests.browser.visitor import USAGE, Keys, Visitor, assert_accessible, card
from tests.servers import Server

OPERATOR = "/operator"
EXTRA = 60


@pytest.fixture(scope="module")
def operator_key(server: Server, keys: Keys) -> str:
    """An operator key. There are more organizations than one page of the list has."""
    del keys
    for number in range(EXTRA):
        run_command(server, "orgs", "add", f"extra-{number:02}", "--name", f"Extra {number:02}")
    return run_command(server, "keys", "add", "--operator")


def open_list(visitor: Visitor, key: str) -> Page:
    page = visitor.sign_in(key, OPERATOR)
    expect(page.get_by_role("heading", name="Organizations", exact=True)).to_be_visible()
    expect(page.get_by_role("link", name="acme", exact=True)).to_be_visible()
    return page


def names(page: Page) -> list[str]:
    return page.locator(".organizations tbody th a").all_inner_texts()


def test_organizations_are_sorted_searched_and_loaded_while_scrolling(visitor: Visitor, operator_key: str) -> None:
    page = open_list(visitor, operator_key)
    assert_accessible(page)
    assert len(names(page)) == 50
    page.get_by_role("button", name="Load more").scroll_into_view_if_needed()
    expect(page.get_by_role("button", name="Load more")).to_have_count(0)
    assert len(names(page)) == len(set(names(page))) > EXTRA
    page.get_by_role("button", name="Organization").click()
    expect(page.locator(".organizations tbody th a").first).to_have_text("acme")
    page.get_by_role("button", name="Organization").click()
    expect(page.locator(".organizations tbody th a").first).not_to_have_text("acme")
    page.get_by_label("Search").fill("EXTRA 1")
    expect(page.get_by_role("rowheader", name="10 organizations")).to_be_visible()
    assert names(page) == [f"Extra 1{digit}" for digit in reversed(range(10))]


def test_another_month_has_its_own_figures_and_file(visitor: Visitor, operator_key: str) -> None:
    page = open_list(visitor, operator_key)
    page.get_by_label("Month").select_option("2026-02")
    page.get_by_label("Search").fill("acme")
    expect(page.get_by_role("rowheader", name="1 organization")).to_be_visible()
    page.get_by_role("button", name="Change of calls").click()
    expect(page.get_by_role("columnheader", name="Change of calls")).to_have_attribute("aria-sort", "descending")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download CSV").click()
    assert download.value.suggested_filename == "organizations_2026-02-01_2026-03-01.csv"


def test_row_opens_the_usage_page_that_says_who_is_viewing(visitor: Visitor, operator_key: str) -> None:
    page = open_list(visitor, operator_key)
    page.get_by_role("link", name="acme", exact=True).click()
    expect(page).to_have_url(re.compile(rf"{USAGE}\?organization_id=acme"))
    expect(page.get_by_text("You are viewing acme as the operator")).to_be_visible()
    expect(card(page, "Total Calls")).to_be_visible()
    plan_command = page.get_by_role("group", name="command to assign a plan")
    expect(plan_command).to_have_text("talkmeter plans assign 'acme' PLAN_ID")
    assert_accessible(page)


def test_session_of_an_organization_sees_no_other_organization(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.sign_in(visitor.keys.acme, OPERATOR)
    expect(page.get_by_role("heading", name="No access to all organizations")).to_be_visible()
    expect(page.get_by_role("table")).to_have_count(0)
    assert_accessible(page)
