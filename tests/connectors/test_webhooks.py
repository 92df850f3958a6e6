"""Webhooks over HTTP: recorded samples as their providers sign them, addresses, secrets, and the commands.

What all providers have in common is tested in test_webhook_contract.py.
"""

import time
from collections.abc import Iterator
from subprocess import CalledProcessError
from typing import Final

import httpx
import pytest

from talkmeter.api.hooks import HOOKS_PATH
from talkmeter.ingest.connectors.n8n import HEADER as N8N_HEADER
from talkmeter.ingest.connectors.registry import PROVIDERS
from tests import local_http
from tests.connectors.all_cases import CASES
from tests.connectors.cases import twilio
from tests.connectors.messages import NOW, SECOND, Vector
from tests.connectors.metering_server import PUBLIC_URL, Hook, MeteringServer, metering_server
from tests.fake_clock import FakeClock
from tests.servers import run_cli

VECTORS: Final = [(name, vector) for name, case in CASES.items() for vector in case.vectors if name != "signed"]
"""The sample of `signed` is a message of another provider, and not an event."""
SIGNS_URL: Final = ("twilio", "plivo")
NOT_METERED: Final = {"twilio_usage_trigger.form", "livekit_room_started.json"}


@pytest.fixture(scope="module")
def clock(tmp_path_factory: pytest.TempPathFactory) -> FakeClock:
    return FakeClock(tmp_path_factory.mktemp("clock"))


@pytest.fixture(scope="module")
def server(clock: FakeClock, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("webhooks"), clock.environment) as running:
        yield running


@pytest.fixture
def meter(server: MeteringServer, clock: FakeClock) -> MeteringServer:
    """A server whose clock shows when the samples were signed."""
    clock.set(NOW // SECOND - int(time.time()))
    return server


def post(hook: Hook, vector: Vector) -> httpx.Response:
    """Send a sample. If the URL is signed too, the provider's own code signs it again for the connector's URL."""
    message = vector.message()._replace(url=hook.public_url)
    if hook.provider in SIGNS_URL:
        message = CASES[hook.provider].sign(message, vector.secret)
    return local_http.post(hook.url, content=message.body, headers=dict(message.headers))


def post_twilio(hook: Hook, secret: str) -> int:
    """Send a call signed with a secret; return the status."""
    message = twilio.sign(twilio.COMPLETED._replace(url=hook.public_url), secret)
    return local_http.post(hook.url, content=message.body, headers=dict(message.headers)).status_code


@pytest.mark.parametrize(
    ("name", "vector"), VECTORS, ids=[f"{place}-{vector.sample}" for place, (_, vector) in enumerate(VECTORS)]
)
def test_recorded_sample_is_accepted_once(meter: MeteringServer, name: str, vector: Vector) -> None:
    hook = meter.connect(name, vector.connector_secret)

    for _ in range(2):
        answer = post(hook, vector)
        assert answer.status_code == PROVIDERS[name].status, answer.text
        assert answer.content == b""
    assert hook.outcomes(2) == ({"ignored": 2} if vector.sample in NOT_METERED else {"accepted": 1, "duplicate": 1})
    assert meter.differences(hook.org_id) == []


def test_unknown_connector_or_wrong_provider_is_a_404(meter: MeteringServer) -> None:
    hook = meter.connect("twilio", twilio.TOKEN)

    for path in ("twilio/none", f"vapi/{hook.id}", f"nobody/{hook.id}"):
        assert local_http.post(f"{meter.server.url}{HOOKS_PATH}/{path}", content=b"").status_code == 404


def test_current_and_previous_secret_are_accepted(meter: MeteringServer) -> None:
    hook = meter.connect("twilio", "the second", "the first")

    assert [post_twilio(hook, secret) for secret in ("the first", "the second", "the third")] == [204, 204, 401]


def test_commands_add_show_rotate_disable_and_list_a_connector(meter: MeteringServer) -> None:
    server = meter.server
    environment = {**server.environment, "FIRST": "a very particular secret", "SECOND": "its successor", "THIRD": "3"}

    def command(*arguments: str) -> str:
        output = run_cli(server.folder, environment, "connectors", *arguments)
        assert "a very particular secret" not in output
        return output

    server.cli("orgs", "add", "by-commands")
    url = command("add", "--org", "by-commands", "--provider", "twilio", "--secret-env", "FIRST")
    assert url.startswith(f"{PUBLIC_URL}{HOOKS_PATH}/twilio/")
    hook = Hook(meter, "by-commands", "twilio", url.rpartition("/")[2])

    def statuses() -> list[int]:
        return [post_twilio(hook, secret) for secret in ("a very particular secret", "its successor")]

    assert statuses() == [204, 401]
    hook.outcomes(2)
    shown = command("show", hook.id)
    assert url in shown
    counts = [line.split()[1:3] for line in shown.splitlines() if line.startswith("20")]
    assert counts == [["accepted", "1"], ["rejected", "1"]]
    command("rotate", hook.id, "--secret-env", "SECOND")
    assert statuses() == [204, 204]
    command("rotate", hook.id, "--secret-env", "THIRD")
    assert statuses() == [401, 204]
    command("disable", hook.id)
    assert statuses() == [404, 404]
    assert f"{hook.id}\ttwilio\tby-commands\tdisabled" in command("list")
    assert server.cli("verify", "--org", "by-commands").startswith("1 organization verified")


def test_quarantine_keeps_no_transcript_and_no_number(meter: MeteringServer) -> None:
    hook = meter.connect("n8n", "n8n's secret")
    body = {
        "id": "event-1",
        "eventName": "n8n.workflow.success",
        "ts": "yesterday",
        "payload": {
            "workflowName": "Call +15550006 back",
            "userEmail": "ann@example.com",
            "transcript": "secret words",
            "callerId": 15_005_550_006,
            "lastStatus": "tel:+1-500-555-0006;ext=1",
            "numbers": {"+15005550006": {"status": "busy"}},
            "retryAt": 1_760_000_000_000,
        },
    }
    answer = local_http.post(hook.url, json=body, headers={N8N_HEADER: "n8n's secret"})

    assert answer.status_code == PROVIDERS["n8n"].status
    assert "invalid_data" in meter.server.cli("quarantine", "list", "--org", hook.org_id)
    [event] = meter.quarantined(hook.org_id)
    kept = meter.server.cli("quarantine", "show", event.id) + event.kept_fields.decode()
    assert "n8n.workflow.success" in kept
    assert "1760000000000" not in kept
    for private in ("5550006", "555-0006", "ann@example.com", "secret words"):
        assert private not in kept


def test_connectors_add_without_a_secret_key_says_how_to_make_one(meter: MeteringServer) -> None:
    environment = {name: text for name, text in meter.server.environment.items() if name != "TALKMETER_SECRET_KEY"}
    arguments = ("--org", "x", "--provider", "vapi", "--secret-env", "S")
    with pytest.raises(CalledProcessError, match=r"returned non-zero exit status 1\.") as failed:
        run_cli(meter.server.folder, {**environment, "S": "s"}, "connectors", "add", *arguments)
    assert "openssl rand -base64 32" in failed.value.stderr
