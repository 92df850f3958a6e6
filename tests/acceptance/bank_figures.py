"""What the usage summary of the bank's calls must say, computed straight from the published table.

Nothing here is shared with talkmeter or the examples: another reading of the file, another arithmetic. A figure is
counted call by call; minutes and averages are decimals, and no half is lost in their 28 digits.
"""

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

MIDNIGHT_TO_MIDNIGHT = timedelta(days=1)
INVENTORY_FIELDS = (
    "total_agents",
    "total_phone_numbers",
    "shared_phone_numbers",
    "total_web_widgets",
    "total_datasets",
    "active_datasets",
)


class BankCall(NamedTuple):
    """One line of the table: when the caller entered, how long somebody served, and how it ended."""

    entered: datetime
    served_sec: int
    outcome: str
    line: str
    server: str


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


def summary_of(calls: list[BankCall], start: datetime, end: datetime) -> dict[str, object]:
    """Every field of the summary of [start, end) but `last_event_at`; minutes and average as exact decimals."""
    inside = [call for call in calls if start <= call.entered < end]
    seconds = sum(call.served_sec for call in inside)
    return {
        "from": written(start),
        "to": written(end),
        "total_calls": len(inside),
        "voice_calls": len(inside),
        "chat_calls": 0,
        "inbound_calls": len(inside),
        "outbound_calls": 0,
        "voice_minutes": minutes_of(seconds),
        "chat_minutes": Decimal(0),
        "avg_call_duration_sec": average_of(seconds, len(inside)),
        "workflow_runs_total": 0,
        "workflow_runs_success": 0,
        "workflow_runs_failed": 0,
        "voice_duration_ms": seconds * 1000,
        "chat_duration_ms": 0,
        **dict.fromkeys(INVENTORY_FIELDS, 0),
        "daily": daily_of(inside, start, end),
    }


def daily_of(inside: list[BankCall], start: datetime, end: datetime) -> list[dict[str, object]]:
    """One point for each UTC day that the window touches, days without a call included."""
    points: list[dict[str, object]] = []
    midnight = start.replace(hour=0, minute=0, second=0, microsecond=0)
    while midnight < end:
        seconds = [call.served_sec for call in inside if call.entered.date() == midnight.date()]
        points.append(
            {
                "day": midnight.date().isoformat(),
                "calls": len(seconds),
                "voice_minutes": minutes_of(sum(seconds)),
                "chat_minutes": Decimal(0),
                "workflow_runs": 0,
                "voice_duration_ms": sum(seconds) * 1000,
                "chat_duration_ms": 0,
            }
        )
        midnight += MIDNIGHT_TO_MIDNIGHT
    return points


def minutes_of(seconds: int) -> Decimal:
    """Seconds as minutes, two decimals, half up."""
    return (Decimal(seconds) / 60).quantize(Decimal("0.01"), ROUND_HALF_UP)


def average_of(seconds: int, calls: int) -> Decimal:
    """Seconds a call, one decimal, half up; every call of the table has a duration. 0 where there is no call."""
    return (Decimal(seconds) / calls).quantize(Decimal("0.1"), ROUND_HALF_UP) if calls else Decimal(0)


def written(instant: datetime) -> str:
    """A UTC instant of whole seconds as the API writes it."""
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
