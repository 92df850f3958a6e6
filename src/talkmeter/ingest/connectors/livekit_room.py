"""How the parts that LiveKit tells of a room come together as one conversation, in any order and however often.

Each event alone makes a conversation, its part, and `joined` makes one of two: the part of the later stage stands; at
one stage the call is from the earliest start to the latest end. That is commutative, associative and idempotent
(tests/connectors/test_livekit.py), so all that must be known of the events before is the conversation they have made.
"""

from typing import Final

import msgspec

from talkmeter.records import Channel, Conversation, ConversationStatus, Direction

_PREPARED: Final = 0
_JOINED: Final = 1
_STAGES: Final[dict[ConversationStatus, int]] = {
    "token_created": _PREPARED,
    "in_progress": _JOINED,
    "failed": 2,
    "unanswered": 3,
    "completed": 4,
}
_TOLD_BY_OTHERS: Final = 5
"""A status that no room of LiveKit's has: somebody else told of the conversation, and stands."""

_LINES: Final[tuple[tuple[Channel, Direction], ...]] = (
    ("webrtc", "inbound"),
    ("telephone", "outbound"),
    ("telephone", "inbound"),
)
"""Of several callers in a room the one of the greatest line says what the call is: who dialled in, then who was dialled
in, then who came by the web. A supervisor who is called up does not make an inbound call outbound."""


class Line(msgspec.Struct, frozen=True):
    """By which way a caller comes, and which of our numbers it is."""

    channel: Channel
    direction: Direction
    number: str | None = None


WEB: Final = Line("webrtc", "inbound")


def came(line: Line, at: int) -> Conversation:
    """A caller came into the room."""
    return _part("in_progress", line, at, None)


def went(line: Line, came_at: int, duration_ms: int) -> Conversation:
    """A caller who was there is gone."""
    return _part("completed", line, came_at, duration_ms)


def never_came(line: Line, at: int, status: ConversationStatus) -> Conversation:
    """A caller was not reached: `unanswered` or `failed`."""
    return _part(status, line, at, None)


def prepared(at: int, agent_id: str | None) -> Conversation:
    """There is an agent in the room; whether a caller comes is not known yet, and nothing is counted until then."""
    return msgspec.structs.replace(_part("token_created", WEB, at, None), agent_id=agent_id)


def closed(at: int) -> Conversation:
    """The room is no more. Without a caller nothing is counted; a caller of whom no more is heard is gone."""
    return _part("token_created", WEB, at, 0)


def joined(part: Conversation, known: Conversation | None) -> Conversation:
    """What both make together."""
    if known is None:
        return part
    ours, theirs = _stage(part), _stage(known)
    later = part if ours > theirs else known
    if ours == theirs:
        later = _overlaid(part, known)
    agents = [each.agent_id for each in (part, known) if each.agent_id is not None]
    later = msgspec.structs.replace(later, agent_id=min(agents, default=None))
    return _after_closing(later) if _is_closed(part) or _is_closed(known) else later


def _part(status: ConversationStatus, line: Line, at: int, duration_ms: int | None) -> Conversation:
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
    """How far the call has come; one that is over with its duration unknown is the one that was under way."""
    if part.status == "completed" and part.duration_ms is None:
        return _JOINED
    return _STAGES.get(part.status, _TOLD_BY_OTHERS)


def _overlaid(part: Conversation, known: Conversation) -> Conversation:
    """Two parts of one stage: from the earliest start to the latest end, by the greater line."""
    leading = min(part, known, key=_by_line)
    start = min(part.created_at, known.created_at)
    duration_ms = None
    if part.duration_ms is not None and known.duration_ms is not None:
        duration_ms = (max(_end(part, part.duration_ms), _end(known, known.duration_ms)) - start) // 1_000
    status = "in_progress" if _stage(part) == _JOINED else part.status
    return msgspec.structs.replace(leading, status=status, created_at=start, duration_ms=duration_ms)


def _by_line(part: Conversation) -> tuple[int, bool, str]:
    """The greatest line first, then a known number before none, then the numbers in order of characters."""
    line = _LINES.index((part.channel, part.direction)) if (part.channel, part.direction) in _LINES else 0
    return (-line, part.agent_number is None, part.agent_number or "")


def _end(part: Conversation, duration_ms: int) -> int:
    return part.created_at + duration_ms * 1_000


def _is_closed(part: Conversation) -> bool:
    """Whether the room of a part is known to be closed, as far as that still matters."""
    return (part.status == "token_created" and part.duration_ms is not None) or (
        part.status == "completed" and part.duration_ms is None
    )


def _after_closing(part: Conversation) -> Conversation:
    """The marks of a closed room: a duration of 0 where nobody came, the end where nobody was seen to go.

    LiveKit keeps a room for a while after the last one went, so its closing says nothing of how long a call was.
    """
    match part.status:
        case "token_created":
            return msgspec.structs.replace(part, duration_ms=0)
        case "in_progress":
            return msgspec.structs.replace(part, status="completed")
        case _:
            return part
