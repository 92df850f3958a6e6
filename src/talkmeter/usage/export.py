"""Export the days of a window, its records, or all values of a breakdown to a file.

The columns of counts and milliseconds are exact and add up to the summary; rounded columns are named `…_rounded`.
"""

import re
from collections.abc import Iterator, Mapping
from typing import IO, Final, Literal, NamedTuple, get_args

from sqlalchemy import Connection

from talkmeter.counting import COUNTERS, Counters, Dimension, average_seconds, counts_of, minutes
from talkmeter.ledger.rows import StoredState
from talkmeter.period import Present, Window, format_day, read_window
from talkmeter.records import Kind
from talkmeter.usage.breakdown import read_sorted_values
from talkmeter.usage.breakdown_query import BreakdownOptions
from talkmeter.usage.by_value import counters_of
from talkmeter.usage.days import read_usage
from talkmeter.usage.dimensions import items_of
from talkmeter.usage.figures import EXACT
from talkmeter.usage.filtered import ValueFilter, read_filtered_days
from talkmeter.usage.filters import Filter, iterate_records
from talkmeter.usage.formats import FORMATS, Cells, Column, Format, OnProgress, require_parquet, write_rows
from talkmeter.usage.names import read_item_names
from talkmeter.usage.parameters import cut_to_day, read_breakdown_options, read_choice, read_filter, read_value_filter
from talkmeter.usage.records import call_of, is_live, is_stale, run_of

ExportType = Literal["daily", "records", "breakdown"]
EXPORT_TYPES: Final[tuple[ExportType, ...]] = get_args(ExportType)
MAX_VALUE_IN_FILE_NAME: Final = 60
_UNSAFE_IN_FILE_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")


class Export(NamedTuple):
    """What to export; `query` is the filter of records, the parameters of a breakdown, or the filter of days."""

    of: ExportType
    format: Format
    window: Window
    query: Filter | BreakdownOptions | ValueFilter | None = None


def read_export(parameters: Mapping[str, str], now: int) -> Export:
    """Read the parameters of an export.

    Raises Unprocessable if a parameter is missing or not allowed, or Parquet is not installed.
    """
    of = read_choice("of", parameters.get("of"), EXPORT_TYPES)
    format_ = read_choice("format", parameters.get("format"), FORMATS, "csv")
    if format_ == "parquet":
        require_parquet()
    window = read_window(parameters.get("from"), parameters.get("to"), now)
    match of:
        case "daily":
            return Export(of, format_, window, read_value_filter(parameters))
        case "records":
            filter_ = read_filter({"kind": Kind.CONVERSATION, **parameters})
            return Export(of, format_, cut_to_day(window, parameters), filter_)
        case "breakdown":
            return Export(of, format_, window, read_breakdown_options(parameters)._replace(limit=None))


def file_name(org_id: str, export: Export) -> str:
    """Return the file name: organization, first and last day of the window, content and filters."""
    days = export.window.days
    organization = _file_name_safe(org_id) or "organization"
    part = ""
    if isinstance(export.query, Filter):
        part = f"-{export.query.kind}"
    elif isinstance(export.query, BreakdownOptions):
        part = f"-{export.query.by}"
    part += "".join(
        f"-{by}-{_file_name_safe(value)[:MAX_VALUE_IN_FILE_NAME] or 'none'}" for by, value in _filters(export.query)
    )
    return f"talkmeter-{organization}-{format_day(days[0])}-to-{format_day(days[-1])}-{export.of}{part}.{export.format}"


def _file_name_safe(text: str) -> str:
    return _UNSAFE_IN_FILE_NAMES.sub("-", text).strip("-.")


def _filters(query: Filter | BreakdownOptions | ValueFilter | None) -> tuple[tuple[Dimension, str], ...]:
    """Return the values that an export is limited to."""
    match query:
        case Filter():
            return query.values
        case BreakdownOptions():
            return () if query.filter is None else (query.filter,)
        case ValueFilter():
            return (query,)
        case None:
            return ()


def write_export(
    connection: Connection, org_id: str, export: Export, present: Present, out: IO[bytes], on_progress: OnProgress
) -> None:
    """Write an organization's export from the connection's snapshot; call `on_progress` after each block of rows."""
    query = export.query
    rows: Iterator[Cells]
    if isinstance(query, Filter):
        columns = _CALL_COLUMNS if query.kind is Kind.CONVERSATION else _RUN_COLUMNS
        rows = _records(connection, org_id, export.window, query, present)
    elif isinstance(query, BreakdownOptions):
        columns = _breakdown_columns(query)
        rows = _values(connection, org_id, export.window, present, query)
    elif query is not None:
        columns = _filtered_day_columns(query.kind)
        rows = _filtered_days(connection, org_id, export.window, present, query)
    else:
        columns, rows = _DAILY_COLUMNS, _days(connection, org_id, export.window, present)
    write_rows(export.format, columns, rows, out, on_progress)


_MINUTES: Final = (Column("voice_minutes_rounded", "decimal"), Column("chat_minutes_rounded", "decimal"))
_EVENT: Final = (
    Column("event_source", "text"),
    Column("event_id", "text"),
    Column("event_time", "instant"),
    Column("event_sequence", "integer"),
    Column("stored_at", "instant"),
)


def _exact(kind: Kind) -> tuple[Column, ...]:
    return tuple(Column(EXACT[counter], "integer") for counter in counters_of(kind))


_DAILY_COLUMNS: Final = (
    Column("day", "day"),
    Column("state", "text"),
    Column("changed_at", "instant"),
    *(Column(EXACT[counter], "integer") for counter in COUNTERS),
    *_MINUTES,
)
_CALL_COLUMNS: Final = (
    Column("id", "text"),
    Column("created_at", "instant"),
    *(Column(name, "text") for name in ("status", "channel", "direction", "modality")),
    *(Column(name, "text") for name in ("agent_id", "agent_number", "web_widget_id")),
    Column("duration_ms", "integer"),
    Column("live", "flag"),
    Column("stale", "flag"),
    *_exact(Kind.CONVERSATION),
    *_EVENT,
)
_RUN_COLUMNS: Final = (
    Column("id", "text"),
    Column("created_at", "instant"),
    Column("status", "text"),
    Column("workflow_id", "text"),
    Column("live", "flag"),
    *_exact(Kind.WORKFLOW_EXECUTION),
    *_EVENT,
)


def _breakdown_columns(query: BreakdownOptions) -> tuple[Column, ...]:
    kind = query.kind
    rounded = (*_MINUTES, Column("avg_call_duration_sec_rounded", "decimal"))
    return (
        Column(query.by, "text"),
        Column("name", "text"),
        *_exact(kind),
        *(rounded if kind is Kind.CONVERSATION else ()),
    )


def _days(connection: Connection, org_id: str, window: Window, present: Present) -> Iterator[Cells]:
    for day, counters, state, changed_at in read_usage(connection, org_id, window, present).days:
        yield (day, state, changed_at, *counters, *_minutes(counters))


def _filtered_day_columns(kind: Kind) -> tuple[Column, ...]:
    minutes_ = _MINUTES if kind is Kind.CONVERSATION else ()
    return (Column("day", "day"), Column("state", "text"), Column("changed_at", "instant"), *_exact(kind), *minutes_)


def _filtered_days(
    connection: Connection, org_id: str, window: Window, present: Present, filter_: ValueFilter
) -> Iterator[Cells]:
    is_call = filter_.kind is Kind.CONVERSATION
    counted = read_filtered_days(connection, org_id, window, filter_, present)
    for day, _, state, changed_at in read_usage(connection, org_id, window, present).days:
        counters = counted[day]
        exact = tuple(getattr(counters, name) for name in counters_of(filter_.kind))
        yield (day, state, changed_at, *exact, *(_minutes(counters) if is_call else ()))


def _values(
    connection: Connection, org_id: str, window: Window, present: Present, query: BreakdownOptions
) -> Iterator[Cells]:
    kind, items = query.kind, items_of(query.by)
    values = read_sorted_values(connection, org_id, window, present, query)
    names = read_item_names(connection, org_id, items, values) if items else {}
    first = COUNTERS.index(counters_of(kind)[0])
    count = len(counters_of(kind))
    for value, counters in values.items():
        exact = counters[first : first + count]
        rounded = (*_minutes(counters), _average(counters)) if kind is Kind.CONVERSATION else ()
        yield (value or None, names.get(value), *exact, *rounded)


def _records(connection: Connection, org_id: str, window: Window, query: Filter, present: Present) -> Iterator[Cells]:
    row = _call_row if query.kind is Kind.CONVERSATION else _run_row
    for stored in iterate_records(connection, org_id, window, query, present):
        yield row(stored, present)


def _call_row(stored: StoredState, present: Present) -> Cells:
    state, call = stored.state, call_of(stored)
    return (
        *(state.id, call.created_at, call.status, call.channel, call.direction, call.modality),
        *(call.agent_id, call.agent_number, call.web_widget_id, call.duration_ms),
        *(is_live(call), is_stale(state, present)),
        *counts_of(call)[: len(counters_of(Kind.CONVERSATION))],
        *_event(stored),
    )


def _run_row(stored: StoredState, _present: Present) -> Cells:
    state, run = stored.state, run_of(stored)
    counts = counts_of(run)[len(counters_of(Kind.CONVERSATION)) :]
    return (state.id, run.created_at, run.status, run.workflow_id, is_live(run), *counts, *_event(stored))


def _event(stored: StoredState) -> Cells:
    state = stored.state
    return (state.source, state.event_id, state.time, state.sequence, stored.stored_at)


def _minutes(counters: Counters) -> tuple[float, float]:
    return minutes(counters.voice_ms), minutes(counters.chat_ms)


def _average(counters: Counters) -> float:
    return average_seconds(counters.voice_ms + counters.chat_ms, counters.timed_calls)
