"""The reference model: metering in a few lines that share nothing with talkmeter but docs/reference/counting.md."""

import json
import re
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from hashlib import sha256
from math import floor
from typing import Any, NamedTuple

Json = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400_000_000
TERMINAL = {"completed", "failed", "cancelled", "transferred", "unanswered", "success"}
ASKED_AT = 19_784 * DAY
"""When the laws ask unless they say: after the days of theirs."""
SILENT_BEFORE = 19_782 * DAY + DAY // 2
"""Live conversations of which nothing was heard since then are stale, unless a law says another instant."""
BINS = ("accepted", "duplicate", "conflicting", "stale")


class Event(NamedTuple):
    """One event of a request, as it is sent; a broken one is to be quarantined."""

    raw: bytes
    broken: bool = False


class Snapshot(NamedTuple):
    """The full list of one kind, as it is sent."""

    kind: str
    raw: bytes


Item = Event | Snapshot


class Told(NamedTuple):
    """What one event, or one item of a snapshot, says of one record; `fields` is None where it says: deleted."""

    kind: str
    id: str
    fields: Json | None
    time: int
    sequence: int
    source: str
    event_id: str

    def rank(self) -> tuple[object, ...]:
        """The greatest wins."""
        normal = None if self.fields is None else list(self.fields.values())
        content = json.dumps(normal, separators=(",", ":"), ensure_ascii=False)
        class_ = 0
        if self.kind in ("conversation", "workflow_execution"):
            class_ = 2 if self.fields is None else int(self.fields["status"] in TERMINAL)
        return (class_, *self[3:], sha256(content.encode()).digest()[:16])


class Model:
    """What one organization has been told, and what follows from it."""

    def __init__(self) -> None:
        self.winners: dict[tuple[str, str], Told] = {}
        self.floors: dict[str, int] = {}

    def tell(self, told: Told) -> str:
        """Take one state; the bin it ends in."""
        winner = self.winners.get((told.kind, told.id))
        if winner is None or told.rank() > winner.rank():
            self.winners[told.kind, told.id] = told
            return "accepted"
        if told == winner:
            return "duplicate"
        same_event = (told.source, told.event_id, told.time) == (winner.source, winner.event_id, winner.time)
        return "conflicting" if same_event and told.fields != winner.fields else "stale"

    def tell_event(self, raw: bytes) -> str:
        """Take one event, as it was sent."""
        event = json.loads(raw, parse_float=Decimal)
        kind, verb = event["type"].split(".")
        data, sequence = event["data"], str(event.get("sequence"))
        return self.tell(
            Told(
                kind,
                data["id"],
                None if verb == "deleted" else fields_of(kind, data),
                instant(event["time"]),
                int(sequence) if re.fullmatch("-?[0-9]{1,18}", sequence) else 0,
                event["source"],
                event["id"],
            )
        )

    def tell_snapshot(self, kind: str, raw: bytes) -> Counter[str]:
        """Take the full list of one kind; how many of its items ended in each bin."""
        snapshot = json.loads(raw)
        time = instant(snapshot["time"])
        self.floors[kind] = max(time, self.floors.get(kind, 0))
        source = "talkmeter:snapshot"
        return Counter(
            self.tell(Told(kind, item["id"], fields_of(kind, item), time, 0, source, source))
            for item in snapshot["items"]
        )

    def tell_all(self, history: Iterable[Item]) -> Counter[str]:
        """Take events and snapshots, the broken events left out; how many ended in each bin."""
        bins: Counter[str] = Counter()
        for item in history:
            if isinstance(item, Snapshot):
                bins += self.tell_snapshot(item.kind, item.raw)
            elif not item.broken:
                bins[self.tell_event(item.raw)] += 1
        return bins

    def calls(self, start: int, end: int) -> list[Json]:
        """The counted conversations of a window; each with its `id` and the `time` of its newest event."""
        return [one for one in self._created("conversation", start, end) if one["status"] != "token_created"]

    def runs(self, start: int, end: int) -> list[Json]:
        """The runs of a window; each with its `id` and the `time` of its newest event."""
        return self._created("workflow_execution", start, end)

    def summary(self, start: int, end: int, now: int = ASKED_AT, stale_before: int = SILENT_BEFORE) -> Json:
        """The answer of `GET /admin/usage/summary`, without what tells of arrival."""
        calls, runs = self.calls(start, end), self.runs(start, end)
        return {
            "from": shown(start),
            "to": shown(end),
            "total_calls": len(calls),
            "voice_calls": count(calls, modality="voice"),
            "chat_calls": count(calls, modality="chat"),
            "inbound_calls": count(calls, direction="inbound"),
            "outbound_calls": count(calls, direction="outbound"),
            **durations(calls),
            "avg_call_duration_sec": average([one["duration"] for one in calls if one["duration"] is not None]),
            "timed_calls": sum(one["duration"] is not None for one in calls),
            "live_calls": len(live(calls)),
            "stale_calls": len(stale(calls, stale_before)),
            "stale_hours": (now - stale_before) // 3_600_000_000,
            "workflow_runs_total": len(runs),
            "workflow_runs_success": count(runs, status="success"),
            "workflow_runs_failed": count(runs, status="failed"),
            "live_runs": len(live(runs)),
            "comparison": None,
            **self._inventory(),
            "daily": [
                {
                    "day": shown(day * DAY)[:10],
                    "calls": len(of_day := [one for one in calls if one["created_at"] // DAY == day]),
                    **durations(of_day),
                    "workflow_runs": sum(one["created_at"] // DAY == day for one in runs),
                    "state": self._state(day, now // DAY, stale_before),
                }
                for day in range(start // DAY, (end - 1) // DAY + 1)
            ],
        }

    def _created(self, kind: str, start: int, end: int) -> list[Json]:
        told = [one for one in self.winners.values() if one.kind == kind and one.fields]
        records = [{**(one.fields or {}), "id": one.id, "time": one.time} for one in told]
        return [one for one in records if start <= one["created_at"] < end]

    def _state(self, day: int, today: int, stale_before: int) -> str:
        """How complete a day is."""
        ever = 0, 2**62
        used = {one["created_at"] // DAY for one in [*self.calls(*ever), *self.runs(*ever)]}
        calls = self.calls(day * DAY, (day + 1) * DAY)
        if day > today:
            return "future"
        if day == today or len(live(calls)) > len(stale(calls, stale_before)):
            return "settling"
        gap = day not in used and used and (min(used) < day < max(used) or max(used) < day < today)
        return "no_data" if gap else "final"

    def _inventory(self) -> Json:
        def existing(kind: str) -> list[Json]:
            floor_ = self.floors.get(kind, 0)
            return [
                one.fields for one in self.winners.values() if one.kind == kind and one.fields and one.time >= floor_
            ]

        return {
            "total_agents": len(existing("agent")),
            "total_phone_numbers": len(existing("phone_number")),
            "shared_phone_numbers": count(existing("phone_number"), shared=True),
            "total_web_widgets": len(existing("web_widget")),
            "total_datasets": len(existing("dataset")),
            "active_datasets": count(existing("dataset"), active=True),
        }


def fields_of(kind: str, data: Json) -> Json:
    """The metered fields in the order of the normal form; the empty string is null."""
    known = {name: None if value == "" else value for name, value in data.items()}
    match kind:
        case "conversation":
            by_channel = "voice" if data["channel"] == "telephone" else "chat"
            return {
                "channel": data["channel"],
                "direction": data["direction"],
                "status": data["status"],
                "created_at": instant(data["created_at"]),
                "duration": milliseconds(known.get("duration")),
                "modality": known.get("modality") or by_channel,
                **{name: known.get(name) for name in ("agent_id", "agent_number", "web_widget_id")},
            }
        case "workflow_execution":
            created_at, workflow_id = instant(data["created_at"]), known.get("workflow_id")
            return {"status": data["status"], "created_at": created_at, "workflow_id": workflow_id}
        case _:
            shared, active = bool(known.get("shared")), bool(known.get("active"))
            return {"name": known.get("name"), "shared": shared, "active": active}


def instant(text: str) -> int:
    """Microseconds since 1970, finer digits cut."""
    fraction, offset = re.fullmatch(r"(?:\.([0-9]+))?(Z|[+-].{5})", text[19:].upper()).groups("")  # type: ignore[union-attr]
    whole = datetime.strptime(text[:19].upper() + offset, "%Y-%m-%dT%H:%M:%S%z")
    return (whole - EPOCH) // timedelta(seconds=1) * 1_000_000 + int(fraction[:6].ljust(6, "0"))


def shown(moment: int) -> str:
    """An instant as answers show it."""
    return (EPOCH + timedelta(microseconds=moment)).isoformat().replace("+00:00", "Z")


def milliseconds(seconds: Decimal | int | None) -> int | None:
    """Half up."""
    return None if seconds is None else floor(Fraction(seconds) * 1000 + Fraction(1, 2))


def minutes(total_ms: int) -> float:
    """Two decimals, half up."""
    return float((Decimal(total_ms) / 60_000).quantize(Decimal("0.01"), ROUND_HALF_UP))


def average(durations_ms: list[int]) -> float:
    """The mean in seconds: one decimal, half up; 0 where there is none."""
    return floor(Fraction(sum(durations_ms), 100 * len(durations_ms)) + Fraction(1, 2)) / 10 if durations_ms else 0.0


def durations(calls: Iterable[Json]) -> Json:
    """The sums of voice and of chat, exact and in minutes."""
    total: Counter[str] = Counter()
    for one in calls:
        total[one["modality"]] += one["duration"] or 0
    voice, chat = total["voice"], total["chat"]
    exact = {"voice_duration_ms": voice, "chat_duration_ms": chat}
    return {"voice_minutes": minutes(voice), "chat_minutes": minutes(chat), **exact}


def live(records: Iterable[Json]) -> list[Json]:
    """The conversations or runs that have not ended."""
    return [one for one in records if one["status"] not in TERMINAL and one["status"] != "token_created"]


def stale(calls: Iterable[Json], before: int) -> list[Json]:
    """The live conversations, email apart, of which nothing was heard since."""
    return [one for one in live(calls) if one["channel"] != "email" and one["time"] < before]


def sums_of_calls(calls: list[Json]) -> dict[str, int]:
    """The exact figures of conversations."""
    exact = {name: ms for name, ms in durations(calls).items() if name.endswith("_ms")}
    return {
        "total_calls": len(calls),
        "voice_calls": count(calls, modality="voice"),
        "chat_calls": count(calls, modality="chat"),
        "inbound_calls": count(calls, direction="inbound"),
        "outbound_calls": count(calls, direction="outbound"),
        "timed_calls": sum(one["duration"] is not None for one in calls),
        "live_calls": len(live(calls)),
        **exact,
    }


def sums_of_runs(runs: list[Json]) -> dict[str, int]:
    """The exact figures of runs."""
    return {
        "workflow_runs_total": len(runs),
        "workflow_runs_success": count(runs, status="success"),
        "workflow_runs_failed": count(runs, status="failed"),
        "live_runs": len(live(runs)),
    }


def count(records: Iterable[Json], **wanted: object) -> int:
    """How many records have these values."""
    return sum(all(one[name] == value for name, value in wanted.items()) for one in records)
