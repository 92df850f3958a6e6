"""The switch "With sub-organizations": the sums of an agency and a row for each of its customers."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import run_command, send_events
from tests.browser.visitor import USAGE, Visitor, assert_accessible, card
from tests.events import conversation

AGENCY = "agency"
CUSTOMERS = {"north": 2, "south": 1}


def test_switch_shows_the_sums_of_all_organizations_and_stays_after_a_reload(visitor: Visitor) -> None:
    send_events(visitor.server, visitor.keys.sender, AGENCY, [conversation("own", duration=60)])
    for customer, calls in CUSTOMERS.items():
        events = [conversation(f"call-{number}", duration=30) for number in range(calls)]
        send_events(visitor.server, visitor.keys.sender, customer, events)
        run_command(visitor.server, "orgs", "add", customer, "--name", customer.title(), "--parent", AGENCY)
    key = run_command(visitor.server, "keys", "add", "--org", AGENCY, "--role", "admin")

    page = visitor.sign_in(key)
    expect(card(page, "Total Calls")).to_contain_text("Total Calls1")
    switch = page.get_by_role("switch", name="With sub-organizations (2)")
    switch.check()

    expect(page.get_by_role("heading", name="All 3 organizations")).to_be_visible()
    expect(card(page, "Total Calls of all organizations")).to_contain_text("4")
    rows = page.get_by_role("region", name="Calls by organization").locator("tr")
    expect(rows).to_have_text(
        [re.compile(text) for text in ("^Organization", r"^North250\.0%", "^agency1", "^South1", r"^Total4100\.0%")]
    )
    assert_accessible(page)
    page.reload()
    expect(switch).to_be_checked()
    expect(card(page, "Total Calls of all organizations")).to_contain_text("4")
    switch.uncheck()
    expect(page).to_have_url(re.compile(r"usage\?organization_id=agency$"))
    expect(card(page, "Total Calls")).to_contain_text("Total Calls1")


def test_organization_without_others_below_it_has_no_switch(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?subtree=true")

    page.wait_for_load_state("networkidle")
    assert len(visitor.requests_to("/admin/usage/organizations")) == 1
    expect(page.get_by_role("switch")).to_have_count(0)
