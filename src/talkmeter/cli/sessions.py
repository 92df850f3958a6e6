"""`talkmeter sessions`: the browser sessions, and how to end them."""

from typing import TYPE_CHECKING

import click

from talkmeter import clock
from talkmeter.errors import OperationFailed
from talkmeter.settings import load_settings

if TYPE_CHECKING:
    from talkmeter.accounts.sessions import Session
    from talkmeter.db.engine import Connection


@click.group()
def sessions() -> None:
    """List and revoke browser sessions."""


@sessions.command("list")
@click.option("--org", "org_id", help="Only sessions with access to this organization.")
def list_(org_id: str | None) -> None:
    """List the sessions that have not ended: id, organizations, how they began, last use and end."""
    from talkmeter.accounts.sessions import EVERY_ORGANIZATION, list_sessions
    from talkmeter.cli.database import open_database
    from talkmeter.cli.tables import print_list
    from talkmeter.db.engine import reading
    from talkmeter.period import MICROSECONDS_PER_HOUR, format_instant

    settings, now, rows = load_settings(), clock.now(), []
    with open_database(settings) as engine, reading(engine) as connection:
        for session in list_sessions(connection):
            org_ids = _organizations(connection, session)
            names = "all" if org_ids == [EVERY_ORGANIZATION] else " ".join(org_ids)
            if session.usable(now, settings.session_idle_hours * MICROSECONDS_PER_HOUR) and (
                org_id is None or org_id in org_ids
            ):
                used, end = format_instant(session.used_at), format_instant(session.expires_at)
                rows.append((session.id, names, _beginning(session), f"used {used}", f"ends {end}"))
    print_list(("id", "organizations", "began with", "last use", "end"), rows)


@sessions.command("revoke")
@click.argument("session_ids", nargs=-1, metavar="[ID]...")
@click.option("--org", "org_id", help="End all sessions and unused sign-in links of this organization.")
@click.option("--all", "everything", is_flag=True, help="End all sessions and unused sign-in links.")
def revoke(session_ids: tuple[str, ...], org_id: str | None, *, everything: bool) -> None:
    """End sessions at once, on every server of the database; the ids are those of 'talkmeter sessions list'."""
    from talkmeter.accounts.sessions import end_links, end_session, list_sessions
    from talkmeter.cli.database import open_database
    from talkmeter.cli.operator import operator
    from talkmeter.db.audit import Action, record_audit
    from talkmeter.db.engine import writing

    if [bool(session_ids), org_id is not None, everything].count(True) != 1:
        raise OperationFailed("Give either ids, --org ORG_ID or --all.")
    with open_database() as engine, writing(engine) as connection:
        stored = list_sessions(connection)
        if unknown := sorted(set(session_ids) - {session.id for session in stored}):
            raise OperationFailed(f"No session has the id {', '.join(unknown)}; 'talkmeter sessions list' lists all.")
        ended = [
            session
            for session in stored
            if everything or session.id in session_ids or org_id in _organizations(connection, session)
        ]
        now = clock.now()
        for session in ended:
            org_ids = _organizations(connection, session)
            org = (org_ids[0] or None) if len(org_ids) == 1 else None
            end_session(connection, session.secret_hash)
            record_audit(connection, operator(), Action.SESSION_END, f"session {session.id}", now, org_id=org)
        links = 0 if session_ids else end_links(connection, org_id)
        if links:
            record_audit(connection, operator(), Action.LINK_END, f"{links} unused links", now, org_id=org_id)
    click.echo(f"Sessions ended: {len(ended):,}." + ("" if session_ids else f" Sign-in links ended: {links:,}."))


def _organizations(connection: "Connection", session: "Session") -> list[str]:
    """Return the organizations that a session has access to."""
    from talkmeter.accounts.credentials import CredentialKind, find_credential, read_grants
    from talkmeter.accounts.sessions import EVERY_ORGANIZATION

    if session.credential_id is None:
        return sorted(session.grants or ())
    credential = find_credential(connection, session.credential_id)
    if credential is None:
        return []
    if credential.kind is CredentialKind.OPERATOR:
        return [EVERY_ORGANIZATION]
    return [credential.org_id] if credential.org_id else sorted(read_grants(connection, credential.id))


def _beginning(session: "Session") -> str:
    return "a link or JWT" if session.credential_id is None else f"credential {session.credential_id}"
