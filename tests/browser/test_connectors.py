"""The Connectors page: what became of each stack's messages, what somebody should look after, and its states."""

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.conftest import command
from tests.browser.stacks import AGENT_CALL, CARRIER_CALL, PHONES, SILENT_HOURS, Stacks, connect_stacks
from tests.browser.watch import SHIFT, USAGE, Visitor, assert_accessible, card, hold, paste
from tests.connectors.metering_server import MeteringServer, database_of
from tests.postgres import engine_for
from tests.servers import Server

CONNECTORS = f"{USAGE}/connectors"
ANSWER = "**/admin/usage/connectors*"
SENTENCE = "The moon is in the way; try again when it has moved on."
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def stacks(server: Server) -> Iterator[Stacks]:
    with engine_for(database_of(server)) as engine:
        yield connect_stacks(MeteringServer(server, engine))


@pytest.fixture(scope="module")
def key(server: Server, stacks: Stacks) -> str:
    """A key of the organization that has connectors."""
    return command(server, "keys", "add", "--org", stacks.twilio.org_id, "--role", "admin")


def connector(page: Page, name: str) -> Locator:
    return page.get_by_role("article", name=name)


def outcome(page: Page, name: str, what: str) -> Locator:
    """The row of one outcome of a connector."""
    return connector(page, name).locator(".connector-outcomes > div").filter(has=page.get_by_text(what, exact=True))


def pages(page: Page) -> Locator:
    return page.get_by_role("navigation", name="Pages")


def test_each_connector_says_what_it_is_and_those_in_use_stand_first(
    visitor: Visitor, key: str, stacks: Stacks
) -> None:
    page = visitor.sign_in(key, CONNECTORS)
    expect(page.get_by_role("article")).to_have_count(4)
    heads = page.get_by_role("article").get_by_role("heading").all_inner_texts()
    names = [
        f"Twilio {stacks.twilio.id}",
        f"Vapi {stacks.vapi.id}",
        f"Retell {stacks.retell.id}",
        f"n8n {stacks.n8n.id}",
    ]
    assert heads == names
    expect(connector(page, "Twilio")).to_contain_text("in use")
    expect(connector(page, "n8n")).to_contain_text("disabled")
    expect(page).to_have_title("Connectors · Talkmeter")
    expect(page).to_have_url(re.compile(rf"{CONNECTORS}\?organization_id={PHONES}$"))
    assert_accessible(page)


def test_every_outcome_has_its_number_and_says_what_it_means(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, CONNECTORS)
    for what, count, meaning in (
        ("Accepted", "1", "Stored and counted."),
        ("Duplicates", "1", "Told before."),
        ("Outdated", "0", "Something later"),
        ("Not metered", "3", "says nothing about usage"),
        ("Conflicting", "0", "One event id, two contents"),
        ("Quarantined", "1", "talkmeter quarantine"),
        ("Rejected", "1", "Not proved to come from the stack"),
    ):
        row = outcome(page, "Vapi", what)
        expect(row.locator(".connector-count")).to_have_text(count)
        expect(row).to_contain_text(meaning)
    types = outcome(page, "Vapi", "Not metered").get_by_role("listitem")
    expect(types).to_have_text([re.compile("^status-update 2, last "), re.compile("^transcript 1, last ")])


def test_the_last_message_and_open_conversations_are_named(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, CONNECTORS)
    facts = connector(page, "Twilio").locator(".connector-facts")
    expect(facts).to_contain_text(
        re.compile(r"Last message(just now|\d+ minutes? ago) \w{3} \d+, \d{4}, \d\d:\d\d:\d\d UTC")
    )
    expect(facts).to_contain_text("Open conversations1")
    expect(connector(page, "n8n").locator(".connector-facts")).to_contain_text("Last messagenone yet")
    expect(connector(page, "n8n")).to_contain_text("No message in the last 7 days.")


def test_a_connector_that_has_gone_silent_and_one_whose_messages_are_rejected_are_warned_of(
    visitor: Visitor, key: str, stacks: Stacks
) -> None:
    page = visitor.sign_in(key, CONNECTORS)
    silent = connector(page, "Retell").get_by_role("note")
    expect(silent).to_contain_text(f"Silent for {SILENT_HOURS} hours")
    expect(silent).to_contain_text("although messages came every day before")
    rejected = connector(page, "Vapi").get_by_role("note")
    expect(rejected).to_contain_text("Messages are rejected")
    expect(rejected).to_contain_text(f"talkmeter connectors rotate {stacks.vapi.id} --secret-env NAME")
    for calm in ("Twilio", "n8n"):
        expect(connector(page, calm)).to_be_visible()
        expect(connector(page, calm).get_by_role("note")).to_have_count(0)


def test_the_days_are_columns_and_by_keyboard_a_table(visitor: Visitor, key: str) -> None:
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


def test_usage_and_connectors_lead_to_each_other_and_keep_the_organization(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, f"{USAGE}?range=last-7-days")
    expect(card(page, "Total Calls")).to_be_visible()
    assert visitor.asked("/admin/usage/connectors") == []
    documents = visitor.asked(USAGE) + visitor.asked(CONNECTORS)
    link = pages(page).get_by_role("link", name="Connectors")
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
    pages(page).get_by_role("link", name="Usage").click()
    expect(card(page, "Total Calls")).to_be_visible()
    assert visitor.asked(USAGE) + visitor.asked(CONNECTORS) == documents


def test_before_the_cards_nothing_of_the_connectors_is_fetched(visitor: Visitor, key: str) -> None:
    page = visitor.open()
    held = hold(page, "**/admin/usage/summary*")
    with page.expect_request("**/admin/usage/summary*"):
        paste(page, key)
    expect(page.get_by_role("status", name="Loading the figures")).to_be_visible()
    held[0].continue_()
    expect(card(page, "Total Calls")).to_be_visible()
    assert [url for url in visitor.requests if "onnectors" in url] == []


def test_an_organization_without_connectors_is_told_how_to_make_one(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.acme, CONNECTORS)
    expect(page.get_by_role("heading", name="No connector yet")).to_be_visible()
    expect(page.get_by_role("group", name="the connector’s command")).to_have_text(
        "talkmeter connectors add --org 'acme' --provider twilio --secret-env TOKEN"
    )
    assert_accessible(page)


def test_another_organization_is_chosen_on_the_same_page(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.several, f"{CONNECTORS}?organization_id=acme")
    expect(page.get_by_role("heading", name="No connector yet")).to_be_visible()
    page.get_by_label("Organization").select_option("quiet")
    expect(page).to_have_url(re.compile(rf"{CONNECTORS}\?organization_id=quiet$"))
    expect(page.get_by_role("group", name="the connector’s command")).to_contain_text("--org 'quiet'")


def test_without_the_scope_there_is_no_access_and_the_connectors_are_never_asked_for(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.several, f"{CONNECTORS}?organization_id=locked")
    expect(page.get_by_role("heading", name="No access to usage")).to_be_visible()
    assert_accessible(page)
    assert visitor.asked("/admin/usage/connectors") == []


def test_signed_out_one_signs_in_at_the_same_address(visitor: Visitor, key: str) -> None:
    page = visitor.open(f"{CONNECTORS}/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    expect(pages(page)).to_have_count(0)
    assert_accessible(page)
    paste(page, key)
    expect(connector(page, "Twilio")).to_be_visible()


def test_when_the_session_ends_the_page_says_so(visitor: Visitor, key: str) -> None:
    visitor.provoked = True
    page = visitor.sign_in(key, CONNECTORS)
    expect(connector(page, "Twilio")).to_be_visible()
    page.evaluate("fetch('/session', {method: 'DELETE'})")
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_text("Your session ended")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(0)


def test_while_it_loads_there_is_a_skeleton(visitor: Visitor, key: str) -> None:
    page = visitor.open(CONNECTORS)
    held = hold(page, ANSWER)
    with page.expect_request(ANSWER):
        paste(page, key)
    expect(page.get_by_role("status", name="Loading the connectors")).to_be_visible()
    assert_accessible(page)
    held[0].continue_()
    expect(connector(page, "Twilio")).to_be_visible()
    expect(page.get_by_role("status", name="Loading the connectors")).to_have_count(0)


def test_what_cannot_be_fetched_says_why_and_can_be_retried(visitor: Visitor, key: str) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=422, json={"detail": SENTENCE})

    visitor.provoked = True
    page = visitor.open(CONNECTORS)
    page.route(ANSWER, refuse)
    paste(page, key)
    expect(page.get_by_role("alert")).to_contain_text(SENTENCE)
    assert_accessible(page)
    page.unroute(ANSWER)
    page.get_by_role("button", name="Try again").click()
    expect(connector(page, "Twilio")).to_be_visible()
    page.route(ANSWER, refuse)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_contain_text("could not be refreshed; these are of ")
    expect(connector(page, "Twilio")).to_be_visible()
    page.unroute(ANSWER)
    page.get_by_role("button", name="Refresh").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_code_that_cannot_be_loaded_leaves_the_usage_page_in_reach(visitor: Visitor, key: str) -> None:
    visitor.provoked = True
    page = visitor.open(CONNECTORS)
    page.route("**/assets/Connectors-*.js", lambda route: route.abort())
    paste(page, key)
    expect(page.get_by_role("alert")).to_contain_text("The connectors could not be loaded.")
    pages(page).get_by_role("link", name="Usage").click()
    expect(card(page, "Total Calls")).to_be_visible()
    visitor.forgive("dynamically imported module")


@pytest.mark.parametrize("width", [320, 768, 1280, 1920])
def test_it_fits_any_width_and_nothing_jumps(visitor: Visitor, key: str, width: int) -> None:
    page = visitor.sign_in(key, CONNECTORS, width=width)
    expect(page.get_by_role("article")).to_have_count(4)
    page.get_by_text("Day by day").first.click()
    assert page.evaluate(_OVERFLOW) == 0
    assert_accessible(page)
    page.reload()
    expect(page.get_by_role("article")).to_have_count(4)
    assert page.evaluate(SHIFT) < 0.01


def test_the_history_of_a_call_that_two_stacks_told_of_leads_from_one_to_the_other(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, f"{USAGE}?record=conversation:{CARRIER_CALL}")
    carrier = page.get_by_role("dialog", name=f"History of conversation {CARRIER_CALL}")
    expect(carrier).to_contain_text(f"This is the other side of a call that is counted as {AGENT_CALL}")
    expect(carrier).to_contain_text("it adds nothing.")
    expect(carrier.get_by_role("article").first).to_contain_text("Addsnothing")
    assert_accessible(page)
    carrier.get_by_role("link", name=AGENT_CALL).press("Enter")
    agent = page.get_by_role("dialog", name=f"History of conversation {AGENT_CALL}")
    expect(agent).to_contain_text("The same call was also told of as:")
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


def test_a_history_that_another_led_to_goes_back_to_it_and_then_to_the_list(visitor: Visitor, key: str) -> None:
    page = visitor.sign_in(key, USAGE)
    card(page, "Total Calls").get_by_role("link").first.click()
    page.get_by_role("link", name=f"history of {AGENT_CALL}").click()
    agent = page.get_by_role("dialog", name=f"History of conversation {AGENT_CALL}")
    agent.get_by_role("link", name=CARRIER_CALL).click()
    carrier = page.get_by_role("dialog", name=f"History of conversation {CARRIER_CALL}")
    carrier.get_by_role("button", name="Back").click()
    agent.get_by_role("button", name="Back").click()
    expect(page.get_by_role("dialog", name="Conversations")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
