"""The drawer: the records behind a figure, their totals, and the history of a record."""

import re
from urllib.parse import quote, unquote

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import send_events
from tests.browser.data import BUSY, SPECIAL_ID
from tests.browser.visitor import USAGE, Visitor, assert_accessible, card
from tests.events import conversation


def figure(page: Page, name: str, text: str) -> Locator:
    """Return the link of a figure in a card."""
    return card(page, name).get_by_role("link", name=f"{name}: {text}")


def drawer(page: Page, title: str) -> Locator:
    return page.get_by_role("dialog", name=title)


def ids(dialog: Locator) -> list[str]:
    """Return the ids of a list, from the links of its rows."""
    expect(dialog.get_by_role("row").nth(1)).to_be_visible()
    links = dialog.locator("[data-record]").all()
    return [unquote((link.get_attribute("data-record") or "").partition(":")[2]) for link in links]


@pytest.mark.parametrize(
    ("name", "text", "title", "query", "expected", "totals"),
    [
        (
            "Voice Minutes",
            "2.51",
            "Voice calls",
            "conversation:modality=voice",
            ["out", "mar-first"],
            ["2 calls · 2.51 voice minutes", "exactly 150,600 ms of voice · 2 with a duration"],
        ),
        (
            "Chat Minutes",
            "3.83",
            "Chat sessions",
            "conversation:modality=chat",
            ["text", "mail", "widget"],
            ["3 calls · 3.83 chat minutes", "exactly 230,000 ms of chat · 2 with a duration"],
        ),
        (
            "Total Calls",
            "5",
            "Calls",
            "conversation",
            ["text", "mail", "widget", "out", "mar-first"],
            [
                "5 calls · 2.51 voice minutes · 3.83 chat minutes",
                "exactly 150,600 ms of voice · exactly 230,000 ms of chat · 4 with a duration",
            ],
        ),
        ("Total Calls", "2 out", "Outbound calls", "conversation:direction=outbound", ["text", "out"], []),
        (
            "Workflow Runs",
            "4",
            "Workflow runs",
            "workflow_execution",
            ["run-4", "run-3", "run-2", "run-1"],
            ["4 runs · 2 succeeded · 1 failed · 1 in progress"],
        ),
        ("Workflow Runs", "1 failed", "Workflow runs that failed", "workflow_execution:status=failed", ["run-3"], []),
    ],
)
def test_each_figure_opens_exactly_the_records_that_add_up_to_it(
    visitor: Visitor, name: str, text: str, title: str, query: str, expected: list[str], totals: list[str]
) -> None:
    page = visitor.open_usage()
    figure(page, name, text).click()
    dialog = drawer(page, title)
    expect(dialog.get_by_role("heading", name=re.compile(rf"^{title}, Mar 1\s–\s15$"))).to_be_visible()
    assert ids(dialog) == expected
    assert page.url.endswith(f"records={query}")
    for part in (*totals, f"showing all {len(expected)}"):
        expect(dialog.locator(".records-sum")).to_contain_text(part)


@pytest.mark.parametrize(
    ("name", "text", "title", "query", "expected", "totals"),
    [
        ("Active Agents", "3", "Agents", "agent", ["agent-0", "agent-1", "agent-2"], "3 agents"),
        ("Phone Numbers", "2", "Phone numbers", "phone_number", ["+13125550110", "+13125550111"], "2 phone numbers"),
        (
            "Phone Numbers",
            "1 on the shared pool",
            "Phone numbers on the shared pool",
            "phone_number,shared=true",
            ["+13125550110"],
            "1 phone number",
        ),
        ("Chat Widgets Deployed", "1", "Chat widgets", "web_widget", ["widget-1"], "1 chat widget"),
        (
            "Knowledge Bases",
            "1 active",
            "Knowledge bases that are active",
            "dataset,active=true",
            ["base-1"],
            "1 knowledge base",
        ),
    ],
)
def test_inventory_card_opens_its_items(
    visitor: Visitor, name: str, text: str, title: str, query: str, expected: list[str], totals: str
) -> None:
    page = visitor.open_usage()
    figure(page, name, text).click()
    dialog = drawer(page, title)
    expect(dialog.get_by_role("row")).to_have_count(len(expected) + 1)
    assert [row.split("\t")[0] for row in dialog.locator("tbody tr").all_inner_texts()] == expected
    assert page.url.endswith(f"records=inventory:{query}")
    expect(dialog.locator(".records-sum")).to_contain_text(totals)
    assert_accessible(page)


def test_enter_opens_a_breakdown_row_and_escape_returns_the_focus(
    visitor: Visitor,
) -> None:
    page = visitor.open_usage()
    row = page.get_by_role("link", name="Reception, Calls: 2")
    row.focus()
    page.keyboard.press("Enter")
    dialog = drawer(page, "Calls of Reception")
    assert ids(dialog) == ["widget", "mar-first"]
    expect(dialog).not_to_contain_text("agent-0")
    assert page.evaluate("document.activeElement.closest('dialog') !== null")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(row).to_be_focused()
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))


def test_back_closes_the_drawer_and_forward_and_reload_keep_it_open(visitor: Visitor) -> None:
    page = visitor.open_usage()
    link = figure(page, "Total Calls", "5")
    link.click()
    expect(drawer(page, "Calls")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(link).to_be_focused()
    page.go_forward()
    expect(drawer(page, "Calls")).to_be_visible()
    page.reload()
    assert len(ids(drawer(page, "Calls"))) == 5
    drawer(page, "Calls").get_by_role("button", name="Close").click()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_back_does_not_reopen_a_closed_drawer(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=last-7-days")
    figure(page, "Total Calls", "4").click()
    dialog = drawer(page, "Calls")
    dialog.get_by_role("link", name="history of out").click()
    expect(drawer(page, "How this call was counted: out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.get_by_label("Comparison").select_option("No comparison")
    page.go_back()
    expect(page.get_by_label("Comparison")).to_have_value("previous")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_history_shows_which_update_is_counted_and_what_it_adds(visitor: Visitor) -> None:
    page = visitor.open_usage()
    figure(page, "Total Calls", "5").click()
    drawer(page, "Calls").get_by_role("link", name="history of out").click()
    expect(page).to_have_url(re.compile(r"records=conversation&record=conversation:out$"))
    dialog = drawer(page, "How this call was counted: out")
    states = dialog.get_by_role("article")
    expect(states).to_have_count(2)
    expect(states.first.locator(".status")).to_have_text("completed")
    expect(states.first.locator(".state-wins")).to_have_text("counted")
    expect(states.first).to_contain_text("1 call, 1 voice call, 1 call out, 1 call with a duration, 90,600 ms of voice")
    expect(states.first).to_contain_text("Sales")
    expect(states.last).to_contain_text("in progress")
    expect(states.last).to_contain_text("out:begun")
    expect(states.last).not_to_contain_text("Adds")
    expect(dialog.get_by_role("button", name="Back")).to_be_focused()
    assert_accessible(page)
    page.keyboard.press("Enter")
    list_ = drawer(page, "Calls")
    expect(list_.get_by_role("link", name="history of out")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_url_of_a_history_opens_it(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?record=agent:agent-0")
    dialog = drawer(page, "History of agent agent-0")
    expect(dialog).to_contain_text("Reception")
    expect(dialog.get_by_role("button", name="Back")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))


def test_unknown_record_shows_an_error(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open_usage(f"{USAGE}?record=conversation:nobody")
    expect(page.get_by_role("alert")).to_contain_text("nobody")
    assert_accessible(page)


def test_bar_and_table_cell_open_the_records_of_the_day(visitor: Visitor) -> None:
    page = visitor.open_usage()
    chart = page.get_by_role("region", name="Calls per day", exact=True)
    chart.locator(".bar").nth(1).click()
    dialog = drawer(page, "Calls, Mar 10")
    assert ids(dialog) == ["mail", "widget", "out"]
    page.keyboard.press("Escape")
    expect(chart.locator("svg.recharts-surface")).to_be_focused()
    page.get_by_role("button", name="Chat Minutes: view as table").click()
    value = page.get_by_role("region", name="Chat Minutes as a table").get_by_role("link", name="Tue, Mar 10, 2026")
    value.press("Enter")
    expect(page).to_have_url(re.compile(r"records=conversation:day=2026-03-10,modality=chat$"))
    assert ids(drawer(page, "Chat sessions, Mar 10")) == ["mail", "widget"]
    page.keyboard.press("Escape")
    expect(value).to_be_focused()


def test_load_more_adds_rows_and_totals_cover_all_of_them(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=busy&records=conversation")
    dialog = drawer(page, "Calls")
    foot = dialog.locator(".records-sum")
    expect(foot).to_contain_text("63 calls · 60.50 voice minutes")
    expect(foot).to_contain_text("exactly 3,630,000 ms of voice")
    expect(foot).to_contain_text("showing 50 of 63")
    assert_accessible(page)
    dialog.get_by_role("button", name="Load more").click()
    expect(foot).to_contain_text("showing all 63")
    assert len(set(ids(dialog))) == 63
    expect(dialog.get_by_role("button", name="Load more")).to_have_count(0)


def test_later_page_says_if_events_arrived_since_the_first(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=busy&records=conversation")
    dialog = drawer(page, "Calls")
    expect(dialog.locator(".records-sum")).to_contain_text("showing 50 of 63")
    again = conversation("call-00", created_at="2026-03-02T00:00:00Z", agent_id="agent-00", duration=60, channel="text")
    send_events(visitor.server, visitor.keys.sender, BUSY, [{**again, "time": "2026-03-01T12:00:01Z"}])
    dialog.get_by_role("button", name="Load more").click()
    expect(dialog.get_by_role("status").filter(has_text="New events have arrived")).to_be_visible()
    assert_accessible(page)
    back = conversation("call-00", created_at="2026-03-02T00:00:00Z", agent_id="agent-00", duration=60)
    send_events(visitor.server, visitor.keys.sender, BUSY, [{**back, "time": "2026-03-01T12:00:02Z"}])
    dialog.get_by_role("button", name="Reload").click()
    expect(dialog.locator(".records-sum")).to_contain_text("showing 50 of 63")
    expect(dialog).not_to_contain_text("New events have arrived")


def test_special_characters_in_ids_survive_the_url(visitor: Visitor) -> None:
    query = f"conversation:agent={quote(SPECIAL_ID, safe='')}"
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=busy&records={quote(query, safe='')}")
    dialog = drawer(page, f"Calls of {SPECIAL_ID}")
    assert ids(dialog) == [SPECIAL_ID]
    dialog.get_by_role("link", name="history of").click()
    history = drawer(page, f"How this call was counted: {SPECIAL_ID}")
    expect(history.get_by_role("article")).to_have_count(1)
    page.reload()
    expect(history.get_by_role("article")).to_have_count(1)


def test_switching_the_organization_closes_the_drawer(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=busy&by=channel")
    expect(card(page, "Total Calls")).to_be_visible()
    page.get_by_role("link", name="Email, Calls: 1").click()
    expect(drawer(page, "Calls by email")).to_be_visible()
    page.keyboard.press("Escape")
    page.get_by_label("Organization").select_option("acme")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")
    expect(page).to_have_url(re.compile(r"\?by=channel&organization_id=acme$|\?organization_id=acme&by=channel$"))
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_failed_list_shows_the_reason_and_can_be_retried(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open_usage()
    page.route("**/admin/usage/records*", lambda route: route.fulfill(status=422, json={"detail": "Not these."}))
    figure(page, "Total Calls", "5").click()
    dialog = drawer(page, "Calls")
    expect(dialog.get_by_role("alert")).to_contain_text("Not these.")
    assert_accessible(page)
    page.unroute("**/admin/usage/records*")
    dialog.get_by_role("button", name="Try again").click()
    assert len(ids(dialog)) == 5


@pytest.mark.parametrize("width", [360, 1280])
def test_list_and_history_have_no_axe_violations(visitor: Visitor, width: int) -> None:
    page = visitor.open_usage(f"{USAGE}?records=conversation", width=width)
    dialog = drawer(page, "Calls")
    assert len(ids(dialog)) == 5
    assert_accessible(page)
    dialog.get_by_role("link", name="history of mail").click()
    expect(drawer(page, "How this call was counted: mail").get_by_role("article")).to_be_visible()
    assert_accessible(page)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_list_export_has_the_same_filter(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?records=conversation:agent=agent-0")
    dialog = drawer(page, "Calls of Reception")
    assert len(ids(dialog)) == 2
    with page.expect_download() as download:
        dialog.get_by_role("link", name="Export as CSV").click()
    lines = download.value.path().read_text().splitlines()
    assert download.value.suggested_filename.endswith(".csv")
    assert len(lines) == 1 + 2
