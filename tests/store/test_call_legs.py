"""Legs of one call that share a session: one of them is counted, whatever their ids, with the assistant of any leg."""

from itertools import permutations
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from talkmeter.ledger.batch import CallReport, PartialUpdate
from talkmeter.ledger.call_links import CallMember, choose_links, countable_record
from talkmeter.records import Conversation, Kind, State, data_hash
from talkmeter_client.vocabulary import Direction
from tests.events import conversation
from tests.store.call_reports import CREATED, send_reports
from tests.store.ledger import ORG, Ledger

SECOND: Final = 1_000_000


def state_of(id_: str, direction: Direction, second: int, duration_sec: int, agent: str | None = None) -> State:
    record = Conversation(
        channel="telephone", direction=direction, status="completed", created_at=CREATED + second * SECOND,
        duration_ms=duration_sec * 1_000, modality="voice", agent_id=agent,
    )  # fmt: skip
    time = record.created_at + duration_sec * SECOND
    return State(ORG, Kind.CONVERSATION, id_, record, time, 0, "/connectors/1", f"{id_} {time}", data_hash(record))


def leg(id_: str, direction: Direction, second: int, duration_sec: int, agent: str | None = None) -> CallReport:
    """Return a leg of a call whose session has another id than its legs."""
    return CallReport(state_of(id_, direction, second, duration_sec, agent), "carrier", ("telnyx:session",))


def counted(ledger: Ledger) -> list[tuple[str, str, str | None]]:
    """Return id, direction and agent of the counted conversations."""
    return ledger.rows("SELECT id, direction, agent_id FROM conversation WHERE linked_to IS NULL")


def minutes_by_agent(ledger: Ledger) -> list[tuple[str, int]]:
    return ledger.rows(
        "SELECT value, voice_ms FROM usage_daily WHERE dimension = 'agent' AND calls <> 0 AND day > 0 ORDER BY value"
    )


@pytest.mark.parametrize("ids", [*permutations(("telnyx:0a", "telnyx:f0", "telnyx:77"))])
@pytest.mark.parametrize("reverse", [False, True])
def test_incoming_leg_is_counted_whatever_the_ids(ledger: Ledger, ids: tuple[str, str, str], reverse: bool) -> None:
    first, second, third = ids
    legs = [leg(first, "inbound", 0, 600), leg(second, "outbound", 120, 480), leg(third, "outbound", 0, 10)]
    for each in reversed(legs) if reverse else legs:
        send_reports(ledger, each)

    assert counted(ledger) == [(first, "inbound", None)]
    assert (ledger.summary().total_calls, ledger.summary().voice_duration_ms) == (1, 600_000)
    assert ledger.verify() == []


@pytest.mark.parametrize("ids", [("telnyx:0a", "telnyx:f0"), ("telnyx:f0", "telnyx:0a")])
def test_without_an_incoming_leg_the_first_one_is_counted(ledger: Ledger, ids: tuple[str, str]) -> None:
    send_reports(ledger, leg(ids[1], "outbound", 120, 480), leg(ids[0], "outbound", 0, 600))

    assert counted(ledger) == [(ids[0], "outbound", None)]
    assert ledger.summary().voice_duration_ms == 600_000


@pytest.mark.parametrize("order", [*permutations(range(2))])
@pytest.mark.parametrize("ids", [("telnyx:0a", "telnyx:f0"), ("telnyx:f0", "telnyx:0a")])
def test_assistant_of_a_linked_leg_is_kept(ledger: Ledger, ids: tuple[str, str], order: tuple[int, ...]) -> None:
    legs = leg(ids[0], "inbound", 0, 600), leg(ids[1], "outbound", 120, 480, "assistant-1")
    for place in order:
        send_reports(ledger, legs[place])

    assert counted(ledger) == [(ids[0], "inbound", "assistant-1")]
    assert minutes_by_agent(ledger) == [("assistant-1", 600_000)]
    assert ledger.verify() == []
    assert send_reports(ledger, *legs).duplicate == 2
    assert minutes_by_agent(ledger) == [("assistant-1", 600_000)]


def test_counted_leg_keeps_its_own_assistant(ledger: Ledger) -> None:
    send_reports(ledger, leg("telnyx:f0", "inbound", 0, 600, "own"), leg("telnyx:0a", "outbound", 120, 480, "other"))

    assert minutes_by_agent(ledger) == [("own", 600_000)]


def test_assistant_follows_corrections_and_deletions_of_its_leg(ledger: Ledger) -> None:
    send_reports(ledger, leg("telnyx:f0", "inbound", 0, 600), leg("telnyx:0a", "outbound", 120, 480, "first"))
    later = {"direction": "outbound", "created_at": "2026-03-01T12:01:00Z", "duration": 480}
    ledger.send({**conversation("telnyx:0a", agent_id="second", **later), "time": "2026-03-01T14:00:00Z"})
    assert minutes_by_agent(ledger) == [("second", 600_000)]
    assert ledger.verify() == []

    corrected = {"direction": "inbound", "created_at": "2026-03-01T11:59:00Z", "duration": 630, "agent_id": None}
    ledger.send({**conversation("telnyx:f0", **corrected), "time": "2026-03-01T15:00:00Z"})
    assert minutes_by_agent(ledger) == [("second", 630_000)]
    assert ledger.verify() == []


def test_corrected_direction_changes_which_leg_is_counted(ledger: Ledger) -> None:
    send_reports(ledger, leg("telnyx:f0", "inbound", 0, 600), leg("telnyx:0a", "outbound", 120, 480))
    corrected = {"direction": "outbound", "created_at": "2026-03-01T12:30:00Z", "duration": 600, "agent_id": None}
    ledger.send({**conversation("telnyx:f0", **corrected), "time": "2026-03-01T14:00:00Z"})

    assert [id_ for id_, _, _ in counted(ledger)] == ["telnyx:0a"]
    assert ledger.verify() == []


def test_verify_restores_the_assistant_of_a_linked_leg(ledger: Ledger) -> None:
    send_reports(ledger, leg("telnyx:f0", "inbound", 0, 600), leg("telnyx:0a", "outbound", 120, 480, "ann"))
    ledger.damage("UPDATE conversation SET agent_id = NULL, linked_created_at = NULL WHERE id = 'telnyx:f0'")

    assert ledger.verify()[0] == (
        "conversation 'telnyx:f0': it is counted, but should be counted with the agent 'ann' of its call."
    )
    ledger.verify(repair=True)
    assert ledger.verify() == []
    assert minutes_by_agent(ledger) == [("ann", 600_000)]


LEGS: Final = st.lists(
    st.tuples(st.sampled_from(["inbound", "outbound"]), st.integers(0, 50), st.sampled_from([None, "a", "b"])),
    min_size=1,
    max_size=5,
    unique_by=lambda values: values[1],
)


@given(LEGS)
def test_names_of_the_legs_do_not_decide(legs: list[tuple[Direction, int, str | None]]) -> None:
    results = []
    for shift in range(len(legs)):
        names = [f"telnyx:{(place + shift) % len(legs)}" for place in range(len(legs))]
        states = {name: state_of(name, way, at, 9, agent) for name, (way, at, agent) in zip(names, legs, strict=True)}
        links = choose_links([CallMember(name, "carrier", 1) for name in sorted(names)], states, "agent")
        results.append([(links[name].linked_to is None, links[name].call_agent) for name in names])
    assert all(result == results[0] for result in results)
    assert sum(is_counted for is_counted, _ in results[0]) == 1
    first = min(range(len(legs)), key=lambda place: (legs[place][0] != "inbound", legs[place][1]))
    assert results[0][first][0]


def listed_leg(id_: str, source: str) -> CallReport:
    """Return a leg as reconciling records it from the provider's list, which has no agents."""
    record = countable_record(state_of(id_, "inbound", 0, 600))
    assert record is not None

    def merge(known: Conversation | None) -> Conversation:
        return known or replace(record, agent_number="number-id-7")

    time = CREATED + 3_600 * SECOND
    return CallReport(PartialUpdate(ORG, id_, merge, time, source, f"reconcile:{id_}"), "carrier", ())


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_list_of_calls_erases_no_detail_of_a_webhook(ledger: Ledger, order: tuple[int, ...]) -> None:
    first = state_of("twilio:CA1", "inbound", 0, 600, "reception")
    assert isinstance(first.record, Conversation)
    record = replace(first.record, agent_number="+15005550001")
    webhook = CallReport(replace(first, record=record, hash=data_hash(record)), "carrier", ())
    reports = (webhook, listed_leg("twilio:CA1", "/connectors/1/reconcile"), webhook)
    for place in order:
        send_reports(ledger, reports[place])

    assert ledger.rows("SELECT agent_id, agent_number, duration_ms FROM conversation") == [
        ("reception", "+15005550001", 600_000)
    ]
    assert minutes_by_agent(ledger) == [("reception", 600_000)]
    assert ledger.verify() == []
