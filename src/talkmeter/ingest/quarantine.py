"""What is kept of an event that cannot be understood: the known fields, each cut at 256 characters, nothing else.

Transcripts, summaries and caller numbers stand in fields that are not metered; of those only size and hash of the
whole event remain (docs/how-to/troubleshooting.md, "Events in quarantine").
"""

import json
from typing import Final, NamedTuple

import msgspec

from talkmeter.ingest.event_types import ConversationData, Envelope, InventoryData, WorkflowExecutionData
from talkmeter.ingest.fields import MAX_ID_BYTES, FieldError, read_id
from talkmeter.ingest.split import MAX_LENIENT_BYTES

MAX_KEPT: Final = 256
MAX_INTEGER: Final = 18
KNOWN_ENVELOPE: Final = tuple(name for name in Envelope.__struct_fields__ if name != "data")
KNOWN_DATA: Final = tuple(
    dict.fromkeys(
        name for data in (ConversationData, WorkflowExecutionData, InventoryData) for name in data.__struct_fields__
    )
)
"""Every field that any event type reads, so that a replay loses nothing."""

Scalar = str | int | float | bool | None


class KeptFields(NamedTuple):
    """The known fields of an event, as JSON; `complete` where none of them was cut or dropped."""

    event_id: str | None
    organization_id: str | None
    json: bytes
    complete: bool


def keep_known_fields(raw: bytes) -> KeptFields:
    """The known fields of one undecoded event, read leniently; nothing where it is no JSON object."""
    event = _read_leniently(raw)
    data = event.get("data")
    envelope, whole_envelope = _keep(event, KNOWN_ENVELOPE)
    known, whole_data = _keep(data, KNOWN_DATA) if isinstance(data, dict) else ({}, False)
    event_id = envelope.get("id")
    named = data.get("organization_id") if isinstance(data, dict) else None
    return KeptFields(
        event_id=event_id[:MAX_ID_BYTES] if isinstance(event_id, str) else None,
        organization_id=named if isinstance(named, str) and named == known.get("organization_id") else None,
        json=msgspec.json.encode({**envelope, "data": known}),
        complete=whole_envelope and whole_data,
    )


def read_named_organization(kept: KeptFields) -> str:
    """The organization an event of a sender key names; "" where it names none that could exist."""
    try:
        return read_id("data.organization_id", kept.organization_id or "")
    except FieldError:
        return ""


def _read_leniently(raw: bytes) -> dict[str, object]:
    """As JSON with NaN, lone surrogates and broken UTF-8 let through; {} where even that fails or costs too much."""
    if len(raw) > MAX_LENIENT_BYTES:
        return {}
    try:
        event = json.loads(raw.decode("utf-8", "replace"), parse_int=_read_integer)
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _read_integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_INTEGER else digits


def _keep(fields: dict[str, object], names: tuple[str, ...]) -> tuple[dict[str, Scalar], bool]:
    kept: dict[str, Scalar] = {}
    complete = True
    for name in names:
        if name not in fields:
            continue
        value, whole = _cut(fields[name])
        complete = complete and whole
        if whole or value is not None:
            kept[name] = value
    return kept, complete


def _cut(value: object) -> tuple[Scalar, bool]:
    """A scalar as it may be stored and whether it is whole; of lists and objects nothing."""
    match value:
        case str():
            text = value.encode("utf-8", "replace").decode().replace("\x00", "?")
            return text[:MAX_KEPT], text == value and len(text) <= MAX_KEPT
        case None | bool():
            return value, True
        case int() | float():
            text = str(value)
            whole = len(text) < 18 and text not in ("nan", "inf", "-inf")
            return (value if whole else text[:MAX_KEPT]), whole
        case _:
            return None, False
