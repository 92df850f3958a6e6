"""The reference model: metering in a few lines, from docs/reference/counting.md and without importing talkmeter."""

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
QUERIED_AT = 19_784 * DAY
"""The default time of a query: after all generated days."""
STALE_BEFORE = 19_782 * DAY + DAY // 2
"""The default threshold: a live conversation whose newest event is older is stale."""
RESULTS = ("accepted", "duplicate", "conflicting", "stale")


class RawEvent(NamedTuple):
    """One event of a request, encoded; a broken event belongs in quarantine."""

    raw: bytes
    broken: bool = False


class RawSnapshot(NamedTuple):
    """The full list of one kind, encoded."""

    kind: str
    raw: bytes


HistoryItem = RawEvent | RawSnapshot


class ModelState(NamedTuple):
    """The state of one record in an event or a snapshot item; `fields` is None if it is a deletion."""

    kind: str
    id: str
    fields: Json | None
    time: int
    sequence: int
    source: str
    event_id: str

    def rank(self) -> tuple[object, ...]:
        """Return the rank: of two states of a record, the one with the greater rank wins."""
        normal = None if self.fields is None else list(self.fields.values())
        content = json.dumps(normal, separators=(",", ":"), ensure_ascii=False)
        class_ = 0
        if self.kind in ("conversation", "workflow_execution"):
            class_ = 2 if self.fields is None else int(self.fields["status"] in TERMINAL)
        return (class_, *self[3:], sha256(content.encode()).digest()[:16])


class Model:
    """The expected state of one organization, computed from its history."""

    def __init__(self) -> None:
        self.winners: dict[tuple[str, str], ModelState] = {}
        self.watermarks: dict[str, int] = {}

    def apply(self, update: ModelState) -> str:
        """Apply one state and return its result."""
        winner = self.winners.get((update.kind, update.id))
        if winner is None or update.rank() > winner.rank():
            self.winners[update.kind, update.id] = update
            return "accepted"
        if update == winner:
            return "duplicate"
        same_event = (update.source, update.event_id, update.time) == (winner.source, winner.event_id, winner.time)
        return "conflicting" if same_event and update.fields != winner.fields else "stale"

    def apply_event(self, raw: bytes) -> str:
        """Apply one encoded event and return its result."""
        event = json.loads(raw, parse_float=Decimal)
        kind, verb = event["type"].split(".")
        data, sequence = event["data"], str(event.get("sequence"))
        return self.apply(
            ModelState(
                kind,
                data["id"],
                None if verb == "deleted" else normalize(kind, data),
                parse_instant(event["time"]),
                int(sequence) if re.fullmatch("-?[0-9]{1,18}", sequence) else 0,
                event["source"],
                event["id"],
            )
        )

    def apply_snapshot(self, kind: str, raw: bytes) -> Counter[str]:
        """Apply the full list of one kind and return the number of its items by result."""
        snapshot = json.loads(raw)
        time = parse_instant(snapshot["time"])
        self.watermarks[kind] = max(time, self.watermarks.get(kind, 0))
        source = "talkmeter:snapshot"
        return Counter(
            self.apply(ModelState(kind, item["id"], normalize(kind, item), time, 0, source, source))
            for item in snapshot["items"]
        )

    def apply_all(self, history: Iterable[HistoryItem]) -> Counter[str]:
        """Apply events and snapshots, except broken events, and return their number by result."""
        counts: Counter[str] = Counter()
        for item in history:
            if isinstance(item, RawSnapshot):
                counts += self.apply_snapshot(item.kind, item.raw)
            elif not item.broken:
                counts[self.apply_event(item.raw)] += 1
        return counts

    def calls(self, start: int, end: int) -> list[Json]:
        """Return the counted conversations of a window, with their `id` and the `time` of the winning event."""
        return [call for call in self._created("conversation", start, end) if call["status"] != "token_created"]

    def runs(self, start: int, end: int) -> list[Json]:
        """Return the runs of a window, with their `id` and the `time` of the winning event."""
        return self._created("workflow_execution", start, end)

    def summary(self, start: int, end: int, now: int = QUERIED_AT, stale_before: int = STALE_BEFORE) -> Json:
        """Return the answer of `GET /admin/usage/summary` without the fields that depend on arrival time."""
        calls, runs = self.calls(start, end), self.runs(start, end)
        return {
            "from": format_instant(start),
            "to": format_instant(end),
            "total_calls": len(calls),
            "voice_calls": count(calls, modality="voice"),
            "chat_calls": count(calls, modality="chat"),
            "inbound_calls": count(calls, direction="inbound"),
            "outbound_calls": count(calls, direction="outbound"),
            **durations(calls),
            "avg_call_duration_sec": average([call["duration"] for call in calls if call["duration"] is not None]),
            "timed_calls": sum(call["duration"] is not None for call in calls),
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
                    "day": format_instant(day * DAY)[:10],
                    "calls": len(day_calls := [call for call in calls if call["created_at"] // DAY == day]),
                    **durations(day_calls),
                    "inbound_calls": count(day_calls, direction="inbound"),
                    "outbound_calls": count(day_calls, direction="outbound"),
                    "workflow_runs": len(day_runs := [run for run in runs if run["created_at"] // DAY == day]),
                    "workflow_runs_success": count(day_runs, status="success"),
                    "workflow_runs_failed": count(day_runs, status="failed"),
                    "state": self._state(day, now // DAY, stale_before),
                }
                for day in range(start // DAY, (end - 1) // DAY + 1)
            ],
        }

    def _created(self, kind: str, start: int, end: int) -> list[Json]:
        winners = [winner for winner in self.winners.values() if winner.kind == kind and winner.fields]
        records = [{**(winner.fields or {}), "id": winner.id, "time": winner.time} for winner in winners]
        return [record for record in records if start <= record["created_at"] < end]

    def _state(self, day: int, today: int, stale_before: int) -> str:
        """Return the `state` of a day: how complete its figures are."""
        all_time = 0, 2**62
        used = {record["created_at"] // DAY for record in [*self.calls(*all_time), *self.runs(*all_time)]}
        calls = self.calls(day * DAY, (day + 1) * DAY)
        if day > today:
            return "future"
        if day == today or len(live(calls)) > len(stale(calls, stale_before)):
            return "settling"
        gap = day not in used and used and (min(used) < day < max(used) or max(used) < day < today)
        return "no_data" if gap else "final"

    def _inventory(self) -> Json:
        def existing(kind: str) -> list[Json]:
            watermark = self.watermarks.get(kind, 0)
            winners = [winner for winner in self.winners.values() if winner.kind == kind]
            return [winner.fields for winner in winners if winner.fields and winner.time >= watermark]

        return {
            "total_agents": len(existing("agent")),
            "total_phone_numbers": len(existing("phone_number")),
            "shared_phone_numbers": count(existing("phone_number"), shared=True),
            "total_web_widgets": len(existing("web_widget")),
            "total_datasets": len(existing("dataset")),
            "active_datasets": count(existing("dataset"), active=True),
        }


def normalize(kind: str, data: Json) -> Json:
    """Return the metered fields in the order of the normalized data; the empty string becomes None."""
    known = {name: None if value == "" else value for name, value in data.items()}
    match kind:
        case "conversation":
            default_modality = "voice" if data["channel"] == "telephone" else "chat"
            return {
                "channel": data["channel"],
                "direction": data["direction"],
                "status": data["status"],
                "created_at": parse_instant(data["created_at"]),
                "duration": milliseconds(known.get("duration")),
                "modality": known.get("modality") or default_modality,
                **{name: known.get(name) for name in ("agent_id", "agent_number", "web_widget_id")},
            }
        case "workflow_execution":
            created_at, workflow_id = parse_instant(data["created_at"]), known.get("workflow_id")
            return {"status": data["status"], "created_at": created_at, "workflow_id": workflow_id}
        case _:
            shared, active = bool(known.get("shared")), bool(known.get("active"))
            return {"name": known.get("name"), "shared": shared, "active": active}


def parse_instant(text: str) -> int:
    """Return the microseconds since 1970; finer digits are cut."""
    fraction, offset = re.fullmatch(r"(?:\.([0-9]+))?(Z|[+-].{5})", text[19:].upper()).groups("")  # type: ignore[union-attr]
    second = datetime.strptime(text[:19].upper() + offset, "%Y-%m-%dT%H:%M:%S%z")
    return (second - EPOCH) // timedelta(seconds=1) * 1_000_000 + int(fraction[:6].ljust(6, "0"))


def format_instant(moment: int) -> str:
    """Format an instant as in answers."""
    return (EPOCH + timedelta(microseconds=moment)).isoformat().replace("+00:00", "Z")


def milliseconds(seconds: Decimal | int | None) -> int | None:
    """Convert seconds to milliseconds, rounded half up."""
    return None if seconds is None else floor(Fraction(seconds) * 1000 + Fraction(1, 2))


def minutes(total_ms: int) -> float:
    """Convert milliseconds to minutes, rounded half up to two decimals."""
    return float((Decimal(total_ms) / 60_000).quantize(Decimal("0.01"), ROUND_HALF_UP))


def average(durations_ms: list[int]) -> float:
    """Return the mean in seconds, rounded half up to one decimal; 0 for an empty list."""
    return floor(Fraction(sum(durations_ms), 100 * len(durations_ms)) + Fraction(1, 2)) / 10 if durations_ms else 0.0


def durations(calls: Iterable[Json]) -> Json:
    """Return the voice and chat durations, exact and in minutes."""
    total: Counter[str] = Counter()
    for call in calls:
        total[call["modality"]] += call["duration"] or 0
    voice, chat = total["voice"], total["chat"]
    exact = {"voice_duration_ms": voice, "chat_duration_ms": chat}
    return {"voice_minutes": minutes(voice), "chat_minutes": minutes(chat), **exact}


def live(records: Iterable[Json]) -> list[Json]:
    """Return the conversations or runs that have not ended."""
    return [record for record in records if record["status"] not in TERMINAL | {"token_created"}]


def stale(calls: Iterable[Json], before: int) -> list[Json]:
    """Return the live conversations, except emails, whose newest event is older than `before`."""
    return [call for call in live(calls) if call["channel"] != "email" and call["time"] < before]


def sum_calls(calls: list[Json]) -> dict[str, int]:
    """Return the exact figures of conversations."""
    exact = {name: ms for name, ms in durations(calls).items() if name.endswith("_ms")}
    return {
        "total_calls": len(calls),
        "voice_calls": count(calls, modality="voice"),
        "chat_calls": count(calls, modality="chat"),
        "inbound_calls": count(calls, direction="inbound"),
        "outbound_calls": count(calls, direction="outbound"),
        "timed_calls": sum(call["duration"] is not None for call in calls),
        "live_calls": len(live(calls)),
        **exact,
    }


def sum_runs(runs: list[Json]) -> dict[str, int]:
    """Return the exact figures of runs."""
    return {
        "workflow_runs_total": len(runs),
        "workflow_runs_success": count(runs, status="success"),
        "workflow_runs_failed": count(runs, status="failed"),
        "live_runs": len(live(runs)),
    }


def count(records: Iterable[Json], **values: object) -> int:
    """Return how many records have these values."""
    return sum(all(record[name] == value for name, value in values.items()) for record in records)
