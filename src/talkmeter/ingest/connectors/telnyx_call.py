"""What the messages of one Telnyx call come to: parts that are joined, with the same result whatever their order.

Telnyx promises no order, so the rules are such that none matters: the latest start and end, the furthest status.
"""

from typing import Final, NamedTuple

from talkmeter.records import Channel, Conversation, ConversationStatus, Direction

_FURTHER: Final[tuple[ConversationStatus, ...]] = (
    "token_created",
    "triggered",
    "ringing",
    "in_progress",
    "failed",
    "cancelled",
    "unanswered",
    "transferred",
    "completed",
)
"""From the least to the furthest: a call that was answered and hung up stays so, whatever else is heard of it."""


class Part(NamedTuple):
    """What one message knows of a call; instants in whole milliseconds. `end` is that of a call that was answered."""

    start: int
    status: ConversationStatus
    end: int | None = None
    direction: Direction | None = None
    channel: Channel | None = None
    agent_id: str | None = None
    agent_number: str | None = None


def join(part: Part, known: Conversation | None) -> Conversation:
    """What is known of a call, with one more message's part in it.

    Inbound until call.initiated says otherwise: who sends calls of assistants alone sends no call.initiated.
    """
    channel: Channel = "telephone" if known is None else known.channel
    direction: Direction = "inbound" if known is None else known.direction
    starts, ends, status = [part.start], [part.end], part.status
    if known is not None:
        starts.append(known.created_at // 1_000)
        if known.duration_ms is not None:
            ends.append(known.created_at // 1_000 + known.duration_ms)
        status = max(known.status, status, key=_FURTHER.index)
    start = max(starts)
    end = max((end for end in ends if end is not None), default=None)
    return Conversation(
        channel=part.channel or channel,
        direction=part.direction or direction,
        status=status,
        created_at=start * 1_000,
        duration_ms=None if end is None else max(end - start, 0),
        modality="voice",
        agent_id=part.agent_id or (known.agent_id if known else None),
        agent_number=part.agent_number or (known.agent_number if known else None),
    )
