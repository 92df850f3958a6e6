"""n8n: workflow runs, from its log streaming (docs/connectors/n8n.md).

n8n does not sign messages. The operator configures it to send a secret in a header, which identifies the sender.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from talkmeter.ingest.connectors.carrier import type_label
from talkmeter.ingest.connectors.payload import read_json, read_optional, read_text_instant, require_id
from talkmeter.ingest.connectors.provider import (
    TEST_TYPE,
    Ignored,
    Message,
    NotUnderstood,
    Provider,
    ReadResult,
    RecordUpdate,
    build_message,
)
from talkmeter.ingest.connectors.verification import read_header, verify_with_secrets
from talkmeter.records import Kind, WorkflowExecution
from talkmeter_client.vocabulary import RunStatus

HEADER: Final = "X-Talkmeter-Secret"

_STATUSES: Final[dict[str, RunStatus]] = {
    "n8n.workflow.started": "running",
    "n8n.workflow.success": "success",
    "n8n.workflow.failed": "failed",
    "n8n.workflow.crashed": "failed",
    "n8n.workflow.cancelled": "cancelled",
}


class _N8nExecution(msgspec.Struct, rename="camel"):
    execution_id: str | int | None = None
    workflow_id: str | int | None = None


class _N8nEventName(msgspec.Struct, rename="camel"):
    event_name: str


class _N8nEvent(msgspec.Struct):
    id: str | None = None
    ts: str | None = None
    payload: _N8nExecution | None = None


def verify(message: Message, secrets: Sequence[str]) -> None:
    """Verify the secret in the header. It authenticates the sender, not the content."""
    verify_with_secrets(secrets, read_header(message, HEADER), lambda secret: secret)


def make_test_message(secret: str, url: str, now: int) -> Message:
    """Make a message of TEST_TYPE with the secret in its header."""
    return build_message(url, msgspec.json.encode({"eventName": TEST_TYPE}), {HEADER: secret}, now)


def read(message: Message) -> ReadResult:
    """Return a run that started or ended. Events of nodes and users, and any others, are not metered."""
    name = read_json(message.body, _N8nEventName).event_name
    status = _STATUSES.get(name)
    if status is None:
        return Ignored(type_label(name))
    event = read_json(message.body, _N8nEvent)
    execution = event.payload or _N8nExecution()
    id_ = require_id("payload.executionId", _as_text(execution.execution_id))
    time = read_text_instant("ts", event.ts)
    if time is None:
        raise NotUnderstood("ts must be the RFC 3339 date and time of the event.")
    # The event of a run's end does not contain its start, so a finished run counts at the time of its end.
    workflow_id = read_optional("payload.workflowId", _as_text(execution.workflow_id))
    record = WorkflowExecution(status=status, created_at=time, workflow_id=workflow_id)
    event_id = read_optional("id", event.id) or f"{name}:{id_}"
    return (RecordUpdate(Kind.WORKFLOW_EXECUTION, id_, record, time, event_id),)


def _as_text(id_: str | int | None) -> str | None:
    return None if id_ is None else str(id_)


_KEPT: Final = (
    "id",
    "ts",
    "eventName",
    "payload/executionId",
    "payload/workflowId",
    "payload/isManual",
    "payload/mode",
)
"""The fields that quarantine keeps of a message that cannot be counted."""

PROVIDER: Final = Provider(
    name="n8n",
    side=None,
    verify=verify,
    read=read,
    kept=_KEPT,
    make_test_message=make_test_message,
)
