"""Build events: the whole state of a record, with an id that is a hash of the state.

So the same state always gets the same id, wherever and however often the event is built, and another state gets
another id.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Final, get_args

import msgspec

from talkmeter_client.clock import now
from talkmeter_client.errors import BadEvent, quoted
from talkmeter_client.vocabulary import Channel, ConversationStatus, Direction, Modality, RunStatus

SOURCE: Final = "/talkmeter/client"
Field = str | int | float | bool | None
MAX_ID_BYTES: Final = 200
_IDS: Final = ("id", "organization_id", "agent_id", "agent_number", "web_widget_id", "workflow_id")
_CLOSED_SETS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "conversation": {
        "channel": get_args(Channel),
        "direction": get_args(Direction),
        "modality": get_args(Modality),
        "status": get_args(ConversationStatus),
    },
    "workflow_execution": {"status": get_args(RunStatus)},
}
_encode: Final = msgspec.json.Encoder(order="sorted").encode
_encode_event: Final = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent for `POST /metering/events` (docs/reference/http-api.md); `data` has the platform's field names."""

    id: str
    source: str
    type: str
    time: str
    data: dict[str, Field]
    sequence: int | None = None
    specversion: str = msgspec.field(default_factory=lambda: "1.0")


_decode_event: Final = msgspec.json.Decoder(Event).decode


def event(
    type_: str, data: Mapping[str, Field], *, time: datetime | None = None, source: str = SOURCE, sequence: int = 0
) -> Event:
    """Build an event of any type. `time` is when the record entered this state, by default now.

    The id is a hash of source, type and data. It does not include `time`, so a state that is sent again keeps its id.
    """
    fields: dict[str, Field] = {name: value for name, value in data.items() if value is not None and value != ""}
    if not fields.get("id"):
        raise BadEvent(f"An event of type {quoted(type_)} needs the id of its record in data.id.")
    _check(type_, fields)
    try:
        digest = sha256(_encode([source, type_, fields])).hexdigest()
    except (TypeError, msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise BadEvent(f"An event of type {quoted(type_)} cannot be encoded as JSON: {error}.") from None
    at = _instant("time", time) if time is not None else _format(now())
    return Event(id=digest[:32], source=source, type=type_, time=at, data=fields, sequence=sequence or None)


def conversation(  # noqa: PLR0913  these are the fields of a conversation
    id: str,
    *,
    channel: Channel,
    direction: Direction,
    status: ConversationStatus,
    created_at: datetime,
    duration: float | timedelta | None = None,
    agent_id: str | None = None,
    agent_number: str | None = None,
    web_widget_id: str | None = None,
    modality: Modality | None = None,
    organization_id: str | None = None,
    time: datetime | None = None,
    source: str = SOURCE,
) -> Event:
    """Build `conversation.updated` with the whole state of a conversation; `duration` is in seconds."""
    data: dict[str, Field] = {
        "id": id,
        "channel": channel,
        "direction": direction,
        "status": status,
        "created_at": _instant("created_at", created_at),
        "duration": _seconds(duration),
        "agent_id": agent_id,
        "agent_number": agent_number,
        "web_widget_id": web_widget_id,
        "modality": modality,
        "organization_id": organization_id,
    }
    return event("conversation.updated", data, time=time, source=source)


def workflow_execution(
    id: str,
    *,
    status: RunStatus,
    created_at: datetime,
    workflow_id: str | None = None,
    organization_id: str | None = None,
    time: datetime | None = None,
    source: str = SOURCE,
) -> Event:
    """Build `workflow_execution.updated` with the whole state of a workflow run."""
    data: dict[str, Field] = {
        "id": id,
        "status": status,
        "created_at": _instant("created_at", created_at),
        "workflow_id": workflow_id,
        "organization_id": organization_id,
    }
    return event("workflow_execution.updated", data, time=time, source=source)


def encode_event(event: Event) -> bytes:
    """Encode an event as one line of JSON."""
    try:
        return _encode_event(event)
    except (TypeError, msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise BadEvent(f"The event {quoted(event.id)} cannot be encoded as JSON: {error}.") from None


def read_event(body: bytes) -> Event:
    """Decode what `encode_event` returned."""
    return _decode_event(body)


def _check(type_: str, fields: Mapping[str, Field]) -> None:
    """Raise BadEvent for ids that are not text and for values outside their closed set."""
    for name in _IDS:
        value = fields.get(name, "")
        if not isinstance(value, str):
            raise BadEvent(f"{name} must be text, not {quoted(repr(value))}.")
        if len(value.encode(errors="replace")) > MAX_ID_BYTES:
            raise BadEvent(f"{name} may have {MAX_ID_BYTES} bytes, but {quoted(value)} has more.")
    for name, allowed in _CLOSED_SETS.get(type_.partition(".")[0], {}).items():
        value = fields.get(name, allowed[0])
        if value not in allowed:
            raise BadEvent(f"{name} must be one of {', '.join(allowed)}, not {quoted(str(value))}.")


def _instant(name: str, instant: datetime) -> str:
    """Return an instant as text in UTC, so equal instants have equal texts."""
    if instant.utcoffset() is None:
        raise BadEvent(f"{name} needs an offset, as in datetime.now(UTC), but {instant.isoformat()} has none.")
    return _format(instant.astimezone(UTC))


def _format(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _seconds(duration: float | timedelta | None) -> float | None:
    """Return seconds rounded half up to milliseconds, as the server rounds, so equal durations have equal texts."""
    if duration is None:
        return None
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if not math.isfinite(seconds) or seconds < 0:
        raise BadEvent(f"duration must be a number of seconds, 0 or more, not {seconds}.")
    return float(Decimal(str(seconds)).quantize(Decimal("0.001"), ROUND_HALF_UP))
