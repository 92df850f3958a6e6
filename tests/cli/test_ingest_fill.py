"""`talkmeter ingest` with `fill = true`: a file sets only the empty fields of stored calls."""

from typing import Final

import pytest

from tests.cli.terminal import Terminal
from tests.events import Json, conversation

MAP: Final = """
fill = true
[event]
type = "conversation.updated"
source = "/backfill"
time = "changed"
[data]
id = "id"
channel = { value = "telephone" }
direction = { value = "inbound" }
status = { value = "completed" }
created_at = "start"
duration = "secs"
agent_id = "who"
"""
HEAD: Final = "id,start,changed,secs,who\n"
ROW: Final = "a,2026-06-01T10:00:00Z,2026-06-01T12:00:00Z,60,ann\n"
CALL: Final = "SELECT direction, created_at, duration_ms, agent_id, agent_number FROM conversation ORDER BY id"
FULL: Final[Json] = {"organization_id": "acme", "agent_number": "+1555", "direction": "outbound", "agent_id": None}
BEGAN: Final = 1_780_304_400_000_000


def stored(terminal: Terminal, time: str = "2026-06-01T10:00:00Z", **fields: object) -> None:
    """Ingest the call as a more detailed source reported it."""
    event = conversation("a", **{"created_at": "2026-06-01T09:00:00Z", **FULL, **fields}) | {"time": time, "id": time}
    terminal.run("ingest", terminal.file("events.jsonl", event))


def backfill(terminal: Terminal, rows: str = ROW, map_text: str = MAP) -> str:
    (terminal.folder / "map.toml").write_text(map_text)
    (terminal.folder / "calls.csv").write_text(HEAD + rows)
    return terminal.run("ingest", "--map", "map.toml", "--org", "acme", "calls.csv")


def test_file_fills_only_empty_fields(terminal: Terminal) -> None:
    stored(terminal, duration=None)

    assert backfill(terminal, ROW + ROW.replace("a,", "b,")).startswith("2 rows: 2 accepted, 0 duplicate, ")

    assert terminal.rows(CALL) == [
        ("outbound", BEGAN, 60_000, "ann", "+1555"),
        ("inbound", BEGAN + 3_600_000_000, 60_000, "ann", None),
    ]
    assert backfill(terminal).startswith("1 row: 0 accepted, 1 duplicate, ")
    assert terminal.run("verify", "--org", "acme")


def test_file_without_fill_replaces_the_call(terminal: Terminal) -> None:
    stored(terminal, duration=30)

    backfill(terminal, map_text=MAP.replace("fill = true", ""))

    assert terminal.rows(CALL) == [("inbound", BEGAN + 3_600_000_000, 60_000, "ann", None)]


def test_correction_by_the_sender_still_wins_after_a_fill(terminal: Terminal) -> None:
    stored(terminal, duration=None)
    backfill(terminal)

    stored(terminal, "2026-06-01T11:00:00Z", duration=45, agent_number="+1666")

    assert terminal.rows(CALL) == [("outbound", BEGAN, 45_000, None, "+1666")]
    assert backfill(terminal).startswith("1 row: 1 accepted, ")
    assert terminal.rows(CALL) == [("outbound", BEGAN, 45_000, "ann", "+1666")]


def test_deleted_call_stays_deleted(terminal: Terminal) -> None:
    stored(terminal)
    event = conversation("a", **FULL) | {"type": "conversation.deleted"}
    terminal.run("ingest", terminal.file("deleted.jsonl", event))

    assert backfill(terminal).startswith("1 row: 0 accepted, 0 duplicate, 0 conflicting, 1 stale, ")


@pytest.mark.parametrize("key", ["fill = true", 'merge = "sum"'])
def test_key_for_calls_is_refused_for_other_records(terminal: Terminal, key: str) -> None:
    (terminal.folder / "map.toml").write_text(
        f'{key}\n[event]\ntype = "agent.updated"\nsource = "/x"\ntime = "t"\n[data]\nid = "id"\n'
    )
    (terminal.folder / "calls.csv").write_text(HEAD)

    assert terminal.error("ingest", "--map", "map.toml", "--org", "acme", "calls.csv") == (
        f"The map map.toml: {key.split(maxsplit=1)[0]} is for conversation.updated only, not for agent.updated."
    )
