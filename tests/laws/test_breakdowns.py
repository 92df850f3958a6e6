"""What drives the usage: rows and others are the summary, however a window is split, cut, ordered and compared."""

from collections import defaultdict
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.counting import Dimension
from talkmeter.period import Present
from talkmeter.usage.breakdown import Interval, Order, Split
from tests.laws.histories import histories, laws, windows
from tests.laws.ledgers import NOW, Ledgers
from tests.laws.model import DAY, Item, Json, Model, instant, sums_of_calls, sums_of_runs
from tests.laws.strategies import DAYS, FIRST_DAY, moments

pytestmark = pytest.mark.timeout(600)

FIELDS: dict[str, str] = {
    "agent": "agent_id",
    "number": "agent_number",
    "widget": "web_widget_id",
    "channel": "channel",
    "modality": "modality",
    "direction": "direction",
    "status": "status",
    "workflow": "workflow_id",
    "run_status": "status",
}
OF_RUNS = ("workflow", "run_status")
FIGURE = {
    "calls": "total_calls",
    "voice": "voice_duration_ms",
    "chat": "chat_duration_ms",
    "runs": "workflow_runs_total",
}


def orders(by: str) -> tuple[Order, ...]:
    return ("runs",) if by in OF_RUNS else ("calls", "voice", "chat")


splits = st.sampled_from(get_args(Dimension)).flatmap(
    lambda by: st.builds(
        Split,
        by=st.just(by),
        order=st.sampled_from(orders(by)),
        limit=st.sampled_from((1, 2, 50)),
        interval=st.sampled_from((None, *get_args(Interval))),
    )
)


def told(history: list[Item]) -> Model:
    model = Model()
    model.tell_all(history)
    return model


def groups(model: Model, by: str, start: int, end: int) -> dict[str | None, dict[str, int]]:
    """The exact figures of each value, as the model has them."""
    grouped: defaultdict[str | None, list[Json]] = defaultdict(list)
    for one in model.runs(start, end) if by in OF_RUNS else model.calls(start, end):
        grouped[one[FIELDS[by]]].append(one)
    sums = sums_of_runs if by in OF_RUNS else sums_of_calls
    return {value: sums(records) for value, records in grouped.items()}


def exact(row: Json, like: dict[str, int]) -> dict[str, int]:
    return {name: row[name] for name in like}


@laws
@given(histories, windows, splits)
def test_rows_are_the_records_grouped_by_value_and_with_the_others_they_are_the_summary(
    ledgers: Ledgers, history: list[Item], window: tuple[int, int], split: Split
) -> None:
    expected = groups(told(history), split.by, *window)
    with ledgers.empty() as ledger:
        ledger.tell(history)
        answer, summary = ledger.breakdown(*window, split), ledger.summary(*window)
    figure = FIGURE[split.order]
    ranked = sorted(expected, key=lambda value: (-expected[value][figure], value or ""))
    rows, others = answer["rows"], answer["others"]
    assert [row["value"] for row in rows] == ranked[: split.limit]
    assert others["values"] == len(ranked) - len(rows)
    empty = (sums_of_runs if split.by in OF_RUNS else sums_of_calls)([])
    for row in rows:
        assert exact(row, empty) == expected[row["value"]]
    assert {name: others[name] + sum(row[name] for row in rows) for name in empty} == exact(summary, empty)
    for part in (*rows, others):
        assert part["share"] == pytest.approx(part[figure] / summary[figure] if summary[figure] else 0, abs=0.00005)


@laws
@given(histories, windows, splits.filter(lambda split: split.interval is not None))
def test_a_series_is_the_rows_figure_in_each_interval(
    ledgers: Ledgers, history: list[Item], window: tuple[int, int], split: Split
) -> None:
    with ledgers.empty() as ledger:
        ledger.tell(history)
        answer = ledger.breakdown(*window, split)
        starts = [instant(f"{start}T00:00:00Z") for start in answer["starts"]]
        ends = [*starts[1:], max(window[1], starts[-1] + 1)]
        cut = split._replace(interval=None, limit=None)
        each = [
            ledger.breakdown(max(start, window[0]), min(end, window[1]), cut)
            for start, end in zip(starts, ends, strict=True)
        ]
    figure = FIGURE[split.order]
    for row in answer["rows"]:
        amounts = [[one[figure] for one in part["rows"] if one["value"] == row["value"]] for part in each]
        assert row["series"] == [sum(amount) for amount in amounts]
    parts = (*answer["rows"], answer["others"])
    whole = [sum(one[figure] for one in part["rows"]) for part in each]
    assert [sum(column) for column in zip(*(part["series"] for part in parts), strict=True)] == whole


@laws
@given(histories, windows, st.sampled_from(("previous", "year")), moments)
def test_a_comparison_is_of_the_figures_that_both_windows_have(
    ledgers: Ledgers, history: list[Item], window: tuple[int, int], mode: Any, now: int
) -> None:
    present = Present(now, NOW.stale_before)
    model = told(history)
    with ledgers.empty() as ledger:
        ledger.tell(history)
        compared = ledger.compared(*window, mode, present)
        if compared is None:
            assert now < window[1]
            assert now // 3_600_000_000 * 3_600_000_000 <= window[0]
            return
        split = Split("agent", "calls", limit=1, mode=mode)
        answer = ledger.breakdown(*window, split, present)
    both = {name: tuple(map(instant, compared[name].values())) for name in ("now", "then")}
    for name, bounds in both.items():
        expected = {**sums_of_calls(model.calls(*bounds)), **sums_of_runs(model.runs(*bounds))}
        figures = {figure: delta[name] for figure, delta in compared["figures"].items() if figure in expected}
        assert len(figures) == 10
        assert figures == {figure: expected[figure] for figure in figures}
    parts = [part["comparison"] for part in (*answer["rows"], answer["others"])]
    for figure in ("total_calls", "voice_duration_ms"):
        for name in both:
            assert sum(part[figure][name] for part in parts) == compared["figures"][figure][name]


@laws
@given(histories, windows)
def test_the_days_of_an_export_and_the_values_of_an_export_are_the_summary(
    ledgers: Ledgers, history: list[Item], window: tuple[int, int]
) -> None:
    with ledgers.empty() as ledger:
        ledger.tell(history)
        summary = ledger.summary(*window)
        days = ledger.exported(*window, "daily")
        agents = ledger.exported(*window, "breakdown", Split("agent", "calls", limit=None))
    calls, runs = sums_of_calls([]), sums_of_runs([])
    assert {name: sum(day[name] for day in days) for name in calls | runs} == exact(summary, calls | runs)
    assert {name: sum(agent[name] for agent in agents) for name in calls} == exact(summary, calls)
    assert [(day["day"], day["state"]) for day in days] == [(day["day"], day["state"]) for day in summary["daily"]]


def test_the_days_of_the_laws_hold_a_month_and_a_year_to_compare_with() -> None:
    assert (
        instant("2024-02-28T00:00:00Z"),
        instant("2024-03-02T00:00:00Z"),
    ) == (FIRST_DAY * DAY, (FIRST_DAY + DAYS) * DAY)
