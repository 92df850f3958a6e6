"""Compare a call as the provider lists it with the stored one, and build the correction; pure functions."""

from collections.abc import Callable
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple

from msgspec.structs import replace

from talkmeter.accounts.connectors import SOURCE_PREFIX, Connector
from talkmeter.clock import MICROSECONDS_PER_SECOND
from talkmeter.ingest.connectors.provider import RecordUpdate
from talkmeter.ledger.batch import RECONCILE_SUFFIX, CallReport, PartialUpdate, Side
from talkmeter.records import LIVE_STATUSES, Conversation, State, normalized_data

SETTLED_AFTER: Final = 600 * MICROSECONDS_PER_SECOND
"""A call that ended more recently than this is left for the next run: its message may still arrive."""


class DifferenceKind(StrEnum):
    """How a call differs. The values are those of the command's JSON output."""

    MISSING = "missing"
    EXTRA = "extra"
    OTHER_LENGTH = "other_length"
    OPEN = "open"


class CallDifference(NamedTuple):
    """One call that differs. Durations are in milliseconds; None without a call or a duration."""

    kind: DifferenceKind
    id: str
    created_at: int
    there_ms: int | None
    here_ms: int | None


def compare(id_: str, listed: Conversation, stored: Conversation | None) -> CallDifference | None:
    """Return how a listed call, which is over, differs from the stored one. A missing duration counts as 0."""
    if stored is None:
        return CallDifference(DifferenceKind.MISSING, id_, listed.created_at, listed.duration_ms, None)
    if stored.status in LIVE_STATUSES:
        kind = DifferenceKind.OPEN
    elif (stored.duration_ms or 0) != (listed.duration_ms or 0):
        kind = DifferenceKind.OTHER_LENGTH
    else:
        return None
    return CallDifference(kind, id_, listed.created_at, listed.duration_ms, stored.duration_ms)


def extra(state: State) -> CallDifference:
    """Return the difference of a stored call that the provider does not have."""
    stored = conversation_of(state)
    created_at, duration_ms = (stored.created_at, stored.duration_ms) if stored else (0, None)
    return CallDifference(DifferenceKind.EXTRA, state.id, created_at, None, duration_ms)


def conversation_of(state: State | None) -> Conversation | None:
    """Return the conversation of a state, None if it is deleted, of another kind, or missing."""
    return state.record if state is not None and isinstance(state.record, Conversation) else None


def source_of(connector: Connector) -> str:
    """Return the `source` of the states that reconciling this connector records."""
    return f"{SOURCE_PREFIX}{connector.id}{RECONCILE_SUFFIX}"


def correction(
    connector: Connector, id_: str, update: RecordUpdate, listed: Conversation, side: Side, now: int
) -> CallReport:
    """Return the update that corrects one stored call, as if the connector had received it now.

    It outranks all earlier states (docs/decisions/0022). The event id depends only on the call and its content, so
    a second run sends the same event.
    """
    digest = sha256(normalized_data(listed)).hexdigest()[:32]
    time = max(now, update.time)
    event_id = f"reconcile:{update.id}:{digest}"
    partial = PartialUpdate(connector.org_id, id_, _corrected(listed), time, source_of(connector), event_id)
    return CallReport(partial, side, update.linked_ids)


def _corrected(listed: Conversation) -> Callable[[Conversation | None], Conversation | None]:
    """Return a function that sets status, start and duration of the stored call to the listed ones if they differ.

    The stored agent and number are kept: a webhook can know them from its address or spell them differently than the
    list (docs/connectors).
    """

    def merge(known: Conversation | None) -> Conversation:
        if known is None or compare("", listed, known) is None:
            return known or listed
        return replace(
            known,
            status=listed.status,
            created_at=listed.created_at,
            duration_ms=listed.duration_ms,
            agent_id=known.agent_id or listed.agent_id,
            agent_number=known.agent_number or listed.agent_number,
        )

    return merge
