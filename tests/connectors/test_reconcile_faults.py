"""`talkmeter reconcile` when an API is busy, refuses or sends an invalid response: it retries or prints one error."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from talkmeter.errors import Unavailable
from talkmeter.reconcile.api import ProviderApi
from talkmeter.reconcile.lists import Request
from talkmeter.reconcile.vapi import LIST
from tests.client.scripted import ReceivedRequest, ScriptedHandler, scripted
from tests.connectors.fake_api import ACCOUNT, FakeApi, content, endless, reset, running_api, status, truncated, twilio
from tests.connectors.metering_server import MeteringServer, metering_server
from tests.connectors.reconciliation import API_KEY, KEY, Reconciliation, call_id, listed_call, reconciliation

TOO_LARGE = b" " * (33 * 1024 * 1024)


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture
def twilio_connector(meter: MeteringServer) -> Iterator[Reconciliation]:
    """A connector of Twilio, and one listed call."""
    with reconciliation(meter, "twilio") as reconciled:
        reconciled.api.calls = [listed_call("twilio", 1)]
        yield reconciled


@pytest.fixture
def forbidden() -> Iterator[FakeApi]:
    """A server that must not receive a request."""
    with running_api(FakeApi(KEY, twilio)) as api:
        yield api
        assert api.requests == []


def page(**changes: Any) -> bytes:
    return json.dumps({"calls": [], "next_page_uri": None, **changes}).encode()


def test_busy_api_is_retried_after_the_time_it_asks_for(twilio_connector: Reconciliation) -> None:
    twilio_connector.api.script.extend([status(429, Retry_After="1"), status(500), status(503), reset, truncated])
    assert twilio_connector.report("--apply")["recorded"] == 1
    assert len(twilio_connector.api.requests) == 6
    assert twilio_connector.api.requests[1].at - twilio_connector.api.requests[0].at >= 1


def test_api_that_stays_busy_is_given_up_after_6_attempts(twilio_connector: Reconciliation) -> None:
    twilio_connector.api.script.extend([status(503, Retry_After="Thu, 01 Jan 1970 00:00:00 GMT")] * 6)
    assert twilio_connector.error() == "Twilio failed 6 times: it answered 503. Run the command again later."
    assert len(twilio_connector.api.requests) == 6


def test_calls_recorded_before_a_failure_stay_and_the_next_run_continues(twilio_connector: Reconciliation) -> None:
    twilio_connector.api.calls = [listed_call("twilio", number) for number in range(1, 6)]
    account = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
    first = page(calls=twilio_connector.api.calls[3:], next_page_uri=f"{account}?Page=1")
    twilio_connector.api.script.extend([content(first), status(400)])
    assert twilio_connector.error("--apply") == "Twilio rejected the request (400)."
    assert twilio_connector.summary().total_calls == 2
    assert twilio_connector.report("--apply")["recorded"] == 3
    assert twilio_connector.is_consistent()


@pytest.mark.parametrize(("provider", "title"), [("twilio", "Twilio"), ("vapi", "Vapi"), ("retell", "Retell")], ids=str)
def test_error_of_a_wrong_key_does_not_contain_the_key(meter: MeteringServer, provider: str, title: str) -> None:
    with reconciliation(meter, provider) as reconciled:
        reconciled.api.key = "the right one"
        expected = f"{title} rejected the API key (401): check the key and its account."
        assert reconciled.error() == expected
        assert len(reconciled.api.requests) == 1
    stored = b"".join(path.read_bytes() for path in meter.server.folder.iterdir() if path.is_file())
    assert KEY.encode() not in stored
    assert API_KEY.encode() not in stored


def test_key_from_the_environment_is_preferred_to_the_connectors_secret(meter: MeteringServer) -> None:
    with reconciliation(meter, "retell") as reconciled:
        reconciled.api.key = API_KEY
        assert reconciled.run("--key-env", "API_KEY").returncode == 0
        sentence = "The environment variable NOT_SET is not set; set it to the API key."
        assert reconciled.error("--key-env", "NOT_SET") == sentence
        for key in (f"{KEY}\r\nX-Other: 1", f"{KEY}é"):
            sentence = "The key for Retell must be printable ASCII."
            assert reconciled.error("--key-env", "API_KEY", API_KEY=key) == sentence


def test_vapi_gets_no_request_without_its_private_key(meter: MeteringServer) -> None:
    with reconciliation(meter, "vapi") as reconciled:
        assert reconciled.error(API_KEY="").startswith("The environment variable API_KEY is not set")
        assert reconciled.api.requests == []


@pytest.mark.parametrize("where", ["{url}{path}", "//{netloc}{path}", "http://[{path}"])
def test_next_page_at_another_address_is_refused(
    twilio_connector: Reconciliation, forbidden: FakeApi, where: str
) -> None:
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json?Page=1"
    address = where.format(url=forbidden.url, netloc=forbidden.url.removeprefix("http://"), path=path)
    twilio_connector.api.script.append(content(page(next_page_uri=address)))
    expected = f"Twilio returned a next page that is not at {twilio_connector.api.url}; it is not followed."
    assert twilio_connector.error() == expected


def test_absolute_next_page_at_the_same_address_is_followed(twilio_connector: Reconciliation) -> None:
    path = (
        f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json?StartTime%3E=2026-03-01T00:00:00Z&StartTime%3C=2026-03-02T00:00:00Z"
    )
    twilio_connector.api.script.append(content(page(next_page_uri=twilio_connector.api.url + path)))
    assert twilio_connector.report()["missing"] == 1


def test_redirect_is_not_followed(twilio_connector: Reconciliation, forbidden: FakeApi) -> None:
    twilio_connector.api.script.append(
        status(302, Location=f"{forbidden.url}/2010-04-01/Accounts/{ACCOUNT}/Calls.json")
    )
    assert twilio_connector.error() == "Twilio answered with a redirect (302); it is not followed."


def test_unencrypted_request_with_a_key_uses_no_proxy(twilio_connector: Reconciliation, forbidden: FakeApi) -> None:
    done = twilio_connector.run(HTTP_PROXY=forbidden.url, ALL_PROXY=forbidden.url, http_proxy=forbidden.url)
    assert "Twilio lists 1 call" in done.stdout


def test_list_whose_pages_repeat_is_refused(twilio_connector: Reconciliation) -> None:
    twilio_connector.api.script.extend([content(page(next_page_uri="/2010-04-01/again"))] * 2)
    assert twilio_connector.error() == "Twilio returned the same next page twice."


@pytest.mark.parametrize(
    "address", ["http://api.twilio.com", "http://10.0.0.1", "http://localhost.example.com", "ftp://127.0.0.1"]
)
def test_unencrypted_address_is_refused(twilio_connector: Reconciliation, address: str) -> None:
    expected = f"The provider's address must begin with https://, not '{address}': the API key is sent to it."
    assert twilio_connector.error("--base-url", address) == expected


@pytest.mark.parametrize(
    "address", ["api.twilio.com", "https://", "https://a@b", "https://a/b", "https://a?b", "https://a:0", "https://a:x"]
)
def test_invalid_address_is_refused(twilio_connector: Reconciliation, address: str) -> None:
    assert twilio_connector.error("--base-url", address).startswith("The provider's address must look like https://")


def test_endless_response_is_refused_at_the_size_limit(twilio_connector: Reconciliation) -> None:
    twilio_connector.api.script.extend([content(page(next_page_uri="/2010-04-01/more")), endless])
    assert twilio_connector.error() == "A response from Twilio is larger than 33,554,432 bytes."


def test_smaller_pages_are_requested_if_a_page_is_too_large(meter: MeteringServer) -> None:
    with reconciliation(meter, "vapi") as reconciled:
        reconciled.api.calls = [listed_call("vapi", 1, id=f"vapi-{number}") for number in range(30)]
        for number, call in enumerate(reconciled.api.calls):
            call["createdAt"] = f"2026-03-01T00:00:{number:02}.000Z"
        reconciled.api.script.extend([content(TOO_LARGE), content(TOO_LARGE)])
        assert reconciled.report()["missing"] == 30
        assert [request.query["limit"] for request in reconciled.api.pages()] == ["100", "50", "25", "100"]


@pytest.mark.parametrize(
    ("response", "sentence"),
    [
        (content(b"<html>"), "Twilio's list of calls cannot be read: The body must be one JSON object in UTF-8."),
        (
            content(b"{}"),
            "Twilio's list of calls cannot be read: The body is not as documented: Object missing required field",
        ),
        (
            content(gzip.compress(page()), Content_Encoding="gzip"),
            "Twilio compressed its response although the request forbids it.",
        ),
        (status(404), "Twilio has no list of calls at this address (404): check --base-url and the account."),
    ],
    ids=["not JSON", "no calls", "gzip", "404"],
)
def test_invalid_list_is_an_error_that_says_what_is_wrong(
    twilio_connector: Reconciliation, response: Any, sentence: str
) -> None:
    twilio_connector.api.script.append(response)
    assert twilio_connector.error().startswith(sentence)


def test_unsorted_list_of_vapi_is_refused_because_pages_would_be_missed(meter: MeteringServer) -> None:
    with reconciliation(meter, "vapi") as reconciled:
        calls = [listed_call("vapi", 1), listed_call("vapi", 2)]
        reconciled.api.script.append(content(json.dumps(calls).encode()))
        expected = "Vapi's list of calls cannot be read: The calls must be sorted by createdAt, newest first."
        assert reconciled.error() == expected


def test_page_of_retell_without_the_key_of_the_next_one_is_refused(meter: MeteringServer) -> None:
    with reconciliation(meter, "retell") as reconciled:
        reconciled.api.script.append(content(b'{"items": [], "has_more": true}'))
        assert "pagination_key is required if has_more is true." in reconciled.error()


def test_invalid_connector_account_and_window_are_refused(
    meter: MeteringServer, twilio_connector: Reconciliation
) -> None:
    with reconciliation(meter, "retell") as retell:
        sentence = f"Connector {retell.hook.id} belongs to retell, not to twilio."
        assert twilio_connector.error("--connector", retell.hook.id) == sentence
    assert twilio_connector.error("--connector", "none").startswith("Connector 'none' does not exist;")
    expected = "--account must be an Account SID: AC and 32 hexadecimal digits."
    assert twilio_connector.error("--account", "../Accounts") == expected
    assert twilio_connector.error("--from", "yesterday", "--to", "2026-03-02").startswith(
        "'from' must be an ISO 8601 date"
    )
    assert call_id(twilio_connector.api.calls[0])
    assert twilio_connector.api.requests == []


def drip(handler: ScriptedHandler, request: ReceivedRequest) -> None:
    """Send headers that never end, a byte at a time."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Endless: ")
    while not handler.scripted_server.stopped.wait(0.02):
        handler.wfile.write(b"x")


def test_response_with_endless_headers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("talkmeter.reconcile.api.RESPONSE_TIMEOUT_SEC", 0.3)
    monkeypatch.setattr("talkmeter.reconcile.api.ATTEMPTS", 1)
    with (
        scripted(drip) as server,
        ProviderApi(LIST, server.url, "", "key") as api,
        pytest.raises(Unavailable, match=r"failed 1 times: the response did not arrive within 0\.3 seconds"),
    ):
        api.send(Request("/call", b"{}"))
