"""Merge the events of a LiveKit room into one conversation, in any order and any number of times.

Each event becomes a partial conversation, and `merge` combines two of them: the later stage wins; at the same stage,
the call lasts from the earliest start to the latest end. This is commutative, associative and idempotent
(tests/connectors/test_livekit.py), so the stored conversation is all that is needed of earlier events.
"""

from typing import Final

import msgspec

from talkmeter.records import Conversation
from talkmeter_client.vocabulary import Channel, ConversationStatus, Direction

_CREATED: Final = 0
_IN_PROGRESS: Final = 1
_STAGES: Final[dict[ConversationStatus, int]] = {
    "token_created": _CREATED,
    "in_progress": _IN_PROGRESS,
    "failed": 2,
    "unanswered": 3,
    "completed": 4,
}
_NOT_FROM_LIVEKIT: Final = 5
"""The stage of a status that LiveKit's events never produce. Another source set it, and it wins."""

_LINES: Final[tuple[tuple[Channel, Direction], ...]] = (
    ("webrtc", "inbound"),
    ("telephone", "outbound"),
    ("telephone", "inbound"),
)
"""How callers can be connected, from the lowest rank to the highest. The highest one in a room is the channel and the
direction of the call. So an inbound call stays inbound if the agent dials a supervisor."""


class CallLine(msgspec.Struct, frozen=True):
    """How a caller is connected, and the agent's phone number."""

    channel: Channel
    direction: Direction
    number: str | None = None


WEB: Final = CallLine("webrtc", "inbound")


def caller_joined(line: CallLine, at: int) -> Conversation:
    """Return the part of an event in which a caller joined the room."""
    return _part("in_progress", line, at, None)


def caller_left(line: CallLine, joined_at: int, duration_ms: int) -> Conversation:
    """Return the part of an event in which a caller left the room."""
    return _part("completed", line, joined_at, duration_ms)


def caller_not_reached(line: CallLine, at: int, status: ConversationStatus) -> Conversation:
    """Return the part of a caller who was not reached; `status` is unanswered or failed."""
    return _part(status, line, at, None)


def agent_joined(at: int, agent_id: str | None) -> Conversation:
    """Return the part of an event in which an agent joined. Nothing is counted until a caller joins."""
    return msgspec.structs.replace(_part("token_created", WEB, at, None), agent_id=agent_id)


def room_closed(at: int) -> Conversation:
    """Return the part of a closed room. A caller who was still in it has left; without a caller, nothing is counted."""
    return _part("token_created", WEB, at, 0)


def merge(part: Conversation, known: Conversation | None) -> Conversation:
    """Return the stored conversation with one more part added."""
    if known is None:
        return part
    stage, known_stage = _stage(part), _stage(known)
    merged = part if stage > known_stage else known
    if stage == known_stage:
        merged = _merge_same_stage(part, known)
    agents = [each.agent_id for each in (part, known) if each.agent_id is not None]
    merged = msgspec.structs.replace(merged, agent_id=min(agents, default=None))
    return _after_closing(merged) if _is_closed(part) or _is_closed(known) else merged


def _part(status: ConversationStatus, line: CallLine, at: int, duration_ms: int | None) -> Conversation:
    return Conversation(
        channel=line.channel,
        direction=line.direction,
        status=status,
        created_at=at,
        duration_ms=duration_ms,
        modality="voice",
        agent_number=line.number,
    )


def _stage(part: Conversation) -> int:
    """Return how far the call has come. Completed without a duration means in progress when the room was closed."""
    if part.status == "completed" and part.duration_ms is None:
        return _IN_PROGRESS
    return _STAGES.get(part.status, _NOT_FROM_LIVEKIT)


def _merge_same_stage(part: Conversation, known: Conversation) -> Conversation:
    """Merge two parts of one stage: earliest start to latest end, with the line of the highest rank."""
    main = min(part, known, key=_line_order)
    start = min(part.created_at, known.created_at)
    duration_ms = None
    if part.duration_ms is not None and known.duration_ms is not None:
        duration_ms = (max(_end(part, part.duration_ms), _end(known, known.duration_ms)) - start) // 1_000
    status = "in_progress" if _stage(part) == _IN_PROGRESS else part.status
    return msgspec.structs.replace(main, status=status, created_at=start, duration_ms=duration_ms)


def _line_order(part: Conversation) -> tuple[int, bool, str]:
    """Sort key: the highest line first, then a known number before none, then by number."""
    line = _LINES.index((part.channel, part.direction)) if (part.channel, part.direction) in _LINES else 0
    return (-line, part.agent_number is None, part.agent_number or "")


def _end(part: Conversation, duration_ms: int) -> int:
    return part.created_at + duration_ms * 1_000


def _is_closed(part: Conversation) -> bool:
    """Return whether the part says that its room was closed (not kept once the call's end is known)."""
    return (part.status == "token_created" and part.duration_ms is not None) or (
        part.status == "completed" and part.duration_ms is None
    )


def _after_closing(part: Conversation) -> Conversation:
    """Mark the room as closed: duration 0 if no caller joined, completed if no caller is known to have left.

    LiveKit keeps a room open for a while after the last participant left, so its closing does not give a duration.
    """
    match part.status:
        case "token_created":
            return msgspec.structs.replace(part, duration_ms=0)
        case "in_progress":
            return msgspec.structs.replace(part, status="completed")
        case _:
            return part
