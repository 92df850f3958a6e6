"""Costs of calls that are billed in steps, and costs of usage whose records or billed durations are missing."""

import pytest

from talkmeter.billing.costs import Costs, read_costs
from talkmeter.billing.plans import set_default
from talkmeter.billing.priced_months import By, CostsQuery
from talkmeter.db.engine import reading, writing
from talkmeter.db.meta import BILLED_DURATIONS, delete_meta, write_meta
from talkmeter.errors import NotPrepared
from talkmeter.ledger.closing import begin_merge
from talkmeter.ledger.merge import merge_usage
from talkmeter.ledger.organizations import add_organization
from talkmeter.ledger.retention import expire
from talkmeter.months import parse_month
from talkmeter.period import present, read_day
from tests.events import Json, conversation, event
from tests.store.billing import NOW, OPERATOR, VOICE, apply_plan, assign_plan, costs, plan
from tests.store.ledger import ORG, Ledger

OUTBOUND = {"where": {"direction": "outbound"}}


def call(id_: str, duration: float | None, **fields: object) -> Json:
    created_at = "2026-10-05T10:00:00Z"
    return conversation(id_, created_at=created_at, duration=duration, direction="outbound", **fields)


def split(ledger: Ledger, by: By) -> Costs:
    query = CostsQuery(ORG, read_day("from", "2026-10-01"), read_day("to", "2026-11-01"), present(NOW, 24), by)
    with reading(ledger.engine) as connection:
        return read_costs(connection, query)


@pytest.mark.parametrize(
    ("per_call", "minutes"),
    [("exact", "2.025"), ("1/1", "2.033333"), ("6/6", "2.2"), ("30/6", "2.6"), ("60/60", "4")],
)
def test_each_call_is_billed_in_steps(ledger: Ledger, per_call: str, minutes: str) -> None:
    ledger.send(call("a", 61), call("b", 60), call("c", 0.5), call("d", None))
    apply_plan(ledger, plan({**VOICE, "per_call": per_call, "price": "60.00"}))
    assign_plan(ledger)

    [month] = costs(ledger).months

    assert month.charges[0].quantity == minutes


@pytest.mark.parametrize("per_call", ["exact", "60/60"])
def test_charge_of_one_direction_is_shared_among_agents_by_their_calls(ledger: Ledger, per_call: str) -> None:
    ledger.send(call("a", 61, agent_id="ann"), call("b", 119, agent_id="bob"), call("c", 60, agent_id="bob"))
    ledger.send(conversation("d", created_at="2026-10-05T10:00:00Z", duration=6_000, agent_id="bob"))
    apply_plan(ledger, plan({**VOICE, **OUTBOUND, "per_call": per_call, "price": "1.00"}, fee="10.00"))
    assign_plan(ledger)

    answer = split(ledger, "agent")

    expected = {"bob": "2.98", "ann": "1.02"} if per_call == "exact" else {"bob": "3.00", "ann": "2.00"}
    assert {row.value: row.amount for row in answer.rows or ()} == expected
    assert [(line.id, line.amount, line.reason) for line in answer.unallocated or ()] == [
        ("fee", "10.00", "not_of_a_value")
    ]


def test_charge_is_not_shared_if_its_records_were_deleted(ledger: Ledger) -> None:
    ledger.send(call("a", 60, agent_id="ann"))
    apply_plan(ledger, plan({**VOICE, **OUTBOUND}))
    assign_plan(ledger)
    list(expire(ledger.engine, read_day("before", "2026-10-20")))

    answer = split(ledger, "agent")

    assert answer.total == "0.10"
    assert answer.rows == []
    assert [(line.id, line.reason) for line in answer.unallocated or ()] == [("voice", "records_deleted")]


def test_costs_per_call_wait_until_billed_durations_are_filled(ledger: Ledger) -> None:
    ledger.send(call("a", 61))
    apply_plan(ledger, plan({**VOICE, "per_call": "60/60"}))
    assign_plan(ledger)
    with writing(ledger.engine) as connection:
        write_meta(connection, BILLED_DURATIONS, "unfilled")

    with pytest.raises(NotPrepared, match="Retry in a minute"):
        costs(ledger)

    with writing(ledger.engine) as connection:
        delete_meta(connection, BILLED_DURATIONS)
    assert costs(ledger).total == "0.20"


NUMBERS: Json = {"id": "numbers", "name": "Numbers", "meter": "shared_phone_numbers", "price": "1.15"}


def number(id_: str, time: str, *, shared: bool = True) -> Json:
    return event("phone_number.updated", {"id": id_, "shared": shared}, time=time)


def test_inventory_is_prorated_by_days_and_split_by_its_own_value(ledger: Ledger) -> None:
    """Two numbers, one all of October and one for its last ten days: 41 of 31 days at 1.15 are 1.52."""
    ledger.send(
        number("+1", "2026-09-15T00:00:00Z"),
        number("+2", "2026-10-22T09:00:00Z"),
        number("+3", "2026-09-15T00:00:00Z", shared=False),
    )
    apply_plan(ledger, plan(NUMBERS))
    assign_plan(ledger)

    [month] = costs(ledger).months
    rows = split(ledger, "number").rows

    assert (month.charges[0].base_quantity, month.charges[0].amount) == (41, "1.52")
    assert {row.value: row.amount for row in rows or ()} == {"+1": "1.15", "+2": "0.37"}
    assert [line.id for line in split(ledger, "agent").unallocated or ()] == ["numbers"]


def test_default_plan_applies_from_the_month_of_the_first_item(ledger: Ledger) -> None:
    ledger.send(number("+1", "2026-09-15T00:00:00Z"))
    apply_plan(ledger, plan(NUMBERS, fee="5.00", effective="2026-01"))
    with writing(ledger.engine) as connection:
        set_default(connection, parse_month("2026-01"), "smb")

    assert costs(ledger, "2026-09-01", "2026-10-01").total == "5.61"
    assert costs(ledger, "2026-08-01", "2026-09-01").total is None


def test_merged_organization_has_the_inventory_days_of_both(ledger: Ledger) -> None:
    ledger.send(number("+1", "2026-09-15T00:00:00Z"), org_id="other")
    ledger.send(event("phone_number.deleted", {"id": "+1"}, time="2026-10-11T00:00:00Z"), org_id="other")
    ledger.send(number("+2", "2026-10-31T00:00:00Z"))
    apply_plan(ledger, plan(NUMBERS))
    assign_plan(ledger)
    with writing(ledger.engine) as connection:
        for org_id in (ORG, "other"):
            add_organization(connection, org_id, None, NOW)
        begin_merge(connection, "other", ORG, OPERATOR, NOW)

    for _ in merge_usage(ledger.engine, "other", ORG):
        pass

    # The day of the end counts: 11 days of the one number, and 1 of the other.
    assert costs(ledger).months[0].charges[0].base_quantity == 12
    assert ledger.rows("SELECT count(*) FROM inventory_day WHERE org_id = 'other'") == [(0,)]
