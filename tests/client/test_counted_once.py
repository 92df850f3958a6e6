"""With a real server: all that was sent is counted once, whoever is killed; what cannot be counted is reported."""

import random
import signal
from datetime import date, timedelta
from pathlib import Path

import msgspec
import pytest

from talkmeter.client import Event, Quarantined, conversation, event, workflow_execution
from tests import local_http
from tests.client.clients import NOON, QUICK, Make, as_json, call
from tests.client.processes import sending
from tests.client.scripted import scripted, silent
from tests.events import Json
from tests.faults.rounds import rounds
from tests.faults.senders import ORG, check_ledger
from tests.postgres import engine_for
from tests.servers import Server, start_server, stop_server

KILLS = rounds(4, 40)


def summary(server: Server, key: str, day: str | None = "2024-03-01") -> Json:
    """What the organization used on a day of UTC; without one, this month."""
    window = f"?from={day}&to={date.fromisoformat(day) + timedelta(days=1)}" if day else ""
    asked = local_http.get(f"{server.url}/admin/usage/summary{window}", headers={"Authorization": f"Bearer {key}"})
    answer: Json = asked.raise_for_status().json()
    return answer


def proved(server: Server, journal: list[Event], org_id: str = ORG) -> str:
    """The proof over the ledger of a server."""
    with engine_for(server.environment["TALKMETER_DATABASE_URL"]) as engine:
        return check_ledger(engine, [as_json(one) for one in journal], org_id)


def test_what_was_sent_is_counted_once(kind: str, spool: Path, ample_server: Server) -> None:
    org_id = f"once-{kind}"
    runs = [
        workflow_execution(f"run-{number}", status="success", created_at=NOON, workflow_id="follow-up")
        for number in range(50)
    ]
    with Make(ample_server.url, spool, key=ample_server.key(org_id)).opened(kind) as client:
        for number in range(200):
            client.send(call(number, agent_id="ann"))
        client.send(*runs)
        client.send(*(call(number, agent_id="ann") for number in range(100)))
        assert client.flush(30)
    said = proved(ample_server, [call(number, agent_id="ann") for number in range(200)] + runs, org_id)

    assert said == "250 events acknowledged, 250 records: none lost, none twice"


@pytest.mark.timeout(120 + 10 * KILLS)
def test_after_every_kill_of_the_sender_the_next_start_sends_all_that_was_in_the_spool(
    kind: str, spool: Path, ample_server: Server
) -> None:
    org_id = f"killed-{kind}"
    url, key = ample_server.url, ample_server.key(org_id)
    chance = random.Random(KILLS)
    begun: list[int] = []
    for round_ in range(KILLS):
        numbers = range(1_000 * round_, 1_000 * round_ + 1_000)
        with sending(url, key, spool, numbers, kind) as program:
            program.wait_for(str(numbers.start + chance.randrange(300)))
            begun += program.kill()
        # A sender that does not know whether `send` returned sends the event again.
        with Make(url, spool, key=key).opened(kind) as client:
            client.send(call(begun[-1]))
    with Make(url, spool, key=key).opened(kind) as client:
        assert client.flush(60)
    said = proved(ample_server, [call(number) for number in begun], org_id)

    assert said == f"{len(begun):,} events acknowledged, {len(begun):,} records: none lost, none twice"


def test_what_a_killed_sender_had_only_in_its_spool_is_sent_by_the_next_start(
    kind: str, spool: Path, ample_server: Server
) -> None:
    org_id = f"spooled-{kind}"
    with scripted(silent) as nobody, sending(nobody.url, "ak_none.none", spool, range(300), kind) as program:
        program.wait_for("sent")
        program.kill()
    with Make(ample_server.url, spool, key=ample_server.key(org_id)).opened(kind) as client:
        assert client.waiting().events <= 300
        assert client.flush(30)
        assert client.waiting() == (0, 0, 0)
    said = proved(ample_server, [call(number) for number in range(300)], org_id)

    assert said == "300 events acknowledged, 300 records: none lost, none twice"


def test_a_server_that_is_killed_in_between_has_all_of_it_in_the_end(kind: str, spool: Path, tmp_path: Path) -> None:
    database = {"database_url": f"sqlite:///{tmp_path / 'talkmeter.db'}"}
    server = start_server(tmp_path, database)
    key = server.key(ORG)
    limits = msgspec.structs.replace(QUICK, batch_events=20)
    for round_ in range(3):
        with Make(server.url, spool, key=key, limits=limits).opened(kind, 0) as client:
            for number in range(200):
                client.send(call(200 * round_ + number))
                if number == 150:
                    stop_server(server, signal.SIGKILL)
        server = start_server(tmp_path, database)
    with Make(server.url, spool, key=key).opened(kind) as client:
        assert client.flush(30)
    stop_server(server)

    said = proved(server, [call(number) for number in range(600)])
    assert said == "600 events acknowledged, 600 records: none lost, none twice"


def test_several_processes_share_a_spool(spool: Path, ample_server: Server) -> None:
    url, key = ample_server.url, ample_server.key("sharing")
    with (
        sending(url, key, spool, range(200), "Client") as first,
        sending(url, key, spool, range(200, 400), "AsyncClient") as second,
        sending(url, key, spool, range(400, 600), "Client") as third,
    ):
        third.wait_for("sent")
        begun = third.kill()
        first.wait_for("sent")
        second.wait_for("sent")
    with Make(url, spool, key=key).opened("Client") as client:
        assert client.waiting().events == 0
    said = proved(ample_server, [call(number) for number in [*range(400), *begun]], "sharing")

    assert said == "600 events acknowledged, 600 records: none lost, none twice"


def test_an_event_that_cannot_be_counted_is_reported_and_not_sent_again(kind: str, spool: Path, server: Server) -> None:
    key = server.key(f"quarantine-{kind}")
    told: list[tuple[Event, Quarantined]] = []
    bad = event("conversation.updated", {"id": "call-bad", "channel": "smoke"}, time=NOON)
    with Make(server.url, spool, key=key, on_quarantined=lambda *one: told.append(one)).opened(kind) as client:
        client.send(call(1), bad, call(2))
        assert client.flush(20)
        client.send(call(3))
        assert client.flush(20)
        assert client.waiting() == (0, 0, 0)

    [(reported, why)] = told
    assert reported == bad
    assert (why.reason, why.kept) == ("invalid_data", True)
    assert "smoke" in why.detail
    assert summary(server, key)["total_calls"] == 3


def test_a_callback_that_fails_holds_nothing_up(kind: str, spool: Path, server: Server) -> None:
    def fail(*_: object) -> None:
        raise ValueError("Not today.")

    key = server.key(f"failing-{kind}")
    with Make(server.url, spool, key=key, on_quarantined=fail).opened(kind) as client:
        client.send(event("conversation.updated", {"id": "call-bad"}), call(1))
        assert client.flush(20)
        assert client.waiting() == (0, 0, 0)
    assert summary(server, key)["total_calls"] == 1


def test_a_server_that_takes_less_at_a_time_gets_less(kind: str, spool: Path, server: Server) -> None:
    key = server.key(f"small-{kind}")
    with Make(server.url, spool, key=key).opened(kind) as client:
        client.send(*(call(number) for number in range(300)))
        assert client.flush(30)
        assert client.waiting() == (0, 0, 0)
    assert summary(server, key)["total_calls"] == 300


def test_a_key_that_is_not_known_sets_aside_and_the_right_one_sends(kind: str, spool: Path, server: Server) -> None:
    with Make(server.url, spool, key="ak_0000000000000000.wrong").opened(kind) as client:
        client.send(call(1))
        assert client.flush(20)
        [aside] = client.set_aside()
        assert aside.status == 401
    key = server.key(f"right-{kind}")
    with Make(server.url, spool, key=key).opened(kind) as client:
        assert client.send_set_aside() == 1
        assert client.flush(20)
    assert summary(server, key)["total_calls"] == 1


def test_a_state_of_every_kind_and_field_is_taken(kind: str, spool: Path, server: Server) -> None:
    key = server.key(f"fields-{kind}")
    told: list[Quarantined] = []
    with Make(server.url, spool, key=key, on_quarantined=lambda _, why: told.append(why)).opened(kind) as client:
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
                organization_id=f"fields-{kind}",
            ),
            workflow_execution("run-1", status="waiting", created_at=NOON, organization_id=f"fields-{kind}"),
            event("phone_number.updated", {"id": "+15550100", "name": "Front desk", "shared": True}),
            event("agent.deleted", {"id": "bob"}),
        )
        assert client.flush(20)
    figures = summary(server, key)

    assert told == []
    assert (figures["voice_duration_ms"], figures["live_runs"], figures["shared_phone_numbers"]) == (1_001, 1, 1)
