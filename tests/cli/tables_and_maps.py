"""A table of calls with callers and transcripts, and the map that reads it without them."""

from tests.cli.terminal import Terminal

MAP = """
[file]
delimiter = ";"
zone = "Europe/Berlin"
[event]
type = "conversation.updated"
source = "/calls"
time = { column = "began", plus = ["seconds"] }
[data]
id = { template = "{shop}/{number}" }
channel = { value = "telephone" }
direction = { column = "way", values = { in = "inbound", out = "outbound" } }
status = { column = "end", values = { OK = "completed", "NO ANSWER" = "unanswered" } }
created_at = "began"
duration = { column = "seconds", unit = "seconds" }
agent_id = { column = "who", empty = ["-"] }
"""
HEAD = "number;shop;way;end;began;seconds;who;caller;transcript"
CALLS = (
    "1;north;in;OK;2026-03-01 00:30:00;90,5;ann;+13125550199;hello",
    '2;north;out;NO ANSWER;2026-03-01T12:00:00Z;;-;+13125550198;"a ; and\nanother line"',
    "2;south;in;OK;2026-03-01 13:00:00+01:00;30;bob;+13125550197;",
)
SECRETS = ("+1312555", "hello", "another line")


def table(terminal: Terminal, name: str, *lines: str, encoding: str = "utf-8") -> str:
    (terminal.folder / name).write_text("\n".join((HEAD, *lines)) + "\n", encoding=encoding)
    return name


def map_file(terminal: Terminal, text: str = MAP) -> tuple[str, ...]:
    """Write the map and return the options for it."""
    (terminal.folder / "map.toml").write_text(text)
    return ("--map", "map.toml", "--org", "acme")


def everything_stored(terminal: Terminal) -> bytes:
    """Return all bytes of the database, including its write-ahead log."""
    return b"".join(path.read_bytes() for path in terminal.folder.glob("talkmeter.db*"))
