"""Parts of the page whose code cannot be loaded: each says so, can be closed, and loads when it is tried again."""

import re
from typing import Final

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.data import NEW
from tests.browser.visitor import USAGE, Visitor, assert_accessible, card, paste_key

_FAILURES: Final = ("dynamically imported module", "preload CSS", "Couldn't load preload assets")


def block(page: Page, chunk: str, extension: str = "js") -> str:
    """Let requests for a chunk fail until its pattern, which is returned, is unrouted."""
    pattern = f"**/assets/{chunk}-*.{extension}"

    def fail(route: Route) -> None:
        route.abort()

    page.route(pattern, fail)
    return pattern


def open_with_blocked(visitor: Visitor, chunk: str, extension: str = "js") -> tuple[Page, str]:
    """Open the Usage page of ACME; return it and the pattern of the blocked chunk."""
    visitor.expects_errors = True
    page = visitor.open()
    pattern = block(page, chunk, extension)
    paste_key(page, visitor.keys.acme)
    expect(card(page, "Total Calls")).to_be_visible()
    return page, pattern


def failure(page: Page) -> Locator:
    return page.get_by_role("alert").filter(has_text="Could not load")


def forget_messages(visitor: Visitor) -> None:
    for text in _FAILURES:
        visitor.ignore_messages(text)


def open_calls(page: Page) -> None:
    card(page, "Total Calls").get_by_role("link", name="Total Calls: 5").click()


def open_blocked_calls(page: Page) -> None:
    """Open the drawer, whose chunk is blocked. The first failure reloads the page, in case the server was updated."""
    with page.expect_event("load"):
        open_calls(page)
    expect(failure(page)).to_be_visible()


@pytest.mark.parametrize("extension", ["js", "css"])
def test_drawer_that_cannot_load_opens_when_it_is_tried_again(visitor: Visitor, extension: str) -> None:
    page, pattern = open_with_blocked(visitor, "RecordsDrawer", extension)
    open_blocked_calls(page)
    expect(failure(page)).to_contain_text("Check your connection and try again.")
    assert_accessible(page)
    page.unroute(pattern)
    page.get_by_role("dialog").get_by_role("button", name="Try again").click()
    expect(page.get_by_role("dialog", name="Calls").get_by_role("link").first).to_be_visible()
    expect(page.get_by_role("dialog").locator(".records-view").first).to_have_css("display", "flex")
    forget_messages(visitor)


@pytest.mark.parametrize("way", ["Escape", "Close"])
def test_drawer_that_cannot_load_can_be_closed_and_opened_later(visitor: Visitor, way: str) -> None:
    page, pattern = open_with_blocked(visitor, "RecordsDrawer")
    open_blocked_calls(page)
    if way == "Escape":
        page.keyboard.press("Escape")
    else:
        page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))
    page.unroute(pattern)
    open_calls(page)
    expect(page.get_by_role("dialog", name="Calls").get_by_role("link").first).to_be_visible()
    forget_messages(visitor)


def test_drawer_can_be_closed_while_it_loads(visitor: Visitor) -> None:
    page = visitor.open_usage()
    page.route("**/assets/RecordsDrawer-*.js", lambda _: None)
    open_calls(page)
    dialog = page.get_by_role("dialog", name="Loading")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(card(page, "Total Calls").get_by_role("link", name="Total Calls: 5")).to_be_focused()


@pytest.mark.parametrize(
    ("chunk", "button", "opened"),
    [
        ("RangePicker", "Date range", ("dialog", "Choose a date range")),
        ("ExportMenu", "Export", ("menu", "Export")),
    ],
)
@pytest.mark.parametrize("way", ["Try again", "Close", "Escape"])
def test_popup_that_cannot_load_can_be_retried_and_closed(
    visitor: Visitor, chunk: str, button: str, opened: tuple[str, str], way: str
) -> None:
    page, pattern = open_with_blocked(visitor, chunk)
    opener = page.get_by_role("button", name=button)
    # The first failure reloads the page, in case the server was updated.
    with page.expect_event("load"):
        opener.click()
    expect(card(page, "Total Calls")).to_be_visible()
    opener.click()
    expect(failure(page)).to_be_visible()
    expect(page.get_by_role("button", name="Try again")).to_be_focused()
    assert_accessible(page)
    page.unroute(pattern)
    if way == "Escape":
        page.keyboard.press("Escape")
    else:
        page.get_by_role("button", name=way, exact=True).click()
    expect(failure(page)).to_have_count(0)
    if way != "Try again":
        expect(opener).to_be_focused()
        opener.click()
    role, name = opened
    expect(page.get_by_role(role, name=name)).to_be_visible()  # type: ignore[arg-type]  # a role of the list above
    forget_messages(visitor)


def test_breakdown_that_cannot_load_can_be_retried(visitor: Visitor) -> None:
    page, pattern = open_with_blocked(visitor, "BreakdownSection")
    expect(failure(page)).to_contain_text("Could not load the breakdown.")
    assert_accessible(page)
    page.unroute(pattern)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("region", name="Breakdown").get_by_role("tab").first).to_be_visible()
    forget_messages(visitor)


def test_first_event_screen_that_cannot_load_can_be_retried(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open(f"{USAGE}?organization_id={NEW}")
    pattern = block(page, "FirstEvent")
    paste_key(page, visitor.keys.multi_org)
    expect(failure(page)).to_be_visible()
    page.unroute(pattern)
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
    forget_messages(visitor)
