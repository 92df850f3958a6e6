"""Events of one organization never change the answers to another."""

import json
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.counting import ZERO
from talkmeter.ingest.cloudevents import Sender
from talkmeter.ingest.receipt import make_receipt
from talkmeter.months import first_day, month_of
from talkmeter.usage.figures import EXACT
from tests.laws.histories import EVERYTHING, Cuts, cuts, history_items, laws, windows
from tests.laws.ledgers import ORG_SENDER, PLATFORM_SENDER, Ledgers, count_results
from tests.laws.model import DAY, HistoryItem, Model, RawEvent
from tests.laws.strategies import FIRST_DAY, ORG, broken_events, events, short_and_long_lists, weighted

pytestmark = pytest.mark.timeout(600)

ORGANIZATIONS = (ORG, "ACME", "acme ", "ü")
UNKNOWN = "unknown"
UNNAMED = (None, "")

any_organization = weighted(
    event=(8, events((ORG, "ACME", *ORGANIZATIONS), runs=1, items=1)),
    broken=(1, broken_events((*ORGANIZATIONS, *UNNAMED))),
)
turns = st.tuples(st.sampled_from(ORGANIZATIONS), st.lists(history_items(UNNAMED), min_size=1, max_size=4))


def events_of(org_id: str, history: list[RawEvent]) -> list[RawEvent]:
    """Return the valid events that name an organization."""
    valid = (event for event in history if not event.broken)
    return [event for event in valid if json.loads(event.raw)["data"]["organization_id"] == org_id]


@laws
@given(short_and_long_lists(any_organization), cuts, windows)
def test_batch_for_many_organizations_counts_each_event_for_its_own(
    ledgers: Ledgers, history: list[RawEvent], cuts: Cuts, window: tuple[int, int]
) -> None:
    counts: Counter[str] = Counter()
    with ledgers.empty() as ledger:
        receipts = [receipt for _, receipt in ledger.ingest(history, cuts, PLATFORM_SENDER)]
        for org_id in (*ORGANIZATIONS, UNKNOWN):
            model = Model()
            counts += model.apply_all(events_of(org_id, history))
            assert ledger.summary(*window, org_id) == model.summary(*window)
            assert ledger.summary(*EVERYTHING, org_id) == model.summary(*EVERYTHING)
            assert ledger.verify(org_id) == []
    assert count_results(*receipts) == counts
    assert sum(len(receipt.quarantined) for receipt in receipts) == sum(event.broken for event in history)


@laws
@given(short_and_long_lists(any_organization), cuts, st.sampled_from(((-40, 90), (0, 1), (0, 20))))
def test_figures_of_the_platform_are_the_sum_of_its_organizations(
    ledgers: Ledgers, history: list[RawEvent], cuts: Cuts, days: tuple[int, int]
) -> None:
    first, end = (FIRST_DAY + day for day in days)
    months = first_day(month_of(first)), first_day(month_of(end) + 1)
    with ledgers.empty() as ledger:
        ledger.ingest(history, cuts, PLATFORM_SENDER)
        for bounds in ((first, end), months):
            platform = ledger.platform(*bounds)
            window = bounds[0] * DAY, bounds[1] * DAY
            for org_id in ORGANIZATIONS:
                summary, counters = ledger.summary(*window, org_id), platform.pop(org_id, ZERO)
                assert {name: summary[name] for name in EXACT.values()} == dict(
                    zip(EXACT.values(), counters, strict=True)
                )
            assert platform == {}


@laws
@given(st.lists(turns, max_size=6), windows)
def test_events_of_one_organization_change_no_answer_to_another(
    ledgers: Ledgers, turns: list[tuple[str, list[HistoryItem]]], window: tuple[int, int]
) -> None:
    models = {org_id: Model() for org_id in ORGANIZATIONS}
    with ledgers.empty() as ledger:
        for org_id, items in turns:
            others = [other for other in ORGANIZATIONS if other != org_id]
            before = [(ledger.etag(*window, other), ledger.totals(other)) for other in others]
            models[org_id].apply_all(items)
            ledger.ingest(items, sender=Sender("key", org_id))
            assert [(ledger.etag(*window, other), ledger.totals(other)) for other in others] == before
        for org_id, model in models.items():
            assert ledger.summary(*window, org_id) == model.summary(*window)
        assert len({ledger.etag(*window, org_id) for org_id in (*ORGANIZATIONS, UNKNOWN)}) == len(ORGANIZATIONS) + 1


@laws
@given(st.lists(turns, max_size=6), cuts, windows)
def test_organizations_in_one_transaction_are_counted_separately(
    ledgers: Ledgers, turns: list[tuple[str, list[HistoryItem]]], cuts: Cuts, window: tuple[int, int]
) -> None:
    models = {org_id: Model() for org_id in ORGANIZATIONS}
    with ledgers.empty() as ledger:
        submitted = [sent for org_id, items in turns for sent in ledger.submit(items, cuts, Sender("key", org_id))]
        counts = sum((models[org_id].apply_all(items) for org_id, items in turns), Counter[str]())
        receipts = [make_receipt(future.result() for future in futures) for _, futures in submitted]
        assert count_results(*receipts) == counts
        for org_id, model in models.items():
            assert ledger.summary(*window, org_id) == model.summary(*window)
            assert ledger.verify(org_id) == []


@laws
@given(st.lists(events(("ACME",)), min_size=1, max_size=6), cuts)
def test_events_for_another_organization_are_quarantined_and_count_nowhere(
    ledgers: Ledgers, foreign: list[RawEvent], cuts: Cuts
) -> None:
    with ledgers.empty() as ledger:
        etag = ledger.etag(*EVERYTHING, "ACME")
        receipts = [receipt for _, receipt in ledger.ingest(foreign, cuts, ORG_SENDER)]
        assert sum(len(receipt.quarantined) for receipt in receipts) == len(foreign)
        assert ledger.etag(*EVERYTHING, "ACME") == etag
        for org_id in (ORG, "ACME"):
            assert ledger.summary(*EVERYTHING, org_id) == Model().summary(*EVERYTHING)
        assert ledger.quarantined_organizations() == [ORG]
