"""The calls that a connector told of: those of a window, all of them, each once, in pages."""

from talkmeter.ledger.batch import CallReport
from talkmeter.ledger.connector_calls import PAGE_SIZE, connector_calls
from talkmeter.period import Window
from talkmeter.records import Conversation, Kind, State, data_hash
from tests.store.ledger import ORG, Ledger
from tests.store.sightings import AGENT, LINE, see

MIDNIGHT = 1_772_323_200_000_000
"""2026-03-01T00:00:00Z."""
DAY = Window(MIDNIGHT, MIDNIGHT + 86_400_000_000)
SOURCE = "/connectors/1"


def told(id_: str, created_at: int = MIDNIGHT, source: str = SOURCE, *, chat: bool = False) -> CallReport:
    """A message about a call or a chat."""
    record = Conversation(
        channel="text" if chat else "telephone", direction="inbound", status="completed", created_at=created_at,
        duration_ms=1_000, modality="chat" if chat else "voice",
    )  # fmt: skip
    state = State(ORG, Kind.CONVERSATION, id_, record, created_at, 0, source, id_, data_hash(record))
    return CallReport(state, "carrier", ())


def heard(ledger: Ledger, source: str = SOURCE, prefix: str = "twilio:") -> list[list[str]]:
    """The ids of each page."""
    pages = connector_calls(ledger.engine, ORG, prefix, DAY, (source, f"{source}/reconcile"))
    return [[state.id for state in page] for page in pages]


def test_more_calls_than_a_page_are_each_read_once_in_order_of_their_ids(ledger: Ledger) -> None:
    ids = [f"twilio:CA{number:04}" for number in range(PAGE_SIZE + 1)]
    see(ledger, *map(told, ids))
    assert heard(ledger) == [ids[:PAGE_SIZE], ids[PAGE_SIZE:]]


def test_only_voice_calls_of_the_window_the_stack_and_the_connector_are_read(ledger: Ledger) -> None:
    see(
        ledger,
        told("twilio:first"),
        told("twilio:last", DAY.end - 1),
        told("twilio:before", DAY.start - 1),
        told("twilio:after", DAY.end),
        told("twilio:recorded", source=f"{SOURCE}/reconcile"),
        told("twilio:other", source="/connectors/2"),
        told("twilio:chat", chat=True),
        told("twilio2:of-another-stack"),
        told("vapi:of-another-stack"),
    )
    assert heard(ledger) == [["twilio:first", "twilio:last", "twilio:recorded"]]


def test_a_call_that_is_linked_to_another_one_is_read_as_well(ledger: Ledger) -> None:
    see(ledger, AGENT, LINE)
    assert heard(ledger, "/hooks") == [["twilio:CA1"]]


def test_where_there_is_none_there_is_no_page(ledger: Ledger) -> None:
    assert heard(ledger) == []
