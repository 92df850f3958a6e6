"""n8n: workflow runs, from its log streaming (docs/connectors/n8n.md).

Nothing is signed there: what proves a message is the secret that n8n was told to send in a header.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from talkmeter.ingest.connectors.carrier import unmetered_type
from talkmeter.ingest.connectors.payload import read_json, read_optional, read_text_instant, require_id
from talkmeter.ingest.connectors.provider import (
    TEST,
    Ignored,
    Message,
    NotUnderstood,
    Provider,
    Reading,
    RecordUpdate,
    posted,
)
from talkmeter.ingest.connectors.verification import read_header, require_secret
from talkmeter.records import Kind, RunStatus, WorkflowExecution

HEADER: Final = "X-Talkmeter-Secret"

_STATUSES: Final[dict[str, RunStatus]] = {
    "n8n.workflow.started": "running",
    "n8n.workflow.success": "success",
    "n8n.workflow.failed": "failed",
    "n8n.workflow.crashed": "failed",
    "n8n.workflow.cancelled": "cancelled",
}


class _Run(msgspec.Struct, rename="camel"):
    execution_id: str | int | None = None
    workflow_id: str | int | None = None


class _Event(msgspec.Struct, rename="camel"):
    event_name: str


class _OfRun(msgspec.Struct):
    id: str | None = None
    ts: str | None = None
    payload: _Run | None = None


def verify(message: Message, secrets: Sequence[str]) -> None:
    """The secret itself; it proves who sends, not what is sent."""
    require_secret(secrets, read_header(message, HEADER), lambda secret: secret)


def _test(secret: str, url: str, now: int) -> Message:
    return posted(url, msgspec.json.encode({"eventName": TEST}), {HEADER: secret}, now)


def read(message: Message) -> Reading:
    """A run that started or ended; events of nodes, users and all others are not metered."""
    name = read_json(message.body, _Event).event_name
    status = _STATUSES.get(name)
    if status is None:
        return Ignored(unmetered_type(name))
    event = read_json(message.body, _OfRun)
    run = event.payload or _Run()
    id_ = require_id("payload.executionId", _text_of(run.execution_id))
    time = read_text_instant("ts", event.ts)
    if time is None:
        raise NotUnderstood("ts must be the RFC 3339 date and time of the event.")
    # No event of a run's end says when it began: a run that is over counts at the time it was over.
    workflow_id = read_optional("payload.workflowId", _text_of(run.workflow_id))
    record = WorkflowExecution(status=status, created_at=time, workflow_id=workflow_id)
    event_id = read_optional("id", event.id) or f"{name}:{id_}"
    return (RecordUpdate(Kind.WORKFLOW_EXECUTION, id_, record, time, event_id),)


def _text_of(id_: str | int | None) -> str | None:
    return None if id_ is None else str(id_)


PROVIDER: Final = Provider("n8n", None, verify, read, test=_test)
