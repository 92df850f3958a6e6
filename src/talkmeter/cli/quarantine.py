"""`talkmeter quarantine`: events that could not be understood."""

from typing import TYPE_CHECKING

import click

from talkmeter.errors import Refused

if TYPE_CHECKING:
    from talkmeter.db.engine import Engine
    from talkmeter.ledger.quarantine import QuarantinedEvent

MAX_LISTED = 10_000


@click.group()
def quarantine() -> None:
    """Events that could not be understood: list, show, replay, drop."""


@quarantine.command("list")
@click.option("--org", "org_id", help="One organization; default: all.")
def list_(org_id: str | None) -> None:
    """List quarantined events, oldest first: id, organization, reason, times seen, what was wrong."""
    from talkmeter.cli.database import opened

    with opened() as engine:
        for one in _all(engine, org_id):
            click.echo(f"{one.id}\t{one.org_id or '-'}\t{one.reason}\t{one.times_seen}x\t{one.detail}")


@quarantine.command("show")
@click.argument("event_id", metavar="ID")
def show(event_id: str) -> None:
    """Show all that is kept of a quarantined event."""
    import msgspec

    from talkmeter.cli.database import opened
    from talkmeter.period import format_instant

    with opened() as engine:
        for one in _chosen(engine, (event_id,)):
            click.echo(f"organization  {one.org_id or '- (the event names none)'}")
            click.echo(f"reason        {one.reason}: {one.detail}")
            click.echo(f"credential    {one.credential_id}")
            first, last = format_instant(one.first_seen_at), format_instant(one.last_seen_at)
            click.echo(f"seen          {one.times_seen} times, first {first}, last {last}")
            click.echo(f"size          {one.size} bytes, SHA-256 {one.id}…")
            click.echo("known fields  " + msgspec.json.format(one.kept_fields).decode())


@quarantine.command("replay")
@click.argument("event_ids", metavar="[ID]...", nargs=-1)
def replay(event_ids: tuple[str, ...]) -> None:
    """Send quarantined events (default: all) through the normal path again, each under its own organization."""
    from talkmeter.cli.database import opened
    from talkmeter.db.engine import writing
    from talkmeter.ingest.cloudevents import Sender, read_event
    from talkmeter.ledger.batch import OrgBatch, Rejection
    from talkmeter.ledger.quarantine import drop_quarantined
    from talkmeter.ledger.writer import Writer
    from talkmeter.settings import load_settings

    settings = load_settings()
    counted, refused = 0, 0
    with opened(settings) as engine:
        chosen = _chosen(engine, event_ids) if event_ids else _all(engine, None)
        writer = Writer(engine, keep_history=settings.history_days != 0)
        try:
            for one in chosen:
                arrival = read_event(one.kept_fields, Sender(one.credential_id, one.org_id))
                if not one.complete or isinstance(arrival, Rejection):
                    refused += 1
                    why = (
                        arrival.detail
                        if isinstance(arrival, Rejection)
                        else "Its fields were cut; its sender must send it again."
                    )
                    click.echo(f"{one.id}\tstays: {why}")
                    continue
                [written] = writer.submit({one.org_id: OrgBatch(one.credential_id, [(0, arrival)])}).result()
                if written.quarantined:
                    refused += 1
                    continue
                with writing(engine) as connection:
                    drop_quarantined(connection, [one])
                counted += 1
        finally:
            writer.close()
    click.echo(f"{counted} went through, {refused} stay in quarantine.")


@quarantine.command("drop")
@click.argument("event_ids", metavar="ID...", nargs=-1, required=True)
def drop(event_ids: tuple[str, ...]) -> None:
    """Remove events from quarantine for good."""
    from talkmeter.cli.database import opened
    from talkmeter.db.engine import writing
    from talkmeter.ledger.quarantine import drop_quarantined

    with opened() as engine:
        chosen = _chosen(engine, event_ids)
        with writing(engine) as connection:
            dropped = drop_quarantined(connection, chosen)
    click.echo(f"{dropped} dropped.")


def _org_ids(engine: "Engine") -> list[str]:
    """Every organization, and the empty one, under which a sender's event stands that names none."""
    from talkmeter.db.engine import reading
    from talkmeter.ledger.organizations import list_organizations

    with reading(engine) as connection:
        return ["", *(organization.org_id for organization in list_organizations(connection))]


def _all(engine: "Engine", org_id: str | None) -> "list[QuarantinedEvent]":
    from talkmeter.db.engine import reading
    from talkmeter.ledger.quarantine import list_quarantine

    org_ids = _org_ids(engine) if org_id is None else [org_id]
    with reading(engine) as connection:
        return list_quarantine(connection, org_ids, MAX_LISTED)


def _chosen(engine: "Engine", event_ids: tuple[str, ...]) -> "list[QuarantinedEvent]":
    from talkmeter.db.engine import reading
    from talkmeter.ledger.quarantine import find_quarantined

    org_ids = _org_ids(engine)
    chosen: list[QuarantinedEvent] = []
    with reading(engine) as connection:
        for event_id in event_ids:
            found = find_quarantined(connection, org_ids, event_id)
            if not found:
                raise Refused(
                    f"There is no event '{event_id}' in quarantine; 'talkmeter quarantine list' shows the ids."
                )
            chosen += found
    return chosen
