"""The ingest workload: generated conversations in time order, with UUID ids, 50 agents and 20 phone numbers."""

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from talkmeter.records import Conversation, Kind, State, data_hash

AGENTS: Final = 50
NUMBERS: Final = 20
BATCH: Final = 1_000
START: Final = datetime(2025, 1, 1, tzinfo=UTC)
YEAR_SEC: Final = 366 * 86_400

Row = tuple[str | int | bytes | None, ...]


class Workload:
    """Generate `total` conversations from a seed, spread evenly over the organizations and `seconds` from `start`."""

    def __init__(
        self,
        total: int,
        organizations: int = 1,
        seed: int = 1,
        *,
        agents: int = AGENTS,
        years: int = 1,
        start: datetime = START,
        seconds: int | None = None,
    ) -> None:
        """Generate the agents and phone numbers; without `seconds`, the conversations are of `years` of 366 days."""
        self.total = total
        self._start, self._seconds = start, seconds or years * YEAR_SEC
        self._random = random.Random(seed)
        self.organizations = [f"org_{number:04}" for number in range(organizations)]
        self.agents = [self._uuid() for _ in range(agents)]
        self._numbers = [f"+1555010{number:04}" for number in range(NUMBERS)]

    def conversations(self, first: int, number: int) -> Iterator[tuple[str, str, datetime, Conversation]]:
        """Yield organization, id, creation time and record of `number` conversations, starting with number `first`."""
        for position in range(first, first + number):
            created = self._start + timedelta(seconds=position * self._seconds // self.total)
            record = Conversation(
                channel="telephone",
                direction=self._random.choice(("inbound", "outbound")),
                status=self._random.choice(("completed", "completed", "completed", "unanswered")),
                created_at=int(created.timestamp()) * 1_000_000,
                duration_ms=self._random.randrange(600) * 1000,
                modality="voice",
                agent_id=self._random.choice(self.agents),
                agent_number=self._random.choice(self._numbers),
            )
            yield self.organizations[position % len(self.organizations)], self._uuid(), created, record

    def bodies(self, first: int, batches: int, events: int = BATCH) -> list[bytes]:
        """Return request bodies, by default of 1,000 events each."""
        return [
            msgspec.json.encode([_event(*each, self._uuid()) for each in self.conversations(begin, events)])
            for begin in range(first, first + batches * events, events)
        ]

    def states(self, first: int, number: int) -> Iterator[State]:
        """Yield the same conversations as states, for writing without HTTP."""
        for org_id, id_, _, record in self.conversations(first, number):
            yield State(
                org_id=org_id,
                kind=Kind.CONVERSATION,
                id=id_,
                record=record,
                time=record.created_at + (record.duration_ms or 0) * 1000,
                sequence=0,
                source="/bench",
                event_id=self._uuid(),
                hash=data_hash(record),
            )

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))


def _event(org_id: str, id_: str, created: datetime, record: Conversation, event_id: str) -> dict[str, object]:
    ended = created + timedelta(milliseconds=record.duration_ms or 0)
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/bench",
        "type": "conversation.updated",
        "time": ended.isoformat().replace("+00:00", "Z"),
        "data": {
            "organization_id": org_id,
            "id": id_,
            "channel": record.channel,
            "direction": record.direction,
            "status": record.status,
            "created_at": created.isoformat().replace("+00:00", "Z"),
            "duration": (record.duration_ms or 0) // 1000,
            "agent_id": record.agent_id,
            "agent_number": record.agent_number,
        },
    }
