"""The health of an organization's connectors: the outcomes of their messages, and which connectors are silent.

Messages are counted by UTC day. The tables of connectors and outcomes are not distributed, so one query reads them for
all connectors of an organization; open conversations need one more query.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Final, NamedTuple

import msgspec
from msgspec import Meta
from sqlalchemy import ColumnElement, Connection, bindparam, func, literal_column, select

from talkmeter.accounts.connectors import SOURCE_PREFIX
from talkmeter.db import tables
from talkmeter.db.statements import Compiled, Row, after_prefix, integer
from talkmeter.ledger.connector_outcomes import IGNORED, REJECTED, DailyOutcome
from talkmeter.period import MICROSECONDS_PER_HOUR, DayText, InstantText, day_of, format_day, format_instant

DAYS: Final = 7
SILENT_HOURS: Final = 24
MAX_TYPES: Final = 20


class OutcomeCounts(msgspec.Struct, frozen=True, kw_only=True):
    """The number of messages by outcome (docs/connectors/README.md)."""

    accepted: int
    duplicate: int
    conflicting: int
    stale: int
    quarantined: int
    ignored: int
    rejected: int


class OutcomesOfDay(msgspec.Struct, frozen=True, kw_only=True):
    """The number of messages by outcome on one UTC day."""

    date: Annotated[DayText, Meta(description="The UTC day.")]
    accepted: int
    duplicate: int
    conflicting: int
    stale: int
    quarantined: int
    ignored: int
    rejected: int


class IgnoredType(msgspec.Struct, frozen=True, kw_only=True):
    """Messages of a type that is not metered."""

    type: Annotated[str, Meta(description="The provider's name for the type; `others`: types beyond the daily limit.")]
    messages: int
    last_at: InstantText


class AssumedValue(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that do not say something, so that it has a default value."""

    missing: Annotated[
        str,
        Meta(description='What is unknown, separated by ", ": `answered`, `channel`, `direction`, `time zone`.'),
    ]
    messages: int
    last_at: InstantText


class ConnectorHealth(msgspec.Struct, frozen=True, kw_only=True):
    """A connector, and the outcomes of its messages on the last seven UTC days, including today."""

    id: str
    provider: str
    created_at: InstantText
    disabled_at: Annotated[InstantText | None, Meta(description="When it was disabled; null: it is active.")]
    last_event_at: Annotated[
        InstantText | None, Meta(description="When the last verified message arrived; null: never.")
    ]
    last_rejected_at: Annotated[
        InstantText | None, Meta(description="When the last message without a valid signature arrived; null: never.")
    ]
    outcomes: OutcomeCounts
    days: Annotated[list[OutcomesOfDay], Meta(description="Seven days, the oldest first; they add up to `outcomes`.")]
    ignored_types: Annotated[
        list[IgnoredType], Meta(description="Ignored types of the same days, most messages first, at most 20.")
    ]
    assumed_values: Annotated[
        list[AssumedValue],
        Meta(description="What messages of the same days do not say, so that it has a default; most messages first."),
    ]
    open_conversations: Annotated[
        int, Meta(description="Conversations that have not ended, except email, which can be idle for days.")
    ]
    silent_hours: Annotated[
        int | None,
        Meta(
            description="Whole hours since the last message, if at least 24 and messages had arrived on seven "
            "consecutive days; else null."
        ),
    ]


class Connectors(msgspec.Struct, frozen=True, kw_only=True):
    """The connectors of an organization: active ones first, then in order of creation."""

    organization_id: str
    as_of: InstantText
    connectors: list[ConnectorHealth]


_connector = tables.connector.c
_outcome = tables.connector_outcome.c
_call = tables.conversation.c
_latest = tables.connector_outcome.alias("latest")
_rejected: ColumnElement[str] = literal_column(f"'{REJECTED}'")
_joined = tables.connector.join(tables.connector_outcome, _outcome.connector_id == _connector.id)
_last_rejected_at = (
    select(_latest.c.last_at)
    .where(_latest.c.connector_id == _connector.id, _latest.c.outcome == _rejected)
    .order_by(_latest.c.day.desc())
    .limit(1)
    .scalar_subquery()
)
_last_day = (
    select(_latest.c.day)
    .where(_latest.c.connector_id == _connector.id, _latest.c.outcome != _rejected)
    .order_by(_latest.c.day.desc())
    .limit(1)
    .scalar_subquery()
)
_CONNECTORS = Compiled(
    select(_connector.id, _connector.provider, _connector.created_at, _connector.disabled_at, _last_rejected_at).where(
        _connector.org_id == bindparam("org")
    )
)
_ACTIVE_DAYS = Compiled(
    select(_outcome.connector_id, _outcome.day, func.max(_outcome.last_at))
    .select_from(_joined)
    .where(
        _connector.org_id == bindparam("org"),
        _outcome.outcome != _rejected,
        _outcome.day > _last_day - literal_column(str(DAYS)),
    )
    .group_by(_outcome.connector_id, _outcome.day)
)
"""For each connector, the days with verified messages among the seven days that end with its last such day."""
_ACTIVE_DAYS_OF_MANY = Compiled(
    select(_connector.org_id, _outcome.connector_id, _outcome.day, func.max(_outcome.last_at))
    .select_from(_joined)
    .where(
        _connector.disabled_at.is_(None),
        _outcome.outcome != _rejected,
        _outcome.day > _last_day - literal_column(str(DAYS)),
        _connector.org_id.in_(bindparam("orgs", expanding=True)),
    )
    .group_by(_connector.org_id, _outcome.connector_id, _outcome.day)
)
_TALLIES = Compiled(
    select(_outcome.connector_id, _outcome.day, _outcome.outcome, _outcome.detail, _outcome.messages, _outcome.last_at)
    .select_from(_joined)
    .where(_connector.org_id == bindparam("org"), _outcome.day >= bindparam("first"), _outcome.day <= bindparam("last"))
)
_OPEN = Compiled(
    select(_call.source, func.count())
    .where(
        _call.org_id == bindparam("org"),
        tables.MAY_BE_STALE,
        _call.source >= bindparam("from"),
        _call.source < bindparam("to"),
    )
    .group_by(_call.source)
)


class _Activity(NamedTuple):
    """The activity of an organization's connectors, by connector id."""

    days: Mapping[str, Mapping[int, int]]
    """The time of the last verified message on each active day, as read by _ACTIVE_DAYS."""
    tallies: Mapping[str, list[DailyOutcome]]
    open: Mapping[str, int]


def read_connectors(connection: Connection, org_id: str, now: int) -> Connectors:
    """Return the health of an organization's connectors at an instant in microseconds."""
    rows = _CONNECTORS.run(connection, (org_id,))
    activity = _read_activity(connection, org_id, day_of(now)) if rows else _Activity({}, {}, {})
    rows.sort(key=lambda row: (row[3] is not None, integer(row[2]), str(row[0])))
    return Connectors(
        organization_id=org_id,
        as_of=format_instant(now),
        connectors=[_health_of(row, activity, now) for row in rows],
    )


def count_silent_connectors(connection: Connection, org_ids: Sequence[str], now: int) -> dict[str, int]:
    """Return the number of silent connectors of each organization that has some."""
    days: dict[tuple[str, str], dict[int, int]] = {}
    if org_ids:
        for org_id, id_, day, last_at in _ACTIVE_DAYS_OF_MANY.run_in(connection, (), org_ids):
            days.setdefault((str(org_id), str(id_)), {})[integer(day)] = integer(last_at)
    return Counter(org_id for (org_id, _), active in days.items() if _silent_hours(active, now) is not None)


def _read_activity(connection: Connection, org_id: str, today: int) -> _Activity:
    days: dict[str, dict[int, int]] = {}
    for id_, day, last_at in _ACTIVE_DAYS.run(connection, (org_id,)):
        days.setdefault(str(id_), {})[integer(day)] = integer(last_at)
    tallies: dict[str, list[DailyOutcome]] = {}
    for id_, day, outcome, detail, *amounts in _TALLIES.run(connection, (org_id, today - DAYS + 1, today)):
        tally = DailyOutcome(integer(day), str(outcome), str(detail), *map(integer, amounts))
        tallies.setdefault(str(id_), []).append(tally)
    sources = _OPEN.run(connection, (org_id, SOURCE_PREFIX, after_prefix(SOURCE_PREFIX)))
    return _Activity(
        days, tallies, {str(source).removeprefix(SOURCE_PREFIX): integer(count) for source, count in sources}
    )


def _health_of(row: Row, activity: _Activity, now: int) -> ConnectorHealth:
    id_, provider, created_at, disabled_at, last_rejected_at = row
    days, tallies = activity.days.get(str(id_), {}), activity.tallies.get(str(id_), [])
    last_event_at = days[max(days)] if days else None
    today = day_of(now)
    return ConnectorHealth(
        id=str(id_),
        provider=str(provider),
        created_at=format_instant(integer(created_at)),
        disabled_at=None if disabled_at is None else format_instant(integer(disabled_at)),
        last_event_at=None if last_event_at is None else format_instant(last_event_at),
        last_rejected_at=None if last_rejected_at is None else format_instant(integer(last_rejected_at)),
        outcomes=OutcomeCounts(**_counts(tallies)),
        days=[
            OutcomesOfDay(date=format_day(day), **_counts(tally for tally in tallies if tally.day == day))
            for day in range(today - DAYS + 1, today + 1)
        ],
        ignored_types=[
            IgnoredType(type=name, messages=messages, last_at=last_at)
            for name, messages, last_at in _by_detail(tally for tally in tallies if tally.outcome == IGNORED)
        ],
        assumed_values=[
            AssumedValue(missing=name, messages=messages, last_at=last_at)
            for name, messages, last_at in _by_detail(
                tally for tally in tallies if tally.outcome != IGNORED and tally.detail
            )
        ],
        open_conversations=activity.open.get(str(id_), 0),
        silent_hours=None if disabled_at is not None else _silent_hours(days, now),
    )


def _counts(tallies: Iterable[DailyOutcome]) -> dict[str, int]:
    counts = dict.fromkeys(OutcomeCounts.__struct_fields__, 0)
    for tally in tallies:
        counts[tally.outcome] += tally.messages
    return counts


def _by_detail(tallies: Iterable[DailyOutcome]) -> list[tuple[str, int, str]]:
    """Return (detail, messages, time of the last one), most messages first, at most MAX_TYPES."""
    messages: Counter[str] = Counter()
    last_at: dict[str, int] = {}
    for tally in tallies:
        messages[tally.detail] += tally.messages
        last_at[tally.detail] = max(last_at.get(tally.detail, 0), tally.last_at)
    top = sorted(messages, key=lambda detail: (-messages[detail], detail))[:MAX_TYPES]
    return [(detail, messages[detail], format_instant(last_at[detail])) for detail in top]


def _silent_hours(days: Mapping[int, int], now: int) -> int | None:
    """Return the hours since the last message, if at least 24 and after messages on seven consecutive days, or None."""
    if len(days) < DAYS:
        return None
    hours = (now - days[max(days)]) // MICROSECONDS_PER_HOUR
    return hours if hours >= SILENT_HOURS else None
