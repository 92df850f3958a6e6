"""Folding: how a changed record changes the daily totals; each dimension of a day adds up to its total."""

from collections.abc import Iterable
from itertools import product

import msgspec

from talkmeter.counting import ZERO, Counters, DayKey, add
from talkmeter.counting import fold as fold_totals
from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.period import format_day
from talkmeter.records import Record, State
from tests.events import Json, conversation, run

CALL_DIMENSIONS = ("agent", "number", "widget", "channel", "modality", "direction", "status")
RUN_DIMENSIONS = ("workflow", "run_status")


def record_of(event: Json) -> Record | None:
    state = read_event(msgspec.json.encode(event), Sender("test", "acme"))
    assert isinstance(state, State), state
    return state.record


def fold(changes: Iterable[tuple[Record | None, Record | None]]) -> dict[DayKey, Counters]:
    """Return how the counters of each daily total change."""
    return {key: total.counters for key, total in fold_totals(changes).items()}


def totals_of(old: Json | None, new: Json | None) -> dict[str, Counters]:
    """Return how replacing a state by another one changes the `total` of each day."""
    change = (record_of(old) if old else None, record_of(new) if new else None)
    return {format_day(key.day): counters for key, counters in fold([change]).items() if key.dimension == "total"}


def test_correction_adds_the_new_state_and_subtracts_the_old_one() -> None:
    old, new = conversation(duration=60), conversation(duration=90.5, direction="outbound")

    assert totals_of(old, new) == {"2026-03-01": Counters(inbound_calls=-1, outbound_calls=1, voice_ms=30_500)}


def test_unchanged_record_changes_no_total() -> None:
    assert fold([(record_of(conversation()), record_of(conversation()))]) == {}


def test_change_touches_only_the_dimension_of_the_changed_field() -> None:
    change = (record_of(conversation(agent_id="ann")), record_of(conversation(agent_id="bob")))

    touched = {(key.dimension, key.value): counters.calls for key, counters in fold([change]).items()}

    assert touched == {("agent", "ann"): -1, ("agent", "bob"): 1}


def test_record_moved_to_another_day_is_counted_on_the_new_day_only() -> None:
    old = conversation(created_at="2026-03-01T10:00:00Z")
    new = conversation(created_at="2026-03-02T10:00:00Z")
    call = Counters(calls=1, voice_calls=1, inbound_calls=1, timed_calls=1, voice_ms=60_000)

    assert totals_of(old, new) == {"2026-03-01": Counters(*(-amount for amount in call)), "2026-03-02": call}


def test_live_call_that_ends_stops_being_live_and_gets_its_duration() -> None:
    changed = totals_of(conversation(status="in_progress", duration=None), conversation(duration=60))

    assert changed == {"2026-03-01": Counters(live_calls=-1, timed_calls=1, voice_ms=60_000)}


def test_conversation_is_counted_once_it_has_a_counted_status() -> None:
    changed = totals_of(conversation(status="token_created"), conversation())

    assert changed["2026-03-01"].calls == 1


def test_deletion_subtracts_everything_the_record_had_added() -> None:
    before = fold([(None, record_of(conversation(agent_id="ann")))])
    deleted = fold([(record_of(conversation(agent_id="ann")), None)])

    assert deleted == {key: Counters(*(-amount for amount in counters)) for key, counters in before.items()}


def test_records_with_the_same_key_are_summed() -> None:
    folded = fold((None, record_of(conversation(f"call-{number}", duration=number))) for number in range(1, 5))

    (total,) = (counters for key, counters in folded.items() if key.dimension == "total")
    assert total == Counters(calls=4, voice_calls=4, inbound_calls=4, timed_calls=4, voice_ms=10_000)


def test_changes_that_cancel_each_other_leave_no_row() -> None:
    ann, bob = record_of(conversation(duration=1)), record_of(conversation(duration=2))

    assert fold([(ann, bob), (bob, ann)]) == {}


def test_call_without_agent_number_and_widget_counts_under_the_empty_string() -> None:
    folded = fold([(None, record_of(conversation(agent_id="", agent_number=None)))])

    assert {key.dimension for key in folded if key.value == ""} == {"total", "agent", "number", "widget"}


def test_each_dimension_of_a_day_adds_up_to_its_total() -> None:
    calls = [
        conversation(
            f"call-{channel}-{direction}-{status}-{agent}",
            channel=channel,
            direction=direction,
            status=status,
            agent_id=agent,
            agent_number=None if agent else "+13125550110",
            web_widget_id="widget" if channel == "webrtc" else None,
        )
        for channel, direction, status, agent in product(
            ("telephone", "webrtc", "email", "text"),
            ("inbound", "outbound"),
            ("token_created", "ringing", "completed"),
            (None, "ann", "bob"),
        )
    ]
    runs = [
        run(f"run-{workflow}-{status}", workflow_id=workflow, status=status)
        for workflow, status in product((None, "a", "b"), ("running", "success", "failed"))
    ]
    call_totals = fold((None, record_of(call)) for call in calls)
    run_totals = fold((None, record_of(run)) for run in runs)

    assert {key.dimension for key in call_totals} == {"total", *CALL_DIMENSIONS}
    assert {key.dimension for key in run_totals} == {"total", *RUN_DIMENSIONS}
    for folded, dimensions in ((call_totals, CALL_DIMENSIONS), (run_totals, RUN_DIMENSIONS)):
        assert {name: sum_of(folded, name) for name in dimensions} == dict.fromkeys(dimensions, sum_of(folded, "total"))


def sum_of(folded: dict[DayKey, Counters], dimension: str) -> Counters:
    return add(counters for key, counters in folded.items() if key.dimension == dimension)


def test_sum_of_no_rows_is_zero() -> None:
    assert add([]) == ZERO
