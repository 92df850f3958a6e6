"""How far a request may go: what keys, tokens, sessions and JWTs have in common."""

from collections.abc import Mapping
from typing import NamedTuple


class Grant(NamedTuple):
    """How far a credential or a session goes, whatever organization a request names."""

    credential_id: str
    organizations: Mapping[str, frozenset[str]] | None
    """The scopes in each organization; None: events of any organization, and nothing else."""
    home: str | None
    """The organization of a request that names none; None: a request must name one."""
    expires_at: int | None = None
    """When it ends, in microseconds; None: never, as far as is known."""
    stored: bool = True
    """Whether `credential_id` is that of a stored credential, which may be revoked."""
