"""The records of a figure add up to it across pages, and each history starts with its winning state."""

import json
from collections.abc import Callable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.records import Kind
from talkmeter.usage.filters import Filter
from tests.laws.histories import EVERYTHING, Cuts, cuts, histories, laws, windows
from tests.laws.ledgers import NOW, Ledgers
from tests.laws.model import HistoryItem, Json, Model, format_instant, live, stale, sum_calls, sum_runs
from tests.laws.strategies import CALL_STATUSES

pytestmark = pytest.mark.timeout(600)

VALUES = ("", "a", "b", "ü")
FIELDS: dict[str, str] = {"agent": "agent_id", "number": "agent_number", "widget": "web_widget_id"}
_flags = st.sampled_from((None, None, True, False))
_call_values = st.fixed_dictionaries(
    {},
    optional={
        "agent": st.sampled_from(VALUES),
        "number": st.sampled_from(VALUES),
        "widget": st.sampled_from(VALUES),
        "channel": st.sampled_from(("telephone", "webrtc", "text", "email")),
        "modality": st.sampled_from(("voice", "chat")),
        "direction": st.sampled_from(("inbound", "outbound")),
        "status": st.sampled_from(CALL_STATUSES[:-1]),
    },
)
call_filters = st.builds(
    lambda values, has_duration, is_live, is_stale: Filter(
        Kind.CONVERSATION, tuple(values.items()), has_duration, is_live, is_stale
    ),
    _call_values,
    _flags,
    _flags,
    _flags,
)
run_filters = st.builds(
    lambda values, is_live: Filter(Kind.WORKFLOW_EXECUTION, tuple(values.items()), live=is_live),
    st.fixed_dictionaries(
        {},
        optional={
            "workflow": st.sampled_from(VALUES),
            "run_status": st.sampled_from(("running", "waiting", "success", "failed", "cancelled")),
        },
    ),
    _flags,
)
filters = call_filters | run_filters


def matching(model: Model, window: tuple[int, int], filter_: Filter) -> list[Json]:
    """Return the model's records that match a filter, newest first."""
    names = {**FIELDS, "workflow": "workflow_id", "run_status": "status"}
    records = model.calls(*window) if filter_.kind is Kind.CONVERSATION else model.runs(*window)
    for dimension, value in filter_.values:
        records = [record for record in records if (record[names.get(dimension, dimension)] or "") == value]
    properties: list[tuple[bool | None, Callable[[Json], bool]]] = [
        (filter_.has_duration, lambda record: record["duration"] is not None),
        (filter_.live, lambda record: bool(live([record]))),
        (filter_.stale, lambda record: bool(stale([record], NOW.stale_before))),
    ]
    for required, has in properties:
        records = [record for record in records if required is None or has(record) is required]
    return sorted(records, key=lambda record: (record["created_at"], record["id"].encode()), reverse=True)


@laws
@given(histories, windows | st.just(EVERYTHING), filters, st.sampled_from((1, 2, 3, 50)))
def test_records_equal_those_of_the_model_in_order_and_add_up_to_the_figure(
    ledgers: Ledgers, history: list[HistoryItem], window: tuple[int, int], filter_: Filter, limit: int
) -> None:
    model = Model()
    model.apply_all(history)
    expected = matching(model, window, filter_)
    with ledgers.empty() as ledger:
        ledger.ingest(history)
        records, totals = ledger.records(*window, filter_, limit)
        exported = ledger.export(*window, "records", filter_)
        summary = ledger.summary(*window)
    assert [(record["id"], record["created_at"]) for record in records] == [
        (record["id"], format_instant(record["created_at"])) for record in expected
    ]
    sums = (sum_calls if filter_.kind is Kind.CONVERSATION else sum_runs)(expected)
    assert {name: totals[name] for name in sums} == sums
    assert {name: sum(record["adds"].get(name, 0) for record in records) for name in sums} == sums
    assert {name: sum(row[name] for row in exported) for name in sums} == sums
    assert [row["id"] for row in exported] == [record["id"] for record in records]
    if filter_ == Filter(filter_.kind):
        assert {name: summary[name] for name in sums} == sums


@laws
@given(histories, cuts, st.randoms(use_true_random=False))
def test_history_starts_with_the_winning_state_in_any_order_of_arrival(
    ledgers: Ledgers, history: list[HistoryItem], cuts: Cuts, chance: Random
) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)
    model = Model()
    model.apply_all(history)
    histories: list[dict[tuple[str, str], list[Json]]] = []
    for order in (history, shuffled):
        with ledgers.empty() as ledger:
            ledger.ingest(order, cuts)
            histories.append({(kind, id_): ledger.history(Kind(kind), id_) for kind, id_ in model.winners})
    for key, expected in model.winners.items():
        first, second = (without_arrival(states[key]) for states in histories)
        assert first == second
        assert [state["wins"] for state in first] == [True] + [False] * (len(first) - 1)
        winner = first[0]
        assert (winner["event"]["id"], winner["event"]["source"]) == (expected.event_id, expected.source)
        assert (winner["record"] is None) == (expected.fields is None)
        assert len({json.dumps(state, sort_keys=True) for state in first}) == len(first)
        assert all(not state["adds"] for state in first[1:])


def without_arrival(states: list[Json]) -> list[Json]:
    """Return the states without `stored_at`."""
    return [{name: value for name, value in state.items() if name != "stored_at"} for state in states]
