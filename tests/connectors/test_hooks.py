"""Every sample through HTTP, proved as its stack does it: what is counted and answered, and what is refused."""

import hmac
import time
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha1
from itertools import count
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import httpx
import msgspec
import pytest
from plivo.utils.signature_v3 import construct_post_url, get_signature_v3  # type: ignore[import-untyped]  # it has no types

from talkmeter.ingest.connectors.n8n import HEADER as N8N_HEADER
from talkmeter.ingest.connectors.registry import PROVIDERS
from tests.clocks import Clock
from tests.connectors.signed_samples import FORM, SAMPLES, Vector
from tests.servers import Server, run_cli, running_server

PUBLIC_URL: Final = "https://meter.example.com"
FROZEN: Final = 1_760_000_000
"""When the vectors were signed."""
SECRET_KEY: Final = b64encode(bytes(range(32))).decode()
VECTORS: Final = [
    vector
    for vector in msgspec.json.decode((SAMPLES / "signature_vectors.json").read_bytes(), type=list[Vector])
    if vector.stack in PROVIDERS and (SAMPLES / vector.sample).exists()
]
NOT_METERED: Final = {"twilio_usage_trigger.form", "livekit_room_started.json"}
_numbers = count(1)


class Hook(NamedTuple):
    """A connector of an organization of its own."""

    server: Server
    org_id: str
    path: str

    def post(self, vector: Vector, **headers: str) -> httpx.Response:
        """Send a sample as its stack would."""
        body = (SAMPLES / vector.sample).read_bytes()
        sent = {"Content-Type": content_type(vector), **signed(vector, PUBLIC_URL + self.path, body), **headers}
        return httpx.post(f"{self.server.url}{self.path}", content=body, headers=sent)

    def shown(self) -> str:
        """What `talkmeter connectors show` says."""
        return self.server.cli("connectors", "show", self.path.rpartition("/")[2])


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
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("hooks")
    clock = Clock(folder)
    clock.set(FROZEN - int(time.time()))
    with running_server(folder, clock.environment, secret_key=SECRET_KEY, public_url=PUBLIC_URL) as running:
        yield running


def connect(server: Server, provider: str, secret: str) -> Hook:
    org_id = f"org-{next(_numbers)}"
    server.cli("orgs", "add", org_id)
    environment = {**server.environment, "THE_SECRET": secret}
    arguments = ("connectors", "add", "--org", org_id, "--provider", provider, "--secret-env", "THE_SECRET")
    url = run_cli(server.folder, environment, *arguments)
    assert url.startswith(f"{PUBLIC_URL}/metering/hooks/{provider}/")
    return Hook(server, org_id, urlsplit(url).path)


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{place} {one.sample}" for place, one in enumerate(VECTORS)])
def test_a_sample_is_taken_as_its_stack_sends_it_and_again_it_changes_nothing(server: Server, vector: Vector) -> None:
    hook = connect(server, vector.stack, vector.secret or vector.public_key)

    for _ in range(2):
        answer = hook.post(vector)
        assert answer.status_code == PROVIDERS[vector.stack].status, answer.text
        assert answer.content == b""
    outcomes = {line.split()[1]: int(line.split()[2]) for line in hook.shown().splitlines()[2:]}
    assert outcomes == ({"ignored": 2} if vector.sample in NOT_METERED else {"accepted": 1, "duplicate": 1})
    assert "verified" in server.cli("verify", "--org", hook.org_id)


def test_what_is_not_proved_is_a_401_that_says_why_and_counts_nothing(server: Server) -> None:
    [vector, *_] = [one for one in VECTORS if one.stack == "twilio"]
    hook = connect(server, "twilio", vector.secret)

    for headers in ({"X-Twilio-Signature": "AAAA"}, {"X-Twilio-Signature": ""}):
        refused = hook.post(vector, **headers)
        assert refused.status_code == 401
        assert refused.json()["detail"].startswith("This message is not proved to come from twilio: ")
    assert hook.post(vector).status_code < 300
    assert "rejected           2" in hook.shown()
    assert "accepted           1" in hook.shown()


def test_an_address_of_no_connector_of_another_stack_or_of_a_disabled_one_is_a_404(server: Server) -> None:
    [vector, *_] = [one for one in VECTORS if one.stack == "twilio"]
    hook = connect(server, "twilio", vector.secret)
    id_ = hook.path.rpartition("/")[2]

    for path in ("/metering/hooks/twilio/none", f"/metering/hooks/vapi/{id_}", f"/metering/hooks/nobody/{id_}"):
        assert httpx.post(f"{server.url}{path}", content=b"").status_code == 404
    server.cli("connectors", "disable", id_)
    assert hook.post(vector).status_code == 404


def test_two_secrets_are_valid_while_one_is_changed(server: Server) -> None:
    [vector, *_] = [one for one in VECTORS if one.stack == "twilio"]
    hook = connect(server, "twilio", "the first")
    id_ = hook.path.rpartition("/")[2]
    of_first, of_second = (msgspec.structs.replace(vector, secret=secret) for secret in ("the first", "the second"))
    assert hook.post(of_second).status_code == 401
    environment = {**server.environment, "NEXT": "the second"}
    run_cli(server.folder, environment, "connectors", "rotate", id_, "--secret-env", "NEXT")
    assert [hook.post(one).status_code for one in (of_first, of_second)] == [PROVIDERS["twilio"].status] * 2
    environment["NEXT"] = "the third"
    run_cli(server.folder, environment, "connectors", "rotate", id_, "--secret-env", "NEXT")
    assert hook.post(of_first).status_code == 401


def test_what_cannot_be_understood_is_answered_as_received_and_kept_without_words_and_numbers(server: Server) -> None:
    hook = connect(server, "n8n", "n8n's secret")
    body = {
        "id": "event-1",
        "eventName": "n8n.workflow.success",
        "ts": "yesterday",
        "payload": {
            "workflowName": "Call +15550006 back",
            "userEmail": "ann@example.com",
            "transcript": "secret words",
        },
    }
    answer = httpx.post(f"{server.url}{hook.path}", json=body, headers={N8N_HEADER: "n8n's secret"})

    assert answer.status_code == PROVIDERS["n8n"].status
    listed = server.cli("quarantine", "list", "--org", hook.org_id)
    assert "invalid_data" in listed
    [hash_] = [word for line in listed.splitlines() for word in line.split() if len(word) == 32]
    kept = server.cli("quarantine", "show", hash_)
    assert "n8n.workflow.success" in kept
    for private in ("5550006", "ann@example.com", "secret words"):
        assert private not in kept


def test_connectors_need_a_key_and_say_how_to_make_one(server: Server) -> None:
    environment = {name: value for name, value in server.environment.items() if name != "TALKMETER_SECRET_KEY"}
    with pytest.raises(Exception, match="returned non-zero exit status 1") as refused:
        run_cli(
            server.folder, {**environment, "S": "s"}, "connectors", "add", "--org", "x", "--provider", "vapi",
            "--secret-env", "S",
        )  # fmt: skip
    assert "openssl rand -base64 32" in str(getattr(refused.value, "stderr", ""))


def test_no_secret_stands_in_the_database_or_the_log(server: Server) -> None:
    hook = connect(server, "vapi", "a very particular secret")
    assert hook.path
    stored = b"".join(path.read_bytes() for path in server.folder.glob("talkmeter.db*"))
    assert b"a very particular secret" not in stored
    assert "a very particular secret" not in server.log()
    assert "a very particular secret" not in server.cli("connectors", "list") + hook.shown()
