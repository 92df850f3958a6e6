"""The cards, the header and the controls: layout, help, copying, colors, and the early request."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests import local_http
from tests.browser.visitor import USAGE, Visitor, card, hold_requests, range_button

CARDS = ("Voice Minutes", "Chat Minutes", "Total Calls", "Workflow Runs")


def rows_of_cards(page: Page) -> list[int]:
    """Return the number of cards in each row."""
    tops = [box["y"] for name in CARDS if (box := card(page, name).bounding_box()) is not None]
    return [tops.count(top) for top in sorted(set(tops))]


def test_rows_have_four_two_or_one_card(visitor: Visitor) -> None:
    page = visitor.open_usage(width=1280)
    for width, rows in ((1920, [4]), (1280, [4]), (1024, [2, 2]), (800, [2, 2]), (360, [2, 2]), (320, [1, 1, 1, 1])):
        page.set_viewport_size({"width": width, "height": 900})
        assert rows_of_cards(page) == rows, width


def test_choice_of_the_comparison_is_legible_at_every_width(visitor: Visitor) -> None:
    page = visitor.open_usage(width=1280)
    select = page.get_by_label("Comparison")
    for width in (1280, 760, 600, 480, 360, 320):
        page.set_viewport_size({"width": width, "height": 900})
        box = select.bounding_box()
        assert box is not None
        assert box["width"] >= 120, width


def test_figure_can_be_selected_and_its_link_is_visible(visitor: Visitor) -> None:
    page = visitor.open_usage()
    calls = card(page, "Total Calls")
    calls.locator(".card-figure").dblclick(position={"x": 8, "y": 20})
    assert page.evaluate("getSelection().toString().trim()") == "5"
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(calls.get_by_text("Show", exact=True)).to_be_visible()


def test_help_says_how_a_figure_is_counted_and_links_to_the_documentation(visitor: Visitor) -> None:
    page = visitor.open_usage()
    button = page.get_by_role("button", name="How Voice Minutes is counted")
    button.click()
    note = page.get_by_role("note")
    expect(note).to_contain_text("rounded once to 0.01 minutes")
    address = note.get_by_role("link", name="Documentation").get_attribute("href")
    assert address is not None
    response = local_http.get(f"{visitor.server.url}{address.split('#')[0]}")
    assert f'id="{address.split("#")[1]}"' in response.text
    page.keyboard.press("Escape")
    expect(note).to_have_count(0)
    expect(button).to_be_focused()


def test_figure_and_link_can_be_copied(visitor: Visitor) -> None:
    page = visitor.open_usage(f"{USAGE}?range=last-7-days")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    card(page, "Chat Minutes").hover()
    page.get_by_role("button", name="Copy Chat Minutes").click()
    expect(page.get_by_role("status").filter(has_text="Copied")).to_be_attached()
    assert page.evaluate("navigator.clipboard.readText()") == "3.83"
    page.get_by_role("button", name="Copy the link to this page").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url


def test_choice_of_colors_is_remembered(visitor: Visitor) -> None:
    page = visitor.open_usage(scheme="light")
    page.get_by_role("button", name="Colors: system. Switch to light").click()
    page.get_by_role("button", name="Colors: light. Switch to dark").click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    page.get_by_role("button", name="Colors: dark. Switch to system").click()
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "light")


def test_page_works_if_the_browser_blocks_storage(visitor: Visitor) -> None:
    page = visitor.open("/organization/nothing")
    page.context.add_init_script(
        "for (const name of ['localStorage', 'sessionStorage'])"
        " Object.defineProperty(window, name, {get() { throw new DOMException('blocked', 'SecurityError'); }});"
    )
    page.goto(USAGE)
    page.get_by_label("Key or token").fill(visitor.keys.acme)
    page.get_by_role("button", name="Sign in").click()
    expect(card(page, "Total Calls")).to_be_visible()
    page.get_by_role("button", name="Colors: system").click()
    expect(page.get_by_role("button", name="Colors: light")).to_be_visible()


def test_returning_browser_requests_the_figures_before_the_session_answers(visitor: Visitor) -> None:
    page = visitor.open_usage()
    held = hold_requests(page, "**/session?*")
    page.reload()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls5")
    assert len(held) == 1
    held[0].continue_()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    assert len(visitor.requests_to("/admin/usage/summary")) == 2


def test_header_is_in_the_html(visitor: Visitor) -> None:
    page = visitor.open()
    html = local_http.get(f"{visitor.server.url}{USAGE}").text
    assert '<header class="header">' in html
    expect(page.locator("header")).to_have_count(1)


def test_no_access_names_the_organization_and_offers_others_only_if_there_are_any(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.sign_in(visitor.keys.acme, f"{USAGE}?organization_id=quiet")
    expect(page.get_by_role("heading", name="No access to usage")).to_be_visible()
    expect(page.locator("main")).to_contain_text("You can switch to another organization")
    own = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=new-born")
    expect(own.get_by_role("heading", name="Waiting for the first event")).to_be_visible()
    expect(range_button(own)).to_have_count(0)


def test_keys_move_far_in_the_calendar_and_the_page_stays_in_place(visitor: Visitor) -> None:
    page = visitor.open_usage()
    range_button(page).click()
    page.get_by_role("button", name="Tue, Mar 10, 2026", exact=True).focus()
    for key, day in (("End", "Sun, Mar 15, 2026, today"), ("Home", "Mon, Mar 9, 2026"), ("PageUp", "Mon, Feb 9, 2026")):
        page.keyboard.press(key)
        expect(page.get_by_role("button", name=day, exact=True)).to_be_focused()
    for _ in range(3):
        page.keyboard.press("PageUp")
    expect(page.get_by_role("button", name="Sun, Nov 9, 2025", exact=True)).to_be_focused()
    page.mouse.move(300, 700)
    page.mouse.wheel(0, 600)
    expect(page.get_by_role("dialog")).to_be_visible()
    assert page.evaluate("scrollY") == 0


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_all_targets_are_at_least_24_pixels(visitor: Visitor, width: int) -> None:
    page = visitor.open_usage(width=width)
    expect(page.locator("svg.recharts-surface")).to_have_count(4)
    small = page.evaluate(
        """() => [...document.querySelectorAll('main button, header button, .card-open')]
        .map((button) => [button.getAttribute('aria-label') ?? button.textContent, button.getBoundingClientRect()])
        .filter(([, {width, height}]) => width > 0 && (width < 24 || height < 24)).map(([name]) => name)"""
    )
    assert small == []


def test_status_line_counts_the_minutes_since_the_update(visitor: Visitor) -> None:
    page = visitor.open_usage()
    page.clock.fast_forward("02:30")
    expect(page.locator(".status-line")).to_contain_text(re.compile(r"Updated [23] min ago"))
