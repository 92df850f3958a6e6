"""The generated usage of `talkmeter demo`: the same for each day and seed, and consistent when topped up."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

import msgspec
import pytest

from talkmeter.demo.usage import (
    ORGANIZATION_ID,
    SETTLED_AFTER_DAYS,
    Event,
    events_of_day,
    inventory_events,
)
from talkmeter.ingest.cloudevents import Sender, read_event
from talkmeter.period import MICROSECONDS_PER_DAY, day_of
from talkmeter.records import (
    LIVE_RUN_STATUSES,
    LIVE_STATUSES,
    Conversation,
    InventoryItem,
    Kind,
    Outcome,
    RecordKey,
    State,
    WorkflowExecution,
    classify,
)

LAST_DAY = (date(2026, 11, 22) - date(1970, 1, 1)).days
FIRST_DAY = LAST_DAY - 365
AFTER_LAST_DAY = (LAST_DAY + 2) * MICROSECONDS_PER_DAY
TUESDAY = (date(2026, 11, 17) - date(1970, 1, 1)).days
HOUR = MICROSECONDS_PER_DAY // 24
LIVE = LIVE_STATUSES | LIVE_RUN_STATUSES
SENDER = Sender("test", None)


def read(event: Event) -> State:
    arrival = read_event(msgspec.json.encode(event), SENDER)
    assert isinstance(arrival, State), arrival
    return arrival


def read_activity(events: Iterable[Event]) -> list[tuple[State, Conversation | WorkflowExecution]]:
    states = [read(event) for event in events]
    return [(state, state.record) for state in states if isinstance(state.record, Conversation | WorkflowExecution)]


def winners_of(events: Iterable[Event]) -> dict[RecordKey, State]:
    winners: dict[RecordKey, State] = {}
    for state in map(read, events):
        key = RecordKey(state.kind, state.id)
        if classify(state, winners.get(key)) is Outcome.ACCEPTED:
            winners[key] = state
    return winners


@pytest.fixture(scope="module")
def year() -> list[State]:
    """Return every event of 366 days, read as ingest does; an event that ingest rejects fails here."""
    return [read(event) for day in range(FIRST_DAY, LAST_DAY + 1) for event in events_of_day(day, AFTER_LAST_DAY)]


def test_events_of_a_day_do_not_depend_on_what_was_generated_before() -> None:
    once = events_of_day(TUESDAY, AFTER_LAST_DAY)
    events_of_day(TUESDAY - 1, AFTER_LAST_DAY)
    assert events_of_day(TUESDAY, AFTER_LAST_DAY) == once


def test_seeds_and_days_differ_in_their_events() -> None:
    ids = [
        {read(event).id for event in events_of_day(day, AFTER_LAST_DAY, seed)}
        for day, seed in ((TUESDAY, "one"), (TUESDAY, "two"), (TUESDAY + 1, "one"))
    ]
    assert all(ids)
    assert len(set.union(*ids)) == sum(map(len, ids))


def test_every_event_of_a_year_is_a_valid_state_of_the_demo_organization(year: list[State]) -> None:
    assert {state.org_id for state in year} == {ORGANIZATION_ID}
    assert {state.kind for state in year} == {Kind.CONVERSATION, Kind.WORKFLOW_EXECUTION}


def test_every_record_of_a_year_has_one_event_and_has_ended(year: list[State]) -> None:
    assert len({(state.kind, state.id) for state in year}) == len(year)
    assert len({state.event_id for state in year}) == len(year)
    assert not [state for state in year if getattr(state.record, "status", None) in LIVE]


def test_year_has_about_100_000_conversations_and_60_000_runs(year: list[State]) -> None:
    kinds = Counter(state.kind for state in year)
    assert kinds[Kind.CONVERSATION] == pytest.approx(100_000, rel=0.1)
    assert kinds[Kind.WORKFLOW_EXECUTION] == pytest.approx(60_000, rel=0.1)


def test_year_has_every_channel_modality_direction_and_terminal_status(year: list[State]) -> None:
    calls = [state.record for state in year if isinstance(state.record, Conversation)]
    runs = [state.record for state in year if isinstance(state.record, WorkflowExecution)]
    assert {call.channel for call in calls} == {"telephone", "webrtc", "text", "email"}
    assert {call.modality for call in calls if call.channel == "webrtc"} == {"voice", "chat"}
    assert {call.direction for call in calls if call.channel == "telephone"} == {"inbound", "outbound"}
    assert {call.status for call in calls} == {"completed", "failed", "unanswered", "cancelled", "transferred"}
    assert {run.status for run in runs} == {"success", "failed", "cancelled"}
    assert len({run.workflow_id for run in runs}) == 5


def test_completed_phone_calls_have_a_duration_unanswered_and_cancelled_have_none(
    year: list[State],
) -> None:
    calls = [state.record for state in year if isinstance(state.record, Conversation)]
    assert {call.duration_ms for call in calls if call.status in ("unanswered", "cancelled")} == {None}
    assert None not in {call.duration_ms for call in calls if (call.channel, call.status) == ("telephone", "completed")}


def test_weekends_are_quieter(year: list[State]) -> None:
    calls = Counter(
        (day_of(state.record.created_at) + 3) % 7 for state in year if isinstance(state.record, Conversation)
    )
    quietest_weekday = min(calls[weekday] for weekday in range(5))
    assert calls[5] < quietest_weekday / 2
    assert calls[6] < quietest_weekday / 2


def test_second_half_of_the_year_is_busier_than_the_first(year: list[State]) -> None:
    halves = Counter(
        day_of(state.record.created_at) >= LAST_DAY - 182 for state in year if isinstance(state.record, Conversation)
    )
    assert 1.05 < halves[True] / halves[False] < 1.3


def test_one_day_of_the_year_is_an_outage(year: list[State]) -> None:
    failed = Counter(
        day_of(state.record.created_at)
        for state in year
        if isinstance(state.record, Conversation) and state.record.status == "failed"
    )
    (worst_day, first), (_, second) = failed.most_common(2)
    assert worst_day == (date(2026, 10, 21) - date(1970, 1, 1)).days
    assert first > 5 * second


def test_calls_refer_only_to_agents_numbers_and_widgets_of_the_inventory(year: list[State]) -> None:
    items = {(state.kind, state.id) for state in map(read, inventory_events(FIRST_DAY))}
    calls = [state.record for state in year if isinstance(state.record, Conversation)]
    references = {(Kind.AGENT, call.agent_id) for call in calls}
    references |= {(Kind.PHONE_NUMBER, call.agent_number) for call in calls if call.agent_number}
    references |= {(Kind.WEB_WIDGET, call.web_widget_id) for call in calls if call.web_widget_id}
    assert references == {item for item in items if item[0] is not Kind.DATASET}


def test_inventory_has_names_shared_numbers_and_an_inactive_dataset() -> None:
    states = [read(event) for event in inventory_events(FIRST_DAY)]
    items = [(state.kind, state.record) for state in states if isinstance(state.record, InventoryItem)]
    assert Counter(kind for kind, _ in items) == {
        Kind.AGENT: 7,
        Kind.PHONE_NUMBER: 12,
        Kind.WEB_WIDGET: 3,
        Kind.DATASET: 4,
    }
    assert all(item.name for _, item in items)
    assert sum(item.shared for _, item in items) == 4
    assert sum(item.active for _, item in items) == 3
    assert all(state.id[5:10] == "55501" for state in states if state.kind is Kind.PHONE_NUMBER)


def test_repeated_inventory_is_a_duplicate_and_a_later_one_wins() -> None:
    winners = winners_of(inventory_events(FIRST_DAY))
    again = {
        classify(state, winners[RecordKey(state.kind, state.id)]) for state in map(read, inventory_events(FIRST_DAY))
    }
    later = {
        classify(state, winners[RecordKey(state.kind, state.id)]) for state in map(read, inventory_events(LAST_DAY))
    }
    assert again == {Outcome.DUPLICATE}
    assert later == {Outcome.ACCEPTED}


@pytest.mark.parametrize("microsecond", [0, 1, 15 * HOUR, 17 * HOUR + 123_456_789, 24 * HOUR])
def test_no_record_is_created_at_or_after_until(microsecond: int) -> None:
    until = TUESDAY * MICROSECONDS_PER_DAY + microsecond
    activity = read_activity(events_of_day(TUESDAY, until))
    assert all(record.created_at < until for _, record in activity)
    created = [record.created_at for _, record in read_activity(events_of_day(TUESDAY, AFTER_LAST_DAY))]
    assert len(activity) == sum(instant // 1_000 < until // 1_000 for instant in created)
    assert events_of_day(TUESDAY + 1, until) == []


def test_event_time_is_between_the_creation_of_its_record_and_until() -> None:
    until = TUESDAY * MICROSECONDS_PER_DAY + 17 * HOUR
    assert all(
        record.created_at <= state.time <= until for state, record in read_activity(events_of_day(TUESDAY, until))
    )


def test_record_that_has_not_ended_by_until_is_live_without_a_duration() -> None:
    statuses: Counter[str] = Counter()
    for minute in range(0, 600, 5):
        until = TUESDAY * MICROSECONDS_PER_DAY + 13 * HOUR + minute * 60_000_000
        for _, record in read_activity(events_of_day(TUESDAY, until)):
            if record.status in LIVE:
                statuses[record.status] += 1
                assert not isinstance(record, Conversation) or record.duration_ms is None
    assert statuses.keys() == {"in_progress", "running", "waiting"}


def test_same_until_always_gives_the_same_events() -> None:
    until = TUESDAY * MICROSECONDS_PER_DAY + 17 * HOUR
    assert events_of_day(TUESDAY, until) == events_of_day(TUESDAY, until)


def test_event_id_always_has_the_same_content() -> None:
    events_by_id: dict[str, Event] = {}
    for minute in range(0, 1_441, 20):
        for event in events_of_day(TUESDAY, TUESDAY * MICROSECONDS_PER_DAY + minute * 60_000_000):
            assert events_by_id.setdefault(str(event["id"]), event) == event


def test_topping_up_by_hours_gives_the_same_winning_states_as_whole_days() -> None:
    days = (TUESDAY, TUESDAY + 1)
    topped_up: list[Event] = []
    for hour in range(49):
        until = TUESDAY * MICROSECONDS_PER_DAY + hour * HOUR
        topped_up += [event for day in days for event in events_of_day(day, until)]
    at_once = [event for day in days for event in events_of_day(day, (TUESDAY + 2) * MICROSECONDS_PER_DAY)]
    assert len(topped_up) > len(at_once)
    assert winners_of(topped_up) == winners_of(reversed(topped_up)) == winners_of(at_once)


def test_top_up_only_needs_the_day_of_the_last_one_and_the_day_before() -> None:
    for day in range(TUESDAY - 28, TUESDAY):
        settled = events_of_day(day, (day + 1 + SETTLED_AFTER_DAYS) * MICROSECONDS_PER_DAY)
        assert settled == events_of_day(day, AFTER_LAST_DAY)
