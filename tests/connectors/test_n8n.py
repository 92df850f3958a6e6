"""n8n: how the events of its log streaming are metered.

What all providers have in common is tested in test_provider_contract.py.
"""

import pytest

from talkmeter.ingest.connectors.n8n import PROVIDER
from talkmeter.records import Kind, WorkflowExecution
from tests.connectors.cases.n8n import FAILED, SUCCESS
from tests.connectors.messages import SECOND, record_update


def test_successful_run_field_by_field() -> None:
    update = record_update(PROVIDER, SUCCESS)
    assert update.kind is Kind.WORKFLOW_EXECUTION
    assert (update.id, update.time) == ("exec-456", 1_749_499_261 * SECOND)
    assert update.event_id == "n8n.workflow.success:exec-456"
    assert update.linked_ids == ()
    assert update.record == WorkflowExecution("success", 1_749_499_261 * SECOND, "wf-789")


def test_failed_run_is_stored_without_its_error() -> None:
    update = record_update(PROVIDER, FAILED)
    assert update.record == WorkflowExecution("failed", 1_749_499_262 * SECOND, "wf-789")
    assert "404" not in str(update)


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
def test_event_name_gives_the_status(name: str, status: str) -> None:
    record = record_update(PROVIDER, {**SUCCESS, "eventName": name}).record
    assert isinstance(record, WorkflowExecution)
    assert record.status == status


def test_given_event_id_is_used_and_ids_may_be_numbers() -> None:
    update = record_update(PROVIDER, {**SUCCESS, "id": "e1", "payload": {"executionId": 231, "workflowId": 1}})
    assert (update.event_id, update.id) == ("e1", "231")
    assert isinstance(update.record, WorkflowExecution)
    assert update.record.workflow_id == "1"
