"""`talkmeter quarantine`: events that could not be understood."""

from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.errors import Damaged, OperationFailed

if TYPE_CHECKING:
    from talkmeter.db.engine import Engine
    from talkmeter.ledger.quarantine import QuarantinedEvent

MAX_LISTED = 10_000


@click.group()
def quarantine() -> None:
    """List, show, replay and drop events that could not be understood."""


@quarantine.command("list")
@click.option("--org", "org_id", help="Only this organization. Default: all.")
def list_(org_id: str | None) -> None:
    """List quarantined events, oldest first, with id, organization, reason, times seen and error."""
    from talkmeter.cli.database import open_database
    from talkmeter.cli.tables import print_list, require_all_readable

    with open_database() as engine:
        events, damaged = _list_events(engine, org_id)
    rows = [(event.id, event.org_id or "-", event.reason, f"{event.times_seen}x", event.detail) for event in events]
    print_list(("id", "organization", "reason", "seen", "error"), rows)
    require_all_readable(damaged)


@quarantine.command("show")
@click.argument("event_id", metavar="ID")
def show(event_id: str) -> None:
    """Show everything that is stored of a quarantined event."""
    import msgspec

    from talkmeter.cli.database import open_database
    from talkmeter.cli.tables import print_fields
    from talkmeter.period import format_instant

    with open_database() as engine:
        events = _find(engine, (event_id,))
    for event in events:
        first, last = format_instant(event.first_seen_at), format_instant(event.last_seen_at)
        fields = (
            ("organization", event.org_id or "- (the event names none)"),
            ("reason", f"{event.reason}: {event.detail}"),
            ("credential", event.credential_id),
            ("seen", f"{event.times_seen} time{'' if event.times_seen == 1 else 's'}, first {first}, last {last}"),
            ("size", f"{event.size} bytes, SHA-256 {event.id}…"),
            ("known fields", msgspec.json.format(event.kept_fields).decode()),
        )
        print_fields(fields)


@quarantine.command("replay")
@click.argument("event_ids", metavar="[ID]...", nargs=-1)
def replay(event_ids: tuple[str, ...]) -> None:
    """Process quarantined events again (default: all), each under its own organization.

    Events of a merged organization count for the one it was merged into. Connectors' messages are read by their
    connector; they lack phone numbers and everything else that quarantine does not keep.
    """
    from talkmeter.accounts.connectors import list_connectors
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.cli.tables import require_all_readable
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import reading, writing
    from talkmeter.ingest.replay import NotReplayed, is_message, named_organization, replay_batch, replay_message
    from talkmeter.ledger.organizations import list_organizations
    from talkmeter.ledger.quarantine import drop_quarantined
    from talkmeter.ledger.writer import Writer
    from talkmeter.settings import load_settings

    settings = load_settings()
    replayed, remaining = 0, 0
    with open_database(settings) as engine:
        events, damaged = (_find(engine, event_ids), []) if event_ids else _list_events(engine, None)
        with reading(engine) as connection:
            organizations = {known.org_id: known for known in list_organizations(connection)}
            connectors = {connector.id: connector for connector in list_connectors(connection)[0]}
        writer = Writer(engine, keep_history=settings.history_days != 0)
        try:
            for event in events:
                if is_message(event):
                    batch = replay_message(event, connectors)
                else:
                    batch = replay_batch(event, organizations.get(named_organization(event)))
                if isinstance(batch, NotReplayed):
                    remaining += 1
                    click.echo(f"{event.id}\tnot replayed: {batch.sentence}")
                    continue
                [written] = writer.submit([batch])
                if rejected := written.result().quarantined:
                    remaining += 1
                    click.echo(f"{event.id}\tnot replayed: {rejected[0].detail}")
                    continue
                with writing(engine) as connection:
                    drop_quarantined(connection, [event])
                    record_audit(
                        connection,
                        operator(),
                        Action.QUARANTINE_REPLAY,
                        event.id,
                        clock.now(),
                        org_id=batch.org_id,
                    )
                replayed += 1
        finally:
            writer.close()
    click.echo(f"{replayed} replayed, {remaining} left in quarantine.")
    require_all_readable(damaged)


@quarantine.command("drop")
@click.argument("event_ids", metavar="ID...", nargs=-1, required=True)
def drop(event_ids: tuple[str, ...]) -> None:
    """Delete events from quarantine."""
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing
    from talkmeter.ledger.quarantine import drop_quarantined

    with open_database() as engine:
        events, now = _find(engine, event_ids), clock.now()
        with writing(engine) as connection:
            dropped = drop_quarantined(connection, events)
            for event in events:
                record_audit(
                    connection,
                    operator(),
                    Action.QUARANTINE_DROP,
                    event.id,
                    now,
                    org_id=event.org_id or None,
                    detail=event.reason,
                )
    click.echo(f"{dropped} dropped.")


def _org_ids(engine: "Engine") -> list[str]:
    """Return all organizations, and the empty id, which holds events of sender keys that name no organization."""
    from talkmeter.db.engine import reading
    from talkmeter.ledger.organizations import list_organizations

    with reading(engine) as connection:
        return ["", *(organization.org_id for organization in list_organizations(connection))]


def _list_events(engine: "Engine", org_id: str | None) -> "tuple[list[QuarantinedEvent], list[Damaged]]":
    """Return the readable events and an error for each damaged one."""
    from talkmeter.db.engine import reading
    from talkmeter.ledger.quarantine import list_quarantine

    org_ids = _org_ids(engine) if org_id is None else [org_id]
    with reading(engine) as connection:
        return list_quarantine(connection, org_ids, MAX_LISTED)


def _find(engine: "Engine", event_ids: tuple[str, ...]) -> "list[QuarantinedEvent]":
    from talkmeter.db.engine import reading
    from talkmeter.ledger.quarantine import find_quarantined

    org_ids = _org_ids(engine)
    events: list[QuarantinedEvent] = []
    with reading(engine) as connection:
        for event_id in event_ids:
            found = find_quarantined(connection, org_ids, event_id)
            if not found:
                raise OperationFailed(
                    f"No event '{event_id}' in quarantine; 'talkmeter quarantine list' shows the ids."
                )
            events += found
    return events
