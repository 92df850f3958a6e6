"""Reports of one call by several providers: an agent provider, and a carrier with two legs."""

from talkmeter.ingest.receipt import Receipt
from talkmeter.ledger.batch import CallReport, OrgBatch, Side
from talkmeter.records import Conversation, Kind, State, data_hash
from talkmeter_client.vocabulary import ConversationStatus
from tests.store.ledger import ORG, Ledger

CREATED = 1_772_366_340_000_000
"""2026-03-01T11:59:00Z."""


def call(seconds: int = 60, status: ConversationStatus = "completed") -> Conversation:
    """Return a telephone call."""
    return Conversation(
        channel="telephone", direction="inbound", status=status, created_at=CREATED, duration_ms=1_000 * seconds,
        modality="voice",
    )  # fmt: skip


def report(
    id_: str,
    *linked_ids: str,
    side: Side = "agent",
    seconds: int = 60,
    status: ConversationStatus = "completed",
    minute: int = 1,
) -> CallReport:
    """Return a provider's report of a call."""
    record, time = call(seconds, status), CREATED + minute * 60_000_000
    hash_ = data_hash(record)
    state = State(ORG, Kind.CONVERSATION, id_, record, time, 0, "/hooks", f"{id_} {minute}", hash_)
    return CallReport(state, side, linked_ids)


def send_reports(ledger: Ledger, *reports: CallReport) -> Receipt:
    """Write reports as one request."""
    return ledger.write([OrgBatch(ORG, "connector", list(enumerate(reports)))])


AGENT = report("vapi:1", "twilio:CA1", seconds=58)
LINE = report("twilio:CA1", side="carrier", seconds=61)
LEG = report("twilio:CA2", "twilio:CA1", side="carrier", seconds=55)
