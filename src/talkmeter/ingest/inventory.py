"""Read a snapshot: the full list of one inventory kind at one time.

Each item becomes a state with that time, and the time becomes the kind's watermark. A list that is too long for one
request can be sent in several requests with the same time.
"""

from typing import Final

import msgspec

from talkmeter.errors import BadRequest, TooLarge, Unprocessable, quoted
from talkmeter.ingest.event_types import InventoryData
from talkmeter.ingest.fields import FieldError, read_id, read_time
from talkmeter.ledger.batch import ParsedEvent, Reason, SnapshotWatermark
from talkmeter.records import INVENTORY_KINDS, Kind, State, data_hash

SOURCE: Final = "talkmeter:snapshot"


class InventorySnapshot(msgspec.Struct):
    """The body of `PUT /metering/inventory/{kind}`."""

    time: str
    items: list[InventoryData]


_decode = msgspec.json.Decoder(InventorySnapshot).decode


def read_kind(text: str) -> Kind:
    """Return the inventory kind in a path. Raises Unprocessable if it is unknown."""
    if text not in INVENTORY_KINDS:
        raise Unprocessable(f"The kind must be one of {', '.join(INVENTORY_KINDS)}, not {quoted(text)}.")
    return Kind(text)


def read_snapshot(kind: Kind, body: bytes, org_id: str, max_items: int) -> tuple[list[ParsedEvent], SnapshotWatermark]:
    """Return the states of a snapshot and its watermark.

    Raises Unprocessable if any item is invalid: without that item, the snapshot would delete it.
    """
    try:
        snapshot = _decode(body)
    except msgspec.ValidationError as error:
        raise Unprocessable(f"The snapshot is invalid: {error}.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadRequest("The body is not JSON in UTF-8.") from None
    if len(snapshot.items) > max_items:
        raise TooLarge(
            f"The snapshot has {len(snapshot.items)} items; at most {max_items} are allowed in one request. "
            "Send it in several requests with the same time."
        )
    try:
        time = read_time("time", snapshot.time, Reason.INVALID_ENVELOPE)
    except FieldError as error:
        raise Unprocessable(error.detail) from None
    states: list[ParsedEvent] = []
    for index, item in enumerate(snapshot.items):
        try:
            states.append(_state(kind, item, org_id, time))
        except FieldError as error:
            raise Unprocessable(f"items[{index}]: {error.detail}") from None
    return states, SnapshotWatermark(kind, time)


def _state(kind: Kind, item: InventoryData, org_id: str, time: int) -> State:
    if item.organization_id and item.organization_id != org_id:
        raise FieldError(Reason.FOREIGN_ORGANIZATION, "organization_id names another organization.")
    record = item.record()
    return State(
        org_id=org_id,
        kind=kind,
        id=read_id("id", item.id),
        record=record,
        time=time,
        sequence=0,
        source=SOURCE,
        event_id=SOURCE,
        hash=data_hash(record),
    )
