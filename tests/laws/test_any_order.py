"""Any order, any number of times, the same numbers (README.md, "What it promises"); and what is voided is gone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.laws.histories import EVERYTHING, Cuts, cuts, histories, inventories, laws, windows
from tests.laws.ledgers import Ledgers
from tests.laws.model import Item, Model
from tests.laws.strategies import IDS, deletion, events, lists_of

pytestmark = pytest.mark.timeout(600)  # a law that fails takes its time to find the smallest example


@st.composite
def repeated(draw: st.DrawFn, told: st.SearchStrategy[list[Item]]) -> tuple[list[Item], list[Item]]:
    """A history, and the same told in another order with some of it told again."""
    history = draw(told)
    again = draw(st.lists(st.sampled_from(history), max_size=5)) if history else []
    return history, draw(st.permutations(history + again))


@laws
@given(repeated(histories | inventories), cuts, cuts, st.booleans(), windows)
def test_any_order_and_any_repetition_of_what_was_told_gives_the_same_summary(
    ledgers: Ledgers,
    histories: tuple[list[Item], list[Item]],
    one_way: Cuts,
    another_way: Cuts,
    keep_history: bool,
    window: tuple[int, int],
) -> None:
    history, shuffled = histories
    with ledgers.empty() as ledger:
        ledger.tell(history, one_way)
        first = [ledger.summary(*asked) for asked in (window, EVERYTHING)]
    with ledgers.empty(keep_history=keep_history) as ledger:
        ledger.tell(shuffled, another_way)
        second = [ledger.summary(*asked) for asked in (window, EVERYTHING)]
    assert second == first


@laws
@given(inventories, cuts)
def test_snapshots_and_what_happens_between_them_give_the_inventory_of_the_model(
    ledgers: Ledgers, history: list[Item], cuts: Cuts
) -> None:
    model = Model()
    model.tell_all(history)
    with ledgers.empty() as ledger:
        ledger.tell(history, cuts)
        assert ledger.summary(*EVERYTHING) == model.summary(*EVERYTHING)


@laws
@given(histories, cuts, windows)
def test_however_events_are_cut_into_requests_the_summary_is_that_of_the_model(
    ledgers: Ledgers, history: list[Item], cuts: Cuts, window: tuple[int, int]
) -> None:
    model = Model()
    model.tell_all(history)
    with ledgers.empty() as ledger:
        ledger.tell(history, cuts)
        assert ledger.summary(*window) == model.summary(*window)
        assert ledger.summary(*EVERYTHING) == model.summary(*EVERYTHING)


@st.composite
def voided(draw: st.DrawFn) -> list[Item]:
    """Conversations and runs, with a deletion of every one of them somewhere."""
    told: list[Item] = [*draw(lists_of(events(items=0)))]
    deletions = [deletion(noun, id_) for noun in ("conversation", "workflow_execution") for id_ in IDS]
    return draw(st.permutations(told + [draw(one) for one in deletions]))


@laws
@given(voided(), cuts)
def test_what_is_applied_and_voided_leaves_nothing(ledgers: Ledgers, history: list[Item], cuts: Cuts) -> None:
    with ledgers.empty() as ledger:
        ledger.tell(history, cuts)
        assert ledger.totals() == {}
        assert ledger.summary(*EVERYTHING) == Model().summary(*EVERYTHING)
        assert ledger.verify() == []
