"""One call that several stacks tell of: counted once, whoever tells first; the others are kept and point at it."""

import random
from collections.abc import Iterator
from itertools import permutations

import pytest

from talkmeter.db.engine import reading, writing
from talkmeter.ledger.batch import CallReport, PartialUpdate
from talkmeter.ledger.call_links import set_preferred_side
from talkmeter.records import Conversation, ConversationStatus, Kind, RecordKey
from talkmeter.usage.history import ConversationFields, read_history
from tests.events import conversation, event
from tests.store.ledger import ORG, Ledger
from tests.store.sightings import AGENT, CREATED, LEG, LINE, call, see, sighting


def linked(ledger: Ledger) -> dict[str, str | None]:
    return dict(ledger.rows("SELECT id, linked_to FROM conversation"))


ORDERS = [*permutations((AGENT, LINE, LEG))]


@pytest.mark.parametrize("order", ORDERS, ids=lambda order: " ".join(one.update.id for one in order))
@pytest.mark.parametrize("together", [True, False])
def test_a_call_that_three_tell_of_is_counted_once_by_what_the_agent_stack_says(
    ledger: Ledger, order: tuple[CallReport, ...], together: bool
) -> None:
    for part in [order] if together else [(one,) for one in order]:
        see(ledger, *part)

    assert linked(ledger) == {"vapi:1": None, "twilio:CA1": "vapi:1", "twilio:CA2": "vapi:1"}
    assert (ledger.summary().total_calls, ledger.summary().voice_duration_ms) == (1, 58_000)
    assert ledger.verify() == []


def test_the_history_of_each_says_which_one_is_counted_for_the_call_and_what_tells_of_it_too(ledger: Ledger) -> None:
    see(ledger, AGENT, LINE, LEG, sighting("vapi:2"))

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


def test_of_the_legs_of_a_call_that_no_agent_stack_tells_of_the_one_they_name_is_counted(ledger: Ledger) -> None:
    see(ledger, LEG, LINE)

    assert linked(ledger) == {"twilio:CA1": None, "twilio:CA2": "twilio:CA1"}
    assert ledger.summary().voice_duration_ms == 61_000


def test_an_organization_may_count_what_the_line_says(ledger: Ledger) -> None:
    with writing(ledger.engine) as connection:
        set_preferred_side(connection, ORG, "carrier")
    see(ledger, AGENT)
    see(ledger, LINE)

    assert linked(ledger) == {"vapi:1": "twilio:CA1", "twilio:CA1": None}
    assert ledger.summary().voice_duration_ms == 61_000


def test_a_linked_conversation_goes_on_being_told_of_and_stays_linked(ledger: Ledger) -> None:
    see(ledger, AGENT, LINE)
    assert see(ledger, sighting("twilio:CA1", side="carrier", seconds=70, minute=2)).accepted == 1
    ledger.tell({**conversation("twilio:CA1", duration=71), "time": "2026-03-01T13:00:00Z"})

    assert linked(ledger) == {"vapi:1": None, "twilio:CA1": "vapi:1"}
    assert ledger.summary().voice_duration_ms == 58_000
    assert ledger.verify() == []


def test_where_the_counted_one_is_deleted_another_one_of_the_call_is_counted(ledger: Ledger) -> None:
    see(ledger, AGENT, LINE, LEG)
    ledger.tell({**event("conversation.deleted", {"id": "vapi:1"}), "time": "2026-03-01T13:00:00Z"})

    assert linked(ledger) == {"vapi:1": None, "twilio:CA1": None, "twilio:CA2": "twilio:CA1"}
    assert ledger.summary().voice_duration_ms == 61_000
    assert ledger.verify() == []


def test_a_conversation_that_nobody_joined_takes_no_call_from_the_line(ledger: Ledger) -> None:
    see(ledger, LINE, sighting("vapi:1", "twilio:CA1", status="token_created"))
    assert ledger.summary().voice_duration_ms == 61_000
    see(ledger, sighting("vapi:1", "twilio:CA1", seconds=58, minute=2))
    assert ledger.summary().voice_duration_ms == 58_000
    assert ledger.verify() == []


def test_calls_of_other_organizations_and_other_names_stay_apart(ledger: Ledger) -> None:
    see(ledger, AGENT, sighting("vapi:2", "twilio:CA9", seconds=10), sighting("twilio:CA8", side="carrier", seconds=20))

    assert set(linked(ledger).values()) == {None}
    assert ledger.summary().total_calls == 3


def test_what_is_sent_again_in_any_order_changes_nothing(ledger: Ledger) -> None:
    chance = random.Random(7)
    told = [
        one
        for number in range(20)
        for one in (
            sighting(f"vapi:{number}", f"twilio:CA{number}", seconds=number + 1),
            sighting(f"twilio:CA{number}", side="carrier", status="ringing", seconds=0, minute=0),
            sighting(f"twilio:CA{number}", side="carrier", seconds=100),
        )
    ]
    for _ in range(3):
        chance.shuffle(told)
        for begin in range(0, len(told), 7):
            see(ledger, *told[begin : begin + 7])

    assert ledger.summary().total_calls == 20
    assert ledger.summary().voice_duration_ms == 1_000 * sum(range(1, 21))
    assert ledger.verify() == []


def test_verify_finds_a_wrong_link_and_repairs_it(ledger: Ledger) -> None:
    see(ledger, AGENT, LINE)
    ledger.damage(
        "UPDATE conversation SET linked_to = NULL, created_at = linked_created_at, linked_created_at = NULL "
        "WHERE id = 'twilio:CA1'"
    )

    assert ledger.verify()[0] == "conversation 'twilio:CA1': it is counted, but should be linked to 'vapi:1'."
    ledger.verify(repair=True)
    assert ledger.verify() == []
    assert linked(ledger) == {"vapi:1": None, "twilio:CA1": "vapi:1"}
    assert ledger.summary().voice_duration_ms == 58_000


def test_where_the_organization_changes_its_mind_its_calls_are_linked_anew(ledger: Ledger) -> None:
    see(ledger, AGENT, LINE, LEG)
    with writing(ledger.engine) as connection:
        set_preferred_side(connection, ORG, "carrier")
    assert ledger.verify(repair=True)

    assert linked(ledger) == {"vapi:1": "twilio:CA1", "twilio:CA1": None, "twilio:CA2": "twilio:CA1"}
    assert ledger.summary().voice_duration_ms == 61_000
    assert ledger.verify() == []


def joins(status: ConversationStatus, seconds: int | None, minute: int) -> CallReport:
    """A message that knows a part of a call: whether it has ended, and how long it was at least."""

    def amend(known: Conversation | None) -> Conversation:
        ended = status == "completed" or (known is not None and known.status == "completed")
        longest = max(seconds or 0, (known.duration_ms or 0) // 1_000 if known else 0)
        return call(longest, "completed" if ended else "in_progress")

    return CallReport(
        PartialUpdate(ORG, "livekit:RM1", amend, CREATED + minute * 60_000_000, "/hooks", f"EV{minute}"), "agent", ()
    )


PARTS = (joins("in_progress", None, 1), joins("in_progress", 30, 2), joins("completed", 20, 3))


@pytest.mark.parametrize("order", [*permutations(range(3))])
def test_parts_that_amend_a_conversation_come_to_the_same_in_any_order_and_again(
    ledger: Ledger, order: tuple[int, ...]
) -> None:
    for place in (*order, *order):
        see(ledger, PARTS[place])

    assert ledger.summary().voice_duration_ms == 30_000
    assert ledger.summary().live_calls == 0
    assert ledger.verify() == []
    assert see(ledger, *PARTS).duplicate == 3


@pytest.fixture(autouse=True)
def _nothing_is_left_unlinked(ledger: Ledger) -> Iterator[None]:
    """No linked conversation points at one that is linked itself, or at none."""
    yield
    pointing = linked(ledger)
    assert all(pointing[to] is None for to in pointing.values() if to is not None)
