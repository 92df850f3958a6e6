"""What several stacks tell of one call: sightings of an agent stack and of the legs of its line."""

from talkmeter.ingest.receipt import Receipt
from talkmeter.ledger.batch import CallReport, OrgBatch, Side
from talkmeter.records import Conversation, ConversationStatus, Kind, State, data_hash
from tests.store.ledger import ORG, Ledger

CREATED = 1_772_366_340_000_000
"""2026-03-01T11:59:00Z."""


def call(seconds: int = 60, status: ConversationStatus = "completed") -> Conversation:
    """What a stack tells of a call."""
    return Conversation(
        channel="telephone", direction="inbound", status=status, created_at=CREATED, duration_ms=1_000 * seconds,
        modality="voice",
    )  # fmt: skip


def sighting(
    id_: str,
    *elsewhere: str,
    side: Side = "agent",
    seconds: int = 60,
    status: ConversationStatus = "completed",
    minute: int = 1,
) -> CallReport:
    """A message of one stack."""
    record, time = call(seconds, status), CREATED + minute * 60_000_000
    hash_ = data_hash(record)
    state = State(ORG, Kind.CONVERSATION, id_, record, time, 0, "/hooks", f"{id_} {minute}", hash_)
    return CallReport(state, side, elsewhere)


def see(ledger: Ledger, *sightings: CallReport) -> Receipt:
    """One request with messages."""
    return ledger.write({ORG: OrgBatch("connector", list(enumerate(sightings)))})


AGENT = sighting("vapi:1", "twilio:CA1", seconds=58)
LINE = sighting("twilio:CA1", side="carrier", seconds=61)
LEG = sighting("twilio:CA2", "twilio:CA1", side="carrier", seconds=55)
