"""Read the events of a request: structured, batch and binary CloudEvents, and plain JSON with one event or several."""

import json
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import unquote

import msgspec

from talkmeter.errors import BadRequest, UnsupportedMediaType, quoted
from talkmeter.ingest.cloudevents import Sender, read_envelope, read_event, reject
from talkmeter.ingest.event_types import Envelope
from talkmeter.ingest.fields import FieldError
from talkmeter.ingest.split import read_object, split_array
from talkmeter.ledger.batch import OrgBatch, ParsedEvent, PartialUpdate, SnapshotWatermark

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
PLAIN: Final = "application/json"
CONTENT_TYPES: Final = (STRUCTURED, BATCH, PLAIN)
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii"})


def media_type(content_type: str) -> str:
    """Return the media type of a Content-Type header. Raises UnsupportedMediaType if it is not accepted."""
    type_, *parameters = (part.strip().lower() for part in content_type.split(";"))
    if type_ not in CONTENT_TYPES:
        raise UnsupportedMediaType(f"Content-Type must be one of {', '.join(CONTENT_TYPES)}, not {quoted(type_)}.")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip().strip('"') not in _UTF8:
            raise UnsupportedMediaType(f"The body must be UTF-8, not {quoted(value)}.")
    return type_


def request_media_type(headers: Mapping[str, str]) -> str:
    """Return the media type of a request. Without a Content-Type, the data of a binary CloudEvent is JSON."""
    if not headers.get("content-type") and "ce-specversion" in headers:
        return PLAIN
    return media_type(headers.get("content-type", ""))


def read_request(headers: Mapping[str, str], body: bytes, sender: Sender, max_events: int) -> list[ParsedEvent]:
    """Return the events of a request in order, each as a state or a rejection.

    An invalid event becomes a rejection and does not affect the others. Raises BadRequest if the body is not JSON,
    TooLarge if there are more than `max_events`.
    """
    type_ = request_media_type(headers)
    if type_ == PLAIN and "ce-specversion" in headers:
        return [_read_binary(headers, body, sender)]
    stripped = body.lstrip(b" \t\r\n")
    if type_ == STRUCTURED or (type_ == PLAIN and not stripped.startswith(b"[")):
        return [read_event(read_object(body), sender)]
    if not stripped.startswith(b"["):
        raise BadRequest(f"A body of type {BATCH} must be a JSON array of CloudEvents.")
    return [read_event(element, sender) for element in split_array(body, max_events)]


def group_by_organization(
    events: Sequence[ParsedEvent | PartialUpdate], sender: Sender, watermark: SnapshotWatermark | None = None
) -> list[OrgBatch]:
    """Group a request's events, with their indexes, by organization. A snapshot's watermark goes to the sender's."""
    groups: dict[str, list[tuple[int, ParsedEvent | PartialUpdate]]] = {}
    for index, event in enumerate(events):
        groups.setdefault(event.org_id, []).append((index, event))
    if watermark is not None and sender.org_id is not None:
        groups.setdefault(sender.org_id, [])
    return [OrgBatch(org_id, sender.credential_id, group, watermark) for org_id, group in groups.items()]


def _read_binary(headers: Mapping[str, str], body: bytes, sender: Sender) -> ParsedEvent:
    """Read a binary CloudEvent: its attributes are percent-encoded `ce-` headers, its data is the body."""

    def attribute(name: str) -> str:
        return unquote(headers.get(f"ce-{name}", ""), errors="surrogateescape")

    data = read_object(body)
    try:
        envelope = Envelope(
            specversion=attribute("specversion"),
            id=attribute("id"),
            source=attribute("source"),
            type=attribute("type"),
            time=attribute("time"),
            sequence=msgspec.Raw(json.dumps(attribute("sequence")).encode()),
            data=msgspec.Raw(data),
        )
        return read_envelope(envelope, sender)
    except FieldError as error:
        names = ("specversion", "id", "source", "type", "time", "sequence")
        attributes = json.dumps({name: attribute(name) for name in names if f"ce-{name}" in headers}).encode()
        return reject(attributes[:-1] + b',"data":' + data + b"}", sender, error.reason, error.detail)
