"""Linked calls: a call that several providers report is counted once, in any order; the others are kept and linked."""

import random
from collections.abc import Iterator
from itertools import permutations

import pytest

from talkmeter.db.engine import reading, writing
from talkmeter.ledger.batch import CallReport, PartialUpdate
from talkmeter.ledger.call_links import set_preferred_side
from talkmeter.records import Conversation, Kind, RecordKey
from talkmeter.usage.history import ConversationFields, read_history
from talkmeter_client.vocabulary import ConversationStatus
from tests.events import conversation, event
from tests.store.call_reports import AGENT, CREATED, LEG, LINE, call, report, send_reports
from tests.store.ledger import ORG, Ledger


def linked(ledger: Ledger) -> dict[str, str | None]:
    return dict(ledger.rows("SELECT id, linked_to FROM conversation"))


ORDERS = [*permutations((AGENT, LINE, LEG))]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: " ".join(report.update.id for report in order))
@pytest.mark.parametrize("together", [True, False])
def test_call_reported_three_times_is_counted_once_as_the_agent_side_reports_it(
    ledger: Ledger, order: tuple[CallReport, ...], together: bool
) -> None:
    for reports in [order] if together else [(single,) for single in order]:
        send_reports(ledger, *reports)

    assert linked(ledger) == {"vapi:1": None, "twilio:CA1": "vapi:1", "twilio:CA2": "vapi:1"}
    assert (ledger.summary().total_calls, ledger.summary().voice_duration_ms) == (1, 58_000)
    assert ledger.verify() == []


def test_history_shows_the_counted_conversation_and_the_linked_ones(ledger: Ledger) -> None:
    send_reports(ledger, AGENT, LINE, LEG, report("vapi:2"))

    with reading(ledger.engine) as connection:
        agent, line, other = (
            read_history(connection, ORG, RecordKey(Kind.CONVERSATION, id_), None)
            for id_ in ("vapi:1", "twilio:CA1", "vapi:2")
        )
    assert (agent.linked_to, agent.linked) == (None, ["twilio:CA1", "twilio:CA2"])
    assert agent.states[0].adds["voice_duration_ms"] == 58_000
    assert (line.linked_to, line.linked) == ("vapi:1", [])
    assert (line.states[0].wins, line.states[0].adds) == (True, {})
    assert isinstance(line.states[0].record, ConversationFields)
    assert line.states[0].record.created_at == "2026-03-01T11:59:00Z"
    assert (other.linked_to, other.linked) == (None, [])


def test_without_an_agent_report_the_leg_that_others_refer_to_is_counted(ledger: Ledger) -> None:
    send_reports(ledger, LEG, LINE)

    assert linked(ledger) == {"twilio:CA1": None, "twilio:CA2": "twilio:CA1"}
    assert ledger.summary().voice_duration_ms == 61_000


def test_organization_can_count_the_carrier_side(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        set_preferred_side(connection, ORG, "carrier")
    send_reports(ledger, AGENT)
    send_reports(ledger, LINE)

    assert linked(ledger) == {"vapi:1": "twilio:CA1", "twilio:CA1": None}
    assert ledger.summary().voice_duration_ms == 61_000


def test_linked_conversation_accepts_updates_and_stays_linked(ledger: Ledger) -> None:
    send_reports(ledger, AGENT, LINE)
    assert send_reports(ledger, report("twilio:CA1", side="carrier", seconds=70, minute=2)).accepted == 1
    ledger.send({**conversation("twilio:CA1", duration=71), "time": "2026-03-01T13:00:00Z"})

    assert linked(ledger) == {"vapi:1": None, "twilio:CA1": "vapi:1"}
    assert ledger.summary().voice_duration_ms == 58_000
    assert ledger.verify() == []


def test_after_the_counted_conversation_is_deleted_another_one_is_counted(ledger: Ledger) -> None:
    send_reports(ledger, AGENT, LINE, LEG)
    ledger.send({**event("conversation.deleted", {"id": "vapi:1"}), "time": "2026-03-01T13:00:00Z"})

    assert linked(ledger) == {"vapi:1": None, "twilio:CA1": None, "twilio:CA2": "twilio:CA1"}
    assert ledger.summary().voice_duration_ms == 61_000
    assert ledger.verify() == []


def test_conversation_without_participants_does_not_replace_the_carrier_side(ledger: Ledger) -> None:
    send_reports(ledger, LINE, report("vapi:1", "twilio:CA1", status="token_created"))
    assert ledger.summary().voice_duration_ms == 61_000
    send_reports(ledger, report("vapi:1", "twilio:CA1", seconds=58, minute=2))
    assert ledger.summary().voice_duration_ms == 58_000
    assert ledger.verify() == []


def test_reports_without_a_common_id_are_not_linked(ledger: Ledger) -> None:
    other_agent = report("vapi:2", "twilio:CA9", seconds=10)
    send_reports(ledger, AGENT, other_agent, report("twilio:CA8", side="carrier", seconds=20))

    assert set(linked(ledger).values()) == {None}
    assert ledger.summary().total_calls == 3


def test_repeated_reports_in_any_order_change_nothing(ledger: Ledger) -> None:
    chance = random.Random(7)
    reports = [
        call_report
        for number in range(20)
        for call_report in (
            report(f"vapi:{number}", f"twilio:CA{number}", seconds=number + 1),
            report(f"twilio:CA{number}", side="carrier", status="ringing", seconds=0, minute=0),
            report(f"twilio:CA{number}", side="carrier", seconds=100),
        )
    ]
    for _ in range(3):
        chance.shuffle(reports)
        for begin in range(0, len(reports), 7):
            send_reports(ledger, *reports[begin : begin + 7])

    assert ledger.summary().total_calls == 20
    assert ledger.summary().voice_duration_ms == 1_000 * sum(range(1, 21))
    assert ledger.verify() == []


def test_verify_finds_a_wrong_link_and_repairs_it(ledger: Ledger) -> None:
    send_reports(ledger, AGENT, LINE)
    ledger.damage(
        "UPDATE conversation SET linked_to = NULL, created_at = linked_created_at, linked_created_at = NULL "
        "WHERE id = 'twilio:CA1'"
    )

    assert ledger.verify()[0] == "conversation 'twilio:CA1': it is counted, but should be linked to 'vapi:1'."
    ledger.verify(repair=True)
    assert ledger.verify() == []
    assert linked(ledger) == {"vapi:1": None, "twilio:CA1": "vapi:1"}
    assert ledger.summary().voice_duration_ms == 58_000


def test_repair_relinks_calls_after_the_preferred_side_changed(ledger: Ledger) -> None:
    send_reports(ledger, AGENT, LINE, LEG)
    with writing(ledger.engine) as connection:
        set_preferred_side(connection, ORG, "carrier")
    assert ledger.verify(repair=True)

    assert linked(ledger) == {"vapi:1": "twilio:CA1", "twilio:CA1": None, "twilio:CA2": "twilio:CA1"}
    assert ledger.summary().voice_duration_ms == 61_000
    assert ledger.verify() == []


def partial_report(status: ConversationStatus, seconds: int | None, minute: int) -> CallReport:
    """Return a partial report of a call: whether it has ended, and its minimum duration."""

    def merge(known: Conversation | None) -> Conversation:
        ended = status == "completed" or (known is not None and known.status == "completed")
        duration = max(seconds or 0, (known.duration_ms or 0) // 1_000 if known else 0)
        return call(duration, "completed" if ended else "in_progress")

    return CallReport(
        PartialUpdate(ORG, "livekit:RM1", merge, CREATED + minute * 60_000_000, "/hooks", f"EV{minute}"), "agent", ()
    )


PARTS = (
    partial_report("in_progress", None, 1),
    partial_report("in_progress", 30, 2),
    partial_report("completed", 20, 3),
)


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_partial_reports_give_the_same_conversation_in_any_order(ledger: Ledger, order: tuple[int, ...]) -> None:
    for index in (*order, *order):
        send_reports(ledger, PARTS[index])

    assert ledger.summary().voice_duration_ms == 30_000
    assert ledger.summary().live_calls == 0
    assert ledger.verify() == []
    assert send_reports(ledger, *PARTS).duplicate == 3


@pytest.fixture(autouse=True)
def _links_point_at_counted_conversations(ledger: Ledger) -> Iterator[None]:
    """After each test, every link must point at an existing conversation that is not linked itself."""
    yield
    links = linked(ledger)
    assert all(links[target] is None for target in links.values() if target is not None)
