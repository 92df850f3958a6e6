"""Signing in and out in the browser: by link, by key, between organizations."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import command
from tests.browser.data import ACME
from tests.browser.watch import USAGE, Visitor, assert_accessible, card, hold, paste


def test_a_link_signs_in_once_and_leaves_no_secret_in_the_address(visitor: Visitor) -> None:
    printed = command(visitor.server, "link", "--org", ACME)
    link = printed[printed.index(USAGE) :]
    page = visitor.open(link)
    expect(card(page, "Total Calls")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/organization/usage\?organization_id=acme$"))
    visitor.provoked = True
    again = visitor.open(link)
    expect(again.get_by_text("This link did not sign you in")).to_be_visible()
    expect(again.locator("main")).to_contain_text("talkmeter link --org")
    assert "sign-in=" not in again.url
    assert_accessible(again)
    paste(again, visitor.keys.acme)
    expect(card(again, "Total Calls")).to_be_visible()


def test_a_wrong_key_is_refused_with_the_sentence_of_the_api(visitor: Visitor) -> None:
    visitor.provoked = True
    page = visitor.open()
    paste(page, "ak_wrong.key")
    expect(page.get_by_text("Unknown key or token.")).to_be_visible()
    assert_accessible(page)
    paste(page, "kein Schlüssel")
    expect(page.get_by_text("This is no key")).to_be_visible()


def test_signing_out_ends_the_session_in_the_server_too(visitor: Visitor) -> None:
    page = visitor.report()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("You are signed out")).to_be_visible()
    assert_accessible(page)
    page.reload()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.context.cookies() == []


def test_organizations_are_switched_in_the_address_and_back(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.several, f"{USAGE}?organization_id=acme&range=last-90-days")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls6")
    page.get_by_label("Organization").select_option("quiet")
    expect(card(page, "Total Calls")).to_contain_text("Total Calls1")
    expect(page).to_have_url(re.compile(r"organization_id=quiet&range=last-90-days"))
    page.go_back()
    expect(card(page, "Total Calls")).to_contain_text("Total Calls6")
    expect(page.get_by_label("Organization")).to_have_value("acme")


def test_two_tabs_show_two_organizations_and_never_mix_them(visitor: Visitor) -> None:
    one = visitor.sign_in(visitor.keys.several, f"{USAGE}?organization_id=acme&range=last-90-days")
    expect(card(one, "Total Calls")).to_contain_text("Total Calls6")
    other = one.context.new_page()
    other.clock.install(time="2026-03-15T12:00:00Z")
    other.goto(f"{USAGE}?organization_id=quiet&range=last-90-days")
    expect(card(other, "Total Calls")).to_contain_text("Total Calls1")
    one.get_by_role("button", name="Refresh").click()
    expect(one.locator(".figures[aria-busy=false]")).to_contain_text("Total Calls6")
    asked = visitor.asked("/admin/usage/summary")
    assert [url.rsplit("=", 1)[1] for url in asked] == ["acme", "quiet", "acme"]


def test_between_organizations_no_figure_of_the_one_is_shown_for_the_other(visitor: Visitor) -> None:
    page = visitor.sign_in(visitor.keys.several, f"{USAGE}?organization_id=acme")
    expect(card(page, "Total Calls")).to_be_visible()
    hold(page, "**/admin/usage/summary*")
    page.get_by_label("Organization").select_option("quiet")
    expect(page.get_by_role("status", name="Loading the figures")).to_be_visible()
    expect(card(page, "Total Calls")).to_have_count(0)
