"""What was revoked: applied to a restored database, so that a backup does not revive it."""

from typing import NamedTuple

from sqlalchemy import Connection

from talkmeter.accounts.connectors import Connector, disable_connector, list_connectors, update_secrets
from talkmeter.accounts.credentials import Credential, CredentialKind, list_credentials, revoke
from talkmeter.accounts.sessions import end_links, end_session, list_sessions


class Revocations(NamedTuple):
    """The revoked credentials of a database, and its connectors with their present secrets."""

    credentials: tuple[Credential, ...]
    connectors: tuple[Connector, ...]


def read_revocations(connection: Connection) -> Revocations:
    """Return what a database has revoked. Raises Damaged if a row cannot be read, because it may be a revoked one."""
    credentials, damaged_credentials = list_credentials(connection)
    connectors, damaged_connectors = list_connectors(connection)
    for damaged in (*damaged_credentials, *damaged_connectors):
        raise damaged
    revoked = (credential for credential in credentials if credential.revoked_at is not None)
    return Revocations(tuple(revoked), tuple(connectors))


def apply_revocations(connection: Connection, revocations: Revocations) -> list[str]:
    """Revoke and disable what another database has revoked and disabled, and take over the secrets of its connectors.

    Return the ids of what worked until now.
    """
    changed = [
        shown_id(credential)
        for credential in revocations.credentials
        if revoke(connection, credential.id, credential.revoked_at or 0)
    ]
    for connector in revocations.connectors:
        # A secret that was replaced since must not verify webhooks again.
        update_secrets(connection, connector.id, connector.secrets)
        if connector.disabled_at is not None and disable_connector(connection, connector.id, connector.disabled_at):
            changed.append(connector.id)
    return changed


def revoke_everything(connection: Connection, now: int) -> list[str]:
    """Revoke all credentials and disable all connectors; return the ids of what worked until now."""
    credentials, connectors = _readable(connection)
    revoked = [shown_id(credential) for credential in credentials if revoke(connection, credential.id, now)]
    disabled = [connector.id for connector in connectors if disable_connector(connection, connector.id, now)]
    return revoked + disabled


def working_ids(connection: Connection, now: int) -> list[str]:
    """Return the ids of all credentials and connectors that work."""
    credentials, connectors = _readable(connection)
    usable = [shown_id(credential) for credential in credentials if credential.usable(now)]
    return usable + [connector.id for connector in connectors if connector.disabled_at is None]


def _readable(connection: Connection) -> tuple[list[Credential], list[Connector]]:
    """Return all credentials and connectors, without damaged ones, which do not work."""
    return list_credentials(connection)[0], list_connectors(connection)[0]


def end_all_sessions(connection: Connection) -> None:
    """End all sessions and sign-in links."""
    for session in list_sessions(connection):
        end_session(connection, session.secret_hash)
    end_links(connection, None)


def shown_id(credential: Credential) -> str:
    """Return a credential's id with the prefix that people know."""
    return ("pat_" if credential.kind is CredentialKind.PERSONAL else "ak_") + credential.id
