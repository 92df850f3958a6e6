"""The records behind a number add up to it, page by page, and their histories say which state counts."""

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
from tests.laws.model import Item, Json, Model, live, shown, stale, sums_of_calls, sums_of_runs
from tests.laws.strategies import CALL_STATUSES

pytestmark = pytest.mark.timeout(600)

VALUES = ("", "a", "b", "ü")
FIELDS: dict[str, str] = {"agent": "agent_id", "number": "agent_number", "widget": "web_widget_id"}
_flags = st.sampled_from((None, None, True, False))
_of_calls = st.fixed_dictionaries(
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
    _of_calls,
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


def kept(model: Model, window: tuple[int, int], wanted: Filter) -> list[Json]:
    """The model's records that a filter keeps, newest first."""
    of_calls = wanted.kind is Kind.CONVERSATION
    names = {**FIELDS, "workflow": "workflow_id", "run_status": "status"}
    found = model.calls(*window) if of_calls else model.runs(*window)
    for dimension, value in wanted.values:
        found = [one for one in found if (one[names.get(dimension, dimension)] or "") == value]
    properties: list[tuple[bool | None, Callable[[Json], bool]]] = [
        (wanted.has_duration, lambda one: one["duration"] is not None),
        (wanted.live, lambda one: bool(live([one]))),
        (wanted.stale, lambda one: bool(stale([one], NOW.stale_before))),
    ]
    for wish, has in properties:
        found = [one for one in found if wish is None or has(one) is wish]
    return sorted(found, key=lambda one: (one["created_at"], one["id"].encode()), reverse=True)


@laws
@given(histories, windows | st.just(EVERYTHING), filters, st.sampled_from((1, 2, 3, 50)))
def test_the_records_of_a_figure_are_those_of_the_model_in_order_and_add_up_to_it_exactly(
    ledgers: Ledgers, history: list[Item], window: tuple[int, int], wanted: Filter, limit: int
) -> None:
    model = Model()
    model.tell_all(history)
    expected = kept(model, window, wanted)
    with ledgers.empty() as ledger:
        ledger.tell(history)
        records, totals = ledger.records(*window, wanted, limit)
        exported = ledger.exported(*window, "records", wanted)
        summary = ledger.summary(*window)
    assert [(one["id"], one["created_at"]) for one in records] == [
        (one["id"], shown(one["created_at"])) for one in expected
    ]
    sums = (sums_of_calls if wanted.kind is Kind.CONVERSATION else sums_of_runs)(expected)
    assert {name: totals[name] for name in sums} == sums
    assert {name: sum(one["adds"].get(name, 0) for one in records) for name in sums} == sums
    assert {name: sum(row[name] for row in exported) for name in sums} == sums
    assert [row["id"] for row in exported] == [one["id"] for one in records]
    if wanted == Filter(wanted.kind):
        assert {name: summary[name] for name in sums} == sums


@laws
@given(histories, cuts, st.randoms(use_true_random=False))
def test_the_greatest_state_of_a_history_is_the_winning_one_whatever_the_order_of_arrival(
    ledgers: Ledgers, history: list[Item], one_way: Cuts, chance: Random
) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)
    model = Model()
    model.tell_all(history)
    seen: list[dict[tuple[str, str], list[Json]]] = []
    for order in (history, shuffled):
        with ledgers.empty() as ledger:
            ledger.tell(order, one_way)
            seen.append({(kind, id_): ledger.history(Kind(kind), id_) for kind, id_ in model.winners})
    for key, told in model.winners.items():
        first, second = (without_arrival(histories_of[key]) for histories_of in seen)
        assert first == second
        assert [state["wins"] for state in first] == [True] + [False] * (len(first) - 1)
        winner = first[0]
        assert (winner["event"]["id"], winner["event"]["source"]) == (told.event_id, told.source)
        assert (winner["record"] is None) == (told.fields is None)
        assert len({json.dumps(state, sort_keys=True) for state in first}) == len(first)
        assert all(not state["adds"] for state in first[1:])


def without_arrival(states: list[Json]) -> list[Json]:
    """The states without when they were stored."""
    return [{name: value for name, value in state.items() if name != "stored_at"} for state in states]
