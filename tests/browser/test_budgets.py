"""The Budgets section of the Usage page: bars, the form, conflicts, history and pace."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from talkmeter import clock
from talkmeter.db.engine import writing
from talkmeter.notify.webhooks import note_failure
from talkmeter.period import MICROSECONDS_PER_DAY
from tests import local_http
from tests.api.organizations import make_credential
from tests.browser.visitor import USAGE, Visitor, assert_accessible, card
from tests.events import Json, conversation
from tests.postgres import engine_for
from tests.servers import Server

BUDGETS = "/admin/usage/budgets"
LIST = re.compile(rf"{BUDGETS}\?")
SPENT: Json = {"name": "Calls of the month", "metric": "total_calls", "period": "month", "limit": "4"}
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


class Limited:
    """An organization with budgets, and its page."""

    def __init__(self, visitor: Visitor, server: Server, org_id: str) -> None:
        self.visitor = visitor
        self.org_id = org_id
        self.key = make_credential(server, org_id=org_id, role="admin")
        headers = {"Authorization": f"Bearer {self.key}"}
        self.client = local_http.client(base_url=server.url, headers=headers)
        now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        calls = [conversation(f"c{number}", created_at=now) | {"time": now} for number in range(3)]
        self.client.post("/metering/events", json=calls).raise_for_status()

    def put(self, id_: str, budget: Json, **conditions: str) -> httpx.Response:
        """Create a budget, or change one; `conditions` are headers with `_` for `-`."""
        headers = {name.replace("_", "-"): value for name, value in conditions.items()} or {"If-None-Match": "*"}
        answer = self.client.put(f"{BUDGETS}/{id_}", json={**SPENT, **budget}, headers=headers)
        return answer.raise_for_status()

    def stored(self) -> dict[str, Any]:
        """Return the budgets by name."""
        return {one["budget"]["name"]: one for one in self.client.get(BUDGETS).json()["budgets"]}

    def open(self, **options: str | int) -> Locator:
        """Open the page with a session that may manage, and return the section."""
        page = self.visitor.sign_in(self.key, f"{USAGE}?organization_id={self.org_id}", **options)
        expect(card(page, "Total Calls")).to_be_visible()
        return section(page)

    def open_read_only(self) -> Locator:
        """Open the page with a link whose session can only read, and wait for the budgets."""
        secret = self.visitor.server.cli("link", "--org", self.org_id).partition("#")[2]
        page = self.visitor.open(USAGE)
        with page.expect_response(LIST):
            page.goto(f"{USAGE}?organization_id={self.org_id}#{secret}")
        expect(card(page, "Total Calls")).to_be_visible()
        return section(page)


@pytest.fixture
def limited(visitor: Visitor, request: pytest.FixtureRequest) -> Iterator[Limited]:
    name = re.sub(r"\W+", "-", request.node.name)[:60]
    found = Limited(visitor, visitor.server, f"budgets-{name}")
    yield found
    found.client.close()


def section(page: Page) -> Locator:
    return page.get_by_role("region", name="Budgets", exact=True)


def field(form: Locator, label: str) -> Locator:
    return form.get_by_label(label, exact=True)


def test_budget_shows_its_value_thresholds_and_state(limited: Limited) -> None:
    limited.put("calls", {})
    limited.put("voice", {"name": "Voice of Ann", "metric": "voice_minutes", "filter": {"agent": "ann"}, "limit": "1"})
    limited.put("paused", {"name": "Paused", "enabled": False, "limit": "100"})
    limited.put("silent", {"name": "No events", "metric": "silence", "limit": "6"})
    rows = limited.open().locator(".budget-row")

    expect(rows).to_have_count(4)
    expect(rows.nth(0)).to_contain_text("75%3 of 4 calls")
    expect(rows.filter(has_text="Voice of Ann")).to_contain_text("Voice minutes, agent ann")
    expect(rows.filter(has_text="No events")).to_contain_text("0 of 6 hours without an event")
    expect(rows.nth(3)).to_contain_text("Paused")
    assert_accessible(rows.first.page)


def test_session_that_can_only_read_gets_no_buttons(limited: Limited) -> None:
    limited.put("calls", {})
    found = limited.open_read_only()
    expect(found.locator(".budget-row")).to_have_count(1)
    expect(found.get_by_role("button", name=re.compile("budget", re.IGNORECASE))).to_have_count(0)


def test_section_is_absent_without_budgets_unless_one_can_be_created(limited: Limited) -> None:
    expect(limited.open().get_by_role("button", name="New budget")).to_be_visible()
    found = limited.open_read_only()
    expect(found).to_have_count(0)


def test_budget_is_created_changed_and_deleted_in_place(limited: Limited) -> None:
    found = limited.open()
    found.get_by_role("button", name="New budget").click()
    form = found.locator("form")
    field(form, "Name").fill("Calls of Ann")
    field(form, "Figure").select_option("total_calls")
    field(form, "Usage").select_option("agent")
    field(form, "Id of the agent").fill("ann")
    field(form, "Limit in calls").fill("10")
    field(form, "Thresholds in percent").fill("90, 60")
    assert_accessible(found.page)
    form.get_by_role("button", name="Create budget").click()
    expect(found.locator(".budget-row")).to_contain_text("0 of 10 calls")
    created = limited.stored()["Calls of Ann"]["budget"]
    assert (created["filter"], created["thresholds"], created["limit"]) == ({"agent": "ann"}, [60, 90], "10")

    edit = found.get_by_role("button", name="Edit the budget Calls of Ann")
    expect(edit).to_be_focused()
    edit.click()
    field(form, "Limit in calls").fill("20")
    form.get_by_role("button", name="Save").click()
    expect(found.locator(".budget-row")).to_contain_text("0 of 20 calls")

    edit.click()
    form.get_by_role("button", name="Delete…").click()
    form.get_by_role("button", name="Delete it").click()
    # The form hides the row while it is open, so a missing row alone does not show that the budget is deleted.
    expect(form).to_have_count(0)
    expect(found.locator(".budget-row")).to_have_count(0)
    assert limited.stored() == {}


def test_rejected_value_is_explained_at_its_field(limited: Limited) -> None:
    limited.visitor.expects_errors = True
    found = limited.open()
    found.get_by_role("button", name="New budget").click()
    form = found.locator("form")
    field(form, "Name").fill("Calls")
    field(form, "Limit in minutes").fill("many")
    form.get_by_role("button", name="Create budget").click()
    limit = field(form, "Limit in minutes")
    expect(limit).to_be_focused()
    expect(limit).to_have_accessible_description(re.compile("'limit' must be a decimal number"))
    expect(field(form, "Name")).to_have_value("Calls")


def test_conflict_says_who_changed_what_and_loses_nothing(limited: Limited) -> None:
    limited.visitor.expects_errors = True
    etag = limited.put("calls", {}).headers["ETag"]
    found = limited.open()
    found.get_by_role("button", name="Edit the budget Calls of the month").click()
    form = found.locator("form")
    field(form, "Limit in calls").fill("8")
    limited.put("calls", {"limit": "6"}, If_Match=etag)
    form.get_by_role("button", name="Save").click()

    notice = form.get_by_role("alert")
    expect(notice).to_contain_text("This budget was changed meanwhile")
    expect(notice).to_contain_text(re.compile(r"by key ak_\w+:"))
    expect(notice).to_contain_text("Limit: 6, before 4")
    expect(field(form, "Limit in calls")).to_have_value("8")
    notice.get_by_role("button", name="Overwrite with mine").click()
    expect(found.locator(".budget-row")).to_contain_text("3 of 8 calls")
    assert limited.stored()["Calls of the month"]["budget"]["limit"] == "8"


def test_history_has_reached_thresholds_and_their_messages(limited: Limited) -> None:
    url = {"url": "https://hook.invalid/usage"}
    limited.client.put("/admin/usage/webhooks/wh-1", json=url).raise_for_status()
    limited.put("calls", {"limit": "6", "thresholds": [50, 100], "webhooks": ["wh-1"]})
    found = limited.open()
    page = found.page
    delivery = {"message_id": "msg_1", "type": "budget.crossed", "channel": "webhook", "target": "wh-1"}
    attempt = {"number": 1, "at": "2026-03-14T10:00:00Z", "duration_ms": 12, "status": 500, "error": "status"}
    crossing = {"from": "2026-03-01", "to": "2026-04-01", "threshold": 50, "value": "3", "limit": "6"}
    state = {"created_at": attempt["at"], "state": "pending", "next_at": "2026-03-14T10:30:00Z", "attempts": [attempt]}

    def answer(route: Any) -> None:
        content = route.fetch().json()
        content["crossings"] = [{**crossing, "at": "2026-03-14T10:00:00Z", "deliveries": [{**delivery, **state}]}]
        route.fulfill(json=content)

    page.route(f"**{BUDGETS}/calls?*", answer)
    found.get_by_text("History").click()
    row = found.locator(".budget-history tbody tr")
    expect(row).to_contain_text("50%")
    expect(row).to_contain_text("wh-1: not delivered yet, status 500, next attempt")
    row.get_by_text("1 attempt").click()
    expect(row).to_contain_text("12 ms: status 500")
    expect(found.locator(".budget-history")).to_contain_text("Last changed on")
    assert_accessible(page)


def test_webhook_of_a_budget_is_chosen_and_tested_in_the_form(limited: Limited) -> None:
    limited.visitor.expects_errors = True
    limited.client.put("/admin/usage/webhooks/wh-1", json={"url": "https://hook.invalid/usage"}).raise_for_status()
    limited.put("calls", {})
    found = limited.open()
    found.get_by_role("button", name="Edit the budget Calls of the month").click()
    form = found.locator("form")
    form.get_by_label("Webhook wh-1 (hook.invalid)").check()
    test = form.get_by_role("button", name="Send a test message to webhook wh-1")
    test.click()
    expect(form).to_contain_text("The test message is being sent.")
    test.click()
    expect(form).to_contain_text("A webhook can be tested once a minute; try again later.")
    assert_accessible(found.page)
    form.get_by_role("button", name="Save").click()
    expect(found.locator(".budget-row")).to_be_visible()
    assert limited.stored()["Calls of the month"]["budget"]["webhooks"] == ["wh-1"]


def test_webhook_that_was_disabled_is_announced(limited: Limited) -> None:
    limited.client.put("/admin/usage/webhooks/wh-1", json={"url": "https://hook.invalid/usage"}).raise_for_status()
    limited.put("calls", {"webhooks": ["wh-1"]})
    with engine_for(limited.visitor.server.environment["TALKMETER_DATABASE_URL"]) as engine:
        for days in (6, 0):
            with writing(engine) as connection:
                note_failure(connection, limited.org_id, "wh-1", clock.now() - days * MICROSECONDS_PER_DAY)
    expect(limited.open()).to_contain_text(
        re.compile("Webhook wh-1 was disabled on .* because it failed for five days")
    )


def test_failed_load_can_be_retried(limited: Limited) -> None:
    limited.visitor.expects_errors = True
    limited.put("calls", {})
    page = limited.visitor.open(f"{USAGE}?organization_id={limited.org_id}")
    page.route(LIST, lambda route: route.fulfill(status=422, json={"title": "x", "status": 422, "detail": "Broken."}))
    page.get_by_label("Key or token").fill(limited.key)
    page.get_by_role("button", name="Sign in").click()
    found = section(page)
    expect(found).to_contain_text("Could not load the budgets")
    page.unroute(LIST)
    found.get_by_role("button", name="Try again").click()
    expect(found.locator(".budget-row")).to_contain_text("3 of 4 calls")


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_section_fits_every_width(limited: Limited, width: int) -> None:
    limited.put("calls", {"name": "A name without an end " * 9})
    found = limited.open(width=width)
    found.get_by_role("button", name=re.compile("^Edit the budget")).click()
    expect(found.locator("form")).to_be_visible()
    assert found.page.evaluate(_OVERFLOW) <= 0
