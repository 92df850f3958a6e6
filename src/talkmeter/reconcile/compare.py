"""How a call as the stack lists it differs from what the ledger has of it, and what makes the ledger right; pure."""

from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

from msgspec.structs import replace

from talkmeter.accounts.connectors import SOURCE_PREFIX, Connector
from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.provider import RecordUpdate
from talkmeter.ledger.batch import CallReport, PartialUpdate, Side
from talkmeter.records import LIVE_STATUSES, Conversation, State, normalised_data

SETTLED_AFTER: Final = 600 * MICROSECONDS_PER_SECOND
"""A call that ended less long ago is left for the next time: its message may still be on its way."""


class Kind(StrEnum):
    """What a difference is; the values are those of the JSON answer."""

    MISSING = "missing"
    EXTRA = "extra"
    OTHER_LENGTH = "other_length"
    OPEN = "open"


class Difference(NamedTuple):
    """One call that the two do not tell alike; a length is in milliseconds, None where there is none or no call."""

    kind: Kind
    id: str
    created_at: int
    there_ms: int | None
    here_ms: int | None


def compare(id_: str, there: Conversation, here: Conversation | None) -> Difference | None:
    """How a call that is over differs; None where the ledger has it in the same length. No length is one of 0."""
    if here is None:
        return Difference(Kind.MISSING, id_, there.created_at, there.duration_ms, None)
    if here.status in LIVE_STATUSES:
        return Difference(Kind.OPEN, id_, there.created_at, there.duration_ms, here.duration_ms)
    if (here.duration_ms or 0) != (there.duration_ms or 0):
        return Difference(Kind.OTHER_LENGTH, id_, there.created_at, there.duration_ms, here.duration_ms)
    return None


def extra(state: State) -> Difference:
    """A call that the stack does not have."""
    here = conversation_of(state)
    created_at, duration_ms = (here.created_at, here.duration_ms) if here else (0, None)
    return Difference(Kind.EXTRA, state.id, created_at, None, duration_ms)


def conversation_of(state: State | None) -> Conversation | None:
    """The conversation of a state; None where there is none."""
    return state.record if state is not None and isinstance(state.record, Conversation) else None


def source_of(connector: Connector) -> str:
    """The source of what reconciling a connector's calls records."""
    return f"{SOURCE_PREFIX}{connector.id}/reconcile"


def correction(
    connector: Connector, id_: str, told: RecordUpdate, there: Conversation, side: Side, now: int
) -> CallReport:
    """What makes the ledger right about one call, as a message of the connector that came now.

    It outranks all that was told before (docs/decisions/0022). Its event id is made of the call and its content.
    """
    digest = sha256(normalised_data(there)).hexdigest()[:32]
    time = max(now, told.time)
    event_id = f"reconcile:{told.id}:{digest}"
    of = PartialUpdate(connector.org_id, id_, _corrected(there), time, source_of(connector), event_id)
    return CallReport(of, side, told.linked_ids)


def _corrected(there: Conversation) -> Callable[[Conversation | None], Conversation | None]:
    """What is known, with the stack's word where it differs.

    Whose call it is stays: a message may know that by its address or in other words than the list (docs/connectors).
    """

    def amend(known: Conversation | None) -> Conversation:
        if known is None or compare("", there, known) is None:
            return known or there
        return replace(
            known,
            status=there.status,
            created_at=there.created_at,
            duration_ms=there.duration_ms,
            agent_id=known.agent_id or there.agent_id,
            agent_number=known.agent_number or there.agent_number,
        )

    return amend
