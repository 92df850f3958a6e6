"""Nothing that one organization does shows in another."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.receipt import make_receipt
from tests.laws.histories import EVERYTHING, Cuts, cuts, items_of, laws, windows
from tests.laws.ledgers import ANYONE, OWNER, Ledgers, bins_of
from tests.laws.model import Event, Item, Model
from tests.laws.strategies import ORG, broken_events, events, lists_of, often

pytestmark = pytest.mark.timeout(600)

ORGANIZATIONS = (ORG, "ACME", "acme ", "ü")
UNHEARD_OF = "nobody"
UNNAMED = (None, "")

of_anyone = often(
    event=(8, events((ORG, "ACME", *ORGANIZATIONS), runs=1, items=1)),
    broken=(1, broken_events((*ORGANIZATIONS, *UNNAMED))),
)
turns = st.tuples(st.sampled_from(ORGANIZATIONS), st.lists(items_of(UNNAMED), min_size=1, max_size=4))


def own(org_id: str, history: list[Event]) -> list[Event]:
    """The events that name an organization."""
    return [one for one in history if not one.broken and json.loads(one.raw)["data"]["organization_id"] == org_id]


@laws
@given(lists_of(of_anyone), cuts, windows)
def test_a_batch_for_many_organizations_counts_for_each_its_own(
    ledgers: Ledgers, history: list[Event], cuts: Cuts, window: tuple[int, int]
) -> None:
    bins: Counter[str] = Counter()
    with ledgers.empty() as ledger:
        receipts = [receipt for _, receipt in ledger.tell(history, cuts, ANYONE)]
        for org_id in (*ORGANIZATIONS, UNHEARD_OF):
            model = Model()
            bins += model.tell_all(own(org_id, history))
            assert ledger.summary(*window, org_id) == model.summary(*window)
            assert ledger.summary(*EVERYTHING, org_id) == model.summary(*EVERYTHING)
            assert ledger.verify(org_id) == []
    assert bins_of(*receipts) == bins
    assert sum(len(receipt.quarantined) for receipt in receipts) == sum(one.broken for one in history)


@laws
@given(st.lists(turns, max_size=6), windows)
def test_what_one_organization_is_told_changes_no_answer_to_another(
    ledgers: Ledgers, turns: list[tuple[str, list[Item]]], window: tuple[int, int]
) -> None:
    models = {org_id: Model() for org_id in ORGANIZATIONS}
    with ledgers.empty() as ledger:
        for org_id, told in turns:
            others = [other for other in ORGANIZATIONS if other != org_id]
            before = [(ledger.etag(*window, other), ledger.totals(other)) for other in others]
            models[org_id].tell_all(told)
            ledger.tell(told, sender=Sender("key", org_id))
            assert [(ledger.etag(*window, other), ledger.totals(other)) for other in others] == before
        for org_id, model in models.items():
            assert ledger.summary(*window, org_id) == model.summary(*window)
        assert len({ledger.etag(*window, org_id) for org_id in (*ORGANIZATIONS, UNHEARD_OF)}) == len(ORGANIZATIONS) + 1


@laws
@given(st.lists(turns, max_size=6), cuts, windows)
def test_organizations_written_in_one_transaction_count_each_its_own(
    ledgers: Ledgers, turns: list[tuple[str, list[Item]]], cuts: Cuts, window: tuple[int, int]
) -> None:
    models = {org_id: Model() for org_id in ORGANIZATIONS}
    with ledgers.empty() as ledger:
        waiting = [sent for org_id, told in turns for sent in ledger.send(told, cuts, Sender("key", org_id))]
        bins = sum((models[org_id].tell_all(told) for org_id, told in turns), Counter[str]())
        assert bins_of(*(make_receipt(written.result()) for _, written in waiting)) == bins
        for org_id, model in models.items():
            assert ledger.summary(*window, org_id) == model.summary(*window)
            assert ledger.verify(org_id) == []


@laws
@given(st.lists(events(("ACME",)), min_size=1, max_size=6), cuts)
def test_events_for_another_organization_are_quarantined_and_count_nowhere(
    ledgers: Ledgers, foreign: list[Event], cuts: Cuts
) -> None:
    with ledgers.empty() as ledger:
        unheard = ledger.etag(*EVERYTHING, "ACME")
        receipts = [receipt for _, receipt in ledger.tell(foreign, cuts, OWNER)]
        assert sum(len(receipt.quarantined) for receipt in receipts) == len(foreign)
        assert ledger.etag(*EVERYTHING, "ACME") == unheard
        for org_id in (ORG, "ACME"):
            assert ledger.summary(*EVERYTHING, org_id) == Model().summary(*EVERYTHING)
        assert ledger.quarantined() == [ORG]
