"""`talkmeter erase`: remove the identifying data of one record, on request of a person."""

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed
from talkmeter.records import Kind


@click.command()
@click.argument("org_id", metavar="ORG")
@click.argument("kind", type=click.Choice([kind.value for kind in Kind if kind is not Kind.PHONE_NUMBER]))
@click.argument("record_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do it; without it, the command only says what it would do.")
def erase(org_id: str, kind: str, record_id: str, yes: bool) -> None:
    """Erase the number or name of one record, in its history and in quarantine too. It still counts.

    Events of the record that arrive later are erased as well. This cannot be undone.
    """
    from talkmeter.cli.database import open_database, require_organization
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import reading, writing
    from talkmeter.ledger.erased import erase_record
    from talkmeter.ledger.organization_rows import lock_organization, renew_revision
    from talkmeter.ledger.states import read_winning_states
    from talkmeter.records import RecordKey

    key = RecordKey(Kind(kind), record_id)
    with open_database() as engine:
        require_organization(engine, org_id)
        with reading(engine) as connection:
            found = read_winning_states(connection, org_id, [key])
        if key not in found:
            raise OperationFailed(f"Organization '{org_id}' has no {kind} '{record_id}'.")
        if not yes:
            click.echo(
                f"The agent number or name of {kind} {record_id} would be erased, in all its states and in quarantine. "
                "Its id and its counts stay. Nothing was changed; repeat the command with --yes to do it."
            )
            return
        now = clock.now()
        with writing(engine) as connection:
            locked = lock_organization(connection, org_id)
            erase_record(connection, org_id, key)
            renew_revision(connection, org_id, locked.last_event_at)
            record_audit(connection, operator(), Action.RECORD_ERASE, f"{kind} {record_id}", now, org_id=org_id)
    click.echo(f"The identifying data of {kind} {record_id} is erased. Backups and exports may still contain it.")
