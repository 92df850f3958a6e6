"""`talkmeter summary`: the figures of the Usage page."""

from typing import TYPE_CHECKING

import click

from talkmeter.cli.query import (
    COMPARE,
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
    from talkmeter.usage.compare import Comparison


@click.command()
@click.option("--org", "org_id", required=True, help="The organization's id.")
@options(WINDOW, COMPARE)
@click.option("--json", "as_json", is_flag=True, help="Print the API's response as JSON.")
def summary(org_id: str, as_json: bool, **flags: str | None) -> None:
    """Show an organization's usage summary."""
    from talkmeter.usage.parameters import read_mode
    from talkmeter.usage.summary import read_summary, summary_query

    parameters = parameters_of(flags)
    mode = read_mode(parameters)
    with open_snapshot(org_id) as snapshot:
        window = window_of(parameters, snapshot.present)
        answer = read_summary(
            snapshot.connection, summary_query(org_id, window, snapshot.present, mode), snapshot.revision
        )
    if as_json:
        print_json(answer)
        return
    numbers = f" ({answer.shared_phone_numbers} on the shared pool)" if answer.shared_phone_numbers else ""
    average_minutes, average_seconds = divmod(int(answer.avg_call_duration_sec + 0.5), 60)
    calls = f"{answer.total_calls:,}: {answer.inbound_calls:,} in, {answer.outbound_calls:,} out"
    runs = f"{answer.workflow_runs_success:,} succeeded, {answer.workflow_runs_failed:,} failed"
    phones = f"{answer.total_phone_numbers:,} phone numbers{numbers}"
    datasets = f"{answer.total_datasets:,} knowledge bases ({answer.active_datasets:,} active)"
    fields = (
        (org_id, f"{answer.from_} to {answer.to} (UTC, end excluded)"),
        ("Voice minutes", f"{answer.voice_minutes:,.2f} in {answer.voice_calls:,} voice calls"),
        ("Chat minutes", f"{answer.chat_minutes:,.2f} in {answer.chat_calls:,} sessions"),
        ("Total calls", f"{calls}, {average_minutes}m {average_seconds:02}s on average"),
        ("Workflow runs", f"{answer.workflow_runs_total:,}: {runs}"),
        (
            "Inventory now",
            f"{answer.total_agents:,} agents, {phones}, {answer.total_web_widgets:,} chat widgets, {datasets}",
        ),
        ("Newest event", f"stored {answer.last_event_at}" if answer.last_event_at else "none yet"),
    )
    print_fields(fields)
    if answer.comparison is not None:
        _print_comparison(answer.comparison)
    elif mode != "none":
        print_nothing_to_compare()


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
        delta = comparison.figures[name]
        digits = 2 if name.endswith("minutes") else 0
        percent = percentage(delta.change_percent)
        change = f" ({percent})" if percent else ""
        fields.append((label, f"{delta.now:,.{digits}f}, previously {delta.then:,.{digits}f}{change}"))
    print_fields(fields)
