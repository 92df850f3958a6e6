"""Merge the messages of one Telnyx call, with the same result in any order.

Telnyx does not guarantee any order. So the rules do not depend on it: the latest start, the latest end and the furthest
status win.
"""

from typing import Final, NamedTuple

from talkmeter.records import Conversation
from talkmeter_client.vocabulary import Channel, ConversationStatus, Direction

_STATUS_ORDER: Final[tuple[ConversationStatus, ...]] = (
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
"""The furthest status is last: a call that was answered and hung up stays completed, whatever arrives later."""


class CallPart(NamedTuple):
    """What one message reports of a call; instants are in whole milliseconds. Only an answered call has an `end`."""

    start: int
    status: ConversationStatus
    end: int | None = None
    direction: Direction | None = None
    channel: Channel | None = None
    agent_id: str | None = None
    agent_number: str | None = None


def merge(part: CallPart, known: Conversation | None) -> Conversation:
    """Return the stored call with one more part added.

    The direction is inbound until call.initiated says otherwise: an account that sends only events of assistants sends
    no call.initiated.
    """
    channel: Channel = "telephone" if known is None else known.channel
    direction: Direction = "inbound" if known is None else known.direction
    starts, ends, status = [part.start], [part.end], part.status
    if known is not None:
        starts.append(known.created_at // 1_000)
        if known.duration_ms is not None:
            ends.append(known.created_at // 1_000 + known.duration_ms)
        status = max(known.status, status, key=_STATUS_ORDER.index)
    start = max(starts)
    end = max((end for end in ends if end is not None), default=None)
    return Conversation(
        channel=part.channel or channel,
        direction=part.direction or direction,
        status=status,
        created_at=start * 1_000,
        duration_ms=None if end is None else max(end - start, 0),
        modality="voice",
        # If several assistants talked in a call, the first in the order of code points, whichever message came first.
        agent_id=min((each.agent_id for each in (part, known) if each and each.agent_id), default=None),
        agent_number=part.agent_number or (known.agent_number if known else None),
    )
