"""A merged organization has the figures that it would have if all events had been sent to it."""

from collections.abc import Sequence
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter import clock
from talkmeter.db.audit import Actor
from talkmeter.db.engine import writing
from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.ledger.batch import Reason
from talkmeter.ledger.closing import begin_merge, finish_merge
from talkmeter.ledger.merge import merge_usage
from talkmeter.ledger.organizations import add_organization
from talkmeter.ledger.refused import refuse_state
from talkmeter.records import State
from tests.laws.histories import EVERYTHING, Cuts, cuts, history_items, laws, windows
from tests.laws.ledgers import LawLedger, Ledgers
from tests.laws.model import HistoryItem, RawEvent
from tests.laws.strategies import ORG, events, short_and_long_lists

pytestmark = pytest.mark.timeout(600)

OLD = "old"
OPERATOR = Actor("operator", "root")
sent = short_and_long_lists(history_items((None, "")))


def ingest(ledger: LawLedger, history: Sequence[HistoryItem], cuts: Cuts, org_id: str) -> None:
    ledger.ingest(history, cuts, Sender("key", org_id))


def answers(ledger: LawLedger, window: tuple[int, int]) -> list[object]:
    return [ledger.totals(), *(ledger.summary(*bounds) for bounds in (window, EVERYTHING))]


@laws
@given(sent, sent, cuts, windows, st.booleans(), st.integers(1, 3), st.integers(0, 4))
def test_merged_organization_equals_the_organization_of_all_events(
    ledgers: Ledgers,
    ours: list[HistoryItem],
    theirs: list[HistoryItem],
    cuts: Cuts,
    window: tuple[int, int],
    keep_history: bool,
    records: int,
    interrupted_after: int,
) -> None:
    with ledgers.empty(keep_history=keep_history) as ledger:
        for history in (ours, theirs):
            ingest(ledger, history, cuts, ORG)
        expected = answers(ledger, window)
    with ledgers.empty(keep_history=keep_history) as ledger:
        add_directory_rows(ledger)
        ingest(ledger, ours, cuts, ORG)
        ingest(ledger, theirs, cuts, OLD)
        with writing(ledger.engine) as connection:
            assert begin_merge(connection, OLD, ORG, OPERATOR, clock.now())
        for _ in islice(merge_usage(ledger.engine, OLD, ORG, records), interrupted_after):
            assert ledger.verify(ORG) == ledger.verify(OLD) == []
        with writing(ledger.engine) as connection:
            assert not begin_merge(connection, OLD, ORG, OPERATOR, clock.now())
        for _ in merge_usage(ledger.engine, OLD, ORG, records):
            pass
        with writing(ledger.engine) as connection:
            finish_merge(connection, OLD, ORG, OPERATOR, clock.now())

        assert answers(ledger, window) == expected
        assert ledger.totals(OLD) == {}
        assert ledger.verify(ORG) == []
        assert OLD not in ledger.quarantined_organizations()


def add_directory_rows(ledger: LawLedger) -> None:
    """Make sure that both organizations exist, also if they get no events."""
    with writing(ledger.engine) as connection:
        for org_id in (ORG, OLD):
            add_organization(connection, org_id, None, 0)


@laws
@given(events((ORG,)))
def test_refused_event_is_kept_so_that_reading_it_gives_the_same_state(item: RawEvent) -> None:
    sender = Sender("key", None)
    state = read_event(item.raw, sender)
    assert isinstance(state, State)
    kept = refuse_state(state, "", Reason.UNKNOWN_ORGANIZATION, "")

    assert kept.complete
    assert read_event(kept.kept_fields, sender) == state
