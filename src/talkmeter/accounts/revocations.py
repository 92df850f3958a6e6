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
    """Return what a database has revoked."""
    revoked = (credential for credential in list_credentials(connection) if credential.revoked_at is not None)
    return Revocations(tuple(revoked), tuple(list_connectors(connection)))


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
    credentials = [
        shown_id(credential) for credential in list_credentials(connection) if revoke(connection, credential.id, now)
    ]
    connectors = [
        connector.id for connector in list_connectors(connection) if disable_connector(connection, connector.id, now)
    ]
    return credentials + connectors


def working_ids(connection: Connection, now: int) -> list[str]:
    """Return the ids of all credentials and connectors that work."""
    credentials = [shown_id(credential) for credential in list_credentials(connection) if credential.usable(now)]
    return credentials + [connector.id for connector in list_connectors(connection) if connector.disabled_at is None]


def end_all_sessions(connection: Connection) -> None:
    """End all sessions and sign-in links."""
    for session in list_sessions(connection):
        end_session(connection, session.secret_hash)
    end_links(connection, None)


def shown_id(credential: Credential) -> str:
    """Return a credential's id with the prefix that people know."""
    return ("pat_" if credential.kind is CredentialKind.PERSONAL else "ak_") + credential.id
