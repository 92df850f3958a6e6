"""Statements: a closed month never changes, adjustments add up to its present cost, and a close can be repeated."""

from decimal import Decimal
from io import BytesIO

import pytest

from talkmeter.billing.statement_export import COLUMNS, statement_rows
from talkmeter.billing.statement_store import Statement, read_statements
from talkmeter.billing.statements import adjust_month, close_month
from talkmeter.db.engine import reading
from talkmeter.errors import Misconfigured, OperationFailed
from talkmeter.months import parse_month
from talkmeter.usage.formats import write_rows
from tests.events import Json, conversation
from tests.store.billing import NOW, OPERATOR, VOICE, apply_plan, assign_plan, costs, plan
from tests.store.ledger import ORG, Ledger

OCTOBER = parse_month("2026-10")


def call(id_: str, seconds: float, **fields: object) -> Json:
    return conversation(id_, created_at="2026-10-05T10:00:00Z", duration=seconds, **fields)


def close(ledger: Ledger, *org_ids: str) -> list[Statement]:
    return list(close_month(ledger.engine, org_ids or (ORG,), OCTOBER, OPERATOR, NOW))


def adjust(ledger: Ledger) -> list[Statement]:
    return list(adjust_month(ledger.engine, [ORG], OCTOBER, OPERATOR, NOW))


def exported(ledger: Ledger) -> str:
    """Return the export of October as CSV."""
    out = BytesIO()
    write_rows("csv", COLUMNS, statement_rows(ledger.engine, [ORG], OCTOBER), out, lambda: None)
    return out.getvalue().decode("utf-8-sig")


def stored(ledger: Ledger) -> list[Statement]:
    with reading(ledger.engine) as connection:
        return read_statements(connection, ORG, OCTOBER, OCTOBER)


@pytest.fixture
def closed(ledger: Ledger) -> Ledger:
    """A ledger whose October cost 100.00 when it was closed."""
    ledger.send(call("call-1", 60_000))
    apply_plan(ledger, plan(VOICE))
    assign_plan(ledger)
    assert [statement.total for statement in close(ledger)] == [100_00]
    return ledger


def test_close_writes_the_lines_of_the_month(ledger: Ledger) -> None:
    ledger.send(call("call-1", 90))
    apply_plan(ledger, plan(VOICE, fee="10.00", minimum="2.00"))
    assign_plan(ledger)

    [statement] = close(ledger)

    assert [(line.line, line.base_quantity, line.amount) for line in statement.lines] == [
        ("fee", 1, 10_00),
        ("voice", 90_000, 15),
        ("minimum", 1, 1_85),
    ]
    assert stored(ledger) == [statement]
    assert costs(ledger).total == "12.00"


def test_second_close_changes_nothing(closed: Ledger) -> None:
    before = stored(closed)
    closed.send(call("call-2", 60))

    assert close(closed) == []
    assert stored(closed) == before


def test_late_calls_and_corrections_are_adjusted_and_not_twice(closed: Ledger) -> None:
    closed.send(call("late", 2_160))
    assert [statement.total for statement in adjust(closed)] == [3_60]

    closed.send(call("late", 720) | {"time": "2026-11-01T00:00:00Z"})
    assert [statement.total for statement in adjust(closed)] == [-2_40]
    assert adjust(closed) == []

    assert [(statement.number, statement.total) for statement in stored(closed)] == [(0, 100_00), (1, 3_60), (2, -2_40)]
    month = costs(closed).months[0]
    assert (month.state, month.total, month.closed_total, month.difference) == ("closed", "101.20", "101.20", "0.00")


def test_costs_show_the_difference_since_closing(closed: Ledger) -> None:
    closed.send(call("late", 2_160))

    month = costs(closed).months[0]

    assert (month.total, month.closed_total, month.difference) == ("103.60", "100.00", "3.60")
    assert costs(closed, "2026-10-02").months[0].closed_total is None


def test_closed_month_keeps_its_plan_and_version(closed: Ledger) -> None:
    apply_plan(closed, plan(VOICE | {"price": "9.99"}))
    apply_plan(closed, plan(VOICE | {"price": "5.00"}), plan_id="other")
    assign_plan(closed, "other")

    assert adjust(closed) == []
    assert costs(closed).total == "100.00"


def test_charge_that_costs_nothing_now_is_taken_back(ledger: Ledger) -> None:
    ledger.send(call("call-1", 60))
    apply_plan(ledger, plan(VOICE, minimum="5.00"))
    assign_plan(ledger)
    assert [statement.total for statement in close(ledger)] == [5_00]

    ledger.send(call("call-2", 3_000))
    [adjustment] = adjust(ledger)

    assert [(line.line, line.amount) for line in adjustment.lines] == [("voice", 5_00), ("minimum", -4_90)]
    assert costs(ledger).total == "5.10"


def test_month_that_is_not_over_is_refused(closed: Ledger) -> None:
    with pytest.raises(OperationFailed, match="2026-11 is not over"):
        list(close_month(closed.engine, [ORG], parse_month("2026-11"), OPERATOR, NOW))


def test_organizations_without_a_plan_get_no_statement(ledger: Ledger) -> None:
    ledger.send(call("call-1", 60))

    assert close(ledger) == []
    assert stored(ledger) == []


def test_interrupted_close_can_be_repeated(ledger: Ledger) -> None:
    org_ids = [f"org-{number:03}" for number in range(150)]
    apply_plan(ledger, plan(VOICE))
    for org_id in org_ids:
        assign_plan(ledger, org_id=org_id)

    written = close_month(ledger.engine, org_ids, OCTOBER, OPERATOR, NOW)
    first = {next(written).org_id}
    written.close()
    first |= {str(org_id) for (org_id,) in ledger.rows("SELECT org_id FROM statement")}
    second = {statement.org_id for statement in close(ledger, *org_ids)}

    assert first
    assert second
    assert not first & second
    assert first | second == set(org_ids)


def test_export_has_a_row_for_each_line(closed: Ledger) -> None:
    closed.send(call("late", 60), call("other", 60, direction="outbound"))
    adjust(closed)

    head, *rows = exported(closed).splitlines()
    cells = [dict(zip(head.split(","), row.split(","), strict=True)) for row in rows]
    assert [(row["statement"], row["quantity"], row["unit"], row["amount"]) for row in cells] == [
        ("0", "1000", "minute", "100.00"),
        ("1", "2", "minute", "0.20"),
    ]
    assert sum(Decimal(row["amount"]) for row in cells) == Decimal(str(costs(closed).total))


def test_export_of_a_currency_that_has_left_the_standard_is_an_error(closed: Ledger) -> None:
    closed.damage("UPDATE statement SET currency = 'HRK'")

    with pytest.raises(Misconfigured, match="does not contain the currency HRK"):
        exported(closed)
