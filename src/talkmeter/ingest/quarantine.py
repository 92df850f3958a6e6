"""Extract what the quarantine keeps of an invalid event: the known fields, each cut at 256 characters.

Transcripts, summaries and callers' numbers are in other fields, so they are not stored. Of the whole event, only size
and hash are stored (docs/how-to/troubleshooting.md, "Events in quarantine").
"""

import json
from typing import Final, NamedTuple

import msgspec

from talkmeter.ingest.event_types import (
    ConversationData,
    Envelope,
    InventoryData,
    OrganizationData,
    WorkflowExecutionData,
)
from talkmeter.ingest.fields import MAX_ID_BYTES, FieldError, read_id

MAX_EVENT_BYTES: Final = 128 << 10
"""Nothing is kept of a larger event. Python's garbage collector makes larger ones disproportionately slow."""
MAX_KEPT_LENGTH: Final = 256
MAX_INTEGER_DIGITS: Final = 18
KNOWN_ENVELOPE: Final = tuple(name for name in Envelope.__struct_fields__ if name != "data")
KNOWN_DATA: Final = tuple(
    dict.fromkeys(
        name
        for data in (ConversationData, WorkflowExecutionData, InventoryData, OrganizationData)
        for name in data.__struct_fields__
    )
)
"""Every field that any event type reads, so that a replay loses nothing."""

Scalar = str | int | float | bool | None


class KeptFields(NamedTuple):
    """The known fields of an event as JSON; `complete` is true if none was cut or dropped."""

    event_id: str | None
    organization_id: str | None
    json: bytes
    complete: bool


def keep_known_fields(raw: bytes) -> KeptFields:
    """Return the known fields of one undecoded event. If it is not a JSON object, nothing is kept."""
    event = _read_leniently(raw)
    data = event.get("data")
    envelope, envelope_complete = _keep(event, KNOWN_ENVELOPE)
    known, data_complete = _keep(data, KNOWN_DATA) if isinstance(data, dict) else ({}, False)
    event_id = envelope.get("id")
    org_id = data.get("organization_id") if isinstance(data, dict) else None
    return KeptFields(
        event_id=event_id[:MAX_ID_BYTES] if isinstance(event_id, str) else None,
        organization_id=org_id if isinstance(org_id, str) and org_id == known.get("organization_id") else None,
        json=msgspec.json.encode({**envelope, "data": known}),
        complete=envelope_complete and data_complete,
    )


def kept_organization(kept: KeptFields) -> str:
    """Return the organization that an event names, "" if it is missing or invalid."""
    try:
        return read_id("data.organization_id", kept.organization_id or "")
    except FieldError:
        return ""


def _read_leniently(raw: bytes) -> dict[str, object]:
    """Parse JSON, accepting NaN, lone surrogates and invalid UTF-8; return {} if that fails or the event is large."""
    if len(raw) > MAX_EVENT_BYTES:
        return {}
    try:
        event = _decode_leniently(raw.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}
    return event if isinstance(event, dict) else {}


def _read_integer(digits: str) -> int | str:
    return int(digits) if len(digits) <= MAX_INTEGER_DIGITS else digits


_decode_leniently: Final = json.JSONDecoder(parse_int=_read_integer).decode


def _keep(fields: dict[str, object], names: tuple[str, ...]) -> tuple[dict[str, Scalar], bool]:
    kept: dict[str, Scalar] = {}
    complete = True
    for name in names:
        if name not in fields:
            continue
        value, is_whole = _cut(fields[name])
        complete = complete and is_whole
        if is_whole or value is not None:
            kept[name] = value
    return kept, complete


def _cut(value: object) -> tuple[Scalar, bool]:
    """Return the part of a scalar that may be stored, and whether that is all of it. Lists and objects become None."""
    match value:
        case str():
            text = value.encode("utf-8", "replace").decode().replace("\x00", "?")
            return text[:MAX_KEPT_LENGTH], text == value and len(text) <= MAX_KEPT_LENGTH
        case None | bool():
            return value, True
        case int() | float():
            text = str(value)
            is_whole = len(text) < 18 and text not in ("nan", "inf", "-inf")
            return (value if is_whole else text[:MAX_KEPT_LENGTH]), is_whole
        case _:
            return None, False
