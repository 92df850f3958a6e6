"""`talkmeter audit`: who made, changed, revoked or deleted what."""

import click

MAX_ENTRIES = 100_000


@click.command()
@click.option("--org", "org_id", help="Only changes of this organization. Default: all.")
@click.option("--since", help="Only changes from this instant on: ISO 8601.")
@click.option(
    "--limit", type=click.IntRange(1, MAX_ENTRIES), default=100, show_default=True, help="Maximum number of entries."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def audit(org_id: str | None, since: str | None, limit: int, as_json: bool) -> None:
    """List who made, changed, revoked or deleted what, newest first."""
    from talkmeter.cli.database import open_database
    from talkmeter.cli.query import print_json
    from talkmeter.cli.tables import print_list
    from talkmeter.db.audit import read_audit
    from talkmeter.db.engine import reading
    from talkmeter.errors import OperationFailed, Unprocessable
    from talkmeter.period import format_instant, read_bound

    try:
        first = 0 if since is None else read_bound("--since", since)
    except Unprocessable as error:
        raise OperationFailed(error.detail) from None
    with open_database() as engine, reading(engine) as connection:
        entries = read_audit(connection, org_id, first, limit)
    if as_json:
        print_json(
            [
                {
                    "at": format_instant(entry.at),
                    "actor": {"kind": entry.actor_kind, "id": entry.actor_id},
                    "action": entry.action,
                    "organization": entry.org_id,
                    "subject": entry.subject,
                    "detail": entry.detail,
                }
                for entry in entries
            ]
        )
        return
    rows = [
        (
            format_instant(entry.at),
            f"{entry.actor_kind} {entry.actor_id}",
            entry.action,
            entry.org_id or "-",
            entry.subject,
            entry.detail,
        )
        for entry in entries
    ]
    print_list(("at", "by", "action", "organization", "subject", "detail"), rows)
