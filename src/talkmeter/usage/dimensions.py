"""The splits of usage: which column of which record each goes by, and where the names of its values stand."""

from typing import Final, NamedTuple

from sqlalchemy import Column

from talkmeter.counting import CALL_DIMENSIONS, RUN_DIMENSIONS, Dimension
from talkmeter.db import tables
from talkmeter.records import Kind


class Split(NamedTuple):
    """One way to split records of a kind; `items` is the inventory kind that its values name, if they name any."""

    kind: Kind
    column: Column[object]
    items: Kind | None = None


_INVENTORY_KINDS: Final[dict[Dimension, Kind]] = {
    "agent": Kind.AGENT,
    "number": Kind.PHONE_NUMBER,
    "widget": Kind.WEB_WIDGET,
}
SPLITS: Final[dict[Dimension, Split]] = {
    name: Split(kind, tables.RECORD_TABLES[kind].c[field], _INVENTORY_KINDS.get(name))
    for kind, fields in ((Kind.CONVERSATION, CALL_DIMENSIONS), (Kind.WORKFLOW_EXECUTION, RUN_DIMENSIONS))
    for name, field in fields.items()
}
