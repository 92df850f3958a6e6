"""Inventory days equal those of a model of a few lines, for any order, duplication and history setting."""

from collections import Counter
from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.db.engine import reading
from talkmeter.records import Kind
from talkmeter.usage.inventory_days import read_inventory_days
from tests.laws.histories import Cuts, cuts, inventories, laws
from tests.laws.ledgers import LawLedger, Ledgers
from tests.laws.model import DAY, HistoryItem, Model, ModelState, parse_instant
from tests.laws.strategies import DAYS, FIRST_DAY, ORG

pytestmark = pytest.mark.timeout(600)

WINDOW = range(FIRST_DAY - 2, FIRST_DAY + DAYS + 3)
windows = st.tuples(st.sampled_from(WINDOW), st.sampled_from(WINDOW)).map(sorted)


class Received(Model):
    """Every state and snapshot that was received."""

    def __init__(self, history: Sequence[HistoryItem]) -> None:
        super().__init__()
        self.states: list[ModelState] = []
        self.snapshots: list[tuple[str, int]] = []
        self.apply_all(history)

    def apply(self, update: ModelState) -> str:
        self.states.append(update)
        return super().apply(update)

    def apply_snapshot(self, kind: str, raw: bytes) -> Counter[str]:
        result = super().apply_snapshot(kind, raw)
        self.snapshots.append((kind, parse_instant(json_time(raw))))
        return result

    def counts(self, kind: str, id_: str, day: int, *, shared: bool) -> bool:
        """Return whether an item counts on a day, by the rule as it is written."""
        states = [state for state in self.states if (state.kind, state.id) == (kind, id_)]
        today = [state for state in states if state.time // DAY == day]
        earlier = [state for state in states if state.time // DAY < day]
        if earlier:
            last = max(earlier, key=ModelState.rank)
            snapshots = [time for of, time in self.snapshots if of == kind and time // DAY < day]
            if not any(time > last.time for time in snapshots):
                today.append(last)
        return any(state.fields is not None and (state.fields["shared"] or not shared) for state in today)

    def days(self, kind: str, first: int, last: int, *, shared: bool = False) -> dict[str, list[int]]:
        """Return the days on which each item counts."""
        ids = {state.id for state in self.states if state.kind == kind}
        days = {
            id_: [day for day in range(first, last + 1) if self.counts(kind, id_, day, shared=shared)] for id_ in ids
        }
        return {id_: found for id_, found in days.items() if found}


def json_time(raw: bytes) -> str:
    time: str = msgspec.json.decode(raw)["time"]
    return time


def days_of(ledger: LawLedger, kind: str, first: int, last: int, *, shared: bool = False) -> dict[str, list[int]]:
    with reading(ledger.engine) as connection:
        found = read_inventory_days(connection, ORG, Kind(kind), first, last, shared=shared)
    return {id_: [day for days in ranges for day in days] for id_, ranges in found.items()}


@laws
@given(inventories, cuts, st.booleans(), windows)
def test_item_days_equal_those_of_the_model(
    ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts, keep_history: bool, window: list[int]
) -> None:
    received, (first, last) = Received(history), window
    with ledgers.empty(keep_history=keep_history) as ledger:
        ledger.ingest(history, cuts)
        for kind in ("phone_number", "dataset", "agent"):
            assert days_of(ledger, kind, first, last) == received.days(kind, first, last)
        shared = days_of(ledger, "phone_number", first, last, shared=True)
        assert shared == received.days("phone_number", first, last, shared=True)
        assert ledger.verify() == []


reordered = inventories.flatmap(lambda history: st.tuples(st.just(history), st.permutations([*history, *history[:3]])))


@laws
@given(reordered, cuts)
def test_order_and_duplication_of_events_change_no_item_day(
    ledgers: Ledgers, histories: tuple[list[HistoryItem], list[HistoryItem]], cuts: Cuts
) -> None:
    found = []
    for history in histories:
        with ledgers.empty(keep_history=False) as ledger:
            ledger.ingest(history, cuts)
            found.append([days_of(ledger, kind, WINDOW[0], WINDOW[-1]) for kind in ("phone_number", "dataset")])

    assert found[0] == found[1]


@laws
@given(inventories, cuts, windows)
def test_item_days_of_a_window_are_those_of_its_parts(
    ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts, window: list[int]
) -> None:
    first, last = window
    with ledgers.empty() as ledger:
        ledger.ingest(history, cuts)
        whole = days_of(ledger, "phone_number", first, last)
        parts = [days_of(ledger, "phone_number", day, day) for day in range(first, last + 1)]
    assert {id_: [day for part in parts for day in part.get(id_, [])] for id_ in whole} == whole
    assert {id_ for part in parts for id_ in part} == set(whole)
    assert all(len(days) <= last - first + 1 for days in whole.values())
