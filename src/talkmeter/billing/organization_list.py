"""The list of all organizations with usage, cost and health, for operators.

Usage is read for all organizations, because rows are sorted by it. What needs further statements for each
organization is read for the rows of the answer only.
"""

from collections.abc import Callable, Iterable, Mapping
from operator import attrgetter
from typing import Annotated, Any, Final, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta
from msgspec.structs import asdict
from sqlalchemy import Connection

from talkmeter.billing.money import format_amount
from talkmeter.billing.parameters import Parameters, read_days
from talkmeter.billing.plan import AmountText
from talkmeter.billing.plans import Plans, read_plans
from talkmeter.billing.priced_months import CostsQuery, price_months
from talkmeter.billing.statement_store import read_statements
from talkmeter.counting import ZERO, Counters, add
from talkmeter.errors import Unprocessable
from talkmeter.months import first_day, month_of, read_month
from talkmeter.period import MICROSECONDS_PER_DAY, DayText, Present, Window, format_day, format_instant
from talkmeter.usage.all_organizations import (
    OrganizationUsage,
    count_quarantined,
    list_usage,
    read_all_usage,
    read_days_of,
    whole_months,
)
from talkmeter.usage.compare import Delta, compared_windows, deltas
from talkmeter.usage.connectors import count_silent_connectors
from talkmeter.usage.cursor import Position, read_cursor, write_cursor
from talkmeter.usage.figures import (
    Count,
    LastEventAt,
    Milliseconds,
    Minutes,
    Seconds,
    call_figures,
    run_figures,
)
from talkmeter.usage.parameters import read_choice, read_limit, read_search

Sort = Literal["name", "calls", "voice", "chat", "runs", "last_event", "change"]
SORTS: Final = tuple(f"{sign}{name}" for name in get_args(Sort) for sign in ("", "-"))
DEFAULT_ORGANIZATIONS: Final = 50
MAX_ORGANIZATIONS: Final = 100
MAX_OTHER_DAYS: Final = 31
_COMPARED: Final = "total_calls"


class OrganizationCost(msgspec.Struct, frozen=True):
    """What the days cost so far, under the organization's plan."""

    amount: AmountText
    currency: str


class PlatformFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of conversations and workflow runs."""

    total_calls: Count
    voice_calls: Count
    chat_calls: Count
    inbound_calls: Count
    outbound_calls: Count
    timed_calls: Annotated[int, Meta(ge=0, description="Conversations with a duration.")]
    live_calls: Annotated[int, Meta(ge=0, description="Conversations that have not ended.")]
    voice_minutes: Minutes
    chat_minutes: Minutes
    avg_call_duration_sec: Seconds
    voice_duration_ms: Milliseconds
    chat_duration_ms: Milliseconds
    workflow_runs_total: Count
    workflow_runs_success: Count
    workflow_runs_failed: Count
    live_runs: Annotated[int, Meta(ge=0, description="Runs that have not ended.")]


class OrganizationRow(PlatformFigures, frozen=True, kw_only=True):
    """An organization's usage, cost and health."""

    organization_id: str
    name: Annotated[str, Meta(description="The name; the id if the organization has no name.")]
    plan: Annotated[str | None, Meta(description="The id of the plan of the last month; null: no plan.")]
    cost: Annotated[
        OrganizationCost | None, Meta(description="null: no plan, or the plans of these months have two currencies.")
    ]
    change: Annotated[
        Delta | None,
        Meta(description="`total_calls` of the whole past UTC days and of as many earlier ones; null: none are past."),
    ]
    last_event_at: LastEventAt
    silent_connectors: Annotated[int, Meta(ge=0, description="Connectors whose `silent_hours` is not null.")]
    quarantined: Annotated[int, Meta(ge=0, description="Events in quarantine.")]


class OrganizationList(msgspec.Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """A page of organizations; `totals` and `total_organizations` are of all pages."""

    from_: DayText
    to: Annotated[DayText, Meta(description="The day after the last one.")]
    totals: PlatformFigures
    total_organizations: int
    organizations: list[OrganizationRow]
    next_cursor: Annotated[str | None, Meta(description="The `cursor` of the next page; null: this is the last one.")]


class OrganizationsQuery(NamedTuple):
    """A question about all organizations on the days [first, end)."""

    first: int
    end: int
    present: Present
    sort: Sort
    descending: bool
    search: str = ""
    limit: int = DEFAULT_ORGANIZATIONS
    cursor: str | None = None

    @property
    def identity(self) -> tuple[object, ...]:
        """What a cursor is valid for."""
        return "organizations", self.first, self.end, self.sort, self.descending, self.search


class _Row(NamedTuple):
    usage: OrganizationUsage
    key: tuple[int | str, str]


_SORT_KEYS: Final[dict[Sort, Callable[[OrganizationUsage, Mapping[str, Counters]], int | str]]] = {
    "name": lambda usage, _: usage.name.casefold(),
    "calls": lambda usage, _: usage.counters.calls,
    "voice": lambda usage, _: usage.counters.voice_ms,
    "chat": lambda usage, _: usage.counters.chat_ms,
    "runs": lambda usage, _: usage.counters.runs,
    "last_event": lambda usage, _: -1 if usage.last_event_at is None else usage.last_event_at,
    "change": lambda usage, before: usage.counters.calls - before.get(usage.org_id, ZERO).calls,
}
"""What rows are sorted by; the second argument is the usage of the month before, for `change` only."""


def read_organizations_query(parameters: Parameters, present: Present) -> OrganizationsQuery:
    """Return the query of a list of organizations. Raises Unprocessable if a parameter is not allowed."""
    first, end = _read_days(parameters, present.today)
    months = whole_months(first, end)
    if months is None and end - first > MAX_OTHER_DAYS:
        raise Unprocessable(f"A range that is not of whole months has at most {MAX_OTHER_DAYS} days.")
    sort = read_choice("sort", parameters.get("sort"), SORTS, "-calls")
    name: Sort = sort.removeprefix("-")  # type: ignore[assignment]  # SORTS are made from these names
    if name == "change" and (months is None or len(months) > 1 or end > present.today):
        raise Unprocessable("'sort' can be change only for one month that has ended.")
    return OrganizationsQuery(
        first,
        end,
        present,
        name,
        sort.startswith("-"),
        read_search(parameters),
        read_limit(parameters, DEFAULT_ORGANIZATIONS, MAX_ORGANIZATIONS),
        parameters.get("cursor"),
    )


def _read_days(parameters: Parameters, today: int) -> tuple[int, int]:
    if "month" in parameters and ("from" in parameters or "to" in parameters):
        raise Unprocessable("Give either 'month' or 'from' and 'to'.")
    if "from" in parameters or "to" in parameters:
        return read_days(parameters, today)
    month = read_month("month", parameters["month"]) if "month" in parameters else month_of(today)
    return first_day(month), first_day(month + 1)


def read_organizations(connection: Connection, query: OrganizationsQuery, key: str) -> OrganizationList:
    """Return a page of organizations; the connection must be in one snapshot, `key` is the database's id.

    Raises Unprocessable if the cursor does not belong to the query.
    """
    rows = sorted_usage(connection, query)
    start = 0
    if query.cursor is not None:
        after = _after(read_cursor(query.cursor, key, query.identity), query.sort, rows)
        start = sum(row.key <= after if not query.descending else row.key >= after for row in rows)
    page = rows[start : start + query.limit]
    plans = read_plans(connection)
    silent = count_silent_connectors(connection, [row.usage.org_id for row in page], query.present.now)
    cursor = None
    if start + len(page) < len(rows):
        sort_key, org_id = page[-1].key
        position = Position(sort_key if isinstance(sort_key, int) else 0, org_id, "")
        cursor = write_cursor(position, key, query.identity)
    return OrganizationList(
        from_=format_day(query.first),
        to=format_day(query.end),
        totals=PlatformFigures(**_figures(add(row.usage.counters for row in rows))),
        total_organizations=len(rows),
        organizations=[_row(connection, query, row.usage, plans, silent.get(row.usage.org_id, 0)) for row in page],
        next_cursor=cursor,
    )


def sorted_usage(connection: Connection, query: OrganizationsQuery) -> list[_Row]:
    """Return the usage of all organizations that match the search, sorted; ties by id."""
    usage = list_usage(connection, query.first, query.end, query.search)
    before: dict[str, Counters] = {}
    if query.sort == "change":
        before = read_all_usage(connection, first_day(month_of(query.first) - 1), query.first)
    sort_key = _SORT_KEYS[query.sort]
    rows = [_Row(one, (sort_key(one, before), one.org_id)) for one in usage]
    return sorted(rows, key=attrgetter("key"), reverse=query.descending)


def _after(position: Position, sort: Sort, rows: Iterable[_Row]) -> tuple[int | str, str]:
    """Return the sort key that the next page follows. A name is read again: a cursor has no room for it."""
    if sort != "name":
        return position.sort_key, position.id
    return next((row.key for row in rows if row.usage.org_id == position.id), (position.id.casefold(), position.id))


def _figures(counters: Counters) -> dict[str, Any]:
    return {**asdict(call_figures(counters)), **asdict(run_figures(counters))}


def _row(
    connection: Connection, query: OrganizationsQuery, usage: OrganizationUsage, plans: Plans, silent: int
) -> OrganizationRow:
    plan, cost = _cost(connection, query, usage.org_id, plans)
    return OrganizationRow(
        organization_id=usage.org_id,
        name=usage.name,
        **_figures(usage.counters),
        plan=plan,
        cost=cost,
        change=_change(connection, query, usage.org_id),
        last_event_at=None if usage.last_event_at is None else format_instant(usage.last_event_at),
        silent_connectors=silent,
        quarantined=count_quarantined(connection, usage.org_id),
    )


def _change(connection: Connection, query: OrganizationsQuery, org_id: str) -> Delta | None:
    """Compare whole UTC days: those of the window that are past, and the earlier ones that a summary compares."""
    window = Window(query.first * MICROSECONDS_PER_DAY, query.end * MICROSECONDS_PER_DAY)
    windows = compared_windows(window, "previous", query.present.today * MICROSECONDS_PER_DAY)
    if windows is None:
        return None
    now, then = (
        read_days_of(connection, org_id, one.start // MICROSECONDS_PER_DAY, one.end // MICROSECONDS_PER_DAY)
        for one in (windows.now, windows.then)
    )
    return deltas(now, then, [_COMPARED])[_COMPARED]


def _cost(
    connection: Connection, query: OrganizationsQuery, org_id: str, plans: Plans
) -> tuple[str | None, OrganizationCost | None]:
    """Return the plan of the last month, and the cost; without a cost if there are two currencies."""
    statements = read_statements(connection, org_id, month_of(query.first), month_of(query.end - 1))
    costs = CostsQuery(org_id, query.first, query.end, query.present)
    try:
        months = price_months(connection, costs, statements, plans)
    except Unprocessable:
        last = costs._replace(first=max(query.first, first_day(month_of(query.end - 1))))
        version = price_months(connection, last, statements, plans)[0].version
        return None if version is None else version.plan_id, None
    versions = [month.version for month in months if month.version is not None]
    plan = None if months[-1].version is None else months[-1].version.plan_id
    if not versions:
        return plan, None
    content = versions[0].content
    amount = format_amount(sum(month.total for month in months), content.digits)
    return plan, OrganizationCost(amount, content.currency)
