"""Every sample through HTTP, proved as its stack does it: what is counted and answered, and what is refused."""

import hmac
import time
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from subprocess import CalledProcessError
from typing import Final
from urllib.parse import parse_qsl

import httpx
import msgspec
import pytest
from plivo.utils.signature_v3 import construct_post_url, get_signature_v3  # type: ignore[import-untyped]  # it has no types

from talkmeter.api.hooks import HOOKS_PATH
from talkmeter.ingest.connectors.n8n import HEADER as N8N_HEADER
from talkmeter.ingest.connectors.registry import PROVIDERS
from tests import local_http
from tests.connectors.metering_server import PUBLIC_URL, Hook, MeteringServer, metering_server
from tests.connectors.signed_samples import FORM, SAMPLES, Vector
from tests.fake_clock import FakeClock
from tests.servers import run_cli

FROZEN: Final = 1_760_000_000
"""When the vectors were signed."""
VECTORS: Final = [
    vector
    for vector in msgspec.json.decode((SAMPLES / "signature_vectors.json").read_bytes(), type=list[Vector])
    if vector.stack in PROVIDERS and (SAMPLES / vector.sample).exists()
]
NOT_METERED: Final = {"twilio_usage_trigger.form", "livekit_room_started.json"}


def post(hook: Hook, vector: Vector, **headers: str) -> httpx.Response:
    """Send a sample as its stack would."""
    body = (SAMPLES / vector.sample).read_bytes()
    sent = {"Content-Type": content_type(vector), **signed(vector, hook.public_url, body), **headers}
    return local_http.post(hook.url, content=body, headers=sent)


def content_type(vector: Vector) -> str:
    return FORM if vector.sample.endswith(".form") else "application/json"


def signed(vector: Vector, url: str, body: bytes) -> dict[str, str]:
    """The vector's own headers; where the address is signed too, those for ours, made by other code than ours."""
    fields = sorted(parse_qsl(body.decode(), keep_blank_values=True)) if vector.stack in ("twilio", "plivo") else []
    match vector.stack:
        case "twilio":
            text = url + "".join(name + value for name, value in fields)
            mac = hmac.digest(vector.secret.encode(), text.encode(), sha1)
            return {"X-Twilio-Signature": b64encode(mac).decode()}
        case "plivo":
            nonce = vector.headers["X-Plivo-Signature-V3-Nonce"]
            text = construct_post_url(url, dict(fields)).decode()
            signature = get_signature_v3(vector.secret.encode(), text, nonce.encode()).decode()
            return {"X-Plivo-Signature-V3": signature, "X-Plivo-Signature-V3-Nonce": nonce}
        case _:
            return vector.headers


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    """A server whose clock goes from when the vectors were signed."""
    folder = tmp_path_factory.mktemp("hooks")
    clock = FakeClock(folder)
    clock.set(FROZEN - int(time.time()))
    with metering_server(folder, clock.environment) as running:
        yield running


def first(stack: str) -> Vector:
    return next(one for one in VECTORS if one.stack == stack)


def of_twilio(secret: str) -> Vector:
    return msgspec.structs.replace(first("twilio"), secret=secret)


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{place} {one.sample}" for place, one in enumerate(VECTORS)])
def test_a_sample_is_taken_as_its_stack_sends_it_and_again_it_changes_nothing(
    frozen: MeteringServer, vector: Vector
) -> None:
    hook = frozen.connect(vector.stack, vector.secret or vector.public_key)

    for _ in range(2):
        answer = post(hook, vector)
        assert answer.status_code == PROVIDERS[vector.stack].status, answer.text
        assert answer.content == b""
    assert hook.outcomes(2) == ({"ignored": 2} if vector.sample in NOT_METERED else {"accepted": 1, "duplicate": 1})
    assert frozen.differences(hook.org_id) == []


def test_what_is_not_proved_is_a_401_that_says_why_and_counts_nothing(frozen: MeteringServer) -> None:
    vector = first("twilio")
    hook = frozen.connect("twilio", vector.secret)

    for headers in ({"X-Twilio-Signature": "AAAA"}, {"X-Twilio-Signature": ""}):
        refused = post(hook, vector, **headers)
        assert refused.status_code == 401
        assert refused.json()["detail"].startswith("Could not verify that this message came from twilio: ")
    assert hook.outcomes(2) == {"rejected": 2}
    assert post(hook, vector).status_code < 300
    assert hook.outcomes(3) == {"rejected": 2, "accepted": 1}


def test_an_address_of_no_connector_or_of_another_stack_is_a_404(frozen: MeteringServer) -> None:
    hook = frozen.connect("twilio", first("twilio").secret)

    for path in ("twilio/none", f"vapi/{hook.id}", f"nobody/{hook.id}"):
        assert local_http.post(f"{frozen.server.url}{HOOKS_PATH}/{path}", content=b"").status_code == 404


def test_two_secrets_are_valid_while_one_is_changed(frozen: MeteringServer) -> None:
    hook = frozen.connect("twilio", "the second", "the first")

    answers = [post(hook, of_twilio(secret)).status_code for secret in ("the first", "the second", "the third")]
    assert answers == [204, 204, 401]


def test_a_connector_is_made_shown_given_another_secret_and_ended_by_commands(frozen: MeteringServer) -> None:
    server = frozen.server
    environment = {**server.environment, "FIRST": "a very particular secret", "SECOND": "its successor", "THIRD": "3"}

    def command(*arguments: str) -> str:
        said = run_cli(server.folder, environment, "connectors", *arguments)
        assert "a very particular secret" not in said
        return said

    server.cli("orgs", "add", "by-commands")
    url = command("add", "--org", "by-commands", "--provider", "twilio", "--secret-env", "FIRST")
    assert url.startswith(f"{PUBLIC_URL}{HOOKS_PATH}/twilio/")
    hook = Hook(frozen, "by-commands", "twilio", url.rpartition("/")[2])
    first_secret, second_secret = of_twilio("a very particular secret"), of_twilio("its successor")

    assert [post(hook, first_secret).status_code, post(hook, second_secret).status_code] == [204, 401]
    hook.outcomes(2)
    shown = command("show", hook.id)
    assert url in shown
    counts = [line.split()[1:3] for line in shown.splitlines() if line.startswith("20")]
    assert counts == [["accepted", "1"], ["rejected", "1"]]
    command("rotate", hook.id, "--secret-env", "SECOND")
    assert [post(hook, first_secret).status_code, post(hook, second_secret).status_code] == [204, 204]
    command("rotate", hook.id, "--secret-env", "THIRD")
    assert [post(hook, first_secret).status_code, post(hook, second_secret).status_code] == [401, 204]
    command("disable", hook.id)
    assert post(hook, second_secret).status_code == 404
    assert f"{hook.id}\ttwilio\tby-commands\tdisabled" in command("list")
    assert server.cli("verify", "--org", "by-commands").startswith("1 organization verified")


def test_what_cannot_be_understood_is_answered_as_received_and_kept_without_words_and_numbers(
    frozen: MeteringServer,
) -> None:
    hook = frozen.connect("n8n", "n8n's secret")
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
    assert "invalid_data" in frozen.server.cli("quarantine", "list", "--org", hook.org_id)
    [event] = frozen.quarantined(hook.org_id)
    kept = frozen.server.cli("quarantine", "show", event.id) + event.kept_fields.decode()
    assert "n8n.workflow.success" in kept
    assert "1760000000000" in kept
    for private in ("5550006", "555-0006", "ann@example.com", "secret words"):
        assert private not in kept


def test_connectors_need_a_key_and_say_how_to_make_one(frozen: MeteringServer) -> None:
    environment = {name: text for name, text in frozen.server.environment.items() if name != "TALKMETER_SECRET_KEY"}
    arguments = ("--org", "x", "--provider", "vapi", "--secret-env", "S")
    with pytest.raises(CalledProcessError, match=r"returned non-zero exit status 1\.") as refused:
        run_cli(frozen.server.folder, {**environment, "S": "s"}, "connectors", "add", *arguments)
    assert "openssl rand -base64 32" in refused.value.stderr


def test_no_secret_stands_in_the_database_or_the_log(frozen: MeteringServer) -> None:
    hook = frozen.connect("n8n", "another particular secret")
    for secret in ("another particular secret", "no such secret"):
        local_http.post(hook.url, content=b"{}", headers={N8N_HEADER: secret})
    hook.outcomes(2)

    stored = b"".join(path.read_bytes() for path in frozen.server.folder.glob("talkmeter.db*"))
    for secret in ("another particular secret", "no such secret"):
        assert secret.encode() not in stored
        assert secret not in frozen.server.log()
