"""What drives the bill: comparisons on the cards, splits by tab, marked days; by keyboard and in the address."""

import re

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from tests.browser.watch import USAGE, Visitor, assert_accessible, card, hold

BREAKDOWN = "/admin/usage/breakdown"
SUMMARY = "**/admin/usage/summary*"


def drives(page: Page) -> Locator:
    return page.get_by_role("region", name="What drives it")


def rows(page: Page) -> list[str]:
    """The rows of the tab that is open, in one line each."""
    expect(drives(page).get_by_role("listitem").first).to_be_visible()
    return [" ".join(row.split()) for row in drives(page).get_by_role("listitem").all_inner_texts()]


def tab(page: Page, name: str) -> Locator:
    return drives(page).get_by_role("tab", name=name)


def busy(visitor: Visitor, address: str = "", **options: str | int) -> Page:
    page = visitor.sign_in(visitor.keys.several, f"{USAGE}?organization_id=busy{address}", **options)
    expect(card(page, "Total Calls")).to_be_visible()
    return page


def test_the_cards_say_how_they_compare_and_name_the_days(visitor: Visitor) -> None:
    page = visitor.report(f"{USAGE}?range=2026-03-05..2026-03-15")
    expect(card(page, "Total Calls")).to_contain_text(re.compile(r"\+100\.0% against Feb 22\s–\sMar 4"))
    expect(card(page, "Voice Minutes")).to_contain_text(re.compile(r"-86\.3% against Feb 22\s–\sMar 4"))
    expect(card(page, "Workflow Runs")).to_contain_text(re.compile(r"no workflow runs Feb 22\s–\sMar 4"))


def test_what_is_compared_is_chosen_and_stands_in_the_address(visitor: Visitor) -> None:
    page = visitor.report()
    expect(card(page, "Total Calls")).to_contain_text(re.compile(r"no calls Feb 1\s–\s15"))
    choice = page.get_by_label("Compared with")
    choice.select_option("a year earlier")
    expect(page).to_have_url(re.compile(r"[?&]compare=year"))
    expect(card(page, "Total Calls")).to_contain_text(re.compile(r"no calls Mar 1\s–\s15, 2025"))
    choice.select_option("nothing")
    expect(page).to_have_url(re.compile(r"[?&]compare=none"))
    expect(page.locator(".card-delta")).to_have_count(0)
    page.go_back()
    expect(choice).to_have_value("year")
    page.reload()
    expect(card(page, "Total Calls")).to_contain_text("2025")


def test_a_window_cut_at_an_hour_names_the_hour(visitor: Visitor) -> None:
    def cut(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["comparison"]["then"] = {"from": "2026-02-01T00:00:00Z", "to": "2026-02-15T06:00:00Z"}
        route.fulfill(response=answer, json=body)

    page = visitor.open()
    page.route(SUMMARY, cut)
    page.get_by_label("Key or token").fill(visitor.keys.acme)
    page.get_by_role("button", name="Sign in").click()
    expect(card(page, "Total Calls")).to_contain_text("Feb 1 – Feb 15, 06:00 UTC")


def test_a_range_that_no_year_precedes_is_shown_without_a_comparison(visitor: Visitor) -> None:
    page = visitor.report(f"{USAGE}?range=2025-03-15..2026-03-15&compare=year")
    expect(page.locator(".card-delta")).to_have_count(0)
    expect(page.locator(".live")).to_contain_text("This range has nothing to be compared with.")
    assert "compare=none" in visitor.asked("/admin/usage/summary")[0]


def test_agents_are_shown_first_with_their_share_and_those_without_one(visitor: Visitor) -> None:
    page = visitor.report()
    assert rows(page) == [
        "Without an agent 2 calls 40.0%",
        "Reception agent-0 2 calls 40.0%",
        "Sales agent-1 1 call 20.0%",
    ]
    expect(drives(page).locator("svg.sparkline path")).to_have_count(3)
    assert_accessible(page)


def test_the_first_breakdown_is_asked_for_beside_the_summary_and_once(visitor: Visitor) -> None:
    page = visitor.open()
    held = hold(page, SUMMARY)
    with page.expect_request(f"**{BREAKDOWN}*"):
        page.get_by_label("Key or token").fill(visitor.keys.acme)
        page.get_by_role("button", name="Sign in").click()
    held[0].continue_()
    assert len(rows(page)) == 3
    (asked,) = visitor.asked(BREAKDOWN)
    assert "by=agent&order=calls&limit=10&interval=day" in asked


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("number", ["Without a number 4 calls 80.0%", "+13125550111 1 call 20.0%"]),
        ("widget", ["Without a widget 4 calls 80.0%", "widget-1 1 call 20.0%"]),
        ("workflow", ["flow-1 2 runs 50.0%", "Without a workflow 1 run 25.0%", "flow-2 1 run 25.0%"]),
        (
            "channel",
            [
                "Telephone 2 calls 40.0%",
                "Email 1 call 20.0%",
                "Text messages 1 call 20.0%",
                "Web call or chat (WebRTC) 1 call 20.0%",
            ],
        ),
    ],
)
def test_every_tab_splits_the_same_range(visitor: Visitor, by: str, expected: list[str]) -> None:
    page = visitor.report(f"{USAGE}?by={by}")
    assert rows(page) == expected
    assert_accessible(page)


def test_tabs_are_walked_with_the_arrow_keys_and_stand_in_the_address(visitor: Visitor) -> None:
    page = visitor.report()
    tab(page, "Agents").focus()
    page.keyboard.press("ArrowRight")
    expect(tab(page, "Numbers")).to_be_focused()
    expect(tab(page, "Numbers")).to_have_attribute("aria-selected", "true")
    expect(page).to_have_url(re.compile(r"[?&]by=number"))
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(tab(page, "Channels")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(tab(page, "Numbers")).to_have_attribute("aria-selected", "true")
    tab(page, "Numbers").focus()
    page.keyboard.press("Tab")
    expect(drives(page).get_by_role("link").first).to_be_focused()


def test_the_order_is_chosen_and_workflows_have_none(visitor: Visitor) -> None:
    page = visitor.report()
    drives(page).get_by_label("In order of").select_option("Voice minutes")
    expect(page).to_have_url(re.compile(r"[?&]order=voice"))
    expect(drives(page).get_by_role("listitem").first).to_contain_text("Sales")
    assert rows(page) == [
        "Sales agent-1 1.51 minutes 60.2%",
        "Reception agent-0 1.00 minutes 39.8%",
        "Without an agent 0.00 minutes 0.0%",
    ]
    tab(page, "Workflows").click()
    expect(drives(page).get_by_role("listitem").first).to_contain_text("flow-1")
    expect(drives(page).get_by_label("In order of")).to_have_count(0)


def test_more_values_are_shown_on_request_and_the_rest_is_named(visitor: Visitor) -> None:
    page = busy(visitor)
    found = rows(page)
    assert len(found) == 11
    assert found[-1] == "Others (4 values) 13 calls 20.6%"
    expect(drives(page)).to_contain_text("All values are in the export.")
    drives(page).get_by_role("button", name="Show more").click()
    expect(drives(page).get_by_role("listitem")).to_have_count(14)
    expect(drives(page)).not_to_contain_text("Others")
    assert_accessible(page)


def test_a_long_range_has_its_small_lines_by_week(visitor: Visitor) -> None:
    page = visitor.report(f"{USAGE}?range=last-90-days")
    rows(page)
    assert "interval=week" in visitor.asked(BREAKDOWN)[-1]


def test_a_split_of_nothing_says_so(visitor: Visitor) -> None:
    page = visitor.report(f"{USAGE}?range=2026-03-15..2026-03-15&by=workflow")
    assert rows(page) == ["Without a workflow 1 run 100.0%"]
    page = visitor.sign_in(
        visitor.keys.several, f"{USAGE}?organization_id=quiet&range=2025-12-24..2025-12-24&by=workflow"
    )
    expect(drives(page)).to_contain_text("There was no workflow run in this range.")


def test_a_breakdown_that_fails_leaves_the_page_and_can_be_retried(visitor: Visitor) -> None:
    visitor.provoked = True
    page = visitor.open()
    page.route(f"**{BREAKDOWN}*", lambda route: route.fulfill(status=422, json={"detail": "Not now."}))
    page.get_by_label("Key or token").fill(visitor.keys.acme)
    page.get_by_role("button", name="Sign in").click()
    expect(drives(page).get_by_role("alert")).to_contain_text("Not now.")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")
    assert_accessible(page)
    page.unroute(f"**{BREAKDOWN}*")
    drives(page).get_by_role("button", name="Try again").click()
    assert len(rows(page)) == 3


def test_refresh_asks_for_the_breakdown_again(visitor: Visitor) -> None:
    page = visitor.report()
    rows(page)
    with page.expect_request(f"**{BREAKDOWN}*"):
        page.get_by_role("button", name="Refresh").click()


def test_days_that_settle_or_had_no_events_are_marked_in_drawings_and_tables(visitor: Visitor) -> None:
    page = busy(visitor)
    chart = page.get_by_role("region", name="Calls per day", exact=True)
    expect(chart).to_contain_text("still settling")
    expect(chart).to_contain_text("no events received")
    expect(chart.locator(".mark.settling")).to_have_count(1)
    expect(chart.locator(".mark.no-data")).to_have_count(10)
    assert_accessible(page)
    page.get_by_role("button", name="Calls per day: view as table").click()
    table = page.get_by_role("region", name="Calls per day as a table")
    expect(table.get_by_role("row", name="Mon, Mar 9, 2026 (still settling) 2")).to_be_visible()
    expect(table.get_by_role("row", name="Wed, Mar 11, 2026 (no events received) 0")).to_be_visible()
    expect(table.get_by_role("row", name="Sun, Mar 15, 2026 (so far) 0")).to_be_visible()
    assert_accessible(page)


def test_days_to_come_have_no_value(visitor: Visitor) -> None:
    def later(route: Route) -> None:
        answer = route.fetch()
        body = answer.json()
        body["daily"][-1] = {**body["daily"][-1], "state": "future"}
        route.fulfill(response=answer, json=body)

    page = visitor.open()
    page.route(SUMMARY, later)
    page.get_by_label("Key or token").fill(visitor.keys.acme)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Calls per day: view as table").click()
    table = page.get_by_role("region", name="Calls per day as a table")
    expect(table.get_by_role("row", name="Sun, Mar 15, 2026 (not begun)")).to_contain_text("–")


def test_live_and_silent_conversations_are_named_under_the_cards(visitor: Visitor) -> None:
    page = busy(visitor)
    line = page.locator(".live")
    expect(line).to_contain_text("2 conversations are live")
    expect(line).to_contain_text("1 live conversation has had no event for 24 hours")
    line.get_by_role("link", name="no event for 24 hours").click()
    expect(page).to_have_url(re.compile(r"records=conversation:stale=true$"))
    dialog = page.get_by_role("dialog", name="Silent conversations")
    expect(dialog).to_contain_text("in progress (silent)")
    expect(dialog).to_contain_text("1 row is shown")


def test_an_address_with_a_bad_choice_is_corrected_and_says_so(visitor: Visitor) -> None:
    page = visitor.report(f"{USAGE}?by=colour&compare=yesterday&records=everything")
    expect(page.get_by_role("alert")).to_contain_text("The tab in the address could not be read.")
    expect(page.get_by_role("alert")).to_contain_text("The comparison in the address could not be read.")
    expect(page.get_by_role("alert")).to_contain_text("The list of records in the address could not be read.")
    expect(page).to_have_url(re.compile(r"usage\?organization_id=acme$"))
    assert_accessible(page)


def test_a_changed_range_that_cannot_be_fetched_keeps_the_old_figures(visitor: Visitor) -> None:
    visitor.provoked = True
    page = visitor.report()
    page.route(SUMMARY, lambda route: route.fulfill(status=422, json={"detail": "Not these days."}))
    page.get_by_role("button", name="Date range").click()
    page.get_by_role("button", name="Yesterday").click()
    expect(page.get_by_role("alert")).to_contain_text(re.compile(r"figures of Mar 14 could not.*Not these days\."))
    expect(page.locator(".freshness")).to_contain_text(re.compile(r"Still showing Mar 1\s–\s15\s*·?"))
    expect(page.locator(".figures.late")).to_contain_text("Total Calls5")
    assert_accessible(page)
    page.unroute(SUMMARY)
    page.get_by_role("button", name="Try again").click()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls0")


@pytest.mark.parametrize("width", [360, 1920])
def test_the_section_fits_any_width(visitor: Visitor, width: int) -> None:
    page = busy(visitor, width=width)
    rows(page)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") == 0
    assert_accessible(page)
