"""The records behind a figure: the matching records of a window, newest first, with the contribution of each."""

from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta
from sqlalchemy import Connection

from talkmeter.counting import counts_of
from talkmeter.ledger.rows import StoredState
from talkmeter.period import InstantText, Present, Window, format_instant
from talkmeter.records import (
    LIVE_RUN_STATUSES,
    LIVE_STATUSES,
    Conversation,
    Kind,
    Record,
    State,
    WorkflowExecution,
)
from talkmeter.usage.cursor import Position, read_cursor, write_cursor
from talkmeter.usage.figures import CallFigures, RunFigures, call_figures, exact_figures, run_figures
from talkmeter.usage.filters import Filter, created_at, iterate_records, matching_days, sum_records
from talkmeter.usage.names import CallNames, read_call_names
from talkmeter.usage.revision import Revision

RECORDS: Final = 50
MAX_RECORDS: Final = 1_000

Adds = Annotated[dict[str, int], Meta(description="Its exact contribution to each figure; empty if it is not counted.")]
Stored = Annotated[InstantText, Meta(description="When the winning state was stored.")]


class EventReference(msgspec.Struct, frozen=True):
    """The event of a state."""

    source: str
    id: str
    time: InstantText
    sequence: int


class CallRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation in its winning state."""

    id: str
    created_at: InstantText
    status: str
    channel: str
    direction: str
    modality: str
    agent_id: str | None
    agent_number: str | None
    web_widget_id: str | None
    duration_ms: int | None
    live: bool
    stale: Annotated[bool, Meta(description="Live, not email, and without an event for TALKMETER_STALE_HOURS.")]
    adds: Adds
    event: EventReference
    stored_at: Stored


class RunRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow run in its winning state."""

    id: str
    created_at: InstantText
    status: str
    workflow_id: str | None
    live: bool
    adds: Adds
    event: EventReference
    stored_at: Stored


class _Records(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """The common fields of a page of records."""

    kind: Kind
    from_: Annotated[InstantText, Meta(description="Start of the window, inclusive (UTC).")]
    to: Annotated[InstantText, Meta(description="End of the window, exclusive (UTC).")]
    next_cursor: Annotated[str | None, Meta(description="The cursor of the next page; null: this is the last page.")]
    changed: Annotated[bool, Meta(description="Whether the organization's usage changed since the first page.")]


class CallRecords(_Records, frozen=True, kw_only=True):
    """A page of conversations, newest first; `totals` is the sum of all matches, on the first page only."""

    records: list[CallRecord]
    names: CallNames
    totals: CallFigures | None


class RunRecords(_Records, frozen=True, kw_only=True):
    """A page of workflow runs, newest first; `totals` is the sum of all matches, on the first page only."""

    records: list[RunRecord]
    totals: RunFigures | None


Records = CallRecords | RunRecords


def read_records(  # noqa: PLR0913  a page depends on all of these
    connection: Connection,
    org_id: str,
    window: Window,
    filter_: Filter,
    revision: Revision,
    present: Present,
    *,
    key: str,
    limit: int = RECORDS,
    cursor: str | None = None,
) -> Records:
    """Return a page of records; `key` signs cursors. Raises Unprocessable if the cursor is not valid for the query."""
    query = (org_id, "records", *window, *filter_)
    position = None if cursor is None else read_cursor(cursor, key, query)
    if position is not None and filter_.stale is not None:
        # All pages use the same time to decide which conversations are stale.
        present = present._replace(stale_before=position.stale_before)
    days = matching_days(connection, org_id, window, filter_)
    found: list[StoredState] = []
    for stored in iterate_records(
        connection, org_id, window, filter_, present, after=position, days=days, block=limit + 1
    ):
        found.append(stored)
        if len(found) > limit:
            break
    first_revision = revision.revision if position is None else position.revision
    next_cursor = None
    if len(found) > limit:
        last = found[limit - 1].state
        stale_before = 0 if filter_.stale is None else present.stale_before
        next_cursor = write_cursor(Position(created_at(last), last.id, first_revision, stale_before), key, query)
    total = sum_records(connection, org_id, window, filter_, present, days) if position is None else None
    head: dict[str, Any] = {
        "kind": filter_.kind,
        "from_": format_instant(window.start),
        "to": format_instant(window.end),
        "next_cursor": next_cursor,
        "changed": first_revision != revision.revision,
    }
    shown = found[:limit]
    if filter_.kind is Kind.CONVERSATION:
        return CallRecords(
            **head,
            records=[call_record(stored, present) for stored in shown],
            names=read_call_names(connection, org_id, map(call_of, shown)),
            totals=None if total is None else call_figures(total),
        )
    return RunRecords(
        **head,
        records=[run_record(stored) for stored in shown],
        totals=None if total is None else run_figures(total),
    )


def call_record(stored: StoredState, present: Present) -> CallRecord:
    """Return a conversation for an answer. Raises TypeError for other records."""
    state, call = stored.state, call_of(stored)
    return CallRecord(
        id=state.id,
        created_at=format_instant(call.created_at),
        status=call.status,
        channel=call.channel,
        direction=call.direction,
        modality=call.modality,
        agent_id=call.agent_id,
        agent_number=call.agent_number,
        web_widget_id=call.web_widget_id,
        duration_ms=call.duration_ms,
        live=is_live(call),
        stale=is_stale(state, present),
        adds=adds_of(call),
        event=event_of(stored),
        stored_at=format_instant(stored.stored_at),
    )


def run_record(stored: StoredState) -> RunRecord:
    """Return a workflow run for an answer. Raises TypeError for other records."""
    state, run = stored.state, run_of(stored)
    return RunRecord(
        id=state.id,
        created_at=format_instant(run.created_at),
        status=run.status,
        workflow_id=run.workflow_id,
        live=is_live(run),
        adds=adds_of(run),
        event=event_of(stored),
        stored_at=format_instant(stored.stored_at),
    )


def call_of(stored: StoredState) -> Conversation:
    """Return the conversation of a state. Raises TypeError for other records and deletions."""
    if isinstance(stored.state.record, Conversation):
        return stored.state.record
    raise _not_a(stored, "conversation")


def run_of(stored: StoredState) -> WorkflowExecution:
    """Return the workflow run of a state. Raises TypeError for other records and deletions."""
    if isinstance(stored.state.record, WorkflowExecution):
        return stored.state.record
    raise _not_a(stored, "workflow run")


def _not_a(stored: StoredState, noun: str) -> TypeError:
    return TypeError(f"{stored.state.kind} {stored.state.id!r} is not an existing {noun}")


def is_live(record: Conversation | WorkflowExecution) -> bool:
    """Check whether a conversation or run has not ended."""
    return record.status in (LIVE_STATUSES if isinstance(record, Conversation) else LIVE_RUN_STATUSES)


def is_stale(state: State, present: Present) -> bool:
    """Check whether a conversation is live, not email, and without recent events (see `tables.MAY_BE_STALE`)."""
    call = state.record
    may_be = isinstance(call, Conversation) and is_live(call) and call.channel != "email"
    return may_be and state.time < present.stale_before


def event_of(stored: StoredState) -> EventReference:
    """Return the event of a state."""
    state = stored.state
    return EventReference(state.source, state.event_id, format_instant(state.time), state.sequence)


def adds_of(record: Record | None) -> dict[str, int]:
    """Return a record's contribution to each figure; empty if it is not counted."""
    return exact_figures(counts_of(record))
