"""The dimensions by which usage can be split, with their columns and the inventory that names their values."""

from typing import Final, Literal, NamedTuple

from sqlalchemy import Column

from talkmeter.counting import CALL_DIMENSIONS, DIMENSIONS, RUN_DIMENSIONS, Dimension
from talkmeter.db import tables
from talkmeter.records import Kind


class Split(NamedTuple):
    """The record kind and column of a dimension; `items` is the inventory kind of its values, if they are items."""

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
By = Dimension | Literal["organization"]
"""What a breakdown is by: a dimension, or the organizations of a subtree."""
BREAKDOWNS: Final[tuple[By, ...]] = (*DIMENSIONS, "organization")


def items_of(by: By) -> Kind | None:
    """Return the inventory kind of the values of a breakdown, if they are items."""
    return None if by == "organization" else SPLITS[by].items
