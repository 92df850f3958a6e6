"""A subtree adds up to its members, and any order of events gives the same tree."""

import json
from hashlib import sha256
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talkmeter.usage.breakdown_answers import Order
from talkmeter.usage.breakdown_query import BreakdownOptions
from tests.hypothesis_profiles import examples
from tests.laws.histories import EVERYTHING, Cuts, cuts, laws, windows
from tests.laws.ledgers import PLATFORM_SENDER, Ledgers
from tests.laws.model import Json, RawEvent
from tests.laws.strategies import events, short_and_long_lists

pytestmark = pytest.mark.timeout(600)

ROOT = "root"
ORGANIZATIONS = (ROOT, "left", "right", "leaf", "ü")

FIGURES = {"calls": "total_calls", "voice": "voice_duration_ms", "runs": "workflow_runs_total"}


def claim(org_id: str, parent_id: str | None, second: int, source: str) -> Json:
    return {
        "specversion": "1.0",
        "id": f"{source}-{second}",
        "source": source,
        "type": "organization.updated",
        "time": f"2024-02-29T12:00:0{second}Z",
        "data": {"id": org_id, "parent_id": parent_id},
    }


claims = st.builds(
    claim,
    st.sampled_from(ORGANIZATIONS),
    st.sampled_from((None, *ORGANIZATIONS)),
    st.integers(0, 9),
    st.sampled_from(("a", "b")),
).filter(lambda one: one["data"]["id"] != one["data"]["parent_id"])
usage = short_and_long_lists(events(ORGANIZATIONS, calls=4, runs=2, items=2))


def encode(claims: list[Json]) -> list[RawEvent]:
    return [RawEvent(json.dumps(one, ensure_ascii=False).encode()) for one in claims]


def rank(one: Json) -> tuple[object, ...]:
    parent = json.dumps(one["data"]["parent_id"], ensure_ascii=False)
    return (one["time"], one["source"], one["id"], sha256(parent.encode()).digest()[:16], one["data"]["id"])


def parents_of(claims: list[Json]) -> dict[str, str]:
    """Return the parent of each organization that has one: the highest claim wins, the lowest of a cycle is ignored."""
    winners = {one["data"]["id"]: one for one in sorted(claims, key=rank)}
    parents = {org_id: one["data"]["parent_id"] for org_id, one in winners.items() if one["data"]["parent_id"]}
    while cycle := next((path for path in (above(org_id, parents) for org_id in parents) if path[0] == path[-1]), None):
        del parents[min(cycle, key=lambda org_id: rank(winners[org_id]))]
    return parents


def above(org_id: str, parents: dict[str, str]) -> list[str]:
    """Return an organization and those above it, up to the top or to the first that repeats."""
    path = [org_id]
    while path[-1] in parents and len(set(path)) == len(path):
        path.append(parents[path[-1]])
    return path


def exact(answer: Json) -> dict[str, int]:
    """Return the figures that add up: counts and milliseconds, not rounded minutes and averages."""
    return {
        name: value
        for name, value in answer.items()
        if isinstance(value, int) and name not in ("stale_hours", "avg_call_duration_sec", "share", "values")
    }


def sums(answers: list[Json]) -> dict[str, int]:
    figures = [exact(answer) for answer in answers]
    return {name: sum(one[name] for one in figures) for name in figures[0]}


@laws
@given(st.lists(claims, max_size=12), st.randoms(), cuts)
def test_any_order_of_parents_gives_the_same_tree(
    ledgers: Ledgers, claims: list[Json], random: Random, cuts: Cuts
) -> None:
    parents = parents_of(claims)
    shuffled = [*claims, *claims[:3]]
    random.shuffle(shuffled)
    with ledgers.empty() as ledger:
        ledger.ingest(encode(shuffled), cuts, PLATFORM_SENDER)
        for root in ORGANIZATIONS:
            below = {org_id for org_id in ORGANIZATIONS if root in above(org_id, parents)}
            assert ledger.members(root) == {org_id: parents.get(org_id) for org_id in below} | {root: None}


@settings(laws, max_examples=examples(20))
@given(usage, st.lists(claims, max_size=8), windows | st.just(EVERYTHING), st.sampled_from(("calls", "voice", "runs")))
def test_subtree_adds_up_to_its_members(
    ledgers: Ledgers, usage: list[RawEvent], claims: list[Json], window: tuple[int, int], order: Order
) -> None:
    with ledgers.empty() as ledger:
        ledger.ingest([*usage, *encode(claims)], sender=PLATFORM_SENDER)
        total = ledger.summary(*window, ROOT, subtree=True, mode="previous")
        of_members = {one: ledger.summary(*window, one, mode="previous") for one in ledger.members(ROOT)}
        split = ledger.breakdown(*window, BreakdownOptions("organization", order, interval="week"), org_id=ROOT)
    assert exact(total) == sums(list(of_members.values()))
    for index, day in enumerate(total["daily"]):
        days = [one["daily"][index] for one in of_members.values()]
        assert exact(day) == sums(days)
        assert (day["state"] == "settling") == any(one["state"] == "settling" for one in days)
    for name in exact(total).keys() & total["comparison"]["figures"].keys():
        then = [one["comparison"]["figures"][name]["then"] for one in of_members.values()]
        assert total["comparison"]["figures"][name]["then"] == sum(then)
    for row in split["rows"]:
        assert exact(row) == {name: of_members[row["value"]][name] for name in exact(row)}
    shown = [*split["rows"], split["others"]]
    assert sums(shown) == {name: total[name] for name in exact(split["others"])}
    assert [sum(row["series"]) for row in shown] == [row[FIGURES[order]] for row in shown]
