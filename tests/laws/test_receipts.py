"""A receipt answers for every event, as if the events had been applied one by one."""

import pytest
from hypothesis import given

from tests.laws.histories import EVERYTHING, Cuts, cuts, histories, laws
from tests.laws.ledgers import Ledgers, bins_of
from tests.laws.model import Event, Item, Model, Snapshot

pytestmark = pytest.mark.timeout(600)


@laws
@given(histories, cuts)
def test_receipts_add_up_to_what_was_sent_and_are_those_of_one_by_one(
    ledgers: Ledgers, history: list[Item], cuts: Cuts
) -> None:
    model = Model()
    with ledgers.empty() as ledger:
        for request, receipt in ledger.tell(history, cuts):
            bins = bins_of(receipt)
            assert bins == model.tell_all(request.items)
            broken = [place for place, item in enumerate(request.items) if isinstance(item, Event) and item.broken]
            assert [one.index for one in receipt.quarantined] == broken
            if not isinstance(request.items[0], Snapshot):
                assert bins.total() + len(receipt.quarantined) == len(request.items)


@laws
@given(histories, cuts, cuts)
def test_what_is_told_again_changes_nothing(ledgers: Ledgers, history: list[Item], one_way: Cuts, again: Cuts) -> None:
    with ledgers.empty() as ledger:
        ledger.tell(history, one_way)
        before, totals = ledger.etag(*EVERYTHING), ledger.totals()
        receipts = [receipt for _, receipt in ledger.tell(history, again)]
        assert [receipt.accepted for receipt in receipts] == [0] * len(receipts)
        assert (ledger.etag(*EVERYTHING), ledger.totals()) == (before, totals)
