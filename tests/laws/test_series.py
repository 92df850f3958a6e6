"""A series adds up: its points to the totals, adjacent windows to the window that spans them, `then` to the comparison.

A filtered series contains exactly the records with that value.
"""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.counting import CALL_DIMENSIONS as CALL_FIELDS
from talkmeter.period import Present
from talkmeter.usage.breakdown_query import BreakdownOptions
from talkmeter.usage.compare import MODES, Mode
from talkmeter.usage.filtered import VALUE_FILTERS, ValueFilter
from talkmeter.usage.intervals import INTERVALS, Interval
from tests.laws.histories import histories, laws, windows
from tests.laws.ledgers import NOW, Ledgers
from tests.laws.model import DAY, HistoryItem, Json, Model, parse_instant, stale, sum_calls, sum_runs
from tests.laws.strategies import moments
from tests.laws.test_breakdowns import FIELDS, RUN_DIMENSIONS, model_of

pytestmark = pytest.mark.timeout(600)

HOUR = DAY // 24
CALL_DIMENSIONS = tuple(CALL_FIELDS)
POINT_FIELDS = {
    "calls": "total_calls",
    "voice_calls": "voice_calls",
    "chat_calls": "chat_calls",
    "inbound_calls": "inbound_calls",
    "outbound_calls": "outbound_calls",
    "voice_duration_ms": "voice_duration_ms",
    "chat_duration_ms": "chat_duration_ms",
    "workflow_runs": "workflow_runs_total",
    "workflow_runs_success": "workflow_runs_success",
    "workflow_runs_failed": "workflow_runs_failed",
}
"""The fields of a point with the total that they add up to."""
intervals = st.sampled_from(INTERVALS)
modes = st.sampled_from([mode for mode in MODES if mode != "none"])


@st.composite
def filters(draw: st.DrawFn, history: list[HistoryItem]) -> ValueFilter | None:
    """Generate no filter, or one by a value that a record of the history has, by none or by an unknown value."""
    by = draw(st.sampled_from((None, *VALUE_FILTERS)))
    if by is None:
        return None
    model, everything = model_of(history), (0, 2**62)
    records = model.runs(*everything) if by in RUN_DIMENSIONS else model.calls(*everything)
    found = sorted({record[FIELDS[by]] or "" for record in records})
    return ValueFilter(by, draw(st.sampled_from([*found, *found, "", "unknown"])))


series_histories = histories.flatmap(lambda history: st.tuples(st.just(history), filters(history)))


def shorten(window: tuple[int, int], interval: Interval) -> tuple[int, int]:
    """Limit a window to the 48 hours that a series by hour can have."""
    start, end = window
    return (start, min(end, start + 2 * DAY)) if interval == "hour" else window


def figures_of(model: Model, filter_: ValueFilter | None, start: int, end: int) -> dict[str, int]:
    """Return the exact figures of the records with the filter's value, according to the model."""
    calls, runs = model.calls(start, end), model.runs(start, end)
    if filter_ is None:
        return {**sum_calls(calls), **sum_runs(runs)}
    records = runs if filter_.by in RUN_DIMENSIONS else calls
    matching = [record for record in records if (record[FIELDS[filter_.by]] or "") == filter_.value]
    return sum_runs(matching) if filter_.by in RUN_DIMENSIONS else sum_calls(matching)


def bounds_of(part: Json) -> tuple[int, int]:
    return parse_instant(part["from"]), parse_instant(part["to"])


def point_sums(points: list[Json]) -> dict[str, int]:
    """Return the sums of the points, by the names of the totals."""
    names = POINT_FIELDS.keys() & points[0].keys()
    return {POINT_FIELDS[name]: sum(point[name] for point in points) for name in names}


@laws
@given(series_histories, windows, intervals)
def test_points_are_the_records_of_their_part_and_add_up_to_the_totals(
    ledgers: Ledgers,
    filtered: tuple[list[HistoryItem], ValueFilter | None],
    window: tuple[int, int],
    interval: Interval,
) -> None:
    history, filter_ = filtered
    start, end = shorten(window, interval)
    model = model_of(history)
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        series, summary = ledger.series(start, end, interval, filter_), ledger.summary(start, end)
    expected = figures_of(model, filter_, start, end)
    assert {name: series[name] for name in expected} == expected
    points = series["points"]
    bounds = [bounds_of(point) for point in points]
    assert [bound for part in bounds for bound in part] == [
        start,
        *(bound for _, bound in bounds[:-1] for _ in range(2)),
        end,
    ]
    for point, part in zip(points, bounds, strict=True):
        amounts = figures_of(model, filter_, *part)
        assert point_sums([point]) == {name: amounts[name] for name in POINT_FIELDS.values() if name in amounts}
    assert point_sums(points) == {name: series[name] for name in point_sums(points)}
    if filter_ is None:
        assert all(summary[name] == value for name, value in series.items() if name in summary)
    if filter_ is not None and filter_.by not in RUN_DIMENSIONS:
        calls = [call for call in model.calls(start, end) if (call[FIELDS[filter_.by]] or "") == filter_.value]
        assert series["stale_calls"] == len(stale(calls, NOW.stale_before))


@laws
@given(series_histories, st.lists(moments, min_size=3, max_size=3, unique=True).map(sorted), intervals)
def test_series_of_adjacent_windows_add_up_to_the_window_that_spans_them(
    ledgers: Ledgers,
    filtered: tuple[list[HistoryItem], ValueFilter | None],
    bounds: list[int],
    interval: Interval,
) -> None:
    history, filter_ = filtered
    a, b, c = bounds
    used: Interval = "day" if interval == "hour" and c - a > 2 * DAY else interval
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        spanning, *parts = [ledger.series(*window, used, filter_) for window in ((a, c), (a, b), (b, c))]
    for name in point_sums(spanning["points"]):
        assert sum(part[name] for part in parts) == spanning[name]


@laws
@given(series_histories, windows, intervals, modes, moments)
def test_earlier_parts_add_up_to_the_earlier_figure(
    ledgers: Ledgers,
    filtered: tuple[list[HistoryItem], ValueFilter | None],
    window: tuple[int, int],
    interval: Interval,
    mode: Mode,
    now: int,
) -> None:
    history, filter_ = filtered
    start, end = shorten(window, interval)
    present = Present(now, NOW.stale_before)
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        series = ledger.series(start, end, interval, filter_, mode, present)
        daily = (ledger.comparison(start, end, mode, present) or {}).get("daily")
    comparison, then = series["comparison"], series["then"]
    if comparison is None:
        assert then is daily is None
        return
    assert len(then) in (len(series["points"]), len(series["points"]) + 1)
    model = model_of(history)
    parts = [part for part in then if part is not None]
    for part in parts:
        amounts = figures_of(model, filter_, *bounds_of(part))
        assert point_sums([part]) == {name: amounts[name] for name in POINT_FIELDS.values() if name in amounts}
    compared = (
        point_sums(parts).items() & {name: figure["then"] for name, figure in comparison["figures"].items()}.items()
    )
    assert len(compared) == len(point_sums(parts))
    if filter_ is None:
        assert daily is not None
        if interval == "day":
            assert daily == then


@laws
@given(series_histories, windows, st.data())
def test_filtered_answers_are_those_of_the_matching_records_alone(
    ledgers: Ledgers,
    filtered: tuple[list[HistoryItem], ValueFilter | None],
    window: tuple[int, int],
    data: st.DataObject,
) -> None:
    history, filter_ = filtered
    if filter_ is None:
        return
    kind = RUN_DIMENSIONS if filter_.by in RUN_DIMENSIONS else CALL_DIMENSIONS
    by = data.draw(st.sampled_from(kind))
    split = BreakdownOptions(by, "runs" if kind is RUN_DIMENSIONS else "calls", limit=2, filter=filter_)
    model = model_of(history)
    expected = figures_of(model, filter_, *window)
    records = model.runs(*window) if kind is RUN_DIMENSIONS else model.calls(*window)
    matching = [record for record in records if (record[FIELDS[filter_.by]] or "") == filter_.value]
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        summary = ledger.summary(*window, filter_=filter_)
        days = ledger.export(*window, "daily", filter_)
        values = ledger.export(*window, "breakdown", split._replace(limit=None))
        page = ledger.breakdown(*window, split._replace(interval="day"))
        rows, pages = page["rows"], [page]
        while page["next_cursor"]:
            page = ledger.breakdown(*window, split._replace(interval="day", cursor=page["next_cursor"]))
            rows, pages = [*rows, *page["rows"]], [*pages, page]
    assert {name: summary[name] for name in expected} == expected
    assert {name: sum(day[name] for day in days) for name in expected} == expected
    assert {name: sum(value[name] for value in values) for name in expected} == expected
    assert [row["value"] for row in rows] == [value[by] for value in values]
    sums = sum_runs if kind is RUN_DIMENSIONS else sum_calls
    for row in rows:
        of_value = sums([record for record in matching if record[FIELDS[by]] == row["value"]])
        assert {name: row[name] for name in expected} == of_value
        assert sum(row["series"]) == next(iter(of_value.values()))
    shown = 0
    for answer in pages:
        shown += len(answer["rows"])
        for name, total in expected.items():
            assert sum(row[name] for row in rows[:shown]) + answer["others"][name] == total


@laws
@given(windows.map(lambda window: shorten(window, "hour")), intervals)
def test_whole_intervals_begin_on_the_hour_day_monday_or_first(
    ledgers: Ledgers, window: tuple[int, int], interval: Interval
) -> None:
    with ledgers.empty() as ledger:
        points = ledger.series(*window, interval)["points"]
    for point in points:
        start, end = bounds_of(point)
        begin = parse_instant(point["start"] if interval == "hour" else f"{point['start']}T00:00:00Z")
        assert begin <= start < end
        day = date.fromisoformat(point["start"][:10])
        assert interval != "week" or day.weekday() == 0
        assert interval != "month" or day.day == 1
        lengths = {"hour": HOUR, "day": DAY, "week": 7 * DAY, "month": 29 * DAY if day.month == 2 else 31 * DAY}
        assert point["whole"] == (end - start == lengths[interval])


def test_generated_months_are_february_of_a_leap_year_and_march(ledgers: Ledgers) -> None:
    with ledgers.empty() as ledger:
        points = ledger.series(19_781 * DAY, 19_785 * DAY, "month")["points"]
    assert [point["start"] for point in points] == ["2024-02-01", "2024-03-01"]
