"""A grant: the organizations and scopes of a key, token, session or JWT."""

from collections.abc import Mapping
from typing import NamedTuple

from talkmeter.accounts.sessions import Access
from talkmeter.api.auth.scopes import OPERATOR_READ, OPERATOR_SESSION_SCOPES


class Grant(NamedTuple):
    """The organizations and scopes of a credential or session."""

    credential_id: str
    organizations: Mapping[str, frozenset[str]] | None
    """The scopes in each organization; None: any organization, with the scopes `everywhere`."""
    default_organization: str | None
    """The organization of requests that name none; None: requests must name one."""
    expires_at: int | None = None
    """Expiry in microseconds; None: no known expiry."""
    everywhere: frozenset[str] = frozenset()
    """The scopes of a sender or an operator in every organization."""
    stored: bool = True
    """Whether `credential_id` is the id of a stored credential, which can be revoked."""
    access: Access = "manage"
    """What may be done with the scopes; credentials may manage, sessions have their own access."""

    @property
    def is_operator(self) -> bool:
        """Whether it is of an operator, who may list all organizations."""
        return self.organizations is None and OPERATOR_READ in self.everywhere


def operator_grant(credential_id: str) -> Grant:
    """Return the grant of an operator's session, which may read every organization."""
    return Grant(credential_id, None, None, everywhere=OPERATOR_SESSION_SCOPES, stored=False, access="read")
