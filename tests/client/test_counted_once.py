"""With a real server: every event is counted once, even after kills; quarantined events are reported."""

import random
import signal
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from talkmeter_client import Event, Quarantined, conversation, event, workflow_execution
from tests import local_http
from tests.client.clients import NOON, QUICK, Factory, as_json, call
from tests.client.processes import sending
from tests.client.scripted import no_response, scripted
from tests.events import Json
from tests.faults.rounds import rounds
from tests.faults.senders import ORG, check_ledger
from tests.postgres import engine_for
from tests.servers import Server, start_server, stop_server

KILLS = rounds(4, 40)


def summary(server: Server, key: str, day: str | None = "2024-03-01") -> Json:
    """Return the usage summary of a UTC day, by default of this month."""
    window = f"?from={day}&to={date.fromisoformat(day) + timedelta(days=1)}" if day else ""
    response = local_http.get(f"{server.url}/admin/usage/summary{window}", headers={"Authorization": f"Bearer {key}"})
    figures: Json = response.raise_for_status().json()
    return figures


def verify_ledger(server: Server, sent: list[Event], org_id: str = ORG) -> str:
    """Compare a server's ledger with the events that were sent."""
    with engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine:
        return check_ledger(engine, [as_json(each) for each in sent], org_id)


def test_sent_events_are_counted_once(kind: str, spool: Path, ample_server: Server) -> None:
    org_id = f"once-{kind.lower()}"
    runs = [
        workflow_execution(f"run-{number}", status="success", created_at=NOON, workflow_id="follow-up")
        for number in range(50)
    ]
    with Factory(ample_server.url, spool, key=ample_server.key(org_id)).opened(kind) as client:
        for number in range(200):
            client.send(call(number, agent_id="ann"))
        client.send(*runs)
        client.send(*(call(number, agent_id="ann") for number in range(100)))
        assert client.flush(60)
    result = verify_ledger(ample_server, [call(number, agent_id="ann") for number in range(200)] + runs, org_id)

    assert result == "250 events acknowledged, 250 records: none lost, none counted twice"


@pytest.mark.timeout(120 + 10 * KILLS)
def test_events_in_the_spool_of_a_killed_sender_are_sent_after_a_restart(
    kind: str, spool: Path, ample_server: Server
) -> None:
    org_id = f"killed-{kind.lower()}"
    url, key = ample_server.url, ample_server.key(org_id)
    randomness = random.Random(KILLS)
    started: list[int] = []
    for round_ in range(KILLS):
        numbers = range(1_000 * round_, 1_000 * round_ + 1_000)
        with sending(url, key, spool, numbers, kind) as process:
            process.wait_for(str(numbers.start + randomness.randrange(300)))
            started += process.kill()
        # The killed sender does not know whether `send` returned, so it sends the event again.
        with Factory(url, spool, key=key).opened(kind) as client:
            client.send(call(started[-1]))
    with Factory(url, spool, key=key).opened(kind) as client:
        assert client.flush(60)
    result = verify_ledger(ample_server, [call(number) for number in started], org_id)

    assert result == f"{len(started):,} events acknowledged, {len(started):,} records: none lost, none counted twice"


def test_events_that_only_the_spool_has_are_sent_after_a_restart(kind: str, spool: Path, ample_server: Server) -> None:
    org_id = f"spooled-{kind.lower()}"
    with (
        scripted(no_response) as unresponsive,
        sending(unresponsive.url, "ak_none.none", spool, range(300), kind) as process,
    ):
        process.wait_for("sent")
        process.kill()
    with Factory(ample_server.url, spool, key=ample_server.key(org_id)).opened(kind) as client:
        assert client.waiting().events <= 300
        assert client.flush(60)
        assert client.waiting() == (0, 0, 0)
    result = verify_ledger(ample_server, [call(number) for number in range(300)], org_id)

    assert result == "300 events acknowledged, 300 records: none lost, none counted twice"


def test_killed_server_has_all_events_after_its_restart(kind: str, spool: Path, tmp_path: Path) -> None:
    database = {"database_url": f"sqlite:///{tmp_path / 'talkmeter.db'}"}
    server = start_server(tmp_path, database)
    key = server.key(ORG)
    limits = msgspec.structs.replace(QUICK, batch_events=20)
    for round_ in range(3):
        with Factory(server.url, spool, key=key, limits=limits).opened(kind, 0) as client:
            for number in range(200):
                client.send(call(200 * round_ + number))
                if number == 150:
                    stop_server(server, signal.SIGKILL)
        server = start_server(tmp_path, database)
    with Factory(server.url, spool, key=key).opened(kind) as client:
        assert client.flush(60)
    stop_server(server)

    result = verify_ledger(server, [call(number) for number in range(600)])
    assert result == "600 events acknowledged, 600 records: none lost, none counted twice"


def test_several_processes_share_a_spool(spool: Path, ample_server: Server) -> None:
    url, key = ample_server.url, ample_server.key("sharing")
    with (
        sending(url, key, spool, range(200), "Client") as first,
        sending(url, key, spool, range(200, 400), "AsyncClient") as second,
        sending(url, key, spool, range(400, 600), "Client") as third,
    ):
        third.wait_for("sent")
        started = third.kill()
        first.wait_for("sent")
        second.wait_for("sent")
    with Factory(url, spool, key=key).opened("Client") as client:
        assert client.waiting().events == 0
    result = verify_ledger(ample_server, [call(number) for number in [*range(400), *started]], "sharing")

    assert result == "600 events acknowledged, 600 records: none lost, none counted twice"


def test_quarantined_event_is_reported_and_not_sent_again(kind: str, spool: Path, server: Server) -> None:
    key = server.key(f"quarantine-{kind.lower()}")
    reports: list[tuple[Event, Quarantined]] = []
    bad = event("conversation.updated", {**call(9).data, "created_at": "smoke"}, time=NOON)
    with Factory(server.url, spool, key=key, on_quarantined=lambda *report: reports.append(report)).opened(
        kind
    ) as client:
        client.send(call(1), bad, call(2))
        assert client.flush(60)
        client.send(call(3))
        assert client.flush(60)
        assert client.waiting() == (0, 0, 0)

    [(reported, quarantined)] = reports
    assert reported == bad
    assert (quarantined.reason, quarantined.kept) == ("invalid_data", True)
    assert "smoke" in quarantined.detail
    assert summary(server, key)["total_calls"] == 3


def test_failing_callback_does_not_stop_sending(kind: str, spool: Path, server: Server) -> None:
    def fail(*_: object) -> None:
        raise ValueError("Not today.")

    key = server.key(f"failing-{kind.lower()}")
    with Factory(server.url, spool, key=key, on_quarantined=fail).opened(kind) as client:
        client.send(event("conversation.updated", {"id": "call-bad"}), call(1))
        assert client.flush(60)
        assert client.waiting() == (0, 0, 0)
    assert summary(server, key)["total_calls"] == 1


def test_batches_shrink_to_the_limit_of_the_server(kind: str, spool: Path, server: Server) -> None:
    key = server.key(f"small-{kind.lower()}")
    with Factory(server.url, spool, key=key).opened(kind) as client:
        client.send(*(call(number) for number in range(300)))
        assert client.flush(60)
        assert client.waiting() == (0, 0, 0)
    assert summary(server, key)["total_calls"] == 300


def test_events_set_aside_for_a_revoked_key_are_sent_with_another_key(kind: str, spool: Path, server: Server) -> None:
    with Factory(server.url, spool, key="ak_0000000000000000.wrong").opened(kind) as client:
        client.send(call(1))
        assert client.flush(60)
        [rejected] = client.set_aside()
        assert rejected.status == 401
    key = server.key(f"right-{kind.lower()}")
    with Factory(server.url, spool, key=key).opened(kind) as client:
        assert client.flush(60)
        assert client.set_aside() == []
    assert summary(server, key)["total_calls"] == 1


def test_states_with_every_field_are_accepted(kind: str, spool: Path, server: Server) -> None:
    key = server.key(f"fields-{kind.lower()}")
    quarantined: list[Quarantined] = []
    with Factory(server.url, spool, key=key, on_quarantined=lambda _, event: quarantined.append(event)).opened(
        kind
    ) as client:
        client.send(
            conversation(
                "call-1",
                channel="webrtc",
                direction="outbound",
                status="transferred",
                created_at=NOON,
                duration=1.0005,
                agent_id="ann",
                agent_number="+15550100",
                web_widget_id="site",
                modality="voice",
                organization_id=f"fields-{kind.lower()}",
            ),
            workflow_execution("run-1", status="waiting", created_at=NOON, organization_id=f"fields-{kind.lower()}"),
            event("phone_number.updated", {"id": "+15550100", "name": "Front desk", "shared": True}),
            event("agent.deleted", {"id": "bob"}),
        )
        assert client.flush(60)
    figures = summary(server, key)

    assert quarantined == []
    assert (figures["voice_duration_ms"], figures["live_runs"], figures["shared_phone_numbers"]) == (1_001, 1, 1)
