"""A connector's calls in a window: each is read exactly once, in pages."""

from talkmeter.ledger.batch import CallReport
from talkmeter.ledger.connector_calls import PAGE_SIZE, connector_calls
from talkmeter.period import Window
from talkmeter.records import Conversation, Kind, State, data_hash
from tests.store.call_reports import AGENT, LINE, send_reports
from tests.store.ledger import ORG, Ledger

MIDNIGHT = 1_772_323_200_000_000
"""2026-03-01T00:00:00Z."""
DAY = Window(MIDNIGHT, MIDNIGHT + 86_400_000_000)
SOURCE = "/connectors/1"


def report(id_: str, created_at: int = MIDNIGHT, source: str = SOURCE, *, chat: bool = False) -> CallReport:
    """Return a report of a call or a chat."""
    record = Conversation(
        channel="text" if chat else "telephone", direction="inbound", status="completed", created_at=created_at,
        duration_ms=1_000, modality="chat" if chat else "voice",
    )  # fmt: skip
    state = State(ORG, Kind.CONVERSATION, id_, record, created_at, 0, source, id_, data_hash(record))
    return CallReport(state, "carrier", ())


def read_pages(ledger: Ledger, source: str = SOURCE, prefix: str = "twilio:") -> list[list[str]]:
    """Return the ids of each page."""
    pages = connector_calls(ledger.engine, ORG, prefix, DAY, (source, f"{source}/reconcile"))
    return [[state.id for state in page] for page in pages]


def test_several_pages_have_each_call_once_in_order_of_ids(ledger: Ledger) -> None:
    ids = [f"twilio:CA{number:04}" for number in range(PAGE_SIZE + 1)]
    send_reports(ledger, *map(report, ids))
    assert read_pages(ledger) == [ids[:PAGE_SIZE], ids[PAGE_SIZE:]]


def test_only_voice_calls_of_the_window_provider_and_connector_are_read(ledger: Ledger) -> None:
    send_reports(
        ledger,
        report("twilio:first"),
        report("twilio:last", DAY.end - 1),
        report("twilio:before", DAY.start - 1),
        report("twilio:after", DAY.end),
        report("twilio:recorded", source=f"{SOURCE}/reconcile"),
        report("twilio:other", source="/connectors/2"),
        report("twilio:chat", chat=True),
        report("twilio2:other-provider"),
        report("vapi:other-provider"),
    )
    assert read_pages(ledger) == [["twilio:first", "twilio:last", "twilio:recorded"]]


def test_linked_call_is_read_too(ledger: Ledger) -> None:
    send_reports(ledger, AGENT, LINE)
    assert read_pages(ledger, "/hooks") == [["twilio:CA1"]]


def test_without_calls_there_is_no_page(ledger: Ledger) -> None:
    assert read_pages(ledger) == []
