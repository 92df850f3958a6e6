"""A grant: the organizations and scopes of a key, token, session or JWT."""

from collections.abc import Mapping
from typing import NamedTuple


class Grant(NamedTuple):
    """The organizations and scopes of a credential or session."""

    credential_id: str
    organizations: Mapping[str, frozenset[str]] | None
    """The scopes in each organization; None: a sender, which may only send events, for any organization."""
    default_organization: str | None
    """The organization of requests that name none; None: requests must name one."""
    expires_at: int | None = None
    """Expiry in microseconds; None: no known expiry."""
    stored: bool = True
    """Whether `credential_id` is the id of a stored credential, which can be revoked."""
