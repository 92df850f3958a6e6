"""`talkmeter summary`: the figures of the Usage page."""

from typing import TYPE_CHECKING

import click

from talkmeter.cli.query import (
    COMPARE,
    VALUE_FILTER,
    WINDOW,
    open_snapshot,
    options,
    parameters_of,
    percentage,
    print_json,
    print_nothing_to_compare,
    window_of,
)
from talkmeter.cli.tables import print_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from talkmeter.usage.compare import Comparison
    from talkmeter.usage.filtered_summary import AnySummary


@click.command()
@click.option("--org", "org_id", required=True, help="The organization's id.")
@options(WINDOW, COMPARE, VALUE_FILTER)
@click.option("--subtree", is_flag=True, help="Add the usage of all organizations below it.")
@click.option("--json", "as_json", is_flag=True, help="Print the API's response as JSON.")
def summary(org_id: str, subtree: bool, as_json: bool, **flags: str | None) -> None:
    """Show an organization's usage summary, of everything or of one agent, number, widget, channel or workflow."""
    from talkmeter.usage.filtered_summary import read_any_summary
    from talkmeter.usage.parameters import read_mode, read_value_filter
    from talkmeter.usage.subtree import with_members
    from talkmeter.usage.summary import summary_query

    parameters = parameters_of(flags)
    mode, filter_ = read_mode(parameters), read_value_filter(parameters)
    with open_snapshot(org_id) as snapshot:
        window = window_of(parameters, snapshot.present)
        query = summary_query(org_id, window, snapshot.present, mode, filter_, subtree=subtree)
        query, revision = with_members(snapshot.connection, query)
        answer = read_any_summary(snapshot.connection, query, revision)
    if as_json:
        print_json(answer)
        return
    print_fields([(org_id, f"{answer.from_} to {answer.to} (UTC, end excluded)"), *_fields(answer)])
    if answer.comparison is not None:
        _print_comparison(answer.comparison)
    elif mode != "none":
        print_nothing_to_compare()


def _fields(answer: "AnySummary") -> "Iterator[tuple[str, str]]":
    """Yield the figures that the answer has, with their labels."""
    from talkmeter.usage.filtered_summary import CallSummary, RunSummary
    from talkmeter.usage.summary import Summary

    if isinstance(answer, CallSummary | RunSummary):
        applied = answer.filter
        value = f"{applied.name} ({applied.value})" if applied.name else applied.value
        yield applied.by.capitalize(), value or "none"
    if isinstance(answer, Summary | CallSummary):
        minutes, seconds = divmod(int(answer.avg_call_duration_sec + 0.5), 60)
        calls = f"{answer.total_calls:,}: {answer.inbound_calls:,} in, {answer.outbound_calls:,} out"
        yield "Voice minutes", f"{answer.voice_minutes:,.2f} in {answer.voice_calls:,} voice calls"
        yield "Chat minutes", f"{answer.chat_minutes:,.2f} in {answer.chat_calls:,} sessions"
        yield "Total calls", f"{calls}, {minutes}m {seconds:02}s on average"
    if isinstance(answer, Summary | RunSummary):
        runs = f"{answer.workflow_runs_success:,} succeeded, {answer.workflow_runs_failed:,} failed"
        yield "Workflow runs", f"{answer.workflow_runs_total:,}: {runs}"
    if isinstance(answer, Summary):
        shared = f" ({answer.shared_phone_numbers} on the shared pool)" if answer.shared_phone_numbers else ""
        phones = f"{answer.total_phone_numbers:,} phone numbers{shared}"
        datasets = f"{answer.total_datasets:,} knowledge bases ({answer.active_datasets:,} active)"
        widgets = f"{answer.total_web_widgets:,} chat widgets"
        yield "Inventory now", f"{answer.total_agents:,} agents, {phones}, {widgets}, {datasets}"
    yield "Newest event", f"stored {answer.last_event_at}" if answer.last_event_at else "none yet"


def _print_comparison(comparison: "Comparison") -> None:
    now, then = comparison.now, comparison.then
    click.echo(f"\n{now.from_} to {now.to} compared with {then.from_} to {then.to}:")
    labels = {
        "voice_minutes": "Voice minutes",
        "chat_minutes": "Chat minutes",
        "total_calls": "Total calls",
        "workflow_runs_total": "Workflow runs",
    }
    fields = []
    for name, label in labels.items():
        if name not in comparison.figures:
            continue
        delta = comparison.figures[name]
        digits = 2 if name.endswith("minutes") else 0
        percent = percentage(delta.change_percent)
        change = f" ({percent})" if percent else ""
        fields.append((label, f"{delta.now:,.{digits}f}, previously {delta.then:,.{digits}f}{change}"))
    print_fields(fields)
