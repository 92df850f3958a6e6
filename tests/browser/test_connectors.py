"""The Connectors page: webhook outcomes, warnings, and loading, error and empty states."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import run_command
from tests.browser.connectors import AGENT_CALL, CARRIER_CALL, PHONES, SILENT_HOURS, PhoneConnectors, create_connectors
from tests.browser.visitor import LAYOUT_SHIFT, USAGE, Visitor, assert_accessible, card, hold_requests, paste_key
from tests.connectors.metering_server import MeteringServer, database_of
from tests.postgres import engine_for
from tests.servers import Server

CONNECTORS = f"{USAGE}/connectors"
ANSWER = "**/admin/usage/connectors*"
SENTENCE = "The database is busy; try again in a minute."
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def connectors(server: Server) -> Iterator[PhoneConnectors]:
    with engine_for(database_of(server)) as engine:
        yield create_connectors(MeteringServer(server, engine))


@pytest.fixture(scope="module")
def key(server: Server, connectors: PhoneConnectors) -> str:
    """A key of the organization with connectors."""
    return run_command(server, "keys", "add", "--org", connectors.twilio.org_id, "--role", "admin")


def connector(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def outcome(page: Page, name: str, label: str) -> Locator:
    """Return the row of an outcome of a connector."""
    return connector(page, name).locator(".connector-outcomes > div").filter(has=page.get_by_text(label, exact=True))


def navigation(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Pages")


def test_connectors_are_listed_with_disabled_ones_last(visitor: Visitor, key: str, connectors: PhoneConnectors) -> None:
    page = visitor.sign_in(key, CONNECTORS)
    expect(page.get_by_role("article")).to_have_count(4)
    heads = page.get_by_role("article").get_by_role("heading").all_inner_texts()
    names = [
        f"Twilio {connectors.twilio.id}",
        f"Vapi {connectors.vapi.id}",
        f"Retell {connectors.retell.id}",
        f"n8n {connectors.n8n.id}",
    ]
    assert heads == names
    expect(connector(page, "Twilio")).to_contain_text("in use")
    expect(connector(page, "n8n")).to_contain_text("disabled")
    expect(page).to_have_title("Connectors · Talkmeter")
    expect(page).to_have_url(re.compile(rf"{CONNECTORS}\?organization_id={PHONES}$"))
    assert_accessible(page)


def test_each_outcome_that_occurred_has_a_count_and_an_explanation(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, CONNECTORS)
    for label, count, explanation in (
        ("Accepted", "1", "Stored and counted."),
        ("Duplicates", "1", "Already received."),
        ("Not metered", "3", "do not affect usage"),
        ("Needs attention", "1", "talkmeter quarantine list"),
        ("Rejected", "1", "Could not be verified as coming from the provider"),
    ):
        row = outcome(page, "Vapi", label)
        expect(row.locator(".connector-count")).to_have_text(count)
        expect(row).to_contain_text(explanation)
    expect(connector(page, "Vapi").locator(".connector-outcomes dt")).to_have_count(5)
    expect(connector(page, "Vapi")).to_contain_text("2 of 7 messages need attention")
    expect(connector(page, "Retell")).to_contain_text(re.compile(r"All \d+ messages counted"))
    types = outcome(page, "Vapi", "Not metered").get_by_role("listitem")
    expect(types).to_have_text([re.compile("^status-update 2, last "), re.compile("^transcript 1, last ")])


def test_last_webhook_and_calls_in_progress_are_shown(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, CONNECTORS)
    facts = connector(page, "Twilio").locator(".connector-facts")
    expect(facts).to_contain_text(
        re.compile(r"Last webhook(just now|\d+ minutes? ago) \w{3} \d+, \d{4}, \d\d:\d\d:\d\d UTC")
    )
    expect(facts).to_contain_text("Calls in progress1")
    expect(connector(page, "n8n").locator(".connector-facts")).to_contain_text("Last webhooknone yet")
    expect(connector(page, "n8n")).to_contain_text("No webhooks in the last 7 days.")


def test_silent_and_rejecting_connectors_have_a_warning(
    visitor: Visitor, key: str, connectors: PhoneConnectors
) -> None:
    page = visitor.sign_in(key, CONNECTORS)
    silent = connector(page, "Retell").get_by_role("note")
    expect(silent).to_contain_text(f"No webhooks for {SILENT_HOURS} hours")
    expect(silent).to_contain_text("Before that, webhooks arrived every day.")
    rejected = connector(page, "Vapi").get_by_role("note")
    expect(rejected).to_contain_text("Webhooks are being rejected")
    expect(rejected).to_contain_text(f"talkmeter connectors rotate {connectors.vapi.id} --secret-env NAME")
    for healthy in ("Twilio", "n8n"):
        expect(connector(page, healthy)).to_be_visible()
        expect(connector(page, healthy).get_by_role("note")).to_have_count(0)


def test_commands_are_shown_only_to_an_operator(visitor: Visitor, server: Server, key: str) -> None:
    page = visitor.sign_in(key, CONNECTORS)
    expect(page.locator("main code").filter(has_text="talkmeter")).not_to_have_count(0)
    customer = run_command(server, "keys", "add", "--org", PHONES, "--scope", "billing:manage")
    page = visitor.sign_in(customer, CONNECTORS)
    expect(connector(page, "Vapi").get_by_role("note")).to_contain_text("it must be changed here too.")
    expect(page.locator("main code").filter(has_text="talkmeter")).to_have_count(0)
    assert_accessible(page)


def test_days_are_columns_and_a_table(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, CONNECTORS)
    retell = connector(page, "Retell")
    expect(retell.locator(".connector-column")).to_have_count(7)
    assert retell.locator(".connector-column > span").count() in (5, 6)
    expect(retell.get_by_role("table")).to_have_count(0)
    retell.get_by_text("Day by day").focus()
    page.keyboard.press("Enter")
    expect(retell.get_by_role("row")).to_have_count(8)
    expect(retell.get_by_role("columnheader")).to_have_text(["Day (UTC)", "Accepted"])
    assert retell.get_by_role("cell").all_inner_texts().count("4") in (5, 6)
    assert_accessible(page)


def test_navigation_between_screens_keeps_the_organization(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, f"{USAGE}?range=last-7-days")
    expect(card(page, "Total Calls")).to_be_visible()
    assert visitor.requests_to("/admin/usage/connectors") == []
    documents = visitor.requests_to(USAGE) + visitor.requests_to(CONNECTORS)
    link = navigation(page).get_by_role("link", name="Connectors")
    link.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"{CONNECTORS}\?organization_id={PHONES}$"))
    expect(connector(page, "Twilio")).to_be_visible()
    expect(link).to_have_attribute("aria-current", "page")
    expect(link).to_be_focused()
    page.go_back()
    expect(card(page, "Total Calls")).to_be_visible()
    expect(page).to_have_url(re.compile(r"[?&]range=last-7-days"))
    expect(page).to_have_title("Usage · Talkmeter")
    page.go_forward()
    expect(connector(page, "Twilio")).to_be_visible()
    navigation(page).get_by_role("link", name="Usage").click()
    expect(card(page, "Total Calls")).to_be_visible()
    assert visitor.requests_to(USAGE) + visitor.requests_to(CONNECTORS) == documents


def test_usage_page_loads_nothing_of_the_connectors_page(visitor: Visitor, key: str) -> None:
    page = visitor.open()
    held = hold_requests(page, "**/admin/usage/summary*")
    with page.expect_request("**/admin/usage/summary*"):
        paste_key(page, key)
    expect(page.get_by_role("status", name="Loading the figures")).to_be_visible()
    held[0].continue_()
    expect(card(page, "Total Calls")).to_be_visible()
    assert [url for url in visitor.requests if "onnectors" in url] == []


def test_organization_without_connectors_shows_how_to_create_one(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.acme, CONNECTORS)
    expect(page.get_by_role("heading", name="No connectors yet")).to_be_visible()
    expect(page.get_by_role("group", name="command to create the connector")).to_have_text(
        "talkmeter connectors add --org 'acme' --provider twilio --secret-env TOKEN"
    )
    assert_accessible(page)


def test_organization_can_be_switched_on_the_connectors_page(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, f"{CONNECTORS}?organization_id=acme")
    expect(page.get_by_role("heading", name="No connectors yet")).to_be_visible()
    page.get_by_label("Organization").select_option("quiet")
    expect(page).to_have_url(re.compile(rf"{CONNECTORS}\?organization_id=quiet$"))
    expect(page.get_by_role("group", name="command to create the connector")).to_contain_text("--org 'quiet'")


def test_without_the_scope_connectors_are_not_requested(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, f"{CONNECTORS}?organization_id=locked")
    expect(page.get_by_role("heading", name="No access to usage")).to_be_visible()
    assert_accessible(page)
    assert visitor.requests_to("/admin/usage/connectors") == []


def test_sign_in_keeps_the_url(visitor: Visitor, key: str) -> None:
    page = visitor.open(f"{CONNECTORS}/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(navigation(page)).to_have_count(0)
    assert_accessible(page)
    paste_key(page, key)
    expect(connector(page, "Twilio")).to_be_visible()


def test_ended_session_shows_the_sign_in_screen(visitor: Visitor, key: str) -> None:
    visitor.expects_errors = True
    page = visitor.sign_in(key, CONNECTORS)
    expect(connector(page, "Twilio")).to_be_visible()
    page.evaluate("fetch('/session', {method: 'DELETE'})")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("Your session ended")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(0)


def test_loading_shows_a_skeleton(visitor: Visitor, key: str) -> None:
    page = visitor.open(CONNECTORS)
    held = hold_requests(page, ANSWER)
    with page.expect_request(ANSWER):
        paste_key(page, key)
    expect(page.get_by_role("status", name="Loading connectors")).to_be_visible()
    assert_accessible(page)
    held[0].continue_()
    expect(connector(page, "Twilio")).to_be_visible()
    expect(page.get_by_role("status", name="Loading connectors")).to_have_count(0)


def test_failed_request_shows_the_reason_and_can_be_retried(visitor: Visitor, key: str) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=422, json={"detail": SENTENCE})

    visitor.expects_errors = True
    page = visitor.open(CONNECTORS)
    page.route(ANSWER, refuse)
    paste_key(page, key)
    expect(page.get_by_role("alert")).to_contain_text(SENTENCE)
    assert_accessible(page)
    page.unroute(ANSWER)
    page.get_by_role("button", name="Try again").click()
    expect(connector(page, "Twilio")).to_be_visible()
    page.route(ANSWER, refuse)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_contain_text("Could not refresh the connectors. The data is from ")
    expect(connector(page, "Twilio")).to_be_visible()
    page.unroute(ANSWER)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_code_that_fails_to_load_does_not_block_the_usage_page(visitor: Visitor, key: str) -> None:
    visitor.expects_errors = True
    page = visitor.open(CONNECTORS)
    page.route("**/assets/ConnectorsReport-*.js", lambda route: route.abort())
    paste_key(page, key)
    expect(page.get_by_role("alert")).to_contain_text("Could not load the connectors.")
    navigation(page).get_by_role("link", name="Usage").click()
    expect(card(page, "Total Calls")).to_be_visible()
    visitor.ignore_messages("dynamically imported module")


@pytest.mark.parametrize("width", [320, 768, 1280, 1920])
def test_connectors_page_fits_any_width_without_layout_shift(visitor: Visitor, key: str, width: int) -> None:
    page = visitor.sign_in(key, CONNECTORS, width=width)
    expect(page.get_by_role("article")).to_have_count(4)
    page.get_by_text("Day by day").first.click()
    assert page.evaluate(_OVERFLOW) == 0
    assert_accessible(page)
    page.reload()
    expect(page.get_by_role("article")).to_have_count(4)
    assert page.evaluate(LAYOUT_SHIFT) < 0.01


def test_histories_of_linked_calls_link_to_each_other(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, f"{USAGE}?record=conversation:{CARRIER_CALL}")
    carrier = page.get_by_role("dialog", name=f"How this call was counted: {CARRIER_CALL}")
    expect(carrier).to_contain_text(f"This is the other side of call {AGENT_CALL}, which is counted instead.")
    expect(carrier).to_contain_text("It adds nothing.")
    expect(carrier.get_by_role("article").first).to_contain_text("Addsnothing")
    assert_accessible(page)
    carrier.get_by_role("link", name=AGENT_CALL).press("Enter")
    agent = page.get_by_role("dialog", name=f"How this call was counted: {AGENT_CALL}")
    expect(agent).to_contain_text("The same call was also reported as:")
    expect(agent.get_by_role("region", name="History")).to_be_focused()
    expect(agent.get_by_role("article").first).to_contain_text("1 call")
    expect(page).to_have_url(re.compile(rf"record={quote(f'conversation:{quote(AGENT_CALL)}', safe=':')}$"))
    assert_accessible(page)
    agent.get_by_role("link", name=CARRIER_CALL).click()
    expect(carrier).to_be_visible()
    page.go_back()
    expect(agent).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_back_goes_through_linked_histories_to_the_list(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, USAGE)
    card(page, "Total Calls").get_by_role("link").first.click()
    page.get_by_role("link", name=f"history of {AGENT_CALL}").click()
    agent = page.get_by_role("dialog", name=f"How this call was counted: {AGENT_CALL}")
    agent.get_by_role("link", name=CARRIER_CALL).click()
    carrier = page.get_by_role("dialog", name=f"How this call was counted: {CARRIER_CALL}")
    carrier.get_by_role("button", name="Back").click()
    agent.get_by_role("button", name="Back").click()
    expect(page.get_by_role("dialog", name="Calls")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
