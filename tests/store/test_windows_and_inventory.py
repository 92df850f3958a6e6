"""The counting rules that need a database: window, inventory, shared numbers (docs/reference/counting.md)."""

from random import Random

import pytest

from talkmeter.period import MICROSECONDS_PER_DAY, format_instant
from tests.events import Json, conversation, event, run
from tests.store.ledger import Ledger, make_snapshot

FIRST_DAY = 20_513  # 2026-03-01


def item(noun: str, id_: str, **data: object) -> Json:
    return event(f"{noun}.updated", {"id": id_, **data})


def deletion(noun: str, id_: str, time: str = "2026-03-02T00:00:00Z") -> Json:
    return event(f"{noun}.deleted", {"id": id_}, time=time)


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        ("2026-03-05T00:00:00Z", "2026-03-06T00:00:00Z"),
        ("2026-03-05T10:00:00Z", "2026-03-05T10:30:00Z"),
        ("2026-03-05T01:00:00Z", "2026-03-05T23:00:00Z"),
        ("2026-03-05T01:00:00Z", "2026-03-07T23:00:00Z"),
        ("2026-03-05T23:00:00Z", "2026-03-07T01:00:00Z"),
    ],
)
def test_window_includes_from_and_excludes_to(ledger: Ledger, from_: str, to: str) -> None:
    microsecond_before = {
        "2026-03-05T00:00:00Z": "2026-03-04T23:59:59.999999Z",
        "2026-03-05T10:00:00Z": "2026-03-05T09:59:59.999999Z",
        "2026-03-05T01:00:00Z": "2026-03-05T00:59:59.999999Z",
        "2026-03-05T23:00:00Z": "2026-03-05T22:59:59.999999Z",
        "2026-03-06T00:00:00Z": "2026-03-05T23:59:59.999999Z",
        "2026-03-05T10:30:00Z": "2026-03-05T10:29:59.999999Z",
        "2026-03-07T23:00:00Z": "2026-03-07T22:59:59.999999Z",
        "2026-03-07T01:00:00Z": "2026-03-07T00:59:59.999999Z",
    }
    instants = {"out early": microsecond_before[from_], "first": from_, "last": microsecond_before[to], "out late": to}
    ledger.send(*(conversation(id_, created_at=instant) for id_, instant in instants.items()))
    ledger.send(*(run(id_, created_at=instant) for id_, instant in instants.items()))

    summary = ledger.summary(from_, to)

    assert (summary.total_calls, summary.workflow_runs_total) == (2, 2)


def test_windows_with_random_bounds_have_the_calls_between_them(ledger: Ledger) -> None:
    random = Random("windows")
    three_days = 3 * MICROSECONDS_PER_DAY
    calls = [(random.randrange(three_days), random.randrange(100_000)) for _ in range(200)]
    ledger.send(
        *(
            conversation(
                f"call-{number}",
                created_at=format_instant(FIRST_DAY * MICROSECONDS_PER_DAY + instant),
                duration=ms / 1000,
                channel=random.choice(["telephone", "text"]),
            )
            for number, (instant, ms) in enumerate(calls)
        )
    )
    for _ in range(100):
        start, end = sorted(random.choice([random.randrange(three_days), random.choice(calls)[0]]) for _ in range(2))
        if start == end:
            continue
        from_, to = (format_instant(FIRST_DAY * MICROSECONDS_PER_DAY + instant) for instant in (start, end))

        summary = ledger.summary(from_, to)

        inside = [ms for instant, ms in calls if start <= instant < end]
        assert summary.total_calls == len(inside), (from_, to)
        assert summary.voice_duration_ms + summary.chat_duration_ms == sum(inside), (from_, to)
        assert sum(day.calls for day in summary.daily) == len(inside), (from_, to)


@pytest.mark.parametrize(
    ("noun", "figure"),
    [
        ("agent", "total_agents"),
        ("phone_number", "total_phone_numbers"),
        ("web_widget", "total_web_widgets"),
        ("dataset", "total_datasets"),
    ],
)
def test_inventory_counts_all_that_exist_of_each_kind(ledger: Ledger, noun: str, figure: str) -> None:
    ledger.send(item(noun, "a"), item(noun, "b", name="B"), item(noun, "c"), deletion(noun, "c"))

    summary = ledger.summary()

    counted = {name: getattr(summary, name) for name in INVENTORY}
    assert counted == {**dict.fromkeys(INVENTORY, 0), figure: 2}


INVENTORY = (
    "total_agents",
    "total_phone_numbers",
    "shared_phone_numbers",
    "total_web_widgets",
    "total_datasets",
    "active_datasets",
)


def test_shared_numbers_are_a_subset_of_all_numbers(ledger: Ledger) -> None:
    ledger.send(
        item("phone_number", "+1", shared=True),
        item("phone_number", "+2", shared=False),
        item("phone_number", "+3"),
        item("phone_number", "+4", shared=True),
        deletion("phone_number", "+4"),
    )

    summary = ledger.summary()

    assert (summary.total_phone_numbers, summary.shared_phone_numbers) == (3, 1)


def test_only_datasets_with_active_true_are_active(ledger: Ledger) -> None:
    ledger.send(
        item("dataset", "a", active=True), item("dataset", "b", active=False), item("dataset", "c", active=None)
    )

    summary = ledger.summary()

    assert (summary.total_datasets, summary.active_datasets) == (3, 1)


def test_deleted_agent_leaves_the_inventory_but_its_calls_still_count(ledger: Ledger) -> None:
    ledger.send(item("agent", "ann"), conversation(agent_id="ann"))
    ledger.send(deletion("agent", "ann"))

    summary = ledger.summary()

    assert (summary.total_agents, summary.total_calls) == (0, 1)


def test_inventory_ignores_the_window(ledger: Ledger) -> None:
    ledger.send(item("agent", "ann"))

    assert ledger.summary("2020-01-01", "2020-01-02").total_agents == 1


def test_snapshot_removes_older_items_that_it_does_not_list(ledger: Ledger) -> None:
    ledger.send(item("agent", "older"), item("agent", "listed"))
    ledger.send(event("agent.updated", {"id": "newer"}, time="2026-03-03T00:00:00Z"))
    ledger.write(make_snapshot("agent", "2026-03-02T00:00:00Z", "listed", "new"))

    assert ledger.summary().total_agents == 3


def test_unknown_organization_has_zeros_and_no_last_event(ledger: Ledger) -> None:
    summary = ledger.summary(org_id="nobody")

    assert (summary.total_calls, summary.total_agents, summary.last_event_at) == (0, 0, None)
    assert len(summary.daily) == 31
