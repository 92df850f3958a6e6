"""Generate conversations day by day, as table rows and with their daily totals by the counting rules."""

import random
from array import array
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Final, NamedTuple

from bench.workload import AGENTS, NUMBERS, START
from talkmeter.counting import BilledSeconds, DailyTotal, DayKey, add, billed_seconds, call_counts, dimensions_of
from talkmeter.db.statements import Row
from talkmeter.period import MICROSECONDS_PER_DAY
from talkmeter.records import Conversation, Kind, normalized_data
from talkmeter_client.vocabulary import Channel, ConversationStatus

DAYS: Final = 366
FIRST_DAY: Final = int(START.timestamp()) // 86_400
_MAX_TEMPLATES: Final = 512
_MAX_SEC: Final = 600
_BILLED: Final = [billed_seconds(1_000 * sec) for sec in range(_MAX_SEC)]
_WIDGETS: Final = 8
_SOURCE: Final = "/bench"
_CHANNELS: Final[tuple[Channel, ...]] = ("telephone", "telephone", "telephone", "webrtc", "text")
_STATUSES: Final[tuple[ConversationStatus, ...]] = (
    *("completed", "completed", "completed"),
    *("transferred", "failed", "unanswered"),
)
# Placeholders for the creation time and the duration in the normalized data of a template.
_CREATED_AT: Final = 4_000_000_000_000_001
_DURATION_MS: Final = 31_000_000_001


class GeneratedDay(NamedTuple):
    """One day of an organization: rows of `conversation`, optional rows of `record_state`, and the daily totals."""

    conversations: list[Row]
    history: list[Row]
    totals: dict[DayKey, DailyTotal]


class _Template(NamedTuple):
    """The fields that many conversations share; `data` is their normalized data with placeholders.

    A few hundred templates are faster than drawing every field of every conversation.
    """

    record: Conversation
    head: Row
    tail: Row
    data: bytes
    timed: bool


def generate_days(
    org_id: str, conversations: int, seed: int, stored_at: int, *, history: bool, agents: int = AGENTS, days: int = DAYS
) -> Iterator[GeneratedDay]:
    """Yield each day with conversations, in key order; the conversations are spread evenly over `days`."""
    rng = random.Random(seed)
    count = min(_MAX_TEMPLATES, max(conversations // 50, 4))
    templates = [_template(rng, number % agents) for number in range(count)]
    for day in range(days):
        number = conversations * (day + 1) // days - conversations * day // days
        if number:
            yield _generate_day(org_id, FIRST_DAY + day, number, templates, rng, stored_at, history=history)


def agent_id(number: int) -> str:
    """Return the id of an agent."""
    return f"agent-{number:04}"


def _template(rng: random.Random, agent: int) -> _Template:
    channel, status = rng.choice(_CHANNELS), rng.choice(_STATUSES)
    voice, timed = channel == "telephone", status != "unanswered"
    record = Conversation(
        channel=channel,
        direction=rng.choice(("inbound", "outbound")),
        status=status,
        created_at=_CREATED_AT,
        duration_ms=_DURATION_MS if timed else None,
        modality="voice" if voice else "chat",
        agent_id=agent_id(agent),
        agent_number=f"+1555010{agent % NUMBERS:04}" if voice else None,
        web_widget_id=None if voice else f"widget-{agent % _WIDGETS:04}",
    )
    data = normalized_data(record).replace(b"%d" % _CREATED_AT, b"%d").replace(b"%d" % _DURATION_MS, b"%d")
    head = (record.channel, record.direction, record.status)
    tail = (record.modality, record.agent_id, record.agent_number, record.web_widget_id, False)
    return _Template(record, head, tail, data, timed)


def _generate_day(
    org_id: str, day: int, number: int, templates: list[_Template], rng: random.Random, stored_at: int, *, history: bool
) -> GeneratedDay:
    calls = [0] * len(templates)
    durations: list[list[int]] = [[] for _ in templates]
    conversations: list[Row] = []
    states: list[Row] = []
    start = day * MICROSECONDS_PER_DAY
    # Random values are drawn in bulk: drawing them is most of the cost of a load.
    chosen = rng.choices(range(len(templates)), k=number)
    seconds = array("H", rng.randbytes(2 * number))
    digits = rng.randbytes(9 * number).hex()
    for position, index in enumerate(chosen):
        _, head, tail, data, timed = templates[index]
        time = created_at = start + position * MICROSECONDS_PER_DAY // number
        calls[index] += 1
        duration_ms = None
        if timed:
            duration_sec = seconds[position] % _MAX_SEC
            duration_ms = duration_sec * 1000
            durations[index].append(duration_sec)
            time += duration_ms * 1000
            content = data % (created_at, duration_ms)
        else:
            content = data % created_at
        hash_ = sha256(content).digest()[:16]
        # An id like a UUID version 7, so ids sort by time. The event has the same id.
        time_part, random_part = "%012x" % (created_at // 1000), digits[18 * position : 18 * position + 18]
        id_ = f"{time_part[:8]}-{time_part[8:]}-7{random_part[:3]}-a{random_part[3:6]}-{random_part[6:]}"
        conversations.append(
            (org_id, id_, *head, created_at, duration_ms, *tail, time, 0, _SOURCE, id_, hash_, stored_at, None, None)
        )
        if history:
            states.append((org_id, Kind.CONVERSATION.value, id_, time, hash_, _SOURCE, id_, 0, content, stored_at))
    return GeneratedDay(conversations, states, _totals(day, templates, calls, durations))


def _totals(
    day: int, templates: list[_Template], calls: list[int], durations: list[list[int]]
) -> dict[DayKey, DailyTotal]:
    parts: dict[DayKey, list[DailyTotal]] = {}
    for template, number, durations_sec in zip(templates, calls, durations, strict=True):
        if number:
            record = template.record
            timed = number if template.timed else 0
            counts = call_counts(
                record.modality, record.direction, record.status, number, timed, 1_000 * sum(durations_sec)
            )
            billed = _add_billed(_BILLED[sec] for sec in durations_sec if record.modality == "voice")
            for dimension, value in dimensions_of(record):
                parts.setdefault(DayKey(dimension, day, value), []).append(DailyTotal(counts, billed))
    return {
        key: DailyTotal(add(total.counters for total in totals), _add_billed(total.billed for total in totals))
        for key, totals in parts.items()
    }


def _add_billed(rows: Iterable[BilledSeconds]) -> BilledSeconds:
    return BilledSeconds(*map(sum, zip(*rows, strict=True)))
