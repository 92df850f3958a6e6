"""Valid CloudEvents, to be changed by tests."""

from itertools import count

Json = dict[str, object]
_numbers = count(1)


def event(type_: str, data: Json, **envelope: object) -> Json:
    """Return a CloudEvent; `envelope` replaces attributes (None removes one)."""
    attributes = {
        "specversion": "1.0",
        "id": f"event-{next(_numbers)}",
        "source": "/tests",
        "type": type_,
        "time": "2026-03-01T12:00:00Z",
        "data": data,
        **envelope,
    }
    return {name: value for name, value in attributes.items() if value is not None}


def conversation(id_: str = "call-1", **fields: object) -> Json:
    """Return `conversation.updated`: an inbound telephone call of a minute; `fields` replace fields of its data."""
    data: Json = {
        "id": id_,
        "channel": "telephone",
        "direction": "inbound",
        "status": "completed",
        "created_at": "2026-03-01T11:59:00Z",
        "duration": 60,
    }
    return event("conversation.updated", {**data, **fields})


def run(id_: str = "run-1", **fields: object) -> Json:
    """Return `workflow_execution.updated`: a successful run; `fields` replace fields of its data."""
    data: Json = {"id": id_, "status": "success", "created_at": "2026-03-01T11:59:00Z"}
    return event("workflow_execution.updated", {**data, **fields})
