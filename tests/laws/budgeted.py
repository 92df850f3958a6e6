"""Budgets for the laws, and the thresholds that they reach by the reference model.

The expected values use nothing of talkmeter.
"""

import json
from calendar import monthrange
from collections.abc import Callable
from datetime import date, timedelta
from fractions import Fraction
from math import floor
from typing import NamedTuple

from hypothesis import strategies as st

from tests.laws.model import DAY, HistoryItem, Json, Model, RawEvent, count, format_instant
from tests.laws.priced import CURRENCIES, FIELDS, Expected, Pricing, months_of
from tests.laws.strategies import DAYS, FIRST_DAY

EPOCH = date(1970, 1, 1)
PAST_DAYS = 35
HOUR = DAY // 24
WEEK = 7 * DAY
FIGURES: dict[str, Callable[[list[Json]], Fraction]] = {
    "total_calls": lambda calls: Fraction(len(calls)),
    "voice_calls": lambda calls: Fraction(count(calls, modality="voice")),
    "chat_calls": lambda calls: Fraction(count(calls, modality="chat")),
    "inbound_calls": lambda calls: Fraction(count(calls, direction="inbound")),
    "outbound_calls": lambda calls: Fraction(count(calls, direction="outbound")),
    "voice_minutes": lambda calls: _minutes(calls, "voice"),
    "chat_minutes": lambda calls: _minutes(calls, "chat"),
    "workflow_runs_total": lambda runs: Fraction(len(runs)),
    "workflow_runs_success": lambda runs: Fraction(count(runs, status="success")),
    "workflow_runs_failed": lambda runs: Fraction(count(runs, status="failed")),
}
_VALUES = {
    "agent": ("", "a", "ü"),
    "number": ("", "a", "ü"),
    "widget": ("", "a", "ü"),
    "channel": ("telephone", "text"),
    "workflow": ("", "a", "ü"),
}
_limits = st.sampled_from(("0.000000000001", "0.5", "1", "2", "3.25", "7", "50"))
_thresholds = st.lists(st.sampled_from((1, 50, 80, 100, 101, 1_000)), min_size=1, max_size=4, unique=True).map(sorted)
_periods = st.sampled_from(("day", "week", "month"))

Reached = dict[tuple[str, int, int], tuple[Fraction, Fraction]]
"""The value and the limit of each (budget, first day of the period, threshold) that is reached."""


def _minutes(calls: list[Json], modality: str) -> Fraction:
    return Fraction(sum(call["duration"] or 0 for call in calls if call["modality"] == modality), 60_000)


def is_of_runs(metric: str) -> bool:
    return metric.startswith("workflow")


@st.composite
def _budgets(draw: st.DrawFn) -> Json:
    metric = draw(st.sampled_from((*FIGURES, "cost", "cost", "charge:line-0", "charge:line-1")))
    budget: Json = {"name": "Budget", "metric": metric, "period": draw(_periods), "limit": draw(_limits)}
    if metric in FIGURES and draw(st.booleans()):
        by = draw(st.sampled_from([by for by in _VALUES if (by == "workflow") == is_of_runs(metric)]))
        budget["filter"] = {by: draw(st.sampled_from(_VALUES[by]))}
    if metric.startswith("charge:") and budget["period"] == "month" and draw(st.booleans()):
        budget["limit"] = "included"
    return {**budget, "thresholds": draw(_thresholds)}


budgets = st.lists(_budgets(), min_size=1, max_size=5).map(
    lambda drawn: {f"b{number}": budget for number, budget in enumerate(drawn)}
)

_ENDS = (*range(FIRST_DAY, FIRST_DAY + DAYS + 2), FIRST_DAY + 5, FIRST_DAY + 33)
"""The days after which periods with usage end: days, the week until March 3, and both months."""
moments_of_evaluation = st.tuples(
    st.sampled_from([end + later for end in _ENDS for later in (0, 0, PAST_DAYS - 1, PAST_DAYS, PAST_DAYS + 1)]),
    st.sampled_from((0, 0, *_ENDS)),
).map(lambda drawn: (drawn[0], min(drawn)))
"""(today, the day on which the budgets were created), often at the first or last moment of a period."""


def period_of(name: str, day: int) -> range:
    """Return the days of the period that contains a day."""
    on = EPOCH + timedelta(day)
    match name:
        case "day":
            return range(day, day + 1)
        case "week":
            return range(day - on.weekday(), day - on.weekday() + 7)
        case _:
            first = day - on.day + 1
            return range(first, first + monthrange(on.year, on.month)[1])


def evaluated_periods(name: str, today: int, created: int) -> set[range]:
    """Return the period of today, and those that ended in the last 35 days and after the budget was created."""
    periods = {period_of(name, day) for day in range(today - 80, today + 1)}
    return {period for period in periods if today in period or period.stop > max(today - PAST_DAYS, created)}


class Budgets(NamedTuple):
    """Budgets of an organization with its plans, the day of their evaluation, and the day of their creation."""

    by_id: dict[str, Json]
    pricing: Pricing
    today: int
    created: int

    def reached(self, model: Model) -> Reached:
        """Return the thresholds that are reached."""
        return {
            (id_, period.start, threshold): reading
            for id_, budget in self.by_id.items()
            for period in evaluated_periods(budget["period"], self.today, self.created)
            if (reading := self._reading(model, budget, period)) is not None
            for threshold in budget["thresholds"]
            if reading[0] * 100 >= reading[1] * threshold
        }

    def _reading(self, model: Model, budget: Json, period: range) -> tuple[Fraction, Fraction] | None:
        """Return the value and the limit; None if the plans do not give them."""
        if (figure := FIGURES.get(budget["metric"])) is not None:
            return figure(_matching(model, budget, period)), Fraction(budget["limit"])
        parts = months_of(period.start, period.stop)
        if not parts or parts[0][1] != period.start or parts[-1][2] != period.stop:
            # A part of the period is in a month without usage and without a plan.
            return None
        if any(month not in self.pricing.plans for month, _, _ in parts):
            return None
        expected = Expected(model, self.pricing, self.today)
        if budget["metric"] == "cost":
            minor = sum(sum(expected.lines(*part).values()) for part in parts)
            return Fraction(minor, expected.scale), Fraction(budget["limit"])
        charges = [charge for month, _, _ in parts for charge in _charges(self.pricing.plans[month], budget)]
        if len(charges) < len(parts):
            return None
        limit = charges[0].get("included", "0") if budget["limit"] == "included" else budget["limit"]
        units = [expected.units(charge, *part[1:]) for charge, part in zip(charges, parts, strict=True)]
        return (sum(units, Fraction(0)), Fraction(limit)) if Fraction(limit) else None

    def text_of(self, id_: str, value: Fraction) -> str:
        """Return a value as it is stored with a crossing."""
        metric = self.by_id[id_]["metric"]
        if metric.startswith("charge:"):
            return rounded(value, 6).rstrip("0").rstrip(".")
        if metric == "cost":
            return rounded(value, CURRENCIES[self.pricing.currency])
        return rounded(value, 2 if metric.endswith("minutes") else 0)


def rounded(value: Fraction, digits: int) -> str:
    """Return a value with digits after the point, rounded half up."""
    units = floor(value * 10**digits + Fraction(1, 2))
    text = str(units).rjust(digits + 1, "0")
    return f"{text[:-digits]}.{text[-digits:]}" if digits else text


def _matching(model: Model, budget: Json, period: range) -> list[Json]:
    bounds = period.start * DAY, period.stop * DAY
    records = model.runs(*bounds) if is_of_runs(budget["metric"]) else model.calls(*bounds)
    for by, value in budget.get("filter", {}).items():
        records = [record for record in records if (record[FIELDS[by]] or "") == value]
    return records


def _charges(plan: Json, budget: Json) -> list[Json]:
    return [charge for charge in plan["charges"] if f"charge:{charge['id']}" == budget["metric"]]


def is_monotone(budget: Json, pricing: Pricing) -> bool:
    """Return whether more usage never lowers a budget's value.

    Usage on an earlier day can make a later one cheaper, a volume tier can make all units cheaper, and a charge of
    ringing calls loses those that end.
    """
    charges = [charge for plan in pricing.plans.values() for charge in plan["charges"]]
    if any("status" in charge.get("where", ()) for charge in charges):
        return budget["metric"] in FIGURES
    is_cheaper = budget["period"] != "month" or any(charge.get("mode") == "volume" for charge in charges)
    return budget["metric"] != "cost" or not is_cheaper


@st.composite
def quiet_weeks(draw: st.DrawFn) -> tuple[list[HistoryItem], int, int]:
    """Generate (history, now, hours): usage at the edges of the same hours in earlier weeks."""
    now, hours = draw(st.integers(0, 10 * DAY)) + FIRST_DAY * DAY, draw(st.sampled_from((1, 5, 24, 168)))
    edges = (-1, 0, 1, hours * HOUR // 2, hours * HOUR - 1, hours * HOUR, hours * HOUR + 1)
    history: list[HistoryItem] = []
    for place in draw(st.lists(st.tuples(st.integers(1, 5), st.sampled_from(edges)), min_size=1, max_size=5)):
        created_at = format_instant(now - place[0] * WEEK - place[1])
        kind, data = draw(st.sampled_from(_USAGE))
        id_ = f"r{len(history)}"
        envelope = {"specversion": "1.0", "source": "/a", "id": id_, "type": kind, "time": created_at}
        history.append(
            RawEvent(json.dumps({**envelope, "data": {**data, "id": id_, "created_at": created_at}}).encode())
        )
    return history, now, hours


_CALL = {"channel": "text", "direction": "inbound"}
_USAGE = (
    ("conversation.updated", {**_CALL, "status": "completed"}),
    ("conversation.updated", {**_CALL, "status": "ringing"}),
    ("conversation.updated", {**_CALL, "status": "token_created"}),
    ("workflow_execution.updated", {"status": "running"}),
)


def silent_hours(model: Model, now: int, newest: int, limit: int) -> int | None:
    """Return the hours since the newest event; None if fewer than two of four weeks had usage in the same hours."""
    hours = (now - newest) // HOUR
    weeks = [(now - week * WEEK - limit * HOUR, now - week * WEEK) for week in (1, 2, 3, 4)]
    usual = sum(bool(model.calls(*week) or model.runs(*week)) for week in weeks) >= 2
    return hours if hours < limit or usual else None
