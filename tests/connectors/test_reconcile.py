"""`talkmeter reconcile` against each stack's list: what differs is found, recorded once, counted once, and stays."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.db.migrate import migrate
from talkmeter.ingest.connectors.listed_call import read_listed
from talkmeter.reconcile import retell as of_retell
from talkmeter.reconcile import twilio as of_twilio
from talkmeter.reconcile import vapi as of_vapi
from talkmeter.reconcile.lists import CallList
from tests import local_http
from tests.connectors.arbitrary import bodies_like
from tests.connectors.metering_server import MeteringServer, metering_server
from tests.connectors.reconciled import KEY, Reconciled, call, id_of, reconciling, rfc_2822
from tests.connectors.stack_apis import ACCOUNT, Stack
from tests.postgres import engine_for

STACKS = ("twilio", "vapi", "retell")
LISTS = {one.provider: one for one in (of_twilio.LIST, of_vapi.LIST, of_retell.LIST)}
WILD = st.one_of(
    *(st.tuples(st.just(LISTS[provider]), bodies_like(call(provider, 1))) for provider in STACKS),
)


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("reconcile")) as running:
        yield running


@pytest.fixture
def twilio(meter: MeteringServer) -> Iterator[Reconciled]:
    with reconciling(meter, "twilio") as reconciled:
        yield reconciled


@pytest.fixture
def vapi(meter: MeteringServer) -> Iterator[Reconciled]:
    with reconciling(meter, "vapi") as reconciled:
        yield reconciled


@pytest.fixture
def retell(meter: MeteringServer) -> Iterator[Reconciled]:
    with reconciling(meter, "retell") as reconciled:
        yield reconciled


@pytest.fixture(params=STACKS)
def reconciled(request: pytest.FixtureRequest, meter: MeteringServer) -> Iterator[Reconciled]:
    """A connector of each stack."""
    with reconciling(meter, request.param) as of_stack:
        yield of_stack


def counts(said: dict[str, Any]) -> tuple[int, ...]:
    """How many calls are the same, missing, extra and of another length."""
    return tuple(said[name] for name in ("same", "missing", "extra", "other_length"))


def prove_all_differences(reconciled: Reconciled) -> None:
    """Seven calls there, five here and one here alone: what the command says before, while and after it records."""
    provider, stack = reconciled.hook.provider, reconciled.stack
    stack.calls = [call(provider, number) for number in range(1, 8)]
    reconciled.send(*(call(provider, number) for number in range(1, 5)), call(provider, 5, seconds=20))
    reconciled.send(call(provider, 9))

    found = reconciled.answer()
    assert (found["listed"], *counts(found), found["recorded"]) == (7, 4, 2, 1, 1, None)
    whats = {
        one["id"].partition(":")[2]: (one["what"], one["there_ms"], one["here_ms"]) for one in found["differences"]
    }
    assert whats == {
        id_of(stack.calls[5]): ("missing", 60_000, None),
        id_of(stack.calls[6]): ("missing", 60_000, None),
        id_of(stack.calls[4]): ("other_length", 60_000, 20_000),
        id_of(call(provider, 9)): ("extra", None, 60_000),
    }
    assert reconciled.summary().voice_duration_ms == 320_000

    assert reconciled.answer("--apply")["recorded"] == 3
    assert (reconciled.summary().total_calls, reconciled.summary().voice_duration_ms) == (8, 480_000)
    again = reconciled.answer("--apply")
    assert (*counts(again), again["recorded"]) == (7, 0, 1, 0, 0)
    assert reconciled.verified()
    history = reconciled.history(id_of(stack.calls[4]))
    assert f"reconcile:{id_of(stack.calls[4])}:" in history
    assert f"of /connectors/{reconciled.hook.id}/reconcile" in history
    assert history.count("\n  event ") == 2


def test_what_is_missing_extra_or_of_another_length_is_found_and_recorded_once(reconciled: Reconciled) -> None:
    prove_all_differences(reconciled)


def test_on_postgresql_it_is_the_same(postgres_database: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    with engine_for(postgres_database) as engine:
        migrate(engine)
    folder = tmp_path_factory.mktemp("postgresql")
    with (
        metering_server(folder, database_url=postgres_database) as running,
        reconciling(running, "twilio") as reconciled,
    ):
        prove_all_differences(reconciled)


def test_a_late_message_that_repeats_the_older_word_changes_nothing(reconciled: Reconciled) -> None:
    provider = reconciled.hook.provider
    reconciled.stack.calls = [call(provider, 1), call(provider, 2)]
    older = [call(provider, 1, seconds=20), call(provider, 2, seconds=20)]
    reconciled.send(older[0])
    reconciled.answer("--apply")
    reconciled.send(*older)

    assert reconciled.summary().voice_duration_ms == 120_000
    assert counts(reconciled.answer()) == (2, 0, 0, 0)


def test_reconciled_by_two_at_once_each_call_is_recorded_once(twilio: Reconciled) -> None:
    twilio.stack.calls = [call("twilio", number) for number in range(8)]
    twilio.send(*(call("twilio", number, seconds=20) for number in range(4)))
    two = [twilio.start("--apply", "--json") for _ in range(2)]
    said = [json.loads(one.communicate(timeout=60)[0]) for one in two]
    assert [one.returncode for one in two] == [0, 0]
    assert sum(one["recorded"] for one in said) == 8
    assert twilio.summary().voice_duration_ms == 480_000
    assert twilio.verified()


def test_what_only_the_message_knew_of_a_call_stays(vapi: Reconciled) -> None:
    vapi.send(call("vapi", 1, seconds=20))
    vapi.stack.calls = [call("vapi", 1)]
    vapi.answer("--apply")
    history = vapi.history("vapi-1")
    assert (history.count("duration_ms 60000"), history.count("duration_ms 20000")) == (1, 1)
    assert history.count("agent_number +13125550110") == 2


def test_a_missed_record_is_the_one_that_the_message_would_have_made(
    reconciled: Reconciled, meter: MeteringServer
) -> None:
    provider = reconciled.hook.provider
    reconciled.stack.calls = [call(provider, 1)]
    reconciled.answer("--apply")
    with reconciling(meter, provider) as told:
        told.send(call(provider, 1))
        lines = [
            next(line for line in one.history(id_of(call(provider, 1))).splitlines() if line.startswith("  terminal"))
            for one in (reconciled, told)
        ]
    by_id = call(provider, 1).get("phoneNumberId", "")
    assert lines[0] == lines[1].replace("+13125550110", by_id or "+13125550110")


def test_an_unanswered_call_has_no_length_and_that_is_as_good_as_0_seconds(twilio: Reconciled) -> None:
    twilio.stack.calls = [
        call("twilio", 1, seconds=0, status="no-answer", duration="0"),
        call("twilio", 2, seconds=0, status="busy", duration=None),
        call("twilio", 3, seconds=0),
    ]
    twilio.send(*twilio.stack.calls)
    assert counts(twilio.answer()) == (3, 0, 0, 0)


def test_calls_that_are_not_over_or_just_ended_are_left_for_the_next_time(twilio: Reconciled) -> None:
    twilio.stack.calls = [
        call("twilio", 1, status="in-progress", end_time=None, duration=None),
        call("twilio", 2),
    ]
    said = twilio.answer()
    assert (said["listed"], *counts(said), said["not_over"]) == (1, 0, 1, 0, 0, 1)


def test_a_call_whose_end_was_never_told_is_open_here_and_ends_by_what_is_recorded(twilio: Reconciled) -> None:
    ringing = call("twilio", 1, status="ringing", duration=None)
    twilio.send(ringing)
    twilio.stack.calls = [call("twilio", 1)]
    assert twilio.answer()["open"] == 1
    assert twilio.summary().live_calls == 1
    twilio.answer("--apply")
    assert (twilio.summary().live_calls, twilio.summary().voice_duration_ms) == (0, 60_000)


def test_a_call_that_was_deleted_here_stays_deleted(twilio: Reconciled) -> None:
    twilio.send(call("twilio", 1))
    key = twilio.metering.server.key(twilio.hook.org_id)
    sid = id_of(call("twilio", 1))
    event = {
        "specversion": "1.0", "id": "void", "source": "/people", "type": "conversation.deleted",
        "time": "2026-03-02T00:00:00Z", "data": {"id": f"twilio:{sid}"},
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {key}"}
    assert local_http.post(f"{twilio.metering.server.url}/metering/events", json=event, headers=headers).is_success
    twilio.stack.calls = [call("twilio", 1)]
    said = twilio.answer("--apply")
    assert (*counts(said), said["deleted"], said["recorded"]) == (0, 0, 0, 0, 1, 0)
    assert twilio.summary().total_calls == 0


def test_the_line_of_a_call_that_the_agent_stack_told_of_is_linked_and_counted_once(
    vapi: Reconciled, meter: MeteringServer
) -> None:
    sid = id_of(call("twilio", 1))
    vapi.send(call("vapi", 1, seconds=58, phoneCallProvider="twilio", phoneCallProviderId=sid))
    with reconciling(meter, "twilio", org_id=vapi.hook.org_id) as line:
        leg = call("twilio", 2, direction="outbound-dial", parent_call_sid=sid)
        line.stack.calls = [call("twilio", 1), leg]
        assert line.answer("--apply")["recorded"] == 2
        assert (line.summary().total_calls, line.summary().voice_duration_ms) == (1, 58_000)
        assert counts(line.answer()) == (2, 0, 0, 0)
        line.stack.calls = []
        assert counts(line.answer()) == (0, 0, 2, 0)
        assert line.verified()


def test_an_agent_stack_that_is_recorded_later_takes_the_call_from_the_line(
    vapi: Reconciled, meter: MeteringServer
) -> None:
    sid = id_of(call("twilio", 1))
    with reconciling(meter, "twilio", org_id=vapi.hook.org_id) as line:
        line.send(call("twilio", 1))
    vapi.stack.calls = [call("vapi", 1, seconds=58, phoneCallProvider="twilio", phoneCallProviderId=sid)]
    vapi.answer("--apply")
    assert (vapi.summary().total_calls, vapi.summary().voice_duration_ms) == (1, 58_000)


def test_calls_of_trunks_of_which_twilio_sends_no_message_are_recorded(twilio: Reconciled) -> None:
    twilio.stack.calls = [
        call("twilio", 1, direction="trunking-originating"),
        call("twilio", 2, direction="trunking-terminating"),
    ]
    twilio.answer("--apply")
    assert (twilio.summary().inbound_calls, twilio.summary().outbound_calls) == (1, 1)


def test_only_calls_that_began_in_the_window_are_compared(reconciled: Reconciled) -> None:
    provider = reconciled.hook.provider
    reconciled.stack.calls = [call(provider, number) for number in (-1, 0, 23, 24)]
    assert counts(reconciled.answer()) == (0, 2, 0, 0)


def test_a_call_that_the_list_has_under_another_start_is_asked_for_and_not_extra(twilio: Reconciled) -> None:
    twilio.send(call("twilio", 1))
    started = call("twilio", 1)
    started["start_time"] = rfc_2822(0)
    twilio.stack.calls = [started]
    assert counts(twilio.answer()) == (1, 0, 0, 0)
    assert twilio.stack.asked[-1].path.endswith(f"/Calls/{id_of(started)}.json")


def test_a_call_that_was_planned_long_before_it_began_is_found(vapi: Reconciled) -> None:
    vapi.stack.calls = [call("vapi", 1, createdAt="2026-01-01T00:00:00.000Z")]
    assert counts(vapi.answer()) == (0, 1, 0, 0)


def test_more_calls_than_a_page_are_read_by_pages_even_where_they_were_created_at_one_instant(vapi: Reconciled) -> None:
    vapi.stack.calls = [call("vapi", number % 20, id=f"vapi-{number}") for number in range(250)]
    vapi.send(*vapi.stack.calls[:200])
    assert counts(vapi.answer()) == (200, 50, 0, 0)
    assert len(vapi.stack.pages()) == 3


def test_chats_are_out_of_reach_and_never_extra(retell: Reconciled) -> None:
    chat = {"chat_id": "chat_1", "chat_status": "ended", "start_timestamp": 1772326800000}
    retell.tell({"event": "chat_ended", "chat": chat})
    retell.stack.calls = [call("retell", 1)]
    retell.send(call("retell", 1))
    assert retell.summary().chat_calls == 1
    assert counts(retell.answer()) == (1, 0, 0, 0)


def test_a_call_that_cannot_be_read_is_told_of_and_spoils_nothing(twilio: Reconciled) -> None:
    twilio.stack.calls = [call("twilio", 1), call("twilio", 2, direction="sideways"), call("twilio", 3, duration=7)]
    done = twilio.finish("--apply")
    assert done.returncode == 1
    assert "Twilio lists 1 call: 0 the same, 1 missing, 0 extra, 0 with another length." in done.stdout
    assert "1 recorded." in done.stdout
    assert done.stderr.startswith("2 could not be compared; first error: ")
    assert "sideways" not in done.stderr


def test_the_table_shows_20_differences_and_with_all_every_one(twilio: Reconciled) -> None:
    twilio.stack.calls = [call("twilio", 1 + number % 20, sid=f"CA{number:032}") for number in range(25)]
    twilio.stack.most = 1_000
    lines = twilio.finish().stdout.splitlines()
    assert lines[0].split() == ["what", "id", "began", "there", "here"]
    assert len([line for line in lines if line.startswith("missing  twilio:CA")]) == 20
    assert lines[-2:] == [
        "5 more; --all shows them.",
        "Twilio lists 25 calls: 0 the same, 25 missing, 0 extra, 0 with another length.",
    ]
    assert len([line for line in twilio.finish("--all").stdout.splitlines() if line.startswith("missing")]) == 25


def test_where_nothing_differs_one_line_says_so(twilio: Reconciled) -> None:
    twilio.stack.calls = [call("twilio", 1)]
    twilio.send(call("twilio", 1))
    done = twilio.finish("--apply")
    expected = "Twilio lists 1 call: 1 the same, 0 missing, 0 extra, 0 with another length.\n0 recorded.\n"
    assert (done.returncode, done.stderr, done.stdout) == (0, "", expected)


def test_what_is_asked_is_what_the_stack_documents(meter: MeteringServer) -> None:
    asked: dict[str, Stack] = {}
    for provider in STACKS:
        with reconciling(meter, provider) as reconciled:
            reconciled.answer()
            asked[provider] = reconciled.stack
    [of_twilio], [of_vapi], [of_retell] = (asked[provider].asked for provider in STACKS)
    assert (of_twilio.method, of_twilio.path) == ("GET", f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json")
    assert of_twilio.query == {
        "StartTime>": "2026-02-28T23:00:00Z",
        "StartTime<": "2026-03-02T01:00:00Z",
        "PageSize": "1000",
    }
    assert (of_vapi.method, of_vapi.path) == ("GET", "/call")
    assert of_vapi.query == {
        "limit": "100",
        "updatedAtGe": "2026-03-01T00:00:00Z",
        "createdAtLt": "2026-03-02T00:00:00Z",
    }
    assert (of_retell.method, of_retell.path, of_retell.query) == ("POST", "/v3/list-calls", {})
    bounds = {"type": "range", "op": "bt", "value": [1772323200000, 1772409600000]}
    assert of_retell.body == {"filter_criteria": {"start_timestamp": bounds}, "limit": 100, "sort_order": "ascending"}
    assert of_retell.authorization == f"Bearer {KEY}"


@given(WILD)
def test_no_record_of_a_list_breaks_the_reading(wild: tuple[CallList, bytes]) -> None:
    calls, body = wild
    listed = read_listed(body, calls.read_call)
    assert listed.id or listed.error
    assert listed.error is None or listed.error.endswith(".")
