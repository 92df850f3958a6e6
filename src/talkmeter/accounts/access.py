"""The credentials, links, sessions and connectors of one organization: count, end, move and delete them together."""

from typing import Final

from sqlalchemy import Connection, Table, delete, func, select, update

from talkmeter.accounts.sessions import Session, end_links, end_session, list_sessions
from talkmeter.db import tables

_BY_ORGANIZATION: Final = (tables.credential, tables.credential_grant, tables.sign_in_link, tables.connector)


def count_access_rows(connection: Connection, org_id: str) -> dict[str, int]:
    """Return the number of an organization's rows in each table of credentials and connectors that has some."""
    counts = {table.name: _count(connection, table, org_id) for table in _BY_ORGANIZATION}
    counts[tables.session.name] = len(_sessions(connection, org_id))
    return {name: number for name, number in counts.items() if number}


def end_access(connection: Connection, org_id: str, now: int) -> None:
    """Revoke the organization's keys, and delete its grants, links and sessions."""
    credential = tables.credential.c
    connection.execute(
        update(tables.credential)
        .where(credential.org_id == org_id, credential.revoked_at.is_(None))
        .values(revoked_at=now)
    )
    connection.execute(delete(tables.credential_grant).where(tables.credential_grant.c.org_id == org_id))
    end_links(connection, org_id)
    for session in _sessions(connection, org_id):
        end_session(connection, session.secret_hash)


def move_connectors(connection: Connection, org_id: str, target: str) -> None:
    """Give the organization's connectors to another one; their addresses and secrets stay."""
    connection.execute(update(tables.connector).where(tables.connector.c.org_id == org_id).values(org_id=target))


def disable_connectors(connection: Connection, org_id: str, now: int) -> None:
    """Disable the organization's connectors."""
    connector = tables.connector.c
    connection.execute(
        update(tables.connector)
        .where(connector.org_id == org_id, connector.disabled_at.is_(None))
        .values(disabled_at=now)
    )


def delete_access(connection: Connection, org_id: str) -> None:
    """Delete the organization's keys and connectors, with the counts of the connectors' messages."""
    ids = list(connection.scalars(select(tables.connector.c.id).where(tables.connector.c.org_id == org_id)))
    for id_ in ids:
        connection.execute(delete(tables.connector_outcome).where(tables.connector_outcome.c.connector_id == id_))
    of_credential = select(tables.credential.c.id).where(tables.credential.c.org_id == org_id)
    connection.execute(delete(tables.credential_use).where(tables.credential_use.c.credential_id.in_(of_credential)))
    for table in (tables.connector, tables.credential):
        connection.execute(delete(table).where(table.c.org_id == org_id))


def _count(connection: Connection, table: Table, org_id: str) -> int:
    return connection.scalar(select(func.count()).select_from(table).where(table.c.org_id == org_id)) or 0


def _sessions(connection: Connection, org_id: str) -> list[Session]:
    """Return the sessions whose own grants include the organization; those of a key end with the key."""
    return [session for session in list_sessions(connection) if org_id in (session.grants or ())]
