"""`talkmeter records`: the records behind a figure, or the history of one record."""

from typing import TYPE_CHECKING

import click

from talkmeter.cli.query import (
    FILTER,
    WINDOW,
    open_snapshot,
    option_of,
    options,
    parameters_of,
    print_json,
    print_window,
    window_of,
)
from talkmeter.cli.tables import print_table
from talkmeter.errors import OperationFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talkmeter.records import RecordKey
    from talkmeter.usage.history import History
    from talkmeter.usage.records import CallRecords, Records, RunRecords


@click.command()
@click.option("--org", "org_id", required=True, help="The organization's id.")
@click.option("--id", "record_id", help="Show the history of this record instead.")
@options(
    {
        "kind": "conversation (default) or workflow_execution; "
        "with --id also agent, phone_number, web_widget or dataset."
    },
    WINDOW,
    FILTER,
    {
        "limit": "Maximum number of rows, 1 to 1000. Default: 50.",
        "cursor": "Show the next page: the cursor that the previous page printed.",
    },
)
@click.option("--json", "as_json", is_flag=True, help="Print the API's response as JSON.")
def records(org_id: str, record_id: str | None, as_json: bool, **flags: str | None) -> None:
    """List the records behind a figure, newest first, with their totals; or show the history of one record."""
    parameters = {"kind": "conversation", **parameters_of(flags)}
    if record_id is not None:
        key = _key_of(record_id, parameters)
        _show_history(org_id, key, as_json=as_json)
        return
    from talkmeter.usage.parameters import cut_to_day, read_filter, read_limit
    from talkmeter.usage.records import CallRecords, read_records

    filter_, limit = read_filter(parameters), read_limit(parameters)
    with open_snapshot(org_id) as snapshot:
        answer = read_records(
            snapshot.connection,
            org_id,
            cut_to_day(window_of(parameters, snapshot.present), parameters),
            filter_,
            snapshot.revision,
            snapshot.present,
            key=snapshot.database_id,
            limit=limit,
            cursor=parameters.get("cursor"),
        )
    if as_json:
        print_json(answer)
        return
    print_window(org_id, answer.from_, answer.to)
    if answer.records_from is not None:
        click.echo(f"Records before {answer.records_from} were deleted and are not listed; their daily totals stay.")
    if answer.changed:
        click.echo("The data has changed since the first page; start again without --cursor to see the changes.")
    if not answer.records:
        click.echo("No records match.")
    elif isinstance(answer, CallRecords):
        _print_calls(answer)
    else:
        _print_runs(answer)
    _print_next_page(answer)


def _print_calls(answer: "CallRecords") -> None:
    head = ("created", "id", "status", "channel", "direction", "modality", "agent", "number", "widget", "duration")
    rows = [
        (
            *(call.created_at, call.id, call.status + (", silent" if call.stale else "")),
            *(call.channel, call.direction, call.modality),
            *(call.agent_id or "-", call.agent_number or "-", call.web_widget_id or "-"),
            "-" if call.duration_ms is None else f"{call.duration_ms / 1000:,.3f} s",
        )
        for call in answer.records
    ]
    print_table(head, rows, numbers=("duration",))
    if answer.totals is not None:
        totals = answer.totals
        click.echo(
            f"{totals.total_calls:,} calls ({totals.inbound_calls:,} in, {totals.outbound_calls:,} out; "
            f"{totals.timed_calls:,} with a duration): {totals.voice_duration_ms:,} ms voice = "
            f"{totals.voice_minutes:,.2f} minutes, {totals.chat_duration_ms:,} ms chat = "
            f"{totals.chat_minutes:,.2f} minutes"
        )


def _print_runs(answer: "RunRecords") -> None:
    head = ("created", "id", "status", "workflow")
    rows = [(run.created_at, run.id, run.status, run.workflow_id or "-") for run in answer.records]
    print_table(head, rows)
    if answer.totals is not None:
        totals = answer.totals
        click.echo(
            f"{totals.workflow_runs_total:,} runs: {totals.workflow_runs_success:,} succeeded, "
            f"{totals.workflow_runs_failed:,} failed"
        )


def _print_next_page(answer: "Records") -> None:
    if answer.next_cursor is not None:
        click.echo(
            f"{len(answer.records):,} shown; for the next page repeat the command with --cursor {answer.next_cursor}"
        )


def _key_of(record_id: str, parameters: "Mapping[str, str]") -> "RecordKey":
    """Return the key of a record. Raises OperationFailed if the id is invalid or options for lists are given too."""
    from talkmeter.ingest.fields import FieldError, read_id
    from talkmeter.records import RecordKey
    from talkmeter.usage.parameters import read_record_kind

    list_options = [option_of(name) for name in parameters if name != "kind"]
    if list_options:
        raise OperationFailed(
            f"--id shows one record and cannot be combined with {', '.join(list_options)}; leave out one or the other."
        )
    try:
        return RecordKey(read_record_kind(parameters["kind"]), read_id("The id", record_id))
    except FieldError as error:
        raise OperationFailed(error.detail) from None


def _show_history(org_id: str, key: "RecordKey", *, as_json: bool) -> None:
    from talkmeter.usage.history import read_history

    with open_snapshot(org_id) as snapshot:
        answer = read_history(snapshot.connection, org_id, key, snapshot.settings.history_days)
    if as_json:
        print_json(answer)
    else:
        _print_history(answer)


def _print_history(answer: "History") -> None:
    from msgspec.structs import asdict

    click.echo(f"{answer.kind} {answer.id}: the states received, highest rank first; only the first counts")
    if answer.linked_to is not None:
        click.echo(f"Linked to {answer.linked_to}, which is the same call and is counted instead.")
    if answer.linked:
        click.echo(f"The same call was also received as {', '.join(answer.linked)}, which is not counted.")
    for state in answer.states:
        click.echo(f"\n{'counts' if state.wins else 'does not count'}: {state.why}")
        event = state.event
        sequence = f", sequence {event.sequence}" if event.sequence else ""
        click.echo(f"  event    {event.id} of {event.source}, {event.time}{sequence}; received {state.stored_at}")
        fields = {} if state.record is None else asdict(state.record)
        values = ", ".join(f"{name} {_format(value)}" for name, value in fields.items() if value is not None)
        click.echo(f"  {state.state:<8} {values or 'the record is deleted'}")
        if state.adds:
            click.echo("  adds     " + ", ".join(f"{amount:,} {name}" for name, amount in state.adds.items()))
    if answer.history_days == 0:
        click.echo("\nHistory is off (TALKMETER_HISTORY_DAYS=0): only the state that counts is kept.")
    elif answer.history_days is not None:
        click.echo(f"\nStates that do not count are kept for {answer.history_days:,} days (TALKMETER_HISTORY_DAYS).")


def _format(value: str | int) -> str:
    """Return a flag as yes or no, anything else as text."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
