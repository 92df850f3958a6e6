"""The loading, error and empty states of the page. Each must be free of axe violations."""

import re

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import send_events
from tests.browser.data import NEW
from tests.browser.visitor import USAGE, Visitor, assert_accessible, card, hold_requests, paste_key, range_button
from tests.events import conversation

SUMMARY = "**/admin/usage/summary*"
SENTENCE = "The database is busy; try again in a minute."


def problem_response(status: int) -> dict[str, object]:
    """Return the arguments of `Route.fulfill` for a problem response."""
    return {
        "status": status,
        "content_type": "application/problem+json",
        "json": {"detail": SENTENCE, "status": status},
    }


def fail_summary(page: Page, status: int) -> None:
    """Make all summary requests fail from now on."""

    def answer(route: Route) -> None:
        route.fulfill(**problem_response(status))  # type: ignore[arg-type]  # the arguments of fulfill

    page.route(SUMMARY, answer)


def test_skeletons_have_the_size_of_the_cards(visitor: Visitor) -> None:
    page = visitor.open()
    held = hold_requests(page, SUMMARY)
    with page.expect_request(SUMMARY):
        paste_key(page, visitor.keys.acme)
    expect(page.get_by_role("status", name="Loading the figures")).to_be_visible()
    before = page.locator(".cards").first.bounding_box()
    assert_accessible(page)
    held[0].continue_()
    expect(card(page, "Total Calls")).to_be_visible()
    assert page.locator(".cards").first.bounding_box() == before


def test_error_shows_the_message_of_the_api_and_can_be_retried(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open()
    fail_summary(page, 422)
    paste_key(page, visitor.keys.acme)
    expect(page.get_by_role("alert")).to_contain_text(SENTENCE)
    assert len(visitor.requests_to("/admin/usage/summary")) == 1
    assert_accessible(page)
    page.unroute(SUMMARY)
    page.get_by_role("button", name="Try again").click()
    expect(card(page, "Total Calls")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_failed_refresh_keeps_the_old_figures_with_their_time(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open_usage()
    fail_summary(page, 422)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_contain_text(
        re.compile(rf"They are from 12:00:\d\d UTC.*{SENTENCE}", re.DOTALL)
    )
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")
    assert_accessible(page)


def test_refresh_requests_the_same_range_and_keeps_the_old_figures(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=2026-03-01..2026-03-10")
    held = hold_requests(page, SUMMARY)
    page.clock.fast_forward("10:00")
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator(".figures[aria-busy=true]")).to_contain_text("Total Calls4")
    assert_accessible(page)
    held[0].continue_()
    expect(page.locator(".status-line time").first).to_have_attribute("title", re.compile(r", 12:10:\d\d UTC$"))
    first, second = visitor.requests_to("/admin/usage/summary")
    assert first == second


def test_server_error_is_retried_twice_and_then_shown(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open_usage()
    fail_summary(page, 503)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_contain_text(SENTENCE)
    assert len(visitor.requests_to("/admin/usage/summary")) == 1 + 3
    assert_accessible(page)


def test_offline_keeps_the_old_figures_and_recovers(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open_usage()
    # The last part that loads.
    expect(page.get_by_role("region", name="Budgets", exact=True)).to_be_visible()
    page.context.set_offline(True)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_contain_text("Could not reach the server.")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")
    assert_accessible(page)
    visitor.ignore_messages("Couldn't load preload assets")
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_empty_range_offers_longer_ones_and_keeps_the_inventory(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=2025-01-01..2025-01-31")
    expect(page.get_by_role("heading", name="No activity in this range")).to_be_visible()
    expect(card(page, "Voice Minutes")).to_contain_text("0.00")
    expect(card(page, "Total Calls")).to_contain_text("average 0m 00s")
    expect(card(page, "Active Agents")).to_contain_text("3")
    assert_accessible(page)
    page.get_by_role("button", name="Last 90 days").click()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls6")


def test_new_organization_shows_how_to_send_an_event_and_polls_for_it(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id={NEW}")
    expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
    expect(page.get_by_role("group", name="command to create a key")).to_contain_text(
        "talkmeter keys add --org 'new-born' --scope events:write"
    )
    command = page.get_by_role("group", name="command to send an event")
    expect(command).to_contain_text(f"curl '{visitor.server.url}/metering/events'")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy command to send an event").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == command.inner_text()
    assert_accessible(page)
    call = conversation("first", created_at="2026-03-15T11:59:00Z", duration=90)
    send_events(visitor.server, visitor.keys.sender, NEW, [call])
    page.clock.fast_forward("00:06")
    expect(card(page, "Voice Minutes")).to_contain_text("1.50")


def test_without_the_scope_the_summary_is_not_requested(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=locked")
    expect(page.get_by_role("heading", name="No access to usage")).to_be_visible()
    expect(page.locator("main")).to_contain_text("billing:manage")
    assert_accessible(page)
    assert visitor.requests_to("/admin/usage/summary") == []
    page.get_by_label("Organization").select_option("acme")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")


def test_forbidden_organization_shows_no_access_with_the_switcher(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.sign_in(visitor.keys.acme, f"{USAGE}?organization_id=quiet")
    expect(page.get_by_role("heading", name="No access to usage")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("Organization").select_option("acme")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")


def test_sign_in_after_an_ended_session_keeps_the_url(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open_usage(f"{USAGE}?range=last-7-days")
    address = page.url
    page.evaluate("fetch('/session', {method: 'DELETE'})")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("Your session ended")).to_be_visible()
    expect(card(page, "Total Calls")).to_have_count(0)
    assert_accessible(page)
    paste_key(page, visitor.keys.acme)
    expect(card(page, "Total Calls")).to_contain_text("Total Calls4")
    assert page.url == address


def test_chart_that_cannot_be_drawn_still_has_its_table(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open()
    page.route("**/assets/Drawing-*.js", lambda route: route.abort())
    paste_key(page, visitor.keys.acme)
    chart = page.get_by_role("region", name="Calls per day", exact=True)
    expect(chart.get_by_role("alert")).to_contain_text("Could not draw this chart.")
    chart.get_by_role("button", name="Calls per day: view as table").click()
    expect(page.get_by_role("region", name="Calls per day as a table")).to_contain_text("Whole range")
    assert_accessible(page)
    visitor.ignore_messages("dynamically imported module")
    visitor.ignore_messages("Couldn't load preload assets")


def test_unknown_path_shows_the_not_found_screen(visitor: Visitor) -> None:
    page = visitor.open("/organization/nothing")
    expect(page.get_by_role("heading", name="Page not found")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Usage page").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_root_redirects_to_the_usage_page(visitor: Visitor) -> None:
    page = visitor.open("/")
    expect(page).to_have_url(re.compile(r"/organization/usage$"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert_accessible(page)


def test_open_calendar_has_no_axe_violations(visitor: Visitor) -> None:
    page = visitor.open_usage()
    range_button(page).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 360, "height": 800})
    range_button(page).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_accessible(page)
