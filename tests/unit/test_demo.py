"""The made-up usage of `talkmeter demo`: made per day, the same every time, and topped up without contradiction."""

from collections import Counter
from collections.abc import Iterable
from datetime import date

import msgspec
import pytest

from talkmeter.demo import (
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
AFTER_ALL = (LAST_DAY + 2) * MICROSECONDS_PER_DAY
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
    """Every event of 366 days, read as the ingest reads it: what it does not accept as a state fails here."""
    return [read(event) for day in range(FIRST_DAY, LAST_DAY + 1) for event in events_of_day(day, AFTER_ALL)]


def test_the_same_day_always_has_the_same_events_whatever_was_made_before_it() -> None:
    once = events_of_day(TUESDAY, AFTER_ALL)
    events_of_day(TUESDAY - 1, AFTER_ALL)
    assert events_of_day(TUESDAY, AFTER_ALL) == once


def test_another_seed_and_another_day_have_other_events() -> None:
    ids = [
        {read(event).id for event in events_of_day(day, AFTER_ALL, seed)}
        for day, seed in ((TUESDAY, "one"), (TUESDAY, "two"), (TUESDAY + 1, "one"))
    ]
    assert all(ids)
    assert len(set.union(*ids)) == sum(map(len, ids))


def test_every_event_of_a_year_is_accepted_as_a_state_of_the_demo_organization(year: list[State]) -> None:
    assert {state.org_id for state in year} == {ORGANIZATION_ID}
    assert {state.kind for state in year} == {Kind.CONVERSATION, Kind.WORKFLOW_EXECUTION}


def test_every_record_of_a_year_has_one_event_and_has_ended(year: list[State]) -> None:
    assert len({(state.kind, state.id) for state in year}) == len(year)
    assert len({state.event_id for state in year}) == len(year)
    assert not [state for state in year if getattr(state.record, "status", None) in LIVE]


def test_a_year_has_about_100_000_conversations_and_60_000_runs(year: list[State]) -> None:
    kinds = Counter(state.kind for state in year)
    assert kinds[Kind.CONVERSATION] == pytest.approx(100_000, rel=0.1)
    assert kinds[Kind.WORKFLOW_EXECUTION] == pytest.approx(60_000, rel=0.1)


def test_a_year_shows_every_channel_modality_direction_and_way_to_end(year: list[State]) -> None:
    calls = [state.record for state in year if isinstance(state.record, Conversation)]
    runs = [state.record for state in year if isinstance(state.record, WorkflowExecution)]
    assert {call.channel for call in calls} == {"telephone", "webrtc", "text", "email"}
    assert {call.modality for call in calls if call.channel == "webrtc"} == {"voice", "chat"}
    assert {call.direction for call in calls if call.channel == "telephone"} == {"inbound", "outbound"}
    assert {call.status for call in calls} == {"completed", "failed", "unanswered", "cancelled", "transferred"}
    assert {run.status for run in runs} == {"success", "failed", "cancelled"}
    assert len({run.workflow_id for run in runs}) == 5


def test_an_unanswered_or_cancelled_call_has_no_duration_and_a_completed_phone_call_has_one(
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


def test_the_second_half_of_the_year_is_busier_than_the_first(year: list[State]) -> None:
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
    (worst, most), (_, next_most) = failed.most_common(2)
    assert worst == (date(2026, 10, 21) - date(1970, 1, 1)).days
    assert most > 5 * next_most


def test_calls_name_only_agents_numbers_and_widgets_of_the_inventory(year: list[State]) -> None:
    items = {(state.kind, state.id) for state in map(read, inventory_events(FIRST_DAY))}
    calls = [state.record for state in year if isinstance(state.record, Conversation)]
    named = {(Kind.AGENT, call.agent_id) for call in calls}
    named |= {(Kind.PHONE_NUMBER, call.agent_number) for call in calls if call.agent_number}
    named |= {(Kind.WEB_WIDGET, call.web_widget_id) for call in calls if call.web_widget_id}
    assert named == {item for item in items if item[0] is not Kind.DATASET}


def test_the_inventory_has_named_agents_shared_numbers_widgets_and_an_inactive_dataset() -> None:
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


def test_the_inventory_told_again_is_a_duplicate_and_told_later_wins() -> None:
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
def test_nothing_is_created_at_or_after_until(microsecond: int) -> None:
    until = TUESDAY * MICROSECONDS_PER_DAY + microsecond
    told = read_activity(events_of_day(TUESDAY, until))
    assert all(record.created_at < until for _, record in told)
    created = [record.created_at for _, record in read_activity(events_of_day(TUESDAY, AFTER_ALL))]
    assert len(told) == sum(instant // 1_000 < until // 1_000 for instant in created)
    assert events_of_day(TUESDAY + 1, until) == []


def test_no_event_is_of_a_time_after_until_nor_before_its_record_was_created() -> None:
    until = TUESDAY * MICROSECONDS_PER_DAY + 17 * HOUR
    assert all(
        record.created_at <= state.time <= until for state, record in read_activity(events_of_day(TUESDAY, until))
    )


def test_what_has_not_ended_by_until_is_told_as_live_and_without_a_duration() -> None:
    statuses: Counter[str] = Counter()
    for minute in range(0, 600, 5):
        until = TUESDAY * MICROSECONDS_PER_DAY + 13 * HOUR + minute * 60_000_000
        for _, record in read_activity(events_of_day(TUESDAY, until)):
            if record.status in LIVE:
                statuses[record.status] += 1
                assert not isinstance(record, Conversation) or record.duration_ms is None
    assert statuses.keys() == {"in_progress", "running", "waiting"}


def test_the_same_until_always_gives_the_same_events() -> None:
    until = TUESDAY * MICROSECONDS_PER_DAY + 17 * HOUR
    assert events_of_day(TUESDAY, until) == events_of_day(TUESDAY, until)


def test_an_event_id_never_tells_two_things() -> None:
    told: dict[str, Event] = {}
    for minute in range(0, 1_441, 20):
        for event in events_of_day(TUESDAY, TUESDAY * MICROSECONDS_PER_DAY + minute * 60_000_000):
            assert told.setdefault(str(event["id"]), event) == event


def test_topping_up_hour_by_hour_ends_with_the_winning_states_of_making_the_days_at_once() -> None:
    days = (TUESDAY, TUESDAY + 1)
    topped_up: list[Event] = []
    for hour in range(49):
        until = TUESDAY * MICROSECONDS_PER_DAY + hour * HOUR
        topped_up += [event for day in days for event in events_of_day(day, until)]
    at_once = [event for day in days for event in events_of_day(day, (TUESDAY + 2) * MICROSECONDS_PER_DAY)]
    assert len(topped_up) > len(at_once)
    assert winners_of(topped_up) == winners_of(reversed(topped_up)) == winners_of(at_once)


def test_a_top_up_only_needs_the_day_of_the_last_one_and_the_day_before() -> None:
    for day in range(TUESDAY - 28, TUESDAY):
        settled = events_of_day(day, (day + 1 + SETTLED_AFTER_DAYS) * MICROSECONDS_PER_DAY)
        assert settled == events_of_day(day, AFTER_ALL)
