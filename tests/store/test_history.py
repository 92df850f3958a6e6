"""History pruning: old losing states are removed, winning states are kept at any age."""

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
    """Set the storage time of states to long ago."""
    for event_id in event_ids:
        ledger.damage("UPDATE record_state SET stored_at = :at WHERE event_id = :id", at=LONG_AGO, id=event_id)


def kept(ledger: Ledger) -> list[str]:
    return [event_id for (event_id,) in ledger.rows("SELECT event_id FROM record_state ORDER BY event_id")]


def test_old_losing_states_are_removed(ledger: Ledger) -> None:
    ledger.send(LOSER, WINNER, LATE_LOSER)
    make_old(ledger, "loser", "late loser")

    prune(ledger.engine, LONG_AGO + 1)

    assert kept(ledger) == ["winner"]


def test_winner_is_never_removed(ledger: Ledger) -> None:
    ledger.send(LOSER, WINNER, LATE_LOSER)
    make_old(ledger, "loser", "winner", "late loser")

    prune(ledger.engine, clock.now() + MICROSECONDS_PER_DAY)

    assert kept(ledger) == ["winner"]
    assert ledger.verify() == []


def test_states_stored_later_are_kept(ledger: Ledger) -> None:
    ledger.send(LOSER, WINNER, LATE_LOSER)
    make_old(ledger, "loser")

    prune(ledger.engine, LONG_AGO)
    assert kept(ledger) == ["late loser", "loser", "winner"]

    prune(ledger.engine, LONG_AGO + 1)
    assert kept(ledger) == ["late loser", "winner"]


def test_pruning_does_not_change_figures_or_the_revision(ledger: Ledger) -> None:
    ledger.send(LOSER, WINNER, LATE_LOSER, run(), event("agent.updated", {"id": "ann"}))
    before = (ledger.summary(), ledger.revision())

    prune(ledger.engine, clock.now() + 1)

    assert (ledger.summary(), ledger.revision()) == before


def test_every_kind_of_every_organization_is_pruned(ledger: Ledger) -> None:
    def of(org_id: str) -> list[Json]:
        old, new = {"time": "2026-03-01T00:00:00Z", "id": "old"}, {"time": "2026-03-02T00:00:00Z", "id": "new"}
        nouns = ("agent", "phone_number", "web_widget", "dataset")
        items = [event(f"{noun}.updated", {"id": "x", "organization_id": org_id}) for noun in nouns]
        first = [conversation(organization_id=org_id), run(organization_id=org_id), *items]
        return [base | version for base in first for version in (old, new)]

    ledger.send(*of("a"), *of("b"), org_id=None)
    assert sorted(kept(ledger)) == ["new"] * 12 + ["old"] * 12

    prune(ledger.engine, clock.now() + 1)

    assert kept(ledger) == ["new"] * 12


def test_more_records_than_one_step_are_all_pruned(ledger: Ledger) -> None:
    number = RECORDS_PER_STEP + 10
    for time in ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"):
        ledger.send(*(conversation(f"call-{index:04}") | {"time": time} for index in range(number)))

    prune(ledger.engine, clock.now() + 1)

    assert len(kept(ledger)) == number


@pytest.mark.parametrize("days", [None, 0])
def test_history_kept_forever_or_not_at_all_needs_no_pruner(ledger: Ledger, days: int | None) -> None:
    assert make_pruner(ledger.engine, days) is None


def test_pruner_removes_states_older_than_its_days(ledger: Ledger) -> None:
    ledger.send(LOSER, WINNER, LATE_LOSER)
    two_days_ago = clock.now() - 2 * MICROSECONDS_PER_DAY
    ledger.damage("UPDATE record_state SET stored_at = :at WHERE event_id = 'loser'", at=two_days_ago)
    three_days, one_day = make_pruner(ledger.engine, 3), make_pruner(ledger.engine, 1)
    assert three_days is not None
    assert one_day is not None

    while three_days():
        pass
    assert kept(ledger) == ["late loser", "loser", "winner"]

    while one_day():
        pass
    assert kept(ledger) == ["late loser", "winner"]


def test_pruner_works_in_steps_and_waits_after_a_sweep(ledger: Ledger) -> None:
    ledger.send(*(conversation(f"call-{index:04}") for index in range(RECORDS_PER_STEP + 1)))
    step = make_pruner(ledger.engine, 1)
    assert step is not None

    assert [step(), step(), step()] == [True, True, False]
    ledger.send(LOSER | {"id": "later"}, WINNER)
    make_old(ledger, "later")
    assert step() is False
    assert "later" in kept(ledger)


def test_idle_writer_prunes(ledger: Ledger) -> None:
    ledger.send(LOSER, WINNER)
    make_old(ledger, "loser")
    step = make_pruner(ledger.engine, 1)
    assert step is not None
    swept = threading.Event()

    def prune_step() -> bool:
        more = step()
        if not more:
            swept.set()
        return more

    writer = Writer(ledger.engine, keep_history=True, max_events=10, idle=prune_step, idle_every_sec=0.001)
    try:
        assert swept.wait(60)
    finally:
        writer.close()

    assert kept(ledger) == ["winner"]


def test_pruning_keeps_the_last_name_of_a_deleted_item(ledger: Ledger) -> None:
    named = {**event("agent.updated", {"id": "ann", "name": "Ann"}), "time": "2026-03-01T10:00:00Z"}
    renamed = {**event("agent.updated", {"id": "ann", "name": "Anna"}), "time": "2026-03-01T11:00:00Z"}
    deleted = {**event("agent.deleted", {"id": "ann"}), "time": "2026-03-01T12:00:00Z"}
    ledger.send(named, renamed, deleted)
    prune(ledger.engine, clock.now() + MICROSECONDS_PER_DAY)
    with reading(ledger.engine) as connection:
        names = read_item_names(connection, ORG, Kind.AGENT, ["ann"])

    assert names == {"ann": "Anna"}
    assert ledger.rows("SELECT count(*) FROM record_state") == [(2,)]


@pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
def test_pruner_keeps_damaged_states_and_goes_on(ledger: Ledger) -> None:
    for id_ in ("a", "b"):
        ringing = conversation(id_, status="ringing") | {"time": "2026-03-01T12:00:00Z", "id": "loser"}
        ledger.send(ringing, conversation(id_) | {"id": "winner"})
    ledger.execute("UPDATE record_state SET stored_at = :at", at=LONG_AGO)
    ledger.damage("UPDATE record_state SET data = x'00' WHERE id = 'a' AND event_id = 'loser'")
    ledger.damage("UPDATE record_state SET kind = 'nothing' WHERE id = 'a' AND event_id = 'winner'")

    prune(ledger.engine, LONG_AGO + 1)

    assert kept(ledger) == ["loser", "winner", "winner"]
