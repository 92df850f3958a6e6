"""`talkmeter records`: the records behind a number, and the history of one, in the terminal."""

from typing import TYPE_CHECKING

import click

from talkmeter.cli.query import (
    FILTER,
    WINDOW,
    asking,
    option_of,
    options,
    parameters_of,
    print_json,
    print_table,
    window_of,
)
from talkmeter.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talkmeter.records import RecordKey
    from talkmeter.usage.history import History
    from talkmeter.usage.records import CallRecords, Records, RunRecords


@click.command()
@click.option("--org", "org_id", required=True, help="The organization.")
@click.option("--id", "record_id", help="The history of this one record instead.")
@options(
    {
        "kind": "conversation (default) or workflow_execution; "
        "with --id also agent, phone_number, web_widget or dataset."
    },
    WINDOW,
    FILTER,
    {"limit": "Most rows, 1 to 1000; default 50.", "cursor": "The next page, as the page before printed it."},
)
@click.option("--json", "as_json", is_flag=True, help="The API's answer as JSON.")
def records(org_id: str, record_id: str | None, as_json: bool, **given: str | None) -> None:
    """List the records behind a figure, newest first, with what they add up to; or show the history of one."""
    parameters = {"kind": "conversation", **parameters_of(given)}
    if record_id is not None:
        key = _key_of(record_id, parameters)
        _show_history(org_id, key, as_json=as_json)
        return
    from talkmeter.usage.parameters import cut_to_day, read_filter, read_limit
    from talkmeter.usage.records import CallRecords, read_records

    wanted, limit = read_filter(parameters), read_limit(parameters)
    with asking(org_id) as asked:
        answer = read_records(
            asked.connection,
            org_id,
            cut_to_day(window_of(parameters, asked.present), parameters),
            wanted,
            asked.revision,
            asked.present,
            key=asked.database_id,
            limit=limit,
            cursor=parameters.get("cursor"),
        )
    if as_json:
        print_json(answer)
        return
    click.echo(f"{org_id}, {answer.from_} to {answer.to} (UTC, end excluded)")
    if answer.changed:
        click.echo("Something has changed since the first page: begin again to see it.")
    if not answer.records:
        click.echo("No record matches.")
    elif isinstance(answer, CallRecords):
        _print_calls(answer)
    else:
        _print_runs(answer)
    _print_end(answer)


def _print_calls(answer: "CallRecords") -> None:
    head = ("created", "id", "status", "channel", "direction", "modality", "agent", "number", "widget", "duration")
    rows = [
        (
            *(one.created_at, one.id, one.status + (", silent" if one.stale else "")),
            *(one.channel, one.direction, one.modality),
            *(one.agent_id or "-", one.agent_number or "-", one.web_widget_id or "-"),
            "-" if one.duration_ms is None else f"{one.duration_ms / 1000:,.3f} s",
        )
        for one in answer.records
    ]
    print_table(head, rows, numbers_from=len(head) - 1)
    if answer.totals is not None:
        sums = answer.totals
        click.echo(
            f"{sums.total_calls:,} calls ({sums.inbound_calls:,} in, {sums.outbound_calls:,} out; "
            f"{sums.timed_calls:,} with a duration): {sums.voice_duration_ms:,} ms voice = "
            f"{sums.voice_minutes:,.2f} minutes, {sums.chat_duration_ms:,} ms chat = {sums.chat_minutes:,.2f} minutes"
        )


def _print_runs(answer: "RunRecords") -> None:
    head = ("created", "id", "status", "workflow")
    rows = [(one.created_at, one.id, one.status, one.workflow_id or "-") for one in answer.records]
    print_table(head, rows, numbers_from=len(head))
    if answer.totals is not None:
        sums = answer.totals
        click.echo(
            f"{sums.workflow_runs_total:,} runs: {sums.workflow_runs_success:,} succeeded, "
            f"{sums.workflow_runs_failed:,} failed"
        )


def _print_end(answer: "Records") -> None:
    shown = len(answer.records)
    if answer.next_cursor is not None:
        click.echo(f"{shown:,} shown; the next page: the same command with --cursor {answer.next_cursor}")


def _key_of(record_id: str, parameters: "Mapping[str, str]") -> "RecordKey":
    """The record of an id. Refused where the id can be none, or what narrows a list is given too."""
    from talkmeter.ingest.fields import FieldError, read_id
    from talkmeter.records import RecordKey
    from talkmeter.usage.parameters import read_record_kind

    others = [option_of(name) for name in parameters if name != "kind"]
    if others:
        raise Refused(f"--id shows one record whatever its window: leave out {', '.join(others)}, or --id for a list.")
    try:
        return RecordKey(read_record_kind(parameters["kind"]), read_id("The id", record_id))
    except FieldError as error:
        raise Refused(error.detail) from None


def _show_history(org_id: str, key: "RecordKey", *, as_json: bool) -> None:
    from talkmeter.usage.history import read_history

    with asking(org_id) as asked:
        answer = read_history(asked.connection, org_id, key, asked.settings.history_days)
    if as_json:
        print_json(answer)
    else:
        _print_history(answer)


def _print_history(answer: "History") -> None:
    from msgspec.structs import asdict

    click.echo(f"{answer.kind} {answer.id}: of the states received, the one that ranks highest counts")
    if answer.linked_to is not None:
        click.echo(f"It is another side of a call that is counted as {answer.linked_to}, and adds nothing.")
    if answer.linked:
        click.echo(f"The same call was also told of as {', '.join(answer.linked)}, which adds nothing.")
    for state in answer.states:
        click.echo(f"\n{'counts' if state.wins else 'does not count'}: {state.why}")
        event = state.event
        sequence = f", sequence {event.sequence}" if event.sequence else ""
        click.echo(f"  event    {event.id} of {event.source}, {event.time}{sequence}; arrived {state.stored_at}")
        fields = {} if state.record is None else asdict(state.record)
        told = ", ".join(f"{name} {_word(value)}" for name, value in fields.items() if value is not None)
        click.echo(f"  {state.state:<8} {told or 'tells that the record is deleted'}")
        if state.adds:
            click.echo("  adds     " + ", ".join(f"{amount:,} {name}" for name, amount in state.adds.items()))
    if answer.history_days == 0:
        click.echo("\nHistory is off (TALKMETER_HISTORY_DAYS=0): states that do not count are not kept.")
    elif answer.history_days is not None:
        click.echo(f"\nStates that do not count are kept for {answer.history_days:,} days (TALKMETER_HISTORY_DAYS).")


def _word(value: str | int) -> str:
    """A flag in words; anything else as it is."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
