"""Conversations of a year, day by day: as rows of the tables, and what they add up to by the rules of counting."""

import random
from array import array
from collections.abc import Iterator
from hashlib import sha256
from typing import Final, NamedTuple

from bench.workload import AGENTS, NUMBERS, START
from talkmeter.counting import Counters, DayKey, add, call_counts, dimensions_of
from talkmeter.ledger.statements import Row
from talkmeter.period import MICROSECONDS_PER_DAY
from talkmeter.records import Channel, Conversation, ConversationStatus, Kind, normalised_data

DAYS: Final = 366
FIRST_DAY: Final = int(START.timestamp()) // 86_400
_MOST_SHAPES: Final = 512
_LONGEST_SEC: Final = 600
_WIDGETS: Final = 8
_SOURCE: Final = "/bench"
_CHANNELS: Final[tuple[Channel, ...]] = ("telephone", "telephone", "telephone", "webrtc", "text")
_STATUSES: Final[tuple[ConversationStatus, ...]] = (
    *("completed", "completed", "completed"),
    *("transferred", "failed", "unanswered"),
)
# Numbers that stand for the moment and the duration while the normalised data of a shape is made.
_CREATED_AT: Final = 4_000_000_000_000_001
_DURATION_MS: Final = 31_000_000_001


class Day(NamedTuple):
    """One day of an organization: rows of `conversation`, of `record_state` where wanted, and the daily totals."""

    conversations: list[Row]
    history: list[Row]
    totals: dict[DayKey, Counters]


class _Shape(NamedTuple):
    """What many conversations have in common; `data` is their normalised data, to be filled with moment and duration.

    A sender that has a few hundred of them spares the drawing of each field of each conversation.
    """

    record: Conversation
    head: Row
    tail: Row
    data: bytes
    timed: bool


def drawn_days(
    org_id: str, conversations: int, seed: int, stored_at: int, *, history: bool, agents: int = AGENTS, days: int = DAYS
) -> Iterator[Day]:
    """The days that have conversations, which are spread evenly over all `days`, in the order of their keys."""
    drawn = random.Random(seed)
    shapes = [_shape(drawn, number % agents) for number in range(min(_MOST_SHAPES, max(conversations // 50, 4)))]
    for day in range(days):
        number = conversations * (day + 1) // days - conversations * day // days
        if number:
            yield _draw_day(org_id, FIRST_DAY + day, number, shapes, drawn, stored_at, history=history)


def agent_of(number: int) -> str:
    """The id of an agent."""
    return f"agent-{number:04}"


def _shape(drawn: random.Random, agent: int) -> _Shape:
    channel, status = drawn.choice(_CHANNELS), drawn.choice(_STATUSES)
    voice, timed = channel == "telephone", status != "unanswered"
    record = Conversation(
        channel=channel,
        direction=drawn.choice(("inbound", "outbound")),
        status=status,
        created_at=_CREATED_AT,
        duration_ms=_DURATION_MS if timed else None,
        modality="voice" if voice else "chat",
        agent_id=agent_of(agent),
        agent_number=f"+1555010{agent % NUMBERS:04}" if voice else None,
        web_widget_id=None if voice else f"widget-{agent % _WIDGETS:04}",
    )
    data = normalised_data(record).replace(b"%d" % _CREATED_AT, b"%d").replace(b"%d" % _DURATION_MS, b"%d")
    head = (record.channel, record.direction, record.status)
    tail = (record.modality, record.agent_id, record.agent_number, record.web_widget_id, False)
    return _Shape(record, head, tail, data, timed)


def _draw_day(
    org_id: str, day: int, number: int, shapes: list[_Shape], drawn: random.Random, stored_at: int, *, history: bool
) -> Day:
    calls, milliseconds = [0] * len(shapes), [0] * len(shapes)
    conversations: list[Row] = []
    received: list[Row] = []
    start = day * MICROSECONDS_PER_DAY
    # Drawn all at once, and no more than a row needs: the drawing is most of what a load costs.
    chosen = drawn.choices(range(len(shapes)), k=number)
    seconds = array("H", drawn.randbytes(2 * number))
    digits = drawn.randbytes(9 * number).hex()
    for position, which in enumerate(chosen):
        _, head, tail, data, timed = shapes[which]
        time = created_at = start + position * MICROSECONDS_PER_DAY // number
        calls[which] += 1
        duration_ms = None
        if timed:
            duration_ms = seconds[position] % _LONGEST_SEC * 1000
            milliseconds[which] += duration_ms
            time += duration_ms * 1000
            content = data % (created_at, duration_ms)
        else:
            content = data % created_at
        hash_ = sha256(content).digest()[:16]
        # An id in the order of time, of the form of UUID version 7; the event of its end is called after it.
        moment, own = "%012x" % (created_at // 1000), digits[18 * position : 18 * position + 18]
        id_ = f"{moment[:8]}-{moment[8:]}-7{own[:3]}-a{own[3:6]}-{own[6:]}"
        conversations.append(
            (org_id, id_, *head, created_at, duration_ms, *tail, time, 0, _SOURCE, id_, hash_, stored_at, None, None)
        )
        if history:
            received.append((org_id, Kind.CONVERSATION.value, id_, time, hash_, _SOURCE, id_, 0, content, stored_at))
    return Day(conversations, received, _totals(day, shapes, calls, milliseconds))


def _totals(day: int, shapes: list[_Shape], calls: list[int], milliseconds: list[int]) -> dict[DayKey, Counters]:
    parts: dict[DayKey, list[Counters]] = {}
    for shape, number, duration_ms in zip(shapes, calls, milliseconds, strict=True):
        if number:
            record = shape.record
            counts = call_counts(
                record.modality, record.direction, record.status, number, number if shape.timed else 0, duration_ms
            )
            for dimension, value in dimensions_of(record):
                parts.setdefault(DayKey(dimension, day, value), []).append(counts)
    return {key: add(counts) for key, counts in parts.items()}
