"""Decrypts the secrets of connectors, and reports the connectors whose secrets no key decrypts."""

from talkmeter import metrics
from talkmeter.accounts.connectors import Connector, SecretBox, list_connectors
from talkmeter.db.engine import Connection
from talkmeter.errors import SecretUnreadable


class ConnectorSecrets:
    """The keys of one process. Used in the event loop only."""

    def __init__(self, keys: str, connection: Connection) -> None:
        """Try to decrypt the secrets of all enabled connectors. Raises Misconfigured if a key is malformed."""
        self._box = SecretBox(keys)
        readable, _ = list_connectors(connection)
        self._locked = {connector.id for connector in self._box.locked(readable)}
        metrics.LOCKED_CONNECTORS.set(len(self._locked))

    @property
    def locked(self) -> int:
        """The number of connectors whose secrets could not be decrypted at the start or at their latest webhook."""
        return len(self._locked)

    def decrypt(self, connector: Connector) -> list[str]:
        """Return a connector's secrets, the current one first. Raises SecretUnreadable if no key decrypts them."""
        try:
            secrets = self._box.decrypt(connector)
            self._locked.discard(connector.id)
        except SecretUnreadable:
            self._locked.add(connector.id)
            raise
        finally:
            metrics.LOCKED_CONNECTORS.set(len(self._locked))
        return secrets
