"""The Cost section of the Usage page."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.browser.costs import BILLED, MOVED, add_billed_organizations
from tests.browser.visitor import LAYOUT_SHIFT, USAGE, Keys, Visitor, assert_accessible, card, hold_requests, paste_key
from tests.events import Json
from tests.servers import Server

COSTS = "/admin/usage/costs"
ALL_COSTS = f"**{COSTS}*"
FORECAST = "**/admin/usage/forecast*"
SPLIT = re.compile(r"/admin/usage/costs\?.*by=")
WHOLE = re.compile(r"/admin/usage/costs\?(?!.*by=)")
_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
_PROJECTION = {"to_date": "0", "low": "20.00", "high": "130.40", "method": "weekday", "past_error": "0.04"}
A_FORECAST: Json = {
    "month": "2026-03",
    "currency": "USD",
    "meters": [{**_PROJECTION, "meter": "voice_minutes", "projected": "12300.4"}],
    "cost": {**_PROJECTION, "projected": "1476.10", "low": "1420.00", "high": "1533.00"},
}
NO_FORECAST: Json = {"month": "2026-03", "currency": None, "meters": [], "cost": None}


@pytest.fixture(scope="module")
def token(server: Server, keys: Keys) -> str:
    """A token for organizations with plans."""
    return add_billed_organizations(server, keys.sender)


@pytest.fixture
def billed(visitor: Visitor, token: str) -> "Billed":
    return Billed(visitor, token)


@pytest.fixture(scope="module")
def month(browser: Browser, server: Server, keys: Keys, token: str) -> Iterator[Page]:
    """BILLED's month to date, shared by tests that only read it."""
    visitor = Visitor(browser, server, keys)
    yield Billed(visitor, token).open()
    visitor.close()


class Billed:
    """Opens the page of an organization with a plan."""

    def __init__(self, visitor: Visitor, token: str) -> None:
        self.visitor = visitor
        self.token = token

    def open(self, options: str = "", org_id: str = BILLED, forecast: object = NO_FORECAST, **how: str | int) -> Page:
        """Open the page and wait until the section is complete."""
        page = self.start(options, org_id, forecast, **how)
        self.sign_in(page)
        expect(section(page).locator("svg.recharts-surface")).to_be_visible()
        expect(section(page).locator(".cost-rows").first).to_be_attached()
        return page

    def start(self, options: str = "", org_id: str = BILLED, forecast: object = NO_FORECAST, **how: str | int) -> Page:
        """Open the sign-in screen; a test can then route requests."""
        page = self.visitor.open(f"{USAGE}?organization_id={org_id}{options}", **how)  # type: ignore[arg-type]
        page.route(FORECAST, lambda route: route.fulfill(json=forecast))
        return page

    def sign_in(self, page: Page) -> None:
        paste_key(page, self.token)
        expect(card(page, "Total Calls")).to_be_visible()


def section(page: Page) -> Locator:
    return page.get_by_role("region", name="Cost", exact=True)


def rows(table: Locator) -> list[str]:
    """Return the rows of a table, one line each."""
    return [" ".join(row.split()) for row in table.get_by_role("row").all_inner_texts()]


def items(page: Page) -> list[str]:
    """Return the rows of the split, and of what is not split."""
    return [" ".join(row.split()) for row in section(page).locator(".cost-row").all_inner_texts()]


def test_section_shows_the_cost_so_far_between_charts_and_inventory(month: Page) -> None:
    total = section(month).get_by_role("group", name="Cost so far")
    expect(total).to_contain_text(re.compile(r"\$21\.70.*Mar 1\s–\s15", re.DOTALL))
    expect(section(month)).to_contain_text("Plan smb, version 1. Prices in USD, days in UTC.")
    names = month.get_by_role("heading", level=2).all_inner_texts()
    assert names.index("Breakdown") < names.index("Cost") < names.index("Inventory")


def test_organization_without_a_plan_has_no_section(visitor: Visitor) -> None:
    page = visitor.open()
    with page.expect_response(WHOLE):
        paste_key(page, visitor.keys.acme)
    expect(page.get_by_role("region", name="Inventory")).to_be_visible()
    expect(page.get_by_role("heading", name="Cost")).to_have_count(0)
    assert len(visitor.requests_to(COSTS)) == 1
    assert visitor.requests_to("/admin/usage/forecast") == []


def test_breakdown_has_the_cost_of_each_agent_and_sorts_by_it(month: Page) -> None:
    table = month.get_by_role("table", name="Breakdown")
    table.get_by_role("button", name="Cost").click()
    expect(table.get_by_role("columnheader", name="Cost")).to_have_attribute("aria-sort", "descending")
    expect(table.locator("tbody td.column-cost")).to_have_text(["$4.04", "$2.02", "$1.64"])


def test_costs_are_requested_once_in_parallel_with_the_summary(billed: Billed) -> None:
    page = billed.start()
    held = hold_requests(page, "**/admin/usage/summary*")
    with page.expect_request(WHOLE) as costs:
        paste_key(page, billed.token)
    assert "from=2026-03-01&to=2026-03-16" in costs.value.url
    held[0].continue_()
    expect(section(page)).to_contain_text("$21.70")
    assert [url for url in billed.visitor.requests_to(COSTS) if "by=" not in url] == [costs.value.url]


def test_allowance_shows_used_of_included(month: Page) -> None:
    allowances = section(month).get_by_role("region", name="Included in Mar 2026")
    expect(allowances.get_by_role("listitem")).to_have_text(["Outbound voice18 of 5 minutes used, 13 billed"])


def test_charges_can_be_calculated_line_by_line(month: Page) -> None:
    table = section(month).get_by_role("table", name=re.compile("Charges"))
    assert rows(table) == [
        "Charge Quantity Included Billed × price Amount",
        "Outbound voice 18 minutes 5 13 × $0.12 $1.56",
        "Chat sessions 3 sessions $0.14",
        "First 2 sessions 2 × $0.05 $0.10",
        "Above 2 sessions 1 × $0.04 $0.04",
        "Workflow runs 3 runs 2 packages of 2 × $2.00 $4.00",
        "All calls The price above 10 calls applies to all of them 12 calls 12 × $0.50 $6.00",
        "Monthly fee On the first day of the month $10.00",
        "Total $21.70",
    ]


def test_chart_as_a_table_has_a_negative_day_that_is_explained(billed: Billed) -> None:
    page = billed.open()
    expect(section(page)).to_contain_text("Mar 3 has an amount below zero: the month reached a volume tier")
    section(page).get_by_role("button", name="Cost per day: view as table").click()
    table = section(page).get_by_role("region", name="Cost per day as a table")
    shown = rows(table)
    assert shown[0] == "Day (UTC) Cost Outbound voice Chat sessions Workflow runs All calls Monthly fee"
    assert shown[1:5] == [
        "Sun, Mar 1, 2026 $10.00 – – – – $10.00",
        "Mon, Mar 2, 2026 $10.56 $1.56 – – $9.00 –",
        "Tue, Mar 3, 2026 −$2.86 – $0.14 – −$3.00 –",
        "Wed, Mar 4, 2026 $4.00 – – $4.00 – –",
    ]
    assert shown[15] == "Sun, Mar 15, 2026 (so far) $0.00 – – – – –"
    assert shown[16] == "Whole range $21.70"
    assert_accessible(page)


def test_negative_part_is_drawn_below_zero(month: Page) -> None:
    bars = section(month).locator("rect.bar")
    expect(bars).to_have_count(6)
    line = section(month).locator(".recharts-reference-line line").bounding_box()
    boxes = [box for bar in bars.all() if (box := bar.bounding_box())]
    assert line is not None
    assert sum(box["y"] >= line["y"] - 1 for box in boxes) == 1


def test_arrow_keys_read_the_days_of_the_chart(billed: Billed) -> None:
    page = billed.open()
    section(page).get_by_role("application").focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    tooltip = section(page).get_by_role("status")
    expect(tooltip).to_contain_text("Tue, Mar 3, 2026")
    expect(tooltip).to_contain_text("−$2.86")
    expect(tooltip).to_contain_text("All calls −$3.00")


def test_part_of_the_chart_can_be_hidden(billed: Billed) -> None:
    page = billed.open()
    fee = section(page).get_by_role("button", name="Monthly fee")
    expect(fee).to_have_attribute("aria-pressed", "true")
    fee.press("Enter")
    expect(fee).to_have_attribute("aria-pressed", "false")
    expect(section(page).locator("rect.bar")).to_have_count(5)
    fee.press("Enter")
    expect(section(page).locator("rect.bar")).to_have_count(6)


def test_minimum_charge_that_would_dwarf_the_days_is_drawn_on_request(billed: Billed) -> None:
    page = billed.open("&range=2026-02-01..2026-02-28")
    expect(section(page).locator("rect.bar")).to_have_count(2)
    expect(section(page)).to_contain_text("Not drawn: Minimum charge.")
    section(page).get_by_role("button", name="Minimum charge").click()
    expect(section(page).locator("rect.bar")).to_have_count(3)
    expect(section(page)).not_to_contain_text("Not drawn")


def test_months_are_open_closed_or_without_a_plan(billed: Billed) -> None:
    page = billed.open("&range=2025-12-20..2026-03-15")
    charges = section(page).get_by_role("region", name="Charges")
    expect(charges.locator(".month-head")).to_have_text(
        [
            re.compile(r"Mar 1\s–\s15OpenPlan smb, version 1\$21\.70"),
            "Feb 2026ClosedPlan smb, version 1$110.00",
            re.compile(r"Dec 20, 2025\s–\sJan 31, 2026No plan"),
        ]
    )
    charges.locator("summary", has_text="Feb 2026").press("Enter")
    expect(charges).to_contain_text("The statements of this month have $108.50.")
    expect(charges).to_contain_text("Usage that changed later makes it $1.50 more;")
    february = section(page).get_by_role("table", name="Charges, Feb 2026")
    assert rows(february)[-2:] == [
        "Minimum charge The charges are below the minimum of the plan; this is the difference $99.00",
        "Total $110.00",
    ]
    expect(section(page).get_by_role("group", name="Cost so far")).to_contain_text("$131.70")
    assert_accessible(page)


def test_long_range_is_drawn_by_month(billed: Billed) -> None:
    page = billed.open("&range=last-12-months")
    section(page).get_by_role("button", name="Cost per month: view as table").click()
    shown = rows(section(page).get_by_role("region", name="Cost per month as a table"))
    assert shown[-3].startswith("Feb 2026 $110.00")
    assert shown[-2].startswith("Mar 2026 (part of the month) $21.70")
    assert shown[-1] == "Whole range $131.70"
    assert shown[1].startswith("Mar 2025 (part of the month) No plan")


def test_part_of_a_month_says_why_there_is_no_calculation(billed: Billed) -> None:
    page = billed.open("&range=2026-03-02..2026-03-15")
    expect(section(page)).to_contain_text("Choose a range from the first of the month")
    table = section(page).get_by_role("table", name=re.compile("Charges"))
    assert rows(table)[1] == "Outbound voice 18 minutes $1.56"
    expect(section(page).get_by_role("region", name="Included")).to_have_count(0)
    assert_accessible(page)


def test_split_adds_up_with_what_is_not_split(month: Page) -> None:
    assert items(month) == [
        "Reception $4.04",
        "agent-b $2.02",
        "Without an agent $1.64",
        "Monthly fee An amount of the whole month $10.00",
        "Workflow runs Not counted by agent $4.00",
    ]
    expect(section(month).get_by_role("heading", name="Not split")).to_be_visible()


def test_split_is_in_the_url_and_opens_its_calls(billed: Billed) -> None:
    page = billed.open()
    section(page).get_by_label("Split by").select_option("Directions")
    expect(page).to_have_url(re.compile(r"[?&]split=direction"))
    expect(section(page).get_by_role("heading", name="Cost by direction")).to_be_visible()
    expect(section(page).locator(".cost-row").first).to_contain_text("Outbound")
    section(page).get_by_role("link", name="Outbound").click()
    expect(page.get_by_role("dialog")).to_contain_text("showing all 9")
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.go_back()
    expect(section(page).get_by_label("Split by")).to_have_value("agent")


def test_failed_split_keeps_the_section_and_can_be_retried(billed: Billed) -> None:
    billed.visitor.expects_errors = True
    page = billed.start()
    page.route(SPLIT, lambda route: route.fulfill(status=422, json={"detail": "Not now."}))
    billed.sign_in(page)
    expect(section(page).get_by_role("alert")).to_contain_text("Not now.")
    expect(section(page)).to_contain_text("$21.70")
    page.unroute(SPLIT)
    section(page).get_by_role("button", name="Try again").click()
    expect(section(page).locator(".cost-row").first).to_contain_text("Reception")


def test_two_currencies_show_the_sentence_of_the_api(billed: Billed) -> None:
    billed.visitor.expects_errors = True
    page = billed.start("&range=2026-02-01..2026-03-15", MOVED)
    billed.sign_in(page)
    expect(section(page).get_by_role("status")).to_contain_text(
        "The window has two currencies: EUR begins in 2026-03, USD is before."
    )
    assert_accessible(page)


def test_costs_in_preparation_appear_when_they_are_ready(billed: Billed) -> None:
    def prepare(route: Route) -> None:
        detail = "The billed durations of older calls are still being filled."
        route.fulfill(status=503, headers={"Retry-After": "30"}, json={"detail": detail})

    billed.visitor.expects_errors = True
    page = billed.start()
    page.route(ALL_COSTS, prepare)
    billed.sign_in(page)
    status = section(page).get_by_role("status")
    expect(status).to_contain_text("Costs are being prepared…")
    expect(status).to_contain_text("The billed durations of older calls are still being filled.")
    expect(page.get_by_role("region", name="Inventory")).to_be_visible()
    requests = len(billed.visitor.requests_to(COSTS))
    page.clock.fast_forward("00:20")
    assert_accessible(page)
    assert len(billed.visitor.requests_to(COSTS)) == requests
    page.unroute(ALL_COSTS)
    page.clock.fast_forward("00:11")
    expect(section(page)).to_contain_text("$21.70")


def test_failed_costs_keep_the_page_and_can_be_retried(billed: Billed) -> None:
    billed.visitor.expects_errors = True
    page = billed.start()
    page.route(ALL_COSTS, lambda route: route.fulfill(status=500, json={"detail": "It is broken."}))
    billed.sign_in(page)
    page.clock.fast_forward("00:05")
    expect(section(page).get_by_role("alert")).to_contain_text("It is broken.")
    expect(card(page, "Total Calls")).to_contain_text("12")
    assert_accessible(page)
    page.unroute(ALL_COSTS)
    section(page).get_by_role("button", name="Try again").click()
    expect(section(page)).to_contain_text("$21.70")


def test_failed_refresh_keeps_the_costs_and_says_so(billed: Billed) -> None:
    billed.visitor.expects_errors = True
    page = billed.open()
    page.route(WHOLE, lambda route: route.fulfill(status=422, json={"detail": "Not now."}))
    page.get_by_role("button", name="Refresh").click()
    expect(section(page)).to_contain_text("Could not refresh the costs. Not now.")
    expect(section(page)).to_contain_text("$21.70")


def test_forecast_is_shown_with_its_range_and_past_error(billed: Billed) -> None:
    page = billed.open(forecast=A_FORECAST)
    total = section(page).get_by_role("group", name="Cost so far")
    expect(total).to_contain_text("On course for 12,300 min, $1,476 (±4%) in Mar 2026")
    expect(total).to_contain_text("Likely from $1,420 to $1,533.")
    expect(total).to_contain_text("At this day of the last months, the forecast was 4% off on average.")
    assert_accessible(page)


def test_server_without_a_forecast_shows_the_costs_alone(billed: Billed) -> None:
    billed.visitor.expects_errors = True
    page = billed.start()
    page.unroute(FORECAST)
    page.route(FORECAST, lambda route: route.fulfill(status=404, json={"detail": "Not found."}))
    with page.expect_response(FORECAST):
        billed.sign_in(page)
    expect(section(page)).to_contain_text("$21.70")
    expect(section(page)).not_to_contain_text("On course")
    expect(section(page).get_by_role("alert")).to_have_count(0)


def test_past_range_has_a_total_and_no_forecast(billed: Billed) -> None:
    page = billed.open("&range=2026-02-01..2026-02-28", forecast=A_FORECAST)
    expect(section(page).get_by_role("group", name="Total cost")).to_contain_text("$110.00")
    assert billed.visitor.requests_to("/admin/usage/forecast") == []


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_section_fits_any_width_and_has_no_axe_violations(billed: Billed, width: int) -> None:
    page = billed.open("&range=2026-02-01..2026-03-15", width=width, forecast=A_FORECAST)
    assert page.evaluate(_OVERFLOW) == 0
    assert_accessible(page)


def test_reload_reserves_the_height_of_the_section(billed: Billed) -> None:
    page = billed.open()
    height = section(page).evaluate("element => element.offsetHeight")
    held = hold_requests(page, ALL_COSTS)
    page.reload()
    expect(page.get_by_role("status", name="Loading the costs")).to_have_js_property("offsetHeight", height)
    expect(page.get_by_role("table", name="Breakdown")).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 4000})
    for route in held:
        route.continue_()
    page.unroute(ALL_COSTS)
    expect(section(page).locator("svg.recharts-surface")).to_be_visible()
    expect(section(page).locator(".cost-row").first).to_be_visible()
    assert page.evaluate(LAYOUT_SHIFT) < 0.01


def test_print_shows_the_charges_of_all_months(billed: Billed) -> None:
    page = billed.open("&range=2026-02-01..2026-03-15", scheme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    expect(section(page).get_by_role("table", name="Charges, Feb 2026")).to_be_visible()
    assert page.pdf().startswith(b"%PDF")


def test_bars_are_visible_in_forced_colors(billed: Billed) -> None:
    page = billed.open()
    page.emulate_media(forced_colors="active")
    fill = "element => getComputedStyle(element).fill"
    track = section(page).locator(".allowance-track").evaluate(fill)
    assert section(page).locator(".allowance-fill").evaluate(fill) != track
    assert section(page).locator(".cost-row-bar").first.evaluate(fill) != track
