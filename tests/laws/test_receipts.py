"""A receipt counts every event under one result, as if the events had been applied one by one."""

import pytest
from hypothesis import given

from tests.laws.histories import EVERYTHING, Cuts, cuts, histories, laws
from tests.laws.ledgers import Ledgers, count_results
from tests.laws.model import HistoryItem, Model, RawEvent, RawSnapshot

pytestmark = pytest.mark.timeout(600)


@laws
@given(histories, cuts)
def test_receipts_count_every_event_as_if_applied_one_by_one(
    ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts
) -> None:
    model = Model()
    with ledgers.empty() as ledger:
        for request, receipt in ledger.ingest(history, cuts):
            counts = count_results(receipt)
            assert counts == model.apply_all(request.items)
            broken = [i for i, item in enumerate(request.items) if isinstance(item, RawEvent) and item.broken]
            assert [entry.index for entry in receipt.quarantined] == broken
            if not isinstance(request.items[0], RawSnapshot):
                assert counts.total() + len(receipt.quarantined) == len(request.items)


@laws
@given(histories, cuts, cuts)
def test_ingesting_a_history_again_changes_nothing(
    ledgers: Ledgers, history: list[HistoryItem], first_cuts: Cuts, second_cuts: Cuts
) -> None:
    with ledgers.empty() as ledger:
        ledger.ingest(history, first_cuts)
        before, totals = ledger.etag(*EVERYTHING), ledger.totals()
        receipts = [receipt for _, receipt in ledger.ingest(history, second_cuts)]
        assert [receipt.accepted for receipt in receipts] == [0] * len(receipts)
        assert (ledger.etag(*EVERYTHING), ledger.totals()) == (before, totals)
