"""The session and the summary are requested by the HTML, while the page's script loads."""

from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.data import ACME, NOW
from tests.browser.visitor import USAGE, Visitor, card, hold_requests

MARCH: Final = f"{USAGE}?organization_id={ACME}&range=2026-03-01..2026-03-10&compare=year"
SESSION: Final = "/session"
SUMMARY: Final = "/admin/usage/summary"


def open_without_script(visitor: Visitor, address: str) -> "tuple[Page, list[str]]":
    """Open the page again in a browser that has seen ACME, and hold its script; return the requests until then."""
    first = visitor.open_usage()
    visitor.requests.clear()
    page = first.context.new_page()
    page.clock.install(time=NOW)
    held = hold_requests(page, "**/assets/*.js")
    with page.expect_response(lambda answer: SESSION in answer.url):
        page.goto(address, wait_until="commit")
    sent = [url.removeprefix(visitor.server.url) for url in visitor.requests]
    for route in held:
        route.continue_()
    page.unroute("**/assets/*.js")
    return page, sent


def test_session_and_summary_are_requested_before_the_script_is_there(visitor: Visitor) -> None:
    page, sent = open_without_script(visitor, MARCH)

    assert f"{SESSION}?organization_id=acme" in sent
    assert (
        f"{SUMMARY}?from=2026-03-01T00%3A00%3A00Z&to=2026-03-11T00%3A00%3A00Z&compare=year&organization_id=acme" in sent
    )
    expect(card(page, "Total Calls")).to_contain_text("4")
    assert len(visitor.requests_to(SESSION)) == len(visitor.requests_to(SUMMARY)) == 1


def test_figures_of_an_organization_that_was_not_seen_wait_for_the_session(visitor: Visitor) -> None:
    _, sent = open_without_script(visitor, MARCH.replace(ACME, "locked"))

    assert [url for url in sent if SUMMARY in url] == []


def test_refresh_requests_the_summary_again(visitor: Visitor) -> None:
    page, _ = open_without_script(visitor, MARCH)
    expect(card(page, "Total Calls")).to_be_visible()

    with page.expect_response(lambda answer: SUMMARY in answer.url):
        page.get_by_role("button", name="Refresh").click()

    assert len(visitor.requests_to(SUMMARY)) == 2
