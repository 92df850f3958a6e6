"""What the ledger is handed and what it answers: states, rejections, and the bins they ended in."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from hashlib import sha256
from typing import Final, Literal, NamedTuple

import msgspec

from talkmeter.records import Conversation, Kind, State, normalised_data


class Reason(StrEnum):
    """Why an event is in quarantine; the set is closed (docs/reference/http-api.md)."""

    MALFORMED = "malformed"
    INVALID_ENVELOPE = "invalid_envelope"
    UNKNOWN_TYPE = "unknown_type"
    INVALID_DATA = "invalid_data"
    OUT_OF_RANGE = "out_of_range"
    MISSING_ORGANIZATION = "missing_organization"
    FOREIGN_ORGANIZATION = "foreign_organization"
    REFUSED_BY_DATABASE = "refused_by_database"


class Rejection(msgspec.Struct, frozen=True):
    """An event that cannot be counted, and all that is kept of it.

    `org_id` is the caller's organization (of a sender key: the one the event names, "" where it names none).
    `kept_fields` is JSON of the known fields; `complete` says that nothing a replay needs was cut from them.
    """

    org_id: str
    event_id: str | None
    reason: Reason
    detail: str
    hash: bytes
    size: int
    kept_fields: bytes
    complete: bool


Arrival = State | Rejection
"""One event of a request: understood, or not."""
Side = Literal["agent", "carrier"]
"""Which side of a call a stack sees: the agent that talks, or the line it talks on."""
AGENT: Final[Side] = "agent"
SIDES: Final[dict[str, Side]] = {"agent": "agent", "carrier": "carrier"}


class PartialUpdate(NamedTuple):
    """What a message adds to a conversation: `amend` takes what is known of it, and returns it with this in it.

    None where the message alone makes no conversation. It runs in the transaction that holds the organization, so two
    messages of one conversation never miss each other.
    """

    org_id: str
    id: str
    amend: Callable[[Conversation | None], Conversation | None]
    time: int
    source: str
    event_id: str


class CallReport(NamedTuple):
    """What one stack tells of a call, which side it sees, and what the call is called in other stacks."""

    of: State | PartialUpdate
    side: Side
    elsewhere: tuple[str, ...]

    @property
    def org_id(self) -> str:
        """Whose call it is."""
        return self.of.org_id


class SnapshotWatermark(NamedTuple):
    """A snapshot's word that everything of `kind` older than `time` (microseconds) and not listed is gone."""

    kind: Kind
    time: int


class OrgBatch(NamedTuple):
    """What one request brings to one organization; each arrival with its index in the request."""

    credential_id: str
    arrivals: Sequence[tuple[int, Arrival | CallReport]]
    floor: SnapshotWatermark | None = None


class Quarantined(msgspec.Struct, frozen=True):
    """One event that went to quarantine; `kept` is false where the quarantine is full."""

    index: int
    id: str | None
    reason: Reason
    detail: str
    kept: bool


Bin = Literal["accepted", "duplicate", "conflicting", "stale", "quarantined"]
"""Where an event ends (docs/reference/http-api.md)."""


class BatchResult(NamedTuple):
    """What became of a `OrgBatch`: how many events ended in each bin, and the quarantined ones."""

    accepted: int
    duplicate: int
    conflicting: int
    stale: int
    quarantined: tuple[Quarantined, ...]

    def bins(self) -> "dict[Bin, int]":
        """How many events ended in each bin."""
        return {
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "conflicting": self.conflicting,
            "stale": self.stale,
            "quarantined": len(self.quarantined),
        }

    def plus(self, other: "BatchResult") -> "BatchResult":
        """What two parts of one work became, together."""
        return BatchResult(
            self.accepted + other.accepted,
            self.duplicate + other.duplicate,
            self.conflicting + other.conflicting,
            self.stale + other.stale,
            self.quarantined + other.quarantined,
        )


def refused_by_database(state: State) -> Rejection:
    """A state the database cannot hold, as a rejection; it is kept in its normalised form."""
    data = normalised_data(state.record)
    kept = {"id": state.event_id, "source": state.source, "data": {"id": state.id, "organization_id": state.org_id}}
    return Rejection(
        org_id=state.org_id,
        event_id=state.event_id,
        reason=Reason.REFUSED_BY_DATABASE,
        detail="The database refused this event; its sender may correct it and send it again.",
        hash=sha256(b"\n".join((state.source.encode(), state.event_id.encode(), state.id.encode(), data))).digest()[
            :16
        ],
        size=len(data),
        kept_fields=msgspec.json.encode(kept),
        complete=False,
    )
