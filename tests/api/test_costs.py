"""`GET /admin/usage/costs`: the answer, its parameters, months without a plan, currencies, and its ETag."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal

import pytest

from tests.api.billing import (
    COSTS,
    NOON,
    VOICE,
    Billing,
    call,
    get_costs,
    make_operator_key,
    plan,
    running_billing,
)
from tests.api.organizations import ORGANIZATION_HEADER, OrganizationClient, client_of, error_of, make_sender_key
from tests.api.queries import Query, assert_needs_billing_manage, get_error
from tests.events import event, run

NOVEMBER = ("2026-11-01", "2026-12-01")
CHAT_TIERS = [{"up_to": "1", "price": "0.50"}, {"price": "0.10"}]


@pytest.fixture(scope="module")
def billing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Billing]:
    with running_billing(tmp_path_factory.mktemp("billing")) as running:
        yield running


@pytest.fixture
def org(billing: Billing) -> Iterator[OrganizationClient]:
    with billing.organization() as organization:
        yield organization


def test_answer_has_months_days_rows_and_what_is_not_split(billing: Billing, org: OrganizationClient) -> None:
    charges = (
        {**VOICE, "id": "voice-out", "where": {"direction": "outbound"}, "included": "1"},
        {"id": "chats", "name": "Chats", "meter": "chat_sessions", "tiers": CHAT_TIERS},
        {"id": "runs", "name": "Runs", "meter": "workflow_runs", "package": "2", "price": "1.00"},
    )
    billing.assign(org, billing.apply(plan(*charges, fee="10.00", minimum="5.00")))
    org.send(
        call("2026-11-01", direction="outbound", duration=90, agent_id="a1"),
        call("2026-11-03", direction="outbound", duration=30.0004, agent_id="a2"),
        call("2026-11-03", direction="inbound", duration=600, agent_id="a1"),
        *(call("2026-11-03", channel="webrtc", agent_id="a2") for _ in "123"),
        *(run(f"run-{number}", created_at="2026-11-04T00:00:00Z") for number in range(3)),
        event("agent.updated", {"id": "a2", "name": "Reception"}),
    )
    answer = get_costs(org, "2026-11-01", "2026-11-05", by="agent")
    [month] = answer.pop("months")
    assert answer == {
        "from": "2026-11-01",
        "to": "2026-11-05",
        "currency": "USD",
        "total": "12.82",
        "days": [
            {"day": "2026-11-01", "amount": "10.06", "charges": {"voice-out": "0.06"}},
            {"day": "2026-11-02", "amount": "0.00", "charges": {}},
            {"day": "2026-11-03", "amount": "0.76", "charges": {"voice-out": "0.06", "chats": "0.70"}},
            {"day": "2026-11-04", "amount": "2.00", "charges": {"runs": "2.00"}},
        ],
        "rows": [
            {"value": "a2", "name": "Reception", "amount": "0.73"},
            {"value": "a1", "name": None, "amount": "0.09"},
        ],
        "others": {"values": 0, "amount": "0.00"},
        "unallocated": [
            {"id": "fee", "name": "Monthly fee", "amount": "10.00", "reason": "not_of_a_value"},
            {"id": "runs", "name": "Runs", "amount": "2.00", "reason": "not_of_a_value"},
        ],
    }
    voice, chats, runs = month.pop("charges")
    assert month == {
        "month": "2026-11",
        "from": "2026-11-01",
        "to": "2026-11-05",
        "plan": month["plan"],
        "version": 1,
        "state": "open",
        "fee": "10.00",
        "minimum_charge": "0.00",
        "total": "12.82",
        "closed_total": None,
        "difference": None,
    }
    assert voice == {
        "id": "voice-out",
        "name": "Voice",
        "meter": "voice_minutes",
        "unit": "minute",
        "per_call": "exact",
        "quantity": "2",
        "base_quantity": 120_000,
        "included": "1",
        "billable": "1",
        "package": None,
        "packages": None,
        "counted_from": None,
        "tiers": [{"from": "1", "up_to": None, "quantity": "1", "price": "0.12", "amount": "0.12"}],
        "amount": "0.12",
    }
    assert chats["tiers"] == [
        {"from": "0", "up_to": "1", "quantity": "1", "price": "0.50", "amount": "0.50"},
        {"from": "1", "up_to": None, "quantity": "2", "price": "0.10", "amount": "0.20"},
    ]
    assert (runs["package"], runs["packages"], runs["quantity"], runs["amount"]) == ("2", 2, "3", "2.00")


def test_window_from_the_2nd_has_no_quantities_of_the_whole_month(billing: Billing, org: OrganizationClient) -> None:
    billing.assign(org, billing.apply(plan({**VOICE, "price": "0.10"}, {**VOICE, "id": "p", "package": "1"})))
    org.send(*(call(f"2026-11-0{day}", duration=20) for day in (1, 2, 3)))
    answer = get_costs(org, "2026-11-02", "2026-12-01")
    voice, packaged = answer["months"][0]["charges"]
    for charge in (voice, packaged):
        assert [charge[name] for name in ("included", "billable", "packages", "tiers")] == [None] * 4
    assert (voice["quantity"], voice["base_quantity"], voice["amount"]) == ("0.666667", 40_000, "0.07")
    assert packaged["amount"] == "0.00"
    days = {day["day"]: day["charges"].get("voice") for day in get_costs(org, *NOVEMBER)["days"][:3]}
    assert days == {"2026-11-01": "0.03", "2026-11-02": "0.04", "2026-11-03": "0.03"}


def test_volume_tiers_can_make_a_day_negative(billing: Billing, org: OrganizationClient) -> None:
    tiers = [{"up_to": "2", "price": "0.50"}, {"price": "0.10"}]
    charge = {"id": "calls", "name": "Calls", "meter": "calls", "tiers": tiers, "mode": "volume"}
    billing.assign(org, billing.apply(plan(charge)))
    org.send(call("2026-11-01", agent_id="a"), call("2026-11-01", agent_id="b"), call("2026-11-02", agent_id="b"))
    answer = get_costs(org, "2026-11-02", "2026-11-03", by="agent")
    assert answer["total"] == answer["days"][0]["charges"]["calls"] == "-0.70"
    assert answer["rows"] == [{"value": "b", "name": None, "amount": "-0.70"}]


def test_month_to_date_is_the_default_and_days_after_today_cost_nothing(
    billing: Billing, org: OrganizationClient
) -> None:
    billing.assign(org, billing.apply(plan({**VOICE, "price": "1"}, fee="10.00", minimum="500.00")))
    org.send(call("2026-11-20"), call("2026-11-21"), call("2026-12-01"))
    to_date = get_costs(org)
    assert (to_date["from"], to_date["to"], to_date["total"]) == ("2026-11-01", "2026-11-21", "11.00")
    longer = get_costs(org, "2026-11-01", "2027-01-01")
    assert longer["total"] == "11.00"
    november, december = longer["months"]
    assert (november["minimum_charge"], december["fee"], december["total"]) == ("0.00", "0.00", "0.00")
    assert [day["amount"] for day in longer["days"][20:]] == ["0.00"] * 41


def test_minimum_appears_when_the_last_day_of_the_month_begins(billing: Billing, org: OrganizationClient) -> None:
    billing.assign(org, billing.apply(plan(VOICE, minimum="500.00")))
    org.send(call("2026-11-20"))
    try:
        billing.set_time(NOON + timedelta(days=10))
        answer = get_costs(org, by="agent")
    finally:
        billing.set_time()
    assert answer["months"][0]["minimum_charge"] == "499.88"
    assert answer["total"] == "500.00"
    assert answer["unallocated"] == [
        {"id": "minimum", "name": "Minimum charge", "amount": "499.88", "reason": "not_of_a_value"}
    ]


@pytest.mark.parametrize("by", [None, "agent", "charge"])
def test_organization_without_a_plan_has_no_costs(org: OrganizationClient, by: str | None) -> None:
    org.send(call("2026-11-20"))
    answer = get_costs(org, *NOVEMBER, **({"by": by} if by else {}))
    assert (answer["currency"], answer["total"], answer["months"], answer["days"]) == (None, None, [], [])
    assert answer["rows"] == answer["unallocated"] == ([] if by else None)


def test_month_without_a_plan_has_null_amounts(billing: Billing, org: OrganizationClient) -> None:
    plan_id = billing.apply(plan(VOICE, fee="10.00", effective="2026-09"), restate="true")
    billing.assign(org, plan_id, "2026-09", restate="true")
    billing.assign(org, None, "2026-10", restate="true")
    billing.assign(org, plan_id, "2026-11")
    answer = get_costs(org, "2026-09-30", "2026-11-02")
    assert answer["total"] == "10.00"
    september, october, november = answer["months"]
    assert [month["total"] for month in (september, october, november)] == ["0.00", None, "10.00"]
    assert october == {
        **dict.fromkeys(september),
        "month": "2026-10",
        "from": "2026-10-01",
        "to": "2026-11-01",
        "state": "open",
        "charges": [],
    }
    assert [day["amount"] for day in answer["days"]] == ["0.00", *[None] * 31, "10.00"]


def test_plan_does_not_exist_before_its_first_version(billing: Billing, org: OrganizationClient) -> None:
    plan_id = billing.apply(plan(VOICE, fee="10.00", effective="2026-12"))
    billing.assign(org, plan_id, "2026-11")
    assert get_costs(org)["total"] is None
    assert [month["plan"] for month in get_costs(org, "2026-11-01", "2027-01-01")["months"]] == [None, plan_id]


def test_two_currencies_are_422_and_name_the_first_month_of_the_later_one(
    billing: Billing, org: OrganizationClient
) -> None:
    dollars = billing.apply(plan(VOICE, effective="2026-09"), restate="true")
    yen = billing.apply(plan(VOICE, effective="2026-09", currency="JPY"), restate="true")
    billing.assign(org, dollars, "2026-09", restate="true")
    billing.assign(org, None, "2026-10", restate="true")
    billing.assign(org, yen, "2026-11")
    query = {"from": "2026-09-30", "to": "2026-11-02"}
    sentence = get_error(org, "costs", query)
    assert sentence == (
        "The window has two currencies: JPY begins in 2026-11, USD is before. "
        "Choose a window that ends before 2026-11, or one that starts there."
    )
    for window, currency in ((("2026-09-30", "2026-11-01"), "USD"), (("2026-10-01", "2026-11-02"), "JPY")):
        assert get_costs(org, *window)["currency"] == currency


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "13"), ("USD", "12.50"), ("KWD", "12.500")])
def test_amounts_are_strings_with_the_digits_of_the_currency(
    billing: Billing, org: OrganizationClient, currency: str, amount: str
) -> None:
    billing.assign(org, billing.apply(plan({**VOICE, "price": "12.5"}, currency=currency)))
    org.send(call("2026-11-20", agent_id="a"))
    answer = get_costs(org, by="agent")
    [month], [row] = answer["months"], answer["rows"]
    for text in (answer["total"], month["total"], month["charges"][0]["amount"], row["amount"]):
        assert text == amount
    assert money_of(answer) == {str}


def money_of(value: object, name: str = "") -> set[type]:
    """Return the types of all amounts, prices and quantities in an answer that are not null."""
    if isinstance(value, dict):
        return {found for key, one in value.items() for found in money_of(one, key)}
    if isinstance(value, list):
        return {found for one in value for found in money_of(one, name)}
    exact = ("amount", "total", "price", "fee", "minimum_charge", "quantity", "included", "billable", "closed_total")
    return {type(value)} if name in exact and value is not None else set()


WINDOW_ERRORS: dict[str, tuple[Query, str]] = {
    "only from": ({"from": "2026-11-01"}, "'to' is missing. Give both"),
    "only to": ({"to": "2026-11-01"}, "'from' is missing. Give both"),
    "an instant": ({"from": "2026-11-01T00:00:00Z", "to": "2026-12-01"}, "'from' must be"),
    "a month": ({"from": "2026-11", "to": "2026-12-01"}, "'from' must be"),
    "a basic date": ({"from": "20261101", "to": "2026-12-01"}, "'from' must be"),
    "30 February": ({"from": "2026-02-30", "to": "2026-12-01"}, "'from' must be"),
    "no day": ({"from": "2026-11-01", "to": "2026-11-01"}, "'to' must be after 'from'"),
    "backwards": ({"from": "2026-11-02", "to": "2026-11-01"}, "'to' must be after 'from'"),
    "367 days": ({"from": "2026-01-01", "to": "2027-01-03"}, "The range from 2026-01-01 to 2027-01-03 is longer than"),
    "an unknown split": ({"by": "status"}, "'by' must be one of charge, agent, number, widget, channel, direction"),
    "an unknown parameter": ({"interval": "day"}, "Unknown parameter 'interval'. Allowed: from, to, by, limit"),
    "no rows": ({"by": "agent", "limit": "0"}, "'limit' must be a whole number from 1 to 1000"),
    "too many rows": ({"by": "agent", "limit": "1001"}, "'limit' must be a whole number from 1 to 1000"),
}


@pytest.mark.parametrize(("query", "sentence"), WINDOW_ERRORS.values(), ids=WINDOW_ERRORS)
def test_parameter_that_is_not_allowed_is_rejected(org: OrganizationClient, query: Query, sentence: str) -> None:
    assert get_error(org, "costs", query).startswith(sentence)


def test_window_of_366_days_is_answered(billing: Billing, org: OrganizationClient) -> None:
    billing.assign(org, billing.apply(plan(VOICE, fee="10.00")))
    answer = get_costs(org, "2026-01-01", "2027-01-02")
    assert (len(answer["days"]), len(answer["months"]), answer["total"]) == (366, 13, "10.00")


def test_costs_need_the_scope_billing_manage(org: OrganizationClient) -> None:
    assert_needs_billing_manage(org, "costs", {"from": "2026-11-01", "to": "2026-11-02"})
    for key in (make_sender_key(org.server), make_operator_key(org.server)):
        with client_of(org.server, key) as client:
            assert "billing:manage" in error_of(client.get(COSTS, headers={ORGANIZATION_HEADER: org.id}), 403)


def test_costs_are_only_of_the_organization(billing: Billing, org: OrganizationClient) -> None:
    plan_id = billing.apply(plan({**VOICE, "price": "1"}))
    with billing.organization(call("2026-11-20", agent_id="other")) as other:
        billing.assign(other, plan_id)
        billing.assign(org, plan_id)
        org.send(call("2026-11-20", agent_id="own"), call("2026-11-20", agent_id="own"))
        assert [row["value"] for row in get_costs(org, by="agent")["rows"]] == ["own"]
        assert (get_costs(org)["total"], get_costs(other)["total"]) == ("2.00", "1.00")


def test_split_across_another_dimension_reads_the_records(billing: Billing, org: OrganizationClient) -> None:
    charge = {**VOICE, "price": "0.10", "where": {"agent": "a"}}
    billing.assign(org, billing.apply(plan(charge)))
    org.send(
        call("2026-11-01", agent_id="a", agent_number="+1", duration=100),
        call("2026-11-02", agent_id="a", agent_number="+1", duration=100),
        call("2026-11-02", agent_id="a", agent_number=None, duration=100),
        call("2026-11-02", agent_id="b", agent_number="+2", duration=900),
        call("2026-11-02", agent_id="a", agent_number="+2", status="token_created", duration=900),
        call("2026-11-03", agent_id="a", agent_number="+3", channel="webrtc", duration=900),
    )
    answer = get_costs(org, by="number")
    assert [(row["value"], row["amount"]) for row in answer["rows"]] == [("+1", "0.33"), (None, "0.17")]
    assert (answer["total"], answer["unallocated"]) == ("0.50", [])


@pytest.mark.parametrize(("records", "is_split"), [(200_000, True), (200_001, False)])
def test_split_across_another_dimension_has_a_limit_of_records(
    billing: Billing, org: OrganizationClient, records: int, is_split: bool
) -> None:
    billing.assign(org, billing.apply(plan({**VOICE, "where": {"agent": "a"}})))
    org.send(call("2026-11-02", agent_id="a", agent_number="+1"))
    with closing(sqlite3.connect(billing.server.folder / "talkmeter.db")) as connection, connection:
        change = "UPDATE usage_daily SET calls = ? WHERE org_id = ? AND dimension = 'agent'"
        assert connection.execute(change, (records, org.id)).rowcount == 1
    answer = get_costs(org, by="number")
    unsplit = {"id": "voice", "name": "Voice", "amount": "0.12", "reason": "too_many_records"}
    assert answer["unallocated"] == ([] if is_split else [unsplit])
    assert len(answer["rows"]) == is_split


Change = Callable[[Billing, OrganizationClient, str], object]
CHANGES: dict[str, Change] = {
    "an event": lambda _, org, __: org.send(call("2026-11-19")),
    "a version of the plan": lambda billing, _, plan_id: billing.apply(plan(VOICE, fee="1.00"), plan_id),
    "a version of another plan": lambda billing, _, __: billing.apply(plan(VOICE)),
    "an assignment": lambda billing, org, _: billing.assign(org, None, "2027-01"),
    "the next day": lambda billing, _, __: billing.set_time(NOON + timedelta(days=1)),
}
SAME: dict[str, Change] = {
    "another organization": lambda billing, _, plan_id: assign_to_another(billing, plan_id),
    "a later hour": lambda billing, _, __: billing.set_time(NOON + timedelta(hours=11)),
    "equal content": lambda billing, _, plan_id: billing.apply(plan(VOICE), plan_id),
    "a dry run": lambda billing, _, plan_id: billing.apply(plan(VOICE, fee="2.00"), plan_id, dry_run="true"),
}


def assign_to_another(billing: Billing, plan_id: str) -> None:
    with billing.organization(call("2026-11-20")) as other:
        billing.assign(other, plan_id)


def statuses(billing: Billing, org: OrganizationClient, change: Change) -> tuple[int, int]:
    """Return the statuses of a request with the ETag before a change, and with the one after it."""
    plan_id = billing.apply(plan(VOICE))
    billing.assign(org, plan_id)
    window = {"from": "2026-11-01", "to": "2026-12-01"}
    before = org.client.get(COSTS, params=window).headers["ETag"]
    try:
        change(billing, org, plan_id)
        response = org.client.get(COSTS, params=window, headers={"If-None-Match": before})
        after = org.client.get(COSTS, params=window).headers["ETag"]
        again = org.client.get(COSTS, params=window, headers={"If-None-Match": after})
    finally:
        billing.set_time()
    return response.status_code, again.status_code


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_etag_changes_with_all_that_costs_depend_on(billing: Billing, org: OrganizationClient, change: Change) -> None:
    assert statuses(billing, org, change) == (200, 304)


@pytest.mark.parametrize("change", SAME.values(), ids=SAME)
def test_etag_stays_if_nothing_changes_the_costs(billing: Billing, org: OrganizationClient, change: Change) -> None:
    assert statuses(billing, org, change) == (304, 304)


def test_etag_depends_on_every_parameter(billing: Billing, org: OrganizationClient) -> None:
    billing.assign(org, billing.apply(plan(VOICE)))
    queries: list[Query] = [
        {},
        {"by": "agent"},
        {"by": "number"},
        {"by": "agent", "limit": "3"},
        {"from": "2026-11-01", "to": "2026-11-20"},
        {"from": "2026-11-02", "to": "2026-11-21"},
    ]
    etags = [org.client.get(COSTS, params=query).headers["ETag"] for query in queries]
    assert len(set(etags)) == len(queries)


def test_rows_others_and_unallocated_add_up_for_every_split(billing: Billing, org: OrganizationClient) -> None:
    charges = (
        {**VOICE, "price": "0.333"},
        {**VOICE, "id": "out", "where": {"direction": "outbound"}, "price": "0.077"},
        {"id": "runs", "name": "Runs", "meter": "workflow_runs", "price": "0.005"},
    )
    billing.assign(org, billing.apply(plan(*charges, fee="10.00")))
    for number in range(7):
        direction = "outbound" if number % 2 else "inbound"
        fields = {"agent_id": f"a{number % 3}", "agent_number": f"+{number % 4}", "direction": direction}
        org.send(call(f"2026-11-{number + 1:02}", duration=31 + number, **fields))
        org.send(run(f"run-{number}", created_at="2026-11-04T00:00:00Z", workflow_id=f"w{number % 2}"))
    for by in ("charge", "agent", "number", "widget", "channel", "direction", "workflow"):
        for limit in ("1", "100"):
            answer = get_costs(org, by=by, limit=limit)
            parts = [*answer["rows"], answer["others"], *answer["unallocated"]]
            assert sum(Decimal(part["amount"]) for part in parts) == Decimal(answer["total"])
