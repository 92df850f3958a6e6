"""`talkmeter records`: pages of the records behind a figure, their totals, and the history of one record."""

import json
import os

import pytest

from tests.cli.metered import ORG, WINDOW, Metered, cells
from tests.cli.terminal import Terminal
from tests.events import conversation
from tests.store.call_reports import AGENT, LEG, LINE, send_reports
from tests.store.ledger import Ledger

HEAD = ["created", "id", "status", "channel", "direction", "modality", "agent", "number", "widget", "duration"]
INBOUND = ("telephone", "inbound", "voice")
OUTBOUND = ("telephone", "outbound", "voice")
NEXT = "repeat the command with --cursor "


def ids(lines: list[str]) -> list[str]:
    """Return the ids in a printed list, in order."""
    return [cells(line)[1] for line in lines if line.startswith("2026-")]


def test_conversations_are_listed_newest_first_with_totals(metered: Metered) -> None:
    first, *lines, totals = metered.run("records", *WINDOW)

    assert first == "acme, 2026-03-01T00:00:00Z to 2026-03-04T00:00:00Z (UTC, end excluded)"
    number = "+13125550110"
    assert [cells(line) for line in lines] == [
        HEAD,
        ["2026-03-03T12:00:00Z", "chat-2", "in_progress, silent", *("text", "inbound", "chat"), "-", "-", "-", "-"],
        ["2026-03-03T09:30:00Z", "call-5", "completed", *INBOUND, "0 others", "-", "-", "1,200.000 s"],
        [
            "2026-03-02T12:00:00Z",
            "chat-1",
            "completed",
            *("webrtc", "inbound", "chat"),
            "bob",
            "-",
            "site",
            "600.000 s",
        ],
        ["2026-03-02T09:00:00Z", "call-3", "unanswered", *INBOUND, "bob", "-", "-", "-"],
        ["2026-03-01T11:00:00Z", "call-2", "completed", *OUTBOUND, "ann", "-", "-", "30.000 s"],
        ["2026-03-01T10:00:00Z", "call-1", "completed", *INBOUND, "ann", number, "-", "90.500 s"],
    ]
    assert totals == (
        "6 calls (5 in, 1 out; 4 with a duration): 1,320,500 ms voice = 22.01 minutes, 600,000 ms chat = 10.00 minutes"
    )


def test_totals_equal_the_figures_of_the_summary(metered: Metered) -> None:
    summary = metered.answer("summary")

    calls, runs = (
        metered.run("records", "--kind", kind, *WINDOW)[-1] for kind in ("conversation", "workflow_execution")
    )

    assert calls == (
        f"{summary['total_calls']} calls ({summary['inbound_calls']} in, {summary['outbound_calls']} out; "
        f"{summary['timed_calls']} with a duration): {summary['voice_duration_ms']:,} ms voice = "
        f"{summary['voice_minutes']:.2f} minutes, {summary['chat_duration_ms']:,} ms chat = "
        f"{summary['chat_minutes']:.2f} minutes"
    )
    assert runs == (
        f"{summary['workflow_runs_total']} runs: {summary['workflow_runs_success']} succeeded, "
        f"{summary['workflow_runs_failed']} failed"
    )


def test_runs_are_listed_with_their_workflow(metered: Metered) -> None:
    assert [cells(line) for line in metered.run("records", "--kind", "workflow_execution", *WINDOW)[1:-1]] == [
        ["created", "id", "status", "workflow"],
        ["2026-03-03T10:02:00Z", "run-3", "waiting", "[bold]sync[/bold]"],
        ["2026-03-02T10:02:00Z", "run-2", "failed", "follow-up"],
        ["2026-03-01T10:02:00Z", "run-1", "success", "follow-up"],
    ]


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (("--agent", "bob"), ["chat-1", "call-3"]),
        (("--agent", ""), ["chat-2"]),
        (("--agent", "bob", "--has-duration", "false"), ["call-3"]),
        (("--day", "2026-03-01", "--direction", "outbound"), ["call-2"]),
        (("--live", "true"), ["chat-2"]),
        (("--stale", "true"), ["chat-2"]),
        (("--modality", "chat", "--stale", "false"), ["chat-1"]),
        (("--number", "+13125550110"), ["call-1"]),
        (("--kind", "workflow_execution", "--workflow", "follow-up", "--status", "failed"), ["run-2"]),
    ],
    ids=" ".join,
)
def test_options_filter_the_records(metered: Metered, options: tuple[str, ...], found: list[str]) -> None:
    lines = metered.run("records", *options, *WINDOW)

    assert ids(lines) == found
    assert lines[-1].startswith(f"{len(found)} ")


def test_list_without_matches_says_so(metered: Metered) -> None:
    assert metered.run("records", "--agent", "nobody", *WINDOW)[1:] == ["No records match."]


def test_each_page_but_the_last_prints_the_cursor_of_the_next(metered: Metered) -> None:
    command = ("records", "--limit", "4", *WINDOW)

    *lines, last_line = metered.run(*command)
    message, _, cursor = last_line.partition(NEXT)
    last = metered.run(*command, "--cursor", cursor)

    assert message == "4 shown; for the next page "
    assert ids(lines) == ["chat-2", "call-5", "chat-1", "call-3"]
    assert lines[-1].startswith("6 calls (")
    assert ids(last) == ["call-2", "call-1"]
    assert [cells(line)[1] for line in last[1:]] == ["id", "call-2", "call-1"]


def test_later_page_says_that_the_data_has_changed(terminal: Terminal) -> None:
    calls = [conversation(f"call-{number}", organization_id="acme") for number in range(3)]
    terminal.run("ingest", terminal.file("before.jsonl", *calls))
    command = ("records", *ORG, "--limit", "2", *WINDOW)
    cursor = terminal.run(*command).partition(NEXT)[2]
    terminal.run("ingest", terminal.file("after.jsonl", conversation("call-9", organization_id="acme")))

    later = terminal.run(*command, "--cursor", cursor).splitlines()

    assert later[1] == "The data has changed since the first page; start again without --cursor to see the changes."
    assert ids(later) == ["call-0"]


def test_history_explains_why_one_state_counts_and_the_others_do_not(metered: Metered) -> None:
    printed = "\n".join(metered.run("records", "--id", "call-1"))
    received = metered.get("records/conversation/call-1").json()["states"][0]["stored_at"]

    assert printed == (
        "conversation call-1: the states received, highest rank first; only the first counts\n\n"
        "counts: Its event has the later time.\n"
        f"  event    event-5 of /tests, 2026-03-01T12:00:00Z; received {received}\n"
        "  terminal status completed, channel telephone, direction inbound, modality voice, "
        "created_at 2026-03-01T10:00:00Z, duration_ms 90500, agent_id ann, agent_number +13125550110\n"
        "  adds     1 total_calls, 1 voice_calls, 1 inbound_calls, 1 timed_calls, 90,500 voice_duration_ms\n\n"
        "does not count: Its event has an earlier time than the winner's.\n"
        f"  event    event-4 of /tests, 2026-03-01T10:01:31Z, sequence 7; received {received}\n"
        "  terminal status completed, channel telephone, direction inbound, modality voice, "
        "created_at 2026-03-01T10:00:00Z, duration_ms 91000, agent_id ann\n\n"
        "does not count: It is live; a terminal state outranks it.\n"
        f"  event    event-3 of /tests, 2026-03-01T10:00:00Z; received {received}\n"
        "  live     status ringing, channel telephone, direction inbound, modality voice, "
        "created_at 2026-03-01T10:00:00Z, agent_id ann"
    )


def test_deleted_record_adds_nothing_even_after_later_events(metered: Metered) -> None:
    lines = metered.run("records", "--id", "call-9")

    assert lines[2] == "counts: It is deleted, which outranks every other state."
    assert lines[4] == "  deleted  the record is deleted"
    assert lines[6] == "does not count: It is terminal; a deleted state outranks it."
    assert [line for line in lines if "adds" in line] == []


def test_inventory_items_have_a_history(metered: Metered) -> None:
    lines = metered.run("records", "--id", "+13125550110", "--kind", "phone_number")

    assert lines[0].startswith("phone_number +13125550110: ")
    assert lines[-1] == "  live     name Front desk, shared yes, active no"


def test_histories_of_linked_calls_name_each_other(terminal: Terminal) -> None:
    ledger = Ledger(f"sqlite:///{terminal.database}")
    send_reports(ledger, AGENT, LINE, LEG)
    ledger.engine.dispose()

    _, agent_line, *_ = terminal.run("records", *ORG, "--id", "vapi:1").splitlines()
    _, carrier_line, *_ = terminal.run("records", *ORG, "--id", "twilio:CA1").splitlines()

    assert agent_line == "The same call was also received as twilio:CA1, twilio:CA2, which is not counted."
    assert carrier_line == "Linked to vapi:1, which is the same call and is counted instead."


@pytest.mark.parametrize(
    ("days", "message"),
    [
        ("0", "History is off (TALKMETER_HISTORY_DAYS=0): only the state that counts is kept."),
        ("30", "States that do not count are kept for 30 days (TALKMETER_HISTORY_DAYS)."),
    ],
)
def test_limited_history_says_so(metered: Metered, days: str, message: str) -> None:
    other = Terminal(metered.terminal.folder)
    other.environment["TALKMETER_HISTORY_DAYS"] = days

    assert other.run("records", *ORG, "--id", "call-2").splitlines()[-1] == message


@pytest.mark.parametrize(
    "parameters",
    [
        {"kind": "conversation", "limit": "2", "agent": "ann", "live": "false"},
        {"kind": "conversation", "limit": "2"},
        {"kind": "workflow_execution"},
    ],
    ids=["all of a filter", "first page", "runs"],
)
def test_json_output_equals_the_api_response_with_its_cursor(metered: Metered, parameters: dict[str, str]) -> None:
    options = [word for name, value in parameters.items() for word in (f"--{name}", value)]

    printed = json.loads("\n".join(metered.run("records", *options, *WINDOW, "--json")))

    assert printed == metered.answer("records", **parameters)


def test_history_as_json_equals_the_api_response(metered: Metered) -> None:
    printed = json.loads("\n".join(metered.run("records", "--id", "call-1", "--json")))

    assert printed == metered.get("records/conversation/call-1").json()


NOT_UTF_8 = os.fsdecode(b"\xff")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--kind", "agent"), "'kind' must be one of conversation, workflow_execution, not 'agent'."),
        (("--kind", "call", "--id", "call-1"), "'kind' must be one of conversation, workflow_execution, agent, "),
        (("--workflow", "w"), "'workflow' is only allowed with kind=workflow_execution, not with kind=conversation."),
        (
            ("--kind", "workflow_execution", "--stale", "true"),
            "'stale' is only allowed with kind=conversation, not with kind=workflow_execution.",
        ),
        (("--live", "maybe"), "'live' must be true or false, not 'maybe'."),
        (("--channel", "fax"), "'channel' must be one of telephone, webrtc, email, text, not 'fax'."),
        (("--status", "token_created"), "'status' must be one of "),
        (("--day", "2026-03-09", *WINDOW), "'day' must be a day of the window from 2026-03-01T00:00:00Z to "),
        (("--day", "monday", *WINDOW), "'day' must be "),
        (("--limit", "1001"), "'limit' must be a whole number from 1 to 1000, not '1001'."),
        (("--cursor", "else"), "'cursor' does not belong to this query: "),
        (("--agent", NOT_UTF_8), "--agent is not UTF-8: '\\udcff'."),
        (("--cursor", NOT_UTF_8), "--cursor is not UTF-8: '\\udcff'."),
        (("--org", NOT_UTF_8), "The organization's id is not UTF-8: '\\udcff'."),
        (("--org", "nobody"), "Organization 'nobody' does not exist; "),
        (("--id", "call-77"), "No event was received for conversation 'call-77'."),
        (("--id", "call-1", "--kind", "agent"), "No event was received for agent 'call-1'."),
        (("--id", ""), "The id is missing or empty; it must be 1 to 200 bytes."),
        (("--id", NOT_UTF_8), "The id is not UTF-8: '\\udcff'."),
        (("--id", "a\nb"), "The id contains a control character: 'a\\nb'."),
        (
            ("--id", "call-1", "--day", "2026-03-01", "--has-duration", "true"),
            "--id shows one record and cannot be combined with --day, --has-duration; leave out one or the other.",
        ),
    ],
    ids=lambda value: ascii(" ".join(value)) if isinstance(value, tuple) else "",
)
def test_invalid_options_print_an_error(metered: Metered, options: tuple[str, ...], message: str) -> None:
    assert metered.error("records", *options).startswith(message)


def test_cursor_of_another_query_is_rejected(metered: Metered) -> None:
    cursor = metered.run("records", "--limit", "1", *WINDOW)[-1].partition(NEXT)[2]

    error = metered.error("records", "--limit", "1", "--agent", "bob", *WINDOW, "--cursor", cursor)

    assert error.startswith("'cursor' does not belong to this query")
