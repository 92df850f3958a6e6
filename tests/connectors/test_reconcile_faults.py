"""`talkmeter reconcile` where a stack is busy, refuses, or answers what it should not: asked again, or one sentence."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.connectors.metering_server import MeteringServer, metering_server
from tests.connectors.reconciled import API_KEY, KEY, Reconciled, call, id_of, reconciling
from tests.connectors.stack_apis import ACCOUNT, Stack, broken_off, endless, refused, reset, said, serving, twilio

TOO_LARGE = b" " * (33 * 1024 * 1024)


@pytest.fixture(scope="module")
def meter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MeteringServer]:
    with metering_server(tmp_path_factory.mktemp("faults")) as running:
        yield running


@pytest.fixture
def line(meter: MeteringServer) -> Iterator[Reconciled]:
    """A connector of Twilio, and one call."""
    with reconciling(meter, "twilio") as reconciled:
        reconciled.stack.calls = [call("twilio", 1)]
        yield reconciled


@pytest.fixture
def other() -> Iterator[Stack]:
    """A server that must never be asked."""
    with serving(Stack(KEY, twilio)) as stack:
        yield stack
        assert stack.asked == []


def page(**changes: Any) -> bytes:
    return json.dumps({"calls": [], "next_page_uri": None, **changes}).encode()


def test_a_stack_that_is_busy_for_a_moment_is_asked_again_and_no_sooner_than_it_says(line: Reconciled) -> None:
    line.stack.plays.extend([refused(429, Retry_After="1"), refused(500), refused(503), reset, broken_off])
    assert line.answer("--apply")["recorded"] == 1
    assert len(line.stack.asked) == 6
    assert line.stack.asked[1].at - line.stack.asked[0].at >= 1


def test_a_stack_that_stays_busy_is_given_up_in_a_sentence(line: Reconciled) -> None:
    line.stack.plays.extend([refused(503, Retry_After="Thu, 01 Jan 1970 00:00:00 GMT")] * 6)
    assert line.refusal() == "Twilio did not answer after 6 attempts: it answered 503. Run it again later."
    assert len(line.stack.asked) == 6


def test_what_was_recorded_before_the_stack_failed_stays_and_the_next_run_goes_on(line: Reconciled) -> None:
    line.stack.calls = [call("twilio", number) for number in range(1, 6)]
    account = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json"
    first = page(calls=line.stack.calls[3:], next_page_uri=f"{account}?Page=1")
    line.stack.plays.extend([said(first), refused(400)])
    assert line.refusal("--apply") == "Twilio rejected the request (400)."
    assert line.summary().total_calls == 2
    assert line.answer("--apply")["recorded"] == 3
    assert line.verified()


@pytest.mark.parametrize(
    ("provider", "title"), [("twilio", "Twilio"), ("vapi", "Vapi"), ("retell", "Retell")], ids=lambda one: one
)
def test_a_wrong_key_is_a_sentence_that_does_not_show_it(meter: MeteringServer, provider: str, title: str) -> None:
    with reconciling(meter, provider) as reconciled:
        reconciled.stack.key = "the right one"
        expected = f"{title} rejected the API key (401): check the key and its account."
        assert reconciled.refusal() == expected
        assert len(reconciled.stack.asked) == 1
    stored = b"".join(path.read_bytes() for path in meter.server.folder.iterdir() if path.is_file())
    assert KEY.encode() not in stored
    assert API_KEY.encode() not in stored


def test_a_key_of_the_environment_goes_before_the_connectors_secret(meter: MeteringServer) -> None:
    with reconciling(meter, "retell") as reconciled:
        reconciled.stack.key = API_KEY
        assert reconciled.finish("--key-env", "API_KEY").returncode == 0
        sentence = "The environment variable NOT_SET is not set; set it to the API key."
        assert reconciled.refusal("--key-env", "NOT_SET") == sentence
        for key in (f"{KEY}\r\nX-Other: 1", f"{KEY}é"):
            sentence = "The key for Retell must be printable ASCII."
            assert reconciled.refusal("--key-env", "API_KEY", API_KEY=key) == sentence


def test_vapi_is_not_asked_without_its_private_key(meter: MeteringServer) -> None:
    with reconciling(meter, "vapi") as reconciled:
        assert reconciled.refusal(API_KEY="").startswith("The environment variable API_KEY is not set")
        assert reconciled.stack.asked == []


@pytest.mark.parametrize("where", ["{other}{path}", "//{netloc}{path}", "http://[{path}"])
def test_a_next_page_at_another_address_is_refused_and_nobody_there_is_told_the_key(
    line: Reconciled, other: Stack, where: str
) -> None:
    path = f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json?Page=1"
    address = where.format(other=other.url, netloc=other.url.removeprefix("http://"), path=path)
    line.stack.plays.append(said(page(next_page_uri=address)))
    expected = f"Twilio named a next page at another address than {line.stack.url}; it is not followed."
    assert line.refusal() == expected


def test_an_absolute_next_page_at_the_same_address_is_followed(line: Reconciled) -> None:
    path = (
        f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json?StartTime%3E=2026-03-01T00:00:00Z&StartTime%3C=2026-03-02T00:00:00Z"
    )
    line.stack.plays.append(said(page(next_page_uri=line.stack.url + path)))
    assert line.answer()["missing"] == 1


def test_a_redirect_is_not_followed(line: Reconciled, other: Stack) -> None:
    line.stack.plays.append(refused(302, Location=f"{other.url}/2010-04-01/Accounts/{ACCOUNT}/Calls.json"))
    assert line.refusal() == "Twilio answered with a redirect (302); it is not followed."


def test_a_key_in_the_clear_goes_to_no_proxy(line: Reconciled, other: Stack) -> None:
    done = line.finish(HTTP_PROXY=other.url, ALL_PROXY=other.url, http_proxy=other.url)
    assert "Twilio lists 1 call" in done.stdout


def test_a_list_without_an_end_is_refused(line: Reconciled) -> None:
    line.stack.plays.extend([said(page(next_page_uri="/2010-04-01/again"))] * 2)
    assert line.refusal() == "Twilio names the same next page again and again."


@pytest.mark.parametrize(
    "address", ["http://api.twilio.com", "http://10.0.0.1", "http://localhost.example.com", "ftp://127.0.0.1"]
)
def test_an_address_to_which_the_key_would_go_in_the_clear_is_refused(line: Reconciled, address: str) -> None:
    expected = f"The provider's address must begin with https://, not '{address}': the API key is sent to it."
    assert line.refusal("--base-url", address) == expected


@pytest.mark.parametrize(
    "address", ["api.twilio.com", "https://", "https://a@b", "https://a/b", "https://a?b", "https://a:0", "https://a:x"]
)
def test_an_address_that_is_none_of_a_server_is_refused(line: Reconciled, address: str) -> None:
    assert line.refusal("--base-url", address).startswith("The provider's address must look like https://")


def test_an_answer_without_an_end_is_refused_as_it_comes(line: Reconciled) -> None:
    line.stack.plays.extend([said(page(next_page_uri="/2010-04-01/more")), endless])
    assert line.refusal() == "A response from Twilio is larger than 33,554,432 bytes."


def test_where_a_page_is_too_large_fewer_calls_are_asked_for(meter: MeteringServer) -> None:
    with reconciling(meter, "vapi") as reconciled:
        reconciled.stack.calls = [call("vapi", 1, id=f"vapi-{number}") for number in range(30)]
        for number, made in enumerate(reconciled.stack.calls):
            made["createdAt"] = f"2026-03-01T00:00:{number:02}.000Z"
        reconciled.stack.plays.extend([said(TOO_LARGE), said(TOO_LARGE)])
        assert reconciled.answer()["missing"] == 30
        assert [one.query["limit"] for one in reconciled.stack.pages()] == ["100", "50", "25", "100"]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (said(b"<html>"), "The list of Twilio cannot be read: The body must be one JSON object in UTF-8."),
        (
            said(b"{}"),
            "The list of Twilio cannot be read: The body is not as documented: Object missing required field",
        ),
        (
            said(gzip.compress(page()), Content_Encoding="gzip"),
            "Twilio compressed its response although the request forbids it.",
        ),
        (refused(404), "Twilio has no list of calls there (404): check the address and the account."),
    ],
    ids=["no JSON", "no calls", "gzip", "404"],
)
def test_an_answer_that_is_no_list_is_told_in_a_sentence(line: Reconciled, answer: Any, sentence: str) -> None:
    line.stack.plays.append(answer)
    assert line.refusal().startswith(sentence)


def test_a_list_of_vapi_in_another_order_is_refused_for_pages_would_be_lost(meter: MeteringServer) -> None:
    with reconciling(meter, "vapi") as reconciled:
        calls = [call("vapi", 1), call("vapi", 2)]
        reconciled.stack.plays.append(said(json.dumps(calls).encode()))
        expected = "The list of Vapi cannot be read: The calls must be sorted by createdAt, newest first."
        assert reconciled.refusal() == expected


def test_a_page_of_retell_that_promises_more_and_does_not_say_where_is_refused(meter: MeteringServer) -> None:
    with reconciling(meter, "retell") as reconciled:
        reconciled.stack.plays.append(said(b'{"items": [], "has_more": true}'))
        assert "pagination_key is required if has_more is true." in reconciled.refusal()


def test_a_connector_of_another_stack_an_unknown_one_and_no_account_are_refused(
    meter: MeteringServer, line: Reconciled
) -> None:
    with reconciling(meter, "retell") as retell:
        sentence = f"Connector {retell.hook.id} belongs to retell, not to twilio."
        assert line.refusal("--connector", retell.hook.id) == sentence
    assert line.refusal("--connector", "none").startswith("Connector 'none' does not exist;")
    expected = "--account must be an Account SID: AC and 32 hexadecimal digits."
    assert line.refusal("--account", "../Accounts") == expected
    assert line.refusal("--from", "yesterday", "--to", "2026-03-02").startswith("'from' must be an ISO 8601 date")
    assert id_of(line.stack.calls[0])
    assert line.stack.asked == []
