"""The OpenAPI description's example of each provider is a message that the provider's connector counts."""

import time
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
import pytest

from talkmeter.ingest.connectors.registry import PROVIDERS
from tests import local_http
from tests.connectors.messages import FORM
from tests.connectors.metering_server import MeteringServer, metering_server
from tests.connectors.signing import SIGNERS

PATH: Final = "/metering/hooks/{provider}/{connector_id}"


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("examples")) as running:
        yield running


@pytest.fixture(scope="module")
def operation(meter: MeteringServer) -> dict[str, Any]:
    """The description of the webhooks' operation."""
    operation: dict[str, Any] = local_http.get(f"{meter.server.url}/openapi.json").json()["paths"][PATH]["post"]
    return operation


@pytest.mark.parametrize("provider", PROVIDERS)
def test_webhook_example_is_counted(meter: MeteringServer, operation: dict[str, Any], provider: str) -> None:
    content = operation["requestBody"]["content"]
    [(media_type, example)] = [
        (type_, body["examples"][provider]) for type_, body in content.items() if provider in body["examples"]
    ]
    message = example["value"]
    body = urlencode(message).encode() if media_type == FORM else msgspec.json.encode(message)
    hook = meter.connect(provider, SIGNERS[provider].secret)
    headers = {"Content-Type": media_type, **SIGNERS[provider].sign(hook.public_url, body, int(time.time()))}
    answer = local_http.post(hook.url, content=body, headers=headers)

    assert (answer.status_code, answer.text) == (PROVIDERS[provider].status, "")
    assert hook.outcomes(1) == {"accepted": 1}
    assert media_type == SIGNERS[provider].content_type


def test_webhook_description_names_every_provider(operation: dict[str, Any]) -> None:
    [names] = [entry["schema"]["enum"] for entry in operation["parameters"] if entry["name"] == "provider"]
    examples = [name for body in operation["requestBody"]["content"].values() for name in body["examples"]]

    assert sorted(names) == sorted(examples) == sorted(PROVIDERS)
