"""`talkmeter ingest --map` with JSON lines and compressed files."""

import gzip
import sys
from typing import Final

import pytest

from tests.cli.exports import CONSTANTS, HEAD, SIMPLE, ingest
from tests.cli.terminal import Terminal
from tests.events import conversation

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

JSON_LINES: Final = (
    HEAD
    + """
time = "ended.at"
[data]
id = "call.sid"
created_at = "legs.0.began"
duration = "call.seconds"
agent_id = "agent.name"
"""
    + CONSTANTS
)
OBJECTS: Final = (
    b'{"call":{"sid":12345678901234567890,"seconds":"95"},"legs":[{"began":"2026-05-01T10:00:01Z"}],'
    b'"ended":{"at":"2026-05-01T10:01:36Z"},"agent":null}\n'
    b'{"call":{"sid":"b","seconds":26.0},"legs":[{"began":"2026-05-01T11:00:01Z"}],'
    b'"ended":{"at":"2026-05-01T11:00:27Z"},"agent":{"name":"ann"}}\n'
)


@pytest.mark.parametrize("name", ["calls.jsonl", "calls.ndjson", "calls.json.gz", "calls.jsonl.zst"])
def test_json_lines_are_read_by_dotted_paths(terminal: Terminal, name: str) -> None:
    content = OBJECTS
    if name.endswith(".gz"):
        content = gzip.compress(OBJECTS)
    elif name.endswith(".zst"):
        content = zstd.compress(OBJECTS)

    assert ingest(terminal, JSON_LINES, content, name).startswith("2 rows: 2 accepted, ")

    assert terminal.rows("SELECT id, duration_ms, agent_id FROM conversation ORDER BY id") == [
        ("12345678901234567890", 95_000, None),
        ("b", 26_000, "ann"),
    ]


def test_bad_json_line_rejects_only_itself(terminal: Terminal) -> None:
    lines = (b'{"call": 1', b"[]", b'{"call": {"sid": {}}}', b"\xff", b"[" * 100_000, b'{"call":{"sid":"c"}}')

    printed = ingest(terminal, JSON_LINES, b"{}\n" + b"\n".join(lines) + b"\n" + OBJECTS, "calls.jsonl")

    assert printed.startswith("9 rows: 2 accepted, ")
    assert (
        "calls.jsonl, line 1: data.id: the column 'call.sid' has no value, but conversation.updated needs one."
        in printed
    )
    assert "calls.jsonl, line 2: the line is not JSON: Expecting ',' delimiter at character 11." in printed
    assert "calls.jsonl, line 3: the line is not a JSON object." in printed
    assert "calls.jsonl, line 4: 'call.sid' is not a single value; name a value inside of it with a dot." in printed
    assert "calls.jsonl, line 5: the line is not UTF-8." in printed


def test_json_array_is_refused_with_the_way_to_convert_it(terminal: Terminal) -> None:
    (terminal.folder / "map.toml").write_text(JSON_LINES)
    (terminal.folder / "calls.json").write_bytes(b"[" + OBJECTS.replace(b"\n", b",") + b"{}]")

    assert terminal.error("ingest", "--map", "map.toml", "--org", "acme", "calls.json") == (
        "calls.json is a JSON array; write one object per line, as `jq -c '.[]' FILE` does."
    )


def test_objects_without_line_breaks_are_read(terminal: Terminal) -> None:
    assert ingest(terminal, JSON_LINES, OBJECTS.replace(b"\n", b""), "calls.jsonl").startswith("2 rows: 2 accepted, ")


@pytest.mark.parametrize("cut", [1, 30])
@pytest.mark.parametrize("name", ["calls.csv.gz", "calls.csv.zst"])
def test_damaged_file_writes_nothing(terminal: Terminal, name: str, cut: int) -> None:
    content = "\n".join(("id,start,secs", *(f"{number},2026-05-01T10:00:00Z,1" for number in range(20_000)))).encode()
    packed = gzip.compress(content) if name.endswith(".gz") else zstd.compress(content)
    (terminal.folder / "map.toml").write_text(SIMPLE)
    (terminal.folder / name).write_bytes(packed[:-cut])

    error = terminal.error("ingest", "--map", "map.toml", "--org", "acme", name)

    assert error.startswith(f"{name} is damaged or incomplete: ")
    assert terminal.rows("SELECT * FROM organization") == []


@pytest.mark.parametrize("name", ["events.jsonl.gz", "events.jsonl.zst"])
def test_compressed_files_of_events_are_read(terminal: Terminal, name: str) -> None:
    plain = (terminal.folder / terminal.file("events.jsonl", conversation(organization_id="acme"))).read_bytes()
    packed = gzip.compress(plain) if name.endswith(".gz") else zstd.compress(plain)
    (terminal.folder / name).write_bytes(packed)

    assert terminal.run("ingest", name).startswith("1 events: 1 accepted, ")
    (terminal.folder / name).write_bytes(packed[:-3])
    assert (
        terminal.execute("ingest", name)
        .stderr.splitlines()[-1]
        .startswith(f"talkmeter: {name} is damaged or incomplete: ")
    )
