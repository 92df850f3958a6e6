"""`talkmeter breakdown`: the figures of each value, the total, and the change."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.metered import WINDOW, Metered, cells

HEAD = ["calls", "voice", "chat", "in", "out", "voice minutes", "chat minutes", "average"]
FOUR_DAYS = ("--from", "2026-02-28", "--to", "2026-03-04")
"""A window with usage in the window before it."""


def test_breakdown_by_agent_shows_names_and_a_total(metered: Metered) -> None:
    first, *lines = metered.run("breakdown", "--by", "agent", *WINDOW)

    assert first == "acme, 2026-03-01T00:00:00Z to 2026-03-04T00:00:00Z (UTC, end excluded)"
    assert [cells(line) for line in lines] == [
        ["agent", "share of calls", *HEAD],
        ["Ann (ann)", "33.33%", "2", "2", "0", "1", "1", "2.01", "0.00", "60.3 s"],
        ["bob", "33.33%", "2", "1", "1", "2", "0", "0.00", "10.00", "600.0 s"],
        ["(no agent)", "16.67%", "1", "0", "1", "1", "0", "0.00", "0.00", "-"],
        ["0 others", "16.67%", "1", "1", "0", "1", "0", "20.00", "0.00", "1,200.0 s"],
        ["total", "100.00%", "6", "4", "2", "5", "1", "22.01", "10.00", "480.1 s"],
    ]


def test_total_of_every_dimension_equals_the_summary(metered: Metered) -> None:
    summary = metered.answer("summary")
    calls = [f"{summary[name]:,}" for name in ("total_calls", "voice_calls", "chat_calls")]
    minutes = [f"{summary[name]:,.2f}" for name in ("voice_minutes", "chat_minutes")]

    for by in ("number", "widget", "channel", "modality", "direction", "status"):
        total = cells(metered.run("breakdown", "--by", by, *WINDOW)[-1])
        assert [total[:5], total[7:9]] == [["total", "100.00%", *calls], minutes]


def test_rows_beyond_the_limit_are_summed_in_one_line(metered: Metered) -> None:
    three = [cells(line)[:3] for line in metered.run("breakdown", "--by", "agent", "--limit", "3", *WINDOW)[2:]]
    one = [cells(line)[:3] for line in metered.run("breakdown", "--by", "agent", "--limit", "1", *WINDOW)[2:]]

    assert three[2:] == [["(no agent)", "16.67%", "1"], ["1 other", "16.67%", "1"], ["total", "100.00%", "6"]]
    assert one == [["Ann (ann)", "33.33%", "2"], ["3 others", "66.67%", "4"], ["total", "100.00%", "6"]]


def test_share_and_change_are_of_the_figure_that_rows_are_sorted_by(metered: Metered) -> None:
    lines = metered.run("breakdown", "--by", "modality", "--order", "voice", "--compare", "previous", *FOUR_DAYS)

    head, *rows = [cells(line) for line in lines[1:-1]]
    assert (head[:2], head[-1]) == (["modality", "share of voice minutes"], "change in voice minutes")
    assert [(row[0], row[1], row[-1]) for row in rows] == [
        ("voice", "100.00%", "from 2.00"),
        ("chat", "0.00%", "-"),
        ("total", "100.00%", "from 2.00"),
    ]


def test_breakdown_of_an_agent_adds_up_to_its_summary(metered: Metered) -> None:
    rows = metered.run("breakdown", "--by", "direction", "--agent", "ann", *WINDOW)[2:]
    assert [cells(line)[:3] for line in rows] == [
        ["inbound", "50.00%", "1"],
        ["outbound", "50.00%", "1"],
        ["total", "100.00%", "2"],
    ]
    fields = metered.run("summary", "--agent", "ann", *WINDOW)
    assert fields[1].split() == ["Agent", "Ann", "(ann)"]
    assert fields[4].split()[:6] == ["Total", "calls", "2:", "1", "in,", "1"]
    assert [line.split("  ")[0] for line in fields[2:]] == [
        *("Voice minutes", "Chat minutes", "Total calls", "Newest event")
    ]


def test_runs_of_a_workflow_have_no_calls(metered: Metered) -> None:
    fields = metered.run("summary", "--workflow", "follow-up", "--compare", "previous", *FOUR_DAYS)
    assert [line.split("  ")[0] for line in fields[1:4]] == ["Workflow", "Workflow runs", "Newest event"]
    assert fields[-1] == "Workflow runs  2, previously 0"
    rows = metered.run("breakdown", "--by", "run_status", "--workflow", "follow-up", *WINDOW)[2:]
    assert cells(rows[-1]) == ["total", "100.00%", "2", "1", "1", "0"]


def test_runs_by_workflow_are_counted_by_status_and_ids_are_not_markup(metered: Metered) -> None:
    assert [cells(line) for line in metered.run("breakdown", "--by", "workflow", *WINDOW)[1:]] == [
        ["workflow", "share of runs", "runs", "succeeded", "failed", "live"],
        ["follow-up", "66.67%", "2", "1", "1", "0"],
        ["[bold]sync[/bold]", "33.33%", "1", "0", "0", "1"],
        ["total", "100.00%", "3", "1", "1", "1"],
    ]


def test_comparison_marks_values_without_usage_in_one_of_the_windows(metered: Metered) -> None:
    *lines, last = metered.run("breakdown", "--by", "agent", "--compare", "previous", *FOUR_DAYS)

    assert last == (
        "Change: 2026-02-28T00:00:00Z to 2026-03-04T00:00:00Z "
        "compared with 2026-02-24T00:00:00Z to 2026-02-28T00:00:00Z."
    )
    assert [(cells(line)[0], cells(line)[-1]) for line in lines[1:]] == [
        ("agent", "change in calls"),
        ("Ann (ann)", "+100.0%"),
        ("bob", "from 0"),
        ("(no agent)", "from 0"),
        ("0 others", "from 0"),
        ("(only before)", "-100.0%"),
        ("total", "+200.0%"),
    ]


@pytest.mark.parametrize("command", ["breakdown --by agent", "summary"])
def test_window_without_a_full_hour_has_nothing_to_compare(metered: Metered, command: str) -> None:
    def this_hour() -> datetime:
        return datetime.now(UTC).replace(minute=0, second=0, microsecond=0)

    while True:
        hour = this_hour()
        window = ("--from", hour.isoformat(), "--to", (hour + timedelta(days=1)).isoformat())
        lines = metered.run(*command.split(), *window, "--compare", "year")
        if hour == this_hour():
            break

    assert lines[-1] == "Nothing to compare yet: no full hour of the window has passed."


def test_window_without_usage_prints_a_message(metered: Metered) -> None:
    earlier = ("--from", "2026-01-01", "--to", "2026-01-03")

    assert metered.run("breakdown", "--by", "agent", *earlier)[1:] == ["There are no calls in this window."]
    assert metered.run("breakdown", "--by", "run_status", *earlier)[1:] == ["There are no runs in this window."]


@pytest.mark.parametrize(
    "parameters",
    [
        {"by": "agent", "order": "chat", "limit": "2", "interval": "week", "compare": "previous"},
        {"by": "run_status", "interval": "day"},
        {"by": "channel", "agent": "ann"},
        {"by": "agent", "search": "ANN"},
    ],
    ids=["calls", "runs", "an agent", "a search"],
)
def test_json_output_equals_the_api_response(metered: Metered, parameters: dict[str, str]) -> None:
    options = [word for name, value in parameters.items() for word in (f"--{name}", value)]

    printed = json.loads("\n".join(metered.run("breakdown", *options, *WINDOW, "--json")))

    assert printed == metered.answer("breakdown", **parameters)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("", "'by' is missing: it must be one of agent, number, widget, channel, "),
        ("--by team", "'by' must be one of agent, number, widget, channel, "),
        ("--by agent --order runs", "A breakdown by agent cannot be sorted by runs. Allowed: calls, voice, chat."),
        ("--by workflow --order calls", "A breakdown by workflow cannot be sorted by calls. Allowed: runs."),
        ("--by agent --limit 0", "'limit' must be a whole number from 1 to 1000, not '0'."),
        ("--by agent --limit many", "'limit' must be a whole number from 1 to 1000, not 'many'."),
        ("--by agent --interval hour", "'interval' must be one of day, week, month, not 'hour'."),
        ("--by agent --compare last", "'compare' must be one of none, previous, year, not 'last'."),
        ("--by agent --from 2026-03-01", "'to' is missing"),
        ("--by agent --from 2026-03-02 --to 2026-03-01", "'to' must be after 'from'"),
        ("--by agent --from march --to april", "'from' must be an ISO 8601 date"),
        ("--by agent --org nobody", "Organization 'nobody' does not exist; 'talkmeter orgs add nobody' creates it."),
    ],
)
def test_invalid_options_print_an_error(metered: Metered, options: str, message: str) -> None:
    assert metered.error("breakdown", *options.split()).startswith(message)
