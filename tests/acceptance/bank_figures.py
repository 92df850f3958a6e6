"""The expected figures, computed directly from the bank's table.

This module shares no code with talkmeter or the examples: it reads the file and computes on its own. It counts figures
call by call. Minutes, averages and shares are decimals of 28 digits, so rounding half up is exact.
"""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

DAY = timedelta(days=1)
INVENTORY_FIELDS = (
    "total_agents",
    "total_phone_numbers",
    "shared_phone_numbers",
    "total_web_widgets",
    "total_datasets",
    "active_datasets",
)
COMPARED_FIELDS = (
    "total_calls",
    "voice_calls",
    "chat_calls",
    "inbound_calls",
    "outbound_calls",
    "voice_minutes",
    "chat_minutes",
    "avg_call_duration_sec",
    "voice_duration_ms",
    "chat_duration_ms",
)
STATUS = {"AGENT": "completed", "HANG": "unanswered", "PHANTOM": "failed"}
NO_SERVER = "NO_SERVER"
Figures = dict[str, object]


class BankCall(NamedTuple):
    """One line of the table: when the call entered, how long the agent spoke, and how the call ended."""

    entered: datetime
    served_sec: int
    outcome: str
    line: str
    server: str

    def value(self, by: str) -> str | None:
        """Return the line if `by` is number, else the agent (None for NO_SERVER)."""
        if by == "number":
            return self.line
        return None if self.server == NO_SERVER else self.server


class BreakdownCase(NamedTuple):
    """The parameters of a breakdown; `order` is calls or voice."""

    by: str
    order: str = "calls"
    limit: int = 1_000
    daily: bool = False
    compared: bool = False


def read_calls(file: Path) -> list[BankCall]:
    """Return every line of the table except the header."""
    header, *lines = file.read_text(encoding="ascii").splitlines()
    column = {name: place for place, name in enumerate(header.split("\t"))}
    calls = []
    for line in lines:
        cells = line.split("\t")
        date, clock = cells[column["date"]], cells[column["vru_entry"]]
        hour, minute, second = (int(part) for part in clock.split(":"))
        day = datetime(1900 + int(date[:2]), int(date[2:4]), int(date[4:]), tzinfo=UTC)
        calls.append(
            BankCall(
                entered=day + timedelta(hours=hour, minutes=minute, seconds=second),
                served_sec=int(cells[column["ser_time"]]),
                outcome=cells[column["outcome"]],
                line=cells[column["vru+line"]],
                server=cells[column["server"]],
            )
        )
    return calls


def inside(calls: list[BankCall], start: datetime, end: datetime) -> list[BankCall]:
    """Return the calls in [start, end)."""
    return [call for call in calls if start <= call.entered < end]


def figures_of(calls: list[BankCall]) -> Figures:
    """Return the totals of calls. All are inbound voice calls that have ended and have a duration."""
    seconds = sum(call.served_sec for call in calls)
    return {
        "total_calls": len(calls),
        "voice_calls": len(calls),
        "chat_calls": 0,
        "inbound_calls": len(calls),
        "outbound_calls": 0,
        "timed_calls": len(calls),
        "live_calls": 0,
        "voice_minutes": minutes_of(seconds),
        "chat_minutes": Decimal(0),
        "avg_call_duration_sec": average_of(seconds, len(calls)),
        "voice_duration_ms": seconds * 1000,
        "chat_duration_ms": 0,
    }


def summary_of(calls: list[BankCall], start: datetime, end: datetime) -> Figures:
    """Return the summary of [start, end) without `last_event_at`."""
    return {
        "from": written(start),
        "to": written(end),
        **figures_of(inside(calls, start, end)),
        "stale_calls": 0,
        "stale_hours": 24,
        "workflow_runs_total": 0,
        "workflow_runs_success": 0,
        "workflow_runs_failed": 0,
        "live_runs": 0,
        **dict.fromkeys(INVENTORY_FIELDS, 0),
        "comparison": None,
        "daily": daily_of(calls, start, end),
    }


def daily_of(calls: list[BankCall], start: datetime, end: datetime) -> list[Figures]:
    """Return one point per UTC day of the window, empty days included, without `changed_at`."""
    points: list[Figures] = []
    first = min(call.entered for call in calls).date()
    busy = {call.entered.date() for call in calls}
    for midnight in midnights(start, end):
        of_day = inside(calls, max(start, midnight), min(end, midnight + DAY))
        seconds = sum(call.served_sec for call in of_day)
        points.append(
            {
                "day": midnight.date().isoformat(),
                "calls": len(of_day),
                "voice_minutes": minutes_of(seconds),
                "chat_minutes": Decimal(0),
                "workflow_runs": 0,
                "voice_duration_ms": seconds * 1000,
                "chat_duration_ms": 0,
                "inbound_calls": len(of_day),
                "outbound_calls": 0,
                "workflow_runs_success": 0,
                "workflow_runs_failed": 0,
                # An empty day is suspicious only after the first call.
                "state": "final" if midnight.date() in busy or midnight.date() < first else "no_data",
            }
        )
    return points


def breakdown_of(calls: list[BankCall], start: datetime, end: datetime, split: BreakdownCase) -> Figures:
    """Return the breakdown of [start, end). It is compared with the window directly before."""
    now, then = inside(calls, start, end), inside(calls, start - (end - start), start)
    groups: defaultdict[str | None, list[BankCall]] = defaultdict(list)
    for call in now:
        groups[call.value(split.by)].append(call)
    ranked = sorted(groups, key=lambda value: (-amount_of(groups[value], split.order), value or ""))
    shown, rest = ranked[: split.limit], ranked[split.limit :]
    windows = {"now": bounds_of(start, end), "then": bounds_of(start - (end - start), start)}

    def part(current: list[BankCall], earlier: list[BankCall]) -> Figures:
        series = [
            amount_of(inside(current, max(start, midnight), min(end, midnight + DAY)), split.order)
            for midnight in midnights(start, end)
        ]
        return {
            **figures_of(current),
            "share": share_of(amount_of(current, split.order), amount_of(now, split.order)),
            "series": series if split.daily else None,
            "comparison": differences_of(current, earlier) if split.compared else None,
        }

    return {
        "from": written(start),
        "to": written(end),
        "by": split.by,
        "order": split.order,
        "starts": [midnight.date().isoformat() for midnight in midnights(start, end)] if split.daily else None,
        "comparison": {"mode": "previous", **windows} if split.compared else None,
        "filter": None,
        "values": len(ranked),
        "changed": False,
        "rows": [
            {
                "value": value,
                "name": None,
                **part(groups[value], [call for call in then if call.value(split.by) == value]),
            }
            for value in shown
        ],
        "others": {
            "values": len(rest),
            **part(
                [call for value in rest for call in groups[value]],
                [call for call in then if call.value(split.by) not in shown],
            ),
        },
    }


def amount_of(calls: list[BankCall], order: str) -> int:
    """Return the figure to order by: calls, or milliseconds of voice."""
    return len(calls) if order == "calls" else sum(call.served_sec for call in calls) * 1000


def differences_of(now: list[BankCall], then: list[BankCall]) -> dict[str, Figures]:
    """Return the change of each figure. The percentage has one decimal and is None if the earlier figure is 0."""
    new_figures, old_figures = figures_of(now), figures_of(then)
    differences: dict[str, Figures] = {}
    for name in COMPARED_FIELDS:
        new, old = Decimal(str(new_figures[name])), Decimal(str(old_figures[name]))
        percent = ((new - old) * 100 / old).quantize(Decimal("0.1"), ROUND_HALF_UP) if old else None
        differences[name] = {"now": new, "then": old, "change": new - old, "change_percent": percent}
    return differences


def midnights(start: datetime, end: datetime) -> list[datetime]:
    """Return the start of each UTC day in [start, end)."""
    first = start.replace(hour=0, minute=0, second=0, microsecond=0)
    return [first + number * DAY for number in range((end - first - timedelta(microseconds=1)) // DAY + 1)]


def minutes_of(seconds: int) -> Decimal:
    """Return seconds as minutes: two decimals, rounded half up."""
    return (Decimal(seconds) / 60).quantize(Decimal("0.01"), ROUND_HALF_UP)


def average_of(seconds: int, calls: int) -> Decimal:
    """Return the average seconds per call: one decimal, rounded half up; 0 without calls."""
    return (Decimal(seconds) / calls).quantize(Decimal("0.1"), ROUND_HALF_UP) if calls else Decimal(0)


def share_of(part: int, total: int) -> Decimal:
    """Return part / total: four decimals, rounded half up; 0 if the total is 0."""
    return (Decimal(part) / total).quantize(Decimal("0.0001"), ROUND_HALF_UP) if total else Decimal(0)


def bounds_of(start: datetime, end: datetime) -> dict[str, str]:
    """Return a window in the format of the API."""
    return {"from": written(start), "to": written(end)}


def written(instant: datetime) -> str:
    """Return a UTC instant, to the second, in the format of the API."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
