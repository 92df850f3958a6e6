"""Ingests exports of other systems by small maps."""

from typing import Final

from tests.cli.terminal import Terminal

COUNTS: Final = "SELECT count(*), count(duration_ms), coalesce(sum(duration_ms), 0) FROM conversation"
HEAD: Final = """
[event]
type = "conversation.updated"
source = "/export"
"""
CONSTANTS: Final = """
channel = { value = "telephone" }
direction = { value = "inbound" }
status = { value = "completed" }
"""


def ingest(terminal: Terminal, map_text: str, content: str | bytes, name: str = "calls.csv") -> str:
    """Ingest a file by a map, and return all output, with the name of the file removed."""
    (terminal.folder / "map.toml").write_text(map_text)
    (terminal.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    done = terminal.execute("ingest", "--map", "map.toml", "--org", "acme", name)
    assert done.returncode == 0, done
    return done.stdout + done.stderr.partition("\n")[2]


def counts(terminal: Terminal) -> tuple[int, int, int]:
    """Return the number of calls, the number with a duration, and the sum of durations in milliseconds."""
    [row] = terminal.rows(COUNTS)
    return row


SIMPLE: Final = HEAD + 'time = "start"\n[data]\nid = "id"\ncreated_at = "start"\nduration = "secs"' + CONSTANTS
