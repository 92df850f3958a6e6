"""`talkmeter reconcile` against each provider's list: differences are found, recorded once and counted once."""

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
from tests.connectors.fake_api import ACCOUNT, FakeApi
from tests.connectors.metering_server import MeteringServer, metering_server
from tests.connectors.reconciliation import KEY, Reconciliation, call_id, listed_call, reconciliation, rfc_2822
from tests.postgres import engine_for

PROVIDERS = ("twilio", "vapi", "retell")
LISTS = {calls.provider: calls for calls in (of_twilio.LIST, of_vapi.LIST, of_retell.LIST)}
ARBITRARY_CALLS = st.one_of(
    *(st.tuples(st.just(LISTS[provider]), bodies_like(listed_call(provider, 1))) for provider in PROVIDERS),
)


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("reconcile")) as running:
        yield running


@pytest.fixture
def twilio(meter: MeteringServer) -> Iterator[Reconciliation]:
    with reconciliation(meter, "twilio") as reconciled:
        yield reconciled


@pytest.fixture
def vapi(meter: MeteringServer) -> Iterator[Reconciliation]:
    with reconciliation(meter, "vapi") as reconciled:
        yield reconciled


@pytest.fixture
def retell(meter: MeteringServer) -> Iterator[Reconciliation]:
    with reconciliation(meter, "retell") as reconciled:
        yield reconciled


@pytest.fixture(params=PROVIDERS)
def reconciled(request: pytest.FixtureRequest, meter: MeteringServer) -> Iterator[Reconciliation]:
    """A reconciliation with each provider."""
    with reconciliation(meter, request.param) as running:
        yield running


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    """Return how many calls are the same, missing, extra and of another length."""
    return tuple(report[name] for name in ("same", "missing", "extra", "other_length"))


def check_all_differences(reconciled: Reconciliation) -> None:
    """Check the reports before, while and after recording: 7 calls are listed, 5 of them stored, and one more."""
    provider, api = reconciled.hook.provider, reconciled.api
    api.calls = [listed_call(provider, number) for number in range(1, 8)]
    reconciled.send(*(listed_call(provider, number) for number in range(1, 5)), listed_call(provider, 5, seconds=20))
    reconciled.send(listed_call(provider, 9))

    found = reconciled.report()
    assert (found["listed"], *counts(found), found["recorded"]) == (7, 4, 2, 1, 1, None)
    differences = {
        found_call["id"].partition(":")[2]: (found_call["what"], found_call["there_ms"], found_call["here_ms"])
        for found_call in found["differences"]
    }
    assert differences == {
        call_id(api.calls[5]): ("missing", 60_000, None),
        call_id(api.calls[6]): ("missing", 60_000, None),
        call_id(api.calls[4]): ("other_length", 60_000, 20_000),
        call_id(listed_call(provider, 9)): ("extra", None, 60_000),
    }
    assert reconciled.summary().voice_duration_ms == 320_000

    assert reconciled.report("--apply")["recorded"] == 3
    assert (reconciled.summary().total_calls, reconciled.summary().voice_duration_ms) == (8, 480_000)
    again = reconciled.report("--apply")
    assert (*counts(again), again["recorded"]) == (7, 0, 1, 0, 0)
    assert reconciled.is_consistent()
    history = reconciled.history(call_id(api.calls[4]))
    assert f"reconcile:{call_id(api.calls[4])}:" in history
    assert f"of /connectors/{reconciled.hook.id}/reconcile" in history
    assert history.count("\n  event ") == 2


def test_differences_are_found_and_recorded_once(reconciled: Reconciliation) -> None:
    check_all_differences(reconciled)


def test_differences_are_found_and_recorded_once_on_postgresql(
    postgres_database: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with engine_for(postgres_database) as engine:
        migrate(engine)
    folder = tmp_path_factory.mktemp("postgresql")
    with (
        metering_server(folder, database_url=postgres_database) as running,
        reconciliation(running, "twilio") as reconciled,
    ):
        check_all_differences(reconciled)


def test_late_message_with_older_data_changes_nothing(reconciled: Reconciliation) -> None:
    provider = reconciled.hook.provider
    reconciled.api.calls = [listed_call(provider, 1), listed_call(provider, 2)]
    older = [listed_call(provider, 1, seconds=20), listed_call(provider, 2, seconds=20)]
    reconciled.send(older[0])
    reconciled.report("--apply")
    reconciled.send(*older)

    assert reconciled.summary().voice_duration_ms == 120_000
    assert counts(reconciled.report()) == (2, 0, 0, 0)


def test_two_concurrent_runs_record_each_call_once(twilio: Reconciliation) -> None:
    twilio.api.calls = [listed_call("twilio", number) for number in range(8)]
    twilio.send(*(listed_call("twilio", number, seconds=20) for number in range(4)))
    processes = [twilio.start("--apply", "--json") for _ in range(2)]
    reports = [json.loads(process.communicate(timeout=60)[0]) for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert sum(report["recorded"] for report in reports) == 8
    assert twilio.summary().voice_duration_ms == 480_000
    assert twilio.is_consistent()


def test_data_known_only_from_the_message_is_kept(vapi: Reconciliation) -> None:
    vapi.send(listed_call("vapi", 1, seconds=20))
    vapi.api.calls = [listed_call("vapi", 1)]
    vapi.report("--apply")
    history = vapi.history("vapi-1")
    assert (history.count("duration_ms 60000"), history.count("duration_ms 20000")) == (1, 1)
    assert history.count("agent_number +13125550110") == 2


def test_recorded_call_equals_the_one_from_its_message(reconciled: Reconciliation, meter: MeteringServer) -> None:
    provider = reconciled.hook.provider
    reconciled.api.calls = [listed_call(provider, 1)]
    reconciled.report("--apply")
    with reconciliation(meter, provider) as by_message:
        by_message.send(listed_call(provider, 1))
        lines = [
            next(
                line
                for line in source.history(call_id(listed_call(provider, 1))).splitlines()
                if line.startswith("  terminal")
            )
            for source in (reconciled, by_message)
        ]
    by_id = listed_call(provider, 1).get("phoneNumberId", "")
    assert lines[0] == lines[1].replace("+13125550110", by_id or "+13125550110")


def test_missing_duration_of_an_unanswered_call_equals_0_seconds(twilio: Reconciliation) -> None:
    twilio.api.calls = [
        listed_call("twilio", 1, seconds=0, status="no-answer", duration="0"),
        listed_call("twilio", 2, seconds=0, status="busy", duration=None),
        listed_call("twilio", 3, seconds=0),
    ]
    twilio.send(*twilio.api.calls)
    assert counts(twilio.report()) == (3, 0, 0, 0)


def test_calls_that_have_not_ended_are_left_for_the_next_run(twilio: Reconciliation) -> None:
    twilio.api.calls = [
        listed_call("twilio", 1, status="in-progress", end_time=None, duration=None),
        listed_call("twilio", 2),
    ]
    report = twilio.report()
    assert (report["listed"], *counts(report), report["not_over"]) == (1, 0, 1, 0, 0, 1)


def test_call_without_an_end_message_is_open_until_recorded(twilio: Reconciliation) -> None:
    ringing = listed_call("twilio", 1, status="ringing", duration=None)
    twilio.send(ringing)
    twilio.api.calls = [listed_call("twilio", 1)]
    assert twilio.report()["open"] == 1
    assert twilio.summary().live_calls == 1
    twilio.report("--apply")
    assert (twilio.summary().live_calls, twilio.summary().voice_duration_ms) == (0, 60_000)


def test_deleted_call_stays_deleted(twilio: Reconciliation) -> None:
    twilio.send(listed_call("twilio", 1))
    key = twilio.metering.server.key(twilio.hook.org_id)
    sid = call_id(listed_call("twilio", 1))
    event = {
        "specversion": "1.0", "id": "void", "source": "/people", "type": "conversation.deleted",
        "time": "2026-03-02T00:00:00Z", "data": {"id": f"twilio:{sid}"},
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {key}"}
    assert local_http.post(f"{twilio.metering.server.url}/metering/events", json=event, headers=headers).is_success
    twilio.api.calls = [listed_call("twilio", 1)]
    report = twilio.report("--apply")
    assert (*counts(report), report["deleted"], report["recorded"]) == (0, 0, 0, 0, 1, 0)
    assert twilio.summary().total_calls == 0


def test_recorded_carrier_call_is_linked_to_the_agents_call(vapi: Reconciliation, meter: MeteringServer) -> None:
    sid = call_id(listed_call("twilio", 1))
    vapi.send(listed_call("vapi", 1, seconds=58, phoneCallProvider="twilio", phoneCallProviderId=sid))
    with reconciliation(meter, "twilio", org_id=vapi.hook.org_id) as line:
        leg = listed_call("twilio", 2, direction="outbound-dial", parent_call_sid=sid)
        line.api.calls = [listed_call("twilio", 1), leg]
        assert line.report("--apply")["recorded"] == 2
        assert (line.summary().total_calls, line.summary().voice_duration_ms) == (1, 58_000)
        assert counts(line.report()) == (2, 0, 0, 0)
        line.api.calls = []
        assert counts(line.report()) == (0, 0, 2, 0)
        assert line.is_consistent()


def test_agents_call_recorded_later_replaces_the_carrier_call(vapi: Reconciliation, meter: MeteringServer) -> None:
    sid = call_id(listed_call("twilio", 1))
    with reconciliation(meter, "twilio", org_id=vapi.hook.org_id) as line:
        line.send(listed_call("twilio", 1))
    vapi.api.calls = [listed_call("vapi", 1, seconds=58, phoneCallProvider="twilio", phoneCallProviderId=sid)]
    vapi.report("--apply")
    assert (vapi.summary().total_calls, vapi.summary().voice_duration_ms) == (1, 58_000)


def test_calls_of_twilio_trunks_are_recorded(twilio: Reconciliation) -> None:
    twilio.api.calls = [
        listed_call("twilio", 1, direction="trunking-originating"),
        listed_call("twilio", 2, direction="trunking-terminating"),
    ]
    twilio.report("--apply")
    assert (twilio.summary().inbound_calls, twilio.summary().outbound_calls) == (1, 1)


def test_only_calls_that_began_in_the_window_are_compared(reconciled: Reconciliation) -> None:
    provider = reconciled.hook.provider
    reconciled.api.calls = [listed_call(provider, number) for number in (-1, 0, 23, 24)]
    assert counts(reconciled.report()) == (0, 2, 0, 0)


def test_stored_call_outside_the_list_is_fetched_before_it_is_extra(twilio: Reconciliation) -> None:
    twilio.send(listed_call("twilio", 1))
    started = listed_call("twilio", 1)
    started["start_time"] = rfc_2822(0)
    twilio.api.calls = [started]
    assert counts(twilio.report()) == (1, 0, 0, 0)
    assert twilio.api.requests[-1].path.endswith(f"/Calls/{call_id(started)}.json")


def test_call_created_long_before_it_began_is_found(vapi: Reconciliation) -> None:
    vapi.api.calls = [listed_call("vapi", 1, createdAt="2026-01-01T00:00:00.000Z")]
    assert counts(vapi.report()) == (0, 1, 0, 0)


def test_pages_are_read_even_if_calls_have_the_same_creation_time(
    vapi: Reconciliation,
) -> None:
    vapi.api.calls = [listed_call("vapi", number % 20, id=f"vapi-{number}") for number in range(250)]
    vapi.send(*vapi.api.calls[:200])
    assert counts(vapi.report()) == (200, 50, 0, 0)
    assert len(vapi.api.pages()) == 3


def test_chats_are_not_listed_and_never_extra(retell: Reconciliation) -> None:
    chat = {"chat_id": "chat_1", "chat_status": "ended", "start_timestamp": 1772326800000}
    retell.send_retell({"event": "chat_ended", "chat": chat})
    retell.api.calls = [listed_call("retell", 1)]
    retell.send(listed_call("retell", 1))
    assert retell.summary().chat_calls == 1
    assert counts(retell.report()) == (1, 0, 0, 0)


def test_unreadable_call_is_reported_and_does_not_affect_the_others(twilio: Reconciliation) -> None:
    twilio.api.calls = [
        listed_call("twilio", 1),
        listed_call("twilio", 2, direction="sideways"),
        listed_call("twilio", 3, duration=7),
    ]
    done = twilio.run("--apply")
    assert done.returncode == 1
    assert "Twilio lists 1 call: 0 the same, 1 missing, 0 extra, 0 with another length." in done.stdout
    assert "1 recorded." in done.stdout
    assert done.stderr.startswith("2 could not be compared; first error: ")
    assert "sideways" not in done.stderr


def test_table_shows_20_differences_and_all_of_them_with_all(twilio: Reconciliation) -> None:
    twilio.api.calls = [listed_call("twilio", 1 + number % 20, sid=f"CA{number:032}") for number in range(25)]
    twilio.api.page_size = 1_000
    lines = twilio.run().stdout.splitlines()
    assert lines[0].split() == ["what", "id", "began", "there", "here"]
    assert len([line for line in lines if line.startswith("missing  twilio:CA")]) == 20
    assert lines[-2:] == [
        "5 more; --all shows them.",
        "Twilio lists 25 calls: 0 the same, 25 missing, 0 extra, 0 with another length.",
    ]
    assert len([line for line in twilio.run("--all").stdout.splitlines() if line.startswith("missing")]) == 25


def test_output_is_one_line_if_nothing_differs(twilio: Reconciliation) -> None:
    twilio.api.calls = [listed_call("twilio", 1)]
    twilio.send(listed_call("twilio", 1))
    done = twilio.run("--apply")
    expected = "Twilio lists 1 call: 1 the same, 0 missing, 0 extra, 0 with another length.\n0 recorded.\n"
    assert (done.returncode, done.stderr, done.stdout) == (0, "", expected)


def test_requests_are_those_that_the_provider_documents(meter: MeteringServer) -> None:
    apis: dict[str, FakeApi] = {}
    for provider in PROVIDERS:
        with reconciliation(meter, provider) as reconciled:
            reconciled.report()
            apis[provider] = reconciled.api
    [of_twilio], [of_vapi], [of_retell] = (apis[provider].requests for provider in PROVIDERS)
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


@given(ARBITRARY_CALLS)
def test_no_listed_call_breaks_reading(arbitrary: tuple[CallList, bytes]) -> None:
    calls, body = arbitrary
    listed = read_listed(body, calls.read_call)
    assert listed.id or listed.error
    assert listed.error is None or listed.error.endswith(".")
