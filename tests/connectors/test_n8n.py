"""n8n: the secret in a header, and what the events of its log streaming are metered as."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talkmeter.ingest.connectors.n8n import PROVIDER
from talkmeter.ingest.connectors.provider import Ignored, NotUnderstood
from talkmeter.records import Kind, WorkflowExecution
from tests.connectors.hooks import (
    NOW,
    SECOND,
    SECRETS,
    WILD_HEADERS,
    headers_flipped,
    is_understood,
    json_sample,
    message,
    told,
    wild_bodies,
)
from tests.connectors.signed_samples import is_proved

SUCCESS = json_sample("n8n_log_streaming_success.json")
FAILED = json_sample("n8n_log_streaming_failed.json")
HEADER = "X-Talkmeter-Secret"


def test_a_run_that_succeeded_is_metered_field_by_field() -> None:
    state = told(PROVIDER, SUCCESS)
    assert state.kind is Kind.WORKFLOW_EXECUTION
    assert (state.id, state.time) == ("exec-456", 1_749_499_261 * SECOND)
    assert state.event_id == "n8n.workflow.success:exec-456"
    assert state.linked_ids == ()
    assert state.record == WorkflowExecution("success", 1_749_499_261 * SECOND, "wf-789")


def test_a_run_that_failed_is_metered_without_what_went_wrong() -> None:
    state = told(PROVIDER, FAILED)
    assert state.record == WorkflowExecution("failed", 1_749_499_262 * SECOND, "wf-789")
    assert "404" not in str(state)


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("n8n.workflow.started", "running"),
        ("n8n.workflow.success", "success"),
        ("n8n.workflow.failed", "failed"),
        ("n8n.workflow.crashed", "failed"),
        ("n8n.workflow.cancelled", "cancelled"),
    ],
)
def test_the_name_of_the_event_says_what_became_of_a_run(name: str, status: str) -> None:
    record = told(PROVIDER, {**SUCCESS, "eventName": name}).record
    assert isinstance(record, WorkflowExecution)
    assert record.status == status


def test_the_id_of_the_event_is_taken_where_n8n_gives_one_and_ids_may_be_numbers() -> None:
    state = told(PROVIDER, {**SUCCESS, "id": "e1", "payload": {"executionId": 231, "workflowId": 1}})
    assert (state.event_id, state.id) == ("e1", "231")
    assert isinstance(state.record, WorkflowExecution)
    assert state.record.workflow_id == "1"


@pytest.mark.parametrize("name", ["n8n.node.started", "n8n.audit.user.login.success", "n8n.workflow.waiting"])
def test_other_events_are_not_metered(name: str) -> None:
    assert PROVIDER.read(message({"eventName": name, "payload": 1})) == Ignored(name)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({**SUCCESS, "payload": {}}, "payload.executionId must be 1 to 200 bytes"),
        ({**SUCCESS, "ts": None}, "ts must be the RFC 3339 date and time"),
        ({**SUCCESS, "ts": "noon"}, "ts must be an RFC 3339 date and time"),
        ({}, "missing required field `eventName`"),
    ],
)
def test_what_cannot_be_counted_is_refused_by_a_sentence_that_names_the_field(
    body: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(NotUnderstood) as refused:
        PROVIDER.read(message(body))
    assert sentence in str(refused.value)


@given(st.binary(max_size=50), SECRETS, SECRETS, SECRETS)
def test_only_the_present_secret_and_the_one_before_prove(body: bytes, present: str, before: str, other: str) -> None:
    for key in (present, before, other):
        received = message(body, {HEADER: key})
        assert is_proved(PROVIDER, received, present, before) is (key in (present, before))
    assert not is_proved(PROVIDER, message(body, {HEADER: present}))
    assert not is_proved(PROVIDER, message(body, {HEADER: ""}), "")
    assert not is_proved(PROVIDER, message(body), present)


def test_no_bit_of_the_secret_may_change() -> None:
    received = message(SUCCESS, {HEADER: "a secret that is long enough"})
    assert is_proved(PROVIDER, received, "a secret that is long enough")
    for changed in headers_flipped(received, HEADER.lower()):
        assert not is_proved(PROVIDER, changed, "a secret that is long enough")


@given(wild_bodies(SUCCESS, FAILED), WILD_HEADERS)
def test_nothing_but_the_two_refusals_is_ever_raised(body: bytes, headers: dict[str, str]) -> None:
    is_proved(PROVIDER, message(body, headers), "secret")
    is_understood(PROVIDER, message(body))


def test_the_message_that_tries_a_connector_bears_its_secret_and_is_not_metered() -> None:
    assert PROVIDER.make_test_message is not None
    received = PROVIDER.make_test_message("secret", "https://meter.example.com/hooks/n8n/t_1", NOW)
    assert is_proved(PROVIDER, received, "secret")
    assert not is_proved(PROVIDER, received, "another")
    assert PROVIDER.read(received) == Ignored("talkmeter.test")
