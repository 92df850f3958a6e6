"""`talkmeter breakdown`: what drives the usage, in the terminal."""

from typing import TYPE_CHECKING, Final, NamedTuple

import click

from talkmeter.cli.query import (
    COMPARE,
    SPLIT,
    WINDOW,
    asking,
    options,
    parameters_of,
    percentage,
    print_json,
    print_nothing_to_compare,
    print_table,
    window_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talkmeter.usage.breakdown import CallBreakdown, CallRow, OtherCalls, OtherRuns, RunBreakdown, RunRow
    from talkmeter.usage.compare import Delta, Deltas
    from talkmeter.usage.figures import CallFigures, RunFigures
    from talkmeter.usage.summary import Summary

_CALLS: Final = ("calls", "voice", "chat", "in", "out", "voice minutes", "chat minutes", "average")
_RUNS: Final = ("runs", "succeeded", "failed", "live")
_MEASURES: Final = {
    "calls": ("total_calls", "calls"),
    "voice": ("voice_minutes", "voice minutes"),
    "chat": ("chat_minutes", "chat minutes"),
    "runs": ("workflow_runs_total", "runs"),
}
"""The figure of each order, and what it is called here."""


@click.command()
@click.option("--org", "org_id", required=True, help="The organization.")
@options(
    WINDOW,
    {
        "by": "What to split by: agent, number, widget, channel, modality, direction, status, workflow or run_status.",
        **SPLIT,
        "limit": "Most rows, 1 to 1000; default 50.",
        "interval": "Gives each row a series in the JSON answer: day, week or month.",
    },
    COMPARE,
)
@click.option("--json", "as_json", is_flag=True, help="The API's answer as JSON.")
def breakdown(org_id: str, as_json: bool, **given: str | None) -> None:
    """Show an organization's usage split by one dimension, the greatest first, and what all of it comes to."""
    from talkmeter.usage.breakdown import read_breakdown
    from talkmeter.usage.parameters import read_split
    from talkmeter.usage.summary import read_summary

    parameters = parameters_of(given)
    split = read_split(parameters)
    with asking(org_id) as asked:
        window = window_of(parameters, asked.present)
        answer = read_breakdown(asked.connection, org_id, window, split, asked.present)
        total = read_summary(asked.connection, org_id, window, asked.revision, asked.present, split.mode)
    if as_json:
        print_json(answer)
        return
    click.echo(f"{org_id}, {answer.from_} to {answer.to} (UTC, end excluded)")
    _print(answer, total)
    if answer.comparison is not None:
        now, then = answer.comparison.now, answer.comparison.then
        click.echo(f"Change: {now.from_} to {now.to} against {then.from_} to {then.to}.")
    elif split.mode != "none":
        print_nothing_to_compare()


class _Line(NamedTuple):
    """A line of the table: what one value, all others or all together come to."""

    label: str
    share: float
    figures: tuple[str, ...]
    comparison: "Deltas | None"


def _print(answer: "CallBreakdown | RunBreakdown", total: "Summary") -> None:
    measure, name = _MEASURES[answer.order]
    lines = list(_lines(answer))
    if not lines:
        click.echo(f"There are no {name if answer.order == 'runs' else 'calls'} in this window.")
        return
    whole = 1.0 if getattr(total, measure) else 0.0
    figures = _run_cells(total) if answer.order == "runs" else _call_cells(total)
    lines.append(_Line("total", whole, figures, None if total.comparison is None else total.comparison.figures))
    head = (answer.by, f"share of {name}", *(_RUNS if answer.order == "runs" else _CALLS))
    if answer.comparison is None:
        table = [(line.label, f"{line.share:.2%}", *line.figures) for line in lines]
    else:
        head = (*head, f"change in {name}")
        table = [(line.label, f"{line.share:.2%}", *line.figures, _change(line.comparison, measure)) for line in lines]
    print_table(head, table, numbers_from=1)


def _lines(answer: "CallBreakdown | RunBreakdown") -> "Iterator[_Line]":
    """The rows, and all others where there are any, or were before."""
    from talkmeter.usage.breakdown import CallBreakdown

    others = answer.others
    if isinstance(answer, CallBreakdown):
        for call in answer.rows:
            yield _Line(_label(answer.by, call), call.share, _call_cells(call), call.comparison)
        rest = _call_cells(answer.others)
    else:
        for run in answer.rows:
            yield _Line(_label(answer.by, run), run.share, _run_cells(run), run.comparison)
        rest = _run_cells(answer.others)
    if others.values or _were_there(others):
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


def _were_there(others: "OtherCalls | OtherRuns") -> bool:
    """Whether values that the window has none of had some in the earlier window."""
    return others.comparison is not None and any(delta.then for delta in others.comparison.values())


def _change(deltas: "Deltas | None", measure: str) -> str:
    """The change in percent; where there was nothing before, that."""
    delta: Delta | None = None if deltas is None else deltas[measure]
    if delta is None or delta.now == delta.then == 0:
        return "-"
    return percentage(delta.change_percent) or "from 0"
