"""How the rows of accounts and plans are decoded, for commands that check every row of the database."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from talkmeter.ledger.stored_rows import Decode


def table_decoders() -> "Mapping[str, Decode]":
    """Return the decoders of credentials, sessions, connectors, plans and budgets, by table."""
    from talkmeter.accounts.connectors import decode_connector
    from talkmeter.accounts.credentials import decode_credential
    from talkmeter.accounts.sessions import decode_session
    from talkmeter.billing.plans import decode_version
    from talkmeter.budgets.store import decode_budget

    return {
        "credential": decode_credential,
        "session": decode_session,
        "connector": decode_connector,
        "plan_version": decode_version,
        "budget": decode_budget,
    }
