"""Maps of columns: the error message for an invalid map names the key and the allowed values."""

import tracemalloc
from pathlib import Path

import pytest

from talkmeter.errors import OperationFailed
from talkmeter.ingest.mapping import MAX_MAP_BYTES, read_map
from talkmeter.ingest.maps import Map

VALID = """
[file]
zone = "UTC"
[event]
type = "conversation.updated"
source = "/tests"
time = "began"
[data]
id = "id"
channel = { value = "telephone" }
direction = "way"
status = { column = "end", values = { OK = "completed" } }
created_at = "began"
"""


def map_of(folder: Path, text: str | bytes, org_id: str | None = "acme") -> Map:
    path = folder / "map.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return read_map(path, org_id)


def error_of(folder: Path, text: str | bytes, org_id: str | None = "acme") -> str:
    """Return the error message for a map, without the name of its file."""
    with pytest.raises(OperationFailed) as caught:
        map_of(folder, text, org_id)
    return caught.value.detail.removeprefix(f"The map {folder / 'map.toml'}: ")


def without(line: str) -> str:
    return "\n".join(other for other in VALID.splitlines() if not other.startswith(line))


def with_line(table: str, line: str) -> str:
    """Return the valid map with this line in a table; it replaces the line with the same key."""
    others = without(line.partition("=")[0].strip() + " =")
    return others.replace(f"[{table}]", f"[{table}]\n{line}")


def test_map_reads_exactly_the_columns_that_it_names(tmp_path: Path) -> None:
    text = VALID.replace('time = "began"', 'time = { template = "{day} {{{clock}}}", plus = ["wait"] }')

    assert map_of(tmp_path, text).columns == ("id", "way", "end", "began", "day", "clock", "wait")


def test_format_is_that_of_the_map_or_follows_the_file_extension(tmp_path: Path) -> None:
    without_format = map_of(tmp_path, VALID)
    assert [without_format.format_of(Path(name)) for name in ("a.csv", "a.tsv", "a", "a.parquet", "A.PQ")] == [
        *("csv", "csv", "csv"),
        *("parquet", "parquet"),
    ]
    assert map_of(tmp_path, with_line("file", 'format = "parquet"')).format_of(Path("a.csv")) == "parquet"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (VALID + "[calls]", "unknown table 'calls'; the tables are [file], [event] and [data]."),
        (
            with_line("file", 'delimeter = ";"'),
            (
                "file.delimeter is not a key of a map; allowed in file: format, encoding, delimiter, quote, columns, "
                "zone, decimal, sheet."
            ),
        ),
        (with_line("file", "delimiter = 9"), "file.delimiter: expected `str`, got `int`."),
        (with_line("file", 'delimiter = ";;"'), "file.delimiter must be one character, not ';;'."),
        (
            with_line("file", 'quote = ","'),
            "file.quote must be one character other than the delimiter, or '' if nothing is quoted, not ','.",
        ),
        (
            with_line("file", 'format = "xls"'),
            "file.format: invalid enum value 'xls'; allowed: csv, parquet, jsonl, xlsx.",
        ),
        (
            with_line("file", 'encoding = "klingon"'),
            "file.encoding is 'klingon', which is unknown; try utf-8.",
        ),
        (
            with_line("file", 'zone = "Mars/Olympus"'),
            (
                "file.zone is 'Mars/Olympus', which is an unknown time zone; use a name such as Europe/Berlin or "
                "UTC. If the system has no time zones, run pip install tzdata."
            ),
        ),
        ("[data]", "the table [event] is missing; it must have type, source and time."),
        (without("source"), "event: object missing required field `source`."),
        (without("time"), "event: object missing required field `time`."),
        (with_line("event", 'source = ""'), "event.source is missing or empty; it must be 1 to 500 bytes."),
        (
            with_line("event", 'type = "call.ended"'),
            (
                "event.type is 'call.ended'; it must be one of agent.deleted, agent.updated, conversation.deleted, "
                "conversation.updated, dataset.deleted, dataset.updated, phone_number.deleted, phone_number.updated, "
                "web_widget.deleted, web_widget.updated, workflow_execution.deleted, workflow_execution.updated."
            ),
        ),
        (
            with_line("event", "time = 7"),
            "event.time must be a column's name, or a table such as { value = 'inbound' }.",
        ),
        (without("direction"), "data.direction is missing; conversation.updated requires it."),
        (
            with_line("data", 'transcript = "text"'),
            (
                "data.transcript is not a field of conversation.updated; its fields are agent_id, agent_number, "
                "channel, created_at, direction, duration, id, modality, organization_id, status, web_widget_id."
            ),
        ),
        (
            with_line("data", 'id = { column = "a", columm = "b" }'),
            (
                "data.id.columm is not a key of a map; allowed in data.id: column, template, value, from, to, "
                "fallback, optional, values, others, empty, unit, format, plus, plus_unit."
            ),
        ),
        (
            with_line("data", 'id = { column = "a", template = "{b}" }'),
            "data.id must have exactly one of column, template and value; it has column and template.",
        ),
        (
            with_line("data", 'id = { empty = ["-"] }'),
            "data.id must have exactly one of column, template and value; it has none of them.",
        ),
        (
            with_line("data", 'id = { value = "x" }'),
            "data.id is a constant, so all rows would be one record; name a column or a template.",
        ),
        (
            with_line("data", 'id = { template = "call" }'),
            "data.id.template names no column; write columns in braces, such as {call_id}.",
        ),
        (
            with_line("data", 'id = { template = "{call" }'),
            "data.id.template is '{call': a { is unmatched; write {{ for a brace.",
        ),
        (
            with_line("data", 'channel = { value = "phone" }'),
            "data.channel.value has 'phone'; allowed: telephone, webrtc, email, text.",
        ),
        (
            with_line("data", 'direction = { column = "way", values = { IN = "in" } }'),
            "data.direction.values has 'in'; allowed: inbound, outbound.",
        ),
        (
            with_line("data", 'direction = { value = "inbound", values = { IN = "inbound" } }'),
            "data.direction.values is not allowed here: it translates the texts of a column.",
        ),
        (
            with_line("data", 'direction = { column = "way", others = "keep" }'),
            "data.direction.others is not allowed here: it is for texts that values does not translate.",
        ),
        (
            with_line("data", 'agent_id = { column = "who", unit = "seconds" }'),
            "data.agent_id.unit is not allowed here: it is for a duration.",
        ),
        (
            with_line("data", 'duration = { column = "long", format = "%S" }'),
            "data.duration.format is not allowed here: it is for an instant.",
        ),
        (
            with_line("data", 'duration = { column = "long", unit = "fortnights" }'),
            (
                "data.duration.unit: invalid enum value 'fortnights'; allowed: seconds, milliseconds, minutes, hours, "
                "h:mm:ss, mm:ss."
            ),
        ),
        (
            with_line("data", 'created_at = { column = "began", format = "%Q" }'),
            (
                "data.created_at.format must be a format of Python's strptime such as '%Y-%m-%d %H:%M:%S', or one of "
                "'unix seconds', 'unix milliseconds', 'unix microseconds', not '%Q'."
            ),
        ),
        (
            with_line("data", 'created_at = { column = "began", format = "%d.%m.%Y %H:%M" }').replace(
                'zone = "UTC"', ""
            ),
            "data.created_at.format has no offset (%z), so file.zone is required, such as 'UTC'.",
        ),
        (
            with_line("data", 'organization_id = "whose"'),
            "data.organization_id and --org both name the organization; leave one of them out.",
        ),
    ],
)
def test_error_of_an_invalid_map_names_the_key_and_the_allowed_values(tmp_path: Path, text: str, message: str) -> None:
    assert error_of(tmp_path, text) == message


def test_map_needs_an_organization_if_the_command_has_none(tmp_path: Path) -> None:
    assert error_of(tmp_path, VALID, None) == (
        "the organization is missing; give --org, or data.organization_id in the map."
    )
    assert map_of(tmp_path, with_line("data", 'organization_id = "whose"'), None).columns[0] == "whose"


@pytest.mark.parametrize(
    "raw",
    [
        b"[file",
        b"\xff",
        b"a" * (MAX_MAP_BYTES + 1),
        b"a = " + b"[" * 100_000,
        b"a = " + b"9" * 10_000,
        (
            b'[event]\ntype = "agent.deleted"\nsource = "/a"\ntime = { column = "t", format = "%Y%Y" }\n'
            b'[data]\nid = "id"\n[file]\nzone = "UTC"\n'
        ),
    ],
    ids=["broken", "not UTF-8", "too long", "too deep", "too many digits", "a group twice"],
)
def test_unreadable_map_gives_an_error_message_of_one_line(tmp_path: Path, raw: bytes) -> None:
    message = error_of(tmp_path, raw)

    assert message.endswith(".")
    assert "\n" not in message


@pytest.mark.parametrize(
    "line",
    [
        "a" + ".a" * 50_000 + " = 1",
        "a" + '."\u2028"' * 20_000 + " = 1",
        "[" + "a. " * 50_000 + "a]",
        "x = {" + "a." * 50_000,
    ],
)
def test_key_of_many_parts_is_rejected_before_it_is_parsed(tmp_path: Path, line: str) -> None:
    tracemalloc.start()
    try:
        assert error_of(tmp_path, f"{VALID}\n# {'.' * 300}\n{line}") == (
            f"line {VALID.count(chr(10)) + 3} has more than 200 dots; write it as several lines."
        )
        assert tracemalloc.get_traced_memory()[1] < 10 << 20
    finally:
        tracemalloc.stop()


def test_map_that_is_a_folder_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(OperationFailed, match="cannot be read: Is a directory"):
        read_map(tmp_path, "acme")
