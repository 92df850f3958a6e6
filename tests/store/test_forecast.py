"""The forecast of an organization: its meters, the charges of its plan, the cost, and past errors."""

from datetime import UTC, datetime, timedelta

import pytest

from talkmeter.billing.forecast_answer import Forecast, ForecastQuery, read_forecast
from talkmeter.db.engine import reading
from talkmeter.period import present, read_instant
from tests.events import Json, conversation
from tests.store.billing import VOICE, apply_plan, assign_plan, plan
from tests.store.ledger import ORG, Ledger

NOW = present(read_instant("2026-11-11T00:00:00Z"), 24)


def calls(first: str, days: int, seconds: int) -> list[Json]:
    """Return one call a day."""
    start = datetime.fromisoformat(first).replace(tzinfo=UTC)
    created = ((start + timedelta(days=day)).isoformat() for day in range(days))
    return [conversation(at, created_at=at, duration=seconds) for at in created]


def forecast(ledger: Ledger) -> Forecast:
    with reading(ledger.engine) as connection:
        return read_forecast(connection, ForecastQuery(ORG, NOW))


@pytest.fixture
def priced(ledger: Ledger) -> Ledger:
    """A ledger with a call of ten minutes on each day from September 1 to November 10."""
    ledger.send(*calls("2026-09-01", 71, 600))
    apply_plan(ledger, plan(VOICE, fee="10.00", effective="2026-09"))
    assign_plan(ledger, from_="2026-09")
    return ledger


def test_equal_days_are_forecast_exactly(priced: Ledger) -> None:
    answer = forecast(priced)

    minutes = next(meter for meter in answer.meters if meter.meter == "voice_minutes")
    assert (minutes.to_date, minutes.projected, minutes.low, minutes.high) == ("100", "300", "300", "300")
    [charge] = answer.charges
    assert (charge.amount.to_date, charge.amount.projected) == ("10.00", "30.00")
    assert answer.cost is not None
    assert (answer.cost.to_date, answer.cost.projected, answer.cost.high) == ("20.00", "40.00", "40.00")
    assert (answer.history_days, answer.reason, answer.currency) == (56, None, "USD")


def test_past_error_is_of_months_with_a_forecast_and_usage(priced: Ledger) -> None:
    """On September 11, ten days of history forecast 300 minutes; October had twice the calls after the 11th."""
    priced.send(*(call | {"id": f"again-{number}"} for number, call in enumerate(doubled())))

    answer = forecast(priced)

    minutes = next(meter for meter in answer.meters if meter.meter == "voice_minutes")
    # September was forecast exactly; October has 310 + 200 minutes and was forecast with 310.
    assert minutes.past_error == f"{(200 / 510) / 2:.4f}"
    assert answer.cost is not None
    # 10.00 of fee and 51.00 of minutes instead of 31.00.
    assert answer.cost.past_error == f"{(20 / 61) / 2:.4f}"


def doubled() -> list[Json]:
    """Return a second call on each of the last twenty days of October."""
    events = calls("2026-10-12", 20, 600)
    return [event | {"data": {**dict(event["data"]), "id": f"second-{number}"}} for number, event in enumerate(events)]  # type: ignore[call-overload]


def test_forecast_needs_three_days_of_history(ledger: Ledger) -> None:
    ledger.send(*calls("2026-11-09", 2, 60))

    answer = forecast(ledger)

    assert answer.reason == "A forecast needs 3 complete days since the first usage."
    assert (answer.meters, answer.charges, answer.cost) == ([], [], None)


def test_organization_without_a_plan_has_a_forecast_of_its_usage(ledger: Ledger) -> None:
    ledger.send(*calls("2026-11-01", 10, 60))

    answer = forecast(ledger)

    assert next(meter.projected for meter in answer.meters if meter.meter == "calls") == "30"
    assert (answer.charges, answer.cost, answer.currency) == ([], None, None)
