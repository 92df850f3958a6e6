"""The breakdown of the Usage page: where its parts are."""

from playwright.sync_api import Locator, Page, expect

from tests.browser.visitor import USAGE, Visitor, card

BREAKDOWN = "/admin/usage/breakdown"


def breakdown(page: Page) -> Locator:
    return page.get_by_role("region", name="Breakdown")


def table(page: Page) -> Locator:
    return breakdown(page).get_by_role("table")


def rows(page: Page) -> list[str]:
    """Return name, figures, share and change of each row of the open tab, one line each."""
    expect(table(page).locator("tbody tr").first).to_be_visible()
    return [" ".join(row.split()) for row in table(page).locator("tbody tr").all_inner_texts()]


def names(page: Page) -> list[str]:
    """Return the names of the rows that are rendered."""
    return table(page).locator("tbody th").all_inner_texts()


def tab(page: Page, name: str) -> Locator:
    return breakdown(page).get_by_role("tab", name=name)


def open_busy(visitor: Visitor, address: str = "", **options: str | int) -> Page:
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=busy{address}", **options)
    expect(card(page, "Total Calls")).to_be_visible()
    return page


def head(page: Page, name: str) -> Locator:
    """Return the head of a column."""
    return table(page).get_by_role("columnheader", name=name)
