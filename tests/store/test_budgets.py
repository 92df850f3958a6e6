"""Budgets in the database: which values, periods and thresholds count, and what stays when something changes."""

from datetime import UTC, date, datetime, timedelta

import pytest

from talkmeter.ledger.retention import expire
from talkmeter.period import read_instant
from tests.events import Json, conversation, event, run
from tests.store.billing import NOW, VOICE, apply_plan, assign_plan, plan
from tests.store.budgets import budgets, crossings, delete_budget, evaluate, reading_of, set_budget
from tests.store.ledger import FileLedger, Ledger

DAY = 86_400_000_000
EPOCH = date(1970, 1, 1)
HOUR = DAY // 24


def days(first: str, last: str) -> range:
    """Return the days from the first to the last one, as numbers."""
    start, end = (date.fromisoformat(text) for text in (first, last))
    return range((start - EPOCH).days, (end - EPOCH).days + 1)


TODAY = days("2026-11-10", "2026-11-10")
WEEK = days("2026-11-09", "2026-11-15")
NOVEMBER = days("2026-11-01", "2026-11-30")
OCTOBER = days("2026-10-01", "2026-10-31")


def call(day: str, id_: str, **fields: object) -> Json:
    return conversation(id_, created_at=f"{day}T10:00:00Z", **fields)


def value(ledger: Ledger, period: range, now: int = NOW) -> str | None:
    reading = reading_of(ledger, period, now=now)
    return None if reading is None else reading.value_text


def found(ledger: Ledger) -> list[tuple[range, int, str]]:
    """Return the period, the threshold and the value of each crossing."""
    return [(range(one.period_start, one.period_end), one.threshold, one.value) for one in crossings(ledger)]


FIELDS = {"agent": "agent_id", "number": "agent_number", "widget": "web_widget_id", "channel": "channel"}


@pytest.mark.parametrize("by", FIELDS)
def test_filter_counts_only_its_value(ledger: Ledger, by: str) -> None:
    one, other = ("telephone", "webrtc") if by == "channel" else ("ann", "bob")
    ledger.send(
        *(call("2026-11-10", f"one-{number}", **{FIELDS[by]: one}) for number in range(3)),
        call("2026-11-10", "other", **{FIELDS[by]: other}),
        call("2026-11-09", "yesterday", **{FIELDS[by]: one}),
    )
    set_budget(ledger, filter={by: one}, period="day")
    assert [value(ledger, period) for period in (TODAY, WEEK)] == ["3", "4"]


def test_empty_filter_counts_what_has_no_value(file_ledger: FileLedger) -> None:
    file_ledger.send(
        run("a", created_at="2026-11-10T10:00:00Z", workflow_id="w"), run("b", created_at="2026-11-10T10:00:00Z")
    )
    set_budget(file_ledger, metric="workflow_runs_total", filter={"workflow": ""}, period="day")
    assert value(file_ledger, TODAY) == "1"


def test_percent_and_thresholds_use_the_exact_minutes(file_ledger: FileLedger) -> None:
    """The value 1.00 is rounded up from 59.999 s, which is less than 100 % of a minute."""
    file_ledger.send(call("2026-11-10", "c", duration=59.999))
    set_budget(file_ledger, metric="voice_minutes", limit="1", thresholds=[99, 100])
    reading = reading_of(file_ledger, NOVEMBER)
    assert reading is not None
    assert (reading.value_text, reading.percent) == ("1.00", "99.9")
    assert evaluate(file_ledger) == 1


def test_cost_of_a_week_uses_the_plans_of_both_months(file_ledger: FileLedger) -> None:
    apply_plan(file_ledger, plan({**VOICE, "price": "0.10"}))
    apply_plan(file_ledger, plan({**VOICE, "price": "1"}, effective="2026-12"))
    assign_plan(file_ledger)
    file_ledger.send(call("2026-11-30", "a", duration=600), call("2026-12-01", "b", duration=120))
    now = read_instant("2026-12-02T12:00:00Z")
    set_budget(file_ledger, metric="cost", period="week", limit="3", now=now)
    assert value(file_ledger, days("2026-11-30", "2026-12-06"), now) == "3.00"


def test_cost_is_unknown_in_a_week_with_two_currencies_or_a_month_without_plan(file_ledger: FileLedger) -> None:
    apply_plan(file_ledger, plan(VOICE))
    apply_plan(file_ledger, plan(VOICE, effective="2026-12", currency="EUR"), plan_id="euro")
    assign_plan(file_ledger)
    assign_plan(file_ledger, "euro", from_="2026-12")
    file_ledger.send(call("2026-11-30", "a", duration=600))
    set_budget(file_ledger, metric="cost", limit="1")
    now = read_instant("2026-12-02T12:00:00Z")
    periods = {"week": days("2026-11-30", "2026-12-06"), "September": days("2026-09-01", "2026-09-30")}
    assert {name: value(file_ledger, period, now) for name, period in periods.items()} == {
        "week": None,
        "September": None,
    }
    assert value(file_ledger, NOVEMBER, now) == "1.00"


def test_included_limit_is_that_of_each_month(file_ledger: FileLedger) -> None:
    apply_plan(file_ledger, plan({**VOICE, "included": "10"}))
    apply_plan(file_ledger, plan({**VOICE, "included": "20"}, effective="2026-11"))
    assign_plan(file_ledger)
    file_ledger.send(call("2026-10-20", "a", duration=600), call("2026-11-02", "b", duration=600))
    set_budget(file_ledger, metric="charge:voice", limit="included", now=read_instant("2026-10-05T00:00:00Z"))
    assert evaluate(file_ledger) == 4
    assert found(file_ledger) == [*((OCTOBER, part, "10") for part in (50, 80, 100)), (NOVEMBER, 50, "10")]
    assert [one.limit for one in crossings(file_ledger)] == ["10", "10", "10", "20"]


def test_charge_of_agents_counts_the_part_of_the_month_in_which_they_exist(file_ledger: FileLedger) -> None:
    """Ann exists since October 16, Bob on November 5 and 6: 16 of 31 days, and 10 + 2 of 30 until today."""
    file_ledger.send(
        event("agent.updated", {"id": "ann"}, time="2026-10-16T09:00:00Z"),
        event("agent.updated", {"id": "bob"}, time="2026-11-05T09:00:00Z"),
        event("agent.deleted", {"id": "bob"}, time="2026-11-06T09:00:00Z"),
    )
    agents: Json = {"id": "agents", "name": "Agents", "meter": "agents", "price": "9.00", "included": "0.4"}
    apply_plan(file_ledger, plan(agents))
    assign_plan(file_ledger)
    october = read_instant("2026-10-05T00:00:00Z")
    set_budget(file_ledger, metric="charge:agents", limit="included", thresholds=[100], now=october)
    assert [value(file_ledger, period) for period in (OCTOBER, NOVEMBER)] == ["0.516129", "0.4"]
    assert evaluate(file_ledger) == 2


@pytest.mark.parametrize(("days_of_arrival", "number"), [(("09", "10"), 0), (("10", "09"), 1)])
def test_late_usage_of_an_earlier_day_can_make_a_day_cheaper(
    file_ledger: FileLedger, days_of_arrival: tuple[str, str], number: int
) -> None:
    apply_plan(file_ledger, plan(TIERED))
    assign_plan(file_ledger)
    set_budget(file_ledger, metric="cost", period="day", limit="10", thresholds=[100], now=NOW)
    for day in days_of_arrival:
        file_ledger.send(call(f"2026-11-{day}", day, duration=600))
        evaluate(file_ledger)
    assert value(file_ledger, TODAY) == "0.00"
    assert len(crossings(file_ledger)) == number


TIERED: Json = {
    "id": "voice",
    "name": "Voice",
    "meter": "voice_minutes",
    "tiers": [{"up_to": "10", "price": "1"}, {"price": "0"}],
}


def test_changed_plan_changes_what_is_reached(file_ledger: FileLedger) -> None:
    apply_plan(file_ledger, plan(VOICE))
    assign_plan(file_ledger)
    file_ledger.send(call("2026-11-02", "a", duration=600))
    set_budget(file_ledger, metric="cost", limit="5", thresholds=[100])
    assert evaluate(file_ledger) == 0
    apply_plan(file_ledger, plan({**VOICE, "price": "0.50"}))
    assert evaluate(file_ledger) == 1
    assert found(file_ledger) == [(NOVEMBER, 100, "5.00")]


def test_late_events_count_in_their_period_up_to_35_days_after_its_end(file_ledger: FileLedger) -> None:
    set_budget(file_ledger, period="day", limit="1", thresholds=[100], now=NOW - 90 * DAY)
    today = TODAY.start
    file_ledger.send(
        *(call(str(EPOCH + timedelta(today - ago)), f"{ago}") for ago in (0, 1, 34, 35, 36, 37)),
    )
    evaluate(file_ledger)
    # The day 35 days ago ended 34 days ago.
    assert [period.start for period, _, _ in found(file_ledger)] == [today - ago for ago in (35, 34, 1, 0)]


@pytest.mark.parametrize(
    ("period", "counted"), [("day", "2026-11-10"), ("week", "2026-11-09"), ("month", "2026-11-01")]
)
def test_periods_that_ended_before_a_budget_are_not_evaluated(
    file_ledger: FileLedger, period: str, counted: str
) -> None:
    file_ledger.send(*(call(str(day), str(day)) for day in dates("2026-10-01", "2026-11-10")))
    set_budget(file_ledger, period=period, limit="1", thresholds=[100])
    evaluate(file_ledger)
    assert [period.start for period, _, _ in found(file_ledger)] == [days(counted, counted).start]


def dates(first: str, last: str) -> list[date]:
    return [EPOCH + timedelta(day) for day in days(first, last)]


def test_crossing_is_stored_once_and_stays_when_the_value_falls(ledger: Ledger) -> None:
    set_budget(ledger, limit="2", thresholds=[50, 100])
    ledger.send(call("2026-11-02", "a"), call("2026-11-03", "b"))
    assert [evaluate(ledger), evaluate(ledger, now=NOW + 1)] == [2, 0]
    before = crossings(ledger)
    ledger.send(event("conversation.deleted", {"id": "a"}, time="2026-11-05T00:00:00Z"))
    assert [evaluate(ledger, now=NOW + 2), value(ledger, NOVEMBER)] == [0, "1"]
    assert crossings(ledger) == before
    assert len({one.message_id for one in before}) == 2


def test_changed_budget_reports_only_thresholds_that_were_not_reached(file_ledger: FileLedger) -> None:
    set_budget(file_ledger, limit="2")
    file_ledger.send(call("2026-11-02", "a"))
    assert evaluate(file_ledger) == 1
    set_budget(file_ledger, limit="1", thresholds=[50, 100])
    assert evaluate(file_ledger) == 1
    assert [(threshold, one) for _, threshold, one in found(file_ledger)] == [(50, "1"), (100, "1")]


def test_budget_that_is_created_again_reports_again(ledger: Ledger) -> None:
    set_budget(ledger, limit="1", thresholds=[100])
    set_budget(ledger, "c", limit="1", thresholds=[100])
    ledger.send(call("2026-11-02", "a"))
    assert evaluate(ledger) == 2
    delete_budget(ledger)
    assert [one.budget_id for one in crossings(ledger)] == ["c"]
    set_budget(ledger, limit="1", thresholds=[100])
    assert evaluate(ledger) == 1


def test_paused_budget_is_not_evaluated_until_it_is_enabled(file_ledger: FileLedger) -> None:
    set_budget(file_ledger, limit="1", thresholds=[100], enabled=False)
    file_ledger.send(call("2026-11-02", "a"))
    assert evaluate(file_ledger) == 0
    set_budget(file_ledger, limit="1", thresholds=[100])
    assert evaluate(file_ledger) == 1


def test_old_records_can_be_deleted_while_their_totals_still_count(ledger: Ledger) -> None:
    set_budget(ledger, limit="3", thresholds=[100])
    ledger.send(call("2026-11-02", "a"), call("2026-11-03", "b"), call("2026-11-09", "c"))
    for _ in expire(ledger.engine, WEEK.start):
        pass
    assert evaluate(ledger) == 1
    assert list(budgets(ledger)) == ["b"]


WEEKS_AGO = ("2026-11-03", "2026-10-27", "2026-10-20", "2026-10-13")
"""The same weekday as today, Tuesday."""


@pytest.mark.parametrize(
    ("weeks", "hour", "silent"),
    [
        ((), 11, None),
        ((0,), 11, None),
        ((0, 1), 11, "3"),
        ((2, 3), 11, "3"),
        ((0, 3), 11, "3"),
        ((0, 1, 2, 3), 11, "3"),
        ((0, 1, 2, 3), 8, None),
        ((0, 1, 2, 3), 12, None),
    ],
)
def test_silence_is_a_warning_if_two_of_four_weeks_had_usage_in_the_same_hours(
    file_ledger: FileLedger, weeks: tuple[int, ...], hour: int, silent: str | None
) -> None:
    """It is noon, the newest event is three hours old, and two hours of silence are too many."""
    ledger = file_ledger
    ledger.send(call("2026-09-01", "long ago"))
    ledger.send(*(conversation(f"c{week}", created_at=f"{WEEKS_AGO[week]}T{hour:02}:00:00Z") for week in weeks))
    set_newest_event(ledger, NOW - 3 * HOUR)
    set_budget(ledger, metric="silence", limit="2", period="day")
    assert value(ledger, TODAY) == silent
    assert evaluate(ledger) == (silent is not None)


@pytest.mark.parametrize(("limit", "reached"), [("3", 1), ("3.0", 1), ("4", 0)])
def test_silence_is_reached_after_the_hours_of_its_limit(file_ledger: FileLedger, limit: str, reached: int) -> None:
    file_ledger.send(*(conversation(f"c{day}", created_at=f"{day}T11:30:00Z") for day in WEEKS_AGO))
    set_newest_event(file_ledger, NOW - 4 * HOUR + 1)
    set_budget(file_ledger, metric="silence", limit=limit)
    assert value(file_ledger, NOVEMBER) == "3"
    assert value(file_ledger, OCTOBER) is None
    assert [evaluate(file_ledger), evaluate(file_ledger)] == [reached, 0]


def test_silence_needs_a_first_event(file_ledger: FileLedger) -> None:
    set_budget(file_ledger, metric="silence", limit="1")
    assert value(file_ledger, NOVEMBER) is None


def set_newest_event(ledger: Ledger, at: int) -> None:
    """Set when the newest event was stored, which the writer takes from the clock."""
    ledger.damage("UPDATE organization SET last_event_at = :at", at=at)


def test_now_of_these_tests_is_a_tuesday_noon() -> None:
    assert datetime.fromtimestamp(NOW // 1_000_000, UTC).strftime("%A %H:%M") == "Tuesday 12:00"
