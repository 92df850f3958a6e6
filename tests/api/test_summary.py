"""The summary: name, type and value of every figure, for sample usage with known figures."""

import json
from typing import Any

import pytest

from tests.api.organizations import OrganizationClient, counts_of, new_organization, receipt_of
from tests.events import Json, conversation, event, run

ACTIVITY = {
    "total_calls": int,
    "voice_calls": int,
    "chat_calls": int,
    "inbound_calls": int,
    "outbound_calls": int,
    "voice_minutes": float,
    "chat_minutes": float,
    "avg_call_duration_sec": float,
    "workflow_runs_total": int,
    "workflow_runs_success": int,
    "workflow_runs_failed": int,
}
INVENTORY = {
    "total_agents": int,
    "total_phone_numbers": int,
    "shared_phone_numbers": int,
    "total_web_widgets": int,
    "total_datasets": int,
    "active_datasets": int,
}
EXACT = {"voice_duration_ms": int, "chat_duration_ms": int}
ADDITIONAL = {
    "timed_calls": int,
    "live_calls": int,
    "stale_calls": int,
    "stale_hours": int,
    "live_runs": int,
    "comparison": type(None),
}
PARTS = dict.fromkeys(("inbound_calls", "outbound_calls", "workflow_runs_success", "workflow_runs_failed"), int)
DAY = {"day": str, "calls": int, "voice_minutes": float, "chat_minutes": float, "workflow_runs": int, **EXACT, **PARTS}
WINDOW = {"from": str, "to": str}


def types_of(fields: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in fields.items()}


def on(day: int, id_: str, **fields: object) -> Json:
    """Return a conversation on a day of March 2026."""
    return conversation(id_, created_at=f"2026-03-{day:02}T11:59:00Z", **fields)


USAGE = (
    on(1, "answered", duration=60),
    on(1, "called out", direction="outbound", duration=30.5),
    on(1, "unanswered", status="unanswered", direction="outbound", duration=None),
    on(1, "failed", status="failed", duration=0),
    on(3, "live", status="in_progress", duration=None),
    on(3, "chat", channel="webrtc", duration=100),
    on(3, "voice in the browser", channel="webrtc", modality="voice", duration=20),
    on(3, "email", channel="email", duration=None),
    on(3, "text", channel="text", direction="outbound", status="transferred", duration=0.25),
    on(3, "not joined", status="token_created", channel="webrtc", duration=999),
    run("run-1"),
    run("run-2", status="failed"),
    run("run-3", status="running", created_at="2026-03-03T00:00:00Z"),
    run("run-4", status="waiting", created_at="2026-03-03T23:59:59.999999Z"),
    run("run-5", status="cancelled"),
    event("agent.updated", {"id": "agent-1"}),
    event("agent.updated", {"id": "agent-2"}),
    event("phone_number.updated", {"id": "+15550001", "shared": True}),
    event("phone_number.updated", {"id": "+15550002"}),
    event("phone_number.updated", {"id": "+15550003"}),
    event("web_widget.updated", {"id": "widget-1"}),
    event("dataset.updated", {"id": "dataset-1", "active": True}),
    event("dataset.updated", {"id": "dataset-2"}),
)


def test_summary_has_every_figure_of_sample_usage(org: OrganizationClient) -> None:
    assert counts_of(org.send(*USAGE)) == (len(USAGE), 0, 0, 0, 0)
    summary = org.summary("2026-03-01", "2026-03-04")
    stored_at = summary.pop("last_event_at")
    assert stored_at is not None
    empty = {"calls": 0, "voice_minutes": 0, "chat_minutes": 0, "workflow_runs": 0}
    no_ms = {"voice_duration_ms": 0, "chat_duration_ms": 0, **dict.fromkeys(PARTS, 0)}
    assert summary == {
        "from": "2026-03-01T00:00:00Z",
        "to": "2026-03-04T00:00:00Z",
        "total_calls": 9,
        "voice_calls": 6,
        "chat_calls": 3,
        "inbound_calls": 6,
        "outbound_calls": 3,
        "voice_minutes": 1.84,
        "chat_minutes": 1.67,
        "timed_calls": 6,
        "live_calls": 1,
        "stale_calls": 1,
        "stale_hours": 24,
        "avg_call_duration_sec": 35.1,
        "workflow_runs_total": 5,
        "workflow_runs_success": 1,
        "workflow_runs_failed": 1,
        "live_runs": 2,
        "voice_duration_ms": 110_500,
        "chat_duration_ms": 100_250,
        "total_agents": 2,
        "total_phone_numbers": 3,
        "shared_phone_numbers": 1,
        "total_web_widgets": 1,
        "total_datasets": 2,
        "active_datasets": 1,
        "comparison": None,
        "daily": [
            {
                **(empty | no_ms),
                "day": "2026-03-01",
                "calls": 4,
                "voice_minutes": 1.51,
                "voice_duration_ms": 90_500,
                "inbound_calls": 2,
                "outbound_calls": 2,
                "workflow_runs": 3,
                "workflow_runs_success": 1,
                "workflow_runs_failed": 1,
                "state": "final",
                "changed_at": stored_at,
            },
            {**(empty | no_ms), "day": "2026-03-02", "state": "no_data", "changed_at": None},
            {
                "day": "2026-03-03",
                "calls": 5,
                "voice_minutes": 0.33,
                "chat_minutes": 1.67,
                "workflow_runs": 2,
                "voice_duration_ms": 20_000,
                "chat_duration_ms": 100_250,
                "inbound_calls": 4,
                "outbound_calls": 1,
                "workflow_runs_success": 0,
                "workflow_runs_failed": 0,
                "state": "final",
                "changed_at": stored_at,
            },
        ],
    }


@pytest.mark.parametrize("usage", [USAGE, ()], ids=["sample usage", "no usage"])
def test_every_field_has_its_name_and_type(org: OrganizationClient, usage: tuple[Json, ...]) -> None:
    org.send(*usage)
    summary = org.summary("2026-03-01", "2026-03-04")
    daily = summary.pop("daily")
    assert isinstance(summary.pop("last_event_at"), str if usage else type(None))
    assert types_of(summary) == WINDOW | ACTIVITY | INVENTORY | EXACT | ADDITIONAL
    changed = [point.pop("changed_at") for point in daily]
    assert [types_of(point) for point in daily] == [DAY | {"state": str}] * 3
    assert [isinstance(instant, str) for instant in changed] == ([True, False, True] if usage else [False] * 3)


def test_numbers_are_never_strings_and_have_no_exponent(org: OrganizationClient) -> None:
    org.send(*(conversation(f"call-{number}", duration=31_622_400) for number in range(200)))
    answer = org.get_summary(from_="2026-03-01", to="2026-03-02")
    assert '"voice_minutes":105408000.0' in answer.text
    assert '"voice_duration_ms":6324480000000' in answer.text


DURATIONS = {
    "0.0004": 0,
    "0.0005": 1,
    "0.00149999999999999999999999999999999999999999": 1,
    "1e-3": 1,
    "59.9995": 60_000,
    "60": 60_000,
    "31622400": 31_622_400_000,
    "-0": 0,
    "1e-999999999": 0,
}


@pytest.mark.parametrize(("text", "milliseconds"), DURATIONS.items())
def test_duration_is_read_exactly_and_rounded_half_up_to_milliseconds(
    org: OrganizationClient, text: str, milliseconds: int
) -> None:
    body = json.dumps(conversation(duration="<raw>")).replace('"<raw>"', text)
    assert receipt_of(org.post(body.encode()))["accepted"] == 1
    assert org.summary()["voice_duration_ms"] == milliseconds


def test_organization_without_events_has_zeros_and_no_last_event(org: OrganizationClient) -> None:
    summary = org.summary()
    assert summary["last_event_at"] is None
    assert not any(summary[name] for name in ACTIVITY | INVENTORY | EXACT)
    assert [point["day"] for point in summary["daily"]] == ["2026-03-01"]


def test_only_stored_events_change_last_event_at(org: OrganizationClient) -> None:
    org.send({**conversation(), "type": "call.ended"})
    assert org.summary()["last_event_at"] is None
    org.send(conversation())
    first = org.summary()["last_event_at"]
    assert first.endswith("Z")
    org.send(run())
    assert org.summary()["last_event_at"] > first


def test_year_has_one_point_per_day_in_order(org: OrganizationClient) -> None:
    days = [point["day"] for point in org.summary("2027-03-01", "2028-03-01")["daily"]]
    assert len(days) == 366
    assert days == sorted(days)
    assert (days[0], days[-2], days[-1]) == ("2027-03-01", "2028-02-28", "2028-02-29")


def test_summary_includes_an_event_as_soon_as_it_is_acknowledged(org: OrganizationClient) -> None:
    for number in range(1, 41):
        assert counts_of(org.send(conversation(f"call-{number}", duration=number))) == (1, 0, 0, 0, 0)
        summary = org.summary()
        assert summary["total_calls"] == number
        assert summary["voice_duration_ms"] == 500 * number * (number + 1)


def test_summary_reflects_corrections_deletions_and_late_events_immediately(org: OrganizationClient) -> None:
    completed = {**conversation(duration=60), "time": "2026-03-01T12:05:00Z"}
    org.send(completed)
    org.send({**conversation(duration=90), "time": "2026-03-01T12:10:00Z"})
    assert org.summary()["voice_duration_ms"] == 90_000
    org.send({**conversation(status="ringing", duration=None), "time": "2026-03-01T12:20:00Z"})
    assert org.summary()["voice_duration_ms"] == 90_000
    org.send(event("conversation.deleted", {"id": "call-1"}, time="2026-03-01T12:01:00Z"))
    assert org.calls() == 0
    assert org.send(completed)["stale"] == 1
    assert org.calls() == 0


def test_call_moved_to_another_day_is_counted_on_the_new_day_only(org: OrganizationClient) -> None:
    org.send({**on(1, "call-1", status="in_progress"), "time": "2026-03-01T12:00:00Z"})
    org.send({**on(2, "call-1"), "time": "2026-03-02T12:00:00Z"})
    assert [point["calls"] for point in org.summary("2026-03-01", "2026-03-03")["daily"]] == [0, 1]


def test_usage_of_other_organizations_is_not_visible(org: OrganizationClient) -> None:
    with new_organization(org.server) as other:
        assert counts_of(other.send(*USAGE)) == (len(USAGE), 0, 0, 0, 0)
    assert org.calls() == 0
    assert org.summary()["last_event_at"] is None
