"""The ledger's input and output: batches of states and rejections, and the result for each event."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal, NamedTuple

import msgspec
from msgspec import Meta

from talkmeter.records import Conversation, Kind, ParentClaim, State


class Reason(StrEnum):
    """Why an event is in quarantine; this list is complete."""

    MALFORMED = "malformed"
    INVALID_ENVELOPE = "invalid_envelope"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_DATA = "invalid_data"
    OUT_OF_RANGE = "out_of_range"
    MISSING_ORGANIZATION = "missing_organization"
    FOREIGN_ORGANIZATION = "foreign_organization"
    REFUSED_BY_DATABASE = "refused_by_database"
    UNKNOWN_ORGANIZATION = "unknown_organization"
    CLOSED_ORGANIZATION = "closed_organization"


class Rejection(msgspec.Struct, frozen=True):
    """An event that cannot be counted, and what the quarantine keeps of it.

    `org_id` is the caller's organization. For a sender key, it is the organization that the event names, or "".
    `kept_fields` is JSON of the known fields; `complete` is true if nothing that a replay needs was cut from them.
    """

    org_id: str
    event_id: str | None
    reason: Reason
    detail: str
    hash: bytes
    size: int
    kept_fields: bytes
    complete: bool


ParsedEvent = State | ParentClaim | Rejection
"""One event of a request: a valid state, an organization's parent, or a rejection."""
Side = Literal["agent", "carrier"]
"""The side of a call that a provider sees: the agent that talks, or the carrier of the phone line."""
AGENT: Final[Side] = "agent"
SIDES: Final[dict[str, Side]] = {"agent": "agent", "carrier": "carrier"}


class PartialUpdate(NamedTuple):
    """A message with a part of a conversation's data; `merge` combines it with the stored conversation.

    `merge` returns None if the data is not enough for a conversation. It runs in the transaction that holds the
    organization's lock, so that concurrent messages of one conversation cannot overwrite each other.
    """

    org_id: str
    id: str
    merge: Callable[[Conversation | None], Conversation | None]
    time: int
    source: str
    event_id: str


RECONCILE_SUFFIX: Final = "/reconcile"
"""The end of the `source` of states that came from a provider's list of calls, which says less than its webhooks."""


class CallReport(NamedTuple):
    """A provider's report of a call, the side that the provider sees, and the call's ids at other providers."""

    update: State | PartialUpdate
    side: Side
    linked_ids: tuple[str, ...]

    @property
    def org_id(self) -> str:
        """The organization of the call."""
        return self.update.org_id


class SnapshotWatermark(NamedTuple):
    """The `time` (microseconds) of an inventory snapshot: items of `kind` without a state at or after it are gone."""

    kind: Kind
    time: int


BatchEvent = ParsedEvent | CallReport | PartialUpdate


class OrgBatch(NamedTuple):
    """The events of one request for one organization, each with its index in the request.

    A `PartialUpdate` without a report fills empty fields: it never makes the stored state later than it is.
    """

    org_id: str
    credential_id: str
    events: Sequence[tuple[int, BatchEvent]]
    watermark: SnapshotWatermark | None = None


class QuarantinedEntry(msgspec.Struct, frozen=True):
    """One event that went to quarantine; `kept` is false if the quarantine is full."""

    index: Annotated[int, Meta(description="The event's place in the request, from 0.")]
    id: Annotated[str | None, Meta(description="The event's id; null: it has none that can be read.")]
    reason: Reason
    detail: Annotated[str, Meta(description="One sentence: what is wrong with the event.")]
    kept: Annotated[bool, Meta(description="Whether it is in the quarantine; false: the quarantine is full.")]


EventResult = Literal["accepted", "duplicate", "conflicting", "stale", "quarantined"]
"""The result for one event (docs/reference/http-api.md)."""


class BatchResult(NamedTuple):
    """The result of an `OrgBatch`: the number of events by result, and the quarantined events."""

    accepted: int
    duplicate: int
    conflicting: int
    stale: int
    quarantined: tuple[QuarantinedEntry, ...]

    def counts(self) -> "dict[EventResult, int]":
        """Return the number of events by result."""
        return {
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "conflicting": self.conflicting,
            "stale": self.stale,
            "quarantined": len(self.quarantined),
        }

    def plus(self, other: "BatchResult") -> "BatchResult":
        """Return the combined result of two parts of a batch."""
        return BatchResult(
            self.accepted + other.accepted,
            self.duplicate + other.duplicate,
            self.conflicting + other.conflicting,
            self.stale + other.stale,
            self.quarantined + other.quarantined,
        )
