"""The rules of counting (docs/reference/counting.md): which counters an event adds to.

The rules that need tables (window, inventory, shared numbers) are tested in tests/store/test_windows_and_inventory.py.
"""

from itertools import product
from typing import get_args

import msgspec
import pytest

from talkmeter.counting import (
    COUNTERS,
    BilledSeconds,
    Counters,
    DailyTotal,
    add,
    average_seconds,
    billed_seconds,
    fold,
    minutes,
)
from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.period import format_day
from talkmeter.records import Kind, Record, State
from talkmeter_client.vocabulary import Channel, ConversationStatus, Direction, Modality, RunStatus
from tests.events import Json, conversation, event, run

CHANNELS: tuple[Channel, ...] = get_args(Channel)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
MODALITIES: tuple[Modality, ...] = get_args(Modality)
STATUSES: tuple[ConversationStatus, ...] = get_args(ConversationStatus)
RUN_STATUSES: tuple[RunStatus, ...] = get_args(RunStatus)


def record_of(event: Json) -> Record | None:
    state = read_event(msgspec.json.encode(event), Sender("test", "acme"))
    assert isinstance(state, State), state
    return state.record


def total_of(*events: Json) -> Counters:
    """Return what events of different records add to the totals, summed over all days."""
    folded = fold((None, record_of(event)) for event in events)
    return add(total.counters for key, total in folded.items() if key.dimension == "total")


def nonzero(counters: Counters) -> dict[str, int]:
    """Return the counters that are not zero, by name."""
    return {name: amount for name, amount in counters._asdict().items() if amount}


@pytest.mark.parametrize("status", [status for status in STATUSES if status != "token_created"])
def test_conversation_of_any_counted_status_is_a_call(status: str) -> None:
    assert total_of(conversation(status=status)).calls == 1


def test_token_created_conversation_is_not_counted() -> None:
    assert fold([(None, record_of(conversation(status="token_created", duration=60)))]) == {}


@pytest.mark.parametrize("status", STATUSES)
def test_triggered_ringing_and_in_progress_calls_are_live(status: str) -> None:
    assert total_of(conversation(status=status)).live_calls == (status in {"triggered", "ringing", "in_progress"})


def test_completed_call_adds_to_exactly_these_counters() -> None:
    assert nonzero(total_of(conversation(duration=12.345))) == {
        "calls": 1,
        "voice_calls": 1,
        "inbound_calls": 1,
        "timed_calls": 1,
        "voice_ms": 12_345,
    }


@pytest.mark.parametrize("kind", Kind)
def test_deletion_adds_to_no_counter(kind: Kind) -> None:
    assert fold([(None, record_of(event(f"{kind}.deleted", {"id": "x"})))]) == {}


@pytest.mark.parametrize("noun", ["agent", "phone_number", "web_widget", "dataset"])
def test_inventory_item_adds_to_no_counter(noun: str) -> None:
    assert fold([(None, record_of(event(f"{noun}.updated", {"id": "x"})))]) == {}


@pytest.mark.parametrize("unknown", [None, ""])
@pytest.mark.parametrize(
    ("channel", "modality"), [("telephone", "voice"), ("webrtc", "chat"), ("text", "chat"), ("email", "chat")]
)
def test_channel_decides_voice_or_chat_without_a_modality(channel: str, modality: str, unknown: str | None) -> None:
    counted = total_of(conversation(channel=channel, modality=unknown, duration=1))

    assert (counted.voice_calls, counted.chat_calls) == ((1, 0) if modality == "voice" else (0, 1))
    assert (counted.voice_ms, counted.chat_ms) == ((1000, 0) if modality == "voice" else (0, 1000))


@pytest.mark.parametrize(("channel", "modality"), [*product(CHANNELS, MODALITIES)])
def test_modality_decides_voice_or_chat_on_every_channel(channel: str, modality: str) -> None:
    counted = total_of(conversation(channel=channel, modality=modality, duration=1))

    assert (counted.voice_calls, counted.chat_calls) == ((1, 0) if modality == "voice" else (0, 1))


def test_voice_calls_and_chat_calls_add_up_to_all_calls() -> None:
    counted = total_of(
        *(
            conversation(channel=channel, status=status, modality=modality)
            for channel, status, modality in product(CHANNELS, STATUSES, (None, *MODALITIES))
        )
    )

    assert counted.calls == 4 * 8 * 3
    assert counted.voice_calls + counted.chat_calls == counted.calls


@pytest.mark.parametrize(("channel", "direction"), [*product(CHANNELS, DIRECTIONS)])
def test_direction_comes_from_its_field_on_every_channel(channel: str, direction: str) -> None:
    counted = total_of(conversation(channel=channel, direction=direction))

    assert (counted.inbound_calls, counted.outbound_calls) == ((1, 0) if direction == "inbound" else (0, 1))


def test_inbound_and_outbound_calls_add_up_to_all_calls() -> None:
    counted = total_of(
        *(
            conversation(channel=channel, status=status, direction=direction)
            for channel, status, direction in product(CHANNELS, STATUSES, DIRECTIONS)
        )
    )

    assert counted.calls == 4 * 8 * 2
    assert counted.inbound_calls + counted.outbound_calls == counted.calls


@pytest.mark.parametrize(
    ("created_at", "day"),
    [
        ("2026-03-01T00:00:00Z", "2026-03-01"),
        ("2026-03-01T23:59:59.999999Z", "2026-03-01"),
        ("2026-03-01T23:59:59.9999999Z", "2026-03-01"),
        ("2026-03-02T00:00:00Z", "2026-03-02"),
        ("2026-03-01T23:30:00-05:00", "2026-03-02"),
        ("2026-03-02T05:29:59+05:30", "2026-03-01"),
        ("2024-02-29T12:00:00Z", "2024-02-29"),
    ],
)
def test_call_counts_on_the_utc_date_of_its_creation(created_at: str, day: str) -> None:
    days = {format_day(key.day) for key in fold([(None, record_of(conversation(created_at=created_at)))])}

    assert days == {day}


def test_call_is_never_split_at_midnight() -> None:
    folded = fold([(None, record_of(conversation(created_at="2026-03-01T23:59:59Z", duration=7200)))])

    days = {(format_day(key.day), total.counters.voice_ms) for key, total in folded.items()}
    assert days == {("2026-03-01", 7_200_000)}


@pytest.mark.parametrize(
    ("milliseconds", "expected"),
    [
        (0, 0.0),
        (299, 0.0),
        (300, 0.01),
        (899, 0.01),
        (900, 0.02),
        (60_000, 1.0),
        (59_699, 0.99),
        (59_700, 1.0),
        (123_456_789, 2057.61),
        (31_622_400_000 * 1_000_000, 527_040_000_000.0),
    ],
)
def test_minutes_have_two_decimals_rounded_half_up(milliseconds: int, expected: float) -> None:
    assert minutes(milliseconds) == expected


def test_minutes_are_rounded_once_per_figure_and_not_per_call() -> None:
    counted = total_of(*(conversation(f"call-{number}", duration=0.2) for number in range(3)))

    assert minutes(200) == 0.0
    assert minutes(counted.voice_ms) == 0.01


@pytest.mark.parametrize("duration", [None, ""])
def test_call_without_a_duration_counts_with_zero_milliseconds(duration: str | None) -> None:
    counted = total_of(conversation(duration=duration))

    assert (counted.calls, counted.timed_calls, counted.voice_ms) == (1, 0, 0)


def test_counters_hold_exact_milliseconds() -> None:
    counted = total_of(conversation(duration=0.001), conversation(channel="text", duration=31_622_400))

    assert (counted.voice_ms, counted.chat_ms) == (1, 31_622_400_000)


@pytest.mark.parametrize(
    ("milliseconds", "calls", "expected"),
    [
        (49, 1, 0.0),
        (50, 1, 0.1),
        (149, 1, 0.1),
        (150, 1, 0.2),
        (299, 2, 0.1),
        (300, 2, 0.2),
        (100, 3, 0.0),
        (60_000, 1, 60.0),
        (200_000, 3, 66.7),
    ],
)
def test_average_is_rounded_half_up_to_one_decimal(milliseconds: int, calls: int, expected: float) -> None:
    assert average_seconds(milliseconds, calls) == expected


def test_average_covers_counted_conversations_with_a_duration() -> None:
    counted = total_of(
        conversation(duration=10),
        conversation(channel="text", duration=0),
        conversation(status="unanswered", duration=None),
        conversation(status="token_created", duration=1000),
    )

    assert average_seconds(counted.voice_ms + counted.chat_ms, counted.timed_calls) == 5.0


def test_average_without_durations_is_zero() -> None:
    assert average_seconds(0, 0) == 0.0


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("success", {"runs": 1, "runs_success": 1}),
        ("failed", {"runs": 1, "runs_failed": 1}),
        ("running", {"runs": 1, "live_runs": 1}),
        ("waiting", {"runs": 1, "live_runs": 1}),
        ("cancelled", {"runs": 1}),
    ],
)
def test_run_counts_once_and_its_status_decides_success_or_failure(status: str, expected: dict[str, int]) -> None:
    assert nonzero(total_of(run(status=status))) == expected


def test_every_status_of_a_run_is_in_the_total() -> None:
    assert total_of(*(run(status=status) for status in RUN_STATUSES)).runs == len(RUN_STATUSES) == 5


def test_run_counts_on_the_utc_date_of_its_creation() -> None:
    days = {format_day(key.day) for key in fold([(None, record_of(run(created_at="2026-03-01T23:30:00-05:00")))])}

    assert days == {"2026-03-02"}


def test_events_of_every_sort_touch_all_counters() -> None:
    touched = total_of(
        conversation(status="ringing"),
        conversation(channel="text", direction="outbound"),
        *(run(status=status) for status in RUN_STATUSES),
    )

    assert list(nonzero(touched)) == list(COUNTERS)
    assert len(COUNTERS) == 13


def billed_of(*durations: float | None, **fields: object) -> BilledSeconds:
    """Return the billed durations of a day's calls with these durations."""
    calls = [conversation(f"call-{n}", duration=duration, **fields) for n, duration in enumerate(durations)]
    folded = fold((None, record_of(call)) for call in calls)
    (total,) = (total for key, total in folded.items() if key.dimension == "total")
    return total.billed


def test_billed_durations_round_each_call_to_its_increment() -> None:
    assert billed_of(61, 60, 0.5, None) == BilledSeconds(122, 132, 156, 240)


@pytest.mark.parametrize(
    ("duration_ms", "billed"),
    [
        (0, (0, 0, 0, 0)),
        (1, (1, 6, 30, 60)),
        (1_000, (1, 6, 30, 60)),
        (1_001, (2, 6, 30, 60)),
        (6_000, (6, 6, 30, 60)),
        (6_001, (7, 12, 30, 60)),
        (30_000, (30, 30, 30, 60)),
        (30_001, (31, 36, 36, 60)),
        (36_000, (36, 36, 36, 60)),
        (60_000, (60, 60, 60, 60)),
        (60_001, (61, 66, 66, 120)),
        (31_622_400_000, (31_622_400,) * 4),
    ],
)
def test_billed_duration_is_the_least_duration_then_full_steps(duration_ms: int, billed: tuple[int, ...]) -> None:
    assert billed_seconds(duration_ms) == billed


@pytest.mark.parametrize("fields", [{"channel": "webrtc"}, {"modality": "chat"}, {"duration": None}, {"duration": 0}])
def test_chats_and_calls_without_a_duration_have_no_billed_duration(fields: Json) -> None:
    folded = fold([(None, record_of(conversation("call-1", **fields)))])

    assert {total.billed for total in folded.values()} == {BilledSeconds()}


def test_every_split_of_a_day_has_the_billed_durations_of_its_calls() -> None:
    folded = fold(
        (None, record_of(call))
        for call in (conversation("call-1", agent_id="ann", duration=61), conversation("call-2", duration=0.5))
    )

    billed = {(key.dimension, key.value): total.billed for key, total in folded.items()}
    assert billed["agent", "ann"] == BilledSeconds(61, 66, 66, 120)
    assert billed["agent", ""] == BilledSeconds(1, 6, 30, 60)
    assert billed["channel", "telephone"] == billed["total", ""] == BilledSeconds(62, 72, 96, 180)


def test_correction_of_a_duration_changes_the_billed_durations() -> None:
    changed = fold([(record_of(conversation(duration=61)), record_of(conversation(duration=60)))])

    assert set(changed.values()) == {DailyTotal(Counters(voice_ms=-1_000), BilledSeconds(-1, -6, -6, -60))}
    assert len(changed) == 8
