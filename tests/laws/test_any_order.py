"""Any order and any repetition of events gives the same numbers; a deleted record is not counted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.histories import EVERYTHING, Cuts, cuts, histories, inventories, laws, windows
from tests.laws.ledgers import Ledgers
from tests.laws.model import HistoryItem, Model
from tests.laws.strategies import IDS, deletion, events, short_and_long_lists

pytestmark = pytest.mark.timeout(600)  # Hypothesis needs long to shrink a failing example


@st.composite
def shuffled_copies(
    draw: st.DrawFn, histories: st.SearchStrategy[list[HistoryItem]]
) -> tuple[list[HistoryItem], list[HistoryItem]]:
    """Generate a history and a shuffled copy in which some items are repeated."""
    history = draw(histories)
    again = draw(st.lists(st.sampled_from(history), max_size=5)) if history else []
    return history, draw(st.permutations(history + again))


@laws
@given(shuffled_copies(histories | inventories), cuts, cuts, st.booleans(), windows)
def test_any_order_and_repetition_gives_the_same_summary(
    ledgers: Ledgers,
    histories: tuple[list[HistoryItem], list[HistoryItem]],
    first_cuts: Cuts,
    second_cuts: Cuts,
    keep_history: bool,
    window: tuple[int, int],
) -> None:
    history, shuffled = histories
    with ledgers.empty() as ledger:
        ledger.ingest(history, first_cuts)
        first = [ledger.summary(*bounds) for bounds in (window, EVERYTHING)]
    with ledgers.empty(keep_history=keep_history) as ledger:
        ledger.ingest(shuffled, second_cuts)
        second = [ledger.summary(*bounds) for bounds in (window, EVERYTHING)]
    assert second == first


@laws
@given(inventories, cuts)
def test_snapshots_mixed_with_events_give_the_inventory_of_the_model(
    ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts
) -> None:
    model = Model()
    model.apply_all(history)
    with ledgers.empty() as ledger:
        ledger.ingest(history, cuts)
        assert ledger.summary(*EVERYTHING) == model.summary(*EVERYTHING)


@laws
@given(histories, cuts, windows)
def test_summary_equals_the_model_for_any_division_into_requests(
    ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts, window: tuple[int, int]
) -> None:
    model = Model()
    model.apply_all(history)
    with ledgers.empty() as ledger:
        ledger.ingest(history, cuts)
        assert ledger.summary(*window) == model.summary(*window)
        assert ledger.summary(*EVERYTHING) == model.summary(*EVERYTHING)


@st.composite
def deleted_records(draw: st.DrawFn) -> list[HistoryItem]:
    """Generate events of conversations and runs, shuffled with a deletion of every record."""
    updates: list[HistoryItem] = [*draw(short_and_long_lists(events(items=0)))]
    deletions = [deletion(noun, id_) for noun in ("conversation", "workflow_execution") for id_ in IDS]
    return draw(st.permutations(updates + [draw(event) for event in deletions]))


@laws
@given(deleted_records(), cuts)
def test_deleted_records_leave_no_totals(ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts) -> None:
    with ledgers.empty() as ledger:
        ledger.ingest(history, cuts)
        assert ledger.totals() == {}
        assert ledger.summary(*EVERYTHING) == Model().summary(*EVERYTHING)
        assert ledger.verify() == []
