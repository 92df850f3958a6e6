"""Folding: what a changed record does to the daily totals, and how each split of a day adds up to it."""

from itertools import product

import msgspec

from talkmeter.counting import ZERO, Counters, DayKey, add, fold
from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.period import format_day
from talkmeter.records import Record, State
from tests.events import Json, conversation, run

CALL_SPLITS = ("agent", "number", "widget", "channel", "modality", "direction", "status")
RUN_SPLITS = ("workflow", "run_status")


def record_of(one: Json) -> Record | None:
    state = read_event(msgspec.json.encode(one), Sender("test", "acme"))
    assert isinstance(state, State), state
    return state.record


def totals_of(old: Json | None, new: Json | None) -> dict[str, Counters]:
    """How replacing one state by another changes the `total` of each day."""
    change = (record_of(old) if old else None, record_of(new) if new else None)
    return {format_day(key.day): counters for key, counters in fold([change]).items() if key.dimension == "total"}


def test_a_correction_adds_the_new_and_takes_away_the_old() -> None:
    old, new = conversation(duration=60), conversation(duration=90.5, direction="outbound")

    assert totals_of(old, new) == {"2026-03-01": Counters(inbound_calls=-1, outbound_calls=1, voice_ms=30_500)}


def test_a_record_that_does_not_change_changes_no_total() -> None:
    assert fold([(record_of(conversation()), record_of(conversation()))]) == {}


def test_a_change_touches_only_the_splits_it_concerns() -> None:
    change = (record_of(conversation(agent_id="ann")), record_of(conversation(agent_id="bob")))

    touched = {(key.dimension, key.value): counters.calls for key, counters in fold([change]).items()}

    assert touched == {("agent", "ann"): -1, ("agent", "bob"): 1}


def test_a_record_moved_to_another_day_leaves_the_one_and_enters_the_other() -> None:
    old = conversation(created_at="2026-03-01T10:00:00Z")
    new = conversation(created_at="2026-03-02T10:00:00Z")
    one = Counters(calls=1, voice_calls=1, inbound_calls=1, timed_calls=1, voice_ms=60_000)

    assert totals_of(old, new) == {"2026-03-01": Counters(*(-amount for amount in one)), "2026-03-02": one}


def test_a_live_call_that_ends_stops_being_live_and_gets_its_duration() -> None:
    changed = totals_of(conversation(status="in_progress", duration=None), conversation(duration=60))

    assert changed == {"2026-03-01": Counters(live_calls=-1, timed_calls=1, voice_ms=60_000)}


def test_a_conversation_that_gets_its_first_real_status_enters_the_totals() -> None:
    changed = totals_of(conversation(status="token_created"), conversation())

    assert changed["2026-03-01"].calls == 1


def test_a_deleted_record_takes_away_all_it_had_added() -> None:
    before = fold([(None, record_of(conversation(agent_id="ann")))])
    deleted = fold([(record_of(conversation(agent_id="ann")), None)])

    assert deleted == {key: Counters(*(-amount for amount in counters)) for key, counters in before.items()}


def test_records_of_one_key_are_summed() -> None:
    folded = fold((None, record_of(conversation(f"call-{number}", duration=number))) for number in range(1, 5))

    (total,) = (counters for key, counters in folded.items() if key.dimension == "total")
    assert total == Counters(calls=4, voice_calls=4, inbound_calls=4, timed_calls=4, voice_ms=10_000)


def test_changes_that_cancel_each_other_leave_no_row() -> None:
    ann, bob = record_of(conversation(duration=1)), record_of(conversation(duration=2))

    assert fold([(ann, bob), (bob, ann)]) == {}


def test_without_an_agent_a_number_or_a_widget_a_call_counts_under_the_empty_string() -> None:
    folded = fold([(None, record_of(conversation(agent_id="", agent_number=None)))])

    assert {key.dimension for key in folded if key.value == ""} == {"total", "agent", "number", "widget"}


def test_each_split_of_a_day_adds_up_to_its_total() -> None:
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
    of_calls = fold((None, record_of(one)) for one in calls)
    of_runs = fold((None, record_of(one)) for one in runs)

    assert {key.dimension for key in of_calls} == {"total", *CALL_SPLITS}
    assert {key.dimension for key in of_runs} == {"total", *RUN_SPLITS}
    for folded, splits in ((of_calls, CALL_SPLITS), (of_runs, RUN_SPLITS)):
        assert {split: sum_of(folded, split) for split in splits} == dict.fromkeys(splits, sum_of(folded, "total"))


def sum_of(folded: dict[DayKey, Counters], dimension: str) -> Counters:
    return add(counters for key, counters in folded.items() if key.dimension == dimension)


def test_the_sum_of_no_rows_is_zero() -> None:
    assert add([]) == ZERO
