"""Inventory days in the tables: on which UTC days an item counts, also in a ledger that was upgraded."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from talkmeter.db.engine import reading, writing
from talkmeter.db.meta import INVENTORY_SINCE, write_meta
from talkmeter.period import day_of, format_day, read_instant
from talkmeter.records import Kind
from talkmeter.usage.inventory_days import read_counted_from, read_inventory_days
from tests.events import Json, event
from tests.servers import environment_for, run_cli
from tests.store.ledger import ORG, FileLedger, Ledger, make_snapshot, write_statements

FEBRUARY = [day_of(read_instant(f"{day}T00:00:00Z")) for day in ("2026-02-01", "2026-02-28")]


def agent(id_: str, time: str, verb: str = "updated") -> Json:
    return event(f"agent.{verb}", {"id": id_}, time=f"2026-{time}Z")


def number(time: str, *, shared: bool) -> Json:
    return event("phone_number.updated", {"id": "+1", "shared": shared}, time=f"2026-{time}Z")


def days_of(
    ledger: Ledger, kind: Kind = Kind.AGENT, first: int = FEBRUARY[0], last: int = FEBRUARY[1], *, shared: bool = False
) -> dict[str, list[str]]:
    """Return the days of February, or of another window, on which each item counts, as `first to last`."""
    with reading(ledger.engine) as connection:
        found = read_inventory_days(connection, ORG, kind, first, last, shared=shared)
    return {
        id_: [f"{format_day(days[0])[5:]} to {format_day(days[-1])[5:]}" for days in ranges]
        for id_, ranges in found.items()
    }


def forget(ledger: Ledger, at: str) -> None:
    """Make the ledger one that was upgraded at an instant."""
    for table in ("inventory_day", "inventory_snapshot_day"):
        ledger.execute(f"DELETE FROM {table} WHERE org_id = :org", org=ORG)
    for table in ("inventory_item", "record_state"):
        earlier = read_instant(at) - 1
        ledger.execute(f"UPDATE {table} SET stored_at = :earlier WHERE org_id = :org", org=ORG, earlier=earlier)
    with writing(ledger.engine) as connection:
        write_meta(connection, INVENTORY_SINCE, str(read_instant(at)))


def test_item_counts_from_its_first_day_to_the_day_of_its_end(ledger: Ledger) -> None:
    ledger.send(
        agent("ann", "01-15T00:00:00"), agent("bob", "02-11T09:00:00"), agent("ann", "02-20T00:00:00", "deleted")
    )

    assert days_of(ledger) == {"ann": ["02-01 to 02-20"], "bob": ["02-11 to 02-28"]}


def test_item_that_is_created_again_counts_on_the_days_of_both_lives(ledger: Ledger) -> None:
    times = ("02-03T10:00:00", "02-05T10:00:00", "02-08T10:00:00", "02-08T11:00:00")
    verbs = ("updated", "deleted", "updated", "deleted")
    ledger.send(*(agent("ann", *change) for change in zip(times, verbs, strict=True)))

    assert days_of(ledger) == {"ann": ["02-03 to 02-05", "02-08 to 02-08"]}


def test_item_that_a_snapshot_omits_counts_until_the_day_of_the_snapshot(ledger: Ledger) -> None:
    ledger.send(agent("ann", "01-15T00:00:00"), agent("bob", "01-15T00:00:00"))
    ledger.write(make_snapshot("agent", "2026-02-10T12:00:00Z", "bob"))
    ledger.write(make_snapshot("agent", "2026-02-20T12:00:00Z"))
    ledger.write(make_snapshot("agent", "2026-02-05T12:00:00Z", "ann", "bob"))

    assert days_of(ledger) == {"ann": ["02-01 to 02-10"], "bob": ["02-01 to 02-20"]}


def test_number_counts_as_shared_on_the_days_that_it_is_shared(ledger: Ledger) -> None:
    changes = {"02-02T10:00:00": False, "02-04T10:00:00": True, "02-06T10:00:00": False}
    ledger.send(*(number(time, shared=shared) for time, shared in changes.items()))

    assert days_of(ledger, Kind.PHONE_NUMBER) == {"+1": ["02-02 to 02-28"]}
    assert days_of(ledger, Kind.PHONE_NUMBER, shared=True) == {"+1": ["02-04 to 02-06"]}


@pytest.mark.parametrize("keep_history", [True, False])
def test_late_state_counts_on_its_day_and_changes_the_revision(ledger: Ledger, keep_history: bool) -> None:
    ledger.send(agent("ann", "02-10T10:00:00"), keep_history=keep_history)
    before = ledger.revision()
    ledger.send(agent("ann", "02-05T10:00:00"), keep_history=keep_history)

    assert ledger.revision().revision != before.revision
    assert days_of(ledger) == {"ann": ["02-05 to 02-28"]}
    assert ledger.verify() == []


def test_states_that_are_already_merged_write_nothing(ledger: Ledger) -> None:
    events = [agent("ann", "02-05T10:00:00"), agent("ann", "02-10T10:00:00")]
    ledger.send(*events, keep_history=False)
    ledger.write(make_snapshot("agent", "2026-02-12T12:00:00Z", "ann"), keep_history=False)
    with ledger.executed() as sent:
        ledger.send(*events, keep_history=False)
        ledger.write(make_snapshot("agent", "2026-02-12T12:00:00Z", "ann"), keep_history=False)

    assert [statement for statement in write_statements(sent) if "inventory" in statement] == []


def test_new_ledger_counts_every_day(ledger: Ledger) -> None:
    with reading(ledger.engine) as connection:
        assert read_counted_from(connection) is None


@pytest.fixture
def own_ledger(address: str) -> Iterator[Ledger]:
    """A ledger on each engine in its own database, because `meta` changes."""
    ledger = Ledger(address)
    yield ledger
    ledger.close()


def test_items_of_an_upgraded_ledger_count_from_the_day_of_the_upgrade(own_ledger: Ledger) -> None:
    own_ledger.send(agent("ann", "01-15T00:00:00"), agent("bob", "01-15T00:00:00"), agent("eve", "01-15T00:00:00"))
    own_ledger.send(agent("eve", "01-20T00:00:00", "deleted"))
    own_ledger.write(make_snapshot("agent", "2026-01-20T12:00:00Z", "ann"))
    forget(own_ledger, "2026-02-10T08:00:00Z")

    assert days_of(own_ledger) == {"ann": ["02-10 to 02-28"]}
    with reading(own_ledger.engine) as connection:
        counted_from = read_counted_from(connection)
    assert counted_from is not None
    assert format_day(counted_from) == "2026-02-10"


def test_item_that_ends_after_the_upgrade_counts_until_then(own_ledger: Ledger) -> None:
    own_ledger.send(agent("ann", "01-15T00:00:00"), agent("bob", "01-15T00:00:00"))
    own_ledger.write(make_snapshot("agent", "2026-01-14T12:00:00Z"))
    forget(own_ledger, "2026-02-10T08:00:00Z")
    own_ledger.send(agent("ann", "02-12T10:00:00", "deleted"))
    own_ledger.write(make_snapshot("agent", "2026-02-15T12:00:00Z"))
    own_ledger.send(agent("ann", "02-01T10:00:00"))

    assert days_of(own_ledger) == {"ann": ["02-10 to 02-12"], "bob": ["02-10 to 02-15"]}
    assert own_ledger.verify() == []


def test_snapshot_before_the_upgrade_still_ends_an_item(own_ledger: Ledger) -> None:
    own_ledger.send(agent("ann", "01-15T00:00:00"))
    own_ledger.write(make_snapshot("agent", "2026-01-20T12:00:00Z"))
    forget(own_ledger, "2026-02-10T08:00:00Z")
    own_ledger.write(make_snapshot("agent", "2026-02-15T12:00:00Z", "bob"))

    assert days_of(own_ledger) == {"bob": ["02-15 to 02-28"]}


def test_copy_counts_from_the_same_day(own_ledger: Ledger, tmp_path: Path) -> None:
    own_ledger.send(agent("ann", "01-15T00:00:00"))
    forget(own_ledger, "2026-02-10T08:00:00Z")
    own_ledger.send(agent("bob", "02-15T00:00:00"))
    target = f"sqlite:///{tmp_path / 'target.db'}"
    run_cli(tmp_path, environment_for(tmp_path, {}), "copy", "--from", own_ledger.url, "--to", target)

    copied = Ledger(target)
    assert days_of(copied) == days_of(own_ledger) == {"ann": ["02-10 to 02-28"], "bob": ["02-15 to 02-28"]}
    copied.close()


def test_missing_day_is_reported_and_restored_from_the_history(ledger: Ledger) -> None:
    ledger.send(agent("ann", "02-05T10:00:00"), agent("ann", "02-10T10:00:00"))
    ledger.send(agent("ann", "02-12T10:00:00", "deleted"))
    before = days_of(ledger)
    ledger.damage("DELETE FROM inventory_day WHERE day = 20494")
    ledger.damage("UPDATE inventory_day SET any_exists = :no WHERE day = 20489", no=False)

    sentences = [f"agent 'ann': its inventory day 2026-02-{day} lacks a received state." for day in ("05", "10")]
    assert ledger.verify() == sentences
    assert ledger.verify(repair=True) == sentences
    assert ledger.verify() == []
    assert days_of(ledger) == before


def test_recovered_ledger_counts_from_the_same_day(file_ledger: FileLedger, tmp_path: Path) -> None:
    file_ledger.send(agent("ann", "01-15T00:00:00"))
    forget(file_ledger, "2026-02-10T08:00:00Z")
    file_ledger.send(agent("bob", "02-15T00:00:00"))
    file_ledger.close()
    environment = environment_for(tmp_path, {"database_url": file_ledger.url})
    run_cli(tmp_path, environment, "recover", str(file_ledger.path), str(tmp_path / "recovered.db"))

    recovered = Ledger(f"sqlite:///{tmp_path / 'recovered.db'}")
    assert days_of(recovered) == {"ann": ["02-10 to 02-28"], "bob": ["02-15 to 02-28"]}
    recovered.close()
