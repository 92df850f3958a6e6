"""The rows and the others of a breakdown add up to the summary, for any split, order, interval and comparison."""

from collections import defaultdict
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.counting import Dimension
from talkmeter.period import Present
from talkmeter.usage.breakdown_answers import Order
from talkmeter.usage.breakdown_query import BreakdownOptions
from talkmeter.usage.intervals import DAY_INTERVALS
from tests.laws.histories import histories, laws, windows
from tests.laws.ledgers import NOW, Ledgers
from tests.laws.model import DAY, HistoryItem, Json, Model, parse_instant, sum_calls, sum_runs
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
RUN_DIMENSIONS: tuple[Dimension, ...] = ("workflow", "run_status")
FIGURE = {
    "calls": "total_calls",
    "voice": "voice_duration_ms",
    "chat": "chat_duration_ms",
    "runs": "workflow_runs_total",
}


def orders(by: str) -> tuple[Order, ...]:
    return ("runs",) if by in RUN_DIMENSIONS else ("calls", "voice", "chat")


splits = st.sampled_from(get_args(Dimension)).flatmap(
    lambda by: st.builds(
        BreakdownOptions,
        by=st.just(by),
        order=st.sampled_from(orders(by)),
        limit=st.sampled_from((1, 2, 50)),
        interval=st.sampled_from((None, *DAY_INTERVALS)),
    )
)


def model_of(history: list[HistoryItem]) -> Model:
    model = Model()
    model.apply_all(history)
    return model


def groups(model: Model, by: str, start: int, end: int) -> dict[str | None, dict[str, int]]:
    """Return the exact figures of each value, according to the model."""
    grouped: defaultdict[str | None, list[Json]] = defaultdict(list)
    for record in model.runs(start, end) if by in RUN_DIMENSIONS else model.calls(start, end):
        grouped[record[FIELDS[by]]].append(record)
    sums = sum_runs if by in RUN_DIMENSIONS else sum_calls
    return {value: sums(records) for value, records in grouped.items()}


def exact(row: Json, names: dict[str, int]) -> dict[str, int]:
    return {name: row[name] for name in names}


@laws
@given(histories, windows, splits)
def test_rows_group_records_by_value_and_add_up_to_the_summary_with_the_others(
    ledgers: Ledgers, history: list[HistoryItem], window: tuple[int, int], split: BreakdownOptions
) -> None:
    expected = groups(model_of(history), split.by, *window)
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        answer, summary = ledger.breakdown(*window, split), ledger.summary(*window)
    figure = FIGURE[split.order]
    ranked = sorted(expected, key=lambda value: (-expected[value][figure], value or ""))
    rows, others = answer["rows"], answer["others"]
    assert [row["value"] for row in rows] == ranked[: split.limit]
    assert others["values"] == len(ranked) - len(rows)
    empty = (sum_runs if split.by in RUN_DIMENSIONS else sum_calls)([])
    for row in rows:
        assert exact(row, empty) == expected[row["value"]]
    assert {name: others[name] + sum(row[name] for row in rows) for name in empty} == exact(summary, empty)
    for part in (*rows, others):
        assert part["share"] == pytest.approx(part[figure] / summary[figure] if summary[figure] else 0, abs=0.00005)


@laws
@given(histories, windows, splits.filter(lambda split: split.interval is not None))
def test_series_contains_the_figure_of_the_row_for_each_interval(
    ledgers: Ledgers, history: list[HistoryItem], window: tuple[int, int], split: BreakdownOptions
) -> None:
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        answer = ledger.breakdown(*window, split)
        starts = [parse_instant(f"{start}T00:00:00Z") for start in answer["starts"]]
        ends = [*starts[1:], max(window[1], starts[-1] + 1)]
        all_values = split._replace(interval=None, limit=None)
        breakdowns = [
            ledger.breakdown(max(start, window[0]), min(end, window[1]), all_values)
            for start, end in zip(starts, ends, strict=True)
        ]
    figure = FIGURE[split.order]
    for row in answer["rows"]:
        amounts = [[each[figure] for each in part["rows"] if each["value"] == row["value"]] for part in breakdowns]
        assert row["series"] == [sum(amount) for amount in amounts]
    parts = (*answer["rows"], answer["others"])
    totals = [sum(row[figure] for row in part["rows"]) for part in breakdowns]
    assert [sum(column) for column in zip(*(part["series"] for part in parts), strict=True)] == totals


@laws
@given(histories, windows, st.sampled_from(("previous", "year")), moments)
def test_comparison_contains_the_figures_of_both_windows(
    ledgers: Ledgers, history: list[HistoryItem], window: tuple[int, int], mode: Any, now: int
) -> None:
    present = Present(now, NOW.stale_before)
    model = model_of(history)
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        compared = ledger.comparison(*window, mode, present)
        if compared is None:
            assert now < window[1]
            assert now // 3_600_000_000 * 3_600_000_000 <= window[0]
            return
        split = BreakdownOptions("agent", "calls", limit=1, mode=mode)
        answer = ledger.breakdown(*window, split, present)
    windows = {name: tuple(map(parse_instant, compared[name].values())) for name in ("now", "then")}
    for name, bounds in windows.items():
        expected = {**sum_calls(model.calls(*bounds)), **sum_runs(model.runs(*bounds))}
        figures = {figure: delta[name] for figure, delta in compared["figures"].items() if figure in expected}
        assert len(figures) == 10
        assert figures == {figure: expected[figure] for figure in figures}
    parts = [part["comparison"] for part in (*answer["rows"], answer["others"])]
    for figure in ("total_calls", "voice_duration_ms"):
        for name in windows:
            assert sum(part[figure][name] for part in parts) == compared["figures"][figure][name]


@laws
@given(histories, windows)
def test_exports_of_days_and_of_values_add_up_to_the_summary(
    ledgers: Ledgers, history: list[HistoryItem], window: tuple[int, int]
) -> None:
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        summary = ledger.summary(*window)
        days = ledger.export(*window, "daily")
        agents = ledger.export(*window, "breakdown", BreakdownOptions("agent", "calls", limit=None))
    calls, runs = sum_calls([]), sum_runs([])
    assert {name: sum(day[name] for day in days) for name in calls | runs} == exact(summary, calls | runs)
    assert {name: sum(agent[name] for agent in agents) for name in calls} == exact(summary, calls)
    assert [(day["day"], day["state"]) for day in days] == [(day["day"], day["state"]) for day in summary["daily"]]


def test_generated_days_go_from_28_february_to_1_march_of_a_leap_year() -> None:
    assert (
        parse_instant("2024-02-28T00:00:00Z"),
        parse_instant("2024-03-02T00:00:00Z"),
    ) == (FIRST_DAY * DAY, (FIRST_DAY + DAYS) * DAY)
