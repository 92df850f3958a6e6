"""Crossings of budgets equal an independent model, in any order of events and any division into requests."""

from random import Random

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sqlalchemy import update

from talkmeter.budgets.budget import read_budget
from talkmeter.budgets.evaluate import find_crossings, store_crossings
from talkmeter.budgets.store import Crossing, lock_budgets, read_crossings, store_budget
from talkmeter.db.engine import reading, writing
from talkmeter.db.tables import organization
from talkmeter.period import Present
from tests.citus_plugin import TEST_STATEMENT
from tests.laws.budgeted import (
    HOUR,
    Budgets,
    Reached,
    budgets,
    is_monotone,
    moments_of_evaluation,
    quiet_weeks,
    silent_hours,
)
from tests.laws.histories import Cuts, cuts, histories, laws
from tests.laws.ledgers import NOW, ORG_SENDER, LawLedger, Ledgers
from tests.laws.model import DAY, HistoryItem, Model, RawEvent
from tests.laws.priced import pricings
from tests.laws.strategies import ORG, events, short_and_long_lists
from tests.laws.test_costs import OPERATOR, store

pytestmark = pytest.mark.timeout(600)

LIVE = {"conversation": ("ringing", "token_created"), "workflow_execution": ("running",)}
ENDED = {"completed", "failed", "cancelled", "transferred", "unanswered", "success"}


@st.composite
def all_budgets(draw: st.DrawFn) -> Budgets:
    """Generate budgets, plans, and when they are evaluated and were created."""
    return Budgets(draw(budgets), draw(pricings()), *draw(moments_of_evaluation))


@st.composite
def histories_without_corrections(draw: st.DrawFn) -> list[HistoryItem]:
    """Generate calls and runs with one state, or with a live one and the one in which they end; some arrive twice."""
    history: list[HistoryItem] = []
    for number, drawn in enumerate(draw(short_and_long_lists(events(items=0)))):
        event = msgspec.json.decode(drawn.raw)
        noun = event["type"].partition(".")[0]
        data = {**raw_data(drawn.raw), "id": msgspec.Raw(b'"r%d"' % number)}
        event["type"] = f"{noun}.updated"
        history.append(RawEvent(msgspec.json.encode({**event, "data": data})))
        if event["data"]["status"] in ENDED and draw(st.booleans()):
            status = draw(st.sampled_from(LIVE[noun]))
            begun = {**data, "status": msgspec.Raw(b'"%s"' % status.encode()), "duration": msgspec.Raw(b"null")}
            history.append(RawEvent(msgspec.json.encode({**event, "data": begun})))
    again = draw(st.lists(st.sampled_from(history), max_size=5)) if history else []
    return history + again


def raw_data(raw: bytes) -> dict[str, msgspec.Raw]:
    """Return the fields of an event's data with their exact numbers."""
    data = msgspec.json.decode(raw, type=dict[str, msgspec.Raw])["data"]
    return msgspec.json.decode(bytes(data), type=dict[str, msgspec.Raw])


def prepare(ledger: LawLedger, budgets: Budgets) -> None:
    """Store plans and budgets."""
    store(ledger, budgets.pricing)
    with writing(ledger.engine) as connection:
        lock_budgets(connection, ORG)
        for id_, content in budgets.by_id.items():
            store_budget(connection, ORG, id_, read_budget(id_, content), OPERATOR, budgets.created * DAY)


def evaluate(ledger: LawLedger, today: int) -> int:
    """Evaluate the budgets as a server does; return the number of new crossings."""
    with reading(ledger.engine) as connection:
        found = find_crossings(connection, ORG, Present(today * DAY + DAY // 2, NOW.stale_before)).crossings
    with writing(ledger.engine) as connection:
        return len(store_crossings(connection, ORG, found))


def crossings(ledger: LawLedger) -> dict[tuple[str, int, int], Crossing]:
    with reading(ledger.engine) as connection:
        found = read_crossings(connection, ORG, 0)
    assert len({crossing.message_id for crossing in found}) == len(found)
    return {crossing.key: crossing for crossing in found}


def texts(budgets: Budgets, reached: Reached) -> dict[tuple[str, int, int], str]:
    """Return the value of each crossing as it is stored."""
    return {key: budgets.text_of(key[0], value) for key, (value, _) in reached.items()}


@laws
@given(histories, all_budgets())
def test_crossings_of_one_evaluation_equal_the_model(
    ledgers: Ledgers, history: list[HistoryItem], budgets: Budgets
) -> None:
    model = Model()
    model.apply_all(history)
    expected = budgets.reached(model)
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        prepare(ledger, budgets)
        assert evaluate(ledger, budgets.today) == len(expected)
        assert evaluate(ledger, budgets.today) == 0
        found = crossings(ledger)
    assert {key: crossing.value for key, crossing in found.items()} == texts(budgets, expected)


@laws
@given(histories, cuts, all_budgets())
def test_crossings_are_those_of_the_evaluated_states_with_their_first_values(
    file_ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts, budgets: Budgets
) -> None:
    """With corrections and deletions: what was reached stays, and all that the final state reaches is there."""
    model, expected = Model(), Reached()
    with file_ledgers.empty() as ledger:
        prepare(ledger, budgets)
        for request, results in ledger.submit(history, cuts, ORG_SENDER):
            for result in results:
                result.result()
            model.apply_all(request.items)
            expected = {**budgets.reached(model), **expected}
            evaluate(ledger, budgets.today)
        found = crossings(ledger)
    assert {key: crossing.value for key, crossing in found.items()} == texts(budgets, expected)


@laws
@given(histories_without_corrections(), st.randoms(use_true_random=False), cuts, all_budgets())
def test_any_order_without_corrections_ends_with_the_same_crossings(
    file_ledgers: Ledgers, history: list[HistoryItem], random: Random, cuts: Cuts, budgets: Budgets
) -> None:
    monotone = {id_: budget for id_, budget in budgets.by_id.items() if is_monotone(budget, budgets.pricing)}
    assume(monotone)
    budgets = budgets._replace(by_id=monotone)
    model = Model()
    model.apply_all(history)
    random.shuffle(history)
    with file_ledgers.empty() as ledger:
        prepare(ledger, budgets)
        for _, results in ledger.submit(history, cuts, ORG_SENDER):
            for result in results:
                result.result()
            evaluate(ledger, budgets.today)
        assert crossings(ledger).keys() == budgets.reached(model).keys()


@laws
@given(quiet_weeks(), st.sampled_from((-1, 0, 1, 5 * HOUR)))
def test_silence_equals_the_model(
    file_ledgers: Ledgers, usage: tuple[list[HistoryItem], int, int], beyond: int
) -> None:
    history, now, limit = usage
    silent = limit * HOUR + beyond
    model = Model()
    model.apply_all(history)
    hours = silent_hours(model, now, now - silent, limit)
    budget = {"name": "Silence", "metric": "silence", "period": "day", "limit": str(limit)}
    with file_ledgers.empty() as ledger:
        ledger.ingest(history)
        with writing(ledger.engine) as connection:
            lock_budgets(connection, ORG)
            store_budget(connection, ORG, "b", read_budget("b", budget), OPERATOR, 0)
            change = update(organization).where(organization.c.org_id == ORG).values(last_event_at=now - silent)
            connection.execute(change, execution_options=TEST_STATEMENT)
        with reading(ledger.engine) as connection:
            found = find_crossings(connection, ORG, Present(now, NOW.stale_before))
        assert found.depends_on_time
        values = [one.crossing.value for one in found.crossings]
    assert values == ([] if hours is None or hours < limit else [str(hours)])
