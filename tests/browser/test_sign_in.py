"""Sign-in by link and key, sign-out, and switching organizations."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import run_command
from tests.browser.data import ACME
from tests.browser.visitor import USAGE, Visitor, assert_accessible, card, hold_requests, paste_key


def test_link_signs_in_once_and_its_secret_leaves_the_url(visitor: Visitor) -> None:
    printed = run_command(visitor.server, "link", "--org", ACME)
    link = printed[printed.index(USAGE) :]
    page = visitor.open(link)
    expect(card(page, "Total Calls")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/organization/usage\?organization_id=acme$"))
    visitor.expects_errors = True
    again = visitor.open(link)
    expect(again.get_by_text("This link did not sign you in")).to_be_visible()
    expect(again.locator("main")).to_contain_text("talkmeter link --org")
    assert "sign-in=" not in again.url
    assert_accessible(again)
    paste_key(again, visitor.keys.acme)
    expect(card(again, "Total Calls")).to_be_visible()


def test_used_link_opened_while_signed_in_says_so_and_shows_the_page(visitor: Visitor) -> None:
    printed = run_command(visitor.server, "link", "--org", ACME)
    link = printed[printed.index(USAGE) :]
    page = visitor.open(link)
    expect(card(page, "Total Calls")).to_be_visible()
    visitor.expects_errors = True
    page.goto("about:blank")
    page.goto(link)
    expect(page.get_by_text("you are still signed in as before")).to_be_visible()
    expect(card(page, "Total Calls")).to_be_visible()
    assert_accessible(page)
    page.get_by_role("button", name="Close this message").click()
    expect(page.get_by_text("you are still signed in as before")).to_have_count(0)


def test_wrong_key_shows_an_error(visitor: Visitor) -> None:
    visitor.expects_errors = True
    page = visitor.open()
    paste_key(page, "ak_wrong.key")
    expect(page.get_by_text("Unknown key or token.")).to_be_visible()
    assert_accessible(page)
    for text in ("kein Schlüssel", "hello", "sk_live_123"):
        paste_key(page, text)
        expect(page.get_by_text("This does not look like a key. It starts with ak_ or pat_.")).to_be_visible()
    assert len(visitor.requests_to("/session")) == 2


def test_sign_out_ends_the_session_on_the_server(visitor: Visitor) -> None:
    page = visitor.open_usage()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out")).to_be_visible()
    assert_accessible(page)
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.context.cookies() == []
    visitor.ignore_messages("401")  # a request of the page that arrives after the session has ended


def test_organization_switch_is_in_the_url_and_back_undoes_it(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=acme&range=last-90-days")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls6")
    page.get_by_label("Organization").select_option("quiet")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls1")
    expect(page).to_have_url(re.compile(r"organization_id=quiet&range=last-90-days"))
    page.go_back()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls6")
    expect(page.get_by_label("Organization")).to_have_value("acme")


def test_two_tabs_can_show_two_organizations(visitor: Visitor) -> None:
    one = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=acme&range=last-90-days")
    expect(card(one, "Total Calls")).to_contain_text("Total Calls6")
    other = one.context.new_page()
    other.clock.install(time="2026-03-15T12:00:00Z")
    other.goto(f"{USAGE}?organization_id=quiet&range=last-90-days")
    expect(card(other, "Total Calls")).to_contain_text("Total Calls1")
    one.get_by_role("button", name="Refresh").click()
    expect(one.locator(".figures[aria-busy=false]")).to_contain_text("Total Calls6")
    urls = visitor.requests_to("/admin/usage/summary")
    assert [url.rsplit("=", 1)[1] for url in urls] == ["acme", "quiet", "acme"]


def test_switching_the_organization_shows_no_old_figures(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.multi_org, f"{USAGE}?organization_id=acme")
    expect(card(page, "Total Calls")).to_be_visible()
    hold_requests(page, "**/admin/usage/summary*")
    page.get_by_label("Organization").select_option("quiet")
    expect(page.get_by_role("status", name="Loading the figures")).to_be_visible()
    expect(card(page, "Total Calls")).to_have_count(0)
