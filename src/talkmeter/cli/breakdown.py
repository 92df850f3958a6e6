"""`talkmeter breakdown`: what drives the usage, in the terminal."""

from typing import TYPE_CHECKING

import click

from talkmeter.cli.asking import (
    COMPARE,
    SPLIT,
    WINDOW,
    asking,
    options,
    parameters_of,
    print_json,
    print_table,
    window_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talkmeter.usage.breakdown import Breakdown, CallBreakdown, OtherCalls, OtherRuns, RunBreakdown
    from talkmeter.usage.compare import Deltas
    from talkmeter.usage.figures import CallFigures, RunFigures


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
    """Show an organization's usage split by one dimension, the greatest first."""
    from talkmeter.usage.breakdown import CallBreakdown, read_breakdown
    from talkmeter.usage.questions import read_split

    parameters = parameters_of(given)
    split = read_split(parameters)
    with asking(org_id) as asked:
        window = window_of(parameters, asked.present)
        answer = read_breakdown(asked.connection, org_id, window, split, asked.present)
    if as_json:
        print_json(answer)
        return
    click.echo(f"{org_id}, {answer.from_} to {answer.to} (UTC, end excluded)")
    if answer.comparison is not None:
        now, then = answer.comparison.now, answer.comparison.then
        click.echo(f"Change: {now.from_} to {now.to} against {then.from_} to {then.to}")
    if isinstance(answer, CallBreakdown):
        _print_calls(answer)
    else:
        _print_runs(answer)


def _print_calls(answer: "CallBreakdown") -> None:
    head = ("calls", "voice", "chat", "in", "out", "voice minutes", "chat minutes", "average")

    def figures(row: "CallFigures") -> tuple[str, ...]:
        calls = (row.total_calls, row.voice_calls, row.chat_calls, row.inbound_calls, row.outbound_calls)
        average = f"{row.avg_call_duration_sec:,.1f} s"
        return (*(f"{count:,}" for count in calls), f"{row.voice_minutes:,.2f}", f"{row.chat_minutes:,.2f}", average)

    measure = {"calls": "total_calls", "voice": "voice_minutes", "chat": "chat_minutes"}[answer.order]
    rows = [(_label(answer, row.value, row.name), row.share, row.comparison, figures(row)) for row in answer.rows]
    _print(answer, head, measure, [*rows, _rest(answer.others, figures(answer.others))])


def _print_runs(answer: "RunBreakdown") -> None:
    def figures(row: "RunFigures") -> tuple[str, ...]:
        counts = (row.workflow_runs_total, row.workflow_runs_success, row.workflow_runs_failed)
        return tuple(f"{count:,}" for count in counts)

    rows = [(_label(answer, row.value, row.name), row.share, row.comparison, figures(row)) for row in answer.rows]
    head = ("runs", "succeeded", "failed")
    _print(answer, head, "workflow_runs_total", [*rows, _rest(answer.others, figures(answer.others))])


_Row = tuple[str, float, "Deltas | None", tuple[str, ...]]


def _rest(others: "OtherCalls | OtherRuns", figures: tuple[str, ...]) -> "_Row":
    return f"{others.values:,} others", others.share, others.comparison, figures


def _label(answer: "Breakdown", value: str | None, name: str | None) -> str:
    if value is None:
        return f"(no {answer.by})"
    return f"{name} ({value})" if name else value


def _print(answer: "Breakdown", head: "Sequence[str]", measure: str, rows: "Sequence[_Row]") -> None:
    compared = ["change"] if answer.comparison is not None else []
    table = [
        (label, f"{share:.2%}", *figures, *([_change(deltas, measure)] if deltas is not None else []))
        for label, share, deltas, figures in rows
        if label != "0 others"
    ]
    print_table((answer.by, "share", *head, *compared), table, numbers_from=1)


def _change(deltas: "Deltas", measure: str) -> str:
    percent = deltas[measure].change_percent
    return "-" if percent is None else f"{percent:+,.1f} %"
