"""Every state of the page but the one where all is well; in each, axe finds nothing, in light and in dark."""

import re

from playwright.sync_api import Page, Route, expect

from tests.browser.conftest import send
from tests.browser.data import NEWBORN
from tests.browser.watch import USAGE, Visitor, assert_accessible, card, hold, paste, range_button
from tests.events import conversation

SUMMARY = "**/admin/usage/summary*"
SENTENCE = "The moon is in the way; try again when it has moved on."


def refuse(status: int) -> dict[str, object]:
    """A problem as the API writes it."""
    return {
        "status": status,
        "content_type": "application/problem+json",
        "json": {"detail": SENTENCE, "status": status},
    }


def fail(page: Page, status: int) -> None:
    """Let every summary fail from now on."""

    def answer(route: Route) -> None:
        route.fulfill(**refuse(status))  # type: ignore[arg-type]  # the arguments of fulfill

    page.route(SUMMARY, answer)


def test_skeletons_stand_where_the_figures_will_be(visitor: Visitor) -> None:
    page = visitor.open()
    held = hold(page, SUMMARY)
    with page.expect_request(SUMMARY):
        paste(page, visitor.keys.acme)
    expect(page.get_by_role("status", name="Loading the figures")).to_be_visible()
    before = page.locator(".cards").first.bounding_box()
    assert_accessible(page)
    held[0].continue_()
    expect(card(page, "Total Calls")).to_be_visible()
    assert page.locator(".cards").first.bounding_box() == before


def test_an_error_shows_the_sentence_of_the_api_and_can_be_retried(visitor: Visitor) -> None:
    visitor.provoked = True
    page = visitor.open()
    fail(page, 422)
    paste(page, visitor.keys.acme)
    expect(page.get_by_role("alert")).to_contain_text(SENTENCE)
    assert len(visitor.asked("/admin/usage/summary")) == 1
    assert_accessible(page)
    page.unroute(SUMMARY)
    page.get_by_role("button", name="Try again").click()
    expect(card(page, "Total Calls")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_a_failed_refresh_keeps_the_old_figures_with_their_time(visitor: Visitor) -> None:
    visitor.provoked = True
    page = visitor.report()
    fail(page, 422)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_contain_text(
        re.compile(rf"these are of 12:00:\d\d UTC.*{SENTENCE}", re.DOTALL)
    )
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")
    assert_accessible(page)


def test_refresh_asks_for_the_same_range_again_while_the_old_numbers_stay(visitor: Visitor) -> None:
    page = visitor.report(f"{USAGE}?range=2026-03-01..2026-03-10")
    held = hold(page, SUMMARY)
    page.clock.fast_forward("10:00")
    page.get_by_role("button", name="Refresh").click()
    expect(page.locator(".figures[aria-busy=true]")).to_contain_text("Total Calls4")
    assert_accessible(page)
    held[0].continue_()
    expect(page.locator(".freshness")).to_contain_text(re.compile(r"fetched at 12:10:\d\d UTC"))
    first, second = visitor.asked("/admin/usage/summary")
    assert first == second


def test_a_fault_of_the_server_is_retried_twice_and_then_shown(visitor: Visitor) -> None:
    visitor.provoked = True
    page = visitor.report()
    fail(page, 503)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_contain_text(SENTENCE)
    assert len(visitor.asked("/admin/usage/summary")) == 1 + 3
    assert_accessible(page)


def test_offline_the_old_figures_stay_and_the_page_says_why_and_recovers(visitor: Visitor) -> None:
    visitor.provoked = True
    page = visitor.report()
    page.context.set_offline(True)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_contain_text("The server cannot be reached.")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")
    assert_accessible(page)
    visitor.forgive("Couldn't load preload assets")
    page.context.set_offline(False)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_an_empty_range_says_so_offers_longer_ones_and_keeps_the_inventory(visitor: Visitor) -> None:
    page = visitor.report(f"{USAGE}?range=2025-01-01..2025-01-31")
    expect(page.get_by_role("heading", name="No activity in this range")).to_be_visible()
    expect(card(page, "Voice Minutes")).to_contain_text("0.00")
    expect(card(page, "Total Calls")).to_contain_text("average 0m 00s")
    expect(card(page, "Active Agents")).to_contain_text("3")
    assert_accessible(page)
    page.get_by_role("button", name="Last 90 days").click()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls6")


def test_a_new_organization_is_told_how_to_begin_and_sees_its_first_event_by_itself(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.several, f"{USAGE}?organization_id={NEWBORN}")
    expect(page.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
    expect(page.get_by_role("group", name="the key’s command")).to_contain_text(
        "talkmeter keys add --org 'new-born' --scope events:write"
    )
    command = page.get_by_role("group", name="the event’s command")
    expect(command).to_contain_text(f"curl '{visitor.server.url}/metering/events'")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy the event’s command").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == command.inner_text()
    assert_accessible(page)
    call = conversation("first", created_at="2026-03-15T11:59:00Z", duration=90)
    send(visitor.server, visitor.keys.sender, NEWBORN, [call])
    page.clock.fast_forward("00:06")
    expect(card(page, "Voice Minutes")).to_contain_text("1.50")


def test_without_the_scope_there_is_no_access_and_the_summary_is_never_asked_for(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.several, f"{USAGE}?organization_id=locked")
    expect(page.get_by_role("heading", name="No access to usage")).to_be_visible()
    expect(page.locator("main")).to_contain_text("billing:manage")
    assert_accessible(page)
    assert visitor.asked("/admin/usage/summary") == []
    page.get_by_label("Organization").select_option("acme")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")


def test_an_organization_out_of_reach_is_no_access_with_the_switcher_at_hand(visitor: Visitor) -> None:
    visitor.provoked = True
    page = visitor.sign_in(visitor.keys.acme, f"{USAGE}?organization_id=quiet")
    expect(page.get_by_role("heading", name="No access to usage")).to_be_visible()
    assert_accessible(page)
    page.get_by_label("Organization").select_option("acme")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")


def test_when_the_session_ends_one_signs_in_again_at_the_same_address(visitor: Visitor) -> None:
    visitor.provoked = True
    page = visitor.report(f"{USAGE}?range=last-7-days")
    address = page.url
    page.evaluate("fetch('/session', {method: 'DELETE'})")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("Your session ended")).to_be_visible()
    expect(card(page, "Total Calls")).to_have_count(0)
    assert_accessible(page)
    paste(page, visitor.keys.acme)
    expect(card(page, "Total Calls")).to_contain_text("Total Calls4")
    assert page.url == address


def test_a_chart_that_cannot_be_drawn_says_so_and_its_table_still_works(visitor: Visitor) -> None:
    visitor.provoked = True
    page = visitor.open()
    page.route("**/assets/Drawing-*.js", lambda route: route.abort())
    paste(page, visitor.keys.acme)
    chart = page.get_by_role("region", name="Calls per day", exact=True)
    expect(chart.get_by_role("alert")).to_contain_text("could not be drawn")
    chart.get_by_role("button", name="Calls per day: view as table").click()
    expect(page.get_by_role("region", name="Calls per day as a table")).to_contain_text("Whole range")
    assert_accessible(page)
    visitor.forgive("dynamically imported module")


def test_an_unknown_path_is_the_pages_own_not_found(visitor: Visitor) -> None:
    page = visitor.open("/organization/nothing")
    expect(page.get_by_role("heading", name="There is nothing here")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("link", name="Usage page").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_the_root_leads_to_the_page(visitor: Visitor) -> None:
    page = visitor.open("/")
    expect(page).to_have_url(re.compile(r"/organization/usage$"))
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert_accessible(page)


def test_the_open_calendar_is_accessible_wide_and_narrow(visitor: Visitor) -> None:
    page = visitor.report()
    range_button(page).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_accessible(page)
    page.keyboard.press("Escape")
    page.set_viewport_size({"width": 360, "height": 800})
    range_button(page).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    assert_accessible(page)
