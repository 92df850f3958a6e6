"""`talkmeter breakdown`: usage split by one dimension."""

from typing import TYPE_CHECKING, Final, NamedTuple

import click

from talkmeter.cli.query import (
    COMPARE,
    SPLIT,
    VALUE_FILTER,
    WINDOW,
    open_snapshot,
    options,
    parameters_of,
    percentage,
    print_json,
    print_nothing_to_compare,
    print_window,
    window_of,
)
from talkmeter.cli.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talkmeter.usage.breakdown_answers import CallBreakdown, CallRow, OtherCalls, OtherRuns, RunBreakdown, RunRow
    from talkmeter.usage.compare import Delta, Deltas
    from talkmeter.usage.figures import CallFigures, RunFigures
    from talkmeter.usage.filtered_summary import AnySummary
    from talkmeter.usage.summary import Summary

_CALLS: Final = ("calls", "voice", "chat", "in", "out", "voice minutes", "chat minutes", "average")
_RUNS: Final = ("runs", "succeeded", "failed", "live")
_MEASURES: Final = {
    "calls": ("total_calls", "calls"),
    "voice": ("voice_minutes", "voice minutes"),
    "chat": ("chat_minutes", "chat minutes"),
    "runs": ("workflow_runs_total", "runs"),
}
"""By order: the field of the summary and its name in the table."""


@click.command()
@click.option("--org", "org_id", required=True, help="The organization's id.")
@options(
    WINDOW,
    {
        "by": "Split by: agent, number, widget, channel, modality, direction, status, workflow, run_status, or "
        "organization (with those below it).",
        **SPLIT,
        "limit": "Maximum number of rows, 1 to 1000. Default: 50.",
        "interval": "Add a series to each row of the JSON output: day, week or month.",
    },
    COMPARE,
    VALUE_FILTER,
    {"search": "Only values whose id or name contains this text."},
)
@click.option("--json", "as_json", is_flag=True, help="Print the API's response as JSON.")
def breakdown(org_id: str, as_json: bool, **flags: str | None) -> None:
    """Show usage split by one dimension, largest first, with the total."""
    from talkmeter.usage.breakdown import read_breakdown
    from talkmeter.usage.breakdown_query import breakdown_query
    from talkmeter.usage.dimensions import BREAKDOWNS
    from talkmeter.usage.filtered_summary import read_any_summary
    from talkmeter.usage.parameters import read_breakdown_options
    from talkmeter.usage.subtree import with_members
    from talkmeter.usage.summary import summary_query

    parameters = parameters_of(flags)
    split = read_breakdown_options(parameters, BREAKDOWNS)
    with open_snapshot(org_id) as snapshot:
        window = window_of(parameters, snapshot.present)
        query, revision = with_members(snapshot.connection, breakdown_query(org_id, window, snapshot.present, split))
        answer = read_breakdown(snapshot.connection, query, revision, key=snapshot.database_id)
        of_total = summary_query(org_id, window, snapshot.present, split.mode, split.filter, subtree=query.subtree)
        total = read_any_summary(snapshot.connection, *with_members(snapshot.connection, of_total))
    if as_json:
        print_json(answer)
        return
    print_window(org_id, answer.from_, answer.to)
    _print(answer, total)
    if answer.comparison is not None:
        now, then = answer.comparison.now, answer.comparison.then
        click.echo(f"Change: {now.from_} to {now.to} compared with {then.from_} to {then.to}.")
    elif split.mode != "none":
        print_nothing_to_compare()


class _Line(NamedTuple):
    """A line of the table: one value, all others, or the total."""

    label: str
    share: float
    figures: tuple[str, ...]
    comparison: "Deltas | None"


def _print(answer: "CallBreakdown | RunBreakdown", total: "AnySummary") -> None:
    measure, name = _MEASURES[answer.order]
    lines = list(_lines(answer))
    if not lines:
        click.echo(f"There are no {name if answer.order == 'runs' else 'calls'} in this window.")
        return
    total_share = 1.0 if getattr(total, measure) else 0.0
    figures = _total_cells(answer, total)
    lines.append(_Line("total", total_share, figures, None if total.comparison is None else total.comparison.figures))
    head = (answer.by, f"share of {name}", *(_RUNS if answer.order == "runs" else _CALLS))
    if answer.comparison is None:
        table = [(line.label, f"{line.share:.2%}", *line.figures) for line in lines]
    else:
        head = (*head, f"change in {name}")
        table = [(line.label, f"{line.share:.2%}", *line.figures, _change(line.comparison, measure)) for line in lines]
    print_table(head, table, numbers=head[1:])


def _total_cells(answer: "CallBreakdown | RunBreakdown", total: "AnySummary") -> tuple[str, ...]:
    from talkmeter.usage.filtered_summary import CallSummary, RunSummary

    if isinstance(total, CallSummary):
        return _call_cells(total)
    return _run_cells(total) if isinstance(total, RunSummary) or answer.order == "runs" else _call_cells(total)


def _lines(answer: "CallBreakdown | RunBreakdown") -> "Iterator[_Line]":
    """Yield the rows, then the others if there are any in either window."""
    from talkmeter.usage.breakdown_answers import CallBreakdown

    others = answer.others
    if isinstance(answer, CallBreakdown):
        for call in answer.rows:
            yield _Line(_label(answer.by, call), call.share, _call_cells(call), call.comparison)
        rest = _call_cells(answer.others)
    else:
        for run in answer.rows:
            yield _Line(_label(answer.by, run), run.share, _run_cells(run), run.comparison)
        rest = _run_cells(answer.others)
    if others.values or _existed_before(others):
        yield _Line(_label_of_others(others), others.share, rest, others.comparison)


def _call_cells(row: "CallFigures | Summary") -> tuple[str, ...]:
    counts = (row.total_calls, row.voice_calls, row.chat_calls, row.inbound_calls, row.outbound_calls)
    average = f"{row.avg_call_duration_sec:,.1f} s" if row.timed_calls else "-"
    return (*(f"{count:,}" for count in counts), f"{row.voice_minutes:,.2f}", f"{row.chat_minutes:,.2f}", average)


def _run_cells(row: "RunFigures | Summary") -> tuple[str, ...]:
    counts = (row.workflow_runs_total, row.workflow_runs_success, row.workflow_runs_failed, row.live_runs)
    return tuple(f"{count:,}" for count in counts)


def _label(by: str, row: "CallRow | RunRow") -> str:
    if row.value is None:
        return f"(no {by})"
    return f"{row.name} ({row.value})" if row.name else row.value


def _label_of_others(others: "OtherCalls | OtherRuns") -> str:
    if others.values == 0:
        return "(only before)"
    return "1 other" if others.values == 1 else f"{others.values:,} others"


def _existed_before(others: "OtherCalls | OtherRuns") -> bool:
    """Return whether the others have usage in the earlier window."""
    return others.comparison is not None and any(delta.then for delta in others.comparison.values())


def _change(deltas: "Deltas | None", measure: str) -> str:
    """Return the change in percent, or the earlier figure, such as `from 0`, if a percentage would mean nothing."""
    delta: Delta | None = None if deltas is None else deltas[measure]
    if delta is None or delta.now == delta.then == 0:
        return "-"
    digits = 2 if measure.endswith("minutes") else 0
    return percentage(delta.change_percent) or f"from {delta.then:,.{digits}f}"
