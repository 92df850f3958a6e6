"""The window of a summary: how `from` and `to` are read, what is rejected, and that partial days are exact."""

from itertools import pairwise

import pytest

from tests.api.organizations import OrganizationClient, error_of
from tests.events import conversation, run

JUST_BEFORE_MIDNIGHT = "23:59:59.999999Z"
VALID = {
    "bare dates": ("2026-03-01", "2026-03-02", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"),
    "UTC as Z": ("2026-03-01T00:00:00Z", "2026-03-01T12:30:00z", "2026-03-01T00:00:00Z", "2026-03-01T12:30:00Z"),
    "no offset": ("2026-03-01T00:00:00", "2026-03-01T12:30", "2026-03-01T00:00:00Z", "2026-03-01T12:30:00Z"),
    "offsets": (
        "2026-03-01T00:00:00+05:30",
        "2026-03-01T00:00:00-08:00",
        "2026-02-28T18:30:00Z",
        "2026-03-01T08:00:00Z",
    ),
    "a date and a time": ("2026-03-01", "2026-03-01T06:00:00Z", "2026-03-01T00:00:00Z", "2026-03-01T06:00:00Z"),
    "milliseconds": ("2026-03-01T00:00:00.250Z", "2026-03-02", "2026-03-01T00:00:00.250000Z", "2026-03-02T00:00:00Z"),
    "finer than microseconds": (
        "2026-03-01T00:00:00.0000019Z",
        "2026-03-01T00:00:00.999999999Z",
        "2026-03-01T00:00:00.000001Z",
        "2026-03-01T00:00:00.999999Z",
    ),
    "a leap day": ("2028-02-29", "2028-03-01", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z"),
    "the first day": ("1970-01-01", "1970-01-02", "1970-01-01T00:00:00Z", "1970-01-02T00:00:00Z"),
    "the last day": ("2099-12-31", "2100-01-01", "2099-12-31T00:00:00Z", "2100-01-01T00:00:00Z"),
    "exactly 366 days": ("2026-03-01", "2027-03-02", "2026-03-01T00:00:00Z", "2027-03-02T00:00:00Z"),
    "exactly 366 days from noon": (
        "2026-03-01T12:00:00Z",
        "2027-03-02T12:00:00Z",
        "2026-03-01T12:00:00Z",
        "2027-03-02T12:00:00Z",
    ),
    "one microsecond": (
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.000001Z",
        "2026-03-01T12:00:00Z",
        "2026-03-01T12:00:00.000001Z",
    ),
}
INVALID = {
    "from missing": ({"to": "2026-03-01"}, "'from'"),
    "to missing": ({"from_": "2026-03-01"}, "'to'"),
    "both empty": ({"from_": "", "to": ""}, "'from'"),
    "one empty": ({"from_": "2026-03-01", "to": ""}, "'to'"),
    "to equals from": ({"from_": "2026-03-01", "to": "2026-03-01"}, "after"),
    "to equals from in another time zone": ({"from_": "2026-03-01T01:00:00+01:00", "to": "2026-03-01"}, "after"),
    "to equals from in microseconds": (
        {"from_": "2026-03-01T00:00:00.0000001Z", "to": "2026-03-01T00:00:00.0000009Z"},
        "after",
    ),
    "reversed": ({"from_": "2026-03-02", "to": "2026-03-01"}, "after"),
    "366 days and a microsecond": ({"from_": "2026-03-01", "to": "2027-03-02T00:00:00.000001Z"}, "366 days"),
    "367 days": ({"from_": "2026-03-01", "to": "2027-03-03"}, "366 days"),
    "all time": ({"from_": "1970-01-01", "to": "2099-12-31"}, "366 days"),
    "words": ({"from_": "yesterday", "to": "today"}, "'from'"),
    "the 31st of February": ({"from_": "2026-02-31", "to": "2026-03-01"}, "'from'"),
    "seconds since 1970": ({"from_": "1772323200", "to": "1772409600"}, "'from'"),
    "before 1970": ({"from_": "1969-12-31", "to": "1970-01-02"}, "1970-01-01"),
    "after 2099": ({"from_": "2099-12-31", "to": "2100-01-02"}, "2100-01-01"),
    "a year of five digits": ({"from_": "20000-01-01", "to": "20000-01-02"}, "'from'"),
    "a date with an offset": ({"from_": "2026-03-01-05:00", "to": "2026-03-02"}, "'from'"),
    "another letter than T": ({"from_": "2026-03-01x10:00", "to": "2026-03-02"}, "'from'"),
    "10 kB": ({"from_": "2026-03-01" + "0" * 10_000, "to": "2026-03-02"}, "'from'"),
    "a line break": ({"from_": "2026-03-01\r\nX: 1", "to": "2026-03-02"}, "'from'"),
}


@pytest.mark.parametrize(("from_", "to", "parsed_from", "parsed_to"), VALID.values(), ids=VALID)
def test_window_is_read_as_iso_8601_and_returned_in_utc(
    org: OrganizationClient, from_: str, to: str, parsed_from: str, parsed_to: str
) -> None:
    summary = org.summary(from_, to)
    assert (summary["from"], summary["to"]) == (parsed_from, parsed_to)
    days = [point["day"] for point in summary["daily"]]
    assert days == sorted(set(days))
    assert days[0] == parsed_from[:10]


@pytest.mark.parametrize(("parameters", "text"), INVALID.values(), ids=INVALID)
def test_error_of_an_invalid_window_states_the_rule(
    org: OrganizationClient, parameters: dict[str, str], text: str
) -> None:
    message = error_of(org.get_summary(**parameters), 422)
    assert text in message
    assert len(message) < 300


@pytest.mark.parametrize("query", ["from=2026-03-01&from=2026-03-01", "to=2026-03-01&to=2026-03-03"])
def test_repeated_bound_is_rejected_even_with_the_same_value(org: OrganizationClient, query: str) -> None:
    answer = org.client.get(f"/admin/usage/summary?from=2026-03-01&to=2026-03-02&{query}")
    assert "more than once" in error_of(answer, 422)


def test_default_window_of_the_summary_is_the_month_to_date(org: OrganizationClient) -> None:
    summary = org.get_summary().json()
    days = [point["day"] for point in summary["daily"]]
    assert summary["from"].endswith("-01T00:00:00Z")
    assert summary["to"].endswith("T00:00:00Z")
    assert summary["from"][:10] == days[0]
    assert days[-1] < summary["to"][:10]
    assert days[-1][:7] == days[0][:7]
    assert len(days) == int(days[-1][8:])


@pytest.mark.parametrize("plus", ["+", " ", "%2B", "%20"])
def test_space_in_an_offset_is_read_as_a_plus(org: OrganizationClient, plus: str) -> None:
    """An unescaped `+` in a query decodes to a space, but in an offset it can only be a plus."""
    query = f"from=2026-03-01T02:00:00{plus}02:00&to=2026-03-02T05:30:00{plus}05:30"
    summary = org.client.get(f"/admin/usage/summary?{query}").json()
    assert (summary["from"], summary["to"]) == ("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z")


def test_window_includes_its_start_and_excludes_its_end(org: OrganizationClient) -> None:
    org.send(
        conversation("last of February", created_at=f"2026-02-28T{JUST_BEFORE_MIDNIGHT}"),
        conversation("first of March", created_at="2026-03-01T00:00:00Z"),
        conversation("end of the day", created_at=f"2026-03-01T{JUST_BEFORE_MIDNIGHT}"),
        conversation("next day", created_at="2026-03-02T00:00:00Z"),
        conversation("in another zone", created_at="2026-03-02T01:30:00+01:30"),
    )
    assert org.calls() == 2
    assert org.summary("2026-03-02", "2026-03-03")["total_calls"] == 2


PARTIAL_DAYS = {
    "the morning": ("2026-03-02T00:00:00Z", "2026-03-02T12:00:00Z"),
    "the evening": ("2026-03-02T18:00:00Z", "2026-03-03T00:00:00Z"),
    "most of a day": ("2026-03-02T01:00:00Z", "2026-03-02T23:00:00Z"),
    "an hour": ("2026-03-02T05:00:00Z", "2026-03-02T06:00:00Z"),
    "one microsecond with a call": ("2026-03-02T07:00:00Z", "2026-03-02T07:00:00.000001Z"),
    "the microsecond after it": ("2026-03-02T07:00:00.000001Z", "2026-03-02T07:00:00.000002Z"),
    "over one midnight": ("2026-03-01T22:00:00Z", "2026-03-02T02:00:00Z"),
    "from noon to noon": ("2026-03-01T12:00:00Z", "2026-03-03T12:00:00Z"),
    "two long partial days": ("2026-03-01T01:00:00Z", "2026-03-03T23:00:00Z"),
    "two short partial days": ("2026-03-01T23:00:00Z", "2026-03-03T01:00:00Z"),
    "whole days": ("2026-03-01", "2026-03-04"),
}


@pytest.mark.parametrize(("from_", "to"), PARTIAL_DAYS.values(), ids=PARTIAL_DAYS)
def test_windows_with_partial_days_are_exact(org: OrganizationClient, from_: str, to: str) -> None:
    hours = [f"2026-03-{day:02}T{hour:02}:00:00Z" for day in (1, 2, 3) for hour in range(24)]
    calls = [conversation(at, created_at=at, duration=number + 1) for number, at in enumerate(hours)]
    uncounted = [conversation(f"{at} not joined", created_at=at, status="token_created") for at in hours[::5]]
    runs = [run(at, created_at=at, status="failed" if at[12] == "1" else "success") for at in hours[::2]]
    org.send(*calls, *uncounted, *runs)
    start, end = (bound if "T" in bound else f"{bound}T00:00:00Z" for bound in (from_, to))
    inside = [at for at in hours if start.rstrip("Z") <= at.rstrip("Z") < end.rstrip("Z")]
    summary = org.summary(from_, to)
    assert summary["total_calls"] == len(inside)
    assert summary["voice_duration_ms"] == sum(1_000 * (hours.index(at) + 1) for at in inside)
    assert summary["workflow_runs_total"] == len([at for at in inside if at in hours[::2]])
    assert summary["workflow_runs_failed"] == len([at for at in inside if at in hours[::2] and at[12] == "1"])
    for point in summary["daily"]:
        assert point["calls"] == len([at for at in inside if at.startswith(point["day"])])


def test_adjacent_windows_add_up_to_the_window_that_spans_them(org: OrganizationClient) -> None:
    org.send(
        *(
            conversation(f"call-{n}", created_at=f"2026-03-0{1 + n % 3}T{n % 24:02}:{n % 60:02}:00Z", duration=n / 7)
            for n in range(120)
        )
    )
    bounds = ["2026-03-01", "2026-03-01T09:09:09.000009Z", "2026-03-02T21:00:00Z", "2026-03-04"]
    parts = [org.summary(*pair) for pair in pairwise(bounds)]
    total = org.summary(bounds[0], bounds[-1])
    for name in ("total_calls", "inbound_calls", "voice_duration_ms"):
        assert sum(part[name] for part in parts) == total[name]
    assert total["total_calls"] == 120
