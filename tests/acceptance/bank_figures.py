"""What answers about the bank's calls must say, computed straight from the published table.

Nothing here is shared with talkmeter or the examples: another reading of the file, another arithmetic. A figure is
counted call by call; minutes, averages and shares are decimals, and no half is lost in their 28 digits.
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
NOBODY = "NO_SERVER"
Figures = dict[str, object]


class BankCall(NamedTuple):
    """One line of the table: when the caller entered, how long somebody served, and how it ended."""

    entered: datetime
    served_sec: int
    outcome: str
    line: str
    server: str

    def value(self, by: str) -> str | None:
        """Its value of a split: who served it (None: nobody), or the line it came in by."""
        if by == "number":
            return self.line
        return None if self.server == NOBODY else self.server


class Split(NamedTuple):
    """A question for a breakdown: `order` calls or voice."""

    by: str
    order: str = "calls"
    limit: int = 1_000
    daily: bool = False
    compared: bool = False


def read_calls(file: Path) -> list[BankCall]:
    """Every line of the table but its header."""
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
    """The calls of [start, end)."""
    return [call for call in calls if start <= call.entered < end]


def figures_of(calls: list[BankCall]) -> Figures:
    """What some calls come to: all are inbound voice calls that have ended and have a duration."""
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
    """Every field of the summary of [start, end) but `last_event_at`."""
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
    """One point for each UTC day that the window touches, days without a call included, but for `changed_at`."""
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
                # A day after the first call is expected to have some; before it nothing was ever missed.
                "state": "final" if midnight.date() in busy or midnight.date() < first else "no_data",
            }
        )
    return points


def breakdown_of(calls: list[BankCall], start: datetime, end: datetime, split: Split) -> Figures:
    """The whole breakdown of [start, end); what is compared with lies directly before."""
    now, then = inside(calls, start, end), inside(calls, start - (end - start), start)
    groups: defaultdict[str | None, list[BankCall]] = defaultdict(list)
    for call in now:
        groups[call.value(split.by)].append(call)
    ranked = sorted(groups, key=lambda value: (-amount_of(groups[value], split.order), value or ""))
    shown, rest = ranked[: split.limit], ranked[split.limit :]
    windows = {"now": bounds_of(start, end), "then": bounds_of(start - (end - start), start)}

    def part(ours: list[BankCall], earlier: list[BankCall]) -> Figures:
        series = [
            amount_of(inside(ours, max(start, midnight), min(end, midnight + DAY)), split.order)
            for midnight in midnights(start, end)
        ]
        return {
            **figures_of(ours),
            "share": share_of(amount_of(ours, split.order), amount_of(now, split.order)),
            "series": series if split.daily else None,
            "comparison": differences_of(ours, earlier) if split.compared else None,
        }

    return {
        "from": written(start),
        "to": written(end),
        "by": split.by,
        "order": split.order,
        "starts": [one.date().isoformat() for one in midnights(start, end)] if split.daily else None,
        "comparison": {"mode": "previous", **windows} if split.compared else None,
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
    """The figure of an order: calls, or milliseconds of voice."""
    return len(calls) if order == "calls" else sum(call.served_sec for call in calls) * 1000


def differences_of(now: list[BankCall], then: list[BankCall]) -> dict[str, Figures]:
    """How the figures differ as they are shown; a percentage has one decimal, and there is none from nothing."""
    ours, theirs = figures_of(now), figures_of(then)
    differences: dict[str, Figures] = {}
    for name in COMPARED_FIELDS:
        new, old = Decimal(str(ours[name])), Decimal(str(theirs[name]))
        percent = ((new - old) * 100 / old).quantize(Decimal("0.1"), ROUND_HALF_UP) if old else None
        differences[name] = {"now": new, "then": old, "change": new - old, "change_percent": percent}
    return differences


def midnights(start: datetime, end: datetime) -> list[datetime]:
    """The beginning of each UTC day that [start, end) touches."""
    first = start.replace(hour=0, minute=0, second=0, microsecond=0)
    return [first + number * DAY for number in range((end - first - timedelta(microseconds=1)) // DAY + 1)]


def minutes_of(seconds: int) -> Decimal:
    """Seconds as minutes, two decimals, half up."""
    return (Decimal(seconds) / 60).quantize(Decimal("0.01"), ROUND_HALF_UP)


def average_of(seconds: int, calls: int) -> Decimal:
    """Seconds a call, one decimal, half up; every call of the table has a duration. 0 where there is no call."""
    return (Decimal(seconds) / calls).quantize(Decimal("0.1"), ROUND_HALF_UP) if calls else Decimal(0)


def share_of(part: int, whole: int) -> Decimal:
    """A part of a whole, four decimals, half up; 0 of nothing."""
    return (Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP) if whole else Decimal(0)


def bounds_of(start: datetime, end: datetime) -> dict[str, str]:
    """A window as the API writes it."""
    return {"from": written(start), "to": written(end)}


def written(instant: datetime) -> str:
    """A UTC instant of whole seconds as the API writes it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
