"""Events to send: whole states of records, with ids that the state itself determines.

The same record in the same state has the same id, however often and wherever it is built; another state has another.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Final

import msgspec

from talkmeter.client.errors import BadEvent
from talkmeter.clock import now
from talkmeter.errors import shown
from talkmeter.records import Channel, ConversationStatus, Direction, Modality, RunStatus

SOURCE: Final = "/talkmeter/client"
Field = str | int | float | bool | None
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_encode: Final = msgspec.json.Encoder(order="sorted").encode
_encode_event: Final = msgspec.json.Encoder().encode


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A CloudEvent as `POST /metering/events` takes it (docs/reference/http-api.md); `data` in the platform's names."""

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
    """An event of any type that the server knows; `time`, when the record came into this state, is now by default.

    The id is a hash of source, type and data. It leaves out `time`, so a state that is told again keeps its id.
    """
    whole: dict[str, Field] = {name: value for name, value in data.items() if value is not None and value != ""}
    if not whole.get("id"):
        raise BadEvent(f"An event of type {shown(type_)} needs the id of its record in data.id.")
    try:
        digest = sha256(_encode([source, type_, whole])).hexdigest()
    except (TypeError, msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise BadEvent(f"An event of type {shown(type_)} cannot be written as JSON: {error}.") from None
    at = _instant("time", time) if time is not None else _written(_EPOCH + timedelta(microseconds=now()))
    return Event(id=digest[:32], source=source, type=type_, time=at, data=whole, sequence=sequence or None)


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
    """`conversation.updated`: the whole state of a conversation; `duration` is in seconds."""
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
    """`workflow_execution.updated`: the whole state of a run of a workflow."""
    data: dict[str, Field] = {
        "id": id,
        "status": status,
        "created_at": _instant("created_at", created_at),
        "workflow_id": workflow_id,
        "organization_id": organization_id,
    }
    return event("workflow_execution.updated", data, time=time, source=source)


def encode_event(one: Event) -> bytes:
    """An event as JSON, one line."""
    try:
        return _encode_event(one)
    except (TypeError, msgspec.MsgspecError, UnicodeEncodeError) as error:
        raise BadEvent(f"The event {shown(one.id)} cannot be written as JSON: {error}.") from None


def read_event(body: bytes) -> Event:
    """The inverse of `encode_event`."""
    return _decode_event(body)


def _instant(name: str, instant: datetime) -> str:
    """An instant in UTC, the same text for the same instant."""
    if instant.utcoffset() is None:
        raise BadEvent(f"{name} needs an offset, as in datetime.now(UTC), but {instant.isoformat()} has none.")
    return _written(instant.astimezone(UTC))


def _written(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")


def _seconds(duration: float | timedelta | None) -> float | None:
    """A duration in whole milliseconds, half up as the server rounds, so that equal durations are equal texts."""
    if duration is None:
        return None
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    if not math.isfinite(seconds) or seconds < 0:
        raise BadEvent(f"duration must be a number of seconds from 0 up, not {seconds}.")
    return float(Decimal(str(seconds)).quantize(Decimal("0.001"), ROUND_HALF_UP))
