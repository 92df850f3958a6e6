"""Pruning the history: old states that lost go, the winner of a record stays however old it is."""

import threading

import pytest

from talkmeter import clock
from talkmeter.db.engine import reading
from talkmeter.ledger.history import RECORDS_PER_STEP, make_pruner, prune
from talkmeter.ledger.writer import Writer
from talkmeter.period import MICROSECONDS_PER_DAY
from talkmeter.records import Kind
from talkmeter.usage.names import read_item_names
from tests.events import Json, conversation, event, run
from tests.store.ledger import ORG, Ledger

LONG_AGO = 1
LOSER = conversation(status="ringing") | {"time": "2026-03-01T12:00:00Z", "id": "loser"}
WINNER = conversation() | {"time": "2026-03-01T12:01:00Z", "id": "winner"}
LATE_LOSER = conversation(status="ringing") | {"time": "2026-03-01T12:02:00Z", "id": "late loser"}


def make_old(ledger: Ledger, *event_ids: str) -> None:
    """Let states look as if they had been stored long ago."""
    for event_id in event_ids:
        ledger.damage("UPDATE record_state SET stored_at = :at WHERE event_id = :id", at=LONG_AGO, id=event_id)


def kept(ledger: Ledger) -> list[str]:
    return [event_id for (event_id,) in ledger.rows("SELECT event_id FROM record_state ORDER BY event_id")]


def test_old_states_that_lost_are_removed(ledger: Ledger) -> None:
    ledger.tell(LOSER, WINNER, LATE_LOSER)
    make_old(ledger, "loser", "late loser")

    prune(ledger.engine, LONG_AGO + 1)

    assert kept(ledger) == ["winner"]


def test_a_winner_is_never_removed_however_old_it_is(ledger: Ledger) -> None:
    ledger.tell(LOSER, WINNER, LATE_LOSER)
    make_old(ledger, "loser", "winner", "late loser")

    prune(ledger.engine, clock.now() + MICROSECONDS_PER_DAY)

    assert kept(ledger) == ["winner"]
    assert ledger.verify() == []


def test_states_stored_since_then_stay(ledger: Ledger) -> None:
    ledger.tell(LOSER, WINNER, LATE_LOSER)
    make_old(ledger, "loser")

    prune(ledger.engine, LONG_AGO)
    assert kept(ledger) == ["late loser", "loser", "winner"]

    prune(ledger.engine, LONG_AGO + 1)
    assert kept(ledger) == ["late loser", "winner"]


def test_the_numbers_and_the_revision_stay_as_they_are(ledger: Ledger) -> None:
    ledger.tell(LOSER, WINNER, LATE_LOSER, run(), event("agent.updated", {"id": "ann"}))
    before = (ledger.summary(), ledger.revision())

    prune(ledger.engine, clock.now() + 1)

    assert (ledger.summary(), ledger.revision()) == before


def test_every_kind_of_every_organization_is_pruned(ledger: Ledger) -> None:
    def of(org_id: str) -> list[Json]:
        old, new = {"time": "2026-03-01T00:00:00Z", "id": "old"}, {"time": "2026-03-02T00:00:00Z", "id": "new"}
        nouns = ("agent", "phone_number", "web_widget", "dataset")
        items = [event(f"{noun}.updated", {"id": "x", "organization_id": org_id}) for noun in nouns]
        first = [conversation(organization_id=org_id), run(organization_id=org_id), *items]
        return [one | which for one in first for which in (old, new)]

    ledger.tell(*of("a"), *of("b"), org_id=None)
    assert sorted(kept(ledger)) == ["new"] * 12 + ["old"] * 12

    prune(ledger.engine, clock.now() + 1)

    assert kept(ledger) == ["new"] * 12


def test_more_records_than_one_step_takes_are_all_pruned(ledger: Ledger) -> None:
    number = RECORDS_PER_STEP + 10
    for time in ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"):
        ledger.tell(*(conversation(f"call-{one:04}") | {"time": time} for one in range(number)))

    prune(ledger.engine, clock.now() + 1)

    assert len(kept(ledger)) == number


@pytest.mark.parametrize("days", [None, 0])
def test_where_history_is_kept_for_ever_or_not_at_all_nothing_is_pruned(ledger: Ledger, days: int | None) -> None:
    assert make_pruner(ledger.engine, days) is None


def test_a_pruner_removes_what_is_older_than_its_days(ledger: Ledger) -> None:
    ledger.tell(LOSER, WINNER, LATE_LOSER)
    two_days_ago = clock.now() - 2 * MICROSECONDS_PER_DAY
    ledger.damage("UPDATE record_state SET stored_at = :at WHERE event_id = 'loser'", at=two_days_ago)
    lasting, passing = make_pruner(ledger.engine, 3), make_pruner(ledger.engine, 1)
    assert lasting is not None
    assert passing is not None

    while lasting():
        pass
    assert kept(ledger) == ["late loser", "loser", "winner"]

    while passing():
        pass
    assert kept(ledger) == ["late loser", "winner"]


def test_a_pruner_works_in_steps_and_rests_after_a_sweep(ledger: Ledger) -> None:
    ledger.tell(*(conversation(f"call-{one:04}") for one in range(RECORDS_PER_STEP + 1)))
    step = make_pruner(ledger.engine, 1)
    assert step is not None

    assert [step(), step(), step()] == [True, True, False]
    ledger.tell(LOSER | {"id": "later"}, WINNER)
    make_old(ledger, "later")
    assert step() is False
    assert "later" in kept(ledger)


def test_a_writer_prunes_while_nothing_waits(ledger: Ledger) -> None:
    ledger.tell(LOSER, WINNER)
    make_old(ledger, "loser")
    step = make_pruner(ledger.engine, 1)
    assert step is not None
    swept = threading.Event()

    def keep_house() -> bool:
        more = step()
        if not more:
            swept.set()
        return more

    writer = Writer(ledger.engine, keep_history=True, max_events=10, idle=keep_house, idle_every_sec=0.001)
    try:
        assert swept.wait(10)
    finally:
        writer.close()

    assert kept(ledger) == ["winner"]


def test_pruning_leaves_a_deleted_item_its_last_name(ledger: Ledger) -> None:
    named = {**event("agent.updated", {"id": "ann", "name": "Ann"}), "time": "2026-03-01T10:00:00Z"}
    renamed = {**event("agent.updated", {"id": "ann", "name": "Anna"}), "time": "2026-03-01T11:00:00Z"}
    deleted = {**event("agent.deleted", {"id": "ann"}), "time": "2026-03-01T12:00:00Z"}
    ledger.tell(named, renamed, deleted)
    prune(ledger.engine, clock.now() + MICROSECONDS_PER_DAY)
    with reading(ledger.engine) as connection:
        names = read_item_names(connection, ORG, Kind.AGENT, ["ann"])

    assert names == {"ann": "Anna"}
    assert ledger.rows("SELECT count(*) FROM record_state") == [(2,)]
