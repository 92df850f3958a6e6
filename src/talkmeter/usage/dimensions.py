"""The splits of usage: which column of which record each goes by, and where the names of its values stand."""

from typing import Final, Literal, NamedTuple, get_args

from sqlalchemy import Column

from talkmeter.db import tables
from talkmeter.records import Kind

Dimension = Literal["agent", "number", "widget", "channel", "modality", "direction", "status", "workflow", "run_status"]
DIMENSIONS: Final[tuple[Dimension, ...]] = get_args(Dimension)


class Split(NamedTuple):
    """One way to split records of a kind; `items` is the inventory kind that its values name, if they name any."""

    kind: Kind
    column: Column[object]
    items: Kind | None = None


_call = tables.conversation.c
_run = tables.workflow_execution.c
SPLITS: Final[dict[Dimension, Split]] = {
    "agent": Split(Kind.CONVERSATION, _call.agent_id, Kind.AGENT),
    "number": Split(Kind.CONVERSATION, _call.agent_number, Kind.PHONE_NUMBER),
    "widget": Split(Kind.CONVERSATION, _call.web_widget_id, Kind.WEB_WIDGET),
    "channel": Split(Kind.CONVERSATION, _call.channel),
    "modality": Split(Kind.CONVERSATION, _call.modality),
    "direction": Split(Kind.CONVERSATION, _call.direction),
    "status": Split(Kind.CONVERSATION, _call.status),
    "workflow": Split(Kind.WORKFLOW_EXECUTION, _run.workflow_id),
    "run_status": Split(Kind.WORKFLOW_EXECUTION, _run.status),
}
